//! Pooling by the kernels: which one, and plane after plane.

use std::sync::Arc;

use super::band::Band;
use super::kernels::Kernels;
use super::operation::Operation;
use super::pairs::Pairs;
use super::passes::{Counts, Passes};
use super::planes::Compute;
use super::problem::Problem;
use crate::Element;
use crate::simd::Level;

/// Windows merged by an operation that has kernels.
#[derive(Debug, Clone)]
pub(super) struct Fast<T> {
    problem: Arc<Problem>,
    operation: Operation,
    level: Level,
    way: Way<T>,
}

#[derive(Debug, Clone)]
enum Way<T> {
    /// Windows of 2×2 side by side.
    Pairs,
    /// Band by band.
    Bands { passes: Arc<Passes>, counts: Arc<Counts<T>> },
}

impl<T: Element> Fast<T> {
    /// `None` where the slab of a band would be out of all proportion.
    pub(super) fn new(problem: Problem, operation: Operation, level: Level) -> Option<Self> {
        let way = if problem.is_pairs() {
            Way::Pairs
        } else {
            let passes = Arc::new(Passes::new::<T>(&problem, T::HAS_SMALL)?);
            let counts = Arc::new(Counts::new(&problem, operation, T::number)?);
            Way::Bands { passes, counts }
        };
        Some(Self { problem: Arc::new(problem), operation, level, way })
    }
}

impl<T: Element + Kernels> Compute<T> for Fast<T> {
    type Cell = T;

    fn compute(&self, mut pixels: &[T], first: usize, mut output: &mut [T], scratch: &mut [T]) {
        let problem = &*self.problem;
        let [_, rows, columns] = &problem.axes;
        let Way::Bands { passes, counts } = &self.way else {
            let pairs = Pairs {
                pixels,
                rows: rows.length(),
                row: columns.length(),
                first,
                outputs: columns.outputs(),
                inverse: T::number(4, true),
                upper: scratch,
                output,
            };
            return T::pairs(self.level, self.operation, pairs);
        };
        let mut unit = first;
        while !output.is_empty() {
            // As many rows of the plane as are asked for, as long as a band.
            let (plane, row) = (unit / rows.outputs(), unit % rows.outputs());
            let left = output.len() / columns.outputs();
            let count = passes.band.min(rows.outputs() - row).min(left);
            let band = Band {
                problem,
                passes,
                counts,
                start: self.operation.start(),
                slab: scratch,
                pixels,
                plane,
                first: row,
                rows: count,
                output: &mut *output,
            };
            T::band(self.level, self.operation, band);
            output = &mut output[count * columns.outputs()..];
            unit += count;
            if unit == problem.rows() && !output.is_empty() {
                (unit, pixels) = (0, &pixels[problem.pixels()..]);
            }
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.way {
            Way::Pairs => "pairs",
            Way::Bands { .. } => "bands",
        }
    }

    fn scratch_length(&self) -> usize {
        match &self.way {
            Way::Pairs => self.problem.axes[2].outputs(),
            Way::Bands { passes, .. } => passes.slab,
        }
    }

    fn blank(&self) -> T {
        self.operation.start()
    }
}
