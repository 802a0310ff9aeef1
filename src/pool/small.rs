//! Small square windows: a strip of columns is walked down, and the merged rows under the windows stay in registers.
//!
//! ```text
//!     for each strip of a few registers of neighbouring outputs
//!         for each row of outputs
//!             for each row of pixels that it has more than the one before
//!                 rows[…] ← pixels under one row of a window, merged
//!             outputs ← rows[0] ∘ rows[1] ∘ …
//! ```

use super::band::Band;
use super::kernels::Kernels;
use super::operation::Merge;
use super::passes::Small;
use crate::simd::{Simd, Vector, load_pixels};

/// Where a strip is, and where the slab has the first tap of its first window.
#[derive(Clone, Copy)]
struct Strip<const SIZE: usize> {
    column: usize,
    terms: [usize; SIZE],
}

impl<T: Kernels> Band<'_, T> {
    #[inline(always)]
    pub(super) fn small<S: Simd, O: Merge<T>>(self, simd: S, small: &Small) {
        match (small.size, small.stride) {
            (2, _) => self.strips::<S, O, 2, 2>(simd, small),
            (_, 1) => self.strips::<S, O, 3, 1>(simd, small),
            _ => self.strips::<S, O, 3, 2>(simd, small),
        }
    }

    /// Covers the rows with strips as wide as they can be; the last ends with the row, or, where it is wider, spills.
    #[inline(always)]
    fn strips<S: Simd, O: Merge<T>, const SIZE: usize, const STRIDE: usize>(mut self, simd: S, small: &Small) {
        let Ok(terms) = <[usize; SIZE]>::try_from(&small.terms[..]) else { return };
        let (lanes, length) = (T::Pixels::<S>::LEN, self.passes.problem.axes[2].outputs());
        let wide = match length / lanes {
            4.. => 4 * lanes,
            _ => lanes,
        };
        for column in (0..length).step_by(wide) {
            let strip = Strip { column: column.min(length.saturating_sub(wide)), terms };
            match length / lanes {
                4.. => self.strip::<S, O, SIZE, STRIDE, 4>(simd, strip),
                1.. => self.strip::<S, O, SIZE, STRIDE, 1>(simd, strip),
                _ => self.narrow_strip::<S, O, SIZE, STRIDE>(simd, strip),
            }
        }
    }

    #[inline(always)]
    fn strip<S: Simd, O: Merge<T>, const SIZE: usize, const STRIDE: usize, const WIDTH: usize>(
        &mut self,
        simd: S,
        strip: Strip<SIZE>,
    ) {
        let (lanes, length) = (T::Pixels::<S>::LEN, self.passes.problem.axes[2].outputs());
        let mut rows = self.first_rows::<S, O, SIZE, STRIDE, WIDTH>(simd, strip);
        let mut divisor = Divisor::<T, S, WIDTH>::none(simd);
        for row in 0..self.part.rows {
            let merged = self.next_row::<S, O, SIZE, STRIDE, WIDTH>(simd, strip, row, &mut rows);
            let outputs = match (O::COUNTED, self.counts.inverted) {
                (true, false) => {
                    let of_row = self.counts.of_row(self.part.plane, self.part.first + row);
                    if of_row != divisor.of_row {
                        divisor = Divisor::new::<O>(simd, of_row, &self.counts.columns[strip.column..]);
                    }
                    divisor.divide::<O>(merged)
                }
                _ => {
                    let of_row = self.count_of_row::<S, O>(simd, row);
                    self.finished::<S, O, WIDTH>(simd, merged, strip.column, of_row)
                }
            };
            let place = &mut self.output[row * length + strip.column..][..WIDTH * lanes];
            for register in 0..WIDTH {
                outputs[register].store_slice(&mut place[register * lanes..][..lanes]);
            }
        }
    }

    /// A strip that is wider than the rows.
    #[inline(always)]
    fn narrow_strip<S: Simd, O: Merge<T>, const SIZE: usize, const STRIDE: usize>(
        &mut self,
        simd: S,
        strip: Strip<SIZE>,
    ) {
        let mut rows = self.first_rows::<S, O, SIZE, STRIDE, 1>(simd, strip);
        for row in 0..self.part.rows {
            let merged = self.next_row::<S, O, SIZE, STRIDE, 1>(simd, strip, row, &mut rows);
            let of_row = self.count_of_row::<S, O>(simd, row);
            let [outputs] = self.finished::<S, O, 1>(simd, merged, strip.column, of_row);
            self.store_spilling::<S>(outputs, row, strip.column);
        }
    }

    /// The merged rows that the first windows have before their last `STRIDE` ones, in the places where a window before them would
    /// have left them.
    #[inline(always)]
    fn first_rows<S: Simd, O: Merge<T>, const SIZE: usize, const STRIDE: usize, const WIDTH: usize>(
        &self,
        simd: S,
        strip: Strip<SIZE>,
    ) -> [[T::Pixels<S>; WIDTH]; SIZE] {
        let mut rows = [[T::Pixels::<S>::splat(simd, self.start); WIDTH]; SIZE];
        for row in STRIDE..SIZE {
            rows[row] = self.merged_row::<S, O, SIZE, WIDTH>(simd, strip, row - STRIDE);
        }
        rows
    }

    /// The merged windows of one row of outputs.
    #[inline(always)]
    fn next_row<S: Simd, O: Merge<T>, const SIZE: usize, const STRIDE: usize, const WIDTH: usize>(
        &self,
        simd: S,
        strip: Strip<SIZE>,
        row: usize,
        rows: &mut [[T::Pixels<S>; WIDTH]; SIZE],
    ) -> [T::Pixels<S>; WIDTH] {
        for kept in 0..SIZE - STRIDE {
            rows[kept] = rows[kept + STRIDE];
        }
        for new in SIZE - STRIDE..SIZE {
            rows[new] = self.merged_row::<S, O, SIZE, WIDTH>(simd, strip, row * STRIDE + new);
        }
        let mut merged = rows[0];
        for next in 1..SIZE {
            for register in 0..WIDTH {
                merged[register] = O::merge(simd, merged[register], rows[next][register]);
            }
        }
        merged
    }

    /// The pixels under one row of a window, merged.
    #[inline(always)]
    fn merged_row<S: Simd, O: Merge<T>, const SIZE: usize, const WIDTH: usize>(
        &self,
        simd: S,
        strip: Strip<SIZE>,
        row: usize,
    ) -> [T::Pixels<S>; WIDTH] {
        let at = row * self.passes.spread.pitch + strip.column;
        let mut merged = load_pixels::<S, T, WIDTH>(simd, &self.slab[strip.terms[0] + at..]);
        for tap in 1..SIZE {
            let next = load_pixels::<S, T, WIDTH>(simd, &self.slab[strip.terms[tap] + at..]);
            for register in 0..WIDTH {
                merged[register] = O::merge(simd, merged[register], next[register]);
            }
        }
        merged
    }
}

