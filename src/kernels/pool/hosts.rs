//! The kernels, each compiled in a function of its own.

use super::run::{Task, run};
use super::vectors::{VectorLargest, VectorSum};
use crate::simd::{Kernel, Level, Pixel, Simd, Terms, Vector, has_kernels, run_narrow};

/// The operations that have kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Max,
    Min,
    Mean,
    /// The sum of magnitudes.
    Total,
    /// The root of the sum of squares.
    Norm,
}

/// Cells of a block.
pub(crate) const fn lanes<T>() -> usize {
    if size_of::<T>() == 1 { 32 } else { 64 / size_of::<T>() }
}

/// The largest pixel, or the smallest.
struct Selecting<'a, T>(Task<'a, T, T>, bool);

/// A sum of pixels.
struct Summing<'a, T>(Task<'a, T, T>, Terms);

macro_rules! kernels {
    ($($host:ident by $operation:ident: $($number:ident in $registers:literal or $more:literal)*;)*) => {$($(
        impl Kernel for $host<'_, $number> {
            type Output = ();

            #[inline(always)]
            fn run<S: Simd>(self, simd: S) {
                const CELLS: usize = lanes::<$number>();
                // A constant, so that the other is not compiled.
                match const { CELLS / <$number as Pixel>::Pixels::<S>::LEN } {
                    $registers => run::<_, CELLS>($operation::<S, $number, $registers>::new(simd, self.1), self.0),
                    _ => run::<_, CELLS>($operation::<S, $number, $more>::new(simd, self.1), self.0),
                }
            }
        }
    )*)*};
}

// Of 32 bytes, and of 16.
kernels! {
    Selecting by VectorLargest: f32 in 2 or 4 f64 in 2 or 4 u8 in 1 or 2;
    Summing by VectorSum: f32 in 2 or 4 f64 in 2 or 4;
}

#[inline(never)]
fn select<T: Number>(level: Level, is_smallest: bool, task: Task<'_, T, T>)
where
    for<'a> Selecting<'a, T>: Kernel<Output = ()>,
{
    run_narrow(level, Selecting(task, is_smallest));
}

#[inline(never)]
fn sum<T: Number>(level: Level, terms: Terms, task: Task<'_, T, T>)
where
    for<'a> Summing<'a, T>: Kernel<Output = ()>,
{
    run_narrow(level, Summing(task, terms));
}

/// A number that windows are pooled of.
pub trait Number: Copy + Default + Send + Sync + 'static {
    /// Whether it has a kernel at all.
    const IS_POOLED: bool = false;

    /// Whether it has one with the instructions of a level.
    fn is_pooled(level: Level) -> bool {
        Self::IS_POOLED && has_kernels(level)
    }

    /// Computes rows of outputs.
    fn pool(_level: Level, kind: Kind, _task: Task<'_, Self, Self>) {
        unreachable!("{kind:?} has no kernel for these: `IS_POOLED` says so")
    }
}

macro_rules! numbers {
    ($($number:ident: $select:ident $($sum:ident)?;)*) => {$(
        impl Number for $number {
            const IS_POOLED: bool = true;

            fn pool(level: Level, kind: Kind, task: Task<'_, $number, $number>) {
                match kind {
                    Kind::Max => $select(level, false, task),
                    Kind::Min => $select(level, true, task),
                    $(
                        Kind::Mean => $sum(level, Terms::Pixels, task),
                        Kind::Total => $sum(level, Terms::Magnitudes, task),
                        Kind::Norm => $sum(level, Terms::Squares, task),
                    )?
                    #[allow(unreachable_patterns, reason = "floats have all of them")]
                    Kind::Mean | Kind::Total | Kind::Norm => unreachable!("integers have no {kind:?}"),
                }
            }
        }
    )*};
}

numbers! {
    f32: select sum;
    f64: select sum;
    u8: select;
}

impl Number for i8 {}
impl Number for i16 {}
impl Number for u16 {}
impl Number for i32 {}
impl Number for i64 {}
