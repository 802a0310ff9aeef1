//! The only file that names the SIMD crate: which instructions this CPU has, code compiled for them, and vectors.

use std::marker::PhantomData;

use fearless_simd::{SimdFloat, dispatch};

pub(crate) use fearless_simd::{Level, Select, Simd, SimdBase as Vector, SimdMask};

/// Runs `loops` compiled for the instructions of a level: the compiler turns plain loops over slices into vectors of that
/// width. Everything that `loops` calls must be inlined into it.
#[inline]
pub(crate) fn vectorized<R>(level: Level, loops: impl FnOnce() -> R) -> R {
    dispatch!(level, simd => simd.vectorize(loops))
}

/// Code written with vectors, for whatever instructions there are.
///
/// Everything that [`run`](Self::run) calls must be `#[inline(always)]`: a function that is not inlined into it is
/// compiled for the instructions that every CPU has.
pub(crate) trait Kernel {
    type Output;

    /// Whether it is compiled without vector instructions, too, where every machine has some: for the tests of a few kernels.
    #[allow(dead_code, reason = "without the feature `__scalar`, or vectors, nobody asks")]
    const SCALAR: bool = true;

    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs a kernel with the instructions of a level. On x86 that is AVX-512, AVX2 or the baseline: what lies between gives
/// vectors no more lanes, and every level more is compiled for every kernel.
pub(crate) fn run<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[inline(always)]
    fn with<S: Simd, K: Kernel>(simd: S, kernel: K) -> K::Output {
        simd.vectorize(
            #[inline(always)]
            || kernel.run(simd),
        )
    }
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = level.as_avx512() {
            return with(simd, kernel);
        }
        if let Some(simd) = level.as_avx2() {
            return with(simd, kernel);
        }
        #[cfg(feature = "__scalar")]
        if K::SCALAR
            && let Level::Fallback(simd) = level
        {
            return with(simd, kernel);
        }
        with(level.as_sse2().or(Level::new().as_sse2()).expect("every x86-64 has SSE2"), kernel)
    }
    #[cfg(not(target_arch = "x86_64"))]
    dispatch!(level, simd => with(simd, kernel))
}

/// A part of a kernel as a function of its own, compiled for the same instructions: kernels of many parts take a compiler less
/// time so. What is small, or called often, is better inlined.
#[inline(never)]
pub(crate) fn apart<S: Simd, R>(simd: S, part: impl FnOnce() -> R) -> R {
    simd.vectorize(part)
}

/// Whether a level has outgrown the least of an x86, which few machines have only: what is compiled twice, to be faster where there
/// is no NaN, is compiled once for that.
pub(crate) struct Outgrown<S>(PhantomData<S>);

impl<S: Simd> Outgrown<S> {
    pub(crate) const BASELINE: bool = !cfg!(any(target_arch = "x86", target_arch = "x86_64")) || S::f32s::LEN > 4;
}

/// A number that comes in vectors: the sums of every [`Element`](crate::Element).
pub trait Lanes: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// As many numbers as a register of the level holds.
    type Vector<S: Simd>: Vector<S, Element = Self>;

    /// `a · b + sum`, rounded once where the level can; wrapping for integers.
    fn mul_add<S: Simd>(a: Self::Vector<S>, b: Self::Vector<S>, sum: Self::Vector<S>) -> Self::Vector<S>;

    /// [`Pixel::rectified`]
    fn rectified<S: Simd>(simd: S, vector: Self::Vector<S>) -> Self::Vector<S>;

    /// [`Pixel::larger`], or NaN where one of them is.
    fn maximum<S: Simd>(simd: S, earlier: Self::Vector<S>, later: Self::Vector<S>) -> Self::Vector<S>;

    /// [`Pixel::smaller`], or NaN where one of them is.
    fn minimum<S: Simd>(simd: S, earlier: Self::Vector<S>, later: Self::Vector<S>) -> Self::Vector<S>;
}

macro_rules! lanes {
    ($($number:ident in $vectors:ident, |$a:ident, $b:ident, $sum:ident| $mul_add:expr;)*) => {$(
        impl Lanes for $number {
            type Vector<S: Simd> = S::$vectors;

            #[inline(always)]
            fn mul_add<S: Simd>($a: S::$vectors, $b: S::$vectors, $sum: S::$vectors) -> S::$vectors {
                $mul_add
            }

            #[inline(always)]
            fn rectified<S: Simd>(simd: S, vector: S::$vectors) -> S::$vectors {
                <Self as Pixel>::rectified(simd, vector)
            }

            #[inline(always)]
            fn maximum<S: Simd>(simd: S, earlier: S::$vectors, later: S::$vectors) -> S::$vectors {
                Self::unless_nan::<S>(later, Self::larger(simd, earlier, later))
            }

            #[inline(always)]
            fn minimum<S: Simd>(simd: S, earlier: S::$vectors, later: S::$vectors) -> S::$vectors {
                Self::unless_nan::<S>(later, Self::smaller(simd, earlier, later))
            }
        }
    )*};
}

