//! A pooling as the fast paths see it: planes of three spatial axes, each pooled alone; how many pixels its windows count, and where the
//! outputs of a band go.

use std::ops::Range;

use super::operation::{MARGIN, Operation};
use crate::Element;
use crate::tensor::collected;
use crate::window::{Axis, Geometry};

/// Some rows of outputs of one plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneRows {
    pub(super) plane: usize,
    pub(super) first: usize,
    pub(super) rows: usize,
}

/// Where rows of pixels start: see [`PoolProblem::under`].
#[derive(Clone, Copy)]
pub(super) struct Under {
    plane: usize,
    first: isize,
    /// Rows from here on are padding; all, where the plane is.
    rows_end: usize,
    row: usize,
}

impl Under {
    /// Where a row starts, counted from the first tap of the first row of outputs; none for a row of padding.
    #[inline(always)]
    pub(super) fn start(&self, row: usize) -> Option<usize> {
        let at = usize::try_from(self.first + row.cast_signed()).ok().filter(|&at| at < self.rows_end)?;
        Some(self.plane + at * self.row)
    }

    /// Which of so many rows are not padding.
    #[inline(always)]
    pub(super) fn pixels(&self, rows: usize) -> Range<usize> {
        let end = self.rows_end.saturating_add_signed(-self.first).min(rows);
        0usize.saturating_add_signed(-self.first).min(end)..end
    }
}

/// Windows over a plane, axes outermost first; axes that the layer lacks have one pixel and one output.
#[derive(Debug, Clone)]
pub(super) struct PoolProblem {
    pub(super) axes: [Axis; 3],
}

impl PoolProblem {
    /// `None` for more than three spatial axes.
    pub(super) fn new<const N: usize>(geometry: &Geometry<N>) -> Option<Self> {
        Some(Self { axes: geometry.in_three()? })
    }

    /// Pixels of one plane.
    pub(super) fn pixels(&self) -> usize {
        self.axes.iter().map(Axis::length).fold(1, usize::saturating_mul)
    }

    /// Rows of outputs of one plane.
    pub(super) fn rows(&self) -> usize {
        self.axes[0].outputs() * self.axes[1].outputs()
    }

    /// The rows of pixels under a part, in the plane of one tap.
    #[inline(always)]
    pub(super) fn under(&self, part: PlaneRows, tap: usize) -> Under {
        let [planes, rows, columns] = &self.axes;
        let plane = usize::try_from(planes.position(part.plane, tap)).ok().filter(|&plane| plane < planes.length());
        let rows_end = if plane.is_some() { rows.length() } else { 0 };
        let plane = plane.unwrap_or(0) * rows.length() * columns.length();
        Under { plane, first: rows.position(part.first, 0), rows_end, row: columns.length() }
    }

    /// The pixels of a map from the first to the last under some rows of outputs, of windows whose taps are neighbours.
    pub(super) fn under_rows(&self, units: Range<usize>) -> Range<usize> {
        let [planes, rows, columns] = &self.axes;
        let last = units.end.max(1) - 1;
        let (plane, last_plane) = (units.start / rows.outputs(), last / rows.outputs());
        let mut down = 0..rows.outputs();
        if plane == last_plane {
            down = units.start % rows.outputs()..last % rows.outputs() + 1;
        }
        let span = |axis: &Axis, outputs: Range<usize>| {
            let (first, last) = (axis.by_output(outputs.start), axis.by_output(outputs.end - 1));
            (first.input, last.input + last.range.len())
        };
        let ((first, _), (_, end)) = (span(planes, plane..plane + 1), span(planes, last_plane..last_plane + 1));
        let (top, bottom) = span(rows, down);
        (first * rows.length() + top) * columns.length()..((end - 1) * rows.length() + bottom) * columns.length()
    }

    /// Whether windows are 2×2 and lie side by side, each whole.
    pub(super) fn is_pairs(&self) -> bool {
        let [planes, rows, columns] = &self.axes;
        let pairs = |axis: &Axis| {
            [axis.size(), axis.stride(), axis.dilation(), axis.before()] == [2, 2, 1, 0]
                && axis.outputs() * 2 <= axis.length()
        };
        let alone = [planes.size(), planes.stride(), planes.before()] == [1, 1, 0];
        pairs(rows) && pairs(columns) && alone
    }

    /// Calls `compute` for the rows of outputs of each plane, from row `first` of the first map on, with the pixels from that map on, the
    /// rows, and the outputs from the first of them on.
    pub(super) fn each_plane<T>(
        &self,
        mut pixels: &[T],
        first: usize,
        mut output: &mut [T],
        mut compute: impl FnMut(&[T], PlaneRows, &mut [T]),
    ) {
        let [_, rows, columns] = &self.axes;
        let mut unit = first;
        while !output.is_empty() {
            if unit == self.rows() {
                (unit, pixels) = (0, &pixels[self.pixels()..]);
            }
            let (plane, first) = (unit / rows.outputs(), unit % rows.outputs());
            let left = output.len() / columns.outputs();
            let rows = left.min(rows.outputs() - first);
            compute(pixels, PlaneRows { plane, first, rows }, output);
            output = &mut output[rows * columns.outputs()..];
            unit += rows;
        }
    }
}

/// How many pixels a window counts: a number for each column of outputs, times one for the row.
#[derive(Debug, Clone)]
pub(super) struct ColumnCounts<T> {
    /// Room for a register behind the last.
    pub(super) columns: Vec<T>,
    /// For each row of outputs on each of the other axes.
    planes: Vec<usize>,
    rows: Vec<usize>,
}

impl<T: Copy + Default> ColumnCounts<T> {
    pub(super) fn new(problem: &PoolProblem, operation: Operation, number: fn(usize, bool) -> T) -> Option<Self> {
        let include_pad = operation.count_include_pad();
        let mut columns = Vec::new();
        let (mut planes, mut rows) = (Vec::new(), Vec::new());
        if let Operation::Average { .. } = operation {
            let outputs = problem.axes[2].outputs();
            columns.try_reserve_exact(outputs + MARGIN).ok()?;
            columns.extend((0..outputs).map(|output| number(count(&problem.axes[2], output, include_pad), false)));
            columns.resize(outputs + MARGIN, T::default());
            let counts =
                |axis: &Axis| collected((0..axis.outputs()).map(|output| count(axis, output, include_pad))).ok();
            (planes, rows) = (counts(&problem.axes[0])?, counts(&problem.axes[1])?);
        }
        Some(Self { columns, planes, rows })
    }

    /// The factor that the row of outputs has in common.
    #[inline(always)]
    pub(super) fn of_row(&self, plane: usize, row: usize) -> usize {
        self.planes[plane] * self.rows[row]
    }
}

/// How many taps of a window count on one axis.
pub(super) fn count(axis: &Axis, output: usize, include_pad: bool) -> usize {
    if include_pad { axis.taps_within_padding(output) } else { axis.by_output(output).range.len() }
}

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
