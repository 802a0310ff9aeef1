//! The kernels, compiled here for every pixel and level: a program that uses the crate need not compile them again.

use super::band::Band;
use super::operation::{Largest, Mean, Merge, Norm, Operation, PlainLargest, PlainSmallest, Smallest};
use super::pairs::Pairs;
use super::small::Rows;
use super::totals::Totals;
use crate::relu::Rectify;
use crate::simd::{self, Kernel, Level, Pixel, Simd};

/// What every [`Element`](crate::Element) can be pooled by. Averages and norms are for floats alone.
///
/// Its methods are not generic, so this crate has their code.
pub trait Kernels: Pixel {
    /// A count as a pixel, or its inverse.
    fn number(count: usize, inverse: bool) -> Self;
    fn band(level: Level, operation: Operation, band: Band<'_, Self>);
    fn small(level: Level, operation: Operation, rows: Rows<'_, Self>);
    fn pairs(level: Level, operation: Operation, pairs: Pairs<'_, Self>);
    fn totals(level: Level, operation: Operation, totals: Totals<'_, Self>);
    fn rectify(level: Level, rectify: Rectify<'_, Self>);
}

/// A kernel with the operation that it merges by.
struct With<K, O>(K, O);

macro_rules! with_operation {
    ($($kernel:ident),*) => {$(
        impl<T: Kernels, O: Merge<T>> Kernel for With<$kernel<'_, T>, O> {
            type Output = ();
            /// There are too many of them.
            const SCALAR: bool = false;

            #[inline(always)]
            fn run<S: Simd>(self, simd: S) {
                self.0.run::<S, O>(simd);
            }
        }
    )*};
}

with_operation!(Band, Rows, Pairs, Totals);

/// Runs a kernel with one of the operations that integers have.
macro_rules! of_integers {
    ($level:ident, $operation:ident, $kernel:ident) => {
        match $operation {
            Operation::Min => simd::run($level, With($kernel, PlainSmallest)),
            _ => simd::run($level, With($kernel, PlainLargest)),
        }
    };
}

macro_rules! of_floats {
    ($level:ident, $operation:ident, $kernel:ident) => {
        match $operation {
            Operation::Max => simd::run($level, With($kernel, Largest)),
            Operation::Min => simd::run($level, With($kernel, Smallest)),
            Operation::Average { .. } => simd::run($level, With($kernel, Mean)),
            Operation::L2 => simd::run($level, With($kernel, Norm)),
        }
    };
}

macro_rules! kernels {
    ($operations:ident, |$count:ident, $inverse:ident| $number:expr, $($pixel:ident)*) => {$(
        impl Kernels for $pixel {
            #[inline]
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                reason = "floats round to the nearest; integers have no averages"
            )]
            fn number($count: usize, $inverse: bool) -> Self {
                $number as Self
            }

            fn band(level: Level, operation: Operation, band: Band<'_, Self>) {
                $operations!(level, operation, band);
            }

            fn small(level: Level, operation: Operation, rows: Rows<'_, Self>) {
                if Self::HAS_SMALL {
                    $operations!(level, operation, rows);
                }
            }

            fn pairs(level: Level, operation: Operation, pairs: Pairs<'_, Self>) {
                $operations!(level, operation, pairs);
            }

            fn totals(level: Level, operation: Operation, totals: Totals<'_, Self>) {
                $operations!(level, operation, totals);
            }

            fn rectify(level: Level, rectify: Rectify<'_, Self>) {
                simd::run(level, rectify);
            }
        }
    )*};
}

kernels!(of_integers, |count, _inverse| (count), u8 i8 i16 i32 i64);
kernels!(of_floats, |count, inverse| (if inverse { 1.0 / count as f64 } else { count as f64 }), f32 f64);
