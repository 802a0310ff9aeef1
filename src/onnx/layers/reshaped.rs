//! [`Reshaped`]: the same elements under another shape.

use super::check_input;
use crate::module::{Module, Operator};
use crate::tensor::element_count;
use crate::{Error, Lowering, Plan, Result, TensorView, TensorViewMut};

/// The same elements in the same order under another shape. It costs nothing within a network.
#[derive(Debug, Clone)]
pub(in crate::onnx) struct Reshaped {
    input: Vec<usize>,
    output: Vec<usize>,
}

impl Reshaped {
    pub(in crate::onnx) fn new(input: &[usize], output: &[usize]) -> Result<Self> {
        match element_count::<f32>(input)? == element_count::<f32>(output)? {
            true => Ok(Self { input: input.to_vec(), output: output.to_vec() }),
            false => Err(Error::Shape {
                what: "the elements of a reshaped tensor",
                expected: output.to_vec(),
                found: input.to_vec(),
            }),
        }
    }

    /// All elements in one row.
    pub(in crate::onnx) fn as_row(input: &[usize]) -> Result<Self> {
        Self::new(input, &[element_count::<f32>(input)?])
    }
}

impl Operator for Reshaped {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.input, input)?;
        Ok(self.output.clone())
    }

    fn name(&self) -> String {
        "Reshape".into()
    }
}

impl Module<f32> for Reshaped {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        if !input.is_empty() {
            output.assign_elements(&input.contiguous()?);
        }
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        Lowering::Reshape
    }
}
