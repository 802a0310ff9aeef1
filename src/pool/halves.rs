//! Tall windows of an operation that rounds nothing: the rows under each are put together from two halves, so that a row is taken up
//! three times however tall the windows are (M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and
//! octagonal kernels", 1992).
//!
//! ```text
//!     rows       [a b c d][e f g h]…         blocks as tall as a window
//!     tails       abcd, bcd, cd, d           of one block, from its end on
//!     heads             e, ef, efg           of the next, from its start on
//!     windows     abcd, bcd ∘ e, cd ∘ ef, d ∘ efg
//! ```

use super::band::Band;
use super::kernels::Kernels;
use super::operation::{Merge, merge_each};
use crate::simd::{Simd, Vector, load_pixels};

/// Windows are no taller: their tails are on the stack.
pub(super) const TALLEST: usize = 32;

/// Registers of neighbouring columns that are merged side by side.
const WIDE: usize = 2;

impl<T: Kernels> Band<'_, T> {
    #[inline(always)]
    pub(super) fn halves<S: Simd, O: Merge<T>>(self, simd: S) {
        let Self { passes, start, slab, mut outputs, .. } = self;
        let axis = &passes.problem.axes[1];
        let (lanes, size, stride) = (T::Pixels::<S>::LEN, axis.size(), axis.stride());
        let pitch = passes.pitch;
        let end = (outputs.part.rows - 1) * stride + 1;
        let mut tails = [[T::Pixels::<S>::splat(simd, start); WIDE]; TALLEST];
        for column in (0..outputs.length).step_by(WIDE * lanes) {
            // The last end with the row: what they spilled on the next row would come after that.
            let column = column.min(outputs.length.saturating_sub(WIDE * lanes));
            let under = &slab[passes.rows_at + column..];
            let mut row = 0;
            for block in (0..end).step_by(size) {
                let windows = size.min(end - block);
                let mut tail = load_pixels::<S, T, WIDE>(simd, &under[(block + size - 1) * pitch..]);
                tails[size - 1] = tail;
                for at in (0..size - 1).rev() {
                    tail = merge_each::<S, T, O, WIDE>(simd, load_pixels(simd, &under[(block + at) * pitch..]), tail);
                    tails[at] = tail;
                }
                let mut head = tail;
                for at in 0..windows {
                    let window = match at {
                        0 => tails[0],
                        _ => {
                            let next = load_pixels(simd, &under[(block + size + at - 1) * pitch..]);
                            head = if at == 1 { next } else { merge_each::<S, T, O, WIDE>(simd, head, next) };
                            merge_each::<S, T, O, WIDE>(simd, tails[at], head)
                        }
                    };
                    if block + at == row * stride {
                        for register in 0..WIDE {
                            let column = column + register * lanes;
                            if column < outputs.length {
                                outputs.store::<S>(O::finish::<S>(window[register]), row, column);
                            }
                        }
                        row += 1;
                    }
                }
            }
        }
    }
}
