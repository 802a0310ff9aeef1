//! How far a window may reach beyond the input, and what it finds there.

use super::axis::{Axis, AxisSpec};
use crate::{Error, PaddingMode, Result};

/// How many pixels are added before and after the input on each of `N` spatial axes.
///
/// Anything that takes a padding takes `usize` (the same on all sides), `[usize; N]` or a tuple of `N` (one number an axis, on both of
/// its sides), `[(usize, usize); N]` (before and after, for each axis) or a `Padding`.
///
/// ```
/// use featuremap::{Padding, Window};
///
/// let window = Window::new([3, 3]).stride(2);
/// assert_eq!(window.output_size([6, 7])?, [2, 3]);
/// assert_eq!(window.padding(1).output_size([6, 7])?, [3, 4]);
/// assert_eq!(window.padding([(0, 1), (2, 2)]).output_size([6, 7])?, [3, 5]);
/// assert_eq!(window.padding(Padding::Same).output_size([6, 7])?, [3, 4]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "super::serial::PaddingForm", try_from = "super::serial::PaddingForm"))]
#[non_exhaustive]
pub enum Padding<const N: usize> {
    /// No padding: every window lies inside the input.
    #[default]
    Valid,
    /// As much as gives `ceil(length / stride)` outputs; an odd pixel goes after the input (Keras' `same`, ONNX's
    /// `SAME_UPPER`).
    #[doc(alias = "SAME_UPPER")]
    Same,
    /// As [`Same`](Self::Same), but an odd pixel goes before the input (ONNX's `SAME_LOWER`).
    #[doc(alias = "SAME_LOWER")]
    SameLower,
    /// This many pixels before and after the input, for each axis.
    Explicit([(usize, usize); N]),
}

impl<const N: usize> From<usize> for Padding<N> {
    fn from(pixels: usize) -> Self {
        Self::Explicit([(pixels, pixels); N])
    }
}

impl<const N: usize> From<[usize; N]> for Padding<N> {
    fn from(pixels: [usize; N]) -> Self {
        Self::Explicit(pixels.map(|both| (both, both)))
    }
}

impl<const N: usize> From<[(usize, usize); N]> for Padding<N> {
    fn from(pixels: [(usize, usize); N]) -> Self {
        Self::Explicit(pixels)
    }
}

impl From<(usize,)> for Padding<1> {
    fn from(pixels: (usize,)) -> Self {
        <[usize; 1]>::from(pixels).into()
    }
}

impl From<(usize, usize)> for Padding<2> {
    /// One number for each axis, as PyTorch reads a pair; not before and after.
    fn from(pixels: (usize, usize)) -> Self {
        <[usize; 2]>::from(pixels).into()
    }
}

impl From<(usize, usize, usize)> for Padding<3> {
    fn from(pixels: (usize, usize, usize)) -> Self {
        <[usize; 3]>::from(pixels).into()
    }
}

impl<const N: usize> Padding<N> {
    /// Lays out one axis with this padding.
    pub(crate) fn axis(&self, spec: AxisSpec, ceil: bool) -> Result<Axis> {
        match self {
            Self::Valid => spec.with_padding(0, 0, ceil),
            Self::Same => spec.same(false),
            Self::SameLower => spec.same(true),
            Self::Explicit(sides) => {
                let (before, after) = sides[spec.axis];
                spec.with_padding(before, after, ceil)
            }
        }
    }
}

impl PaddingMode {
    /// Refuses more padding than the input can fill.
    pub(crate) fn check(self, axis: usize, geometry: &Axis) -> Result<()> {
        let length = geometry.length();
        let most = match self {
            Self::Zeros | Self::Replicate => return Ok(()),
            Self::Reflect => length - 1,
            Self::Symmetric | Self::Circular => length,
        };
        let (before, after) = (geometry.before(), geometry.after());
        if before.max(after) <= most {
            return Ok(());
        }
        Err(Error::PaddingMode { mode: self, axis, before, after, length, most })
    }

    /// The pixel that stands at a position, itself or by this mode; `None` where a zero stands.
    ///
    /// For [`Reflect`](Self::Reflect), the padding must have passed [`check`](Self::check); other modes go on beyond what it allows.
    #[inline]
    pub(crate) fn source(self, position: isize, length: usize) -> Option<usize> {
        let end = length.cast_signed();
        if (0..end).contains(&position) {
            return Some(position.cast_unsigned());
        }
        let pixel = match self {
            Self::Zeros => return None,
            Self::Replicate => position.clamp(0, end - 1),
            Self::Reflect if position < 0 => -position,
            Self::Reflect => 2 * (end - 1) - position,
            Self::Symmetric => {
                // The image and its mirror image, again and again.
                let place = position.rem_euclid(2 * end);
                place.min(2 * end - 1 - place)
            }
            Self::Circular => position.rem_euclid(end),
        };
        Some(pixel.cast_unsigned())
    }
}
