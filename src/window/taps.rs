//! The window read by tap: runs of outputs, one row of outputs at a time.

use super::{Geometry, Run, advance, unravel};

/// One tap under a row of outputs: which outputs of the row it reaches, and the pixels they read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapRun {
    /// The tap, counted flat in row-major order: the place of its weight in a filter.
    pub tap: usize,
    /// Outputs within the row, and the pixels they read, counted flat in the plane.
    pub run: Run,
}

/// A row of pixels under a row of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InputRow {
    /// The first tap that reads this row, counted flat.
    pub(crate) tap: usize,
    /// The first pixel of the row, counted flat.
    pub(crate) start: usize,
}

impl InputRow {
    /// A run of the last axis, read in this row.
    #[inline]
    pub(crate) fn read(self, tap: usize, run: Run) -> TapRun {
        TapRun { tap: self.tap + tap, run: Run { input: self.start + run.input, ..run } }
    }
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

    /// Where the outer axes place a row of outputs, counted in row-major order.
    pub(crate) fn row_position(&self, row: usize) -> [usize; N] {
        let mut sizes = self.output_size();
        sizes[N - 1] = 1;
        unravel(row, sizes)
    }

    /// By tap ("shift"): the taps that reach a row of outputs, in row-major order, each with its run.
    ///
    /// `row` counts rows of outputs in row-major order. Outer axes are read by output (which of their taps
    /// lie inside the input for this row), the last axis by tap, so that each run is one straight loop. There are no taps
    /// under a row that does not exist.
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
    pub fn row_taps(&self, row: usize) -> impl Iterator<Item = TapRun> {
        let last = &self.axes[N - 1];
        // Else it would go through all rows of pixels, however many, and find nothing.
        let any = row < self.rows() && last.tap_runs().next().is_some();
        let inputs = any.then(|| self.input_rows(self.row_position(row)));
        inputs.into_iter().flatten().flat_map(|input| last.tap_runs().map(move |(tap, run)| input.read(tap, run)))
    }

    /// The rows of pixels under a row of outputs, in row-major order. `row` places the row by its outer axes.
    #[inline]
    pub(crate) fn input_rows(&self, row: [usize; N]) -> impl Iterator<Item = InputRow> {
        let runs: [Run; N] = std::array::from_fn(|axis| match axis {
            last if last == N - 1 => Run { range: 0..1, input: 0, step: 0 },
            outer => self.axes[outer].by_output(row[outer]),
        });
        let counts = runs.each_ref().map(|run| run.range.len());
        let mut at = [0; N];
        (0..counts.iter().product()).map(move |_| {
            let (mut tap, mut start) = (0, 0);
            for (axis, (run, at)) in self.axes.iter().zip(runs.iter().zip(at)) {
                tap = tap * axis.size() + run.range.start + at;
                start = start * axis.length() + run.input + at * run.step;
            }
            advance(&mut at, &counts, N);
            InputRow { tap, start }
        })
    }
}
