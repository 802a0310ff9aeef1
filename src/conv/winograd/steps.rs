//! The steps that tiles go through, and the room that they work in.

use super::transforms::{LARGE_PATCH, LARGE_TILE, outputs, with_patch};
use super::{Block, Tiling};
use crate::Float;
use crate::kernels::epilogue::{Epilogue, store_maps};
use crate::kernels::tile::{self, with_height};
use crate::simd::cache;
use crate::simd::{Facts, Lanes, Level, MOST_LANES, Simd, Vector, has_many_registers, lanes, outline, store, unrolled};

outline!();

/// The most tiles whose sums are in registers together.
const MOST_TOGETHER: usize = 14;

/// Outputs of a row that are transposed together: those of whole tiles, and of whole registers, whatever the level.
const GROUP: usize = MOST_LANES;

/// The room that the steps work in, and the distances in it: from row to row, and from plane to plane.
pub(super) struct Scratch<'a, A> {
    /// The pixels under the tiles in one channel of one image: `[row, column]`.
    pub(super) pixels: &'a mut [A],
    pub(super) row: usize,
    /// Their rows transformed: a plane of tiles `[row, column]` for each row of a patch and each point, as many rows as a tile has
    /// outputs. The others are the first of the patch below.
    pub(super) halves: &'a mut [A],
    pub(super) half: usize,
    /// V: `[point]` planes of `[channel, tile]`.
    pub(super) values: &'a mut [A],
    pub(super) point: usize,
    /// M: `[tile, point, filter]`, for one block of filters.
    pub(super) products: &'a mut [A],
    /// Outputs `[row, column, filter]` of some tiles, for one register of filters.
    pub(super) group: &'a mut [A],
    /// Outputs `[filter, row, column]` of a row of tiles.
    pub(super) maps: &'a mut [A],
}

impl<'a, A: Lanes> Scratch<'a, A> {
    pub(super) fn new(block: Block, tiling: Tiling, channels: usize, level: Level, numbers: &'a mut [A]) -> Self {
        let [half, point] = Self::distances(block, channels);
        // Registers should not lie across two cache lines.
        let before = cache::before_line(numbers);
        let mut rest = &mut numbers[before..];
        let parts = Self::lengths(block, tiling, channels, level).map(|length| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(length);
            rest = after;
            part
        });
        let [pixels, halves, values, products, group, maps] = parts;
        let [rows, row] = block.pixels(tiling);
        // A register reads behind the last row; what it finds there is among the pixels that are to be finite.
        pixels[rows * row..].fill(A::default());
        Self { pixels, row, halves, half, values, point, products, group, maps }
    }

    /// Between the planes of half transformed pixels, and between those of V.
    fn distances(block: Block, channels: usize) -> [usize; 2] {
        // An odd number of cache lines, so that planes do not fall on the same sets of the cache.
        let plane = |length: usize| ((length + MOST_LANES).div_ceil(MOST_LANES) | 1) * MOST_LANES;
        // Registers are stored as a whole, and the tallest pass reads blanks behind the last channel.
        [plane((block.rows + 1) * block.columns), plane(block.tiles() * channels + MOST_TOGETHER)]
    }

    /// Of each part, for so many channels in all phases.
    pub(super) fn lengths(block: Block, tiling: Tiling, channels: usize, level: Level) -> [usize; 6] {
        let [half, point] = Self::distances(block, channels);
        let ([rows, row], lanes) = (block.pixels(tiling), lanes::<A>(level));
        let (patch, points) = (tiling.patch(), tiling.points());
        let tile = tiling.tile;
        let pixels = (rows * row + tile * MOST_LANES).next_multiple_of(MOST_LANES);
        [
            pixels,
            tile * patch * half,
            points * point,
            (block.tiles() + MOST_TOGETHER) * points * 2 * lanes,
            GROUP * tile * lanes,
            (block.columns * tile * tile + MOST_LANES) * lanes,
        ]
    }
}

/// How many of the tiles that are left have their sums in registers together: a height of the [`tile`] that leaves few blanks, in this
/// pass and in those after it.
#[inline(always)]
fn together(many_registers: bool, left: usize) -> usize {
    // What the tallest passes before the last two take is the same whatever these are.
    let tallest = tile::heights_of::<f32>(many_registers)[0];
    let left = if left < 2 * tallest { left } else { tallest + left % tallest };
    if many_registers { PASSES_OF_MANY[left] } else { PASSES_OF_FEW[left] }
}

const PASSES_OF_MANY: [usize; 2 * MOST_TOGETHER] = passes(tile::heights_of::<f32>(true));
const PASSES_OF_FEW: [usize; 2 * MOST_TOGETHER] = passes(tile::heights_of::<f32>(false));

/// The next pass for each number of tiles that may be left.
const fn passes(heights: &[usize]) -> [usize; 2 * MOST_TOGETHER] {
    let mut passes = [1; 2 * MOST_TOGETHER];
    let mut left = 1;
    while left < passes.len() {
        let (mut least, mut at) = (usize::MAX, 0);
        while at < heights.len() {
            let all = cost_of_pass(heights[at]) + cost_of_rest(heights, left.saturating_sub(heights[at]));
            if all < least {
                (least, passes[left]) = (all, heights[at]);
            }
            at += 1;
        }
        left += 1;
    }
    passes
}

