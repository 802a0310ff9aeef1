//! The only folder that names the SIMD crate: which instructions this CPU has, code compiled for them, and vectors.

pub(crate) mod cache;
mod levels;
mod pixels;

use fearless_simd::SimdFloat;

pub(crate) use fearless_simd::{Level, Select, Simd, SimdBase as Vector, SimdMask};
pub(crate) use levels::{
    Facts, Kernel, has_kernels, has_many_registers, has_two_halves, lanes, narrower, run, run_narrow, vectorized,
    vectorized_narrow, vectorized_with_kernels,
};
#[cfg(test)]
pub(crate) use levels::{kernel_levels, levels};
pub(crate) use pixels::{Flip, FloatPixel, Pixel, Terms, load_pixels, store_pixels};

/// Calls `part` with each number below `N`, which is 16 at most, written out one after the other.
///
/// Registers in an array stay registers only where every index is known when compiling. A compiler that makes one step of each turn of a
/// loop knows it, and whether it does depends on how far the profile of the user has it go; this does not.
#[inline(always)]
pub(crate) fn unrolled<const N: usize>(mut part: impl FnMut(usize)) {
    const { assert!(N <= 16, "no more are written out") }
    macro_rules! written_out {
        ($($number:literal)*) => {
            $(if N > $number {
                part($number);
            })*
        };
    }
    written_out!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
}

/// The most lanes that a register of numbers has.
pub(crate) const MOST_LANES: usize = 16;

/// Calls a function that is generic in the lanes of a register.
macro_rules! with_lanes {
    ($lanes:expr, |$constant:ident| $call:expr) => {
        $crate::simd::with_lanes!(@match $lanes, $constant, $call, [16 8 4 2])
    };
    (@match $lanes:expr, $constant:ident, $call:expr, [$($count:literal)*]) => {
        match $lanes {
            $($count => { const $constant: usize = $count; $call })*
            _ => { const $constant: usize = 1; $call }
        }
    };
}
pub(crate) use with_lanes;

/// Defines `outlined`, which makes a part of a kernel a function of its own, compiled for the same instructions: kernels of many
/// parts take a compiler less time so. What is small, or called often, is better inlined.
///
/// Every module has its own, as the compiler puts what is generic into the codegen unit of the module that defines it.
macro_rules! outline {
    () => {
        #[inline(never)]
        fn outlined<S: $crate::simd::Simd, R>(simd: S, part: impl FnOnce() -> R) -> R {
            simd.vectorize(part)
        }
    };
}
pub(crate) use outline;

/// A float that comes in vectors.
pub(crate) trait Lanes: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// As many numbers as a register of the level holds.
    type Vector<S: Simd>: Vector<S, Element = Self>;

    /// Added to a number it changes nothing, not even the sign of a zero.
    const NOTHING: Self;
    /// Of all numbers.
    const BOUNDS: [Self; 2];

    /// `a · b + sum`, rounded once where the level can.
    fn mul_add<S: Simd>(a: Self::Vector<S>, b: Self::Vector<S>, sum: Self::Vector<S>) -> Self::Vector<S>;

    /// `min(max(x, low), high)`, where NaN stays NaN.
    fn clamped<S: Simd>(
        simd: S,
        vector: Self::Vector<S>,
        low: Self::Vector<S>,
        high: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// `x`, or `x · slope` below 0; and `x · (min(max(x + 3, 0), 6) / 6)`: term by term as loops over numbers compute them.
    fn leaky_relu_of<S: Simd>(simd: S, vector: Self::Vector<S>, slope: Self) -> Self::Vector<S>;
    fn hard_swish_of<S: Simd>(simd: S, vector: Self::Vector<S>) -> Self::Vector<S>;

    /// [`Pixel::larger`], or NaN where one of them is.
    fn maximum<S: Simd>(simd: S, earlier: Self::Vector<S>, later: Self::Vector<S>) -> Self::Vector<S>;

    /// [`Pixel::smaller`], or NaN where one of them is.
    fn minimum<S: Simd>(simd: S, earlier: Self::Vector<S>, later: Self::Vector<S>) -> Self::Vector<S>;
}

macro_rules! lanes {
    ($($number:ident in $vectors:ident, |$a:ident, $b:ident, $sum:ident| $mul_add:expr;)*) => {$(
        impl Lanes for $number {
            type Vector<S: Simd> = S::$vectors;

            const NOTHING: Self = -0.0;
            const BOUNDS: [Self; 2] = [Self::NEG_INFINITY, Self::INFINITY];

            #[inline(always)]
            fn mul_add<S: Simd>($a: S::$vectors, $b: S::$vectors, $sum: S::$vectors) -> S::$vectors {
                $mul_add
            }

            #[inline(always)]
            fn clamped<S: Simd>(
                simd: S,
                vector: S::$vectors,
                low: S::$vectors,
                high: S::$vectors,
            ) -> S::$vectors {
                Self::smaller(simd, Self::larger(simd, vector, low), high)
            }

            #[inline(always)]
            fn leaky_relu_of<S: Simd>(simd: S, vector: S::$vectors, slope: Self) -> S::$vectors {
                vector.simd_lt(S::$vectors::splat(simd, 0.0)).select(vector * slope, vector)
            }

            #[inline(always)]
            fn hard_swish_of<S: Simd>(simd: S, vector: S::$vectors) -> S::$vectors {
                let (low, high) = (S::$vectors::splat(simd, 0.0), S::$vectors::splat(simd, 6.0));
                vector * (Self::clamped(simd, vector + 3.0, low, high) / 6.0)
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

/// Stores registers as neighbours.
#[inline(always)]
pub(crate) fn store<S: Simd, A: Lanes, const COUNT: usize>(registers: [A::Vector<S>; COUNT], numbers: &mut [A]) {
    let lanes = A::Vector::<S>::LEN;
    let numbers = &mut numbers[..COUNT * lanes];
    for register in 0..COUNT {
        registers[register].store_slice(&mut numbers[register * lanes..][..lanes]);
    }
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
pub(crate) type LaneOrder<S, A> = <<A as Lanes>::Vector<S> as Vector<S>>::ByteVector;

/// The order in which every lane comes from the one that `from` says.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "a register has 64 bytes at most")]
pub(crate) fn order<S: Simd, A: Lanes>(simd: S, from: impl Fn(usize) -> usize) -> LaneOrder<S, A> {
    let bytes = size_of::<A>();
    LaneOrder::<S, A>::from_fn(simd, |byte| (from(byte / bytes) * bytes + byte % bytes) as u8)
}

/// The lanes of a vector in another order.
#[inline(always)]
pub(crate) fn in_order<S: Simd, A: Lanes>(vector: A::Vector<S>, order: LaneOrder<S, A>) -> A::Vector<S> {
    vector.swizzle_dyn(order)
}

#[cfg(test)]
mod tests {
    use super::unrolled;

    #[test]
    fn what_is_written_out_is_a_loop() {
        fn numbers<const N: usize>() -> Vec<usize> {
            let mut numbers = Vec::new();
            unrolled::<N>(|number| numbers.push(number));
            numbers
        }
        assert!(numbers::<0>().is_empty());
        assert_eq!(numbers::<7>(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(numbers::<16>().into_iter().eq(0..16));
    }
}
