//! The tiles of a block.

use std::hint::black_box;
use std::ops::Range;

use super::layout::{RowsLayout, TileRun, registers_under};
use super::place::TilePlace;
use super::{BLOCK_ROWS, FREE_REGISTERS, MANY_TAPS, MOST_REGISTERS};
use crate::conv::kernels::has_all_kernels;
use crate::kernels::epilogue::Epilogue;
use crate::simd::{Facts, Lanes, Mask, Simd, Vector, blank, load, mask, outline};

outline!();

/// Some rows of outputs of one filter.
pub(super) struct OutputRows<'a, A> {
    pub(super) layout: &'a RowsLayout,
    pub(super) slots: &'a [A],
    /// The rows of slots whose taps count.
    pub(super) counted: Range<usize>,
    pub(super) weights: &'a [A],
    pub(super) finish: Epilogue<'a, A>,
    pub(super) rows: usize,
    /// What is read after this block, as far as it is known.
    pub(super) next: &'a [A],
}

impl<A: Lanes> OutputRows<'_, A> {
    /// Whether sums roll down the block.
    #[inline(always)]
    pub(super) fn rolls<S: Simd>(&self) -> bool {
        let RowsLayout { rows, columns, dealt, .. } = self.layout;
        let is_square =
            rows.size() == columns.size() && (rows.stride(), rows.dilation(), columns.stride()) == (1, 1, 1);
        // At either end of a block, most sums are of no output: few rows are better computed in tiles.
        dealt.is_none()
            && is_square
            && matches!((rows.size(), Facts::<S, A>::MANY_REGISTERS), (3, _) | (5 | 7, true))
            && self.rows >= (4 * rows.size()).max(BLOCK_ROWS + 1)
    }

    /// Covers the block with tiles.
    #[inline(always)]
    pub(super) fn compute<S: Simd>(&self, simd: S, output: &mut [A]) {
        if const { has_all_kernels::<A>() && Facts::<S, A>::TWO_HALVES } && self.layout.rolls {
            return self.roll_over_patch(simd, output);
        }
        let (columns, rolls) = (self.layout.columns, self.rolls::<S>());
        for part in &self.layout.parts {
            if const { !has_all_kernels::<A>() } {
                self.compute_wide(simd, part, output);
                continue;
            }
            match (part.width, columns.size()) {
                (4, 3) if Facts::<S, A>::MANY_REGISTERS && rolls => rolling::<S, A, 3, 4>(simd, self, part, output),
                (2, 3) if rolls => rolling::<S, A, 3, 2>(simd, self, part, output),
                (2, 5) if Facts::<S, A>::MANY_REGISTERS && rolls => rolling::<S, A, 5, 2>(simd, self, part, output),
                (2, 7) if Facts::<S, A>::MANY_REGISTERS && rolls => rolling::<S, A, 7, 2>(simd, self, part, output),
                _ => self.compute_tiles(simd, part, output),
            }
        }
    }

    /// Computes a part tile by tile. Of 32 registers, the sums of four rows of four leave enough for the pixels. A tile of one
    /// register is tall, to have as many sums as multiply-adds are under way at a time: 7 rows, since the maps of many
    /// networks have 7, 14, 28 or 56.
    #[inline(always)]
    fn compute_tiles<S: Simd>(&self, simd: S, part: &TileRun, output: &mut [A]) {
        let columns = self.layout.columns;
        // Of each tile its rows and its registers, and of its filter the columns, or 0 for a wide one, and their stride.
        match (self.layout.dealt.is_some(), part.width, columns.size(), columns.stride()) {
            (false, 4, 1, _) if Facts::<S, A>::MANY_REGISTERS => tiles::<S, A, 4, 4, 1, 1>(simd, self, part, output),
            (false, 4, _, 1) if Facts::<S, A>::MANY_REGISTERS => tiles::<S, A, 4, 4, 3, 1>(simd, self, part, output),
            (false, 4, ..) if Facts::<S, A>::MANY_REGISTERS => tiles::<S, A, 4, 4, 3, 2>(simd, self, part, output),
            (false, 2, 5, _) if Facts::<S, A>::MANY_REGISTERS => tiles::<S, A, 6, 2, 5, 1>(simd, self, part, output),
            (false, 2, 7, _) if Facts::<S, A>::MANY_REGISTERS => tiles::<S, A, 6, 2, 7, 1>(simd, self, part, output),
            (false, 2, 1, _) => tiles::<S, A, 4, 2, 1, 1>(simd, self, part, output),
            (false, 2, _, 1) => tiles::<S, A, 4, 2, 3, 1>(simd, self, part, output),
            (false, 2, ..) => tiles::<S, A, 4, 2, 3, 2>(simd, self, part, output),
            (false, _, 1, _) => tiles::<S, A, 7, 1, 1, 1>(simd, self, part, output),
            (false, _, 3, 1) => tiles::<S, A, 7, 1, 3, 1>(simd, self, part, output),
            (false, _, 3, _) => tiles::<S, A, 7, 1, 3, 2>(simd, self, part, output),
            (false, _, 5, 1) => tiles::<S, A, 7, 1, 5, 1>(simd, self, part, output),
            (false, _, 5, _) => tiles::<S, A, 7, 1, 5, 2>(simd, self, part, output),
            (false, ..) => tiles::<S, A, 7, 1, 7, 1>(simd, self, part, output),
            (true, ..) => self.compute_wide(simd, part, output),
        }
    }

    /// The same under a filter of any columns, from a patch that is dealt out.
    #[inline(always)]
    fn compute_wide<S: Simd>(&self, simd: S, part: &TileRun, output: &mut [A]) {
        match part.width {
            1 => tiles::<S, A, 7, 1, 0, 1>(simd, self, part, output),
            _ if Facts::<S, A>::MANY_REGISTERS => tiles::<S, A, 4, 4, 0, 1>(simd, self, part, output),
            _ => tiles::<S, A, 3, 3, 0, 1>(simd, self, part, output),
        }
    }
}

