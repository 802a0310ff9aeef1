//! Pixels in vectors: what pooling and the ReLU do with them, for every type of element.

use fearless_simd::{Bytes, SimdFloat};

use super::{Select, Simd, Vector};

/// A pixel that comes in vectors: every [`Element`](crate::Element).
pub trait Pixel: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// Whether it is a float, so that pixels that are equal, or not, may look otherwise: zeros and NaN.
    const HAS_ORDER: bool;

    /// Whether pairs of pixels and boxes have kernels of their own: of `f32` and `u8`, as features and pictures are. Kernels take long to
    /// compile, and few others would gain by these.
    const HAS_KERNELS: bool;

    /// As many pixels as a register of the level holds.
    type Pixels<S: Simd>: Vector<S, Element = Self>;

    /// The larger pixel; the earlier one of equals, and where one is NaN.
    fn larger<S: Simd>(simd: S, earlier: Self::Pixels<S>, later: Self::Pixels<S>) -> Self::Pixels<S>;

    /// The smaller pixel; the earlier one of equals, and where one is NaN.
    fn smaller<S: Simd>(simd: S, earlier: Self::Pixels<S>, later: Self::Pixels<S>) -> Self::Pixels<S>;

    /// The later pixel where that is NaN, else another.
    fn unless_nan<S: Simd>(later: Self::Pixels<S>, other: Self::Pixels<S>) -> Self::Pixels<S>;

    /// A register that has seen more pixels: NaN in some lane once a pixel was NaN, and perhaps once infinities met. A sum is cheaper than a
    /// comparison, and a maximum would lose the NaN.
    fn nans<S: Simd>(nans: Self::Pixels<S>, pixels: Self::Pixels<S>) -> Self::Pixels<S>;

    /// The number of a lane.
    fn of_lane(lane: usize) -> Self;

    /// 0, 1, 2, …
    #[inline(always)]
    fn lane_numbers<S: Simd>(simd: S) -> Self::Pixels<S> {
        Self::Pixels::<S>::from_fn(simd, Self::of_lane)
    }

    /// The number of one lane, in all of them.
    #[inline(always)]
    fn lane_number<S: Simd>(simd: S, lane: usize) -> Self::Pixels<S> {
        Self::Pixels::<S>::splat(simd, Self::of_lane(lane))
    }

    /// `max(x, 0)`, where NaN stays NaN.
    #[inline(always)]
    fn rectified<S: Simd>(simd: S, pixels: Self::Pixels<S>) -> Self::Pixels<S> {
        Self::larger(simd, pixels, Self::Pixels::<S>::splat(simd, Self::default()))
    }
}

/// A pixel whose order can be reversed by flipping some of its bits.
pub(crate) trait Flip: Pixel {
    type Bits<S: Simd>: Copy;

    /// The value below all others.
    const LEAST: Self;

    /// The bits to flip in every lane so that the order is reversed, or none.
    fn bits<S: Simd>(simd: S, reversed: bool) -> Self::Bits<S>;

    fn flipped<S: Simd>(pixels: Self::Pixels<S>, bits: Self::Bits<S>) -> Self::Pixels<S>;
}

impl Flip for u8 {
    type Bits<S: Simd> = S::u8s;

    const LEAST: Self = 0;

    #[inline(always)]
    fn bits<S: Simd>(simd: S, reversed: bool) -> S::u8s {
        S::u8s::splat(simd, if reversed { u8::MAX } else { 0 })
    }

    #[inline(always)]
    fn flipped<S: Simd>(pixels: S::u8s, bits: S::u8s) -> S::u8s {
        pixels ^ bits
    }
}

/// What is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terms {
    Pixels,
    Magnitudes,
    /// The root of the sum is taken.
    Squares,
}

/// A pixel that can be averaged.
pub(crate) trait FloatPixel: Flip + num_traits::Float {
    /// What [`terms`](Self::terms) multiplies pixels by.
    fn factors<S: Simd>(simd: S, terms: Terms) -> [Self::Bits<S>; 2];
    /// Pixels, their magnitudes, or their squares.
    fn terms<S: Simd>(pixels: Self::Pixels<S>, factors: [Self::Bits<S>; 2]) -> Self::Pixels<S>;
    /// How many pixels a window counts, for its columns and rows.
    fn count(columns: u32, rows: usize) -> Self;
    fn product<S: Simd>(one: Self::Pixels<S>, other: Self::Pixels<S>) -> Self::Pixels<S>;
    fn quotient<S: Simd>(one: Self::Pixels<S>, other: Self::Pixels<S>) -> Self::Pixels<S>;
    /// A whole number, not too large, as [`divided`](Self::divided) needs it.
    fn divisor<S: Simd>(simd: S, number: Self::Pixels<S>) -> [Self::Pixels<S>; 2];
    /// The quotient by a number, as [`quotient`](Self::quotient) rounds it where its magnitude is more than 1e-30.
    fn divided<S: Simd>(pixels: Self::Pixels<S>, divisor: [Self::Pixels<S>; 2]) -> Self::Pixels<S>;
    fn root<S: Simd>(pixels: Self::Pixels<S>) -> Self::Pixels<S>;
}

