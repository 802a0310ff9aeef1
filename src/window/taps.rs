//! The window read by tap: runs of outputs, one row of outputs at a time.

use super::axis::Run;
use super::{Geometry, unravel};

/// One tap under a row of outputs: which outputs of the row it reaches, and the pixels they read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapRun {
    /// The tap, counted flat in row-major order: the place of its weight in a filter.
    pub tap: usize,
    /// Outputs within the row, and the pixels they read, counted flat in the plane.
    pub run: Run,
}

impl<const N: usize> Geometry<N> {
    /// Number of rows of outputs: all axes but the last.
    pub fn rows(&self) -> usize {
        self.axes[..N - 1].iter().map(super::Axis::outputs).product()
    }

    /// Length of a row of outputs: the last axis.
    pub fn row_length(&self) -> usize {
        self.axes[N - 1].outputs()
    }

    /// By tap ("shift"): the taps that reach a row of outputs, in row-major order, each with its run.
    ///
    /// `row` counts rows of outputs in row-major order. Outer axes are read by output (which of their taps
    /// lie inside the input for this row), the last axis by tap, so that each run is one straight loop.
    ///
    /// ```
    /// use featuremap::Window;
    ///
    /// // Sums of 2×2 windows: each tap adds a shifted row of the input to the row of outputs.
    /// let plane = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    /// let geometry = Window::new([2, 2]).geometry([3, 3])?;
    /// let mut sums = vec![0; geometry.outputs()];
    /// for (row, out) in sums.chunks_mut(geometry.row_length()).enumerate() {
    ///     for tap in geometry.row_taps(row) {
    ///         tap.run.pair(out, &plane, |sum, pixel| *sum += pixel);
    ///     }
    /// }
    /// assert_eq!(sums, [12, 16, 24, 28]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    #[inline]
    pub fn row_taps(&self, row: usize) -> RowTaps<'_, N> {
        let outer: [Run; N] = {
            let mut sizes = self.output_size();
            sizes[N - 1] = 1;
            let position = unravel(row, sizes);
            std::array::from_fn(|axis| match axis {
                last if last == N - 1 => Run { range: 0..self.axes[last].size(), input: 0, step: 0 },
                outer => self.axes[outer].by_output(position[outer]),
            })
        };
        let left = outer.iter().map(|run| run.range.len()).product();
        RowTaps { geometry: self, outer, tap: [0; N], left }
    }
}

/// The taps that reach one row of outputs; made by [`Geometry::row_taps`].
#[derive(Debug, Clone)]
pub struct RowTaps<'g, const N: usize> {
    geometry: &'g Geometry<N>,
    /// For each outer axis, the taps on pixels under this row; for the last, all of its taps.
    outer: [Run; N],
    /// The next tap, counted from the start of each range.
    tap: [usize; N],
    left: usize,
}

impl<const N: usize> Iterator for RowTaps<'_, N> {
    type Item = TapRun;

    #[inline]
    fn next(&mut self) -> Option<TapRun> {
        self.left = self.left.checked_sub(1)?;
        let axes = self.geometry.axes();
        let (mut tap, mut input) = (0, 0);
        for (axis, (outer, &at)) in axes.iter().zip(self.outer.iter().zip(&self.tap)) {
            tap = tap * axis.size() + outer.range.start + at;
            input = input * axis.length() + outer.input + at * outer.step;
        }
        let mut run = axes[N - 1].by_tap(self.tap[N - 1]);
        run.input += input;

        for axis in (0..N).rev() {
            self.tap[axis] += 1;
            if self.tap[axis] < self.outer[axis].range.len() {
                break;
            }
            self.tap[axis] = 0;
        }
        Some(TapRun { tap, run })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<const N: usize> ExactSizeIterator for RowTaps<'_, N> {}

impl Run {
    /// Calls `f` with each member of the run and its pixel: `members` is all that the range counts in (a
    /// row of outputs), `plane` all that the pixels are counted in.
    ///
    /// Steps of 1 and 2 are loops that a compiler turns into vector instructions.
    ///
    /// # Panics
    ///
    /// If the range reaches beyond `members`, or its pixels beyond `plane`.
    #[inline]
    pub fn pair<A, T: Copy>(&self, members: &mut [A], plane: &[T], mut f: impl FnMut(&mut A, T)) {
        let members = &mut members[self.range.clone()];
        let pixels = &plane[self.input..];
        match self.step {
            1 => {
                let pixels = &pixels[..members.len()];
                members.iter_mut().zip(pixels).for_each(|(member, &pixel)| f(member, pixel));
            }
            2 => {
                // The last pixel has no right neighbour to be loaded with it.
                let Some((last, members)) = members.split_last_mut() else { return };
                let (pairs, _) = pixels[..=2 * members.len()].as_chunks::<2>();
                members.iter_mut().zip(pairs).for_each(|(member, pair)| f(member, pair[0]));
                f(last, pixels[2 * members.len()]);
            }
            step => {
                assert!(members.len().saturating_sub(1) * step < pixels.len() || members.is_empty());
                let pixels = pixels.iter().step_by(step);
                members.iter_mut().zip(pixels).for_each(|(member, &pixel)| f(member, pixel));
            }
        }
    }

    /// The pixels of the run as one slice: borrowed from the plane where they are neighbours, else
    /// collected in `scratch`.
    ///
    /// # Panics
    ///
    /// If the pixels reach beyond `plane`.
    #[inline]
    pub fn pixels<'a, T: Copy + Default>(&self, plane: &'a [T], scratch: &'a mut Vec<T>) -> &'a [T] {
        let count = self.range.len();
        if self.step == 1 {
            return &plane[self.input..][..count];
        }
        scratch.resize(count.max(scratch.len()), T::default());
        Self { range: 0..count, ..*self }.pair(scratch, plane, |place, pixel| *place = pixel);
        &scratch[..count]
    }
}
