//! The last two steps where channels are few: the products of some tiles and filters never leave the registers.
//!
//! ```text
//!     V[some registers of tiles][row of points][channel][register][point of the row][tile]
//!     U[some filters]           [row of points][channel][filter]  [point of the row]
//! ```
//!
//! A row of points at a time is multiplied and transformed to four columns, then the columns to four rows. Lanes are tiles to the
//! end, so that neighbouring pixels need only be dealt together to lie as the output does.

use std::ops::Range;

use ndarray::Axis;

use super::steps::{Scratch, copy_row};
use super::transforms::{LARGE_TILE as TILE, outputs};
use super::{Part, Tiling, Winograd};
use crate::Float;
use crate::kernels::epilogue::Epilogue;
use crate::simd::{Lanes, Level, Simd, Vector, WIDEST_REGISTER, lanes, outline};

outline!();

/// The most channels for which this takes less time than writing the products out and reading them again.
const MOST_CHANNELS: usize = 24;

/// V of a block takes at most this much, so that it stays in the second-level cache; the part that is read for all filters
/// stays in the first.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;

/// Maps of so many bytes stay in the second-level cache.
const CACHED_BYTES: usize = 768 * 1024;

/// The most tiles of a block: the outputs of all of them for some filters stay in the first-level cache.
pub(super) const MOST_TILES: usize = 176;

/// Filters whose sums are in registers together: each register of V that is loaded serves all of them.
pub(super) const FILTERS: usize = 2;

/// Whether a layer of so many channels is computed by these steps.
pub(super) fn suits(channels: usize) -> bool {
    channels <= MOST_CHANNELS
}

/// Registers of tiles whose sums are in registers together, where these have so many bytes: of 32 registers the sums take 24, of
/// 16 they take 12.
const fn registers_together(bytes: usize) -> usize {
    if bytes == WIDEST_REGISTER { 2 } else { 1 }
}

/// Where the weight of a filter and a channel, of those computed together, for a point stands in U.
pub(super) fn place_of_weight(
    tiling: Tiling,
    [filter, filters]: [usize; 2],
    [channel, channels]: [usize; 2],
    point: usize,
) -> usize {
    let (row, column) = (point / tiling.patch(), point % tiling.patch());
    ((row * channels + channel) * filters + filter) * tiling.patch() + column
}

/// How many numbers of V, of the halves and of the finished outputs a block of so many tiles takes.
pub(super) fn lengths<A: Lanes>(level: Level, tiling: Tiling, channels: usize, tiles: usize) -> [usize; 3] {
    let lanes = lanes::<A>(level);
    let together = registers_together(lanes * size_of::<A>()) * FILTERS;
    let tiles = tiles.next_multiple_of(lanes);
    [tiling.points() * channels * tiles, together * tiling.patch() * TILE * lanes, FILTERS * TILE * TILE * tiles]
}

/// Where the values of the tiles from the `first` on stand in V, for a channel of many and a point.
#[inline(always)]
pub(super) fn place<S: Simd, A: Lanes, const PATCH: usize>(
    tiles: usize,
    first: usize,
    [channel, channels]: [usize; 2],
    [row, column]: [usize; 2],
) -> usize {
    let lanes = A::Vector::<S>::LEN;
    let (register, registers) = (first / lanes, tiles.div_ceil(lanes));
    let together = registers_together(lanes * size_of::<A>());
    let start = register / together * together;
    let (within, beside) = (register - start, together.min(registers - start));
    (start * PATCH * PATCH * channels + ((row * channels + channel) * beside + within) * PATCH + column) * lanes
}

