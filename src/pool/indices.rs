//! Max and min pooling that also says where: the indices that [`MaxUnpool`](super::MaxUnpool) takes.

use super::{Pool, Selection};
use crate::tensor::{Tensor, TensorView, filled};
use crate::window::{Geometry, Run, unravel};
use crate::{Element, Result};

impl<R, const N: usize> Pool<R, N> {
    /// The pooled values, and for each the place of its pixel: its index in the input plane, counted flat in
    /// row-major order, as PyTorch's `return_indices` gives it. Of equal pixels the first is named; of several NaNs, the
    /// last.
    ///
    /// # Errors
    ///
    /// As [`Module::forward`](crate::Module::forward).
    pub fn forward_with_indices<'a, T: Element>(
        &self,
        input: impl Into<TensorView<'a, T>>,
    ) -> Result<(Tensor<T>, Tensor<i64>)>
    where
        R: Selection<T>,
    {
        let input = input.into();
        self.reduction.validate()?;
        let layer = self.layer::<i64>(input.shape())?;
        let shape = layer.output.to_vec();
        let (mut values, mut indices) = (filled(&shape, T::ZERO)?, filled(&shape, 0_i64)?);

        let pixels = input.contiguous()?;
        let geometry = &layer.geometry;
        let planes = values.chunks_exact_mut(geometry.outputs()).zip(indices.chunks_exact_mut(geometry.outputs()));
        for (plane, (values, indices)) in pixels.chunks_exact(geometry.pixels()).zip(planes) {
            for (output, (value, index)) in values.iter_mut().zip(indices).enumerate() {
                let (at, pixel) = self.pick(geometry, output, plane);
                *value = pixel;
                // A plane in memory has fewer pixels than an i64 can count.
                *index = at.cast_signed() as i64;
            }
        }
        Ok((Tensor::from_vec(&shape, values)?, Tensor::from_vec(&shape, indices)?))
    }

    /// The pixel picked from one window, and its place in the plane.
    fn pick<T: Element>(&self, geometry: &Geometry<N>, output: usize, plane: &[T]) -> (usize, T)
    where
        R: Selection<T>,
    {
        let position = unravel(output, geometry.output_size());
        let runs: [Run; N] = std::array::from_fn(|axis| geometry.axes()[axis].by_output(position[axis]));
        let counts = runs.each_ref().map(|run| run.range.len());
        let pixels = (0..counts.iter().product()).map(|flat| {
            let at = unravel(flat, counts);
            let places = runs.iter().zip(at).map(|(run, at)| run.input + at * run.step);
            let index = places.zip(geometry.axes()).fold(0, |index, (place, axis)| index * axis.length() + place);
            (index, plane[index])
        });
        pixels
            .reduce(|picked, next| if self.reduction.prefers(next.1, picked.1) { next } else { picked })
            .expect("windows without a pixel were refused")
    }
}
