//! How many pixels the windows of a layer count.

use super::operation::MARGIN;
use super::operation::Operation;
use super::problem::PoolProblem;
use crate::tensor::collected;
use crate::window::Axis;

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
