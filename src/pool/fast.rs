//! Pooling by the kernels: which one, and plane after plane.

use std::sync::Arc;

use super::band::Band;
use super::counts::Counts;
use super::kernels::Kernels;
use super::operation::Operation;
use super::outputs::Outputs;
use super::pairs::Pairs;
use super::passes::Passes;
use super::planes::{Compute, OF_PASSES};
use super::problem::Problem;
use super::small::{Rows, Small};
use crate::Element;
use crate::simd::{Level, has_kernels};

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
    /// Windows of 2×2 or 3×3.
    Small { small: Arc<Small>, counts: Arc<Counts<T>> },
    /// Band by band.
    Bands { passes: Arc<Passes>, counts: Arc<Counts<T>> },
}

impl<T: Element> Fast<T> {
    /// `None` where the pixels or the level have no kernels, or the slab of a band would be out of all proportion.
    pub(super) fn new(problem: &Problem, operation: Operation, level: Level) -> Option<Self> {
        if !T::HAS_KERNELS || !has_kernels(level) {
            return None;
        }
        let counts = |inverts| Some(Arc::new(Counts::new(problem, operation, inverts, T::number)?));
        let small = Small::new(problem);
        let way = match small {
            _ if problem.is_pairs() => Way::Pairs(problem.clone()),
            Some(small) => Way::Small { small: Arc::new(small), counts: counts(false)? },
            None => Way::Bands { passes: Arc::new(Passes::new::<T>(problem)?), counts: counts(true)? },
        };
        Some(Self { operation, level, way })
    }
}

impl<T: Element + Kernels> Compute<T, T> for Fast<T> {
    fn compute(&self, pixels: &[T], first: usize, output: &mut [T], scratch: &mut [T]) {
        let (level, operation) = (self.level, self.operation);
        match &self.way {
            Way::Pairs(problem) => {
                let [_, rows, columns] = &problem.axes;
                let (rows, row, outputs) = (rows.length(), columns.length(), columns.outputs());
                let (inverse, upper) = (T::number(4, true), scratch);
                T::pairs(level, operation, Pairs { pixels, rows, row, first, outputs, inverse, upper, output });
            }
            Way::Small { small, counts } => {
                let (problem, start) = (&small.problem, operation.start());
                let length = problem.axes[2].outputs();
                problem.each_band(problem.rows(), pixels, first, output, |pixels, part, output| {
                    let (memory, outputs) = (&mut *scratch, Outputs { counts, part, length, output });
                    T::small(level, operation, Rows { small, start, memory, pixels, outputs });
                });
            }
            Way::Bands { passes, counts } => {
                let (problem, start) = (&passes.problem, operation.start());
                let length = problem.axes[2].outputs();
                problem.each_band(passes.band, pixels, first, output, |pixels, part, output| {
                    let (slab, outputs) = (&mut *scratch, Outputs { counts, part, length, output });
                    T::band(level, operation, Band { passes, start, slab, pixels, outputs });
                });
            }
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.way {
            Way::Pairs(_) => "pairs",
            Way::Small { .. } => "small windows",
            Way::Bands { .. } => "bands",
        }
    }

    fn weight(&self) -> usize {
        match self.way {
            Way::Pairs(_) | Way::Small { .. } => 1,
            Way::Bands { .. } => OF_PASSES,
        }
    }

    fn scratch_length(&self) -> usize {
        match &self.way {
            Way::Pairs(problem) => problem.axes[2].outputs(),
            Way::Small { small, .. } => small.memory,
            Way::Bands { passes, .. } => passes.slab,
        }
    }

    fn blank(&self) -> T {
        self.operation.start()
    }
}
