//! The first step: from the pixels under a block of tiles to V.
//!
//! Rows are transformed before columns, a register of tiles at a time. Pixels that lie row by row are read where they lie, and what a
//! register reads beside them is padding, zeros; others are packed first.

use ndarray::{ArrayView4, Axis, Slice};

use super::steps::Scratch;
use super::transforms::{pixel_values, with_patch};
use super::{Block, PlacedBlock, Winograd};
use crate::Float;
use crate::conv::pack::{Pack, pack};
use crate::conv::packing::{PackedAxis, Packing};
use crate::simd::{LaneOrder, Lanes, Mask, Simd, Vector, blank, cache, in_order, mask, order, outline};
use crate::window::PaddingMode;

outline!();

impl<A: Lanes + Float> Winograd<'_, A> {
    /// All of V; and whether all pixels, and their squares, are finite.
    #[inline(always)]
    pub(super) fn transform_pixels<S: Simd>(&self, simd: S, part: PlacedBlock, scratch: &mut Scratch<'_, A>) -> bool {
        let PlacedBlock { phase, block, image, row, column } = part;
        let [rows, columns] = self.block.pixels(self.tiling);
        let start = [self.start[1] / self.tiling.dilation[0], self.start[2] / self.tiling.dilation[1]];
        let (tile, patch) = (self.tiling.tile, self.tiling.patch());
        let first = [0, start[0] + row * tile, start[1] + column * tile];
        let (tiles, channels, lanes) = (block.rows * block.columns, self.channels(), A::Vector::<S>::LEN);
        let channels_of_phase = self.input.len_of(Axis(1));
        // Phases of a dilated window are alike.
        let segments = segments::<S, A>(&self.packings[phase.number], block, [tile, patch], first[2]);
        let of_segment = lanes / segments;
        let side_by_side = match segments {
            // Not used, and it takes as long as some rows.
            1 => LaneOrder::<S, A>::splat(simd, 0),
            _ => order::<S, A>(simd, |tile| (tile / block.columns * of_segment + tile % block.columns).min(lanes - 1)),
        };
        let mut squares = A::Vector::<S>::splat(simd, A::default());
        for channel in 0..channels {
            let packing = &self.packings[phase.number + channel / channels_of_phase];
            let of_phase = channel % channels_of_phase;
            for number in 0..block.images {
                let image = self.input.index_axis(Axis(0), image + number);
                let pixels = &mut scratch.pixels[..];
                let place = [of_phase, first[1], first[2]];
                let source = PatchSource::of(packing, block, [tile, patch], &image, place, [lanes, segments])
                    .unwrap_or_else(|| {
                        let image = image.slice_axis(Axis(0), Slice::from(of_phase..of_phase + 1));
                        pack(simd.level(), Pack { packing, image, first, packed: &mut pixels[..rows * columns] });
                        PatchSource::packed(pixels, scratch.row, rows)
                    });
                if channel + 1 < channels {
                    source.ask_for_next(block.columns * tile);
                }
                let (half, halves) = (scratch.half, &mut *scratch.halves);
                // What is stored behind the last tile is overwritten by the next image or channel.
                let before = channel * block.tiles() + number * tiles;
                let values = (&mut scratch.values[before..], scratch.point);
                squares += with_patch!(patch, |PATCH, TILE| outlined(
                    simd,
                    #[inline(always)]
                    || {
                        let squares = match segments {
                            4 if const { TILE == 4 && PATCH == TILE + 2 } => {
                                source.outlined_rows::<S, PATCH, TILE, 4>(simd, block, side_by_side, half, halves)
                            }
                            2 if const { PATCH == TILE + 2 } => {
                                source.outlined_rows::<S, PATCH, TILE, 2>(simd, block, side_by_side, half, halves)
                            }
                            _ => source.outlined_rows::<S, PATCH, TILE, 1>(simd, block, side_by_side, half, halves),
                        };
                        transform_columns::<S, A, PATCH, TILE>(simd, block, (halves, half), values);
                        squares
                    },
                ));
            }
        }
        squares.as_slice().iter().all(|&square| square < A::HIGHEST)
    }
}