macro_rules! integer_pixels {
    ($($pixel:ident in $vectors:ident: $has_kernels:literal),*) => {$(
        impl Pixel for $pixel {
            const HAS_ORDER: bool = false;
            const HAS_KERNELS: bool = $has_kernels;
            type Pixels<S: Simd> = S::$vectors;

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "lanes are few")]
            fn of_lane(lane: usize) -> Self {
                lane as Self
            }

            #[inline(always)]
            fn larger<S: Simd>(_: S, earlier: S::$vectors, later: S::$vectors) -> S::$vectors {
                earlier.max(later)
            }

            #[inline(always)]
            fn smaller<S: Simd>(_: S, earlier: S::$vectors, later: S::$vectors) -> S::$vectors {
                earlier.min(later)
            }

            #[inline(always)]
            fn unless_nan<S: Simd>(_: S::$vectors, other: S::$vectors) -> S::$vectors {
                other
            }

            #[inline(always)]
            fn nans<S: Simd>(nans: S::$vectors, _: S::$vectors) -> S::$vectors {
                nans
            }
        }
    )*};
}

/// Whether the `max` and `min` of two floats are the second where they are equal, zeros of either sign, or where one is NaN: the
/// instructions of x86 are. The SIMD crate leaves it open.
#[inline(always)]
fn second_of_equals<S: Simd>(simd: S) -> bool {
    #[cfg(feature = "__scalar")]
    if let super::Level::Fallback(_) = simd.level() {
        return false;
    }
    let _ = simd;
    cfg!(any(target_arch = "x86", target_arch = "x86_64"))
}

/// Whether `a · b + c` is rounded once: wider registers than the baseline's come with that.
#[inline(always)]
fn rounds_once<S: Simd>() -> bool {
    S::f32s::LEN > 4
}

