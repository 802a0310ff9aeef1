//! Small windows by kernels of their own: which one, and plane after plane.

use std::ops::Range;
use std::sync::Arc;

use super::channels_last;
use super::kernels;
use super::operation::Operation;
use super::pairs::Pairs;
use super::planes::{Cells, Compute, Described, Input};
use super::problem::{ColumnCounts, Outputs, PlaneRows, PoolProblem};
use super::small::{Small, SmallRows};
use crate::simd::{Level, has_kernels};
use crate::{Element, Result};

/// Windows merged by an operation that has kernels.
#[derive(Debug, Clone)]
pub(super) struct FastPool<T> {
    operation: Operation,
    level: Level,
    way: PoolWay<T>,
}

#[derive(Debug, Clone)]
enum PoolWay<T> {
    /// Windows of 2×2 with a stride of 2 and no padding: no two of them share a pixel.
    Pairs(PoolProblem),
    /// Windows of 3×3 at strides of 1 and 2 with any padding, and what each sum is divided by.
    Small { small: Arc<Small>, counts: Arc<ColumnCounts<T>> },
}

impl<T: Element> FastPool<T> {
    /// `None` for other windows, and where the pixels, the operation or the level have no such kernel. `pairs` says whether the windows are
    /// those of [`PoolWay::Pairs`].
    pub(super) fn new(problem: &PoolProblem, pairs: bool, operation: Operation, level: Level) -> Option<Self> {
        if !T::HAS_KERNELS || !has_kernels(level) || !operation.is_merged() {
            return None;
        }
        let counts = || Some(Arc::new(ColumnCounts::new(problem, operation, T::number)?));
        let small = Small::new(problem);
        let way = match small {
            _ if pairs => PoolWay::Pairs(problem.clone()),
            // Few ask for other operations, or have small maps of bytes.
            Some(small) if T::HAS_ORDER && matches!(operation, Operation::Max | Operation::Average { .. }) => {
                PoolWay::Small { small: Arc::new(small), counts: counts()? }
            }
            _ => return None,
        };
        Some(Self { operation, level, way })
    }
}

impl<T: Element> Compute<T> for FastPool<T> {
    fn compute(&self, given: Input<'_, T>, output: &mut [T], cells: &mut Cells, _: &mut [T]) {
        let (Input { pixels, skipped, first }, scratch) = (given, cells.get());
        let (level, operation) = (self.level, self.operation);
        match &self.way {
            PoolWay::Pairs(problem) => {
                let [_, rows, columns] = &problem.axes;
                let (rows, row, outputs) = (rows.length(), columns.length(), columns.outputs());
                let (inverse, upper) = (T::number(4, true), scratch);
                kernels::of::<T>().pairs(
                    level,
                    operation,
                    Pairs { pixels, skipped, rows, row, first, outputs, inverse, upper, output },
                );
            }
            PoolWay::Small { small, counts } => {
                let (problem, start) = (&small.problem, operation.start());
                let length = problem.axes[2].outputs();
                problem.each_plane(pixels, first, output, |pixels, part, output| {
                    let mut is_suspect = false;
                    let outputs = Outputs { counts, part, length, output: &mut *output };
                    let (memory, is_suspect_here) = (&mut *scratch, &mut is_suspect);
                    let rows =
                        SmallRows { small, start, memory, pixels, skipped, outputs, is_suspect: is_suspect_here };
                    kernels::of::<T>().small(level, operation, rows);
                    if is_suspect {
                        mark_nan(problem, (pixels, skipped), part, output);
                    }
                });
            }
        }
    }

    /// Of features alone: pictures have few channels.
    fn channels_last(&self, pixels: (&[T], usize, usize), tile: &mut [T], output: &mut [T]) -> bool {
        if const { !T::HAS_ORDER } || self.operation != Operation::Max {
            return false;
        }
        let problem = match &self.way {
            PoolWay::Pairs(problem) => problem,
            PoolWay::Small { small, .. } => &small.problem,
        };
        channels_last::maxima(self.level, problem, pixels, tile, output)
    }

    fn cells(&self) -> Result<Cells> {
        let length = match &self.way {
            PoolWay::Pairs(problem) => problem.axes[2].outputs(),
            PoolWay::Small { small, .. } => small.memory,
        };
        Cells::of(length, self.operation.start::<T>())
    }
}

impl<T: Element> Described for FastPool<T> {
    fn algorithm(&self) -> &'static str {
        match self.way {
            PoolWay::Pairs(_) => "pairs",
            PoolWay::Small { .. } => "small windows",
        }
    }

    fn under(&self, units: Range<usize>) -> Option<Range<usize>> {
        let problem = match &self.way {
            PoolWay::Pairs(problem) => problem,
            PoolWay::Small { small, .. } => &small.problem,
        };
        Some(problem.under_rows(units))
    }
}

/// Gives NaN for every window with a NaN in it, the last of several.
#[cold]
#[inline(never)]
fn mark_nan<T: Element>(problem: &PoolProblem, (pixels, skipped): (&[T], usize), part: PlaneRows, output: &mut [T]) {
    let [planes, rows, columns] = &problem.axes;
    let plane = planes.by_output(part.plane).input * rows.length();
    for (number, output) in output.chunks_exact_mut(columns.outputs()).take(part.rows).enumerate() {
        let down = rows.by_output(part.first + number);
        let row = |tap: usize| {
            let at = (plane + down.input + tap * down.step) * columns.length();
            &pixels[at - skipped..][..columns.length()]
        };
        if (0..down.range.len()).all(|tap| !row(tap).iter().any(|&pixel| T::is_nan(pixel))) {
            continue;
        }
        for (column, output) in output.iter_mut().enumerate() {
            let across = columns.by_output(column);
            let under = (0..down.range.len())
                .flat_map(|tap| row(tap)[across.input..][..across.range.len()].iter().copied())
                .filter(|&pixel| T::is_nan(pixel));
            *output = under.last().unwrap_or(*output);
        }
    }
}
