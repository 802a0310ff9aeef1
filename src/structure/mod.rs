//! Networks that are more than a chain: [`Residual`], [`Concat`], [`Gate`].

mod concat;
mod gate;
mod residual;

pub use concat::Concat;
pub use gate::Gate;
pub use residual::Residual;

/// Implements a module whose graph says all: `$graph` gives that of a reference to it.
macro_rules! graph_module {
    ($module:ident) => {
        impl<T: $crate::Element> $crate::Operator for $module<T> {
            /// # Errors
            ///
            /// [`Error::Layer`](crate::Error::Layer), with what is wrong, for the first part that its input does not fit.
            fn output_shape(&self, input: &[usize]) -> $crate::Result<Vec<usize>> {
                self.check(input)?;
                self.graph().output_shape(input)
            }

            fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
                self.graph().multiply_adds(input_shape)
            }
        }

        impl<T: $crate::Element> $crate::Module<T> for $module<T> {
            /// Plans, and runs the plan.
            fn forward_into(
                &self,
                input: $crate::TensorView<'_, T>,
                output: $crate::TensorViewMut<'_, T>,
            ) -> $crate::Result<()> {
                self.check_output(&input, &output)?;
                self.plan(input.shape())?.run(input, output)
            }

            fn plan(&self, input_shape: &[usize]) -> $crate::Result<$crate::Plan<T>> {
                self.check(input_shape)?;
                self.graph().plan(input_shape)
            }

            fn parameters_mut(&mut self) -> Vec<(String, $crate::TensorViewMut<'_, T>)> {
                self.parts_mut()
                    .flat_map(|(name, part)| $crate::sequential::within(name, part.parameters_mut()))
                    .collect()
            }

            fn parameter_count(&self) -> usize {
                self.parameters().iter().fold(0, |count: usize, (_, values)| count.saturating_add(values.len()))
            }

            fn lowering(&self) -> $crate::Lowering<'_, T> {
                $crate::Lowering::Graph(self.graph())
            }
        }
    };
}
pub(crate) use graph_module;
