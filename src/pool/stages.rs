//! How pixels become numbers that are pooled instead, and what comes of those becomes pixels again: loops that a compiler makes vectors
//! of.

use std::fmt::Debug;

/// Pixels as other numbers, and back.
pub(super) trait Stage<T, C>: Copy + Debug + Send + Sync + 'static {
    fn enter(self, pixels: &[T], cells: &mut [C]);
    fn leave(self, cells: &[C], output: &mut [T]);
}

/// Integers as floats of the same values, and the nearest integers as results; of two that are as near, the even one.
///
/// An average is rounded as its exact quotient would be, where pixels have magnitudes of `b` bits, the float `p` binary digits, and a
/// window counts fewer than `2^(p − b)`:
///
/// - Sums are exact, as no partial sum is beyond `2^p`.
/// - A quotient by `n` that does not lie in the middle between two integers is at least `1 / 2n` away from it. That is more than
///   `2^(b − p − 1)`, half a unit in the last place of the largest quotient: rounded to a float, it is still on its side of the middle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole;

/// Signed bytes as unsigned ones in the same order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flipped;

/// The powers of magnitudes, whose sums are norms once a root is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Powers {
    pub(super) order: f64,
}

/// Powers of these orders are products, and their roots are found by Newton's method.
const FACTORS: std::ops::RangeInclusive<u32> = 3..=8;

impl Powers {
    fn factors(self) -> Option<u32> {
        FACTORS.into_iter().find(|&factors| f64::from(factors) == self.order)
    }
}

/// Pixels one by one.
#[inline(always)]
fn each<T: Copy, U>(from: &[T], to: &mut [U], convert: impl Fn(T) -> U) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = convert(from);
    }
}

macro_rules! whole {
    ($float:ident $magic:literal: $($pixel:ident)*) => {$(
        impl Stage<$pixel, $float> for Whole {
            #[inline(always)]
            fn enter(self, pixels: &[$pixel], cells: &mut [$float]) {
                each(pixels, cells, |pixel| pixel as $float);
            }

            /// A sum with this number has the nearest integer in its last bits.
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "no result is beyond the pixels")]
            fn leave(self, cells: &[$float], output: &mut [$pixel]) {
                const MAGIC: $float = $magic;
                each(cells, output, |cell| (cell + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) as $pixel);
            }
        }
    )*};
}

whole!(f32 12_582_912.0: u8 i8 i16 i32);
whole!(f64 6_755_399_441_055_744.0: u8 i8 i16 i32);

impl Stage<i8, u8> for Flipped {
    #[inline(always)]
    fn enter(self, pixels: &[i8], cells: &mut [u8]) {
        each(pixels, cells, |pixel| pixel.cast_unsigned() ^ 0x80);
    }

    #[inline(always)]
    fn leave(self, cells: &[u8], output: &mut [i8]) {
        each(cells, output, |cell| (cell ^ 0x80).cast_signed());
    }
}

/// Numbers that are converted together.
const BLOCK: usize = 32;

#[inline(always)]
fn blocks<T: Copy + Default, U: Copy>(from: &[T], to: &mut [U], convert: impl Fn(&[T; BLOCK]) -> [U; BLOCK]) {
    let (whole, rest) = from.as_chunks::<BLOCK>();
    let (whole_to, rest_to) = to.as_chunks_mut::<BLOCK>();
    for (to, from) in whole_to.iter_mut().zip(whole) {
        *to = convert(from);
    }
    if !rest.is_empty() {
        let mut last = [T::default(); BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        rest_to.copy_from_slice(&convert(&last)[..rest.len()]);
    }
}

/// A float whose powers are pooled.
trait Powered: Copy + Default {
    /// Each number as often as a factor.
    fn product(numbers: [Self; BLOCK], factors: u32) -> [Self; BLOCK];
    /// What is a sum as such a product; zero, infinity and NaN stay.
    fn root(sums: &[Self; BLOCK], factors: u32) -> [Self; BLOCK];
}

macro_rules! powered {
    ($($float:ident: $bits:ident << $shift:literal, $one:literal - $less:literal, $steps:literal, $far:literal;)*) => {$(
        impl Powered for $float {
            #[inline(always)]
            fn product(mut squares: [Self; BLOCK], mut factors: u32) -> [Self; BLOCK] {
                let mut product = [1.0; BLOCK];
                loop {
                    if factors & 1 == 1 {
                        for lane in 0..BLOCK {
                            product[lane] *= squares[lane];
                        }
                    }
                    factors >>= 1;
                    if factors == 0 {
                        return product;
                    }
                    for lane in 0..BLOCK {
                        squares[lane] *= squares[lane];
                    }
                }
            }

            /// Newton's method for the inverse, which needs no division; then a step for the root itself, for its last digits.
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "exponents are a part of what fits")]
            fn root(sums: &[Self; BLOCK], factors: u32) -> [Self; BLOCK] {
                // Numbers near the ends of the range are moved into the middle by a power of two whose root is one, too.
                const FAR: $float = $far;
                const TINY: $float = 1.0 / (FAR * FAR * FAR * FAR * FAR * FAR * FAR * FAR);
                const HUGE: $float = FAR * FAR * FAR * FAR * FAR * FAR * FAR;
                let near = (0..factors).fold(1.0, |near, _| near * FAR);
                let (away, of_one) = (1.0 / near, 1.0 / factors as $float);
                let (mut scaled, mut inverse) = ([0.0; BLOCK], [0.0; BLOCK]);
                for lane in 0..BLOCK {
                    let sum = sums[lane];
                    scaled[lane] = sum * if sum < TINY { near } else if sum > HUGE { away } else { 1.0 };
                    // The bits of a float are its logarithm, nearly; a little less makes the error as large on either side.
                    let logarithm = (scaled[lane].to_bits() >> $shift) as i32 as $float - $one;
                    let bits = ($one - $less - logarithm * of_one) as i32;
                    inverse[lane] = $float::from_bits((bits as $bits) << $shift);
                }
                for _ in 0..$steps {
                    let power = Self::product(inverse, factors);
                    for lane in 0..BLOCK {
                        inverse[lane] += inverse[lane] * ((1.0 - scaled[lane] * power[lane]) * of_one);
                    }
                }
                let power = Self::product(inverse, factors - 1);
                let mut root = [0.0; BLOCK];
                for lane in 0..BLOCK {
                    root[lane] = scaled[lane] * power[lane];
                }
                let power = Self::product(root, factors);
                for lane in 0..BLOCK {
                    let sum = sums[lane];
                    let exact = root[lane] + root[lane] * ((scaled[lane] / power[lane] - 1.0) * of_one);
                    let back = if sum < TINY { 1.0 / FAR } else if sum > HUGE { FAR } else { 1.0 };
                    root[lane] = if sum > 0.0 && sum < $float::INFINITY { exact * back } else { sum };
                }
                root
            }
        }
    )*};
}

