//! The kernels, compiled here for every pixel and level: a program that uses the crate need not compile them again.

use std::cmp::Ordering;

use super::boxed::{self, Layout};
use super::channels;
use super::operation::{Largest, Mean, Norm, Operation, PlainLargest, PlainSmallest, Smallest};
use super::pairs::{self, Pairs};
use super::planes::{Pooled, Sizes};
use super::reductions::pairwise_sum;
use super::small::{self, Rows};
use super::totals::{self, Totals};
use super::windows::Windows;
use super::{Average, L2, Lp, Max, Min};
use crate::kernels::pool::hosts::Number;
use crate::kernels::transpose::{SideBySide, transpose_f32};
use crate::relu::{self, Rectify};
use crate::simd::{Level, Pixel, vectorized_narrow};
use crate::{Element, Float, Result};

/// What every [`Element`](crate::Element) can be pooled by. Norms are for floats alone.
///
/// Its methods are not generic, so this crate has their code.
pub trait Kernels: Pixel + Number {
    /// What pixels add up to: as many as memory holds do not overflow it.
    type Total: Copy + Send + Sync + 'static;

    fn total(pixels: &[Self]) -> Self::Total;
    fn plus_pixel(total: Self::Total, pixel: Self) -> Self::Total;
    fn plus_total(one: Self::Total, other: Self::Total) -> Self::Total;
    /// The quotient by a count; integers are rounded to the nearest, and to the even one of two that are as near.
    fn mean(total: Self::Total, count: usize) -> Self;
    /// A count as a pixel, or its inverse.
    fn number(count: usize, inverse: bool) -> Self;
    fn small(level: Level, operation: Operation, small: Rows<'_, Self>);
    fn pairs(level: Level, operation: Operation, pairs: Pairs<'_, Self>);
    fn totals(level: Level, operation: Operation, totals: Totals<'_, Self>);
    fn rectify(level: Level, rectify: Rectify<'_, Self>);
    /// The means of some channels, from the `first` on, that lie side by side; says whether there is a kernel for that.
    fn channel_means(level: Level, pixels: &[Self], channels: (usize, usize), output: &mut [Self]) -> bool;
    /// Puts channels that lie side by side into rows; says whether there is a kernel for that.
    fn transpose(level: Level, task: SideBySide<'_, Self>) -> bool;
    /// What pools windows by a reduction of this crate.
    fn windows(operation: Operation, windows: Windows) -> Result<Box<dyn Pooled<Self>>>
    where
        Self: Element;
    /// The same of boxes.
    fn boxes(operation: Operation, layout: Layout, sizes: Sizes) -> Result<Box<dyn Pooled<Self>>>
    where
        Self: Element;
}

/// Runs a kernel with one of the operations that integers have kernels for.
macro_rules! of_integers {
    ($level:ident, $operation:ident, $kernel:ident) => {
        match $operation {
            Operation::Min => $kernel::compute($level, $kernel, PlainSmallest),
            Operation::Max => $kernel::compute($level, $kernel, PlainLargest),
            Operation::Average { .. } | Operation::L2 | Operation::Lp { .. } => of_floats_alone($operation),
        }
    };
}

/// Norms are reductions of floats, by their types, and averages of integers have ways of their own.
fn of_floats_alone(operation: Operation) -> ! {
    unreachable!("integers have no {operation:?}")
}

/// Binds the [`Reduction`] of an operation that is known when the program runs, and evaluates an expression with it. The arms after it are
/// for norms, which are reductions of floats alone.
macro_rules! pooled {
    ($operation:ident, |$reduction:ident| $pooled:expr, $($norm:pat => $otherwise:expr,)*) => {
        match $operation {
            Operation::Max => {
                let $reduction = Max;
                $pooled
            }
            Operation::Min => {
                let $reduction = Min;
                $pooled
            }
            Operation::Average { count_include_pad } => {
                let $reduction = Average { count_include_pad };
                $pooled
            }
            $($norm => $otherwise,)*
        }
    };
}

macro_rules! pooled_integers {
    ($operation:ident, |$reduction:ident| $pooled:expr) => {
        pooled!($operation, |$reduction| $pooled, Operation::L2 | Operation::Lp { .. } => of_floats_alone($operation),)
    };
}

macro_rules! pooled_floats {
    ($operation:ident, |$reduction:ident| $pooled:expr) => {
        pooled!($operation, |$reduction| $pooled,
            Operation::L2 => {
                let $reduction = L2;
                $pooled
            },
            Operation::Lp { order } => {
                let $reduction = Lp(order);
                $pooled
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

/// Windows of 2×2 and 3×3 have no kernel for norms.
macro_rules! small_of_floats {
    ($level:ident, $operation:ident, $kernel:ident) => {
        match $operation {
            Operation::Max => $kernel::compute($level, $kernel, Largest),
            Operation::Min => $kernel::compute($level, $kernel, Smallest),
            Operation::Average { .. } => $kernel::compute($level, $kernel, Mean),
            Operation::L2 | Operation::Lp { .. } => unreachable!("{:?} has no kernel", $operation),
        }
    };
}

macro_rules! kernels {
    ($operations:ident, $small:ident, $pooled:ident, $totals:ident, $($pixel:ident of $total:tt)*) => {$(
        impl Kernels for $pixel {
            $totals!($pixel of $total);

            fn small(level: Level, operation: Operation, small: Rows<'_, Self>) {
                if Self::HAS_KERNELS {
                    $small!(level, operation, small);
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

            side_by_side!($pixel);

            fn windows(operation: Operation, windows: Windows) -> Result<Box<dyn Pooled<Self>>> {
                $pooled!(operation, |reduction| windows.by_kernels(operation, reduction))
            }

            fn boxes(operation: Operation, layout: Layout, sizes: Sizes) -> Result<Box<dyn Pooled<Self>>> {
                $pooled!(operation, |reduction| boxed::by_kernels(operation, &reduction, layout, sizes))
            }
        }
    )*};
}

/// What is compiled for channels that lie side by side: kernels for `f32`, wider vectors for bytes. Features and pictures lie so.
macro_rules! side_by_side {
    (f32) => {
        fn channel_means(level: Level, pixels: &[Self], channels: (usize, usize), output: &mut [Self]) -> bool {
            channels::means(level, pixels, channels, output);
            true
        }

        fn transpose(level: Level, task: SideBySide<'_, Self>) -> bool {
            transpose_f32(level, task);
            true
        }
    };
    (u8) => {
        fn channel_means(_: Level, _: &[Self], _: (usize, usize), _: &mut [Self]) -> bool {
            false
        }

        fn transpose(level: Level, task: SideBySide<'_, Self>) -> bool {
            vectorized_narrow(
                level,
                #[inline(always)]
                || task.plain(),
            );
            true
        }
    };
    ($pixel:ident) => {
        fn channel_means(_: Level, _: &[Self], _: (usize, usize), _: &mut [Self]) -> bool {
            false
        }

        fn transpose(_: Level, _: SideBySide<'_, Self>) -> bool {
            false
        }
    };
}

/// Sums of integers: of a stretch of pixels in the first type, and of all in the second.
macro_rules! integer_totals {
    ($pixel:ident of ($part:ident $total:ident)) => {
        type Total = $total;

        fn total(pixels: &[Self]) -> $total {
            let part = |pixels: &[Self]| pixels.iter().map(|&pixel| $part::from(pixel)).sum::<$part>();
            pixels.chunks(1 << 15).map(|pixels| $total::from(part(pixels))).sum()
        }

        #[inline]
        fn plus_pixel(total: $total, pixel: Self) -> $total {
            total + $total::from(pixel)
        }

        #[inline]
        fn plus_total(one: $total, other: $total) -> $total {
            one + other
        }

        #[inline]
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an average lies between the smallest and the largest pixel"
        )]
        fn mean(total: $total, count: usize) -> Self {
            rounded_quotient(total.into(), count) as Self
        }

        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "counts are asked for where pixels are averaged as they are: floats"
        )]
        fn number(count: usize, _inverse: bool) -> Self {
            count as Self
        }
    };
}

macro_rules! float_totals {
    ($pixel:ident of itself) => {
        type Total = Self;

        fn total(pixels: &[Self]) -> Self {
            pairwise_sum(pixels, &|pixel| pixel)
        }

        #[inline]
        fn plus_pixel(total: Self, pixel: Self) -> Self {
            total + pixel
        }

        #[inline]
        fn plus_total(one: Self, other: Self) -> Self {
            one + other
        }

        #[inline]
        fn mean(total: Self, count: usize) -> Self {
            total / Self::from_count(count)
        }

        #[inline]
        #[allow(clippy::cast_possible_truncation, reason = "floats round to the nearest")]
        fn number(count: usize, inverse: bool) -> Self {
            (if inverse { 1.0 / count as f64 } else { count as f64 }) as Self
        }
    };
}

/// The nearest integer to a quotient, the even one of two that are as near.
fn rounded_quotient(dividend: i128, divisor: usize) -> i128 {
    let divisor = divisor as i128;
    let (below, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    let is_above = match (2 * rest).cmp(&divisor) {
        Ordering::Less => false,
        Ordering::Equal => below % 2 != 0,
        Ordering::Greater => true,
    };
    below + i128::from(is_above)
}

kernels!(of_integers, of_integers, pooled_integers, integer_totals,
    u8 of (i32 i64) i8 of (i32 i64) i16 of (i32 i64) i32 of (i64 i128) i64 of (i128 i128));
kernels!(of_floats, small_of_floats, pooled_floats, float_totals, f32 of itself f64 of itself);
