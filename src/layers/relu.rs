//! ReLU, the rectified linear unit.

use crate::kernels::rectify::relu;
use crate::kernels::transpose::transpose_tiles;
use crate::module::activate::{rectifiers, rectify, rectify_all};
use crate::module::{Module, Operator, RunPlan, check_shape};
use crate::simd::Level;
use crate::tensor::{TensorView, TensorViewMut, element_count};
use crate::{Activation, AsViewMut, Element, Elementwise, Lowering, Plan, Result};

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
#[doc(alias("rectifier", "clamp_min"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Relu;

impl Relu {
    /// Applies the ReLU in place.
    pub fn apply<T: Element>(self, mut map: impl AsViewMut<T>) {
        rectify_all(map.as_view_mut());
    }
}

impl Operator for Relu {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

/// What the plan of a ReLU has.
#[derive(Debug, Clone, Copy)]
struct ReluPlan {
    level: Level,
    workers: usize,
}

impl<T: Element> RunPlan<T> for ReluPlan {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        match (input.to_slice(), output.as_slice_mut()) {
            (Some(input), Some(output)) => rectify(self.level, self.workers, Some(input), output),
            _ => {
                let tiles = |from: (&[T], usize), to: (&mut [T], usize), size| {
                    transpose_tiles(from, to, size, |&element| relu(element));
                };
                if !output.assign_channels(&input, tiles) {
                    output.assign_map(&input, |&element| relu(element));
                }
            }
        }
        Ok(())
    }

    fn algorithm(&self) -> String {
        "vectors".into()
    }
}

impl<T: Element> Module<T> for Relu {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        check_shape(input.shape(), &output)?;
        ReluPlan { level: Level::new(), workers: rectifiers::<T>(input.len()) }.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        let elements = element_count::<T>(input_shape)?;
        let planned = ReluPlan { level: Level::new(), workers: rectifiers::<T>(elements) };
        Ok(Plan::new(input_shape, input_shape, planned))
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Elementwise(Elementwise::activation(Activation::Relu))
    }
}

#[cfg(test)]
mod tests;
