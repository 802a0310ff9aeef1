//! Windows whose pixels are pooled as numbers of another type, for which there is a kernel: some rows of outputs at a time, so that
//! what is converted stays in a cache.
//!
//! ```text
//!     for some rows of outputs
//!         staging ← pixels under them, entered
//!         results ← staging, pooled by the kernel
//!         outputs ← results, left
//! ```

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use super::operation::Operation;
use super::planes::{Cells, Compute, Input, as_laid_down};
use super::stages::{Flipped, Powers, Stage, Whole};
use super::windows::{PoolWindows, kind, merging};
use crate::kernels::pool::hosts::{Kind, Number};
use crate::kernels::pool::layout::{Layout, MOST_CELLS};
use crate::kernels::pool::run::Task;
use crate::simd::{Level, vectorized_with_kernels};
use crate::{Element, Result};

/// Bytes of the rows that are entered together: they stay in the second-level cache.
const BAND_BYTES: usize = 128 * 1024;

/// Windows pooled so.
#[derive(Debug, Clone)]
pub(super) struct Staged<S, C> {
    stage: S,
    strips: StagedStrips<C>,
}

/// What is the same for all stages to these numbers.
#[derive(Debug, Clone)]
struct StagedStrips<C> {
    kind: Kind,
    layout: Arc<Layout>,
    level: Level,
    /// Rows of outputs that are computed together, at most, and the pixels under them.
    rows: usize,
    under: usize,
    cells: PhantomData<fn() -> C>,
}

impl<C: Number> StagedStrips<C> {
    /// `None` where the numbers have no kernel, or strips would be out of all proportion.
    fn new(by: (Kind, Option<bool>), windows: &PoolWindows, level: Level) -> Result<Option<Self>> {
        let (kind, include_pad) = by;
        if windows.is_vast || !C::is_pooled(level) {
            return Ok(None);
        }
        let Some(layout) = windows.laid_down(include_pad, merging::<C>(kind))? else { return Ok(None) };
        let outputs = layout.rows.spans.len();
        let bytes = (layout.rows.length * layout.row).saturating_mul(size_of::<C>());
        let rows = (BAND_BYTES.saturating_mul(outputs) / bytes.max(1)).max(layout.least_rows()).clamp(1, outputs);
        let under = layout.most_under(rows);
        let layout = Arc::new(layout);
        Ok((under <= MOST_CELLS).then_some(Self { kind, layout, level, rows, under, cells: PhantomData }))
    }

    /// The largest number of pixels that a window counts.
    fn most_counted(&self) -> usize {
        self.layout.most_counted()
    }

    fn by<T: Element, S: Stage<T, C>>(self, stage: S) -> Arc<dyn Compute<T>> {
        Arc::new(Staged { stage, strips: self })
    }

    /// Computes so many outputs.
    fn run(&self, (skipped, first, outputs): (usize, usize, usize), ends: &mut dyn StageEnds<C>, cells: &mut [C]) {
        let layout = &*self.layout;
        let (cells, rest) = cells.split_at_mut(layout.cells);
        let (spare, rest) = rest.split_at_mut(layout.spare());
        let (staging, results) = rest.split_at_mut(self.under);
        let (mut unit, mut done) = (first, 0);
        while done < outputs {
            let (map, first) = (unit / layout.units(), unit % layout.units());
            let (plane, row) = (first / layout.rows.spans.len(), first % layout.rows.spans.len());
            let left = ((outputs - done) / layout.outputs).min(layout.rows.spans.len() - row);
            let rows = left.min(self.rows);
            let under = layout.under(plane, row..row + rows);
            let start = map * layout.pixels() + under.start - skipped;
            let (staging, results) = (&mut staging[..under.len()], &mut results[..rows * layout.outputs]);
            ends.enter(start..start + under.len(), staging);
            let task = Task { layout, pixels: staging, skipped: under.start, first, output: results, cells, spare };
            C::pool(self.level, self.kind, task);
            ends.leave(done..done + results.len(), results);
            done += results.len();
            unit += rows;
        }
    }
}

/// Pixels, which a stage makes into cells, and outputs, which it makes of these.
trait StageEnds<C> {
    fn enter(&self, pixels: Range<usize>, cells: &mut [C]);
    fn leave(&mut self, outputs: Range<usize>, cells: &[C]);
}

struct StageEndsOf<'a, T, S> {
    stage: S,
    level: Level,
    pixels: &'a [T],
    output: &'a mut [T],
}

