//! The levels: sets of instructions that code is compiled for, of which a machine runs the best that it has.
//!
//! What knows of single levels is here: the order of `as_…` is the same everywhere.

use std::marker::PhantomData;

use fearless_simd::dispatch;

use super::{Lanes, Level, Simd, Vector};

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

/// Bytes of a register where there are 32 of them; elsewhere there are 16.
pub(crate) const WIDEST_REGISTER: usize = 64;

/// What is true of a level, as constants: a branch on one of them is not compiled where it cannot be taken. A variable that holds
/// one, or a function that returns it, comes too late for that.
pub(crate) struct Facts<S, A>(PhantomData<(S, A)>);

impl<S: Simd, A: Lanes> Facts<S, A> {
    /// Whether there are 32 registers.
    pub(crate) const MANY_REGISTERS: bool = A::Vector::<S>::LEN * size_of::<A>() == WIDEST_REGISTER;

    /// Whether a register has two halves, between which numbers move by instructions of their own.
    pub(crate) const TWO_HALVES: bool = A::Vector::<S>::LEN * size_of::<A>() == WIDEST_REGISTER / 2;
}

/// Whether a level, which the compiler does not know, has 32 registers.
pub(crate) fn has_many_registers<A: Lanes>(level: Level) -> bool {
    lanes::<A>(level) * size_of::<A>() == WIDEST_REGISTER
}

/// Whether a register of a level, which the compiler does not know, has two halves.
pub(crate) fn has_two_halves<A: Lanes>(level: Level) -> bool {
    lanes::<A>(level) * size_of::<A>() == WIDEST_REGISTER / 2
}

/// How many numbers a register of a level holds.
pub(crate) fn lanes<A: Lanes>(level: Level) -> usize {
    #[inline(always)]
    fn of<S: Simd, A: Lanes>(_: S) -> usize {
        A::Vector::<S>::LEN
    }
    // As `run` does: where more is compiled for than the level has, `dispatch!` would raise it.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = level.as_avx512() {
        return of::<_, A>(simd);
    } else if let Some(simd) = level.as_avx2() {
        return of::<_, A>(simd);
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
    use super::*;

    /// Also where the compiler takes for granted more than a level has, as with `-C target-cpu=native`.
    #[test]
    fn registers_have_the_lanes_that_kernels_run_with() {
        struct Counted;
        impl Kernel for Counted {
            type Output = [usize; 2];

            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> [usize; 2] {
                [<f32 as Lanes>::Vector::<S>::LEN, <f64 as Lanes>::Vector::<S>::LEN]
            }
        }
        for level in kernel_levels() {
            assert_eq!([lanes::<f32>(level), lanes::<f64>(level)], run(level, Counted), "{level:?}");
            if let Some(narrower) = narrower(level) {
                assert_eq!(2 * lanes::<f32>(narrower), lanes::<f32>(level), "{level:?}");
            }
        }
    }
}
