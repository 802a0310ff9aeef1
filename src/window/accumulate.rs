//! The whole walk by tap over a plane, in blocks of outputs whose accumulators stay in registers.
//!
//! ```text
//!     for each row of outputs
//!         for each block of it that all taps reach
//!             accumulators ← block
//!             for each row of pixels under it, for each tap
//!                 accumulators ← step(accumulators, block of pixels)     one vector loop of constant length
//!             block ← accumulators
//!         for the outputs left over, at the borders: tap by tap
//! ```

use std::ops::Range;

use super::taps::{InputRow, TapRun};
use super::{Geometry, Run, advance};
use crate::simd::{Level, vectorized};
use crate::tensor::collected;
use crate::{Error, Result};

/// The outputs of a long block: enough that a vector of any width hides the time that one step takes, and few enough that
/// they stay in registers, where 8-byte accumulators find room for half as many.
const LONG: usize = 32;
/// The outputs of a short block, for the end of a row.
const SHORT: usize = 8;

impl<const N: usize> Geometry<N> {
    /// Folds the pixels under each window, all windows in one walk by tap: an output starts as `start`, and `step` makes
    /// the next of it, of a pixel and of the pixel's tap (counted flat), in the order of the taps. Padding is left out.
    ///
    /// The loops are compiled for the best vector instructions that the CPU has, as far as `step` lets them. It must depend
    /// on its arguments alone: some outputs are computed twice, because that is cheaper than a loop for the end of a row.
    ///
    /// ```
    /// use featuremap::Window;
    ///
    /// let plane = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    /// let geometry = Window::new([2, 2]).geometry([3, 3])?;
    ///
    /// let mut sums = [0; 4];
    /// geometry.fold(&plane, &mut sums, 0, |sum, pixel, _| sum + pixel)?;
    /// assert_eq!(sums, [12, 16, 24, 28]);
    ///
    /// let (weights, mut edges) = ([1, -1, 1, -1], [0; 4]);
    /// geometry.fold(&plane, &mut edges, 0, |sum, pixel, tap| sum + weights[tap] * pixel)?;
    /// assert_eq!(edges, [-2; 4]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `plane` has not as many pixels, or `outputs` not as many outputs, as the geometry.
    #[inline]
    pub fn fold<A: Copy, T: Copy>(
        &self,
        plane: &[T],
        outputs: &mut [A],
        start: A,
        step: impl Fn(A, T, usize) -> A,
    ) -> Result<()> {
        self.walk(Level::new(), plane, outputs, Some(start), step)
    }

    /// As [`fold`](Self::fold), but every output starts as what it is: a sum over several planes, say.
    ///
    /// # Errors
    ///
    /// As [`fold`](Self::fold).
    #[inline]
    pub fn accumulate<A: Copy, T: Copy>(
        &self,
        plane: &[T],
        outputs: &mut [A],
        step: impl Fn(A, T, usize) -> A,
    ) -> Result<()> {
        self.walk(Level::new(), plane, outputs, None, step)
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "only what is inlined is compiled for the level at hand")]
    fn walk<A: Copy, T: Copy>(
        &self,
        level: Level,
        plane: &[T],
        outputs: &mut [A],
        start: Option<A>,
        step: impl Fn(A, T, usize) -> A,
    ) -> Result<()> {
        for (what, expected, found) in [
            ("the plane under a window", self.pixels(), plane.len()),
            ("the outputs of a window", self.outputs(), outputs.len()),
        ] {
            if expected != found {
                return Err(Error::Shape { what, expected: vec![expected], found: vec![found] });
            }
        }
        let walk = RowWalk::new(self, plane, &step)?;
        let (mut inputs, mut reads) = (Vec::new(), Vec::new());
        vectorized(
            level,
            #[inline(always)]
            || {
                let (mut row, rows) = ([0; N], self.output_size());
                for out in outputs.chunks_exact_mut(self.row_length()) {
                    inputs.clear();
                    inputs.extend(self.input_rows(row));
                    advance(&mut row, &rows, N - 1);
                    reads.clear();
                    reads.extend(inputs.iter().flat_map(|&input| walk.reads(input)));
                    walk.row(&inputs, &reads, out, start);
                }
            },
        );
        Ok(())
    }
}

/// What one tap reads under a row of outputs.
#[derive(Clone, Copy)]
struct Read {
    tap: usize,
    /// The place in the plane that output 0 would read, were it there: it may lie before the plane, and wraps.
    from: usize,
}

/// What all rows of outputs have in common.
struct RowWalk<'a, T, F> {
    plane: &'a [T],
    step: &'a F,
    /// The taps of the last axis, each with its run.
    taps: Vec<(usize, Run)>,
    /// The outputs of a row that all these taps reach.
    whole: Range<usize>,
    stride: usize,
}