impl<T, C, S: Stage<T, C>> StageEnds<C> for StageEndsOf<'_, T, S> {
    fn enter(&self, pixels: Range<usize>, cells: &mut [C]) {
        let pixels = &self.pixels[pixels];
        vectorized_with_kernels(
            self.level,
            #[inline(always)]
            || self.stage.enter(pixels, cells),
        );
    }

    fn leave(&mut self, outputs: Range<usize>, cells: &[C]) {
        let output = &mut self.output[outputs];
        vectorized_with_kernels(
            self.level,
            #[inline(always)]
            || self.stage.leave(cells, output),
        );
    }
}

impl<T: Element, C: Number, S: Stage<T, C>> Compute<T> for Staged<S, C> {
    fn compute(&self, given: Input<'_, T>, output: &mut [T], cells: &mut Cells, _: &mut [T]) {
        let taken = (given.skipped, given.first, output.len());
        let ends = &mut StageEndsOf { stage: self.stage, level: self.strips.level, pixels: given.pixels, output };
        self.strips.run(taken, ends, cells.get());
    }

    fn cells(&self) -> Result<Cells> {
        let StagedStrips { layout, under, rows, .. } = &self.strips;
        Cells::of(layout.cells + layout.spare() + under + rows * layout.outputs, C::default())
    }
}

as_laid_down!([S: Send + Sync + 'static, C: 'static] Staged<S, C>, strips.layout);

/// Pixels that some operations pool as numbers of another type.
pub(super) trait StagedPixel: Element {
    /// `None` where an operation has no such way, or windows are out of all proportion.
    fn staged(operation: Operation, windows: &PoolWindows, level: Level) -> Result<Option<Arc<dyn Compute<Self>>>>;
}

/// Integers whose magnitudes have so many bits, as the narrowest floats that do.
fn whole<T: Element>(
    bits: u32,
    operation: Operation,
    windows: &PoolWindows,
    level: Level,
) -> Result<Option<Arc<dyn Compute<T>>>>
where
    Whole: Stage<T, f32> + Stage<T, f64>,
{
    let Some(by @ (kind, _)) = kind(operation) else { return Ok(None) };
    let fits = |digits: u32, counted: usize| match digits.checked_sub(bits) {
        Some(spare) => kind != Kind::Mean || (counted as u64) < 1 << spare,
        None => false,
    };
    if bits <= f32::MANTISSA_DIGITS
        && let Some(strips) = StagedStrips::<f32>::new(by, windows, level)?
        && fits(f32::MANTISSA_DIGITS, strips.most_counted())
    {
        return Ok(Some(strips.by(Whole)));
    }
    let strips = StagedStrips::<f64>::new(by, windows, level)?;
    let strips = strips.filter(|strips| fits(f64::MANTISSA_DIGITS, strips.most_counted()));
    Ok(strips.map(|strips| strips.by(Whole)))
}

macro_rules! integers {
    ($($pixel:ident $bits:literal)*) => {$(
        impl StagedPixel for $pixel {
            fn staged(operation: Operation, windows: &PoolWindows, level: Level) -> Result<Option<Arc<dyn Compute<Self>>>> {
                whole($bits, operation, windows, level)
            }
        }
    )*};
}

integers!(u8 8 i16 15 u16 16 i32 31);

impl StagedPixel for i8 {
    fn staged(operation: Operation, windows: &PoolWindows, level: Level) -> Result<Option<Arc<dyn Compute<Self>>>> {
        if let Some(by @ (Kind::Max | Kind::Min, _)) = kind(operation)
            && let Some(strips) = StagedStrips::<u8>::new(by, windows, level)?
        {
            return Ok(Some(strips.by(Flipped)));
        }
        whole(7, operation, windows, level)
    }
}

/// No float has all of them.
impl StagedPixel for i64 {
    fn staged(_: Operation, _: &PoolWindows, _: Level) -> Result<Option<Arc<dyn Compute<Self>>>> {
        Ok(None)
    }
}

macro_rules! norms {
    ($($float:ident)*) => {$(
        impl StagedPixel for $float {
            fn staged(operation: Operation, windows: &PoolWindows, level: Level) -> Result<Option<Arc<dyn Compute<Self>>>> {
                let Operation::Lp { order } = operation else { return Ok(None) };
                let strips = StagedStrips::<$float>::new((Kind::Total, None), windows, level)?;
                Ok(strips.map(|strips| strips.by(Powers { order })))
            }
        }
    )*};
}

norms!(f32 f64);