lanes! {
    f32 in f32s, |a, b, sum| a.mul_add(b, sum);
    f64 in f64s, |a, b, sum| a.mul_add(b, sum);
    i32 in i32s, |a, b, sum| a * b + sum;
    i64 in i64s, |a, b, sum| a * b + sum;
}

/// A pixel that comes in vectors: every [`Element`](crate::Element).
pub trait Pixel: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// Whether it is a float, so that pixels that are equal, or not, may look otherwise: zeros and NaN.
    const HAS_ORDER: bool;

    /// Whether small windows have a kernel of their own: floats have, and bytes, as those of pictures; for the others it would take
    /// long to compile, and they gain least.
    const HAS_SMALL: bool = Self::HAS_ORDER || size_of::<Self>() == 1;

    /// As many pixels as a register of the level holds.
    type Pixels<S: Simd>: Vector<S, Element = Self>;

    /// The larger pixel; the earlier one of equals, and where one is NaN.
    fn larger<S: Simd>(simd: S, earlier: Self::Pixels<S>, later: Self::Pixels<S>) -> Self::Pixels<S>;

    /// The smaller pixel; the earlier one of equals, and where one is NaN.
    fn smaller<S: Simd>(simd: S, earlier: Self::Pixels<S>, later: Self::Pixels<S>) -> Self::Pixels<S>;

    /// The later pixel where that is NaN, else another.
    fn unless_nan<S: Simd>(later: Self::Pixels<S>, other: Self::Pixels<S>) -> Self::Pixels<S>;

    /// NaN in some lane once a pixel was, and perhaps where infinities were: cheaper than a comparison.
    fn watched<S: Simd>(watched: Self::Pixels<S>, pixels: Self::Pixels<S>) -> Self::Pixels<S>;

    /// 0, 1, 2, …
    fn lane_numbers<S: Simd>(simd: S) -> Self::Pixels<S>;

    /// The number of one lane, in all of them.
    fn lane_number<S: Simd>(simd: S, lane: usize) -> Self::Pixels<S>;

    /// `max(x, 0)`, where NaN stays NaN.
    #[inline(always)]
    fn rectified<S: Simd>(simd: S, pixels: Self::Pixels<S>) -> Self::Pixels<S> {
        Self::larger(simd, pixels, Self::Pixels::<S>::splat(simd, Self::default()))
    }
}

/// A pixel that can be averaged.
pub(crate) trait FloatPixel: Pixel {
    fn product<S: Simd>(one: Self::Pixels<S>, other: Self::Pixels<S>) -> Self::Pixels<S>;
    fn quotient<S: Simd>(one: Self::Pixels<S>, other: Self::Pixels<S>) -> Self::Pixels<S>;
    /// A whole number, not too large, as [`divided`](Self::divided) needs it.
    fn divisor<S: Simd>(simd: S, number: Self::Pixels<S>) -> [Self::Pixels<S>; 2];
    /// The quotient by a number, as [`quotient`](Self::quotient) rounds it where its magnitude is more than 1e-30.
    fn divided<S: Simd>(pixels: Self::Pixels<S>, divisor: [Self::Pixels<S>; 2]) -> Self::Pixels<S>;
    fn root<S: Simd>(pixels: Self::Pixels<S>) -> Self::Pixels<S>;
}

macro_rules! integer_pixels {
    ($($pixel:ident in $vectors:ident),*) => {$(
        impl Pixel for $pixel {
            const HAS_ORDER: bool = false;
            type Pixels<S: Simd> = S::$vectors;

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "lanes are few")]
            fn lane_numbers<S: Simd>(simd: S) -> S::$vectors {
                S::$vectors::from_fn(simd, |lane| lane as Self)
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "lanes are few")]
            fn lane_number<S: Simd>(simd: S, lane: usize) -> S::$vectors {
                S::$vectors::splat(simd, lane as Self)
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
            fn watched<S: Simd>(watched: S::$vectors, _: S::$vectors) -> S::$vectors {
                watched
            }
        }
    )*};
}