#[allow(clippy::inline_always, reason = "only what is inlined is compiled for the level at hand")]
impl<'a, T: Copy, F> RowWalk<'a, T, F> {
    fn new<const N: usize>(geometry: &Geometry<N>, plane: &'a [T], step: &'a F) -> Result<Self> {
        let last = &geometry.axes[N - 1];
        let taps = collected(last.tap_runs())?;
        Ok(Self { plane, step, taps, whole: last.whole_windows(), stride: last.stride() })
    }

    /// What the taps read in a row of pixels.
    #[inline(always)]
    fn reads(&self, input: InputRow) -> impl Iterator<Item = Read> {
        self.taps.iter().map(move |(tap, run)| Read {
            tap: input.tap + tap,
            from: (input.start + run.input).wrapping_sub(run.range.start * self.stride),
        })
    }

    /// Walks one row of outputs.
    #[inline(always)]
    fn row<A: Copy>(&self, inputs: &[InputRow], reads: &[Read], out: &mut [A], start: Option<A>)
    where
        F: Fn(A, T, usize) -> A,
    {
        let mut done = self.whole.start..self.whole.start;
        // The taps of a 3×3 window, the commonest of all, are a loop of known length: it is unrolled, and its end is never
        // mispredicted.
        match (self.stride, <&[Read; 9]>::try_from(reads)) {
            (1, Ok(reads)) => self.row_of_blocks::<1, A>(reads, out, start, &mut done),
            (1, Err(_)) => self.row_of_blocks::<1, A>(reads, out, start, &mut done),
            (2, _) => self.row_of_blocks::<2, A>(reads, out, start, &mut done),
            _ => {}
        }
        self.left_over(inputs, out, start, &done);
    }

    /// Walks all outputs that all taps reach, in blocks that get shorter towards the end.
    #[inline(always)]
    fn row_of_blocks<const STRIDE: usize, A: Copy>(
        &self,
        reads: &[Read],
        out: &mut [A],
        start: Option<A>,
        done: &mut Range<usize>,
    ) where
        F: Fn(A, T, usize) -> A,
    {
        if size_of::<A>() <= 4 {
            self.blocks_to_the_end::<LONG, STRIDE, A>(reads, out, start, done);
        }
        self.blocks_to_the_end::<{ LONG / 2 }, STRIDE, A>(reads, out, start, done);
        self.blocks::<SHORT, STRIDE, A>(reads, out, start, done);
        self.blocks::<1, STRIDE, A>(reads, out, start, done);
    }

    /// Walks as many blocks as fit, and where every output starts anew, one more that ends with the row: the outputs that it
    /// shares with the block before come out the same again.
    #[inline(always)]
    fn blocks_to_the_end<const BLOCK: usize, const STRIDE: usize, A: Copy>(
        &self,
        reads: &[Read],
        out: &mut [A],
        start: Option<A>,
        done: &mut Range<usize>,
    ) where
        F: Fn(A, T, usize) -> A,
    {
        self.blocks::<BLOCK, STRIDE, A>(reads, out, start, done);
        if start.is_some() && done.end < self.whole.end && self.whole.len() >= BLOCK {
            done.end = self.whole.end - BLOCK;
            self.blocks::<BLOCK, STRIDE, A>(reads, out, start, done);
        }
    }

    /// Walks as many blocks as fit, from `done.end` on.
    #[inline(always)]
    fn blocks<const BLOCK: usize, const STRIDE: usize, A: Copy>(
        &self,
        reads: &[Read],
        out: &mut [A],
        start: Option<A>,
        done: &mut Range<usize>,
    ) where
        F: Fn(A, T, usize) -> A,
    {
        while done.end + BLOCK <= self.whole.end {
            let Some(block) = out[done.end..].first_chunk_mut::<BLOCK>() else { return };
            let mut accumulators = start.map_or(*block, |start| [start; BLOCK]);
            for read in reads {
                let from = read.from.wrapping_add(done.end * STRIDE);
                let pixels = &self.plane[from..=from + (BLOCK - 1) * STRIDE];
                for (index, accumulator) in accumulators.iter_mut().enumerate() {
                    *accumulator = (self.step)(*accumulator, pixels[index * STRIDE], read.tap);
                }
            }
            *block = accumulators;
            done.end += BLOCK;
        }
    }

    /// Walks the outputs before and after those that are done.
    #[inline(always)]
    fn left_over<A: Copy>(&self, inputs: &[InputRow], out: &mut [A], start: Option<A>, done: &Range<usize>)
    where
        F: Fn(A, T, usize) -> A,
    {
        for outputs in [0..done.start, done.end..out.len()] {
            if outputs.is_empty() {
                continue;
            }
            if let Some(start) = start {
                out[outputs.clone()].fill(start);
            }
            for input in inputs {
                for (tap, run) in &self.taps {
                    let TapRun { tap, run } = input.read(*tap, run.within(&outputs));
                    run.pair(out, self.plane, |accumulator, pixel| {
                        *accumulator = (self.step)(*accumulator, pixel, tap);
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
