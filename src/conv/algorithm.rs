//! The algorithms that compute a convolution, and which layers they suit.

use std::fmt;

use super::depthwise;
use super::problem::Problem;
use super::winograd::Tiling;
use super::zones;

/// The ways to compute a convolution. A [`Plan`](crate::Plan) says which one it has chosen.
///
/// All of them follow the definition term by term but [`Separable`](Self::Separable), [`Winograd`](Self::Winograd) and
/// [`Winograd2x2`](Self::Winograd2x2), which a layer can rule out: see [`Conv::without`](super::Conv::without). `f32` has all of them,
/// `f64` has all but these three and [`Zones`](Self::Zones), and integers have [`Taps`](Self::Taps), as has
/// every number on an x86 without AVX2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Every tap adds a shifted row of the input to a row of outputs, for any layer: small ones, and those with more than
    /// three spatial axes.
    Taps,
    /// A matrix product whose vectors lie along the pixels: for layers that sum few products for each output. Sums are stored straight from
    /// registers.
    Pixels,
    /// A matrix product whose vectors lie along the filters: maps of any size fill them, at the price of transposing the sums before they
    /// are stored. Where every channel has one filter, pixels are transposed, too, and there is no matrix product.
    Channels,
    /// Rows of pixels that serve several rows of outputs: for groups of one channel.
    Rows,
    /// The same in two passes, first with a column and then with a row: for large filters that are a column times a row, as
    /// a Gaussian blur is. The weights are looked at to see whether they are.
    Separable,
    /// Winograd's tiles of 4×4 outputs, for a quarter of the multiplications: windows of 3×3 and stride 1, and of 5×5 to 8×8 and
    /// stride 2.
    /// Rounding errors are about three times as large (1e-6 of the norm in `f32`). An output is off by so much of the largest pixel
    /// of its tile, also of one that it does not see: beside a pixel of 1e9, by hundreds. Tiles with an infinity, a NaN, or a pixel
    /// whose square overflows are computed by the definition.
    Winograd,
    /// Winograd's tiles of 2×2 outputs, for 4 of 9 multiplications: windows of 3×3 and stride 1, over small maps of many channels.
    /// Less than half as many numbers are made of the weights as for the larger tiles: there, most of the time goes into reading
    /// them, which the images of a batch do together. So it depends on their number which tiles are chosen.
    /// Rounding errors are up to twice as large.
    Winograd2x2,
    /// Outputs that see the same taps together, without the other taps, which lie on padding: for windows that reach far over small
    /// maps. Each zone is computed as by [`Pixels`](Self::Pixels) or [`Channels`](Self::Channels).
    Zones,
}

impl Algorithm {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; Self::Zones as usize + 1] = [
        Self::Taps,
        Self::Pixels,
        Self::Channels,
        Self::Rows,
        Self::Separable,
        Self::Winograd,
        Self::Winograd2x2,
        Self::Zones,
    ];

    /// Whether it can compute a layer.
    pub(super) fn suits(self, problem: &Problem) -> bool {
        match self {
            Self::Taps | Self::Pixels => true,
            Self::Channels => !depthwise::is_depthwise(problem) || depthwise::suits(problem),
            Self::Rows => problem.channels == 1 && problem.is_flat(),
            Self::Separable => {
                let [_, rows, columns] = &problem.axes;
                let is_dense = (rows.stride(), rows.dilation()) == (1, 1);
                Self::Rows.suits(problem) && is_dense && rows.size().min(columns.size()) > 1
            }
            Self::Winograd | Self::Winograd2x2 => Tiling::of(self, problem).is_some(),
            Self::Zones => zones::suit(problem),
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
            Self::Zones => "zones",
        })
    }
}

/// A set of algorithms.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Algorithms(u16);

const _: () = assert!(Algorithm::ALL.len() <= u16::BITS as usize, "a set has a bit for each algorithm");

impl Algorithms {
    pub(super) fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | 1 << algorithm as u16)
    }

    pub(super) fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & 1 << algorithm as u16 != 0
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Algorithm::ALL.iter().filter(|&&algorithm| self.contains(algorithm))).finish()
    }
}
