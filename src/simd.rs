//! The only file that names the SIMD crate: which instructions this CPU has, and code compiled for them.

use fearless_simd::{Simd, dispatch};

pub(crate) use fearless_simd::Level;

/// Runs `loops` compiled for the instructions of a level: the compiler turns plain loops over slices into vectors of that
/// width. Everything that `loops` calls must be inlined into it.
#[inline]
pub(crate) fn vectorized<R>(level: Level, loops: impl FnOnce() -> R) -> R {
    dispatch!(level, simd => simd.vectorize(loops))
}

/// Every level that this machine has, for the tests.
#[cfg(test)]
pub(crate) fn levels() -> Vec<Level> {
    let best = Level::new();
    let mut levels = vec![Level::baseline(), best];
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        levels.extend(best.as_sse4_2().map(Simd::level));
        levels.extend(best.as_avx2().map(Simd::level));
    }
    levels
}
