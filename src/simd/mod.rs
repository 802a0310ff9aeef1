//! The only folder that names the SIMD crate: which instructions this CPU has, code compiled for them, and vectors.

pub(crate) mod cache;
mod pixels;

use std::marker::PhantomData;

use fearless_simd::{SimdFloat, dispatch};

pub(crate) use fearless_simd::{Level, Select, Simd, SimdBase as Vector, SimdMask};
pub(crate) use pixels::{Flip, FloatPixel, Pixel, Terms, load_pixels, store_pixels};

/// Runs `loops` compiled for the instructions of a level: the compiler turns plain loops over slices into vectors of that
/// width. Everything that `loops` calls must be inlined into it.
#[inline]
pub(crate) fn vectorized<R>(level: Level, loops: impl FnOnce() -> R) -> R {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = level.as_avx512() {
        return simd.vectorize(loops);
    }
    vectorized_narrow(level, loops)
}

/// The same, with no registers wider than 32 bytes: wider ones gain little where memory is what takes the time, and are as much again
/// to compile.
#[inline(always)]
pub(crate) fn vectorized_narrow<R>(level: Level, loops: impl FnOnce() -> R) -> R {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = level.as_avx2() {
        return simd.vectorize(loops);
    }
    _ = level;
    plain(loops)
}

/// The same for the instructions that all code is compiled for. It is apart, as a caller's frame would hold what its copies for all
/// levels keep on the stack.
#[inline(never)]
fn plain<R>(loops: impl FnOnce() -> R) -> R {
    loops()
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

/// Runs a kernel with the instructions of a level that [`has_kernels`].
///
/// It is inlined, with the code of all levels, into the function that calls it: that function stands in the module of the kernel,
/// is not inlined itself, and so the kernels are spread over the codegen units, which the compiler makes of modules.
#[inline(always)]
pub(crate) fn run<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if let Some(simd) = level.as_avx512() {
            return with(simd, kernel);
        }
        run_narrow(level, kernel)
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    dispatch!(level, simd => with(simd, kernel))
}

#[inline(always)]
fn with<S: Simd, K: Kernel>(simd: S, kernel: K) -> K::Output {
    simd.vectorize(
        #[inline(always)]
        || kernel.run(simd),
    )
}

/// The same with no registers wider than 32 bytes: for kernels that wait for memory, which gain little by wider ones.
#[inline(always)]
pub(crate) fn run_narrow<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if let Some(simd) = level.as_avx2() {
            return with(simd, kernel);
        }
        #[cfg(feature = "__scalar")]
        if K::SCALAR
            && let Level::Fallback(simd) = level
        {
            return with(simd, kernel);
        }
        // Kernels that are not compiled without vectors are tested with those that the machine has.
        #[cfg(feature = "__scalar")]
        if let Some(simd) = Level::new().as_avx2() {
            return with(simd, kernel);
        }
        unreachable!("{level:?} has no such kernel: `has_kernels` says so")
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    dispatch!(level, simd => with(simd, kernel))
}

/// [`vectorized_narrow`] for levels that kernels are compiled for: nothing is compiled for others.
#[inline(always)]
pub(crate) fn vectorized_with_kernels<R>(level: Level, loops: impl FnOnce() -> R) -> R {
    struct Loops<F>(F);
    impl<R, F: FnOnce() -> R> Kernel for Loops<F> {
        type Output = R;
        const SCALAR: bool = false;

        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> R {
            (self.0)()
        }
    }
    run_narrow(level, Loops(loops))
}

/// Whether kernels are compiled for a level. On x86 these are AVX-512 and AVX2: what has neither is served by plain loops, which the
/// compiler makes vectors of, as few such machines are left and every level is a third of what there is to compile.
pub(crate) fn has_kernels(level: Level) -> bool {
    #[cfg(feature = "__scalar")]
    if let Level::Fallback(_) = level {
        return true;
    }
    _ = level;
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return level.as_avx2().is_some();
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    true
}

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

/// Bytes of a register where there are 32 of them; elsewhere there are 16.
pub(crate) const WIDEST_REGISTER: usize = 64;

/// What is true of a level, as constants: a branch on one of them is not compiled where it cannot be taken. A variable that holds
/// one, or a function that returns it, comes too late for that.
pub(crate) struct Facts<S, A>(PhantomData<(S, A)>);

impl<S: Simd, A: Lanes> Facts<S, A> {
    /// Whether there are 32 registers.
    pub(crate) const MANY_REGISTERS: bool = A::Vector::<S>::LEN * size_of::<A>() == WIDEST_REGISTER;
}

/// Whether a level, which the compiler does not know, has 32 registers.
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
#[allow(unused_mut, reason = "beside x86, there are no more")]
pub(crate) fn levels() -> Vec<Level> {
    let best = Level::new();
    let mut levels = vec![Level::baseline(), best];
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    levels.extend(best.as_avx2().map(Simd::level));
    #[cfg(feature = "__scalar")]
    levels.push(Level::fallback());
    levels
}

/// Those that kernels are compiled for.
#[cfg(test)]
pub(crate) fn kernel_levels() -> Vec<Level> {
    levels().into_iter().filter(|&level| has_kernels(level)).collect()
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
