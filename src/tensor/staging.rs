//! Room for inputs and outputs that lie otherwise than row by row.

use super::{TensorView, TensorViewMut, filled};
use crate::{Element, Result};

/// Lets a kernel of slices in row-major order run on views of any order. The room is taken by the first run that needs it, and kept: a
/// network, whose values lie in order, never does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Staging<T, U = T> {
    input: Vec<T>,
    output: Vec<U>,
}

impl<T: Element, U: Element> Staging<T, U> {
    /// Calls the kernel with the elements of both, unless there is nothing to write.
    pub(crate) fn run(
        &mut self,
        input: &TensorView<'_, T>,
        mut output: TensorViewMut<'_, U>,
        kernel: &mut dyn FnMut(&[T], &mut [U]),
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
            self.output = filled(output.shape(), U::ZERO)?;
        }
        kernel(pixels, &mut self.output);
        output.assign_elements(&self.output);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.input[..]) + size_of_val(&self.output[..])
    }
}

/// Copies as many elements as both have, in row-major order of either shape.
pub(crate) fn in_order<T: Element>(input: &TensorView<'_, T>, output: &mut TensorViewMut<'_, T>) -> Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    match (output.as_slice_mut(), input.to_slice()) {
        (Some(places), _) => TensorViewMut::from_slice(input.shape(), places)?.assign(input),
        (None, Some(elements)) => output.assign_elements(elements),
        (None, None) => {
            // Both lie in another order: one element after the other.
            let mut elements = input.iter();
            output.each(|place| {
                if let Some(&element) = elements.next() {
                    *place = element;
                }
            });
        }
    }
    Ok(())
}
