//! Max and min pooling that also says where: the indices that [`MaxUnpool`](super::MaxUnpool) takes.

use std::iter;

use super::planes::OF_TAPS;
use super::walk::{BLOCK, RowTaps, neighbours};
use super::{Pool, Selection};
use crate::parallel::share;
use crate::simd::{Level, vectorized_narrow};
use crate::tensor::{Tensor, filled};
use crate::{AsView, Element, Result};

impl<R, const N: usize> Pool<R, N> {
    /// The pooled values, and for each the place of its pixel: its index in the input plane, counted flat in
    /// row-major order, as PyTorch's `return_indices` gives it. Of equal pixels the first is named; of several NaNs, the
    /// last.
    ///
    /// # Errors
    ///
    /// As [`Module::forward`](crate::Module::forward).
    pub fn forward_with_indices<T: Element>(&self, input: impl AsView<T>) -> Result<(Tensor<T>, Tensor<i64>)>
    where
        R: Selection<T>,
    {
        let input = input.as_view();
        let layer = self.layer::<i64>(input.shape())?;
        self.reduction.validate()?;
        let shape = layer.output.to_vec();
        let (mut values, mut indices) = (filled(&shape, T::ZERO)?, filled(&shape, 0_i64)?);
        if !values.is_empty() {
            let pixels = input.contiguous()?;
            let sizes = layer.sizes();
            let workers = sizes.workers(size_of::<i64>(), OF_TAPS);
            let units = sizes.piece(size_of::<i64>(), workers, 1);
            let length = units * sizes.unit;
            let is_pairs = layer.is_pairs();
            let picks = Picks { reduction: &self.reduction, taps: RowTaps::new(layer.geometry)?, is_pairs };
            let pieces = values.chunks_mut(length).zip(indices.chunks_mut(length)).enumerate();
            share(iter::repeat_n((), workers), pieces, |(), (piece, (values, indices))| {
                picks.rows(&pixels, piece * units, values, indices);
            });
        }
        Ok((Tensor::from_vec(&shape, values)?, Tensor::from_vec(&shape, indices)?))
    }
}

/// Windows of which one pixel each is picked.
struct Picks<'a, R, const N: usize> {
    reduction: &'a R,
    taps: RowTaps<N>,
    /// Whether windows are 2×2 and lie side by side: the commonest.
    is_pairs: bool,
}

impl<R, const N: usize> Picks<'_, R, N> {
    fn rows<T: Element>(&self, pixels: &[T], first: usize, values: &mut [T], indices: &mut [i64])
    where
        R: Selection<T>,
    {
        let geometry = &self.taps.geometry;
        let (rows, plane) = (geometry.rows(), geometry.pixels());
        let outputs =
            values.chunks_exact_mut(geometry.row_length()).zip(indices.chunks_exact_mut(geometry.row_length()));
        vectorized_narrow(
            Level::new(),
            #[inline(always)]
            || {
                for (number, (values, indices)) in outputs.enumerate() {
                    let unit = first + number;
                    let plane = &pixels[unit / rows * plane..][..plane];
                    match self.is_pairs {
                        true => self.row_of_pairs(plane, unit % rows, values, indices),
                        false => self.row(plane, unit % rows, values, indices),
                    }
                }
            },
        );
    }

    /// The taps of a window are numbered as they are stepped over, and places made of the numbers then.
    #[inline(always)]
    fn row_of_pairs<T: Element>(&self, plane: &[T], row: usize, values: &mut [T], indices: &mut [i64])
    where
        R: Selection<T>,
    {
        let geometry = &self.taps.geometry;
        let mut rows = geometry.input_rows(geometry.row_position(row)).map(|row| row.start);
        let (Some(upper), Some(lower)) = (rows.next(), rows.next()) else { return };
        let down = (lower - upper).cast_signed() as i64;
        for (number, (values, indices)) in values.chunks_mut(BLOCK).zip(indices.chunks_mut(BLOCK)).enumerate() {
            let (from, count) = (2 * number * BLOCK, values.len());
            let pairs = |row: usize| &plane[row + from..][..2 * count].as_chunks::<2>().0[..count];
            let (above, below) = (pairs(upper), pairs(lower));
            let mut taps = [0_i32; BLOCK];
            for (((value, tap), above), below) in values.iter_mut().zip(&mut taps).zip(above).zip(below) {
                let (mut picked, mut picked_tap) = (above[0], 0);
                for (pixel, number) in [(above[1], 1), (below[0], 2), (below[1], 3)] {
                    let prefers = self.reduction.prefers(pixel, picked);
                    picked = if prefers { pixel } else { picked };
                    picked_tap = if prefers { number } else { picked_tap };
                }
                (*value, *tap) = (picked, picked_tap);
            }
            let mut place = (upper + from).cast_signed() as i64;
            for (index, tap) in indices.iter_mut().zip(taps) {
                *index = place + i64::from(tap & 1) + if tap > 1 { down } else { 0 };
                place += 2;
            }
        }
    }

    #[inline(always)]
    fn row<T: Element>(&self, plane: &[T], row: usize, values: &mut [T], indices: &mut [i64])
    where
        R: Selection<T>,
    {
        let mut block_of_pixels = [T::ZERO; BLOCK];
        for block in self.taps.blocks() {
            // Nothing is picked yet where there is no index.
            let (mut picked, mut places) = ([T::ZERO; BLOCK], [-1_i64; BLOCK]);
            self.taps.each(row, &block, |outputs, from, step| {
                let pixels = neighbours(plane, from, step, outputs.len(), &mut block_of_pixels);
                let picked = picked[outputs.clone()].iter_mut().zip(&mut places[outputs]);
                // A plane in memory has fewer pixels than an i64 can count.
                let mut place = from.cast_signed() as i64;
                for ((picked, index), &pixel) in picked.zip(pixels) {
                    let prefers = *index < 0 || self.reduction.prefers(pixel, *picked);
                    *picked = if prefers { pixel } else { *picked };
                    *index = if prefers { place } else { *index };
                    place += step.cast_signed() as i64;
                }
            });
            values[block.clone()].copy_from_slice(&picked[..block.len()]);
            indices[block.clone()].copy_from_slice(&places[..block.len()]);
        }
    }
}