powered! {
    f32: u32 << 0, 1_065_353_216.0 - 461_373.0, 3, 256.0;
    f64: u64 << 32, 1_072_693_248.0 - 57_672.0, 4, 18_446_744_073_709_551_616.0;
}

macro_rules! powers {
    ($($pixel:ident as $cell:ident)*) => {$(
        impl Stage<$pixel, $cell> for Powers {
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest value is the point")]
            fn enter(self, pixels: &[$pixel], cells: &mut [$cell]) {
                let order = self.order as $cell;
                match self.factors() {
                    Some(factors) => blocks(pixels, cells, |pixels| {
                        let mut magnitudes = [0.0; BLOCK];
                        for lane in 0..BLOCK {
                            magnitudes[lane] = $cell::from(pixels[lane]).abs();
                        }
                        Powered::product(magnitudes, factors)
                    }),
                    None => each(pixels, cells, |pixel| $cell::from(pixel).abs().powf(order)),
                }
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest value is the point")]
            fn leave(self, cells: &[$cell], output: &mut [$pixel]) {
                let root = self.order.recip() as $cell;
                match self.factors() {
                    Some(factors) => blocks(cells, output, |sums| {
                        let mut roots = [0.0; BLOCK];
                        let found = Powered::root(sums, factors);
                        for lane in 0..BLOCK {
                            roots[lane] = found[lane] as $pixel;
                        }
                        roots
                    }),
                    None => each(cells, output, |cell| cell.powf(root) as $pixel),
                }
            }
        }
    )*};
}

powers!(f32 as f32 f32 as f64 f64 as f64);

#[cfg(test)]
mod tests {
    use super::*;

    /// Roots of sums of every magnitude, to the last digits.
    #[test]
    fn roots_are_those_of_the_language() {
        for factors in FACTORS {
            let mut state = u64::from(factors);
            for exponent in -148..128 {
                let mut sums = [0.0_f32; BLOCK];
                let mut wide = [0.0_f64; BLOCK];
                for lane in 0..BLOCK {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let number = 1.0 + (state >> 12) as f64 / (1_u64 << 52) as f64;
                    sums[lane] = (number * 2_f64.powi(exponent)) as f32;
                    wide[lane] = number * 2_f64.powi(exponent * 6);
                }
                let root = 1.0 / f64::from(factors);
                for (found, sum) in Powered::root(&sums, factors).into_iter().zip(sums) {
                    let expected = f64::from(sum).powf(root);
                    let error = (f64::from(found) - expected).abs() / expected;
                    assert!(error < 3e-7, "{sum} to the 1/{factors}: {found} instead of {expected}");
                }
                for (found, sum) in Powered::root(&wide, factors).into_iter().zip(wide) {
                    let error = (found - sum.powf(root)).abs() / sum.powf(root);
                    assert!(error < 1e-15 * 8.0, "{sum} to the 1/{factors}: {found} instead of {}", sum.powf(root));
                }
            }
            let mut odd = [1.0_f32; BLOCK];
            odd[..3].copy_from_slice(&[0.0, f32::INFINITY, f32::NAN]);
            let roots: [f32; BLOCK] = Powered::root(&odd, factors);
            assert!(roots[0] == 0.0 && roots[1] == f32::INFINITY && roots[2].is_nan() && (roots[3] - 1.0).abs() < 3e-7);
        }
    }
}
