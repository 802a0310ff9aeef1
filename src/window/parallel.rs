//! Windows on all threads, as a parallel iterator of `rayon`.

use rayon::iter::plumbing::{Consumer, Producer, ProducerCallback, UnindexedConsumer, bridge};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use super::{WindowView, Windows};

/// Visits the windows on all threads, with the feature `rayon`; what is collected is in their order.
///
/// ```
/// use featuremap::Window;
/// use rayon::prelude::*;
///
/// let plane = ndarray::array![[1, 5, 2], [8, 3, 9], [4, 7, 6]];
/// let windows = Window::new([2, 2]).over(&plane)?.into_par_iter();
/// let largest: Vec<i32> = windows.map(|window| *window.iter().max().unwrap_or(&0)).collect();
/// assert_eq!(largest, [8, 9, 8, 9]);
/// # Ok::<(), featuremap::Error>(())
/// ```
impl<'a, T: Sync, const N: usize> IntoParallelIterator for Windows<'a, T, N> {
    type Item = WindowView<'a, T, N>;
    type Iter = ParallelWindows<'a, T, N>;

    fn into_par_iter(self) -> Self::Iter {
        ParallelWindows(self)
    }
}

/// [`Windows`] as an [`IndexedParallelIterator`].
#[derive(Debug, Clone)]
pub struct ParallelWindows<'a, T, const N: usize>(Windows<'a, T, N>);

impl<'a, T: Sync, const N: usize> ParallelIterator for ParallelWindows<'a, T, N> {
    type Item = WindowView<'a, T, N>;

    fn drive_unindexed<C: UnindexedConsumer<Self::Item>>(self, consumer: C) -> C::Result {
        bridge(self, consumer)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

impl<T: Sync, const N: usize> IndexedParallelIterator for ParallelWindows<'_, T, N> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn drive<C: Consumer<Self::Item>>(self, consumer: C) -> C::Result {
        bridge(self, consumer)
    }

    fn with_producer<B: ProducerCallback<Self::Item>>(self, callback: B) -> B::Output {
        callback.callback(self)
    }
}

impl<'a, T: Sync, const N: usize> Producer for ParallelWindows<'a, T, N> {
    type Item = WindowView<'a, T, N>;
    type IntoIter = Windows<'a, T, N>;

    fn into_iter(self) -> Self::IntoIter {
        self.0
    }

    fn split_at(self, index: usize) -> (Self, Self) {
        let (head, tail) = self.0.split_at(index);
        (Self(head), Self(tail))
    }
}
