//! The kernel for the commonest pooling: windows of 2×2, side by side.
//!
//! Two registers of a row give one of merged neighbours. The upper row of a window is done before the lower one: pixels that are
//! read in the order in which they lie come from memory several times as fast.

use super::kernels::Kernels;
use super::operation::Merge;
use crate::simd::{Simd, Vector, load_pixels};

/// Some rows of outputs of one plane; each has at least as many outputs as a register.
pub struct Pairs<'a, T> {
    /// The pixels under the rows of outputs, from the first on.
    pub(super) pixels: &'a [T],
    /// Pixels of a row.
    pub(super) row: usize,
    /// Outputs of a row.
    pub(super) outputs: usize,
    /// One over the count of a window.
    pub(super) inverse: T,
    /// Room for a row of outputs.
    pub(super) upper: &'a mut [T],
    pub(super) output: &'a mut [T],
}

impl<T: Kernels> Pairs<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd, O: Merge<T>>(self, simd: S) {
        let lanes = T::Pixels::<S>::LEN;
        let inverse = T::Pixels::<S>::splat(simd, self.inverse);
        let one = T::Pixels::<S>::splat(simd, T::number(1, true));
        let last = self.outputs - lanes;
        for (out, pixels) in self.output.chunks_exact_mut(self.outputs).zip(self.pixels.chunks(2 * self.row)) {
            let (upper, lower) = pixels.split_at(self.row);
            for at in (0..self.outputs).step_by(lanes) {
                let at = at.min(last);
                pairs::<S, T, O>(simd, &upper[2 * at..]).store_slice(&mut self.upper[at..][..lanes]);
            }
            for at in (0..self.outputs).step_by(lanes) {
                let at = at.min(last);
                let upper = T::Pixels::<S>::from_slice(simd, &self.upper[at..][..lanes]);
                let merged = O::merge(simd, upper, pairs::<S, T, O>(simd, &lower[2 * at..]));
                let finished = match O::COUNTED {
                    true => O::divided::<S>(merged, inverse, one, true),
                    false => O::finish::<S>(merged),
                };
                finished.store_slice(&mut out[at..][..lanes]);
            }
        }
    }
}

/// Merges neighbours.
#[inline(always)]
fn pairs<S: Simd, T: Kernels, O: Merge<T>>(simd: S, pixels: &[T]) -> T::Pixels<S> {
    let [low, high] = load_pixels::<S, T, 2>(simd, pixels);
    let (low, high) = (O::enter::<S>(low), O::enter::<S>(high));
    O::merge(simd, low.unzip_low(high), low.unzip_high(high))
}