/// All outputs of one block of one image, from V.
#[inline(always)]
pub(super) fn outputs_of_block<S: Simd, A: Lanes + Float, const PATCH: usize>(
    simd: S,
    winograd: &mut Winograd<'_, A>,
    part: Part,
    scratch: &mut Scratch<'_, A>,
) {
    let of_filter = PATCH * PATCH * winograd.channels();
    let (width, tiling) = (winograd.output.dim().3, winograd.tiling);
    let lanes = A::Vector::<S>::LEN;
    let at_once = part.block.columns >= lanes
        && tiling.dilation[1] == 1
        && winograd.output.len() * size_of::<A>() <= CACHED_BYTES;
    let mut maps = winograd.output.index_axis_mut(Axis(0), part.image);
    let filters = maps.len_of(Axis(0));
    let (mut maps, mut weights) = (maps.outer_iter_mut(), winograd.weights);
    for filter in (0..filters).step_by(FILTERS) {
        let together = FILTERS.min(filters - filter);
        let (here, rest) = weights.split_at(together * of_filter);
        weights = rest;
        let mut of_filters = [&mut [][..], &mut [][..]];
        for (of_filter, map) in of_filters[..together].iter_mut().zip(&mut maps) {
            *of_filter = map.into_slice().expect("every map lies in one piece");
        }
        let finish = winograd.finish.from(filter);
        let mut some = Filters { part, width, tiling, weights: here, finish, maps: of_filters, at_once };
        match together {
            1 => some.each_register::<S, 1, PATCH>(simd, scratch),
            _ => some.each_register::<S, FILTERS, PATCH>(simd, scratch),
        }
    }
}

/// The filters that are computed together.
struct Filters<'a, 'm, A> {
    part: Part,
    /// Columns of a map.
    width: usize,
    tiling: Tiling,
    weights: &'a [A],
    finish: Epilogue<'a, A>,
    maps: [&'m mut [A]; FILTERS],
    /// Whether registers are stored in the maps as they come. Maps that are larger than a cache are written faster in long runs:
    /// of all tiles of a block.
    at_once: bool,
}

impl<A: Lanes + Float> Filters<'_, '_, A> {
    /// Goes through all registers of tiles.
    #[inline(always)]
    fn each_register<S: Simd, const TOGETHER: usize, const PATCH: usize>(
        &mut self,
        simd: S,
        scratch: &mut Scratch<'_, A>,
    ) {
        let registers = self.part.block.tiles().div_ceil(A::Vector::<S>::LEN);
        let together = registers_together(A::Vector::<S>::LEN * size_of::<A>());
        for register in (0..registers).step_by(together) {
            match together.min(registers - register) {
                1 => outlined(
                    simd,
                    #[inline(always)]
                    || self.registers::<S, 1, TOGETHER, PATCH>(simd, register, scratch),
                ),
                _ => outlined(
                    simd,
                    #[inline(always)]
                    || self.registers::<S, 2, TOGETHER, PATCH>(simd, register, scratch),
                ),
            }
        }
        if !self.at_once {
            let of_map = scratch.maps.len() / FILTERS;
            for (filter, outputs) in scratch.maps.chunks_exact(of_map).take(TOGETHER).enumerate() {
                self.copy(simd, filter, 0..self.part.block.tiles(), outputs);
            }
        }
    }

    /// The outputs of some registers of tiles.
    #[inline(always)]
    fn registers<S: Simd, const REGISTERS: usize, const TOGETHER: usize, const PATCH: usize>(
        &mut self,
        simd: S,
        register: usize,
        scratch: &mut Scratch<'_, A>,
    ) {
        let lanes = A::Vector::<S>::LEN;
        let of_register = self.weights.len() / TOGETHER * lanes;
        let values = &scratch.values[register * of_register..][..REGISTERS * of_register];
        halves::<S, A, REGISTERS, TOGETHER, PATCH>(simd, self.tiling, values, self.weights, scratch.group);
        let of_map = scratch.maps.len() / FILTERS;
        let mut halves = scratch.group.chunks_exact(PATCH * TILE * lanes);
        for number in 0..REGISTERS {
            for filter in 0..TOGETHER {
                let Some(halves) = halves.next() else { return };
                let mut sums = [[A::Vector::<S>::splat(simd, A::default()); TILE]; TILE];
                for column in 0..TILE {
                    let mut points = [A::Vector::<S>::splat(simd, A::default()); PATCH];
                    for row in 0..PATCH {
                        let at = (row * TILE + column) * lanes;
                        points[row] = A::Vector::<S>::from_slice(simd, &halves[at..][..lanes]);
                    }
                    let of_column = outputs::<S, A, PATCH, TILE>(simd, points);
                    for row in 0..TILE {
                        sums[row][column] = of_column[row];
                    }
                }
                let outputs = &mut scratch.maps[filter * of_map..][..of_map];
                // Layers with a stride are not pooled: they need not be compiled for it.
                if PATCH == TILE + 2 && self.finish.quads.is_some() {
                    self.put::<S, { TILE / 2 }>(simd, filter, register + number, self.pooled(simd, &sums), outputs);
                } else {
                    self.put::<S, TILE>(simd, filter, register + number, sums, outputs);
                }
            }
        }
    }

