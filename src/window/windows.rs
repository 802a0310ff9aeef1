//! The window read by output: an iterator over windows.
//!
//! The types here and in `under` are plain data without a destructor, and all that a loop over windows calls is inlined into
//! it: only then are the few numbers of a window that the loop needs kept in registers, and the others never made.

#![allow(clippy::inline_always, reason = "measured: without it a loop over windows takes up to five times as long")]

use std::iter::FusedIterator;
use std::ops::Range;

use super::under::{Plane, TapSpan, WindowView};
use super::{Geometry, unravel};
use crate::tensor::TensorView;

/// The windows over a plane, one for each output, in row-major order; made by
/// [`Window::over`](super::Window::over).
///
/// The iterator knows its exact length, runs from both ends, skips in constant time and
/// [splits](Self::split_at) anywhere, so that it can be shared out among threads.
///
/// ```
/// use featuremap::Window;
///
/// // The median of each 3×3 neighbourhood; at the border, of the pixels that exist.
/// let noisy = ndarray::array![[1, 1, 1], [1, 9, 1], [1, 1, 1]];
/// let medians: Vec<i32> = Window::new([3, 3])
///     .padding(1)
///     .over(&noisy)?
///     .map(|window| {
///         let mut pixels: Vec<i32> = window.iter().copied().collect();
///         pixels.sort_unstable();
///         pixels[pixels.len() / 2]
///     })
///     .collect();
/// assert_eq!(medians, [1; 9]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug)]
pub struct Windows<'a, T, const N: usize> {
    plane: Plane<'a, T>,
    geometry: Geometry<N>,
    /// The outputs still to come, counted flat.
    next: usize,
    end: usize,
    /// Where `next` lies, and what lies under it.
    position: [usize; N],
    spans: [TapSpan; N],
    /// Outputs of the last axis from one to the next of which only the pixels move.
    whole: Range<usize>,
}

impl<'a, T, const N: usize> Windows<'a, T, N> {
    /// `plane` must have the input size of `geometry`.
    pub(super) fn new(plane: &TensorView<'a, T>, geometry: Geometry<N>) -> Self {
        let plane = match plane.to_slice() {
            Some(pixels) => Plane::Dense(pixels),
            None => Plane::Strided(plane.at_rank_six()),
        };
        Self::starting_at(plane, geometry, 0, geometry.outputs())
    }

    fn starting_at(plane: Plane<'a, T>, geometry: Geometry<N>, next: usize, end: usize) -> Self {
        // The first whole window follows one that may be cut off, so it is not just moved on.
        let Range { start, end: whole_end } = geometry.axes[N - 1].whole_windows();
        let whole = start + 1..whole_end;
        let mut windows = Self { plane, geometry, next, end, position: [0; N], spans: [TapSpan::default(); N], whole };
        windows.seek(next);
        windows
    }

    /// Moves the front to an output.
    #[inline(always)]
    fn seek(&mut self, next: usize) {
        self.next = next;
        self.position = unravel(next, self.geometry.output_size());
        self.spans = self.spans_at(self.position);
    }

    #[inline(always)]
    fn spans_at(&self, position: [usize; N]) -> [TapSpan; N] {
        std::array::from_fn(|axis| TapSpan::of(&self.geometry.axes[axis], position[axis]))
    }

    /// Moves the front to the next output: one step along the last axis, or to the start of a new row.
    #[inline(always)]
    fn advance(&mut self) {
        self.next += 1;
        let last = N - 1;
        self.position[last] += 1;
        if self.position[last] == self.geometry.axes[last].outputs() {
            self.seek(self.next);
        } else if self.whole.contains(&self.position[last]) {
            self.spans[last].input += self.geometry.axes[last].stride();
        } else {
            self.spans[last] = TapSpan::of(&self.geometry.axes[last], self.position[last]);
        }
    }

    /// The geometry that the windows follow.
    pub fn geometry(&self) -> &Geometry<N> {
        &self.geometry
    }

    /// Divides the windows still to come into the first `index` of them and the rest; everything goes to the
    /// first part if there are no more than `index`.
    ///
    /// ```
    /// use featuremap::Window;
    ///
    /// let signal = ndarray::array![1, 2, 3, 4, 5];
    /// let (head, tail) = Window::new([2]).over(&signal)?.split_at(1);
    /// assert_eq!(head.map(|pair| pair.iter().sum::<i32>()).collect::<Vec<_>>(), [3]);
    /// assert_eq!(tail.map(|pair| pair.iter().sum::<i32>()).collect::<Vec<_>>(), [5, 7, 9]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    #[must_use = "both parts are returned"]
    pub fn split_at(self, index: usize) -> (Self, Self) {
        let middle = self.next + index.min(self.len());
        let tail = Self::starting_at(self.plane, self.geometry, middle, self.end);
        (Self { end: middle, ..self }, tail)
    }
}

impl<T, const N: usize> Clone for Windows<'_, T, N> {
    fn clone(&self) -> Self {
        Self { whole: self.whole.clone(), ..*self }
    }
}

impl<'a, T, const N: usize> Iterator for Windows<'a, T, N> {
    type Item = WindowView<'a, T, N>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        let window =
            WindowView { plane: self.plane, geometry: self.geometry, position: self.position, spans: self.spans };
        self.advance();
        Some(window)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.seek(self.next + n.min(self.len()));
        self.next()
    }
}

impl<T, const N: usize> DoubleEndedIterator for Windows<'_, T, N> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        self.end -= 1;
        let position = unravel(self.end, self.geometry.output_size());
        let spans = self.spans_at(position);
        Some(WindowView { plane: self.plane, geometry: self.geometry, position, spans })
    }

    fn nth_back(&mut self, n: usize) -> Option<Self::Item> {
        self.end -= n.min(self.len());
        self.next_back()
    }
}

impl<T, const N: usize> ExactSizeIterator for Windows<'_, T, N> {}
impl<T, const N: usize> FusedIterator for Windows<'_, T, N> {}
