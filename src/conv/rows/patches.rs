//! Large square windows over a patch, where a register has two halves: sums roll down the rows, and pixels are read anew for every column of the
//! filter, as the patch has them with their padding.

use std::ops::Range;

use super::WIDEST;
use super::layout::TileRun;
use super::tiles::OutputRows;
use crate::kernels::activation::Clamp;
use crate::kernels::epilogue::Epilogue;
use crate::simd::{Lanes, MOST_LANES, Simd, Vector, load, outline, store};

outline!();

impl<A: Lanes> OutputRows<'_, A> {
    /// Covers a block with tiles.
    #[inline(always)]
    pub(super) fn roll_over_patch<S: Simd>(&self, simd: S, output: &mut [A]) {
        for part in &self.layout.parts {
            match (self.layout.columns.size(), part.width) {
                (5, 2) => columns::<S, A, 5, 2>(simd, self, part, output),
                (5, _) => columns::<S, A, 5, 1>(simd, self, part, output),
                _ => columns::<S, A, 7, 1>(simd, self, part, output),
            }
        }
        if self.finish.as_clamp().is_none() {
            finish_rows(simd, self.finish, &mut output[..self.rows * self.layout.columns.outputs()]);
        }
    }
}

/// Bias and activation of the sums of a filter, where the activation is no clamp: that is rare, and they are in the first-level cache still.
#[inline(always)]
fn finish_rows<S: Simd, A: Lanes>(simd: S, finish: Epilogue<'_, A>, sums: &mut [A]) {
    outlined(
        simd,
        #[inline(always)]
        || {
            let lanes = A::Vector::<S>::LEN;
            for sums in sums.chunks_mut(lanes) {
                let mut register = [A::default(); MOST_LANES];
                register[..sums.len()].copy_from_slice(sums);
                let finished = finish.apply(simd, 0, A::Vector::<S>::from_slice(simd, &register[..lanes]));
                finished.store_slice(&mut register[..lanes]);
                sums.copy_from_slice(&register[..sums.len()]);
            }
        },
    );
}

/// Computes the tiles of a part, one column of them after the other.
#[inline(always)]
fn columns<S: Simd, A: Lanes, const SIZE: usize, const WIDTH: usize>(
    simd: S,
    block: &OutputRows<'_, A>,
    part: &TileRun,
    output: &mut [A],
) {
    outlined(
        simd,
        #[inline(always)]
        || {
            let numbers = WIDTH * A::Vector::<S>::LEN;
            let columns = block.layout.columns.outputs();
            for tile in 0..part.tiles {
                let column = (part.first + tile * numbers).min(part.last);
                // The last rows of the last map end before a tile does.
                let left = output.len().checked_sub(column + numbers);
                let whole = left.map_or(0, |left| left / columns + 1).min(block.rows);
                roll::<S, A, SIZE, WIDTH>(simd, block, column, 0..whole, &mut output[column..]);
                for row in whole..block.rows {
                    let mut place = [A::default(); WIDEST * MOST_LANES];
                    roll::<S, A, SIZE, WIDTH>(simd, block, column, row..row + 1, &mut place);
                    let count = numbers.min(columns - column);
                    output[row * columns + column..][..count].copy_from_slice(&place[..count]);
                }
            }
        },
    );
}

/// Some rows of a column of tiles, into as many rows of outputs:
///
/// ```text
///     for each row of pixels
///         sums[tap row] += pixels · weights[tap row], for all rows of taps
///         the last of them are complete; the others are those of one tap row more
/// ```
///
/// It is apart, and calls nothing: so the weights stay where they are.
#[inline(always)]
fn roll<S: Simd, A: Lanes, const SIZE: usize, const WIDTH: usize>(
    simd: S,
    block: &OutputRows<'_, A>,
    column: usize,
    rows: Range<usize>,
    output: &mut [A],
) {
    if rows.is_empty() {
        return;
    }
    outlined(
        simd,
        #[inline(always)]
        || {
            let OutputRows { layout, slots, ref counted, weights, finish, .. } = *block;
            let weights = weights.as_chunks::<SIZE>().0.first_chunk::<SIZE>();
            let offsets = layout.dealt.as_ref().and_then(|dealt| dealt.offsets.first_chunk::<SIZE>());
            let (Some(weights), Some(offsets)) = (weights, offsets) else { return };
            let (bias, Clamp { low, high }) =
                finish.as_clamp().unwrap_or((A::NOTHING, Clamp { low: A::BOUNDS[0], high: A::BOUNDS[1] }));
            let [bias, low, high] = [bias, low, high].map(
                #[inline(always)]
                |number| A::Vector::<S>::splat(simd, number),
            );
            let zero = A::Vector::<S>::splat(simd, A::default());
            let mut splats = [[zero; SIZE]; SIZE];
            for row in 0..SIZE {
                for column in 0..SIZE {
                    splats[row][column] = A::Vector::<S>::splat(simd, weights[row][column]);
                }
            }
            let (lanes, columns) = (A::Vector::<S>::LEN, layout.columns.outputs());
            let mut sums = [[zero; WIDTH]; SIZE];
            for (step, slot_row) in (rows.start..rows.end + SIZE - 1).enumerate() {
                if counted.contains(&slot_row) {
                    let slots = &slots[slot_row * layout.pitch + column..];
                    for tap in 0..SIZE {
                        let pixels = load::<S, A, WIDTH>(simd, &slots[offsets[tap] as usize..]);
                        for tap_row in 0..SIZE {
                            for register in 0..WIDTH {
                                let sum = sums[tap_row][register];
                                sums[tap_row][register] = A::mul_add::<S>(pixels[register], splats[tap_row][tap], sum);
                            }
                        }
                    }
                }
                if let Some(row) = (step + 1).checked_sub(SIZE) {
                    let mut done = sums[SIZE - 1];
                    for register in 0..WIDTH {
                        done[register] = A::clamped(simd, done[register] + bias, low, high);
                    }
                    store::<S, A, WIDTH>(done, &mut output[row * columns..][..WIDTH * lanes]);
                }
                for tap_row in (1..SIZE).rev() {
                    sums[tap_row] = sums[tap_row - 1];
                }
                sums[0] = [zero; WIDTH];
            }
        },
    );
}
