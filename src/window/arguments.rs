//! What windows take as arguments: numbers for each axis, and paddings. As all traits of arguments, they say what the remedy is where
//! a type does not fit.

use super::Padding;

/// One number for each of `N` spatial axes. Anything that takes one takes `usize`, the same for all axes, `[usize; N]`, or a tuple
/// of `N`.
///
/// ```
/// use featuremap::PerAxis;
///
/// assert_eq!(PerAxis::<2>::from(3), PerAxis([3, 3]));
/// assert_eq!(PerAxis::from([2, 1]), PerAxis([2, 1]));
/// assert_eq!(PerAxis::from((2, 1)), PerAxis([2, 1]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PerAxis<const N: usize>(pub [usize; N]);

impl<const N: usize> From<usize> for PerAxis<N> {
    fn from(value: usize) -> Self {
        Self([value; N])
    }
}

impl<const N: usize> From<[usize; N]> for PerAxis<N> {
    fn from(values: [usize; N]) -> Self {
        Self(values)
    }
}

impl From<(usize,)> for PerAxis<1> {
    fn from(values: (usize,)) -> Self {
        Self(values.into())
    }
}

impl From<(usize, usize)> for PerAxis<2> {
    fn from(values: (usize, usize)) -> Self {
        Self(values.into())
    }
}

impl From<(usize, usize, usize)> for PerAxis<3> {
    fn from(values: (usize, usize, usize)) -> Self {
        Self(values.into())
    }
}

/// One number for each of `N` spatial axes: a `usize`, the same for all axes, or as many as there are axes in an array or a tuple.
///
/// ```
/// use featuremap::MaxPool2d;
///
/// assert_eq!(MaxPool2d::new(3).stride(2), MaxPool2d::new([3, 3]).stride((2, 2)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not give a number for each of {N} spatial axes",
    label = "not a `usize`, and not {N} of them in an array or a tuple",
    note = "sizes, strides and dilations are `usize`: `2` for all axes, `[2, 1]` or `(2, 1)` for one each",
    note = "another integer is converted by `usize::try_from(number)`; a literal in a variable needs no type: `let stride = 2;`"
)]
pub trait IntoPerAxis<const N: usize> {
    /// The numbers.
    fn into_per_axis(self) -> PerAxis<N>;
}

/// How far windows over `N` spatial axes reach beyond the input: a number of pixels for all sides, one for each axis in an array or a
/// tuple, `[(before, after)]` for each axis, or a [`Padding`].
///
/// ```
/// use featuremap::{MaxPool2d, Padding};
///
/// let pool = MaxPool2d::new(3);
/// assert_eq!(pool.padding(1), pool.padding((1, 1)));
/// assert_eq!(pool.padding(1), pool.padding([(1, 1), (1, 1)]));
/// assert_ne!(pool.padding(1), pool.padding(Padding::Same));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no padding over {N} spatial axes",
    label = "not a number of pixels, and not a `Padding`",
    note = "what other libraries write as `\"same\"` is `Padding::Same`, and `\"valid\"` is `Padding::Valid`",
    note = "pixels are `usize`: `1` for all sides, `[1, 2]` or `(1, 2)` for one an axis, `[(0, 1), (0, 1)]` for before and after each"
)]
pub trait IntoPadding<const N: usize> {
    /// The padding.
    fn into_padding(self) -> Padding<N>;
}

macro_rules! sizes {
    ($([$($axes:ident)?] $count:ident $source:ty,)*) => {$(
        impl<$(const $axes: usize)?> IntoPerAxis<$count> for $source {
            fn into_per_axis(self) -> PerAxis<$count> {
                self.into()
            }
        }
    )*};
}

macro_rules! paddings {
    ($([$($axes:ident)?] $count:ident $source:ty,)*) => {$(
        impl<$(const $axes: usize)?> IntoPadding<$count> for $source {
            fn into_padding(self) -> Padding<$count> {
                self.into()
            }
        }
    )*};
}

const ONE: usize = 1;
const TWO: usize = 2;
const THREE: usize = 3;

sizes! {
    [N] N usize,
    [N] N [usize; N],
    [N] N PerAxis<N>,
    [] ONE (usize,),
    [] TWO (usize, usize),
    [] THREE (usize, usize, usize),
}

paddings! {
    [N] N usize,
    [N] N [usize; N],
    [N] N [(usize, usize); N],
    [N] N Padding<N>,
    [] ONE (usize,),
    [] TWO (usize, usize),
    [] THREE (usize, usize, usize),
}
