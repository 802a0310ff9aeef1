//! How the sums of a tile are finished, and come to their place in the output.

use super::WIDEST;
use crate::kernels::epilogue::Epilogue;
use crate::kernels::gemm::finished;
use crate::simd::{Lanes, MOST_LANES, Simd, Vector, store, unrolled};

/// Where a tile goes in the output.
pub(super) struct TilePlace {
    pub(super) at: usize,
    /// From one row of the tile to the next.
    pub(super) pitch: usize,
    /// Rows and columns that are left to fill.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Whether the numbers behind its rows are computed later, and may be spoiled.
    pub(super) spills: bool,
}

impl TilePlace {
    #[inline(always)]
    pub(super) fn store<S: Simd, A: Lanes, const ROWS: usize, const WIDTH: usize>(
        self,
        simd: S,
        sums: [[A::Vector<S>; WIDTH]; ROWS],
        finish: Epilogue<'_, A>,
        output: &mut [A],
    ) {
        let lanes = A::Vector::<S>::LEN;
        // All rows are of one filter.
        let finish = Epilogue { bias: finish.bias.map(|bias| &bias[..1]), ..finish };
        let sums = finished::<S, A, ROWS, WIDTH>(simd, sums, finish);
        let Self { at, pitch, rows, columns, spills } = self;
        let whole = rows == ROWS && (spills || columns >= WIDTH * lanes);
        match output.get_mut(at..at + (ROWS - 1) * pitch + WIDTH * lanes) {
            Some(output) if whole => {
                unrolled::<ROWS>(
                    #[inline(always)]
                    |row| store::<S, A, WIDTH>(sums[row], &mut output[row * pitch..]),
                );
            }
            _ => {
                let mut tile = [[A::default(); WIDEST * MOST_LANES]; ROWS];
                unrolled::<ROWS>(
                    #[inline(always)]
                    |row| store::<S, A, WIDTH>(sums[row], &mut tile[row]),
                );
                copy_part(&tile[..rows], columns.min(WIDTH * lanes), &mut output[at..], pitch);
            }
        }
    }
}

/// Copies the columns that there are of a tile.
///
/// Called rather than inlined, and marked as rare, so that no tile keeps its numbers in memory for its sake.
#[cold]
#[inline(never)]
fn copy_part<A: Copy>(tile: &[[A; WIDEST * MOST_LANES]], columns: usize, output: &mut [A], pitch: usize) {
    for (row, sums) in tile.iter().enumerate() {
        output[row * pitch..][..columns].copy_from_slice(&sums[..columns]);
    }
}
