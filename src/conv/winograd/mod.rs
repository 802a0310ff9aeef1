//! Convolution by Winograd's minimal filtering: F(4×4, 3×3) for 3×3 windows and stride 1, with 2.25 products
//! an output instead of 9; and for larger windows of stride 2, phase by phase ([`tiling`]).
//!
//! After Lavin & Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015 ([arXiv:1509.09308]). A tile of 4×4
//! outputs sees a patch of 6×6 pixels under 3×3 taps. Filter and patch are polynomials, and convolution multiplies them:
//! where they are known by their values at 6×6 points, it multiplies value by value. At every point that leaves a matrix
//! product, with all the work:
//!
//! ```text
//!     U[point][channel][filter] = G taps Gᵀ                             once for all inputs
//!     V[point][channel][tile]   = Bᵀ patch B
//!     M[tile][point][filter]    = Σ V[point][channel][tile] · U[point][channel][filter]
//!                              channel
//!     outputs                   = Aᵀ M A
//! ```
//!
//! Tiles go through these steps in blocks, which stay in cache; the vectors lie along the tiles in V, and along the
//! filters in U and M, so that maps of any size fill them. A dilated window is one that is not dilated for every second (or third, …)
//! output of its map: these go through the steps as maps of their own. An infinity or NaN among the pixels spoils all the outputs of
//! its tiles, which are then computed again ([`mend`]).
//!
//! All the weights are read for each block of tiles. Where a layer has so few tiles that this takes longer than the products, smaller
//! tiles have fewer weights: those of F(2×2, 3×3) have 16 points instead of 36, for 4 products an output.
//!
//! [arXiv:1509.09308]: https://arxiv.org/abs/1509.09308

mod blocks;
mod mend;
mod patches;
mod steps;
mod tiling;
mod transforms;
mod weights;

use std::array::from_fn;

use ndarray::{ArrayView5, ArrayViewMut4, Axis, Slice};

use super::packing::Packing;
use crate::Float;
use crate::kernels::epilogue::Epilogue;
use crate::simd::{Kernel, Lanes, Level, MOST_LANES, Simd, Vector, lanes, run};
pub(super) use blocks::TileBlocks;
pub(super) use mend::Mend;
use steps::{Scratch, copy_rows, multiply, outputs_of_row};
pub(super) use tiling::{Tiling, cost};
pub(super) use weights::GroupWeights;

/// V and M of a block take at most this much, so that they stay in the second-level cache.
const BLOCK_BYTES: usize = 800 * 1024;

/// But a block has up to so many tiles in any case: all the weights are read for each block, and many weights come
/// from memory.
const FEW_TILES: usize = 32;

/// Tiles that go through all the steps together: those of some rows and columns of tiles, in some images.
#[derive(Debug, Clone, Copy)]
struct Block {
    images: usize,
    rows: usize,
    columns: usize,
}

impl Block {
    /// The blocks that outputs `[image, row, column]` are cut into.
    fn new<A: Lanes>(level: Level, tiling: Tiling, channels: usize, outputs: [usize; 3]) -> Self {
        let numbers_of_point = tiling.channels(channels) + 2 * lanes::<A>(level);
        let most = (BLOCK_BYTES / (numbers_of_point * tiling.points() * size_of::<A>())).max(FEW_TILES);
        // As even parts as can be.
        let part = |whole: usize, most: usize| whole.div_ceil(whole.div_ceil(most.clamp(1, whole)));
        let columns = part(outputs[2].div_ceil(tiling.tile), most);
        let rows = part(outputs[1].div_ceil(tiling.tile), most / columns);
        let images = part(outputs[0], most / columns / rows);
        Self { images, rows, columns }
    }

    fn tiles(self) -> usize {
        self.images * self.rows * self.columns
    }

    /// Rows and columns of the pixels under the tiles in one channel of one image.
    fn pixels(self, tiling: Tiling) -> [usize; 2] {
        [self.rows * tiling.tile + tiling.taps - 1, self.columns * tiling.tile + tiling.taps - 1]
    }

    /// How many numbers of scratch a convolution in such blocks takes.
    fn scratch_length<A: Lanes>(self, level: Level, tiling: Tiling, channels: usize) -> usize {
        // Room to begin at a line of the cache.
        MOST_LANES + Scratch::<A>::lengths(self, tiling, tiling.channels(channels), level).iter().sum::<usize>()
    }
}

/// One group of a convolution, or some of its images, rows or blocks of filters.
pub(in crate::conv) struct Winograd<'a, A> {
    /// Of [`Block::new`].
    block: Block,
    tiling: Tiling,
    /// How the pixels under a block are packed, padding included: for each [`Phase`], or for each phase of the tiling.
    packings: &'a [Packing],
    /// `[image, channel, plane, row, column]`, of one plane.
    input: ArrayView5<'a, A>,
    /// The place of the whole map, before it is pooled, that `output` starts with: one that a tile of the first phase starts with.
    start: [usize; 3],
    /// Of [`GroupWeights`].
    weights: &'a [A],
    /// `[image, filter, row, column]`, every map in one piece.
    output: ArrayViewMut4<'a, A>,
    finish: Epilogue<'a, A>,
    /// Of [`Block::scratch_length`].
    scratch: &'a mut [A],
    /// Whether all pixels seen so far, and their squares, are finite.
    finite: bool,
}

/// Every so many-th output on rows and columns, as many as the window is dilated, from these on: a map of their own, for
/// which the window is not dilated.
#[derive(Debug, Clone, Copy)]
struct Phase {
    number: usize,
    first: [usize; 2],
    /// Rows and columns of its map, as they are stored.
    outputs: [usize; 2],
}

