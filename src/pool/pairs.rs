//! The kernel for the commonest pooling: windows of 2×2, side by side.
//!
//! Two registers of a row give one of merged neighbours. The upper row of a window is done before the lower one: pixels that are
//! read in the order in which they lie come from memory several times as fast.

use super::operation::WIDEST;
use super::operation::{Merge, by_operation};
use crate::Element;
use crate::simd::cache::Ahead;
use crate::simd::{Simd, Vector, load_pixels};

by_operation!(Pairs by run_narrow);

/// Some rows of outputs, which may be of several planes.
pub(super) struct Pairs<'a, T> {
    /// All pixels, from the plane of the first row of outputs on, without so many of its first.
    pub(super) pixels: &'a [T],
    pub(super) skipped: usize,
    /// Rows of pixels of a plane.
    pub(super) rows: usize,
    /// Pixels of a row.
    pub(super) row: usize,
    /// The first row of outputs, within its plane.
    pub(super) first: usize,
    /// Outputs of a row.
    pub(super) outputs: usize,
    /// One over the count of a window.
    pub(super) inverse: T,
    /// Room for a row of outputs.
    pub(super) upper: &'a mut [T],
    pub(super) output: &'a mut [T],
}

impl<T: Element> Pairs<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd, O: Merge<T>>(self, simd: S) {
        match self.outputs < T::Pixels::<S>::LEN {
            true => self.narrow::<S, O>(simd),
            false => self.wide::<S, O>(simd),
        }
    }

    /// Rows of at least as many outputs as a register has lanes; the last register of a row may lie over the one before it.
    #[inline(always)]
    fn wide<S: Simd, O: Merge<T>>(self, simd: S) {
        let lanes = T::Pixels::<S>::LEN;
        let inverse = T::Pixels::<S>::splat(simd, self.inverse);
        let last = self.outputs - lanes;
        let (mut place, mut ahead) = (RowStarts::new(&self), Ahead::of(self.pixels));
        for out in self.output.chunks_exact_mut(self.outputs) {
            let pixels = &self.pixels[place.next()..];
            ahead.read(pixels);
            let (upper, lower) = pixels[..2 * self.row].split_at(self.row);
            for at in (0..self.outputs).step_by(lanes) {
                let at = at.min(last);
                pairs::<S, T, O>(simd, &upper[2 * at..]).store_slice(&mut self.upper[at..][..lanes]);
            }
            for at in (0..self.outputs).step_by(lanes) {
                let at = at.min(last);
                let upper = T::Pixels::<S>::from_slice(simd, &self.upper[at..][..lanes]);
                let merged = O::merge(simd, upper, pairs::<S, T, O>(simd, &lower[2 * at..]));
                finished::<S, T, O>(simd, merged, inverse).store_slice(&mut out[at..][..lanes]);
            }
        }
    }

    /// Rows of fewer outputs than a register has lanes. The other lanes read what follows, and write where the next row comes.
    #[inline(always)]
    fn narrow<S: Simd, O: Merge<T>>(self, simd: S) {
        let lanes = T::Pixels::<S>::LEN;
        let inverse = T::Pixels::<S>::splat(simd, self.inverse);
        let (mut place, mut ahead) = (RowStarts::new(&self), Ahead::of(self.pixels));
        for at in (0..self.output.len()).step_by(self.outputs) {
            let upper = place.next();
            ahead.read(&self.pixels[upper..]);
            let lower = upper + self.row;
            let merged = match self.pixels.get(lower..lower + 2 * lanes) {
                Some(lower) => {
                    O::merge(simd, pairs::<S, T, O>(simd, &self.pixels[upper..]), pairs::<S, T, O>(simd, lower))
                }
                None => {
                    let (upper, lower) = (self.padded::<S, O>(simd, upper), self.padded::<S, O>(simd, lower));
                    O::merge(simd, upper, lower)
                }
            };
            let finished = finished::<S, T, O>(simd, merged, inverse);
            match self.output.get_mut(at..at + lanes) {
                Some(place) => finished.store_slice(place),
                None => self.output[at..at + self.outputs].copy_from_slice(&finished.as_slice()[..self.outputs]),
            }
        }
    }

    /// Merges the neighbours of a row that has too few pixels after it.
    #[inline(always)]
    fn padded<S: Simd, O: Merge<T>>(&self, simd: S, row: usize) -> T::Pixels<S> {
        let mut padded = [T::default(); 2 * WIDEST];
        padded[..self.row].copy_from_slice(&self.pixels[row..][..self.row]);
        pairs::<S, T, O>(simd, &padded)
    }
}

/// Where the pixels under each row of outputs start.
struct RowStarts {
    at: usize,
    row_of_outputs: usize,
    rows_of_outputs: usize,
    /// From row to row of outputs, and what is left over at the end of a plane of an odd number of rows.
    step: usize,
    left_over: usize,
}

impl RowStarts {
    #[inline(always)]
    fn new<T>(&Pairs { rows, row, first, skipped, .. }: &Pairs<'_, T>) -> Self {
        let (step, left_over, rows_of_outputs) = (2 * row, rows % 2 * row, rows / 2);
        // Rows of outputs are counted through all planes, each of which may end with a row of pixels that no window reads.
        let (plane, row_of_outputs) = (first / rows_of_outputs, first % rows_of_outputs);
        Self { at: first * step + plane * left_over - skipped, row_of_outputs, rows_of_outputs, step, left_over }
    }

    #[inline(always)]
    fn next(&mut self) -> usize {
        if self.row_of_outputs == self.rows_of_outputs {
            self.row_of_outputs = 0;
            self.at += self.left_over;
        }
        self.row_of_outputs += 1;
        let at = self.at;
        self.at += self.step;
        at
    }
}

#[inline(always)]
fn finished<S: Simd, T: Element, O: Merge<T>>(simd: S, merged: T::Pixels<S>, inverse: T::Pixels<S>) -> T::Pixels<S> {
    match O::COUNTED {
        true => O::divided::<S>(merged, inverse, T::Pixels::<S>::splat(simd, T::number(1, true)), true),
        false => O::finish::<S>(merged),
    }
}

/// Deinterleaves the pixels of a row into even and odd columns, and merges the two: a window of 2×2 has one of either in each row.
#[inline(always)]
fn pairs<S: Simd, T: Element, O: Merge<T>>(simd: S, pixels: &[T]) -> T::Pixels<S> {
    let [low, high] = load_pixels::<S, T, 2>(simd, pixels);
    let (low, high) = (O::enter::<S>(low), O::enter::<S>(high));
    O::merge(simd, low.unzip_low(high), low.unzip_high(high))
}