/// Whether the `max` and `min` of two floats are the second where they are equal, zeros of either sign, or where one is NaN: the
/// instructions of x86 are. The SIMD crate leaves it open.
#[inline(always)]
fn second_of_equals<S: Simd>(simd: S) -> bool {
    #[cfg(feature = "__scalar")]
    if let Level::Fallback(_) = simd.level() {
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
    ($($pixel:ident in $vectors:ident),*) => {$(
        impl Pixel for $pixel {
            const HAS_ORDER: bool = true;
            type Pixels<S: Simd> = S::$vectors;

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "lanes are few")]
            fn lane_numbers<S: Simd>(simd: S) -> S::$vectors {
                S::$vectors::from_fn(simd, |lane| lane as Self)
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "lanes are few")]
            fn lane_number<S: Simd>(simd: S, lane: usize) -> S::$vectors {
                S::$vectors::splat(simd, lane as Self)
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
            fn watched<S: Simd>(watched: S::$vectors, pixels: S::$vectors) -> S::$vectors {
                watched + pixels
            }
        }

        impl FloatPixel for $pixel {
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

integer_pixels!(u8 in u8s, i8 in i8s, i16 in i16s, i32 in i32s, i64 in i64s);
float_pixels!(f32 in f32s, f64 in f64s);

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

/// Neighbouring registers of numbers. (`array::from_fn` is not always inlined.)
#[inline(always)]
pub(crate) fn load<S: Simd, A: Lanes, const COUNT: usize>(simd: S, numbers: &[A]) -> [A::Vector<S>; COUNT] {
    let lanes = A::Vector::<S>::LEN;
    let numbers = &numbers[..COUNT * lanes];
    let mut registers = [A::Vector::<S>::splat(simd, A::default()); COUNT];
    for register in 0..COUNT {
        registers[register] = A::Vector::<S>::from_slice(simd, &numbers[register * lanes..][..lanes]);
    }
    registers
}

/// A choice of lanes.
pub(crate) type Mask<S, A> = <<A as Lanes>::Vector<S> as Vector<S>>::Mask;

/// The choice of the lanes whose bits are set.
#[inline(always)]
pub(crate) fn mask<S: Simd, A: Lanes>(simd: S, bits: u64) -> Mask<S, A> {
    Mask::<S, A>::from_bitmask(simd, bits)
}

/// The chosen lanes of a vector, and zeros for the others.
#[inline(always)]
pub(crate) fn blank<S: Simd, A: Lanes>(simd: S, vector: A::Vector<S>, mask: Mask<S, A>) -> A::Vector<S> {
    mask.select(vector, A::Vector::<S>::splat(simd, A::default()))
}

/// An order of the lanes of a register, by their bytes.
pub(crate) type Order<S, A> = <<A as Lanes>::Vector<S> as Vector<S>>::ByteVector;

/// The order in which every lane comes from the one that `from` says.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "a register has 64 bytes at most")]
pub(crate) fn order<S: Simd, A: Lanes>(simd: S, from: impl Fn(usize) -> usize) -> Order<S, A> {
    let bytes = size_of::<A>();
    Order::<S, A>::from_fn(simd, |byte| (from(byte / bytes) * bytes + byte % bytes) as u8)
}

/// The lanes of a vector in another order.
#[inline(always)]
pub(crate) fn in_order<S: Simd, A: Lanes>(vector: A::Vector<S>, order: Order<S, A>) -> A::Vector<S> {
    vector.swizzle_dyn(order)
}

/// Bytes of a register where there are 32 of them; elsewhere there are 16.
pub(crate) const WIDEST_REGISTER: usize = 64;

/// Whether a level has so many.
#[inline(always)]
pub(crate) fn many_registers<S: Simd, A: Lanes>() -> bool {
    A::Vector::<S>::LEN * size_of::<A>() == WIDEST_REGISTER
}

/// The same, of a level that is not known to the compiler.
pub(crate) fn has_many_registers<A: Lanes>(level: Level) -> bool {
    lanes::<A>(level) * size_of::<A>() == WIDEST_REGISTER
}

/// How many numbers a register of a level holds.
pub(crate) fn lanes<A: Lanes>(level: Level) -> usize {
    #[inline(always)]
    fn of<S: Simd, A: Lanes>(_: S) -> usize {
        A::Vector::<S>::LEN
    }
    dispatch!(level, simd => of::<_, A>(simd))
}

/// The level whose registers are half as wide, where both halves together do as much as one register of this level.
pub(crate) fn narrower(level: Level) -> Option<Level> {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if level.as_avx512().is_some() {
        return level.as_avx2().map(Simd::level);
    }
    _ = level;
    None
}

/// Every level that this machine has, for the tests.
#[cfg(test)]
pub(crate) fn levels() -> Vec<Level> {
    let best = Level::new();
    let mut levels = vec![Level::baseline(), best];
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    levels.extend(best.as_avx2().map(Simd::level));
    #[cfg(feature = "__scalar")]
    levels.push(Level::fallback());
    levels
}
