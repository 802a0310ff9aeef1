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
use crate::simd::{Level, pixels_in_a_register};

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
        let way = if problem.is_pairs(pixels_in_a_register::<T>(level)) {
            Way::Pairs
        } else {
            let passes = Arc::new(Passes::new::<T>(&problem)?);
            let counts = Arc::new(Counts::new(&problem, operation, T::number)?);
            Way::Bands { passes, counts }
        };
        Some(Self { problem: Arc::new(problem), operation, level, way })
    }
}

impl<T: Element + Kernels> Compute<T> for Fast<T> {
    fn compute(&self, mut pixels: &[T], first: usize, mut output: &mut [T], scratch: &mut [T]) {
        let problem = &*self.problem;
        let [_, rows, columns] = &problem.axes;
        let mut unit = first;
        while !output.is_empty() {
            // As many rows of the plane as are asked for, as long as a band.
            let (plane, row) = (unit / rows.outputs(), unit % rows.outputs());
            let most = match &self.way {
                Way::Pairs => rows.outputs(),
                Way::Bands { passes, .. } => passes.band,
            };
            let left = output.len() / columns.outputs();
            let count = most.min(rows.outputs() - row).min(left);
            match &self.way {
                Way::Pairs => {
                    let start = (plane * rows.length() + 2 * row) * columns.length();
                    let pairs = Pairs {
                        pixels: &pixels[start..][..2 * count * columns.length()],
                        row: columns.length(),
                        outputs: columns.outputs(),
                        inverse: T::number(4, true),
                        upper: &mut *scratch,
                        output: &mut output[..count * columns.outputs()],
                    };
                    T::pairs(self.level, self.operation, pairs);
                }
                Way::Bands { passes, counts } => {
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
                }
            }
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
