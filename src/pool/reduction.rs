//! [`Reduction`]: what a pooling computes from the pixels of a window.

use super::boxed::{BoxLayout, Stepped};
use super::operation::Operation;
use super::planes::{Pooled, Sizes, pooled};
use super::windows::{PoolWindows, merges};
use crate::simd::Level;
use crate::{Element, Result};

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
    /// that windows share, so that it takes hardly longer than a small one. Merging with [`start`](Self::start) changes nothing. It is also
    /// called for pixels that share no window; those results are discarded.
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
    fn windows(&self, windows: PoolWindows) -> Result<Box<dyn Pooled<T>>>
    where
        T: Element,
    {
        windows.by_steps(self)
    }

    /// What pools these boxes, by a reduction that has kernels or merges.
    #[doc(hidden)]
    fn boxes(&self, layout: BoxLayout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>>
    where
        T: Element,
    {
        pooled(Stepped { reduction: self.clone(), level: Level::new(), layout }, sizes)
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

/// A [`Reduction`] that picks one of the pixels, so that it can say which: [`Max`](super::Max) and [`Min`](super::Min).
pub trait Selection<T>: Reduction<T> {
    /// Whether `candidate` is picked over a pixel picked before.
    fn prefers(&self, candidate: T, picked: T) -> bool;
}

/// [`Reduction`], as a `dyn`: what checks and plans a layer is compiled once for all of them, and not in every program for each that it
/// uses.
pub(super) trait Erased<T: Element> {
    /// [`Reduction::validate`]
    fn check(&self) -> Result<()>;

    /// [`Reduction::operation`]
    fn kernels(&self) -> Option<Operation>;

    /// Whether it merges.
    fn is_merging(&self) -> bool;

    /// [`Reduction::windows`]
    fn pool_windows(&self, windows: PoolWindows) -> Result<Box<dyn Pooled<T>>>;

    /// [`Reduction::boxes`]
    fn pool_boxes(&self, layout: BoxLayout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>>;

    /// Of all these pixels at once, so that a sum can be taken in halves: by rows, its error would grow with their number.
    fn of_all(&self, pixels: &[T]) -> T;
}

impl<T: Element, R: Reduction<T>> Erased<T> for R {
    fn check(&self) -> Result<()> {
        self.validate()
    }

    fn kernels(&self) -> Option<Operation> {
        self.operation()
    }

    fn is_merging(&self) -> bool {
        merges(self)
    }

    fn pool_windows(&self, windows: PoolWindows) -> Result<Box<dyn Pooled<T>>> {
        self.windows(windows)
    }

    fn pool_boxes(&self, layout: BoxLayout, sizes: Sizes) -> Result<Box<dyn Pooled<T>>> {
        self.boxes(layout, sizes)
    }

    fn of_all(&self, pixels: &[T]) -> T {
        self.finish(self.step_all(self.start(), pixels), pixels.len())
    }
}
