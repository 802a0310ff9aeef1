//! Windows by the steps of any reduction that merges: blocks of accumulators, which the compiler makes vectors of.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Reduction;
use super::planes::{Cells, Compute, Input, as_laid_down};
use super::windows::{PoolWindows, merge, task};
use crate::kernels::pool::BlockOperation;
use crate::kernels::pool::layout::{Layout, Merging};
use crate::kernels::pool::run::run;
use crate::simd::{Level, vectorized_narrow};
use crate::{Element, Result};

/// Windows pooled by a reduction that merges.
#[derive(Clone)]
pub(super) struct SteppedStrips<R> {
    reduction: R,
    layout: Arc<Layout>,
    level: Level,
}

/// Cells of a block of accumulators, and how many bytes each may have: blocks lie on the stack.
const LANES: usize = 16;
const MOST_BYTES: usize = 64;

impl<R> SteppedStrips<R> {
    /// `None` where strips would be out of all proportion, or accumulators are large.
    pub(super) fn new<T>(reduction: &R, windows: &PoolWindows, level: Level) -> Result<Option<Self>>
    where
        R: Reduction<T>,
    {
        if size_of::<R::Accumulator>() > MOST_BYTES {
            return Ok(None);
        }
        let merging = Merging { lanes: LANES, cell_bytes: size_of::<R::Accumulator>().max(1), idempotent: false };
        let layout = windows.laid_down(Some(reduction.count_include_pad()), merging)?;
        Ok(layout.map(|layout| Self { reduction: reduction.clone(), layout: Arc::new(layout), level }))
    }
}

impl<T: Element, R: Reduction<T>> Compute<T> for SteppedStrips<R> {
    fn compute(&self, given: Input<'_, T>, output: &mut [T], cells: &mut Cells, spare: &mut [T]) {
        let task = task(&self.layout, given, output, cells, spare);
        let steps = ReductionSteps { reduction: &self.reduction, pixel: PhantomData };
        vectorized_narrow(
            self.level,
            #[inline(always)]
            || run::<_, LANES>(steps, task),
        );
    }

    fn cells(&self) -> Result<Cells> {
        Cells::of(self.layout.cells, self.reduction.start())
    }

    fn spare_length(&self) -> usize {
        self.layout.spare()
    }
}

as_laid_down!([R: Send + Sync + 'static] SteppedStrips<R>, layout);

/// The steps of a reduction.
struct ReductionSteps<'a, R, T> {
    reduction: &'a R,
    pixel: PhantomData<T>,
}

impl<R, T> Clone for ReductionSteps<'_, R, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, T> Copy for ReductionSteps<'_, R, T> {}

impl<T: Element, R: Reduction<T>, const N: usize> BlockOperation<N> for ReductionSteps<'_, R, T> {
    type Pixel = T;
    type Cell = R::Accumulator;
    type Block = [R::Accumulator; N];
    const COUNTED: bool = true;

    #[inline(always)]
    fn blank(self) -> R::Accumulator {
        self.reduction.start()
    }

    #[inline(always)]
    fn enter(self, pixels: &[T; N]) -> [R::Accumulator; N] {
        BlockOperation::<N>::onto(self, [self.reduction.start(); N], pixels)
    }

    #[inline(always)]
    fn onto(self, mut cells: [R::Accumulator; N], pixels: &[T; N]) -> [R::Accumulator; N] {
        for lane in 0..N {
            cells[lane] = self.reduction.step(cells[lane], pixels[lane]);
        }
        cells
    }

    #[inline(always)]
    fn load(self, cells: &[R::Accumulator; N]) -> [R::Accumulator; N] {
        *cells
    }

    #[inline(always)]
    fn store(self, block: [R::Accumulator; N], cells: &mut [R::Accumulator; N]) {
        *cells = block;
    }

    #[inline(always)]
    fn merge(self, mut earlier: [R::Accumulator; N], later: [R::Accumulator; N]) -> [R::Accumulator; N] {
        for lane in 0..N {
            earlier[lane] = merge(self.reduction, earlier[lane], later[lane]);
        }
        earlier
    }

    #[inline(always)]
    fn every_second(self, mut first: [R::Accumulator; N], second: [R::Accumulator; N]) -> [R::Accumulator; N] {
        for lane in 0..N / 2 {
            first[lane] = first[2 * lane];
        }
        for lane in 0..N / 2 {
            first[N / 2 + lane] = second[2 * lane];
        }
        first
    }

    /// Those of no windows are left out: a reduction may rely on pixels having been seen.
    #[inline(always)]
    fn finish(self, cells: [R::Accumulator; N], columns: &[u32; N], row: usize, windows: usize, output: &mut [T; N]) {
        for lane in 0..windows.min(N) {
            output[lane] = self.reduction.finish(cells[lane], columns[lane] as usize * row);
        }
    }
}
