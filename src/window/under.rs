//! What lies under one window: its pixels, and its taps.

#![allow(clippy::inline_always, reason = "measured: without it a loop over windows takes up to five times as long")]

use std::iter::FusedIterator;

use ndarray::{ArrayView6, IndexLonger};

use super::{Axis, Geometry, advance, unravel};

/// The pixels of a plane: one slice where memory allows, else whatever strides the view has.
#[derive(Debug)]
pub(super) enum Plane<'a, T> {
    Dense(&'a [T]),
    Strided(ArrayView6<'a, T>),
}

impl<T> Clone for Plane<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Plane<'_, T> {}

/// The taps of one output that lie on pixels, on one axis.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TapSpan {
    pub(super) first_tap: usize,
    pub(super) count: usize,
    pub(super) input: usize,
}

impl TapSpan {
    #[inline(always)]
    pub(super) fn of(axis: &Axis, output: usize) -> Self {
        let run = axis.by_output(output);
        Self { first_tap: run.range.start, count: run.range.len(), input: run.input }
    }
}

/// One window, and the pixels under it.
#[derive(Debug)]
pub struct WindowView<'a, T, const N: usize> {
    pub(super) plane: Plane<'a, T>,
    pub(super) geometry: Geometry<N>,
    pub(super) position: [usize; N],
    pub(super) spans: [TapSpan; N],
}

impl<T, const N: usize> Clone for WindowView<'_, T, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, const N: usize> Copy for WindowView<'_, T, N> {}

impl<'a, T, const N: usize> WindowView<'a, T, N> {
    /// Which output this window belongs to.
    pub fn position(&self) -> [usize; N] {
        self.position
    }

    /// Where the first tap lies in the input; negative in the padding before it.
    pub fn start(&self) -> [isize; N] {
        std::array::from_fn(|axis| self.geometry.axes[axis].position(self.position[axis], 0))
    }

    /// How many of its taps lie on pixels.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.counts().iter().product()
    }

    /// How many of its taps lie on pixels or on padding: all of them, but for a last window that
    /// `ceil_mode` lets reach beyond the padding.
    pub fn len_with_padding(&self) -> usize {
        self.geometry.axes.iter().zip(self.position).map(|(axis, output)| axis.taps_within_padding(output)).product()
    }

    /// Whether the window lies on padding alone.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pixels that exist under the window, in row-major order.
    #[inline(always)]
    pub fn iter(&self) -> Pixels<'a, T, N> {
        Pixels { left: self.len(), window: *self, next: 0, at: [0; N] }
    }

    /// The pixels that exist, each with its place in the input.
    ///
    /// ```
    /// use featuremap::Window;
    ///
    /// let plane = ndarray::array![[1, 2], [3, 4]];
    /// let corner = Window::new([2, 2]).padding(1).over(&plane)?.last().expect("there are windows");
    /// assert_eq!(corner.indexed().collect::<Vec<_>>(), [([1, 1], &4)]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn indexed(&self) -> impl DoubleEndedIterator<Item = ([usize; N], &'a T)> + ExactSizeIterator + use<'a, T, N> {
        let window = *self;
        (0..self.len()).map(move |flat| {
            let input = window.input_of(unravel(flat, window.counts()));
            (input, window.pixel(input))
        })
    }

    /// All taps of the window in row-major order: the pixel under each, or `None` for padding.
    ///
    /// ```
    /// use featuremap::Window;
    ///
    /// let plane = ndarray::array![[1, 2], [3, 4]];
    /// let first = Window::new([2, 2]).padding(1).over(&plane)?.next().expect("there are windows");
    /// assert_eq!(first.taps().collect::<Vec<_>>(), [None, None, None, Some(&1)]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn taps(&self) -> Taps<'a, T, N> {
        Taps { next: 0, end: self.geometry.taps(), window: *self }
    }

    /// The pixel under a tap, or `None` for padding and for taps that the window does not have.
    pub fn get(&self, tap: [usize; N]) -> Option<&'a T> {
        let mut at = [0; N];
        for axis in 0..N {
            let TapSpan { first_tap, count, .. } = self.spans[axis];
            at[axis] = tap[axis].checked_sub(first_tap).filter(|&at| at < count)?;
        }
        Some(self.pixel(self.input_of(at)))
    }

    /// How many taps lie on pixels, on each axis.
    #[inline(always)]
    fn counts(&self) -> [usize; N] {
        self.spans.map(|span| span.count)
    }

    /// The place in the input of an existing pixel, given by its place among the existing ones.
    #[inline(always)]
    fn input_of(&self, at: [usize; N]) -> [usize; N] {
        std::array::from_fn(|axis| self.spans[axis].input + at[axis] * self.geometry.axes[axis].dilation())
    }

    #[inline(always)]
    fn flat(&self, input: [usize; N]) -> usize {
        input.iter().zip(&self.geometry.axes).fold(0, |flat, (&at, axis)| flat * axis.length() + at)
    }

    #[inline(always)]
    fn pixel(&self, input: [usize; N]) -> &'a T {
        match &self.plane {
            Plane::Dense(pixels) => &pixels[self.flat(input)],
            Plane::Strided(view) => {
                let mut index = [0; 6];
                index[6 - N..].copy_from_slice(&input);
                IndexLonger::index(view, index)
            }
        }
    }
}