/// How many rows of tiles are transformed side by side in a register: where rows are short, one would leave it empty. All the tiles of
/// a row, and all the pixels under them that are not padding, lie in its segment then.
#[inline(always)]
fn segments<S: Simd, A: Lanes>(packing: &Packing, block: Block, [tile, patch]: [usize; 2], first: usize) -> usize {
    let (across, lanes) = (&packing.axes[2], A::Vector::<S>::LEN);
    let under_tiles = block.columns * tile + patch - tile;
    let pixels = match across.mode {
        PaddingMode::Zeros if across.stride == 1 => across.pixels_end().saturating_sub(first),
        _ => usize::MAX,
    };
    let fits = |segments: &usize| {
        let tiles = lanes / segments;
        block.columns <= tiles && under_tiles.min(pixels) <= tiles * tile
    };
    // The largest patches are not worth compiling it, and the shortest registers are full.
    let worth = patch == tile + 2 && size_of::<A::Vector<S>>() > 16;
    [4, 2].into_iter().find(|segments| worth && *segments <= tile && fits(segments)).unwrap_or(1)
}

/// Where the pixels under a block stand, in one channel of one image.
struct PatchSource<'a, A> {
    pixels: &'a [A],
    /// From row to row.
    distance: usize,
    /// The place of the first, where it is a pixel.
    origin: isize,
    /// The rows and the columns that are pixels, from the first under the block on; others are zeros. What stands beside these
    /// columns may be read.
    rows: [usize; 2],
    columns: [usize; 2],
    /// How far ahead those of the next channel stand.
    next: Option<usize>,
}

impl<'a, A: Lanes + Float> PatchSource<'a, A> {
    /// Pixels that have been packed, so many rows, so far apart.
    #[inline(always)]
    fn packed(pixels: &'a [A], distance: usize, rows: usize) -> Self {
        Self { pixels, distance, origin: 0, rows: [0, rows], columns: [0, usize::MAX], next: None }
    }

    /// Pixels where they lie: the block starts with a channel, row and column of the padded image. `None` where they do not lie
    /// row by row, where their padding is not zeros, and where registers of so many lanes and segments would read what is not of the
    /// image.
    #[inline(always)]
    fn of(
        packing: &Packing,
        block: Block,
        [tile, patch]: [usize; 2],
        image: &ArrayView4<'a, A>,
        [channel, row, column]: [usize; 3],
        [lanes, segments]: [usize; 2],
    ) -> Option<Self> {
        let [_, down, across] = &packing.axes;
        if (down.stride, across.stride, across.mode) != (1, 1, PaddingMode::Zeros) {
            return None;
        }
        let pixels = image.to_slice()?;
        let [height, width] = [down.axis.length(), across.axis.length()];
        // Which of so many, from a place of the padded axis on, are pixels that a window reads.
        let real = |place: usize, count: usize, axis: &PackedAxis| {
            [axis.axis.before(), axis.pixels_end()].map(|end| end.saturating_sub(place).min(count))
        };
        let rows = real(row, block.rows * tile + patch - tile, down);
        let columns = real(column, usize::MAX, across);
        let place = |place: usize, before: usize| place.cast_signed() - before.cast_signed();
        let (top, left) = (place(row, down.axis.before()), place(column, across.axis.before()));
        let origin = ((channel * height).cast_signed() + top) * width.cast_signed() + left;
        let reach = match segments {
            1 => block.columns.next_multiple_of(lanes) * tile,
            _ => lanes / segments * tile,
        };
        let begin = origin + (rows[0] * width).cast_signed();
        let end = origin + (rows[1].saturating_sub(1) * width + reach).cast_signed();
        let inside = rows[0] < rows[1] && begin >= 0 && end <= pixels.len().cast_signed();
        let next = Some(height * width);
        inside.then_some(Self { pixels, distance: width, origin, rows, columns, next })
    }

    /// Asks for so many columns of the next channel: its rows are too short to be fetched ahead.
    #[inline(always)]
    fn ask_for_next(&self, columns: usize) {
        let Some(next) = self.next else { return };
        for row in self.rows[0]..self.rows[1] {
            let at = self.origin + (next + row * self.distance + self.columns[0]).cast_signed();
            let pixels = self.pixels.get(at.cast_unsigned()..).unwrap_or_default();
            cache::ask_for(&pixels[..columns.min(pixels.len())]);
            // The last line, too, where the row begins within one.
            cache::ask_for(pixels.get(columns - 1..columns).unwrap_or_default());
        }
    }

