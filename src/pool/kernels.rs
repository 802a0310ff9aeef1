//! The kernels, compiled here for every pixel and level: a program that uses the crate need not compile them again.

use super::boxed::{self, Layout};
use super::operation::{Largest, Mean, Norm, Operation, PlainLargest, PlainSmallest, Smallest};
use super::pairs::{self, Pairs};
use super::planes::{Pooled, Sizes};
use super::small::{self, Rows};
use super::totals::{self, Totals};
use super::windows::Windows;
use super::{Average, L2, Lp, Max, Min};
use crate::kernels::pool::hosts::Number;
use crate::relu::{self, Rectify};
use crate::simd::{Level, Pixel};
use crate::{Element, Result};

/// What every [`Element`](crate::Element) can be pooled by. Averages and norms are for floats alone.
///
/// Its methods are not generic, so this crate has their code.
pub trait Kernels: Pixel + Number {
    /// A count as a pixel, or its inverse.
    fn number(count: usize, inverse: bool) -> Self;
    fn small(level: Level, operation: Operation, small: Rows<'_, Self>);
    fn pairs(level: Level, operation: Operation, pairs: Pairs<'_, Self>);
    fn totals(level: Level, operation: Operation, totals: Totals<'_, Self>);
    fn rectify(level: Level, rectify: Rectify<'_, Self>);
    /// What pools windows by a reduction of this crate.
    fn windows(operation: Operation, windows: Windows) -> Result<Box<dyn Pooled<Self>>>
    where
        Self: Element;
    /// The same of boxes.
    fn boxes(operation: Operation, layout: Layout, sizes: Sizes) -> Result<Box<dyn Pooled<Self>>>
    where
        Self: Element;
}

/// Runs a kernel with one of the operations that integers have.
macro_rules! of_integers {
    ($level:ident, $operation:ident, $kernel:ident) => {
        match $operation {
            Operation::Min => $kernel::compute($level, $kernel, PlainSmallest),
            Operation::Max => $kernel::compute($level, $kernel, PlainLargest),
            Operation::Average { .. } | Operation::L2 | Operation::Lp { .. } => of_floats_alone($operation),
        }
    };
}

/// [`Average`] and the norms are reductions of floats, by their types.
fn of_floats_alone(operation: Operation) -> ! {
    unreachable!("integers have no {operation:?}")
}

/// Pools by the selection that an operation is, or as is said for other operations.
macro_rules! pooled_selections {
    ($operation:ident, |$reduction:ident| $pooled:expr, $($other:pat => $otherwise:expr,)*) => {
        match $operation {
            Operation::Max => {
                let $reduction = Max;
                $pooled
            }
            Operation::Min => {
                let $reduction = Min;
                $pooled
            }
            $($other => $otherwise,)*
        }
    };
}

macro_rules! pooled_integers {
    ($operation:ident, |$reduction:ident| $pooled:expr, |$norm:ident| $by_steps:expr) => {
        pooled_selections!($operation, |$reduction| $pooled,
            Operation::Average { .. } | Operation::L2 | Operation::Lp { .. } => of_floats_alone($operation),
        )
    };
}

macro_rules! pooled_floats {
    ($operation:ident, |$reduction:ident| $pooled:expr, |$norm:ident| $by_steps:expr) => {
        pooled_selections!($operation, |$reduction| $pooled,
            Operation::Average { count_include_pad } => {
                let $reduction = Average { count_include_pad };
                $pooled
            },
            Operation::L2 => {
                let $reduction = L2;
                $pooled
            },
            Operation::Lp { order } => {
                let $norm = Lp(order);
                $by_steps
            },
        )
    };
}

macro_rules! of_floats {
    ($level:ident, $operation:ident, $kernel:ident) => {
        match $operation {
            Operation::Max => $kernel::compute($level, $kernel, Largest),
            Operation::Min => $kernel::compute($level, $kernel, Smallest),
            Operation::Average { .. } => $kernel::compute($level, $kernel, Mean),
            Operation::L2 => $kernel::compute($level, $kernel, Norm),
            Operation::Lp { .. } => unreachable!("{:?} has no kernel", $operation),
        }
    };
}

macro_rules! kernels {
    ($operations:ident, $pooled:ident, |$count:ident, $inverse:ident| $number:expr, $($pixel:ident)*) => {$(
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

            fn small(level: Level, operation: Operation, small: Rows<'_, Self>) {
                if Self::HAS_KERNELS {
                    $operations!(level, operation, small);
                }
            }

            fn pairs(level: Level, operation: Operation, pairs: Pairs<'_, Self>) {
                if Self::HAS_KERNELS {
                    $operations!(level, operation, pairs);
                }
            }

            fn totals(level: Level, operation: Operation, totals: Totals<'_, Self>) {
                if Self::HAS_KERNELS {
                    $operations!(level, operation, totals);
                }
            }

            fn rectify(level: Level, rectify: Rectify<'_, Self>) {
                relu::compute(level, rectify);
            }

            fn windows(operation: Operation, windows: Windows) -> Result<Box<dyn Pooled<Self>>> {
                $pooled!(
                    operation,
                    |reduction| windows.by_kernels(operation, reduction),
                    |norm| windows.by_kernels_or_strips(operation, &norm)
                )
            }

            fn boxes(operation: Operation, layout: Layout, sizes: Sizes) -> Result<Box<dyn Pooled<Self>>> {
                $pooled!(
                    operation,
                    |reduction| boxed::by_kernels(operation, &reduction, layout, sizes),
                    |norm| boxed::by_kernels(operation, &norm, layout, sizes)
                )
            }
        }
    )*};
}

kernels!(of_integers, pooled_integers, |count, _inverse| (count), u8 i8 i16 i32 i64);
kernels!(of_floats, pooled_floats, |count, inverse| (if inverse { 1.0 / count as f64 } else { count as f64 }), f32 f64);
