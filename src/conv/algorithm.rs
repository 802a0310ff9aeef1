//! Which algorithm computes a convolution: the one rule that chooses.

use std::fmt;

use super::kernels::Kernels;
use super::problem::Problem;
use super::winograd::{self, Tiling};
use super::bands;
use crate::parallel::Part;
use crate::simd::{Lanes, Level, has_kernels, lanes};

/// Outputs of a row that is better computed in bands.
const LONG_ROW: usize = 4096;

/// Weights of so many bytes, and those of fewer, stay in a cache that cores share: these are read the faster.
const CACHED_BYTES: f64 = (24 << 20) as f64;

/// What it takes to begin with a channel of a map in tiles.
const STARTING_CHANNEL: f64 = 600.0;

/// The ways to compute a convolution. A [`Plan`](crate::Plan) says which one it has chosen.
///
/// All of them follow the definition term by term but [`Separable`](Self::Separable), [`Winograd`](Self::Winograd) and
/// [`Winograd2x2`](Self::Winograd2x2), which a layer can rule out: see [`Conv::without`](super::Conv::without).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Every tap adds a shifted row of the input to a row of outputs, for any layer: small ones, and those with more than
    /// three spatial axes.
    Taps,
    /// A matrix product whose vectors lie along the pixels: few products are summed for each output, which is stored straight from
    /// registers.
    Pixels,
    /// A matrix product whose vectors lie along the filters: maps of any size fill them, for sums that are transposed before they are
    /// stored.
    Channels,
    /// Rows of pixels that serve several rows of outputs: for groups of one channel.
    Rows,
    /// The same in two passes, first with a column and then with a row: for large filters that are a column times a row, as
    /// a Gaussian blur is. The weights are looked at to see whether they are.
    Separable,
    /// Winograd's tiles of 4×4 outputs, for a quarter of the multiplications: windows of 3×3 and stride 1, of 5×5 or 6×6 and stride
    /// 2, and of 7×7 or 8×8 and stride 2 over a few channels.
    /// Rounding errors are about three times as large (1e-6 of the norm in `f32`), and an infinity or NaN among the pixels
    /// spoils all 4×4 outputs of a tile.
    Winograd,
    /// Winograd's tiles of 2×2 outputs, for 4 of 9 multiplications: windows of 3×3 and stride 1, over small maps of many channels.
    /// Less than half as many numbers are made of the weights as for the larger tiles: there, most of the time goes into reading
    /// them, which the images of a batch do together. So it depends on their number which tiles are chosen.
    /// Rounding errors are up to twice as large, and an infinity or NaN spoils all outputs of the tiles that see it.
    Winograd2x2,
}

impl Algorithm {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Taps, Self::Pixels, Self::Channels, Self::Rows, Self::Separable, Self::Winograd, Self::Winograd2x2];

    /// Whether it can compute a layer.
    pub(super) fn suits(self, problem: &Problem) -> bool {
        match self {
            Self::Taps | Self::Pixels | Self::Channels => true,
            Self::Rows => problem.channels == 1 && problem.is_flat(),
            Self::Separable => {
                let [_, rows, columns] = &problem.axes;
                Self::Rows.suits(problem) && problem.is_dense(1) && rows.size().min(columns.size()) > 1
            }
            Self::Winograd | Self::Winograd2x2 => Tiling::of(self, problem).is_some(),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taps => "taps",
            Self::Pixels => "pixels",
            Self::Channels => "channels",
            Self::Rows => "rows",
            Self::Separable => "separable",
            Self::Winograd => "winograd",
            Self::Winograd2x2 => "winograd 2x2",
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

/// The fastest algorithm for a layer among those that `may` be used, by the number of register operations that each would
/// take. It is asked for one after the other, from the fastest on, as the answer may take a look at all weights.
pub(super) fn fastest<A: Kernels>(problem: &Problem, level: Level, may: &dyn Fn(Algorithm) -> bool) -> Algorithm {
    if !has_kernels(level) {
        return Algorithm::Taps;
    }
    let mut left = A::ALGORITHMS.to_vec();
    left.sort_by(|&one, &other| cost::<A>(one, problem, level).total_cmp(&cost::<A>(other, problem, level)));
    left.into_iter().find(|&algorithm| may(algorithm)).unwrap_or(Algorithm::Taps)
}

/// Register operations of an algorithm for one group of one image of a batch: multiply-adds, blanks included, and what it takes to
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
        Algorithm::Pixels | Algorithm::Channels => bands::cost::<A>(problem, algorithm, level),
        // A row alone is not cut, and should stay in cache.
        Algorithm::Rows | Algorithm::Separable if rows == 1 && columns > LONG_ROW => f64::INFINITY,
        // No filter shares its pixels with another.
        Algorithm::Rows => rows as f64 * columns.div_ceil(lanes) as f64 * problem.filters as f64 * (depth + 2.0),
        // The second pass reads from memory what the first has stored there.
        Algorithm::Separable => {
            let taps = problem.axes[1].size() + problem.axes[2].size();
            rows as f64 * columns.div_ceil(lanes) as f64 * problem.filters as f64 * (taps as f64 + 18.0)
        }
        Algorithm::Winograd | Algorithm::Winograd2x2 => {
            let Some(tiling) = Tiling::of(algorithm, problem) else { return f64::INFINITY };
            let tiles = tiling.tiles(rows, &problem.axes[1]) * tiling.tiles(columns, &problem.axes[2]);
            let of_phases = tiling.channels(problem.channels);
            // Of a tile in one filter; and of the transforms, whose steps grow with the points.
            let products = tiling.products(of_phases) as f64;
            let (channels, filters) = (of_phases as f64, problem.filters as f64);
            let points = tiling.points() as f64 / 36.0;
            // The outputs of a dilated window, every so many-th, are maps of their own: with blocks and weights to read of their own.
            let maps = [rows, columns].iter().zip(&problem.axes[1..]).map(|(outputs, axis)| axis.dilation().min(*outputs));
            let maps = maps.product::<usize>();
            let starting = STARTING_CHANNEL * channels * maps as f64;
            if tiling.is_shallow(of_phases) {
                // Where rows of tiles are shorter than a register, its outputs take a detour.
                let storing = if columns < 4 * lanes * problem.axes[2].dilation() { 220.0 } else { 140.0 };
                let of_register = filters * (products * 4.0 / 3.0 + storing * points) + 320.0 * channels * points;
                return tiles.div_ceil(lanes) as f64 * of_register + starting;
            }
            let registers = problem.filters.div_ceil(lanes) as f64;
            let images = Part::here().all(problem.images);
            let of_map = tiles.saturating_mul(images).div_ceil(maps);
            let with_blanks = winograd::with_blanks::<A>(level, of_map) * maps as f64 / images as f64;
            let computing =
                with_blanks * products * registers + tiles as f64 * (45.0 * channels + 500.0 * registers) * points;
            // All the weights are read for every block of tiles: of few tiles, for all images together, and for many they do not count.
            let bytes = products * filters * size_of::<A>() as f64;
            let bytes_an_operation = if bytes > CACHED_BYTES { 5.0 } else { 12.0 };
            if maps > 1 {
                return computing + starting + bytes * maps as f64 / bytes_an_operation / images as f64;
            }
            computing.max(bytes / bytes_an_operation / images as f64)
        }
    }
}
