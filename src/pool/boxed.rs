//! Boxes reduced by the kernel: which pixels each has.

use std::ops::Range;
use std::sync::Arc;

use super::kernels::Kernels;
use super::operation::Operation;
use super::planes::Compute;
use super::totals::{Rows, Totals};
use crate::Element;
use crate::simd::Level;

/// Boxes that share out a plane, each a product of ranges.
#[derive(Debug, Clone)]
pub(super) struct Boxed {
    operation: Operation,
    level: Level,
    plane: [usize; 3],
    /// Pixels of a plane, and its boxes.
    pixels: usize,
    outputs: usize,
    ranges: Arc<[Vec<Range<usize>>; 3]>,
}

impl Boxed {
    pub(super) fn new(operation: Operation, level: Level, plane: [usize; 3], ranges: [Vec<Range<usize>>; 3]) -> Self {
        let (pixels, outputs) = (plane.iter().product(), ranges.iter().map(Vec::len).product());
        Self { operation, level, plane, pixels, outputs, ranges: Arc::new(ranges) }
    }

    /// The pixels of an output, counted through all planes.
    #[inline(always)]
    pub(super) fn rows(&self, unit: usize) -> Rows {
        let length = self.pixels;
        if self.outputs == 1 {
            return Rows { start: unit * length, length, count: 1, pitch: 0, planes: 1, plane_pitch: 0 };
        }
        self.rows_of_box(unit / self.outputs * length, unit % self.outputs)
    }

    fn rows_of_box(&self, plane: usize, output: usize) -> Rows {
        let [_, rows, columns] = self.plane;
        let [of_planes, of_rows, of_columns] = &*self.ranges;
        let across = &of_columns[output % of_columns.len()];
        let down = &of_rows[output / of_columns.len() % of_rows.len()];
        let deep = &of_planes[output / of_columns.len() / of_rows.len()];
        let start = plane + (deep.start * rows + down.start) * columns + across.start;
        let (mut length, mut count, mut planes) = (across.len(), down.len(), deep.len());
        // Whole rows, and whole planes, are one row.
        if length == columns {
            (length, count) = (length * count, 1);
            if length == rows * columns {
                (length, planes) = (length * planes, 1);
            }
        }
        Rows { start, length, count, pitch: columns, planes, plane_pitch: rows * columns }
    }
}

impl<T: Element + Kernels> Compute<T> for Boxed {
    fn compute(&self, pixels: &[T], first: usize, output: &mut [T], _: &mut [T]) {
        let totals = Totals { pixels, boxes: self, first, start: self.operation.start(), output };
        T::totals(self.level, self.operation, totals);
    }

    fn algorithm(&self) -> &'static str {
        "boxes"
    }

    fn blank(&self) -> T {
        self.operation.start()
    }
}