/// Computes the tiles of a part under a square window, apart: a tile is a column of outputs, and its sums roll down it. Every row of
/// pixels is read once, and adds to the sums of all rows of outputs that it lies under:
///
/// ```text
///     for each row of pixels
///         sums[tap row] += pixels · weights[tap row], for all rows of taps
///         the last of them are complete; the others are those of one tap row more
/// ```
#[inline(always)]
fn rolling<S: Simd, A: Lanes, const SIZE: usize, const WIDTH: usize>(
    simd: S,
    block: &OutputRows<'_, A>,
    part: &TileRun,
    output: &mut [A],
) {
    outlined(
        simd,
        #[inline(always)]
        || {
            let lanes = A::Vector::<S>::LEN;
            let OutputRows { layout, slots, ref counted, weights, finish, rows, next } = *block;
            let Some(weights) = weights.as_chunks::<SIZE>().0.first_chunk::<SIZE>() else { return };
            let mask = pixel_masks::<S, A>(simd, part, registers_under(WIDTH, SIZE, 1, lanes));
            let (zero, columns) = (A::Vector::<S>::splat(simd, A::default()), layout.columns.outputs());
            // While the first tile is computed, what comes next is fetched.
            let (mut next, mut fetched) = (next.chunks(layout.pitch), zero);
            for tile in 0..part.tiles {
                let column = (part.first + tile * WIDTH * lanes).min(part.last);
                let mut sums = [[zero; WIDTH]; SIZE];
                for slot_row in 0..rows + SIZE - 1 {
                    if SIZE * SIZE >= MANY_TAPS
                        && let Some(next) = next.next()
                    {
                        for line in next.chunks_exact(lanes) {
                            fetched += A::Vector::<S>::from_slice(simd, line);
                        }
                    }
                    if counted.contains(&slot_row) {
                        let slots = &slots[slot_row * layout.pitch + column..];
                        let pixels = PixelRow::<S, A>::read::<1>(simd, slots, &mask, WIDTH, SIZE);
                        for column in 0..SIZE {
                            let pixels = pixels.under_column::<1, WIDTH>(simd, column);
                            for tap_row in 0..SIZE {
                                add_products::<S, A, WIDTH>(
                                    simd,
                                    &mut sums[tap_row],
                                    &pixels,
                                    weights[tap_row][column],
                                );
                            }
                        }
                    }
                    if let Some(row) = slot_row.checked_sub(SIZE - 1) {
                        let at = row * columns + column;
                        let place = TilePlace { at, pitch: columns, rows: 1, columns: columns - column, spills: true };
                        place.store(simd, [sums[SIZE - 1]], finish, output);
                    }
                    for tap_row in (1..SIZE).rev() {
                        sums[tap_row] = sums[tap_row - 1];
                    }
                    sums[0] = [zero; WIDTH];
                }
            }
            if SIZE * SIZE >= MANY_TAPS {
                black_box(fetched);
            }
        },
    );
}