    /// The sums of a register of tiles, pooled.
    #[inline(always)]
    fn pooled<S: Simd>(&self, simd: S, sums: &[[A::Vector<S>; TILE]; TILE]) -> [[A::Vector<S>; TILE / 2]; TILE / 2] {
        let mut pooled = [[sums[0][0]; TILE / 2]; TILE / 2];
        for row in 0..TILE / 2 {
            for column in 0..TILE / 2 {
                let [upper, lower] = [&sums[2 * row], &sums[2 * row + 1]];
                let [left, right] = [2 * column, 2 * column + 1];
                let quad = [[upper[left], upper[right]], [lower[left], lower[right]]];
                pooled[row][column] = self.finish.pooled(simd, quad);
            }
        }
        pooled
    }

    /// Stores the outputs of a register of tiles, `SIDE` by `SIDE` each, in the map or among those that are copied there later.
    #[inline(always)]
    fn put<S: Simd, const SIDE: usize>(
        &mut self,
        simd: S,
        filter: usize,
        register: usize,
        mut sums: [[A::Vector<S>; SIDE]; SIDE],
        outputs: &mut [A],
    ) {
        let lanes = A::Vector::<S>::LEN;
        for row in 0..SIDE {
            for column in 0..SIDE {
                sums[row][column] = self.finish.apply(simd, filter, sums[row][column]);
            }
        }
        if self.at_once && self.store::<S, SIDE>(register, filter, &sums) {
            return;
        }
        for line in 0..SIDE {
            let at = line * (outputs.len() / SIDE) + register * SIDE * lanes;
            store_dealt::<S, A, SIDE>(&sums[line], &mut outputs[at..]);
        }
        if self.at_once {
            let end = ((register + 1) * lanes).min(self.part.block.tiles());
            self.copy(simd, filter, register * lanes..end, outputs);
        }
    }

    /// Stores the outputs of a register of tiles in the map, if they lie in one row of tiles; says whether they do.
    #[inline(always)]
    fn store<S: Simd, const SIDE: usize>(
        &mut self,
        register: usize,
        filter: usize,
        sums: &[[A::Vector<S>; SIDE]; SIDE],
    ) -> bool {
        let (block, lanes) = (self.part.block, A::Vector::<S>::LEN);
        let (row, tile) = (register * lanes / block.columns, register * lanes % block.columns);
        if (tile + lanes) * SIDE > self.length() || self.lines(row) < SIDE {
            return false;
        }
        let (place, distance) = (self.place(row, tile), self.tiling.dilation[0] * self.width);
        let map = &mut self.maps[filter][place..];
        for line in 0..SIDE {
            store_dealt::<S, A, SIDE>(&sums[line], &mut map[line * distance..]);
        }
        true
    }

    /// Copies the outputs of some tiles, `[row, column]`, to their places in the map.
    #[inline(always)]
    fn copy<S: Simd>(&mut self, simd: S, filter: usize, tiles: Range<usize>, outputs: &[A]) {
        let (columns, [down, across]) = (self.part.block.columns, self.tiling.dilation);
        let (side, length) = (self.side(), self.length());
        let (between, distance) = (outputs.len() / side, down * self.width);
        let (mut row, mut tile) = (tiles.start / columns, tiles.start % columns);
        let mut first = tiles.start;
        while first < tiles.end {
            let count = (columns - tile).min(tiles.end - first);
            let pixels = (count * side).min(length - tile * side);
            let (place, lines) = (self.place(row, tile), self.lines(row));
            let map = &mut self.maps[filter][place..];
            for line in 0..lines {
                copy_row(
                    simd,
                    &outputs[line * between + first * side..][..pixels],
                    &mut map[line * distance..],
                    across,
                );
            }
            first += count;
            (row, tile) = (row + 1, 0);
        }
    }

