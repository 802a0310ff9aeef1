//! [`Activation`]: the functions that stand between the layers of a network, each of every element alone.

use crate::module::activate::activate;
use crate::module::{Module, Operator, RunPlan, check_shape};
use crate::parallel::workers;
use crate::tensor::{TensorView, TensorViewMut, element_count};
use crate::{Activation, Element, Elementwise, Float, Lowering, Plan, Result};

impl Operator for Activation {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn name(&self) -> String {
        let name = match self {
            Self::Relu => "Relu",
            Self::Clamp { .. } if *self == Self::RELU6 => "Relu6",
            Self::Clamp { .. } => "Clamp",
            Self::LeakyRelu { .. } => "LeakyRelu",
            Self::Elu { .. } => "Elu",
            Self::Sigmoid => "Sigmoid",
            Self::HardSigmoid { .. } => "HardSigmoid",
            Self::Tanh => "Tanh",
            Self::Silu => "Silu",
            Self::HardSwish => "HardSwish",
            Self::Gelu | Self::GeluTanh => "Gelu",
            Self::Softplus { .. } => "Softplus",
        };
        name.into()
    }
}

impl<T: Float> Module<T> for Activation {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        check_shape(input.shape(), &output)?;
        ActivationPlan { activation: *self, workers: workers::<T>(input.len()) }.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        let workers = workers::<T>(element_count::<T>(input_shape)?);
        Ok(Plan::new(input_shape, input_shape, ActivationPlan { activation: *self, workers }))
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Elementwise(Elementwise::activation(*self))
    }
}

/// What the plan of an activation has.
#[derive(Debug, Clone, Copy)]
struct ActivationPlan {
    activation: Activation,
    workers: usize,
}

impl<T: Element> RunPlan<T> for ActivationPlan {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        output.assign(&input);
        match output.as_slice_mut() {
            Some(elements) => activate(self.activation, self.workers, elements),
            None => self.activation.apply(output),
        }
        Ok(())
    }

    fn algorithm(&self) -> String {
        "vectors".into()
    }
}

#[cfg(test)]
mod tests;
