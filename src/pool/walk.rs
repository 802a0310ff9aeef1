//! Pooling by any reduction: block after block of outputs, whose accumulators stay in cache while all taps are stepped over.
//!
//! ```text
//!     for each row of outputs, for each block of it
//!         accumulators ← start
//!         for each row of pixels under it, for each tap
//!             step_run(accumulators, block of pixels)
//!         outputs ← finish(accumulators)
//! ```

use std::ops::Range;
use std::sync::Arc;

use super::Reduction;
use super::counts::count;
use super::planes::{Cells, Compute, Input, OF_TAPS};
use super::problem::PoolProblem;
use crate::simd::{Level, vectorized_narrow};
use crate::tensor::collected;
use crate::window::{Geometry, Run};
use crate::{Element, Result};

/// Outputs of a block: enough for the steps to be long loops, and few enough that accumulators need no memory but the stack's.
pub(super) const BLOCK: usize = 128;

/// The windows of a layer, by tap, and a reduction of any kind. `OWN` says that it may be a user's own: all is then compiled for wider
/// vectors, too. A reduction of this crate has its kernels for that, and comes here where a level has none, or windows are out of all
/// proportion.
#[derive(Debug, Clone)]
pub(super) struct Walk<R, const OWN: bool> {
    reduction: R,
    steps: Arc<WalkSteps>,
    level: Level,
}

/// What is the same for all reductions.
#[derive(Debug)]
struct WalkSteps {
    taps: RowTaps<3>,
    /// How many pixels each window counts on the last axis.
    counts: Vec<usize>,
    include_pad: bool,
}

impl WalkSteps {
    fn new(problem: &PoolProblem, include_pad: bool) -> Result<Self> {
        let last = &problem.axes[2];
        let counts = collected((0..last.outputs()).map(|output| count(last, output, include_pad)))?;
        Ok(Self { taps: RowTaps::new(Geometry::new(problem.axes)?)?, counts, include_pad })
    }
}

/// The taps of the last axis.
#[derive(Debug)]
pub(super) struct RowTaps<const N: usize> {
    pub(super) geometry: Geometry<N>,
    taps: Vec<(usize, Run)>,
}

impl<const N: usize> RowTaps<N> {
    pub(super) fn new(geometry: Geometry<N>) -> Result<Self> {
        let last = &geometry.axes()[N - 1];
        Ok(Self { taps: collected(last.tap_runs())?, geometry })
    }

    /// Calls `step` with what each tap reads under some outputs of a row: the outputs, counted from the first of them, the first
    /// pixel, and the distance from one pixel to the next.
    #[inline(always)]
    pub(super) fn each(&self, row: usize, block: &Range<usize>, mut step: impl FnMut(Range<usize>, usize, usize)) {
        for input in self.geometry.input_rows(self.geometry.row_position(row)) {
            for (_, run) in &self.taps {
                let run = run.within(block);
                if !run.range.is_empty() {
                    let outputs = run.range.start - block.start..run.range.end - block.start;
                    step(outputs, input.start + run.input, run.step);
                }
            }
        }
    }

    /// [`each`](Self::each), compiled once for all reductions of this crate.
    #[inline(never)]
    fn each_of(&self, row: usize, block: &Range<usize>, step: &mut dyn FnMut(Range<usize>, usize, usize)) {
        self.each(row, block, step);
    }

    /// The blocks of a row.
    #[inline(always)]
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let length = self.geometry.row_length();
        (0..length).step_by(BLOCK).map(move |at| at..length.min(at + BLOCK))
    }
}

/// [`neighbours`], compiled once for all reductions of this crate.
#[inline(never)]
fn neighbours_of<'a, T: Copy>(
    plane: &'a [T],
    (from, step, count): (usize, usize, usize),
    block: &'a mut [T; BLOCK],
) -> &'a [T] {
    neighbours(plane, from, step, count, block)
}

/// The pixels of a run as neighbours, at most a block of them.
#[inline(always)]
pub(super) fn neighbours<'a, T: Copy>(
    plane: &'a [T],
    from: usize,
    step: usize,
    count: usize,
    block: &'a mut [T; BLOCK],
) -> &'a [T] {
    match step {
        1 => &plane[from..from + count],
        2 => {
            // The last pixel has no right neighbour to be loaded with it.
            let (pairs, last) = plane[from..=from + 2 * (count - 1)].as_chunks::<2>();
            block.iter_mut().zip(pairs).for_each(|(place, pair)| *place = pair[0]);
            block[count - 1] = last[0];
            &block[..count]
        }
        _ => {
            let pixels = plane[from..].iter().step_by(step);
            block[..count].iter_mut().zip(pixels).for_each(|(place, &pixel)| *place = pixel);
            &block[..count]
        }
    }
}

impl<R, const OWN: bool> Walk<R, OWN> {
    pub(super) fn new<T>(reduction: R, problem: &PoolProblem, level: Level) -> Result<Self>
    where
        R: Reduction<T>,
    {
        let steps = Arc::new(WalkSteps::new(problem, reduction.count_include_pad())?);
        Ok(Self { reduction, steps, level })
    }

    #[inline(always)]
    fn rows<T: Element>(&self, pixels: &[T], first: usize, output: &mut [T])
    where
        R: Reduction<T>,
    {
        let geometry = &self.steps.taps.geometry;
        let (rows, plane) = (geometry.rows(), geometry.pixels());
        for (number, out) in output.chunks_exact_mut(geometry.row_length()).enumerate() {
            let unit = first + number;
            self.row(&pixels[unit / rows * plane..][..plane], unit % rows, out);
        }
    }

    #[inline(always)]
    fn row<T: Element>(&self, plane: &[T], row: usize, out: &mut [T])
    where
        R: Reduction<T>,
    {
        let reduction = &self.reduction;
        let WalkSteps { taps, counts, include_pad } = &*self.steps;
        let geometry = &taps.geometry;
        let outer = geometry.axes()[..2].iter().zip(geometry.row_position(row));
        let of_row: usize = outer.map(|(axis, output)| count(axis, output, *include_pad)).product();
        let mut pixels = [T::ZERO; BLOCK];
        for block in taps.blocks() {
            let mut accumulators = [reduction.start(); BLOCK];
            if OWN {
                taps.each(
                    row,
                    &block,
                    #[inline(always)]
                    |outputs, from, step| {
                        let pixels = neighbours(plane, from, step, outputs.len(), &mut pixels);
                        reduction.step_run(&mut accumulators[outputs], pixels);
                    },
                );
            } else {
                taps.each_of(row, &block, &mut |outputs, from, step| {
                    let pixels = neighbours_of(plane, (from, step, outputs.len()), &mut pixels);
                    reduction.step_run(&mut accumulators[outputs], pixels);
                });
            }
            let out = out[block.clone()].iter_mut().zip(&counts[block]);
            for ((out, &count), &accumulator) in out.zip(&accumulators) {
                *out = reduction.finish(accumulator, of_row * count);
            }
        }
    }
}

impl<T: Element, R: Reduction<T>, const OWN: bool> Compute<T> for Walk<R, OWN> {
    fn compute(&self, Input { pixels, first, .. }: Input<'_, T>, output: &mut [T], _: &mut Cells, _: &mut [T]) {
        if OWN {
            vectorized_narrow(
                self.level,
                #[inline(always)]
                || self.rows(pixels, first, output),
            );
        } else {
            self.rows(pixels, first, output);
        }
    }

    fn algorithm(&self) -> &'static str {
        "taps"
    }

    fn weight(&self) -> usize {
        OF_TAPS
    }
}
