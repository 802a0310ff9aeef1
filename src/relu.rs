//! ReLU, the rectified linear unit.

use crate::module::{Module, OutputShape, check_shape};
use crate::tensor::{TensorView, TensorViewMut};
use crate::{Element, Plan, Result};

/// `max(x, 0)` of every element, of a tensor of any rank. NaN stays NaN, as in PyTorch.
///
/// ```
/// use featuremap::{Module, Relu, Tensor};
/// use ndarray::array;
///
/// let map = Tensor::from(array![[6, -9, -8], [-3, -2, 3]]);
/// assert_eq!(Relu.forward(&map)?, Tensor::from(array![[6, 0, 0], [0, 0, 3]]));
///
/// let mut map = map; // or in place
/// Relu.apply(&mut map);
/// assert_eq!(map, Tensor::from(array![[6, 0, 0], [0, 0, 3]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Relu;

impl Relu {
    /// Applies the ReLU in place.
    pub fn apply<'a, T: Element>(self, map: impl Into<TensorViewMut<'a, T>>) {
        map.into().map_in_place(|element| *element = relu(*element));
    }
}

/// Written so that a NaN, for which every comparison is false, passes through.
#[inline]
pub(crate) fn relu<T: Element>(element: T) -> T {
    if element < T::ZERO { T::ZERO } else { element }
}

impl OutputShape for Relu {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

impl<T: Element> Module<T> for Relu {
    fn forward_into(&self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        check_shape(input.shape(), &output)?;
        output.assign_map(&input, |&element| relu(element));
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        Plan::of(*self, input_shape)
    }
}
