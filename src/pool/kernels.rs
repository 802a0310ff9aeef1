//! The kernels, compiled here for every pixel and level: a program that uses the crate need not compile them again.

use super::boxed::{self, BoxLayout};
use super::channels;
use super::operation::{Largest, Mean, Norm, Operation, PlainLargest, PlainSmallest, Smallest};
use super::pairs::{self, Pairs};
use super::planes::{Pooled, Sizes, pooled};
use super::small::{self, SmallRows};
use super::totals::{self, Totals};
use super::walk::Walk;
use super::windows::PoolWindows;
use super::{Average, L2, Lp, Max, Min};
use crate::Result;
use crate::element::{Element, Family};
use crate::kernels::transpose::{SideBySide, transpose_f32};
use crate::simd::{Level, Pixel, vectorized_narrow};
use crate::terms::each_integer;

/// The kernels of one type of pixels, as code for every type calls them. Norms are for floats alone.
///
/// Its methods are not generic, so this crate has their code.
pub(super) trait PoolKernels<T: Element>: Sync {
    fn pairs(&self, level: Level, operation: Operation, pairs: Pairs<'_, T>);
    fn totals(&self, level: Level, operation: Operation, totals: Totals<'_, T>);
    /// What pools windows by a reduction of this crate.
    fn windows(&self, operation: Operation, windows: PoolWindows) -> Result<Box<dyn Pooled<T>>>;
    /// The same of boxes.
    fn boxes(&self, operation: Operation, layout: BoxLayout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>>;

    fn small(&self, _level: Level, operation: Operation, _small: SmallRows<'_, T>) {
        unreachable!("{operation:?} has no such kernel for these")
    }

    /// The means of some channels, from the `first` on, that lie side by side; says whether there is a kernel for that.
    fn channel_means(&self, _level: Level, _pixels: &[T], _channels: (usize, usize), _output: &mut [T]) -> bool {
        false
    }

    /// Puts channels that lie side by side into rows; says whether there is a kernel for that.
    fn transpose(&self, _level: Level, _task: SideBySide<'_, T>) -> bool {
        false
    }
}

/// The kernels of an element.
pub(super) fn of<T: Element>() -> &'static dyn PoolKernels<T> {
    T::member::<Elements>()
}

/// The kernels of all elements.
struct Elements;

macro_rules! family {
    ($($pixel:ident)*) => {
        impl Family for Elements {
            type Of<T: Element> = &'static dyn PoolKernels<T>;
            $(
                fn $pixel() -> &'static dyn PoolKernels<$pixel> {
                    &Elements
                }
            )*
        }
    };
}

each_integer!(family: f32 f64);

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

macro_rules! kernels {
    ($operations:ident, $pooled:ident, $($pixel:ident)*) => {$(
        impl PoolKernels<$pixel> for Elements {
            fn pairs(&self, level: Level, operation: Operation, pairs: Pairs<'_, $pixel>) {
                if $pixel::HAS_KERNELS {
                    $operations!(level, operation, pairs);
                }
            }

            fn totals(&self, level: Level, operation: Operation, totals: Totals<'_, $pixel>) {
                if $pixel::HAS_KERNELS {
                    $operations!(level, operation, totals);
                }
            }

            of_features!($pixel);

            fn windows(&self, operation: Operation, windows: PoolWindows) -> Result<Box<dyn Pooled<$pixel>>> {
                match windows.by_kernel(operation)? {
                    Some(kernel) => Ok(kernel),
                    None => $pooled!(operation, |reduction| windows.by_taps(reduction)),
                }
            }

            fn boxes(&self, operation: Operation, layout: BoxLayout, sizes: Sizes) -> Result<Box<dyn Pooled<$pixel>>> {
                match boxed::by_kernel(operation, &layout, sizes)? {
                    Some(kernel) => Ok(kernel),
                    None => $pooled!(operation, |reduction| pooled(Walk::boxes(reduction, layout), sizes)),
                }
            }
        }
    )*};
}

/// What is compiled for features, `f32`, and in part for pictures, bytes: windows of 3×3, and channels that lie side by side.
macro_rules! of_features {
    (f32) => {
        fn small(&self, level: Level, operation: Operation, small: SmallRows<'_, f32>) {
            match operation {
                Operation::Max => small::compute(level, small, Largest),
                Operation::Average { .. } => small::compute(level, small, Mean),
                Operation::Min | Operation::L2 | Operation::Lp { .. } => {
                    unreachable!("{operation:?} has no such kernel")
                }
            }
        }

        fn channel_means(&self, level: Level, pixels: &[f32], channels: (usize, usize), output: &mut [f32]) -> bool {
            channels::means(level, pixels, channels, output);
            true
        }

        fn transpose(&self, level: Level, task: SideBySide<'_, f32>) -> bool {
            transpose_f32(level, task);
            true
        }
    };
    (u8) => {
        fn transpose(&self, level: Level, task: SideBySide<'_, u8>) -> bool {
            vectorized_narrow(
                level,
                #[inline(always)]
                || task.plain(),
            );
            true
        }
    };
    ($pixel:ident) => {};
}

each_integer!(kernels: of_integers, pooled_integers,);
kernels!(of_floats, pooled_floats, f32 f64);