/// Which lanes of the registers under the tiles of a part are pixels.
#[inline(always)]
fn pixel_masks<S: Simd, A: Lanes>(simd: S, part: &TileRun, registers: usize) -> [Mask<S, A>; MOST_REGISTERS] {
    let mut masks = [mask::<S, A>(simd, !0); MOST_REGISTERS];
    if !part.pixels.is_empty() {
        for register in 0..registers {
            masks[register] = mask::<S, A>(simd, part.pixels[register]);
        }
    }
    masks
}

/// Computes the tiles of a part, apart: among the loops of all other tiles, these would find no registers left.
#[inline(always)]
fn tiles<S: Simd, A: Lanes, const ROWS: usize, const WIDTH: usize, const COLUMNS: usize, const STRIDE: usize>(
    simd: S,
    block: &OutputRows<'_, A>,
    part: &TileRun,
    output: &mut [A],
) {
    outlined(
        simd,
        #[inline(always)]
        || {
            let lanes = A::Vector::<S>::LEN;
            let OutputRows { layout, slots, weights, finish, .. } = *block;
            let (spread, dilation, columns) = (layout.spread, layout.rows.dilation(), layout.columns.outputs());
            let pixels = pixel_masks::<S, A>(simd, part, registers_under(WIDTH, COLUMNS.max(1), STRIDE, lanes));
            for first in 0..spread.min(block.rows) {
                let rows = steps(block.rows - first, spread);
                for row in (0..rows).step_by(ROWS) {
                    // The last tile starts where it has rows enough, and computes some of them once more.
                    let row = first + row.min(rows.saturating_sub(ROWS)) * spread;
                    let top = row * layout.rows.stride();
                    let end = steps(block.counted.end.saturating_sub(top), dilation).min(layout.taps_under(ROWS));
                    let start = steps(block.counted.start.saturating_sub(top), dilation).min(end);
                    for tile in 0..part.tiles {
                        let column = (part.first + tile * WIDTH * lanes).min(part.last);
                        let slots = &slots[top * layout.pitch + column * STRIDE..];
                        let tap_rows = start..end;
                        let sums = if COLUMNS == 0 {
                            wide::<S, A, ROWS, WIDTH>(simd, layout, slots, tap_rows, weights)
                        } else {
                            narrow::<S, A, ROWS, WIDTH, COLUMNS, STRIDE>(
                                simd, layout, slots, &pixels, tap_rows, weights,
                            )
                        };
                        let place = TilePlace {
                            at: row * columns + column,
                            pitch: spread * columns,
                            rows: rows.min(ROWS),
                            columns: columns - column,
                            spills: spread == 1,
                        };
                        place.store(simd, sums, finish, output);
                    }
                }
            }
        },
    );
}

/// How many steps a length has, the last of which may be shorter; mostly steps of one, which need no division.
#[inline(always)]
fn steps(length: usize, step: usize) -> usize {
    match step {
        1 => length,
        _ => length.div_ceil(step),
    }
}

/// The sums of a tile under a filter of few columns, over some of its rows of taps.
#[inline(always)]
fn narrow<S: Simd, A: Lanes, const ROWS: usize, const WIDTH: usize, const COLUMNS: usize, const STRIDE: usize>(
    simd: S,
    layout: &RowsLayout,
    slots: &[A],
    pixels: &[Mask<S, A>; MOST_REGISTERS],
    tap_rows: Range<usize>,
    weights: &[A],
) -> [[A::Vector<S>; WIDTH]; ROWS] {
    let (down, apart) = (layout.rows.dilation() * layout.pitch, layout.apart);
    let (weights, _) = weights.as_chunks::<COLUMNS>();
    let zero = A::Vector::<S>::splat(simd, A::default());
    let mut sums = [[zero; WIDTH]; ROWS];
    for tap_row in tap_rows {
        let pixels = PixelRow::<S, A>::read::<STRIDE>(simd, &slots[tap_row * down..], pixels, WIDTH, COLUMNS);
        // One row of the tile after the other is least work, if there are registers for the pixels from every column on.
        if COLUMNS * WIDTH <= FREE_REGISTERS {
            let mut columns = [[zero; WIDTH]; COLUMNS];
            for column in 0..COLUMNS {
                columns[column] = pixels.under_column::<STRIDE, WIDTH>(simd, column);
            }
            for row in 0..ROWS {
                if let Some(weights) = weights.get(tap_row.wrapping_sub(row * apart)) {
                    for column in 0..COLUMNS {
                        add_products::<S, A, WIDTH>(simd, &mut sums[row], &columns[column], weights[column]);
                    }
                }
            }
        } else {
            for column in 0..COLUMNS {
                let pixels = pixels.under_column::<STRIDE, WIDTH>(simd, column);
                for row in 0..ROWS {
                    if let Some(weights) = weights.get(tap_row.wrapping_sub(row * apart)) {
                        add_products::<S, A, WIDTH>(simd, &mut sums[row], &pixels, weights[column]);
                    }
                }
            }
        }
    }
    sums
}

