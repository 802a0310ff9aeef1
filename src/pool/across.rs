//! Rows of pixels, a block of registers at a time: where they lie, and what of a block is padding.

use super::operation::Merge;
use super::problem::{PlaneRows, PoolProblem};
use crate::Element;
use crate::simd::{Select, Simd, SimdMask, Vector, load_pixels};
use crate::window::Axis;

/// The rows of pixels under a band that are not padding, one after the other.
pub(super) struct RowSource<'a, T> {
    /// All pixels; where the padding before the next row would start, which wraps around for the first of all; and how many rows are
    /// left.
    pixels: &'a [T],
    at: usize,
    left: usize,
    /// Of a row: the padding before it, its pixels, and how far it is read.
    before: usize,
    length: usize,
    reach: usize,
    /// Room for as much of a row as is read.
    copy: &'a mut [T],
}

impl<'a, T: Copy> RowSource<'a, T> {
    /// Those among so many rows under a part, each read as far as `reach`; and how many rows of padding are above them. So many of the
    /// first pixels may be missing.
    #[inline(always)]
    pub(super) fn new(
        problem: &PoolProblem,
        part: PlaneRows,
        count: usize,
        reach: usize,
        (pixels, skipped): (&'a [T], usize),
        copy: &'a mut [T],
    ) -> (Self, usize) {
        let (under, columns) = (problem.under(part, 0), &problem.axes[2]);
        let rows = under.pixels(count);
        let (before, length) = (columns.before(), columns.length());
        let at = under.start(rows.start).unwrap_or(0).wrapping_sub(before + skipped);
        (Self { pixels, at, left: rows.len(), before, length, reach, copy }, rows.start)
    }

    /// The next row, which begins with the padding before it, or with what stands in its place; none behind the last.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<&[T]> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        self.at = at.wrapping_add(self.length);
        match self.pixels.get(at..at.wrapping_add(self.reach)) {
            Some(pixels) => Some(pixels),
            // The first pixels of all, or the last: there is none before or behind them.
            None => {
                let at = at.wrapping_add(self.before);
                copy(&self.pixels[at..][..self.length], &mut self.copy[self.before..]);
                Some(self.copy)
            }
        }
    }
}

/// A few rows are copied. Compilers keep registers in memory around calls, unless these are rare.
#[cold]
#[inline(never)]
fn copy<T: Copy>(pixels: &[T], to: &mut [T]) {
    to[..pixels.len()].copy_from_slice(pixels);
}

/// The lanes of a block that are pixels of a row, not padding.
type Within<S, T> = <<T as crate::simd::Pixel>::Pixels<S> as Vector<S>>::Mask;

/// How the rows of pixels are merged.
pub(super) struct Across<S: Simd, T: Element, const STRIDE: usize> {
    pub(super) simd: S,
    pub(super) start: T::Pixels<S>,
    /// Registers of windows.
    pub(super) registers: usize,
    /// Blocks that have pixels, and how far they reach.
    pub(super) blocks: usize,
    pub(super) reach: usize,
    /// Of the first block, the last register's and the one behind it; all others lie within the row.
    within: [[Within<S, T>; STRIDE]; 3],
}

impl<S: Simd, T: Element, const STRIDE: usize> Across<S, T, STRIDE> {
    #[inline(always)]
    pub(super) fn new(simd: S, columns: &Axis, start: T) -> Self {
        let lanes = T::Pixels::<S>::LEN;
        let registers = columns.outputs().div_ceil(lanes);
        let end = columns.before() + columns.length();
        // The last windows have pixels of the block behind theirs.
        let blocks = end.div_ceil(lanes * STRIDE).min(registers + 1);
        let mut within = [[Within::<S, T>::splat(simd, false); STRIDE]; 3];
        for (within, block) in within.iter_mut().zip([0, registers - 1, registers]) {
            for (register, within) in within.iter_mut().enumerate() {
                let first = (block * STRIDE + register) * lanes;
                let below = |end: usize| match end.saturating_sub(first) {
                    0 => 0,
                    count => u64::MAX >> (64 - count.min(lanes)),
                };
                *within = Within::<S, T>::from_bitmask(simd, below(end) & !below(columns.before()));
            }
        }
        let start = T::Pixels::<S>::splat(simd, start);
        Self { simd, start, registers, blocks, reach: blocks * lanes * STRIDE, within }
    }

    /// Merges each pixel of a register with the two behind it.
    #[inline(always)]
    pub(super) fn three<O: Merge<T>>(&self, here: T::Pixels<S>, next: T::Pixels<S>) -> T::Pixels<S> {
        let two = O::merge(self.simd, here, here.slide::<1>(next));
        O::merge(self.simd, two, here.slide::<2>(next))
    }

    /// The pixels of a block by the phase of the stride, if it is at an end without those beyond.
    #[inline(always)]
    pub(super) fn block<O: Merge<T>>(
        &self,
        pixels: &[T],
        end: Option<usize>,
        mut nans: T::Pixels<S>,
    ) -> ([T::Pixels<S>; 2], T::Pixels<S>) {
        let mut block = load_pixels::<S, T, STRIDE>(self.simd, pixels);
        for register in 0..STRIDE {
            nans = T::nans::<S>(nans, block[register]);
            if let Some(end) = end {
                block[register] = self.within[end][register].select(block[register], self.start);
            }
        }
        let (low, high) = (O::enter::<S>(block[0]), O::enter::<S>(block[STRIDE - 1]));
        let block = if STRIDE == 1 { [low, low] } else { [low.unzip_low(high), low.unzip_high(high)] };
        (block, nans)
    }
}