macro_rules! float_pixels {
    ($($pixel:ident in $vectors:ident, $bits:ident in $bit_vectors:ident: $has_kernels:literal),*) => {$(
        impl Pixel for $pixel {
            const HAS_ORDER: bool = true;
            const HAS_KERNELS: bool = $has_kernels;
            type Pixels<S: Simd> = S::$vectors;

            #[inline(always)]
            fn of_lane(lane: usize) -> Self {
                lane as Self
            }

            #[inline(always)]
            fn larger<S: Simd>(simd: S, earlier: S::$vectors, later: S::$vectors) -> S::$vectors {
                match second_of_equals(simd) {
                    true => later.max(earlier),
                    false => later.simd_gt(earlier).select(later, earlier),
                }
            }

            #[inline(always)]
            fn smaller<S: Simd>(simd: S, earlier: S::$vectors, later: S::$vectors) -> S::$vectors {
                match second_of_equals(simd) {
                    true => later.min(earlier),
                    false => later.simd_lt(earlier).select(later, earlier),
                }
            }

            #[inline(always)]
            fn unless_nan<S: Simd>(later: S::$vectors, other: S::$vectors) -> S::$vectors {
                later.simd_ne(later).select(later, other)
            }

            #[inline(always)]
            fn nans<S: Simd>(nans: S::$vectors, pixels: S::$vectors) -> S::$vectors {
                nans + pixels
            }
        }

        impl Flip for $pixel {
            type Bits<S: Simd> = S::$bit_vectors;

            const LEAST: Self = $pixel::NEG_INFINITY;

            /// That of the sign.
            #[inline(always)]
            fn bits<S: Simd>(simd: S, reversed: bool) -> S::$bit_vectors {
                S::$bit_vectors::splat(simd, if reversed { (-0.0 as $pixel).to_bits() } else { 0 })
            }

            #[inline(always)]
            fn flipped<S: Simd>(pixels: S::$vectors, bits: S::$bit_vectors) -> S::$vectors {
                (pixels.bitcast::<S::$bit_vectors>() ^ bits).bitcast()
            }
        }

        impl FloatPixel for $pixel {
            /// A pixel is multiplied by the number that has some of its own bits, and others.
            #[inline(always)]
            fn factors<S: Simd>(simd: S, terms: Terms) -> [S::$bit_vectors; 2] {
                let (own, others) = match terms {
                    Terms::Pixels => (0, (1.0 as $pixel).to_bits()),
                    Terms::Magnitudes => ((-0.0 as $pixel).to_bits(), (1.0 as $pixel).to_bits()),
                    Terms::Squares => ($bits::MAX, 0),
                };
                [S::$bit_vectors::splat(simd, own), S::$bit_vectors::splat(simd, others)]
            }

            #[inline(always)]
            fn terms<S: Simd>(pixels: S::$vectors, [own, others]: [S::$bit_vectors; 2]) -> S::$vectors {
                pixels * ((pixels.bitcast::<S::$bit_vectors>() & own) | others).bitcast::<S::$vectors>()
            }

            /// Counts on an axis are less than 2^31, and signed numbers are made into floats faster.
            #[inline(always)]
            #[allow(clippy::cast_possible_wrap, clippy::cast_lossless, reason = "as is said above")]
            fn count(columns: u32, rows: usize) -> Self {
                columns as i32 as $pixel * rows as $pixel
            }

            #[inline(always)]
            fn product<S: Simd>(one: S::$vectors, other: S::$vectors) -> S::$vectors {
                one * other
            }

            #[inline(always)]
            fn quotient<S: Simd>(one: S::$vectors, other: S::$vectors) -> S::$vectors {
                one / other
            }

            /// The inverse in two parts, of 24 bits each in `f32`: one that is a little smaller, and what is left.
            #[inline(always)]
            fn divisor<S: Simd>(simd: S, number: S::$vectors) -> [S::$vectors; 2] {
                if !rounds_once::<S>() {
                    return [number; 2];
                }
                let one = S::$vectors::splat(simd, 1.0);
                let near = one / number;
                let smaller = near - near * S::$vectors::splat(simd, $pixel::EPSILON);
                [smaller, (-smaller).mul_add(number, one) / number]
            }

            /// The products with both parts, rounded once, are off by a millionth of the last place at most. That decides no rounding:
            /// a quotient by `n` lies `1 / 2n` of the last place or more from the middle between two numbers (N. Brisebarre,
            /// J.-M. Muller, "Correctly rounded multiplication by arbitrary precision constants", 2008). As both parts are positive,
            /// infinities stay.
            #[inline(always)]
            fn divided<S: Simd>(pixels: S::$vectors, [inverse, rest]: [S::$vectors; 2]) -> S::$vectors {
                match rounds_once::<S>() {
                    true => pixels.mul_add(inverse, pixels * rest),
                    false => pixels / inverse,
                }
            }

            #[inline(always)]
            fn root<S: Simd>(pixels: S::$vectors) -> S::$vectors {
                pixels.sqrt()
            }
        }
    )*};
}

integer_pixels!(u8 in u8s: true, i8 in i8s: false, i16 in i16s: false, u16 in u16s: false, i32 in i32s: false, i64 in i64s: false);
float_pixels!(f32 in f32s, u32 in u32s: true, f64 in f64s, u64 in u64s: false);

/// Neighbouring registers of pixels, as many as stand in a row from the start of `pixels` on.
#[inline(always)]
pub(crate) fn load_pixels<S: Simd, T: Pixel, const COUNT: usize>(simd: S, pixels: &[T]) -> [T::Pixels<S>; COUNT] {
    let lanes = T::Pixels::<S>::LEN;
    let pixels = &pixels[..COUNT * lanes];
    let mut registers = [T::Pixels::<S>::splat(simd, T::default()); COUNT];
    for register in 0..COUNT {
        registers[register] = T::Pixels::<S>::from_slice(simd, &pixels[register * lanes..][..lanes]);
    }
    registers
}

/// Stores as many registers side by side, from the start of `pixels` on.
#[inline(always)]
pub(crate) fn store_pixels<S: Simd, T: Pixel, const COUNT: usize>(registers: [T::Pixels<S>; COUNT], pixels: &mut [T]) {
    let lanes = T::Pixels::<S>::LEN;
    let pixels = &mut pixels[..COUNT * lanes];
    for register in 0..COUNT {
        registers[register].store_slice(&mut pixels[register * lanes..][..lanes]);
    }
}