/// A row of pixels in registers, one phase of the stride after the other.
struct PixelRow<S: Simd, A: Lanes> {
    registers: [A::Vector<S>; MOST_REGISTERS],
    registers_of_a_phase: usize,
}

impl<S: Simd, A: Lanes> PixelRow<S, A> {
    /// Reads what lies under a tile, and blanks the slots that are not pixels.
    #[inline(always)]
    fn read<const STRIDE: usize>(
        simd: S,
        slots: &[A],
        pixels: &[Mask<S, A>; MOST_REGISTERS],
        width: usize,
        columns: usize,
    ) -> Self {
        let lanes = A::Vector::<S>::LEN;
        let count = registers_under(width, columns, STRIDE, lanes);
        let slots = &slots[..count * lanes];
        let mut registers = [A::Vector::<S>::splat(simd, A::default()); MOST_REGISTERS];
        for register in 0..count {
            let slots = A::Vector::<S>::from_slice(simd, &slots[register * lanes..][..lanes]);
            registers[register] = blank::<S, A>(simd, slots, pixels[register]);
        }
        if STRIDE == 2 {
            let undealt = registers;
            for pair in 0..count / 2 {
                let (one, other) = (undealt[2 * pair], undealt[2 * pair + 1]);
                registers[pair] = one.unzip_low(other);
                registers[count / 2 + pair] = one.unzip_high(other);
            }
        }
        Self { registers, registers_of_a_phase: count / STRIDE }
    }

    /// The pixels under the tile from a column of the filter on.
    #[inline(always)]
    fn under_column<const STRIDE: usize, const WIDTH: usize>(&self, simd: S, column: usize) -> [A::Vector<S>; WIDTH] {
        let lanes = A::Vector::<S>::LEN;
        let (phase, ahead) = (column % STRIDE, column / STRIDE);
        let mut slid = [A::Vector::<S>::splat(simd, A::default()); WIDTH];
        for register in 0..WIDTH {
            let at = phase * self.registers_of_a_phase + register + ahead / lanes;
            let (one, next) = (self.registers[at], self.registers[(at + 1).min(MOST_REGISTERS - 1)]);
            slid[register] = match ahead % lanes {
                0 => one,
                1 => one.slide::<1>(next),
                2 => one.slide::<2>(next),
                3 => one.slide::<3>(next),
                4 => one.slide::<4>(next),
                5 => one.slide::<5>(next),
                _ => one.slide::<6>(next),
            };
        }
        slid
    }
}

/// The sums of a tile under any filter, over some of its rows of taps.
#[inline(always)]
fn wide<S: Simd, A: Lanes, const ROWS: usize, const WIDTH: usize>(
    simd: S,
    layout: &RowsLayout,
    slots: &[A],
    tap_rows: Range<usize>,
    weights: &[A],
) -> [[A::Vector<S>; WIDTH]; ROWS] {
    let columns = layout.columns.size();
    // The taps of one row of the tile come so many after those of the row above.
    let apart = layout.apart * columns;
    let taps = tap_rows.start * columns..tap_rows.end * columns;
    let offsets = layout.dealt.as_ref().map_or(&[][..], |dealt| &dealt.offsets[taps.clone()]);
    let zero = A::Vector::<S>::splat(simd, A::default());
    let mut sums = [[zero; WIDTH]; ROWS];
    for (tap, &offset) in taps.zip(offsets) {
        let pixels = load::<S, A, WIDTH>(simd, &slots[offset as usize..]);
        for row in 0..ROWS {
            if let Some(&weight) = weights.get(tap.wrapping_sub(row * apart)) {
                add_products::<S, A, WIDTH>(simd, &mut sums[row], &pixels, weight);
            }
        }
    }
    sums
}

/// Adds the pixels times a weight.
#[inline(always)]
fn add_products<S: Simd, A: Lanes, const WIDTH: usize>(
    simd: S,
    sums: &mut [A::Vector<S>; WIDTH],
    pixels: &[A::Vector<S>; WIDTH],
    weight: A,
) {
    let weight = A::Vector::<S>::splat(simd, weight);
    for register in 0..WIDTH {
        sums[register] = A::mul_add::<S>(pixels[register], weight, sums[register]);
    }
}
