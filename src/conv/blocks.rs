//! Filters in blocks: as many as a kernel computes at once, with their weights side by side for every tap.

use std::array::from_fn;

use ndarray::ArrayViewMut4;

use super::finish::Finish;
use super::packing::Rows;
use crate::simd::{Lanes, Simd, Vector};

/// Which widths of blocks a kernel has, widest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Widths(pub(super) &'static [usize]);

impl Widths {
    /// The width of the next block where so many filters are left: the narrowest that holds them all, or the widest.
    #[inline(always)]
    pub(super) fn next(self, left: usize) -> usize {
        self.0.iter().rev().copied().find(|&width| width >= left).unwrap_or(self.0[0])
    }

    /// Filters counted with the blanks of the last block.
    pub(super) fn rounded(self, filters: usize) -> usize {
        let (widest, left) = (self.0[0], filters % self.0[0]);
        filters / widest * widest + if left == 0 { 0 } else { self.next(left) }
    }

    /// The weights `[group, filter, depth]`, block by block as `[depth, filter of the block]`; blanks are zeros.
    pub(super) fn pack<A: Lanes>(self, weights: &[A], filters: usize, depth: usize) -> Vec<A> {
        let mut packed = Vec::with_capacity(weights.len() / filters * self.rounded(filters));
        for group in weights.chunks_exact(filters * depth) {
            let mut first = 0;
            while first < filters {
                let width = self.next(filters - first);
                for at in 0..depth {
                    let block = (first..first + width).map(|filter| group.get(filter * depth + at));
                    packed.extend(block.map(|weight| weight.copied().unwrap_or_default()));
                }
                first += width;
            }
        }
        packed
    }
}

/// One band of the maps of some filters of one group: what a kernel computes at once.
pub struct Band<'a, A> {
    pub(super) packed: &'a [A],
    /// Of every tap of every channel into `packed`.
    pub(super) offsets: &'a [u32],
    pub(super) rows: Rows,
    /// Block by block, from the block of the first filter on.
    pub(super) weights: &'a [A],
    pub(super) widths: Widths,
    pub(super) finish: Finish<'a, A>,
    /// `[filter, plane, row, column]`; of each filter in one piece.
    pub(super) output: ArrayViewMut4<'a, A>,
}

/// What the tiles of one block of filters have in common.
pub(super) struct Block<'a, 'p, A> {
    pub(super) packed: &'a [A],
    pub(super) offsets: &'a [u32],
    pub(super) rows: Rows,
    pub(super) weights: &'a [A],
    pub(super) finish: Finish<'a, A>,
    /// The maps of the filters that are not blank.
    pub(super) planes: &'a mut [&'p mut [A]],
}

impl<A: Lanes> Band<'_, A> {
    /// Calls `run` with each block, of `WIDEST` filters at most, and its width.
    #[inline(always)]
    pub(super) fn each_block<const WIDEST: usize>(mut self, mut run: impl FnMut(Block<'_, '_, A>, usize)) {
        let filters = self.output.dim().0;
        let mut maps = self.output.outer_iter_mut();
        let (mut first, mut weights) = (0, self.weights);
        while first < filters {
            let width = self.widths.next(filters - first);
            let count = width.min(filters - first);
            let mut planes: [&mut [A]; WIDEST] = from_fn(|_| <&mut [A]>::default());
            for (plane, map) in planes[..count].iter_mut().zip(&mut maps) {
                *plane = map.into_slice().expect("a band of a map lies in one piece");
            }
            let (block, rest) = weights.split_at(self.offsets.len() * width);
            let block = Block {
                packed: self.packed,
                offsets: self.offsets,
                rows: self.rows,
                weights: block,
                finish: self.finish.from(first),
                planes: &mut planes[..count],
            };
            run(block, width);
            (first, weights) = (first + width, rest);
        }
    }
}

/// Sums of more terms than this are taken part by part, so that rounding errors do not grow with the whole length.
const CHAIN: usize = 512;

impl<A: Lanes> Block<'_, '_, A> {
    /// The sums over all taps: `chain` gives those over a part of the taps, from their offsets and their weights.
    #[inline(always)]
    pub(super) fn sums<S: Simd, const ROWS: usize, const REGISTERS: usize>(
        &self,
        simd: S,
        width: usize,
        chain: impl Fn(&[u32], &[A]) -> [[A::Vector<S>; REGISTERS]; ROWS],
    ) -> [[A::Vector<S>; REGISTERS]; ROWS] {
        let mut parts = self.offsets.chunks(CHAIN).zip(self.weights.chunks(CHAIN * width));
        let Some((offsets, weights)) = parts.next() else {
            return [[A::Vector::<S>::splat(simd, A::default()); REGISTERS]; ROWS];
        };
        let mut sums = chain(offsets, weights);
        for (offsets, weights) in parts {
            for (sums, more) in sums.iter_mut().zip(chain(offsets, weights)) {
                for (sum, more) in sums.iter_mut().zip(more) {
                    *sum += more;
                }
            }
        }
        sums
    }
}
