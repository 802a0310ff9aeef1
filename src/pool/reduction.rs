//! [`Reduction`]: what a pooling computes from the pixels of a window.

use super::boxed::{self, Layout};
use super::operation::Operation;
use super::planes::{Pooled, Sizes};
use super::windows::Windows;
use crate::element::{Element, Float};
use crate::{Error, Result};

/// Reduces the pixels of a window to one value: the maximum, the average, or a reduction of your own.
///
/// A pooling takes every window through `start`, one [`step`](Self::step) for each pixel that exists, and
/// [`finish`](Self::finish). Padding is not stepped over: it does not exist. Three methods and a type make a reduction; the
/// other methods speed it up or refine it:
///
/// ```
/// use featuremap::{Module, Pool, Reduction, Tensor};
/// use ndarray::array;
///
/// /// The difference between the largest and the smallest pixel.
/// #[derive(Clone)]
/// struct Range;
///
/// impl Reduction<i32> for Range {
///     type Accumulator = (i32, i32);
///
///     fn start(&self) -> (i32, i32) {
///         (i32::MAX, i32::MIN)
///     }
///
///     fn step(&self, (low, high): (i32, i32), pixel: i32) -> (i32, i32) {
///         (low.min(pixel), high.max(pixel))
///     }
///
///     fn finish(&self, (low, high): (i32, i32), _count: usize) -> i32 {
///         high - low
///     }
///
///     /// Not needed, but large windows are many times as fast with it.
///     fn merge(&self, one: (i32, i32), other: (i32, i32)) -> Option<(i32, i32)> {
///         Some((one.0.min(other.0), one.1.max(other.1)))
///     }
/// }
///
/// let contrast = Pool::<_, 2>::with(Range, 2).forward(&array![[3, 1, 1, 3], [2, 5, 0, 2]])?;
/// assert_eq!(contrast, Tensor::from(array![[4, 3]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not pool `{T}`",
    label = "no reduction of `{T}`",
    note = "norms are for floats: convert the image first, as by `tensor.map(|&x| f32::from(x))`",
    note = "maxima, minima and averages are for all types of elements"
)]
pub trait Reduction<T>: Clone + Send + Sync + 'static {
    /// What is kept of the pixels seen so far.
    type Accumulator: Copy + Send + Sync;

    /// The accumulator of a window of which nothing has been seen.
    fn start(&self) -> Self::Accumulator;

    /// The accumulator after one more pixel.
    fn step(&self, accumulator: Self::Accumulator, pixel: T) -> Self::Accumulator;

    /// The result, once all pixels have been seen. `count` is how many there were, or what
    /// [`count_include_pad`](Self::count_include_pad) makes of it; never zero.
    fn finish(&self, accumulator: Self::Accumulator, count: usize) -> T;

    /// Steps a row of windows at once: accumulator `i` takes pixel `i`. The slices are equally long.
    ///
    /// Override it where one vector loop does better than [`step`](Self::step) after step.
    #[inline]
    fn step_run(&self, accumulators: &mut [Self::Accumulator], pixels: &[T])
    where
        T: Copy,
    {
        for (accumulator, &pixel) in accumulators.iter_mut().zip(pixels) {
            *accumulator = self.step(*accumulator, pixel);
        }
    }

    /// Steps one window over several pixels: all of them go into `accumulator`.
    ///
    /// Override it where the order of the steps does not matter, so that they can be done side by side.
    #[inline]
    fn step_all(&self, accumulator: Self::Accumulator, pixels: &[T]) -> Self::Accumulator
    where
        T: Copy,
    {
        pixels.iter().fold(accumulator, |accumulator, &pixel| self.step(accumulator, pixel))
    }

    /// What is kept of the pixels of both accumulators; `None` always, or never.
    ///
    /// Override it where the order of the steps does not matter: a large window, or a whole map, is then put together from parts
    /// that windows share, so that it takes hardly longer than a small one. Merging with [`start`](Self::start) changes nothing. Pixels are merged, too,
    /// that share no window, to no effect on what is given.
    fn merge(&self, one: Self::Accumulator, other: Self::Accumulator) -> Option<Self::Accumulator> {
        let _ = (one, other);
        None
    }

    /// Whether `count` is the size of the window clipped to the padded input, instead of the number of pixels that
    /// exist. No, unless overridden.
    fn count_include_pad(&self) -> bool {
        false
    }

    /// Which reduction of this crate this is; none for one of your own.
    #[doc(hidden)]
    fn operation(&self) -> Option<Operation> {
        None
    }

    /// What pools these windows. A reduction of this crate overrides it, so that a program which uses one need not compile what
    /// pools by the steps of any other.
    #[doc(hidden)]
    fn windows(&self, windows: Windows) -> Result<Box<dyn Pooled<T>>>
    where
        T: Element,
    {
        windows.by_steps(self)
    }

    /// What pools these boxes, by a reduction that has kernels or merges.
    #[doc(hidden)]
    fn boxes(&self, layout: Layout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>>
    where
        T: Element,
    {
        boxed::by_steps::<T, Self, true>(self, layout, sizes)
    }

    /// Refuses parameters that make no sense. Called before anything is computed, but not by the shape rule, which knows no
    /// element type.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the reduction's own parameters.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// A [`Reduction`] that picks one of the pixels, so that it can say which: [`Max`] and [`Min`].
pub trait Selection<T>: Reduction<T> {
    /// Whether `candidate` is picked over a pixel picked before.
    fn prefers(&self, candidate: T, picked: T) -> bool;
}

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
/// be positive and finite.
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

        fn windows(&self, windows: Windows) -> Result<Box<dyn Pooled<T>>> {
            let $reduction = self;
            T::windows($operation, windows)
        }

        fn boxes(&self, layout: Layout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>> {
            let $reduction = self;
            T::boxes($operation, layout, sizes)
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

/// A sum whose rounding error grows with the logarithm of the number of terms, not with the number
/// (N. Higham, "The accuracy of floating point summation", 1993): each half is summed alone. Short stretches are summed
/// in lanes, which a compiler turns into vector instructions.
pub(super) fn pairwise_sum<T: Float>(pixels: &[T], term: &impl Fn(T) -> T) -> T {
    const LANES: usize = 8;
    if pixels.len() > 16 * LANES {
        let (left, right) = pixels.split_at(pixels.len() / 2);
        return pairwise_sum(left, term) + pairwise_sum(right, term);
    }
    let (chunks, rest) = pixels.as_chunks::<LANES>();
    let mut lanes = [T::ZERO; LANES];
    for chunk in chunks {
        for (lane, &pixel) in lanes.iter_mut().zip(chunk) {
            *lane = *lane + term(pixel);
        }
    }
    lanes.iter().copied().chain(rest.iter().map(|&pixel| term(pixel))).fold(T::ZERO, |sum, next| sum + next)
}
