//! Where the outputs of a band go.

use super::counts::Counts;
use super::kernels::Kernels;
use super::operation::Merge;
use super::problem::Part;
use super::tiles::WIDEST;
use crate::simd::{Simd, Vector};

/// The outputs of some rows of one plane, and what they are divided by.
pub(super) struct Outputs<'a, T> {
    pub(super) counts: &'a Counts<T>,
    pub(super) part: Part,
    /// Outputs of a row.
    pub(super) length: usize,
    /// From the first of the rows on. What is behind the last row is computed later: kernels spoil it.
    pub(super) output: &'a mut [T],
}

impl<T: Kernels> Outputs<'_, T> {
    /// The factor that the counts of a row have in common.
    pub(super) fn of_row(&self, row: usize) -> usize {
        self.counts.of_row(self.part.plane, self.part.first + row)
    }

    /// The same in all lanes, or its inverse.
    #[inline(always)]
    pub(super) fn count_of_row<S: Simd, O: Merge<T>>(&self, simd: S, row: usize) -> T::Pixels<S> {
        let count = if O::COUNTED { self.of_row(row) } else { 1 };
        T::Pixels::<S>::splat(simd, T::number(count, self.counts.inverted))
    }

    /// The outputs that these windows give, from a column on.
    #[inline(always)]
    pub(super) fn finished<S: Simd, O: Merge<T>>(
        &self,
        simd: S,
        merged: T::Pixels<S>,
        column: usize,
        of_row: T::Pixels<S>,
    ) -> T::Pixels<S> {
        if O::COUNTED {
            let counts = T::Pixels::<S>::from_slice(simd, &self.counts.columns[column..][..T::Pixels::<S>::LEN]);
            return O::divided::<S>(merged, counts, of_row, self.counts.inverted);
        }
        O::finish::<S>(merged)
    }

    /// Stores outputs that may be more than the row has left: the rest falls on the next row, which comes later.
    #[inline(always)]
    pub(super) fn store<S: Simd>(&mut self, outputs: T::Pixels<S>, row: usize, column: usize) {
        let lanes = T::Pixels::<S>::LEN;
        let at = row * self.length + column;
        match self.output.get_mut(at..at + lanes) {
            Some(place) => outputs.store_slice(place),
            None => {
                let count = (self.length - column).min(lanes);
                // A copy of its own: else every register is in memory first.
                let mut few = [T::default(); WIDEST];
                outputs.store_slice(&mut few[..lanes]);
                self.output[at..at + count].copy_from_slice(&few[..count]);
            }
        }
    }
}
