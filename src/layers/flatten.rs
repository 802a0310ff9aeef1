//! [`Flatten`]: axes made one.

use crate::module::{Module, Operator, RunPlan, check_shape};
use crate::tensor::{TensorView, TensorViewMut, element_count, in_order};
use crate::{Element, Error, Lowering, Plan, Result};

/// Makes one axis of all axes from the second on, `[batch, …]` → `[batch, n]`, as PyTorch's `Flatten` does: what stands
/// between the feature maps and the [`Linear`](crate::Linear) layers of a classifier.
///
/// Within a [`Sequential`](crate::Sequential) it costs nothing: the elements stay where they are.
///
/// ```
/// use featuremap::{Flatten, Module, Operator};
/// use ndarray::{Array2, Array4};
///
/// let maps = Array4::<f32>::ones((100, 128, 3, 3));
/// let features: Array2<f32> = Flatten::default().forward(&maps)?.try_into()?;
/// assert_eq!(features.dim(), (100, 1152));
///
/// // One image without a batch axis: all axes are made one.
/// assert_eq!(Flatten::from_axis(0).output_shape(&[128, 3, 3])?, [1152]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flatten {
    first: usize,
}

impl Flatten {
    /// Makes one axis of the second and all after it; the first is the batch.
    pub fn new() -> Self {
        Self::from_axis(1)
    }

    /// Makes one axis of this one and all after it.
    pub fn from_axis(first: usize) -> Self {
        Self { first }
    }
}

/// From the second axis on, the first being the batch.
impl Default for Flatten {
    fn default() -> Self {
        Self::new()
    }
}

impl Operator for Flatten {
    /// # Errors
    ///
    /// [`Error::Rank`] for an input without the first of the axes to be made one.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        if self.first >= input.len() {
            return Err(Error::Rank {
                what: format!("the input of a Flatten from axis {}", self.first),
                expected: format!("of rank {} or more", self.first.saturating_add(1)),
                found: input.to_vec(),
            });
        }
        element_count::<u8>(input)?;
        let (kept, joined) = input.split_at(self.first);
        Ok(kept.iter().copied().chain([joined.iter().product()]).collect())
    }
}

impl<T: Element> Module<T> for Flatten {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        check_shape(&self.output_shape(input.shape())?, &output)?;
        InOrder.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        Ok(Plan::new(input_shape, &self.output_shape(input_shape)?, InOrder))
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Reshape
    }
}

/// The plan of a module that gives the elements of its input in row-major order, under whatever shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InOrder;

impl<T: Element> RunPlan<T> for InOrder {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        in_order(&input, &mut output)
    }

    fn algorithm(&self) -> String {
        "copy".into()
    }
}
