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
    #[allow(clippy::float_cmp, reason = "an order is a whole number, or it is not")]
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
            #[allow(clippy::cast_lossless, reason = "`f32` does not hold all of `i32`, and has `From` for the others alone")]
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

whole!(f32 12_582_912.0: u8 i8 i16 u16 i32);
whole!(f64 6_755_399_441_055_744.0: u8 i8 i16 u16 i32);

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

/// Numbers that are converted together, at most: so many that no step waits for the one before.
const BLOCK: usize = 128;

/// A float whose powers are pooled.
trait Powered: Copy {
    /// `product` times each number, as often as a factor; the numbers are spoilt.
    fn multiply(product: &mut [Self], numbers: &mut [Self], factors: u32);
    /// What are sums as such products; zero, infinity and NaN stay.
    fn roots(sums: &[Self], factors: u32, roots: &mut [Self]);
}

macro_rules! powered {
    ($($float:ident: $bits:ident << $shift:literal, $one:literal - $less:literal, $steps:literal, $far:literal;)*) => {$(
        impl Powered for $float {
            #[inline(always)]
            fn multiply(product: &mut [Self], numbers: &mut [Self], mut factors: u32) {
                loop {
                    if factors & 1 == 1 {
                        for (product, number) in product.iter_mut().zip(&*numbers) {
                            *product *= number;
                        }
                    }
                    factors >>= 1;
                    if factors == 0 {
                        return;
                    }
                    for number in &mut *numbers {
                        *number *= *number;
                    }
                }
            }

            /// Newton's method for the inverse, which needs no division; then a step for the root itself, for its last digits.
            #[inline(always)]
            #[allow(
                clippy::cast_lossless,
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                clippy::cast_sign_loss,
                reason = "the bits of positive numbers, or half of them, fit"
            )]
            fn roots(sums: &[Self], factors: u32, roots: &mut [Self]) {
                // Numbers near the ends of the range are moved into the middle by a power of two whose root is one, too.
                const FAR: $float = $far;
                const TINY: $float = 1.0 / (FAR * FAR * FAR * FAR * FAR * FAR * FAR * FAR);
                const HUGE: $float = FAR * FAR * FAR * FAR * FAR * FAR * FAR;
                let near = (0..factors).fold(1.0, |near, _| near * FAR);
                let (away, of_one) = (1.0 / near, 1.0 / factors as $float);
                let (mut scaled, mut inverse, mut spoilt) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
                let count = sums.len().min(BLOCK);
                let (scaled, inverse, spoilt) = (&mut scaled[..count], &mut inverse[..count], &mut spoilt[..count]);
                for ((scaled, inverse), &sum) in scaled.iter_mut().zip(&mut *inverse).zip(sums) {
                    *scaled = sum * if sum < TINY { near } else if sum > HUGE { away } else { 1.0 };
                    // The bits of a float are its logarithm, nearly; a little less makes the error as large on either side.
                    let logarithm = (scaled.to_bits() >> $shift) as i32 as $float - $one;
                    let bits = ($one - $less - logarithm * of_one) as i32;
                    *inverse = $float::from_bits((bits as $bits) << $shift);
                }
                for step in 0..=$steps {
                    // The root is the sum times all but one of the factors of the inverse; before that they are all needed.
                    spoilt.copy_from_slice(inverse);
                    roots.copy_from_slice(scaled);
                    Self::multiply(roots, spoilt, if step < $steps { factors } else { factors - 1 });
                    if step < $steps {
                        for (inverse, &product) in inverse.iter_mut().zip(&*roots) {
                            *inverse += *inverse * ((1.0 - product) * of_one);
                        }
                    }
                }
                spoilt.copy_from_slice(roots);
                inverse.fill(1.0);
                Self::multiply(inverse, spoilt, factors);
                for (((root, &sum), &scaled), &power) in roots.iter_mut().zip(sums).zip(&*scaled).zip(&*inverse) {
                    let exact = *root + *root * ((scaled / power - 1.0) * of_one);
                    let back = if sum < TINY { 1.0 / FAR } else if sum > HUGE { FAR } else { 1.0 };
                    *root = if sum > 0.0 && sum < $float::INFINITY { exact * back } else { sum };
                }
            }
        }

        impl Stage<$float, $float> for Powers {
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest value is the point")]
            fn enter(self, pixels: &[$float], cells: &mut [$float]) {
                let Some(factors) = self.factors() else {
                    let order = self.order as $float;
                    return each(pixels, cells, |pixel| pixel.abs().powf(order));
                };
                let mut magnitudes = [0.0; BLOCK];
                for (pixels, cells) in pixels.chunks(BLOCK).zip(cells.chunks_mut(BLOCK)) {
                    let magnitudes = &mut magnitudes[..pixels.len()];
                    each(pixels, magnitudes, $float::abs);
                    cells.fill(1.0);
                    Powered::multiply(cells, magnitudes, factors);
                }
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest value is the point")]
            fn leave(self, cells: &[$float], output: &mut [$float]) {
                let Some(factors) = self.factors() else {
                    let root = self.order.recip() as $float;
                    return each(cells, output, |cell| cell.powf(root));
                };
                for (cells, output) in cells.chunks(BLOCK).zip(output.chunks_mut(BLOCK)) {
                    Powered::roots(cells, factors, output);
                }
            }
        }
    )*};
}

powered! {
    f32: u32 << 0, 1_065_353_216.0 - 461_373.0, 3, 256.0;
    f64: u64 << 32, 1_072_693_248.0 - 57_672.0, 4, 18_446_744_073_709_551_616.0;
}

#[cfg(test)]
mod tests;
