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
use std::sync::Arc;

use super::operation::Operation;
use super::planes::{Cells, Compute, Input, as_laid_down};
use super::stages::{Flipped, Powers, Stage, Whole};
use super::windows::{PoolWindows, kind, merging};
use crate::kernels::pool::hosts::{Kind, Number};
use crate::kernels::pool::layout::Layout;
use crate::kernels::pool::run::Task;
use crate::simd::{Level, vectorized_with_kernels};
use crate::{Element, Result};

/// Bytes of the rows that are entered together: they stay in the second-level cache.
const BAND_BYTES: usize = 128 * 1024;

/// What would need more cells is better pooled in none.
const MOST_CELLS: usize = 1 << 25;

/// Windows pooled so.
#[derive(Debug, Clone)]
pub(super) struct Staged<S, C> {
    stage: S,
    kind: Kind,
    layout: Arc<Layout>,
    level: Level,
    /// Rows of outputs that are computed together, at most, and the pixels under them.
    rows: usize,
    under: usize,
    cells: PhantomData<fn() -> C>,
}

impl<S, C: Number> Staged<S, C> {
    /// `None` where the numbers have no kernel, or strips would be out of all proportion.
    pub(super) fn new(
        stage: S,
        (kind, include_pad): (Kind, Option<bool>),
        windows: &PoolWindows,
        level: Level,
    ) -> Result<Option<Self>> {
        if windows.is_vast || !C::is_pooled(level) {
            return Ok(None);
        }
        let Some(layout) = windows.laid_down(include_pad, merging::<C>(kind))? else { return Ok(None) };
        let outputs = layout.rows.spans.len();
        let bytes = (layout.rows.length * layout.row).saturating_mul(size_of::<C>());
        let rows = (BAND_BYTES.saturating_mul(outputs) / bytes.max(1)).max(layout.least_rows()).clamp(1, outputs);
        let under = layout.most_under(rows);
        let layout = Arc::new(layout);
        Ok((under <= MOST_CELLS).then_some(Self { stage, kind, layout, level, rows, under, cells: PhantomData }))
    }

    /// The largest number of pixels that a window counts.
    pub(super) fn most_counted(&self) -> usize {
        self.layout.most_counted()
    }
}

impl<T: Element, C: Number, S: Stage<T, C>> Compute<T> for Staged<S, C> {
    fn compute(&self, given: Input<'_, T>, mut output: &mut [T], cells: &mut Cells, _: &mut [T]) {
        let Self { stage, kind, level, .. } = *self;
        let layout = &*self.layout;
        let (cells, rest) = cells.get().split_at_mut(layout.cells);
        let (spare, rest) = rest.split_at_mut(layout.spare());
        let (staging, results) = rest.split_at_mut(self.under);
        let mut unit = given.first;
        while !output.is_empty() {
            let (map, first) = (unit / layout.units(), unit % layout.units());
            let (plane, row) = (first / layout.rows.spans.len(), first % layout.rows.spans.len());
            let left = (output.len() / layout.outputs).min(layout.rows.spans.len() - row);
            let rows = left.min(self.rows);
            let under = layout.under(plane, row..row + rows);
            let skipped = under.start;
            let start = map * layout.pixels() + skipped - given.skipped;
            let pixels = &given.pixels[start..][..under.len()];
            let (staging, results) = (&mut staging[..pixels.len()], &mut results[..rows * layout.outputs]);
            vectorized_with_kernels(
                level,
                #[inline(always)]
                || stage.enter(pixels, staging),
            );
            C::pool(level, kind, Task { layout, pixels: staging, skipped, first, output: results, cells, spare });
            let written;
            (written, output) = output.split_at_mut(results.len());
            vectorized_with_kernels(
                level,
                #[inline(always)]
                || stage.leave(results, written),
            );
            unit += rows;
        }
    }

    as_laid_down!();

    fn cells(&self) -> Result<Cells> {
        let layout = &self.layout;
        Cells::of(layout.cells + layout.spare() + self.under + self.rows * layout.outputs, C::default())
    }
}

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
        && let Some(staged) = Staged::<_, f32>::new(Whole, by, windows, level)?
        && fits(f32::MANTISSA_DIGITS, staged.most_counted())
    {
        return Ok(Some(Arc::new(staged)));
    }
    let staged = Staged::<_, f64>::new(Whole, by, windows, level)?;
    let staged = staged.filter(|staged| fits(f64::MANTISSA_DIGITS, staged.most_counted()));
    Ok(staged.map(|staged| Arc::new(staged) as _))
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

integers!(u8 8 i16 15 i32 31);

impl StagedPixel for i8 {
    fn staged(operation: Operation, windows: &PoolWindows, level: Level) -> Result<Option<Arc<dyn Compute<Self>>>> {
        if let Some(by @ (Kind::Max | Kind::Min, _)) = kind(operation)
            && let Some(staged) = Staged::<_, u8>::new(Flipped, by, windows, level)?
        {
            return Ok(Some(Arc::new(staged)));
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

impl StagedPixel for f32 {
    fn staged(operation: Operation, windows: &PoolWindows, level: Level) -> Result<Option<Arc<dyn Compute<Self>>>> {
        let Operation::Lp { order } = operation else { return Ok(None) };
        let staged = Staged::<_, f32>::new(Powers { order }, (Kind::Total, None), windows, level)?;
        Ok(staged.map(|staged| Arc::new(staged) as _))
    }
}

impl StagedPixel for f64 {
    fn staged(operation: Operation, windows: &PoolWindows, level: Level) -> Result<Option<Arc<dyn Compute<Self>>>> {
        let Operation::Lp { order } = operation else { return Ok(None) };
        let staged = Staged::<_, f64>::new(Powers { order }, (Kind::Total, None), windows, level)?;
        Ok(staged.map(|staged| Arc::new(staged) as _))
    }
}
