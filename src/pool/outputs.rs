//! Where the outputs of a band go.

use super::counts::ColumnCounts;
use super::problem::PlaneRows;
use crate::Element;

/// The outputs of some rows of one plane, and what they are divided by.
pub(super) struct Outputs<'a, T> {
    pub(super) counts: &'a ColumnCounts<T>,
    pub(super) part: PlaneRows,
    /// Outputs of a row.
    pub(super) length: usize,
    /// From the first of the rows on. What is behind the last row is computed later: kernels spoil it.
    pub(super) output: &'a mut [T],
}

impl<T: Element> Outputs<'_, T> {
    /// The factor that the counts of a row have in common.
    pub(super) fn of_row(&self, row: usize) -> usize {
        self.counts.of_row(self.part.plane, self.part.first + row)
    }
}
