//! [`Given`]: a constant as a value of a network.

use std::sync::Arc;

use super::check_input;
use crate::module::{Module, Operator};
use crate::{Plan, Result, Tensor, TensorView, TensorViewMut};

/// Gives a constant, whatever its input.
#[derive(Clone)]
pub(in crate::onnx) struct Given {
    input: Vec<usize>,
    constant: Arc<Tensor<f32>>,
}

impl Given {
    pub(in crate::onnx) fn new(input: &[usize], constant: Tensor<f32>) -> Self {
        Self { input: input.to_vec(), constant: constant.into() }
    }
}

impl Operator for Given {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.input, input)?;
        Ok(self.constant.shape().to_vec())
    }

    fn name(&self) -> String {
        "Constant".into()
    }
}

impl Module<f32> for Given {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        output.assign(&self.constant.view());
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }
}
