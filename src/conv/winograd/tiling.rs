//! What a window is in tiles: the taps of a filter, and the phases of the pixels that they meet.
//!
//! A stride of two deals rows and columns of pixels to two phases each, even and odd, and the taps with them. Outputs are then sums
//! over four windows of stride 1 and half the size, one for each phase, as if each channel were four:
//!
//! ```text
//!     5×5 taps    a b c d e       a c e    b d     even rows    even columns, odd columns
//!                 f g h i j       k m o    l n
//!                 k l m n o   →   u w y    v x
//!                 p q r s t       f h j    g i     odd rows
//!                 u v w x y       p r t    q s
//! ```
//!
//! Of an odd number of taps, odd phases have one less than even ones. Their last coefficient is zero, which is their value at ∞:
//! with it they need not be multiplied.

use std::ops::Range;

use super::FEW_TILES;
use super::steps::with_blanks;
use super::transforms::{LARGE_TILE, MOST_TAPS, SMALL_TILE};
use crate::conv::algorithm::Algorithm;
use crate::conv::choose::cost_of_weights;
use crate::conv::problem::Problem;
use crate::parallel::BatchPart;
use crate::simd::{Lanes, Level, lanes};
use crate::window::Axis;

/// Beyond this a dilated window has too many phases, of too few outputs each, for tiles.
const MOST_DILATED: usize = 8;

/// How a layer is computed in tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tiling {
    /// Outputs of a tile along an axis.
    pub(super) tile: usize,
    /// The distance of neighbouring windows, in pixels of both axes: 1 or 2.
    pub(super) stride: usize,
    /// The distance of neighbouring taps on rows and columns: 1 where the stride is 2.
    pub(super) dilation: [usize; 2],
    /// Taps of an even phase along each axis.
    pub(super) taps: usize,
    /// Whether odd phases of rows, and of columns, have one tap less.
    uneven: [bool; 2],
}

impl Tiling {
    /// `None` for windows that are not computed in the tiles of an algorithm.
    pub(in crate::conv) fn of(algorithm: Algorithm, problem: &Problem) -> Option<Self> {
        let tile = Self::tile(algorithm)?;
        let [_, rows, columns] = &problem.axes;
        let (stride, dilation) = (rows.stride(), [rows.dilation(), columns.dilation()]);
        if !problem.is_flat() || columns.stride() != stride {
            return None;
        }
        let sizes = [rows.size(), columns.size()];
        let taps = sizes.map(|size| size.div_ceil(stride));
        let uneven = sizes.map(|size| size % stride == 1);
        let tiling = Self { tile, stride, dilation, taps: taps[0], uneven };
        let suits = match stride {
            1 => sizes == [3, 3] && dilation.iter().all(|&dilation| dilation <= MOST_DILATED),
            // Two taps would spare too little.
            2 if tile == LARGE_TILE => dilation == [1, 1] && taps[0] == taps[1] && (3..=MOST_TAPS).contains(&taps[0]),
            _ => false,
        };
        suits.then_some(tiling)
    }

    /// Outputs of a tile along an axis; `None` for algorithms without tiles.
    pub(in crate::conv) fn tile(algorithm: Algorithm) -> Option<usize> {
        match algorithm {
            Algorithm::Winograd => Some(LARGE_TILE),
            Algorithm::Winograd2x2 => Some(SMALL_TILE),
            _ => None,
        }
    }

    /// How many tiles are side by side along an axis of so many outputs, in all phases of a dilated window.
    pub(in crate::conv) fn tiles(self, outputs: usize, axis: &Axis) -> usize {
        let phases = axis.dilation().min(outputs);
        (0..phases).map(|phase| (outputs - phase).div_ceil(axis.dilation()).div_ceil(self.tile)).sum()
    }

    /// Pixels of a patch along an axis.
    pub(super) fn patch(self) -> usize {
        self.tile + self.taps - 1
    }

    pub(in crate::conv) fn points(self) -> usize {
        self.patch() * self.patch()
    }

    /// Channels that so many are, each phase for itself.
    pub(in crate::conv) fn channels(self, channels: usize) -> usize {
        channels * self.stride * self.stride
    }

    /// The phases of rows and columns that channels are divided into, phase by phase. With this order those that have a value at a
    /// point stand side by side, for every point.
    pub(super) fn phases(self) -> &'static [[usize; 2]] {
        match self.stride {
            1 => &[[0, 0]],
            _ => &[[0, 1], [0, 0], [1, 0], [1, 1]],
        }
    }

    /// The channels of a filter that are not zero at a point, of so many in all.
    #[inline(always)]
    pub(super) fn channels_at(self, [row, column]: [usize; 2], channels: usize) -> Range<usize> {
        let infinity = self.patch() - 1;
        let (row, column) = (self.uneven[0] && row == infinity, self.uneven[1] && column == infinity);
        let of_phase = channels / (self.stride * self.stride);
        match (row, column) {
            (false, false) => 0..channels,
            (true, false) => 0..2 * of_phase,
            (false, true) => of_phase..3 * of_phase,
            (true, true) => of_phase..2 * of_phase,
        }
    }

    /// How many products a tile takes for so many channels.
    pub(in crate::conv) fn products(self, channels: usize) -> usize {
        let patch = self.patch();
        let points = (0..patch).flat_map(|row| (0..patch).map(move |column| [row, column]));
        points.map(|point| self.channels_at(point, channels).len()).sum()
    }
}

/// What Winograd's tiles cost.
pub(in crate::conv) fn cost<A: Lanes>(algorithm: Algorithm, problem: &Problem, level: Level) -> f64 {
    let Some(tiling) = Tiling::of(algorithm, problem) else { return f64::INFINITY };
    let [planes, rows, columns] = problem.output_size();
    let rows = planes * rows;
    let tiles = tiling.tiles(rows, &problem.axes[1]) * tiling.tiles(columns, &problem.axes[2]);
    let of_phases = tiling.channels(problem.channels);
    // Of a tile in one filter; and of the transforms, whose steps grow with the points.
    let products = tiling.products(of_phases) as f64;
    let (channels, filters) = (of_phases as f64, problem.filters as f64);
    let points = tiling.points() as f64 / 36.0;
    // The outputs of a dilated window, every so many-th, are maps of their own: with blocks and weights to read of their own.
    let [_, down, across] = &problem.axes;
    let maps = down.dilation().min(rows) * across.dilation().min(columns);
    let starting = STARTING_CHANNEL * channels * maps as f64;
    let registers = problem.filters.div_ceil(lanes::<A>(level)) as f64;
    let images = BatchPart::here().all(problem.images);
    let of_map = tiles.saturating_mul(images).div_ceil(maps);
    let with_blanks = with_blanks::<A>(level, of_map) * maps as f64 / images as f64;
    let computing = with_blanks * products * registers + tiles as f64 * (45.0 * channels + 500.0 * registers) * points;
    // All the weights are read for every block of tiles. Where tiles are few, the time adds up; where they are many, they are read while
    // others are multiplied, and the longer of the two counts. The images of a batch share them.
    let bytes = products * filters * size_of::<A>() as f64;
    let reading = cost_of_weights(bytes) * maps as f64 / images as f64;
    let together = if of_map < FEW_TILES { computing + reading } else { computing.max(reading) };
    together + starting
}

/// What it takes to begin with a channel of a map in tiles.
const STARTING_CHANNEL: f64 = 600.0;
