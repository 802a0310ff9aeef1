//! The window read by output: an iterator over windows, and what lies under each.

use std::iter::FusedIterator;
use std::sync::Arc;

use super::{Axis, Geometry, unravel};
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
    /// Where `next` lies, and what lies under it on all axes but the last.
    position: [usize; N],
    spans: [Span; N],
}

/// The pixels of a plane: one slice where memory allows, else whatever strides the view has. Sharing the view keeps a
/// window small.
#[derive(Debug)]
enum Plane<'a, T> {
    Dense(&'a [T]),
    Strided(Arc<TensorView<'a, T>>),
}

impl<T> Clone for Plane<'_, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Dense(pixels) => Self::Dense(pixels),
            Self::Strided(view) => Self::Strided(Arc::clone(view)),
        }
    }
}

/// The taps of one output that lie on pixels, on one axis.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    first_tap: usize,
    count: usize,
    input: usize,
}

impl Span {
    #[inline]
    fn of(axis: &Axis, output: usize) -> Self {
        let run = axis.by_output(output);
        Self { first_tap: run.range.start, count: run.range.len(), input: run.input }
    }
}

impl<'a, T, const N: usize> Windows<'a, T, N> {
    /// `plane` must have the input size of `geometry`.
    pub(super) fn new(plane: TensorView<'a, T>, geometry: Geometry<N>) -> Self {
        let plane = match plane.to_slice() {
            Some(pixels) => Plane::Dense(pixels),
            None => Plane::Strided(Arc::new(plane)),
        };
        Self::starting_at(plane, geometry, 0, geometry.outputs())
    }

    fn starting_at(plane: Plane<'a, T>, geometry: Geometry<N>, next: usize, end: usize) -> Self {
        let mut windows = Self { plane, geometry, next, end, position: [0; N], spans: [Span::default(); N] };
        windows.seek(next);
        windows
    }

    /// Moves the front to an output.
    fn seek(&mut self, next: usize) {
        self.next = next;
        self.position = unravel(next, self.geometry.output_size());
        self.spans = self.spans_at(self.position);
    }

    fn spans_at(&self, position: [usize; N]) -> [Span; N] {
        std::array::from_fn(|axis| Span::of(&self.geometry.axes[axis], position[axis]))
    }

    /// Moves the front to the next output: one step along the last axis, or to the start of a new row.
    #[inline]
    fn advance(&mut self) {
        self.next += 1;
        let last = N - 1;
        self.position[last] += 1;
        if self.position[last] == self.geometry.axes[last].outputs() {
            self.seek(self.next);
        } else {
            self.spans[last] = Span::of(&self.geometry.axes[last], self.position[last]);
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
        let tail = Self::starting_at(self.plane.clone(), self.geometry, middle, self.end);
        (Self { end: middle, ..self }, tail)
    }
}

impl<T, const N: usize> Clone for Windows<'_, T, N> {
    fn clone(&self) -> Self {
        Self { plane: self.plane.clone(), ..*self }
    }
}

impl<'a, T, const N: usize> Iterator for Windows<'a, T, N> {
    type Item = WindowView<'a, T, N>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        let window = WindowView {
            plane: self.plane.clone(),
            geometry: self.geometry,
            position: self.position,
            spans: self.spans,
        };
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
        Some(WindowView { plane: self.plane.clone(), geometry: self.geometry, position, spans })
    }

    fn nth_back(&mut self, n: usize) -> Option<Self::Item> {
        self.end -= n.min(self.len());
        self.next_back()
    }
}

impl<T, const N: usize> ExactSizeIterator for Windows<'_, T, N> {}
impl<T, const N: usize> FusedIterator for Windows<'_, T, N> {}

/// One window, and the pixels under it.
#[derive(Debug)]
pub struct WindowView<'a, T, const N: usize> {
    plane: Plane<'a, T>,
    geometry: Geometry<N>,
    position: [usize; N],
    spans: [Span; N],
}

impl<T, const N: usize> Clone for WindowView<'_, T, N> {
    fn clone(&self) -> Self {
        Self { plane: self.plane.clone(), ..*self }
    }
}

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
    #[inline]
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
    #[inline]
    pub fn iter(&self) -> Pixels<'a, T, N> {
        Pixels { left: self.len(), window: self.clone(), next: 0, at: [0; N] }
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
        let window = self.clone();
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
        Taps { next: 0, end: self.geometry.taps(), window: self.clone() }
    }

    /// The pixel under a tap, or `None` for padding and for taps that the window does not have.
    pub fn get(&self, tap: [usize; N]) -> Option<&'a T> {
        let mut at = [0; N];
        for axis in 0..N {
            let Span { first_tap, count, .. } = self.spans[axis];
            at[axis] = tap[axis].checked_sub(first_tap).filter(|&at| at < count)?;
        }
        Some(self.pixel(self.input_of(at)))
    }

    /// How many taps lie on pixels, on each axis.
    #[inline]
    fn counts(&self) -> [usize; N] {
        self.spans.map(|span| span.count)
    }

    /// The place in the input of an existing pixel, given by its place among the existing ones.
    #[inline]
    fn input_of(&self, at: [usize; N]) -> [usize; N] {
        std::array::from_fn(|axis| self.spans[axis].input + at[axis] * self.geometry.axes[axis].dilation())
    }

    #[inline]
    fn flat(&self, input: [usize; N]) -> usize {
        input.iter().zip(&self.geometry.axes).fold(0, |flat, (&at, axis)| flat * axis.length() + at)
    }

    #[inline]
    fn pixel(&self, input: [usize; N]) -> &'a T {
        match &self.plane {
            Plane::Dense(pixels) => &pixels[self.flat(input)],
            Plane::Strided(view) => view.pixel(&input),
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
#[derive(Debug, Clone)]
pub struct Pixels<'a, T, const N: usize> {
    window: WindowView<'a, T, N>,
    /// The next pixel, counted flat and by axis among those that exist.
    next: usize,
    at: [usize; N],
    left: usize,
}

impl<'a, T, const N: usize> Iterator for Pixels<'a, T, N> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        self.left = self.left.checked_sub(1)?;
        let pixel = self.window.pixel(self.window.input_of(self.at));
        self.next += 1;
        step(&mut self.at, &self.window.counts(), N);
        Some(pixel)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    /// Row by row: what `sum`, `max` and `for_each` come to.
    #[inline]
    fn fold<B, F: FnMut(B, &'a T) -> B>(mut self, init: B, mut f: F) -> B {
        let mut folded = init;
        if let Plane::Dense(pixels) = self.window.plane {
            let last = N - 1;
            let dilation = self.window.geometry.axes[last].dilation();
            while self.left > 0 {
                let row = &pixels[self.window.flat(self.window.input_of(self.at))..];
                let count = (self.window.spans[last].count - self.at[last]).min(self.left);
                folded = if dilation == 1 {
                    row[..count].iter().fold(folded, &mut f)
                } else {
                    row.iter().step_by(dilation).take(count).fold(folded, &mut f)
                };
                self.left -= count;
                self.at[last] = 0;
                step(&mut self.at, &self.window.counts(), last);
            }
            return folded;
        }
        for pixel in self {
            folded = f(folded, pixel);
        }
        folded
    }
}

/// The next place of an odometer that counts `sizes` on its first `axes` axes.
#[inline]
fn step<const N: usize>(at: &mut [usize; N], sizes: &[usize; N], axes: usize) {
    for axis in (0..axes).rev() {
        at[axis] += 1;
        if at[axis] < sizes[axis] {
            return;
        }
        at[axis] = 0;
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
#[derive(Debug, Clone)]
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
