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

use super::transforms::{LARGE_TILE, MOST_TAPS, SMALL_TILE};
use crate::conv::algorithm::Algorithm;
use crate::conv::problem::Problem;
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
