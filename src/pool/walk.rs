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
use super::boxed::BoxLayout;
use super::planes::{Cells, Compute, Described, Input, OF_TAPS};
use super::problem::{PoolProblem, count};
use crate::simd::{Level, vectorized_narrow};
use crate::tensor::collected;
use crate::window::{Geometry, Run};
use crate::{Element, Result};

/// Outputs of a block: enough for the steps to be long loops, and few enough that accumulators need no memory but the stack's.
pub(super) const BLOCK: usize = 128;

/// Windows or boxes by the steps of a reduction of this crate, where there is no kernel for it: the level or the pixels have none, or windows
/// are out of all proportion. The pixels of a box are taken in order, so that of equal ones the first is picked.
#[derive(Debug, Clone)]
pub(super) struct Walk<R> {
    reduction: R,
    steps: Arc<WalkSteps>,
}

/// Windows by the steps of a reduction that may be a user's own: all is compiled for wider vectors, too.
#[derive(Debug, Clone)]
pub(super) struct OwnWalk<R> {
    reduction: R,
    steps: Arc<WindowSteps>,
    level: Level,
}

/// What is the same for all reductions.
#[derive(Debug)]
enum WalkSteps {
    Windows(WindowSteps),
    Boxes(BoxLayout),
}

#[derive(Debug)]
struct WindowSteps {
    taps: RowTaps<3>,
    /// How many pixels each window counts on the last axis.
    counts: Vec<usize>,
    include_pad: bool,
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

    /// The blocks of a row.
    #[inline(always)]
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let length = self.geometry.row_length();
        (0..length).step_by(BLOCK).map(move |at| at..length.min(at + BLOCK))
    }
}

/// [`neighbours`], compiled once for all reductions of this crate.
#[inline(never)]
fn neighbours_of<'a, T: Copy>(pixels: &'a [T], taken: (usize, usize, usize), block: &'a mut [T; BLOCK]) -> &'a [T] {
    let (from, step, count) = taken;
    neighbours(pixels, from, step, count, block)
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

impl<R> Walk<R> {
    pub(super) fn windows<T>(reduction: R, problem: &PoolProblem) -> Result<Self>
    where
        R: Reduction<T>,
    {
        let steps = Arc::new(WalkSteps::Windows(WindowSteps::new(problem, reduction.count_include_pad())?));
        Ok(Self { reduction, steps })
    }

    pub(super) fn boxes(reduction: R, layout: BoxLayout) -> Self {
        Self { reduction, steps: Arc::new(WalkSteps::Boxes(layout)) }
    }
}

impl<R> OwnWalk<R> {
    pub(super) fn new<T>(reduction: R, problem: &PoolProblem, level: Level) -> Result<Self>
    where
        R: Reduction<T>,
    {
        let steps = Arc::new(WindowSteps::new(problem, reduction.count_include_pad())?);
        Ok(Self { reduction, steps, level })
    }
}

impl WalkSteps {
    /// Computes outputs, compiled once for all pixels and reductions of this crate.
    #[inline(never)]
    fn run(&self, first: usize, outputs: usize, blocks: &mut dyn Blocks) {
        match self {
            Self::Windows(windows) => windows.rows(first, outputs, blocks),
            Self::Boxes(boxes) => {
                for number in 0..outputs {
                    let rows = boxes.rows(first + number);
                    blocks.start(1);
                    rows.ranges().for_each(|pixels| blocks.step_all(pixels));
                    blocks.finish(number, 1, &[rows.pixels()]);
                }
            }
        }
    }
}

impl WindowSteps {
    #[inline(never)]
    fn new(problem: &PoolProblem, include_pad: bool) -> Result<Self> {
        let last = &problem.axes[2];
        let counts = collected((0..last.outputs()).map(|output| count(last, output, include_pad)))?;
        Ok(Self { taps: RowTaps::new(Geometry::new(problem.axes)?)?, counts, include_pad })
    }

    /// Computes rows of outputs one after the other, from this one on.
    #[inline(always)]
    fn rows(&self, first: usize, outputs: usize, blocks: &mut (impl Blocks + ?Sized)) {
        let geometry = &self.taps.geometry;
        let (rows, length, plane) = (geometry.rows(), geometry.row_length(), geometry.pixels());
        for (number, at) in (0..outputs).step_by(length).enumerate() {
            let (plane, row) = ((first + number) / rows * plane, (first + number) % rows);
            let outer = geometry.axes()[..2].iter().zip(geometry.row_position(row));
            let of_row: usize = outer.map(|(axis, output)| count(axis, output, self.include_pad)).product();
            for block in self.taps.blocks() {
                blocks.start(block.len());
                self.taps.each(
                    row,
                    &block,
                    #[inline(always)]
                    |outputs, from, step| blocks.step(outputs, plane + from, step),
                );
                blocks.finish(at + block.start, of_row, &self.counts[block]);
            }
        }
    }
}

/// Blocks of outputs one after the other, of pixels and a reduction that need not be known.
trait Blocks {
    /// Begins with so many accumulators.
    fn start(&mut self, accumulators: usize);

    /// Steps some accumulators, each over a pixel: the first over this one, the next so far from it.
    fn step(&mut self, accumulators: Range<usize>, from: usize, step: usize);

    /// Steps the first accumulator over neighbouring pixels.
    fn step_all(&mut self, pixels: Range<usize>);

    /// Stores the results from this output on, of windows that count so many pixels on the last axis, for each `of_row` as many.
    fn finish(&mut self, at: usize, of_row: usize, counts: &[usize]);
}

/// The accumulators of a block, the pixels and the outputs.
struct Accumulators<'a, T, R: Reduction<T>, const OWN: bool> {
    reduction: &'a R,
    block: [R::Accumulator; BLOCK],
    pixels: &'a [T],
    neighbours: [T; BLOCK],
    output: &'a mut [T],
}