/// The counts of the windows of a strip, which change with few rows.
struct Divisor<T: Kernels, S: Simd, const WIDTH: usize> {
    of_row: usize,
    counts: [T::Pixels<S>; WIDTH],
    inverses: [T::Pixels<S>; WIDTH],
}

impl<T: Kernels, S: Simd, const WIDTH: usize> Divisor<T, S, WIDTH> {
    #[inline(always)]
    fn none(simd: S) -> Self {
        let nothing = [T::Pixels::<S>::splat(simd, T::default()); WIDTH];
        Self { of_row: 0, counts: nothing, inverses: nothing }
    }

    #[inline(always)]
    fn new<O: Merge<T>>(simd: S, of_row: usize, columns: &[T]) -> Self {
        let one = T::Pixels::<S>::splat(simd, T::number(1, false));
        let factor = T::Pixels::<S>::splat(simd, T::number(of_row, false));
        let (mut counts, mut inverses) = (load_pixels::<S, T, WIDTH>(simd, columns), [one; WIDTH]);
        for register in 0..WIDTH {
            counts[register] = O::divided::<S>(counts[register], factor, one, true);
            inverses[register] = O::divided::<S>(one, counts[register], one, false);
        }
        Self { of_row, counts, inverses }
    }

    #[inline(always)]
    fn divide<O: Merge<T>>(&self, mut sums: [T::Pixels<S>; WIDTH]) -> [T::Pixels<S>; WIDTH] {
        for register in 0..WIDTH {
            sums[register] = O::divided_with::<S>(sums[register], self.counts[register], self.inverses[register]);
        }
        sums
    }
}
