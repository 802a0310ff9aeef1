//! Filters in blocks: as many as a kernel computes at once, with their weights side by side for every tap.

use std::array::from_fn;
use std::ops::Range;

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
    /// The packed input, or [`panels`](super::panels).
    pub(super) packed: &'a [A],
    pub(super) in_panels: bool,
    /// Of every tap of every channel into the packed input.
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
    pub(super) in_panels: bool,
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
                in_panels: self.in_panels,
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

/// The sums of a tile.
pub(super) type Sums<S, A, const ROWS: usize, const REGISTERS: usize> = [[<A as Lanes>::Vector<S>; REGISTERS]; ROWS];

impl<A: Lanes> Block<'_, '_, A> {
    /// The sums of a tile over all taps. Under each it reads so many `pixels`, from a place of the packed input on, and the `width`
    /// weights of its block; `add` adds their products for the tap of a number.
    #[inline(always)]
    pub(super) fn sums<S: Simd, const IN_PANELS: bool, const ROWS: usize, const REGISTERS: usize>(
        &self,
        simd: S,
        from: usize,
        sizes: [usize; 2],
        add: impl Fn(&mut Sums<S, A, ROWS, REGISTERS>, usize, &[A], &[A]),
    ) -> Sums<S, A, ROWS, REGISTERS> {
        let packed = &self.packed[from..];
        let taps = self.offsets.len();
        let mut sums = self.chain::<S, IN_PANELS, ROWS, REGISTERS>(simd, packed, 0..CHAIN.min(taps), sizes, &add);
        for first in (CHAIN..taps).step_by(CHAIN) {
            let more =
                self.chain::<S, IN_PANELS, ROWS, REGISTERS>(simd, packed, first..taps.min(first + CHAIN), sizes, &add);
            for (sums, more) in sums.iter_mut().zip(more) {
                for (sum, more) in sums.iter_mut().zip(more) {
                    *sum += more;
                }
            }
        }
        sums
    }

    /// The sums over some of the taps.
    #[inline(always)]
    fn chain<S: Simd, const IN_PANELS: bool, const ROWS: usize, const REGISTERS: usize>(
        &self,
        simd: S,
        packed: &[A],
        taps: Range<usize>,
        [pixels, width]: [usize; 2],
        add: &impl Fn(&mut Sums<S, A, ROWS, REGISTERS>, usize, &[A], &[A]),
    ) -> Sums<S, A, ROWS, REGISTERS> {
        let mut sums = [[A::Vector::<S>::splat(simd, A::default()); REGISTERS]; ROWS];
        let weights = &self.weights[taps.start * width..taps.end * width];
        if !IN_PANELS {
            let offsets = self.offsets[taps.clone()].iter().zip(taps);
            for ((&offset, tap), weights) in offsets.zip(weights.chunks_exact(width)) {
                let offset = offset as usize;
                add(&mut sums, tap, &packed[offset..offset + pixels], weights);
            }
            return sums;
        }
        let panel = &packed[taps.start * pixels..taps.end * pixels];
        // Padding is written out in panels: which tap it is does not matter.
        each_step(
            [panel, weights],
            [pixels, width],
            #[inline(always)]
            |pixels, weights| add(&mut sums, 0, pixels, weights),
        );
        sums
    }
}

/// Calls `add` with some numbers of one run and of another, step by step. Two at a time: where registers are narrow there is little to
/// a step, and going on to the next weighs most.
#[inline(always)]
pub(super) fn each_step<A>([one, other]: [&[A]; 2], [width, other_width]: [usize; 2], mut add: impl FnMut(&[A], &[A])) {
    let (pairs, other_pairs) = (one.chunks_exact(2 * width), other.chunks_exact(2 * other_width));
    let last = (pairs.remainder(), other_pairs.remainder());
    for (one, other) in pairs.zip(other_pairs) {
        add(&one[..width], &other[..other_width]);
        add(&one[width..], &other[other_width..]);
    }
    if !last.0.is_empty() {
        add(last.0, last.1);
    }
}