/// What a pass takes: a multiply-add for each tile, and no fewer than it takes one to end; and reading the weights.
const fn cost_of_pass(height: usize) -> usize {
    (if height < SHORTEST { SHORTEST } else { height }) + 2
}

/// What the passes after it take, if all but the last are the tallest.
const fn cost_of_rest(heights: &[usize], left: usize) -> usize {
    let last = left % heights[0];
    let all_but_last = left / heights[0] * cost_of_pass(heights[0]);
    if last == 0 { all_but_last } else { all_but_last + cost_of_pass(tile::height_for(heights, last)) }
}

/// A pass over fewer tiles takes no less time.
const SHORTEST: usize = 4;

/// So many tiles, and the blanks that are computed with them.
pub(in crate::conv) fn with_blanks<A: Lanes>(level: Level, tiles: usize) -> f64 {
    let tallest = tile::heights::<A>(level)[0];
    // All but the last passes are the tallest.
    let mut all = (tiles / tallest).saturating_sub(1) * tallest;
    let mut left = tiles - all;
    while left > 0 {
        let together = together(has_many_registers::<A>(level), left);
        all += together.max(SHORTEST);
        left = left.saturating_sub(together);
    }
    all as f64
}

/// The second step, for one block of filters, `REGISTERS` registers wide: M.
#[inline(always)]
pub(super) fn multiply<S: Simd, A: Lanes, const REGISTERS: usize>(
    simd: S,
    tiling: Tiling,
    tiles: usize,
    weights: &[A],
    scratch: &mut Scratch<'_, A>,
) {
    let width = REGISTERS * A::Vector::<S>::LEN;
    let (patch, points) = (tiling.patch(), tiling.points());
    let of_point = weights.len() / points;
    let mut next = weights.chunks_exact(of_point).skip(1);
    for (point, (values, weights)) in
        scratch.values.chunks_exact(scratch.point).zip(weights.chunks_exact(of_point)).enumerate()
    {
        let channels = tiling.channels_at([point / patch, point % patch], of_point / width);
        let weights = &weights[channels.start * width..channels.end * width];
        if let Some(next) = next.next() {
            cache::ask_for_pages(next);
        }
        let mut first = 0;
        while first < tiles {
            let together = together(Facts::<S, A>::MANY_REGISTERS, tiles - first);
            let values = &values[channels.start * tiles + first..];
            let products = &mut scratch.products[(first * points + point) * width..];
            with_height!(S, A, together, |TOGETHER| outlined(
                simd,
                #[inline(always)]
                || multiply_together::<S, A, TOGETHER, REGISTERS>(simd, (values, tiles), weights, products, points),
            ));
            first += together;
        }
    }
}

/// The same for `TOGETHER` tiles at a point, of values `[channel, tile]` that have so many tiles in all. The products of a tile lie so
/// many points behind those of the tile before.
#[inline(always)]
fn multiply_together<S: Simd, A: Lanes, const TOGETHER: usize, const REGISTERS: usize>(
    simd: S,
    (values, tiles): (&[A], usize),
    weights: &[A],
    products: &mut [A],
    points: usize,
) {
    let width = REGISTERS * A::Vector::<S>::LEN;
    let sums = tile::sums::<S, A, TOGETHER, REGISTERS>(simd, values, tiles, weights);
    unrolled::<TOGETHER>(
        #[inline(always)]
        |tile| store::<S, A, REGISTERS>(sums[tile], &mut products[tile * points * width..]),
    );
}

/// The outputs of a row of tiles for one register of filters, as `[row, column]` of `length` columns for each filter.
#[inline(always)]
pub(super) fn outputs_of_row<S: Simd, A: Lanes + Float>(
    simd: S,
    patch: usize,
    (products, registers): (&[A], usize),
    group: &mut [A],
    (maps, length): (&mut [&mut [A]], usize),
    finish: Epilogue<'_, A>,
) {
    let width = registers * A::Vector::<S>::LEN;
    with_patch!(patch, |PATCH, TILE| outlined(
        simd,
        #[inline(always)]
        || outputs_in_groups::<S, A, PATCH, TILE>(simd, (products, width), group, (maps, length), finish),
    ));
}