    /// `TILE` registers of pixels dealt out as the pixels of tiles: rows `row`, `row + TILE`, …, as many as there are segments.
    #[inline(always)]
    fn tiles<S: Simd, const TILE: usize, const SEGMENTS: usize>(
        &self,
        simd: S,
        row: usize,
        column: usize,
        masks: Option<[Mask<S, A>; TILE]>,
    ) -> [A::Vector<S>; TILE] {
        let lanes = A::Vector::<S>::LEN;
        let of_segment = TILE / SEGMENTS;
        let mut registers = [A::Vector::<S>::splat(simd, A::default()); TILE];
        for segment in 0..SEGMENTS {
            let row = row + segment * TILE;
            if row < self.rows[0] || row >= self.rows[1] {
                continue;
            }
            let at = self.origin + (row * self.distance + column).cast_signed();
            let pixels = &self.pixels[at.cast_unsigned()..][..of_segment * lanes];
            for register in 0..of_segment {
                let pixels = A::Vector::<S>::from_slice(simd, &pixels[register * lanes..][..lanes]);
                registers[segment * of_segment + register] = match masks {
                    Some(masks) => blank::<S, A>(simd, pixels, masks[register]),
                    None => pixels,
                };
            }
        }
        dealt::<S, A, TILE>(registers)
    }

    /// A pixel of a row and a column under the block; zero beyond the pixels.
    #[inline(always)]
    fn pixel(&self, row: usize, column: usize) -> A {
        if row < self.rows[0] || row >= self.rows[1] || column < self.columns[0] || column >= self.columns[1] {
            return A::default();
        }
        let at = self.origin + (row * self.distance + column).cast_signed();
        self.pixels.get(at.cast_unsigned()).copied().unwrap_or_default()
    }

    /// Which lanes of the registers from a column on are pixels, where not all are.
    #[inline(always)]
    fn masks<S: Simd, const TILE: usize, const SEGMENTS: usize>(
        &self,
        simd: S,
        column: usize,
    ) -> Option<[Mask<S, A>; TILE]> {
        let lanes = A::Vector::<S>::LEN;
        let [left, right] = self.columns.map(|end| end.saturating_sub(column));
        if left == 0 && right >= TILE / SEGMENTS * lanes {
            return None;
        }
        let mut masks = [mask::<S, A>(simd, 0); TILE];
        for (register, of_register) in masks.iter_mut().enumerate().take(TILE / SEGMENTS) {
            let bits = |end: usize| (1_u64 << end.saturating_sub(register * lanes).min(lanes)) - 1;
            *of_register = mask::<S, A>(simd, bits(right) & !bits(left));
        }
        Some(masks)
    }

    /// [`transform_rows`](Self::transform_rows), as a function of its own.
    #[inline(always)]
    fn outlined_rows<S: Simd, const PATCH: usize, const TILE: usize, const SEGMENTS: usize>(
        &self,
        simd: S,
        block: Block,
        side_by_side: LaneOrder<S, A>,
        half: usize,
        halves: &mut [A],
    ) -> A::Vector<S> {
        outlined(
            simd,
            #[inline(always)]
            || self.transform_rows::<S, PATCH, TILE, SEGMENTS>(simd, block, side_by_side, half, halves),
        )
    }

