//! The kernels, each compiled in a function of its own: with vectors for `f32` and `u8`, and over blocks for `f64`.

use super::Terms;
use super::blocks::{self, Blocks, Ordered};
use super::run::{Task, run};
use super::vectors::{Largest, Sum};
use crate::simd::{Flip, Kernel, Level, Simd, Vector, has_kernels, run_narrow};

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

/// The largest pixel, or the smallest, with vectors.
struct Selecting<'a, T>(Task<'a, T, T>, bool);

/// A sum of pixels, with vectors.
struct Summing<'a>(Task<'a, f32, f32>, Terms);

impl Kernel for Selecting<'_, f32> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (flip, lowest) = (<f32 as Flip>::bits(simd, <f32 as Ordered>::bits(self.1)), f32::NEG_INFINITY);
        match S::f32s::LEN {
            8 => run::<_, 16>(Largest::<S, f32, 2> { simd, flip, lowest }, self.0),
            _ => run::<_, 16>(Largest::<S, f32, 4> { simd, flip, lowest }, self.0),
        }
    }
}

impl Kernel for Selecting<'_, u8> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (flip, lowest) = (<u8 as Flip>::bits(simd, <u8 as Ordered>::bits(self.1).into()), 0);
        match S::u8s::LEN {
            32 => run::<_, 32>(Largest::<S, u8, 1> { simd, flip, lowest }, self.0),
            _ => run::<_, 32>(Largest::<S, u8, 2> { simd, flip, lowest }, self.0),
        }
    }
}

impl Kernel for Summing<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match S::f32s::LEN {
            8 => run::<_, 16>(Sum::<S, 2>::new(simd, self.1), self.0),
            _ => run::<_, 16>(Sum::<S, 4>::new(simd, self.1), self.0),
        }
    }
}

#[inline(never)]
fn select_f32(level: Level, is_smallest: bool, task: Task<'_, f32, f32>) {
    run_narrow(level, Selecting(task, is_smallest));
}

#[inline(never)]
fn sum_f32(level: Level, terms: Terms, task: Task<'_, f32, f32>) {
    run_narrow(level, Summing(task, terms));
}

#[inline(never)]
fn select_u8(level: Level, is_smallest: bool, task: Task<'_, u8, u8>) {
    run_narrow(level, Selecting(task, is_smallest));
}

#[inline(never)]
fn select_f64(_: Level, is_smallest: bool, task: Task<'_, f64, f64>) {
    let largest = blocks::Largest { flip: <f64 as Ordered>::bits(is_smallest), lowest: f64::NEG_INFINITY };
    run::<_, { lanes::<f64>() }>(Blocks(largest), task);
}

#[inline(never)]
fn sum_f64(_: Level, terms: Terms, task: Task<'_, f64, f64>) {
    run::<_, { lanes::<f64>() }>(Blocks(blocks::Sum::new(terms)), task);
}

/// A number that windows are pooled of.
pub trait Number: Copy + Default + Send + Sync + 'static {
    /// Whether there is a kernel for it, with the instructions of a level.
    fn is_pooled(level: Level) -> bool;

    /// Computes rows of outputs.
    fn pool(level: Level, kind: Kind, task: Task<'_, Self, Self>);
}

macro_rules! numbers {
    ($($number:ident if $pooled:ident: $select:ident $($sum:ident)?;)*) => {$(
        impl Number for $number {
            fn is_pooled(level: Level) -> bool {
                $pooled(level)
            }

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

/// Plain code is the same for every level.
fn always(_: Level) -> bool {
    true
}

numbers! {
    f32 if has_kernels: select_f32 sum_f32;
    u8 if has_kernels: select_u8;
    f64 if always: select_f64 sum_f64;
}

macro_rules! others {
    ($($number:ident)*) => {$(
        impl Number for $number {
            fn is_pooled(_: Level) -> bool {
                false
            }

            fn pool(_: Level, kind: Kind, _: Task<'_, $number, $number>) {
                unreachable!("{kind:?} has no kernel for these: `is_pooled` says so")
            }
        }
    )*};
}

others!(i8 i16 i32 i64);