impl<'a, T, const N: usize> IntoIterator for &WindowView<'a, T, N> {
    type Item = &'a T;
    type IntoIter = Pixels<'a, T, N>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The pixels that exist under a window; made by [`WindowView::iter`].
#[derive(Debug)]
pub struct Pixels<'a, T, const N: usize> {
    window: WindowView<'a, T, N>,
    /// The next pixel, counted flat and by axis among those that exist.
    next: usize,
    at: [usize; N],
    left: usize,
}

impl<T, const N: usize> Clone for Pixels<'_, T, N> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<'a, T, const N: usize> Iterator for Pixels<'a, T, N> {
    type Item = &'a T;

    #[inline(always)]
    fn next(&mut self) -> Option<&'a T> {
        self.left = self.left.checked_sub(1)?;
        let pixel = self.window.pixel(self.window.input_of(self.at));
        self.next += 1;
        advance(&mut self.at, &self.window.counts(), N);
        Some(pixel)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    /// Row by row: what `sum`, `max` and `for_each` come to.
    #[inline(always)]
    fn fold<B, F: FnMut(B, &'a T) -> B>(self, init: B, mut f: F) -> B {
        let Self { window, next: 0, .. } = self else { return self.fold_rest(init, f) };
        let Plane::Dense(pixels) = window.plane else { return self.fold_rest(init, f) };
        if self.left < window.len() {
            return self.fold_rest(init, f);
        }
        // The last two axes are plain loops; an odometer counts the others, which most windows do not have.
        let (axes, counts) = (&window.geometry.axes, window.counts());
        let (columns, next_column) = (counts[N - 1], axes[N - 1].dilation());
        let (rows, next_row) = match N.checked_sub(2) {
            // From the only row it leads nowhere, and may be any number.
            Some(outer) => (counts[outer], axes[outer].dilation().wrapping_mul(axes[N - 1].length())),
            None => (1, 0),
        };
        let mut slabs = counts;
        slabs[N.saturating_sub(2)..].fill(1);
        let (mut folded, mut at) = (init, [0; N]);
        for _ in 0..slabs.iter().product() {
            let mut row = window.flat(window.input_of(at));
            for _ in 0..rows {
                folded = match (next_column, &pixels[row..]) {
                    // The commonest rows are so short that a loop would cost more than what is in it.
                    (1, [left, middle, right, ..]) if columns == 3 => {
                        let folded = f(folded, left);
                        let folded = f(folded, middle);
                        f(folded, right)
                    }
                    (1, [left, right, ..]) if columns == 2 => {
                        let folded = f(folded, left);
                        f(folded, right)
                    }
                    (1, pixels) => pixels[..columns].iter().fold(folded, &mut f),
                    (_, pixels) => pixels.iter().step_by(next_column).take(columns).fold(folded, &mut f),
                };
                row = row.wrapping_add(next_row);
            }
            advance(&mut at, &slabs, N.saturating_sub(2));
        }
        folded
    }
}

impl<'a, T, const N: usize> Pixels<'a, T, N> {
    /// The fold of an iterator that has given pixels away already, or of a plane with strides: pixel by pixel.
    #[inline(always)]
    fn fold_rest<B>(self, init: B, mut f: impl FnMut(B, &'a T) -> B) -> B {
        let mut folded = init;
        for pixel in self {
            folded = f(folded, pixel);
        }
        folded
    }
}

impl<T, const N: usize> DoubleEndedIterator for Pixels<'_, T, N> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let at = unravel(self.next + self.left, self.window.counts());
        Some(self.window.pixel(self.window.input_of(at)))
    }
}

impl<T, const N: usize> ExactSizeIterator for Pixels<'_, T, N> {}
impl<T, const N: usize> FusedIterator for Pixels<'_, T, N> {}

/// All taps of a window, with the pixel under each; made by [`WindowView::taps`].
#[derive(Debug)]
pub struct Taps<'a, T, const N: usize> {
    window: WindowView<'a, T, N>,
    next: usize,
    end: usize,
}

impl<'a, T, const N: usize> Taps<'a, T, N> {
    fn tap(&self, flat: usize) -> Option<&'a T> {
        self.window.get(unravel(flat, self.window.geometry.axes.map(|axis| axis.size())))
    }
}

impl<T, const N: usize> Clone for Taps<'_, T, N> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<'a, T, const N: usize> Iterator for Taps<'a, T, N> {
    type Item = Option<&'a T>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.end).then(|| {
            self.next += 1;
            self.tap(self.next - 1)
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

impl<T, const N: usize> DoubleEndedIterator for Taps<'_, T, N> {
    fn next_back(&mut self) -> Option<Self::Item> {
        (self.next < self.end).then(|| {
            self.end -= 1;
            self.tap(self.end)
        })
    }
}

impl<T, const N: usize> ExactSizeIterator for Taps<'_, T, N> {}
impl<T, const N: usize> FusedIterator for Taps<'_, T, N> {}
