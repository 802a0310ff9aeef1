//! Room for inputs and outputs that lie otherwise than row by row.

use super::{TensorView, TensorViewMut, filled};
use crate::{Element, Result};

/// The elements of a tensor in row-major order. Room for a copy, where it lies otherwise, is taken by the first run that meets one, and
/// kept: the values of a network lie so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ordered<T>(Vec<T>);

impl<T: Copy + Default> Ordered<T> {
    /// The elements of an input in row-major order.
    pub(crate) fn read<'a>(&'a mut self, input: &'a TensorView<'_, T>) -> Result<&'a [T]> {
        if let Some(elements) = input.to_slice() {
            return Ok(elements);
        }
        let elements = self.copy(input.shape())?;
        TensorViewMut::from_slice(input.shape(), elements)?.assign(input);
        Ok(elements)
    }

    /// Calls `write` for the elements of an output in row-major order, unless there are none.
    pub(crate) fn write(
        &mut self,
        mut output: TensorViewMut<'_, T>,
        write: &mut dyn FnMut(&mut [T]) -> Result<()>,
    ) -> Result<()> {
        if output.is_empty() {
            return Ok(());
        }
        if let Some(elements) = output.as_slice_mut() {
            return write(elements);
        }
        let elements = self.copy(output.shape())?;
        write(elements)?;
        output.assign_elements(elements);
        Ok(())
    }

    fn copy(&mut self, shape: &[usize]) -> Result<&mut [T]> {
        if self.0.len() != shape.iter().product::<usize>() {
            self.0 = filled(shape, T::default())?;
        }
        Ok(&mut self.0)
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }
}

/// From an input to an output, both in row-major order.
pub(crate) type SliceKernel<'a, T, U> = dyn FnMut(&[T], &mut [U]) -> Result<()> + 'a;

/// Lets a kernel of slices in row-major order run on views of any order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Staging<T, U = T> {
    input: Ordered<T>,
    output: Ordered<U>,
}

impl<T: Element, U: Element> Staging<T, U> {
    /// Calls the kernel with the elements of both, unless there is nothing to write.
    pub(crate) fn run(
        &mut self,
        input: &TensorView<'_, T>,
        output: TensorViewMut<'_, U>,
        kernel: &mut SliceKernel<'_, T, U>,
    ) -> Result<()> {
        let Self { input: of_input, output: of_output } = self;
        of_output.write(output, &mut |places| kernel(of_input.read(input)?, places))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.input.bytes() + self.output.bytes()
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
