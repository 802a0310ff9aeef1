//! The numbers that images are made of.

mod average;
#[cfg(any(feature = "onnx", feature = "safetensors"))]
pub(crate) mod half;

use std::fmt::{Debug, Display};

use crate::kernels::elementwise::ElementwiseKernels;
use crate::kernels::maps::MapKernels;
use crate::kernels::pool::hosts::Number;
use crate::simd::Pixel;
use crate::terms::each_integer;
use average::Averaged;
pub(crate) use average::pairwise_sum;

/// A pixel, a weight or a sum: `f32`, `f64`, `i8`, `u8`, `i16`, `u16`, `i32` or `i64`.
///
/// | pixels and filters | a convolution gives | arithmetic |
/// | --- | --- | --- |
/// | `f32`, `f64` | the same | IEEE 754 |
/// | `i8`, `u8`, `i16` | `i32` | exact, wrapping at the ends of `i32` |
/// | `u16` | `i64`, as one product may be beyond `i32` | exact, wrapping at the ends of `i64` |
/// | `i32`, `i64` | the same | wrapping |
///
/// The trait is sealed: no other type can implement it.
///
/// ```
/// use featuremap::{Conv1d, Module};
/// use ndarray::{Array1, array};
///
/// let sum = Conv1d::new(array![1_u8, 1]);
/// let sums: Array1<i32> = sum.forward(&array![200_u8, 100, 5])?.try_into()?;
/// assert_eq!(sums, array![300, 105]);
/// # Ok::<(), featuremap::Error>(())
/// ```
pub trait Element:
    Copy
    + Debug
    + Default
    + Display
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + sealed::Sealed
    + Pixel
    + Number
    + Averaged
    + ElementwiseKernels
    + MapKernels
    + 'static
{
    /// What products of pixels and weights add up to.
    type Sum: Element<Sum = Self::Sum>;

    /// Zero: what a convolution finds on padding.
    const ZERO: Self;
    /// The value below all others: −∞, or the least integer.
    const LOWEST: Self;
    /// The value above all others: ∞, or the largest integer.
    const HIGHEST: Self;

    /// What a family has for this type.
    #[doc(hidden)]
    fn member<F: Family>() -> F::Of<Self>;

    /// `sum + pixel · weight`, exact or wrapping for integers.
    #[must_use]
    fn add_product(sum: Self::Sum, pixel: Self, weight: Self) -> Self::Sum;

    /// The sum of two; integers wrap.
    #[doc(hidden)]
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// The difference of two; integers wrap.
    #[doc(hidden)]
    #[must_use]
    fn minus(self, other: Self) -> Self;

    /// The product of two; integers wrap.
    #[doc(hidden)]
    #[must_use]
    fn times(self, other: Self) -> Self;

    /// With the other sign; integers wrap.
    #[doc(hidden)]
    #[must_use]
    fn negated(self) -> Self;

    /// Whether this is not a number. No integer is.
    fn is_nan(self) -> bool;

    /// Whether this is neither infinite nor NaN. Every integer is finite.
    fn is_finite(self) -> bool;
}

/// A floating-point [`Element`]: `f32` or `f64`. Norms are for these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no float of this crate: `f32` or `f64`",
    label = "norms and trained networks are for floats",
    note = "convert the image first, as by `tensor.map(|&x| f32::from(x))`; maxima, minima and averages are for all types of elements"
)]
pub trait Float: Element<Sum = Self> + num_traits::Float {
    /// The nearest value to a count.
    fn from_count(count: usize) -> Self;

    /// The nearest value to an `f64`.
    fn from_f64(value: f64) -> Self;
}

macro_rules! family {
    ($($number:ident)*) => {
        /// Something for each type of elements, as their kernels: code for every element finds it by the type, and an element need not know
        /// of what it is computed by.
        pub trait Family {
            /// What there is for a type.
            type Of<T: Element>;

            $(fn $number() -> Self::Of<$number>;)*
        }
    };
}

each_integer!(family: f32 f64);

mod sealed {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($pixel:ident => $sum:ty),*) => {$(
        impl sealed::Sealed for $pixel {}

        impl Element for $pixel {
            type Sum = $sum;
            const ZERO: Self = 0;
            const LOWEST: Self = <$pixel>::MIN;
            const HIGHEST: Self = <$pixel>::MAX;

            fn member<F: Family>() -> F::Of<Self> {
                F::$pixel()
            }

            #[inline]
            fn add_product(sum: $sum, pixel: Self, weight: Self) -> $sum {
                sum.wrapping_add(<$sum>::from(pixel).wrapping_mul(<$sum>::from(weight)))
            }

            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            #[inline]
            fn negated(self) -> Self {
                self.wrapping_neg()
            }

            #[inline]
            fn is_nan(self) -> bool {
                false
            }

            #[inline]
            fn is_finite(self) -> bool {
                true
            }
        }
    )*};
}

macro_rules! floats {
    ($($float:ident),*) => {$(
        impl sealed::Sealed for $float {}

        impl Element for $float {
            type Sum = $float;
            const ZERO: Self = 0.0;
            const LOWEST: Self = $float::NEG_INFINITY;
            const HIGHEST: Self = $float::INFINITY;

            fn member<F: Family>() -> F::Of<Self> {
                F::$float()
            }

            #[inline]
            fn add_product(sum: Self, pixel: Self, weight: Self) -> Self {
                sum + pixel * weight
            }

            #[inline]
            fn plus(self, other: Self) -> Self {
                self + other
            }

            #[inline]
            fn minus(self, other: Self) -> Self {
                self - other
            }

            #[inline]
            fn times(self, other: Self) -> Self {
                self * other
            }

            #[inline]
            fn negated(self) -> Self {
                -self
            }

            #[inline]
            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }

            #[inline]
            fn is_finite(self) -> bool {
                $float::is_finite(self)
            }
        }

        impl Float for $float {
            #[inline]
            fn from_count(count: usize) -> Self {
                count as $float
            }

            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest value is the point")]
            fn from_f64(value: f64) -> Self {
                value as $float
            }
        }
    )*};
}

integers!(i8 => i32, u8 => i32, i16 => i32, u16 => i64, i32 => i32, i64 => i64);
floats!(f32, f64);