/// The same for patches of one size.
#[inline(always)]
fn outputs_in_groups<S: Simd, A: Lanes + Float, const PATCH: usize, const TILE: usize>(
    simd: S,
    (products, width): (&[A], usize),
    group: &mut [A],
    (maps, length): (&mut [&mut [A]], usize),
    finish: Epilogue<'_, A>,
) {
    let (lanes, side) = (A::Vector::<S>::LEN, finish.stored(TILE));
    // From right to left, as the last group spills into the next row of outputs.
    for first in (0..length).step_by(GROUP).rev() {
        let pixels = GROUP.min(length - first);
        for tile in 0..pixels.div_ceil(side) {
            let products = &products[(first / side + tile) * PATCH * PATCH * width..];
            let group = &mut group[tile * side * lanes..];
            match finish.quads {
                // Layers with a stride, or in small tiles, are not pooled: they need not be compiled for it.
                Some(_) if const { PATCH == LARGE_PATCH } => {
                    pooled_outputs_of_tile::<S, A, PATCH>(simd, products, width, group, finish);
                }
                _ => outputs_of_tile::<S, A, PATCH, TILE>(simd, products, width, group),
            }
        }
        for (row, group) in group.chunks_exact(GROUP * lanes).take(side).enumerate() {
            store_maps(simd, (group, lanes), maps, [row * length + first, pixels], finish);
        }
    }
}

/// The outputs of a tile, from its products at all points, into its columns of a group.
#[inline(always)]
fn outputs_of_tile<S: Simd, A: Lanes + Float, const PATCH: usize, const TILE: usize>(
    simd: S,
    products: &[A],
    width: usize,
    group: &mut [A],
) {
    let lanes = A::Vector::<S>::LEN;
    let columns = columns_of_tile::<S, A, PATCH, TILE>(simd, products, width);
    for row in 0..TILE {
        let row_of_tile = outputs::<S, A, PATCH, TILE>(simd, columns[row]);
        for column in 0..TILE {
            row_of_tile[column].store_slice(&mut group[(row * GROUP + column) * lanes..][..lanes]);
        }
    }
}

/// The same, pooled.
#[inline(always)]
fn pooled_outputs_of_tile<S: Simd, A: Lanes + Float, const PATCH: usize>(
    simd: S,
    products: &[A],
    width: usize,
    group: &mut [A],
    finish: Epilogue<'_, A>,
) {
    let lanes = A::Vector::<S>::LEN;
    let columns = columns_of_tile::<S, A, PATCH, LARGE_TILE>(simd, products, width);
    for row in 0..LARGE_TILE / 2 {
        let upper = outputs::<S, A, PATCH, LARGE_TILE>(simd, columns[2 * row]);
        let lower = outputs::<S, A, PATCH, LARGE_TILE>(simd, columns[2 * row + 1]);
        for column in 0..LARGE_TILE / 2 {
            let [left, right] = [2 * column, 2 * column + 1];
            let pooled = finish.pooled(simd, [[upper[left], upper[right]], [lower[left], lower[right]]]);
            pooled.store_slice(&mut group[(row * GROUP + column) * lanes..][..lanes]);
        }
    }
}

/// The products of a tile, with its columns transformed: `[row, point of the row]`.
#[inline(always)]
fn columns_of_tile<S: Simd, A: Lanes + Float, const PATCH: usize, const TILE: usize>(
    simd: S,
    products: &[A],
    width: usize,
) -> [[A::Vector<S>; PATCH]; TILE] {
    let mut columns = [[A::Vector::<S>::splat(simd, A::default()); PATCH]; TILE];
    for column in 0..PATCH {
        let of_column = outputs::<S, A, PATCH, TILE>(simd, load(simd, &products[column * width..], PATCH * width));
        for row in 0..TILE {
            columns[row][column] = of_column[row];
        }
    }
    columns
}

/// Copies rows that follow each other without a gap to where they, and the numbers of each, are so far apart.
#[inline(always)]
pub(super) fn copy_rows<A: Copy>(from: &[A], length: usize, rows: usize, to: &mut [A], [down, across]: [usize; 2]) {
    if length == down {
        to[..rows * length].copy_from_slice(&from[..rows * length]);
        return;
    }
    for (to, from) in to.chunks_mut(down).zip(from.chunks_exact(length)).take(rows) {
        match across {
            1 => to[..length].copy_from_slice(from),
            _ => to.iter_mut().step_by(across).zip(from).for_each(|(to, from)| *to = *from),
        }
    }
}

/// Registers of numbers that start `stride` apart. (`array::from_fn` is not always inlined.)
#[inline(always)]
fn load<S: Simd, A: Lanes, const COUNT: usize>(simd: S, numbers: &[A], stride: usize) -> [A::Vector<S>; COUNT] {
    let mut registers = [A::Vector::<S>::splat(simd, A::default()); COUNT];
    for (number, register) in registers.iter_mut().enumerate() {
        *register = A::Vector::<S>::from_slice(simd, &numbers[number * stride..][..A::Vector::<S>::LEN]);
    }
    registers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_take_no_longer_than_the_tallest_alone() {
        for many_registers in [false, true] {
            let heights = tile::heights_of::<f32>(many_registers);
            for tiles in 1..200_usize {
                let (mut left, mut all) = (tiles, 0);
                while left > 0 {
                    let pass = together(many_registers, left);
                    assert!(heights.contains(&pass), "{pass} of {left}");
                    all += cost_of_pass(pass);
                    left = left.saturating_sub(pass);
                }
                assert!(all <= tiles.div_ceil(heights[0]) * cost_of_pass(heights[0]), "{tiles} tiles");
                assert!(all <= cost_of_rest(heights, tiles), "{tiles} tiles");
            }
        }
    }
}
