//! What pixels add up to, and their mean.

use std::cmp::Ordering;

use super::Float;

/// What every [`Element`](super::Element) can be averaged by.
pub trait Averaged: Copy {
    /// What pixels add up to: as many as memory holds do not overflow it.
    type Total: Copy + Send + Sync + 'static;

    fn total(pixels: &[Self]) -> Self::Total;
    fn plus_pixel(total: Self::Total, pixel: Self) -> Self::Total;
    fn plus_total(one: Self::Total, other: Self::Total) -> Self::Total;
    /// The quotient by a count; integers are rounded to the nearest, and to the even one of two that are as near.
    fn mean(total: Self::Total, count: usize) -> Self;
    /// A count as a pixel, or its inverse.
    fn number(count: usize, inverse: bool) -> Self;
}

/// Sums of integers: of a stretch of pixels in the first type, and of all in the second.
macro_rules! integer_totals {
    ($($pixel:ident of $part:ident $total:ident,)*) => {$(
        impl Averaged for $pixel {
            type Total = $total;

            fn total(pixels: &[Self]) -> $total {
                let part = |pixels: &[Self]| pixels.iter().map(|&pixel| $part::from(pixel)).sum::<$part>();
                pixels.chunks(1 << 15).map(|pixels| $total::from(part(pixels))).sum()
            }

            #[inline]
            fn plus_pixel(total: $total, pixel: Self) -> $total {
                total + $total::from(pixel)
            }

            #[inline]
            fn plus_total(one: $total, other: $total) -> $total {
                one + other
            }

            #[inline]
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an average lies between the smallest and the largest pixel"
            )]
            fn mean(total: $total, count: usize) -> Self {
                rounded_quotient(total.into(), count) as Self
            }

            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                reason = "counts are asked for where pixels are averaged as they are: floats"
            )]
            fn number(count: usize, _inverse: bool) -> Self {
                count as Self
            }
        }
    )*};
}

macro_rules! float_totals {
    ($($pixel:ident)*) => {$(
        impl Averaged for $pixel {
            type Total = Self;

            fn total(pixels: &[Self]) -> Self {
                pairwise_sum(pixels, &|pixel| pixel)
            }

            #[inline]
            fn plus_pixel(total: Self, pixel: Self) -> Self {
                total + pixel
            }

            #[inline]
            fn plus_total(one: Self, other: Self) -> Self {
                one + other
            }

            #[inline]
            fn mean(total: Self, count: usize) -> Self {
                total / Self::from_count(count)
            }

            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "floats round to the nearest")]
            fn number(count: usize, inverse: bool) -> Self {
                (if inverse { 1.0 / count as f64 } else { count as f64 }) as Self
            }
        }
    )*};
}

/// The nearest integer to a quotient, the even one of two that are as near.
fn rounded_quotient(dividend: i128, divisor: usize) -> i128 {
    let divisor = divisor as i128;
    let (below, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    let is_above = match (2 * rest).cmp(&divisor) {
        Ordering::Less => false,
        Ordering::Equal => below % 2 != 0,
        Ordering::Greater => true,
    };
    below + i128::from(is_above)
}

/// A sum whose rounding error grows with the logarithm of the number of terms, not with the number
/// (N. Higham, "The accuracy of floating point summation", 1993): each half is summed alone. Short stretches are summed
/// in lanes, which a compiler turns into vector instructions.
pub(crate) fn pairwise_sum<T: Float>(pixels: &[T], term: &impl Fn(T) -> T) -> T {
    const LANES: usize = 8;
    if pixels.len() > 16 * LANES {
        let (left, right) = pixels.split_at(pixels.len() / 2);
        return pairwise_sum(left, term) + pairwise_sum(right, term);
    }
    let (chunks, rest) = pixels.as_chunks::<LANES>();
    let mut lanes = [T::ZERO; LANES];
    for chunk in chunks {
        for (lane, &pixel) in lanes.iter_mut().zip(chunk) {
            *lane = *lane + term(pixel);
        }
    }
    lanes.iter().copied().chain(rest.iter().map(|&pixel| term(pixel))).fold(T::ZERO, |sum, next| sum + next)
}

integer_totals!(u8 of i32 i64, i8 of i32 i64, i16 of i32 i64, u16 of u32 i64, i32 of i64 i128, i64 of i128 i128,);
float_totals!(f32 f64);
