//! Small windows by kernels of their own: which one, and plane after plane.

use std::ops::Range;
use std::sync::Arc;

use super::channels_last;
use super::counts::Counts;
use super::kernels;
use super::operation::Operation;
use super::outputs::Outputs;
use super::pairs::Pairs;
use super::planes::{Cells, Compute, Given};
use super::problem::{Part, Problem};
use super::small::{Rows, Small};
use crate::simd::{Level, has_kernels};
use crate::{Element, Result};

/// Windows merged by an operation that has kernels.
#[derive(Debug, Clone)]
pub(super) struct Fast<T> {
    operation: Operation,
    level: Level,
    way: Way<T>,
}

#[derive(Debug, Clone)]
enum Way<T> {
    /// Windows of 2×2 with a stride of 2 and no padding: no two of them share a pixel.
    Pairs(Problem),
    /// Windows of 3×3 at strides of 1 and 2 with any padding, and what each sum is divided by.
    Small { small: Arc<Small>, counts: Arc<Counts<T>> },
}

impl<T: Element> Fast<T> {
    /// `None` for other windows, and where the pixels, the operation or the level have no such kernel. `pairs` says whether the windows are
    /// those of [`Way::Pairs`].
    pub(super) fn new(problem: &Problem, pairs: bool, operation: Operation, level: Level) -> Option<Self> {
        if !T::HAS_KERNELS || !has_kernels(level) || matches!(operation, Operation::Lp { .. }) {
            return None;
        }
        let counts = || Some(Arc::new(Counts::new(problem, operation, T::number)?));
        let small = Small::new(problem);
        let way = match small {
            _ if pairs => Way::Pairs(problem.clone()),
            // Few ask for other operations, or have small maps of bytes.
            Some(small) if T::HAS_ORDER && matches!(operation, Operation::Max | Operation::Average { .. }) => {
                Way::Small { small: Arc::new(small), counts: counts()? }
            }
            _ => return None,
        };
        Some(Self { operation, level, way })
    }
}

impl<T: Element> Compute<T> for Fast<T> {
    fn compute(&self, given: Given<'_, T>, output: &mut [T], cells: &mut Cells, _: &mut [T]) {
        let (Given { pixels, skipped, first }, scratch) = (given, cells.get());
        let (level, operation) = (self.level, self.operation);
        match &self.way {
            Way::Pairs(problem) => {
                let [_, rows, columns] = &problem.axes;
                let (rows, row, outputs) = (rows.length(), columns.length(), columns.outputs());
                let (inverse, upper) = (T::number(4, true), scratch);
                kernels::of::<T>().pairs(
                    level,
                    operation,
                    Pairs { pixels, skipped, rows, row, first, outputs, inverse, upper, output },
                );
            }
            Way::Small { small, counts } => {
                let (problem, start) = (&small.problem, operation.start());
                let length = problem.axes[2].outputs();
                problem.each_band(problem.rows(), pixels, first, output, |pixels, part, output| {
                    let mut is_suspect = false;
                    let outputs = Outputs { counts, part, length, output: &mut *output };
                    let (memory, is_suspect_here) = (&mut *scratch, &mut is_suspect);
                    let rows = Rows { small, start, memory, pixels, skipped, outputs, is_suspect: is_suspect_here };
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
            Way::Pairs(problem) => problem,
            Way::Small { small, .. } => &small.problem,
        };
        channels_last::maxima(self.level, problem, pixels, tile, output)
    }

    fn algorithm(&self) -> &'static str {
        match self.way {
            Way::Pairs(_) => "pairs",
            Way::Small { .. } => "small windows",
        }
    }

    fn under(&self, units: Range<usize>) -> Option<Range<usize>> {
        let problem = match &self.way {
            Way::Pairs(problem) => problem,
            Way::Small { small, .. } => &small.problem,
        };
        Some(problem.under_rows(units))
    }

    fn cells(&self) -> Result<Cells> {
        let length = match &self.way {
            Way::Pairs(problem) => problem.axes[2].outputs(),
            Way::Small { small, .. } => small.memory,
        };
        Cells::of(length, self.operation.start::<T>())
    }
}

/// Gives NaN for every window with a NaN in it, the last of several.
#[cold]
#[inline(never)]
fn mark_nan<T: Element>(problem: &Problem, (pixels, skipped): (&[T], usize), part: Part, output: &mut [T]) {
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
