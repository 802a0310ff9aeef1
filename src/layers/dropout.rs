//! [`Dropout`], which does nothing once a network is trained.

use super::flatten::InOrder;
use crate::module::{Module, Operator, RunPlan, check_shape};
use crate::tensor::{TensorView, TensorViewMut};
use crate::{Element, Lowering, Plan, Result};

/// Gives its input: at inference nothing is dropped. It is there so that a network can be written layer by layer as it was trained,
/// and its parameters keep their names.
///
/// ```
/// use featuremap::{Dropout, Module, Tensor};
/// use ndarray::array;
///
/// assert_eq!(Dropout.forward(&array![1.0, 2.0])?, Tensor::from(array![1.0, 2.0]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropout;

impl Operator for Dropout {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

impl<T: Element> Module<T> for Dropout {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        check_shape(input.shape(), &output)?;
        InOrder.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        Ok(Plan::new(input_shape, input_shape, InOrder))
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Reshape
    }
}