    /// Outputs of a tile along an axis.
    #[inline(always)]
    fn side(&self) -> usize {
        self.finish.stored(TILE)
    }

    /// Outputs in a row of the block.
    #[inline(always)]
    fn length(&self) -> usize {
        let (Part { phase, block, column, .. }, side) = (self.part, self.side());
        (block.columns * side).min(phase.outputs[1] - column * side)
    }

    /// Rows of outputs in a row of its tiles.
    #[inline(always)]
    fn lines(&self, row: usize) -> usize {
        self.side().min(self.part.phase.outputs[0] - (self.part.row + row) * self.side())
    }

    /// Where the outputs of one of its tiles start in a map.
    #[inline(always)]
    fn place(&self, row: usize, tile: usize) -> usize {
        let (Part { phase, row: first, column, .. }, [down, across]) = (self.part, self.tiling.dilation);
        let row = phase.first[0] + (first + row) * self.side() * down;
        row * self.width + phase.first[1] + (column + tile) * self.side() * across
    }
}

/// The products at each row of points, transformed along the row: `[register][filter][row of points][column][tile]`.
#[inline(always)]
fn halves<S: Simd, A: Lanes + Float, const REGISTERS: usize, const TOGETHER: usize, const PATCH: usize>(
    simd: S,
    tiling: Tiling,
    values: &[A],
    weights: &[A],
    halves: &mut [A],
) {
    let lanes = A::Vector::<S>::LEN;
    let zero = A::Vector::<S>::splat(simd, A::default());
    let channels = weights.len() / (PATCH * TOGETHER * PATCH);
    for row in 0..PATCH {
        let mut products = [[[zero; PATCH]; TOGETHER]; REGISTERS];
        for channel in tiling.channels_at([row, 0], channels) {
            let at = row * channels + channel;
            let values = &values[at * REGISTERS * PATCH * lanes..][..REGISTERS * PATCH * lanes];
            let weights = &weights[at * TOGETHER * PATCH..][..TOGETHER * PATCH];
            for point in 0..PATCH {
                let mut of_point = [zero; TOGETHER];
                for filter in 0..TOGETHER {
                    of_point[filter] = A::Vector::<S>::splat(simd, weights[filter * PATCH + point]);
                }
                for register in 0..REGISTERS {
                    let values = &values[(register * PATCH + point) * lanes..][..lanes];
                    let values = A::Vector::<S>::from_slice(simd, values);
                    for filter in 0..TOGETHER {
                        let sum = products[register][filter][point];
                        products[register][filter][point] = <A as Lanes>::mul_add::<S>(values, of_point[filter], sum);
                    }
                }
            }
        }
        for register in 0..REGISTERS {
            for filter in 0..TOGETHER {
                let columns = outputs::<S, A, PATCH, TILE>(simd, products[register][filter]);
                let at = ((register * TOGETHER + filter) * PATCH + row) * TILE * lanes;
                let place = &mut halves[at..][..TILE * lanes];
                for column in 0..TILE {
                    columns[column].store_slice(&mut place[column * lanes..][..lanes]);
                }
            }
        }
    }
}

/// Stores the columns of tiles side by side: a pixel of each in turn, of two or of four.
#[inline(always)]
fn store_dealt<S: Simd, A: Lanes, const SIDE: usize>(columns: &[A::Vector<S>; SIDE], into: &mut [A]) {
    let lanes = A::Vector::<S>::LEN;
    let into = &mut into[..SIDE * lanes];
    let half = SIDE / 2;
    let mut pairs = *columns;
    for column in 0..half {
        pairs[2 * column] = columns[column].zip_low(columns[column + half]);
        pairs[2 * column + 1] = columns[column].zip_high(columns[column + half]);
    }
    if SIDE == 2 {
        pairs[0].store_slice(&mut into[..lanes]);
        pairs[1].store_slice(&mut into[lanes..][..lanes]);
        return;
    }
    for pair in 0..half {
        pairs[pair].zip_low(pairs[pair + half]).store_slice(&mut into[2 * pair * lanes..][..lanes]);
        pairs[pair].zip_high(pairs[pair + half]).store_slice(&mut into[(2 * pair + 1) * lanes..][..lanes]);
    }
}
