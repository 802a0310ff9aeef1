//! Room for inputs and outputs that lie otherwise than row by row.

use crate::tensor::{TensorView, TensorViewMut, filled};
use crate::{Element, Result};

/// Lets a kernel of slices in row-major order run on views of any order. The room is taken by the first run that needs it, and kept: a
/// network, whose values lie in order, never does.
#[derive(Debug, Clone, Default)]
pub(super) struct Staging<T> {
    input: Vec<T>,
    output: Vec<T>,
}

impl<T: Element> Staging<T> {
    /// Calls the kernel with the elements of both, unless there is nothing to write.
    pub(super) fn run(
        &mut self,
        input: &TensorView<'_, T>,
        mut output: TensorViewMut<'_, T>,
        kernel: &mut dyn FnMut(&[T], &mut [T]),
    ) -> Result<()> {
        if output.is_empty() {
            return Ok(());
        }
        let pixels = match input.to_slice() {
            Some(pixels) => pixels,
            None => {
                if self.input.len() != input.len() {
                    self.input = filled(input.shape(), T::ZERO)?;
                }
                TensorViewMut::from_slice(input.shape(), &mut self.input)?.assign(input);
                &self.input
            }
        };
        if let Some(places) = output.as_slice_mut() {
            kernel(pixels, places);
            return Ok(());
        }
        if self.output.len() != output.len() {
            self.output = filled(output.shape(), T::ZERO)?;
        }
        kernel(pixels, &mut self.output);
        output.assign_elements(&self.output);
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.input[..]) + size_of_val(&self.output[..])
    }
}
