//! A number for each spatial axis.

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
