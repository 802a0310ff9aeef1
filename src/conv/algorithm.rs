//! Which algorithm computes a convolution: the one rule that chooses.

use std::fmt;

use super::kernels::Kernels;
use super::problem::Problem;
use super::{channels, pixels};
use crate::simd::{Lanes, Level, lanes};

/// The ways to compute a convolution. A [`Plan`](crate::Plan) says which one it has chosen.
///
/// All of them follow the definition term by term but [`Winograd`](Self::Winograd), which a layer can rule out:
/// see [`Conv::without`](super::Conv::without).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Every tap adds a shifted row of the input to a row of outputs, for any layer: small ones, and those with more than
    /// three spatial axes.
    Taps,
    /// Vectors along the pixels: tiles of neighbouring pixels of a few filters.
    Pixels,
    /// Vectors along the filters: tiles of neighbouring pixels of many filters.
    Channels,
}

impl Algorithm {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Taps, Self::Pixels, Self::Channels];
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taps => "taps",
            Self::Pixels => "pixels",
            Self::Channels => "channels",
        })
    }
}

/// A set of algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Algorithms(u8);

impl Algorithms {
    pub(super) fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | 1 << algorithm as u8)
    }

    pub(super) fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & 1 << algorithm as u8 != 0
    }
}

/// The fastest algorithm for a layer among those that are not ruled out, by the number of register operations that each
/// would take.
pub(super) fn fastest<A: Kernels>(problem: &Problem, level: Level, ruled_out: Algorithms) -> Algorithm {
    A::ALGORITHMS
        .iter()
        .copied()
        .filter(|&algorithm| !ruled_out.contains(algorithm))
        .min_by(|&one, &other| cost::<A>(one, problem, level).total_cmp(&cost::<A>(other, problem, level)))
        .unwrap_or(Algorithm::Taps)
}

/// Register operations of an algorithm for one group of one image: multiply-adds, blanks included, and what it takes to
/// store the results.
fn cost<A: Lanes>(algorithm: Algorithm, problem: &Problem, level: Level) -> f64 {
    let lanes = lanes::<A>(level);
    let [planes, rows, columns] = problem.output_size();
    // Rows that lie side by side in the packed input are one row.
    let (rows, columns) = match problem.axes.iter().all(|axis| axis.size() == 1) {
        true => (1, planes * rows * columns),
        false => (planes * rows, columns),
    };
    let depth = problem.depth() as f64;
    match algorithm {
        Algorithm::Taps => f64::INFINITY,
        Algorithm::Pixels => {
            let registers = (rows * columns.div_ceil(lanes)) as f64;
            let filters = pixels::widths::<A>(level).rounded(problem.filters) as f64;
            registers * filters * (depth + 4.0)
        }
        Algorithm::Channels => {
            let pixels = (rows * columns) as f64;
            let registers = (channels::widths::<A>(level).rounded(problem.filters) / lanes) as f64;
            pixels * registers * (depth + 12.0)
        }
    }
}
