//! Pooling by the kernels: which one, and plane after plane.

use std::sync::Arc;

use super::band::Band;
use super::counts::Counts;
use super::kernels::Kernels;
use super::operation::Operation;
use super::pairs::Pairs;
use super::passes::Passes;
use super::planes::Compute;
use super::problem::Problem;
use crate::Element;
use crate::simd::Level;

/// Windows merged by an operation that has kernels.
#[derive(Debug, Clone)]
pub(super) struct Fast<T> {
    operation: Operation,
    level: Level,
    way: Way<T>,
}

#[derive(Debug, Clone)]
enum Way<T> {
    /// Windows of 2×2 side by side.
    Pairs(Problem),
    /// Band by band.
    Bands { passes: Arc<Passes>, counts: Arc<Counts<T>> },
}

impl<T: Element> Fast<T> {
    /// `None` where the slab of a band would be out of all proportion.
    pub(super) fn new(problem: Problem, operation: Operation, level: Level) -> Option<Self> {
        let way = if problem.is_pairs() {
            Way::Pairs(problem)
        } else {
            let passes = Arc::new(Passes::new::<T>(&problem, T::HAS_SMALL)?);
            let counts = Arc::new(Counts::new(&problem, operation, T::number)?);
            Way::Bands { passes, counts }
        };
        Some(Self { operation, level, way })
    }
}

impl<T: Element + Kernels> Compute<T> for Fast<T> {
    type Cell = T;

    fn compute(&self, pixels: &[T], first: usize, output: &mut [T], scratch: &mut [T]) {
        let (level, operation) = (self.level, self.operation);
        match &self.way {
            Way::Pairs(problem) => {
                let [_, rows, columns] = &problem.axes;
                let (rows, row, outputs) = (rows.length(), columns.length(), columns.outputs());
                let (inverse, upper) = (T::number(4, true), scratch);
                T::pairs(level, operation, Pairs { pixels, rows, row, first, outputs, inverse, upper, output });
            }
            Way::Bands { passes, counts } => passes.each_band(pixels, first, output, |pixels, part, output| {
                let (start, slab) = (operation.start(), &mut *scratch);
                T::band(level, operation, Band { passes, counts, start, slab, pixels, part, output });
            }),
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.way {
            Way::Pairs(_) => "pairs",
            Way::Bands { .. } => "bands",
        }
    }

    fn scratch_length(&self) -> usize {
        match &self.way {
            Way::Pairs(problem) => problem.axes[2].outputs(),
            Way::Bands { passes, .. } => passes.slab,
        }
    }

    fn blank(&self) -> T {
        self.operation.start()
    }
}