/// A block of the outputs of one phase and where it starts, counted in tiles.
#[derive(Debug, Clone, Copy)]
struct PlacedBlock {
    phase: Phase,
    block: Block,
    image: usize,
    row: usize,
    column: usize,
}

/// Computes blocks of tiles with the instructions of a level. Whether all outputs are right: else there are pixels for [`Mend`].
#[inline(never)]
pub(super) fn compute<A: Lanes + Float>(level: Level, winograd: Winograd<'_, A>) -> bool {
    run(level, winograd)
}

impl<A: Lanes + Float> Kernel for Winograd<'_, A> {
    /// Whether all pixels, and their squares, are finite: else some outputs are wrong.
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> bool {
        let (images, _, rows, columns) = self.output.dim();
        let scratch = std::mem::take(&mut self.scratch);
        let mut scratch = Scratch::new(self.block, self.tiling, self.channels(), simd.level(), scratch);
        let [down, across] = self.tiling.dilation;
        for number in 0..down * across {
            let first = [number / across, number % across];
            if first[0] >= rows || first[1] >= columns {
                continue;
            }
            let outputs = [(rows - first[0]).div_ceil(down), (columns - first[1]).div_ceil(across)];
            let phase = Phase { number, first, outputs };
            self.phase(simd, images, phase, &mut scratch);
        }
        self.finite
    }
}

impl<A: Lanes + Float> Winograd<'_, A> {
    /// Those of all phases.
    fn channels(&self) -> usize {
        self.tiling.channels(self.input.len_of(Axis(1)))
    }

    /// All blocks of a phase.
    #[inline(always)]
    fn phase<S: Simd>(&mut self, simd: S, images: usize, phase: Phase, scratch: &mut Scratch<'_, A>) {
        let side = self.finish.stored(self.tiling.tile);
        let [rows, columns] = phase.outputs.map(|outputs| outputs.div_ceil(side));
        let most = self.block;
        for image in (0..images).step_by(most.images) {
            for row in (0..rows).step_by(most.rows) {
                for column in (0..columns).step_by(most.columns) {
                    let block = Block {
                        images: most.images.min(images - image),
                        rows: most.rows.min(rows - row),
                        columns: most.columns.min(columns - column),
                    };
                    self.part(simd, PlacedBlock { phase, block, image, row, column }, scratch);
                }
            }
        }
    }

    /// All steps for one block of the output.
    #[inline(always)]
    fn part<S: Simd>(&mut self, simd: S, part: PlacedBlock, scratch: &mut Scratch<'_, A>) {
        self.finite &= self.transform_pixels(simd, part, scratch);
        let (filters, lanes) = (self.output.dim().1, A::Vector::<S>::LEN);
        let mut weights = self.weights;
        for first in (0..filters).step_by(2 * lanes) {
            let registers = if filters - first > lanes { 2 } else { 1 };
            let (of_block, rest) = weights.split_at(registers * lanes * self.channels() * self.tiling.points());
            weights = rest;
            match registers {
                1 => multiply::<S, A, 1>(simd, self.tiling, part.block.tiles(), of_block, scratch),
                _ => multiply::<S, A, 2>(simd, self.tiling, part.block.tiles(), of_block, scratch),
            }
            for register in 0..registers {
                let (first, place) = (first + register * lanes, [register, registers]);
                self.transform_products(simd, part, first, place, scratch);
            }
        }
    }

    /// The last step, for one register of filters from the `first` on: one of those in M.
    #[inline(always)]
    fn transform_products<S: Simd>(
        &mut self,
        simd: S,
        part: PlacedBlock,
        first: usize,
        [register, registers]: [usize; 2],
        scratch: &mut Scratch<'_, A>,
    ) {
        let PlacedBlock { phase, block, image, row, column } = part;
        let (_, filters, _, output_columns) = self.output.dim();
        let ([first_row, first_column], [down, across]) = (phase.first, self.tiling.dilation);
        let (lanes, finish) = (A::Vector::<S>::LEN, self.finish.from(first));
        let count = lanes.min(filters - first);
        let side = finish.stored(self.tiling.tile);
        let length = (block.columns * side).min(phase.outputs[1] - column * side);
        let mut maps = scratch.maps.chunks_exact_mut(side * length + MOST_LANES);
        let mut maps: [&mut [A]; MOST_LANES] = from_fn(|_| maps.next().unwrap_or_default());

        let products_of_row = block.columns * self.tiling.points() * registers * lanes;
        let mut products = scratch.products.chunks_exact(products_of_row);
        for image in image..image + block.images {
            let mut outputs = self.output.index_axis_mut(Axis(0), image);
            let mut outputs = outputs.slice_axis_mut(Axis(0), Slice::from(first..first + count));
            let mut outputs = outputs.outer_iter_mut();
            let mut outputs: [&mut [A]; MOST_LANES] = from_fn(|_| match outputs.next() {
                Some(map) => map.into_slice().expect("every map lies in one piece"),
                None => &mut [],
            });
            for (row, products) in (row..row + block.rows).zip(&mut products) {
                let products = &products[register * lanes..];
                outputs_of_row(
                    simd,
                    self.tiling.patch(),
                    (products, registers),
                    scratch.group,
                    (&mut maps[..count], length),
                    finish,
                );
                let rows = side.min(phase.outputs[0] - row * side);
                let at = (first_row + row * side * down) * output_columns + first_column + column * side * across;
                for (output, map) in outputs[..count].iter_mut().zip(&maps) {
                    copy_rows(map, length, rows, &mut output[at..], [down * output_columns, across]);
                }
            }
        }
    }
}
