//! Boxes reduced by the kernel: which pixels each has.

use std::ops::Range;
use std::sync::Arc;

use super::kernels::Kernels;
use super::operation::Operation;
use super::planes::Compute;
use super::totals::{MOST_LANES, Rows, Totals};
use crate::Element;
use crate::simd::{Level, pixels_in_a_register};

/// Boxes that share out a plane, each a product of ranges.
#[derive(Debug, Clone)]
pub(super) struct Boxed {
    operation: Operation,
    level: Level,
    plane: [usize; 3],
    ranges: Arc<[Vec<Range<usize>>; 3]>,
}

impl Boxed {
    pub(super) fn new(
        operation: Operation,
        level: Level,
        plane: [usize; 3],
        ranges: [Vec<Range<usize>>; 3],
    ) -> Self {
        Self { operation, level, plane, ranges: Arc::new(ranges) }
    }

    /// The pixels of an output, from the start of the plane on.
    fn rows(&self, output: usize) -> Rows {
        let [_, rows, columns] = self.plane;
        let [of_planes, of_rows, of_columns] = &*self.ranges;
        let across = &of_columns[output % of_columns.len()];
        let down = &of_rows[output / of_columns.len() % of_rows.len()];
        let deep = &of_planes[output / of_columns.len() / of_rows.len()];
        let start = (deep.start * rows + down.start) * columns + across.start;
        let (mut length, mut count, mut planes) = (across.len(), down.len(), deep.len());
        // Whole rows, and whole planes, are one row.
        if length == columns {
            (length, count) = (length * count, 1);
            if length == rows * columns {
                (length, planes) = (length * planes, 1);
            }
        }
        Rows { start, length, rows: count, pitch: columns, planes, plane_pitch: rows * columns }
    }
}

impl<T: Element + Kernels> Compute<T> for Boxed {
    fn compute(&self, pixels: &[T], first: usize, output: &mut [T], _: &mut [T]) {
        let outputs: usize = self.ranges.iter().map(Vec::len).product();
        let plane: usize = self.plane.iter().product();
        let nothing = Rows { start: 0, length: 0, rows: 0, pitch: 0, planes: 0, plane_pitch: 0 };
        let lanes = pixels_in_a_register::<T>(self.level);
        for (group, output) in output.chunks_mut(lanes).enumerate() {
            let mut boxes = [nothing; MOST_LANES];
            let mut counts = [T::default(); MOST_LANES];
            for number in 0..output.len() {
                let unit = first + group * lanes + number;
                let rows = match outputs {
                    1 => Rows { length: plane, rows: 1, planes: 1, ..nothing },
                    _ => self.rows(unit % outputs),
                };
                counts[number] = T::number(rows.length * rows.rows * rows.planes, false);
                boxes[number] = Rows { start: rows.start + unit / outputs * plane, ..rows };
            }
            let boxes = &boxes[..output.len()];
            T::totals(self.level, self.operation, Totals { pixels, boxes, counts, start: self.operation.start(), output });
        }
    }

    fn algorithm(&self) -> &'static str {
        "boxes"
    }

    fn blank(&self) -> T {
        self.operation.start()
    }
}