impl<'a, T: Element, R: Reduction<T>, const OWN: bool> Accumulators<'a, T, R, OWN> {
    #[inline(always)]
    fn new(reduction: &'a R, pixels: &'a [T], output: &'a mut [T]) -> Self {
        Self { reduction, block: [reduction.start(); BLOCK], pixels, neighbours: [T::ZERO; BLOCK], output }
    }
}

impl<T: Element, R: Reduction<T>, const OWN: bool> Blocks for Accumulators<'_, T, R, OWN> {
    #[inline(always)]
    fn start(&mut self, accumulators: usize) {
        self.block[..accumulators].fill(self.reduction.start());
    }

    #[inline(always)]
    fn step(&mut self, accumulators: Range<usize>, from: usize, step: usize) {
        let count = accumulators.len();
        let pixels = match OWN {
            true => neighbours(self.pixels, from, step, count, &mut self.neighbours),
            false => neighbours_of(self.pixels, (from, step, count), &mut self.neighbours),
        };
        self.reduction.step_run(&mut self.block[accumulators], pixels);
    }

    #[inline(always)]
    fn step_all(&mut self, pixels: Range<usize>) {
        self.block[0] = self.reduction.step_all(self.block[0], &self.pixels[pixels]);
    }

    #[inline(always)]
    fn finish(&mut self, at: usize, of_row: usize, counts: &[usize]) {
        let outputs = self.output[at..].iter_mut().zip(counts);
        for ((out, &count), &accumulator) in outputs.zip(&self.block) {
            *out = self.reduction.finish(accumulator, of_row * count);
        }
    }
}

impl<T: Element, R: Reduction<T>> Compute<T> for Walk<R> {
    fn compute(&self, Input { pixels, first, .. }: Input<'_, T>, output: &mut [T], _: &mut Cells, _: &mut [T]) {
        let outputs = output.len();
        self.steps.run(first, outputs, &mut Accumulators::<_, _, false>::new(&self.reduction, pixels, output));
    }
}

impl<R: Send + Sync + 'static> Described for Walk<R> {
    fn algorithm(&self) -> &'static str {
        match &*self.steps {
            WalkSteps::Windows(_) => "taps",
            WalkSteps::Boxes(_) => "boxes by tap",
        }
    }

    fn weight(&self) -> usize {
        match &*self.steps {
            WalkSteps::Windows(_) => OF_TAPS,
            WalkSteps::Boxes(_) => 1,
        }
    }
}

impl<T: Element, R: Reduction<T>> Compute<T> for OwnWalk<R> {
    fn compute(&self, Input { pixels, first, .. }: Input<'_, T>, output: &mut [T], _: &mut Cells, _: &mut [T]) {
        let outputs = output.len();
        let mut blocks = Accumulators::<_, _, true>::new(&self.reduction, pixels, output);
        vectorized_narrow(
            self.level,
            #[inline(always)]
            || self.steps.rows(first, outputs, &mut blocks),
        );
    }
}

impl<R: Send + Sync + 'static> Described for OwnWalk<R> {
    fn algorithm(&self) -> &'static str {
        "taps"
    }

    fn weight(&self) -> usize {
        OF_TAPS
    }
}
