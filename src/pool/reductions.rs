//! The reductions of this crate.

use super::boxed::BoxLayout;
use super::kernels;
use super::operation::Operation;
use super::planes::{Pooled, Sizes};
use super::reduction::{Reduction, Selection};
use super::windows::PoolWindows;
use crate::element::{Element, Float, pairwise_sum};
use crate::{Error, Result};

/// The largest pixel. NaN passes: a window with a NaN in it gives NaN. Zeros of either sign are equal, and which of them comes out
/// is not specified; it does not depend on the number of threads.
///
/// ```
/// use featuremap::{Max, MaxPool1d, Module, Pool};
///
/// let pool: Pool<Max, 1> = MaxPool1d::new(2);
/// assert_eq!(pool.forward([3., 1., f32::NAN, 5.])?[[0]], 3.);
/// assert!(pool.forward([3., 1., f32::NAN, 5.])?[[1]].is_nan());
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Max;

/// The smallest pixel. NaN passes: a window with a NaN in it gives NaN. Zeros of either sign are equal, and which of them comes out
/// is not specified; it does not depend on the number of threads.
///
/// ```
/// use featuremap::{Min, MinPool1d, Module, Pool, Tensor};
///
/// let pool: Pool<Min, 1> = MinPool1d::new(2);
/// assert_eq!(pool.forward([3, 1, 4, 5])?, Tensor::from([1, 4]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Min;

/// The mean, by default of the pixels that exist. Means of integers are integers: the nearest, and of two that are as near the even
/// one, as IEEE 754 rounds. Their sums do not overflow.
///
/// ```
/// use featuremap::{AvgPool2d, Module, Tensor};
///
/// let picture = [[255_u8, 254, 1, 2], [255, 254, 2, 1]]; // means of 254.5 and 1.5
/// assert_eq!(AvgPool2d::new(2).forward(picture)?, Tensor::from([[254_u8, 2]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Average {
    /// Whether padding counts as zeros: the sum is then divided by the size of the window clipped to the padded input,
    /// as PyTorch and ONNX do.
    pub count_include_pad: bool,
}

/// The square root of the sum (not the mean) of squares. Signs do not matter.
///
/// ```
/// use featuremap::{L2Pool1d, Module, Tensor};
///
/// assert_eq!(L2Pool1d::new(2).forward([3., -4., 0., 2.])?, Tensor::from([5., 2.]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L2;

/// The Lp norm of this order, `(Σ |x|^p)^(1/p)`, as ONNX's `LpPool` defines it; 2 unless given. The order and its inverse must
/// be positive and finite. PyTorch's `LPPool2d` has no absolute values, so that odd orders differ for negative pixels, and scales windows
/// up that `ceil_mode` cuts off.
///
/// ```
/// use featuremap::{Lp, LpPool1d, Module, Tensor};
///
/// let sums = LpPool1d::with(Lp(1.), 2).forward([3., -4., 0., 2.])?;
/// assert_eq!(sums, Tensor::from([7., 2.]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lp(
    /// The order p.
    pub f64,
);

impl Default for Lp {
    fn default() -> Self {
        Self(2.0)
    }
}

/// Pools by code that this crate has compiled for every type of pixel.
macro_rules! of_this_crate {
    (|$reduction:ident| $operation:expr) => {
        fn operation(&self) -> Option<Operation> {
            let $reduction = self;
            Some($operation)
        }

        fn windows(&self, windows: PoolWindows) -> Result<Box<dyn Pooled<T>>> {
            let $reduction = self;
            kernels::of::<T>().windows($operation, windows)
        }

        fn boxes(&self, layout: BoxLayout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>> {
            let $reduction = self;
            kernels::of::<T>().boxes($operation, layout, sizes)
        }
    };
}

macro_rules! selections {
    ($($reduction:ident $start:ident $wins:tt,)*) => {$(
        impl<T: Element> Reduction<T> for $reduction {
            type Accumulator = T;

            fn start(&self) -> T {
                T::$start
            }

            #[inline]
            fn step(&self, picked: T, pixel: T) -> T {
                if self.prefers(pixel, picked) { pixel } else { picked }
            }

            fn finish(&self, picked: T, _count: usize) -> T {
                picked
            }

            #[inline]
            fn merge(&self, one: T, other: T) -> Option<T> {
                Some(self.step(one, other))
            }

            of_this_crate!(|_reduction| Operation::$reduction);
        }

        impl<T: Element> Selection<T> for $reduction {
            /// No comparison prefers anything over a NaN once picked, but another NaN is: as in PyTorch, the
            /// last of several is.
            #[inline]
            fn prefers(&self, candidate: T, picked: T) -> bool {
                candidate $wins picked || candidate.is_nan()
            }
        }
    )*};
}

selections! {
    Max LOWEST >,
    Min HIGHEST <,
}

impl<T: Element> Reduction<T> for Average {
    type Accumulator = T::Total;

    fn start(&self) -> T::Total {
        T::total(&[])
    }

    #[inline]
    fn step(&self, sum: T::Total, pixel: T) -> T::Total {
        T::plus_pixel(sum, pixel)
    }

    fn finish(&self, sum: T::Total, count: usize) -> T {
        T::mean(sum, count)
    }

    fn step_all(&self, sum: T::Total, pixels: &[T]) -> T::Total {
        T::plus_total(sum, T::total(pixels))
    }

    #[inline]
    fn merge(&self, one: T::Total, other: T::Total) -> Option<T::Total> {
        Some(T::plus_total(one, other))
    }

    fn count_include_pad(&self) -> bool {
        self.count_include_pad
    }

    of_this_crate!(|average| Operation::Average { count_include_pad: average.count_include_pad });
}

impl<T: Float> Reduction<T> for L2 {
    type Accumulator = T;

    fn start(&self) -> T {
        T::ZERO
    }

    #[inline]
    fn step(&self, sum: T, pixel: T) -> T {
        sum + pixel * pixel
    }

    fn finish(&self, sum: T, _count: usize) -> T {
        sum.sqrt()
    }

    fn step_all(&self, sum: T, pixels: &[T]) -> T {
        sum + pairwise_sum(pixels, &|pixel| pixel * pixel)
    }

    #[inline]
    fn merge(&self, one: T, other: T) -> Option<T> {
        Some(one + other)
    }

    of_this_crate!(|_norm| Operation::L2);
}

impl<T: Float> Reduction<T> for Lp {
    type Accumulator = T;

    fn start(&self) -> T {
        T::ZERO
    }

    #[inline]
    fn step(&self, sum: T, pixel: T) -> T {
        sum + pixel.abs().powf(T::from_f64(self.0))
    }

    fn finish(&self, sum: T, _count: usize) -> T {
        sum.powf(T::from_f64(self.0.recip()))
    }

    fn step_all(&self, sum: T, pixels: &[T]) -> T {
        sum + pairwise_sum(pixels, &|pixel| pixel.abs().powf(T::from_f64(self.0)))
    }

    #[inline]
    fn merge(&self, one: T, other: T) -> Option<T> {
        Some(one + other)
    }

    of_this_crate!(|norm| Operation::Lp { order: norm.0 });

    /// The order and its root must be positive and finite as numbers of the pixels' type.
    fn validate(&self) -> Result<()> {
        let sound = |value: T| value > T::ZERO && Element::is_finite(value);
        match sound(T::from_f64(self.0)) && sound(T::from_f64(self.0.recip())) {
            true => Ok(()),
            false => Err(Error::NormOrder { found: self.0 }),
        }
    }
}