    /// Transforms the rows of pixels, each for all tiles along it. The lanes are tiles, of `SEGMENTS` rows of tiles; those beyond the
    /// last one are overwritten by the next row. Returns the sums of the squares of all pixels that were read: no number if one of
    /// them is none, infinite if one is infinite or too large.
    #[inline(always)]
    fn transform_rows<S: Simd, const PATCH: usize, const TILE: usize, const SEGMENTS: usize>(
        &self,
        simd: S,
        block: Block,
        side_by_side: LaneOrder<S, A>,
        half: usize,
        halves: &mut [A],
    ) -> A::Vector<S> {
        let mut squares = A::Vector::<S>::splat(simd, A::default());
        let lanes = A::Vector::<S>::LEN;
        let of_segment = lanes / SEGMENTS;
        // The patch of a tile ends with the first pixels of the next, which the last of a register lacks, and of a segment: there they are
        // padding.
        let ends = (0..SEGMENTS).map(|segment| 1_u64 << ((segment + 1) * of_segment - 1)).sum::<u64>();
        let has_next = mask::<S, A>(simd, !ends & ((1 << lanes) - 1));
        let first_masks = self.masks::<S, TILE, SEGMENTS>(simd, 0);
        for row in 0..TILE {
            let of_row = &mut halves[row * PATCH * half..][..PATCH * half];
            let rows = (block.rows * TILE + PATCH - TILE - row).div_ceil(TILE);
            for tile_row in (0..rows).step_by(SEGMENTS) {
                for first in (0..block.columns).step_by(lanes) {
                    let masks = match first {
                        0 => first_masks,
                        _ => self.masks::<S, TILE, SEGMENTS>(simd, first * TILE),
                    };
                    let of_tile = self.tiles::<S, TILE, SEGMENTS>(simd, tile_row * TILE + row, first * TILE, masks);
                    let mut of_these = of_tile[0] * of_tile[0];
                    for pixel in 1..TILE {
                        of_these = <A as Lanes>::mul_add::<S>(of_tile[pixel], of_tile[pixel], of_these);
                    }
                    squares += of_these;
                    let mut patch = [of_tile[0]; PATCH];
                    patch[..TILE].copy_from_slice(&of_tile);
                    for pixel in TILE..PATCH {
                        let next = match SEGMENTS {
                            1 => self.pixel(tile_row * TILE + row, (first + lanes) * TILE + pixel - TILE),
                            _ => A::default(),
                        };
                        let next = of_tile[pixel - TILE].shift_elements_left::<1>(next);
                        patch[pixel] = if SEGMENTS == 1 { next } else { blank::<S, A>(simd, next, has_next) };
                    }
                    let values = pixel_values::<S, A, PATCH>(simd, patch);
                    let at = tile_row * block.columns + first;
                    for point in 0..PATCH {
                        let of_point = &mut of_row[point * half + at..];
                        let values = match SEGMENTS {
                            1 => values[point],
                            _ => in_order::<S, A>(values[point], side_by_side),
                        };
                        values.store_slice(&mut of_point[..lanes]);
                    }
                }
            }
        }
        squares
    }
}

/// Transforms the columns of what [`PatchSource::transform_rows`] has left, into one channel of V. The lanes are tiles of any rows.
#[inline(always)]
fn transform_columns<S: Simd, A: Lanes + Float, const PATCH: usize, const TILE: usize>(
    simd: S,
    block: Block,
    (halves, half): (&[A], usize),
    (values, point): (&mut [A], usize),
) {
    let lanes = A::Vector::<S>::LEN;
    for first in (0..block.rows * block.columns).step_by(lanes) {
        for column in 0..PATCH {
            let mut rows = [A::Vector::<S>::splat(simd, A::default()); PATCH];
            for row in 0..PATCH {
                let plane = (row % TILE * PATCH + column) * half + row / TILE * block.columns;
                rows[row] = A::Vector::<S>::from_slice(simd, &halves[plane + first..][..lanes]);
            }
            let of_column = pixel_values::<S, A, PATCH>(simd, rows);
            for row in 0..PATCH {
                let at = (row * PATCH + column) * point + first;
                of_column[row].store_slice(&mut values[at..][..lanes]);
            }
        }
    }
}

/// Two or four registers of pixels, dealt out like cards: the first of every two or four, the second, and so on.
#[inline(always)]
fn dealt<S: Simd, A: Lanes, const TILE: usize>(pixels: [A::Vector<S>; TILE]) -> [A::Vector<S>; TILE] {
    let mut dealt = pixels;
    let half = TILE / 2;
    let mut steps = TILE;
    while steps > 1 {
        let pairs = dealt;
        for pair in 0..half {
            dealt[pair] = pairs[2 * pair].unzip_low(pairs[2 * pair + 1]);
            dealt[half + pair] = pairs[2 * pair].unzip_high(pairs[2 * pair + 1]);
        }
        steps /= 2;
    }
    dealt
}
