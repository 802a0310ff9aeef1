//! The one place that chooses how windows are pooled.
//!
//! | windows | reduction | by |
//! | --- | --- | --- |
//! | one for the whole map | of this crate, of `f32` and `u8` | boxes |
//! | 2×2 side by side, on pixels alone | of this crate, of `f32` and `u8` | pairs |
//! | 3×3 at strides 1 and 2 | maxima and averages of `f32` | small windows |
//! | others | of this crate, of `f32`, `u8` and `f64`; any that merges | rows, row strips, van Herk: see [`Layout`] |
//! | any | averages of integers, maxima of `i8`, `i16`, `u16` and `i32`, norms of any order | the same, of numbers that pixels are made into: see [`super::staged`] |
//! | any | another, and windows out of all proportion | taps |

use std::ops::Range;
use std::sync::Arc;

use super::Reduction;
use super::boxed::{BoxLayout, Boxed};
use super::fast::FastPool;
use super::operation::Operation;
use super::planes::{Cells, Compute, Input, Pooled, Sizes, as_laid_down, pooled, shared};
use super::problem::{PoolProblem, count};
use super::staged::StagedPixel;
use super::stepped::SteppedStrips;
use super::walk::{OwnWalk, Walk};
use crate::kernels::pool::hosts::{Kind, lanes};
use crate::kernels::pool::layout::{Counts, Layout, MOST_ROWS, Merging, Rule, Side, Span};
use crate::kernels::pool::run::Task;
use crate::simd::Level;
use crate::tensor::collected;
use crate::window::{Axis, AxisSpec};
use crate::{Element, Result};

/// The windows of a layer.
#[derive(Debug)]
pub struct PoolWindows {
    pub(super) problem: PoolProblem,
    pub(super) sizes: Sizes,
    /// Whether an axis has so many outputs, or a window so many taps, that nothing should be laid down for each of them.
    pub(super) is_vast: bool,
    /// What they are a band of, if they are.
    pub(super) of: Option<Of>,
}

/// What a band is a band of: its first row of outputs, how many rows of pixels the whole has, and whether all its windows are pairs. A
/// band without padding may have pairs where the whole has not, which adds up in another order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) pairs: bool,
}

impl PoolWindows {
    /// Pools by the kernel of an operation, for these pixels or for numbers that they are made into; `None` where there is none.
    pub(super) fn by_kernel<T: StagedPixel>(&self, operation: Operation) -> Result<Option<Box<dyn Pooled<T>>>> {
        let level = Level::new();
        let kernel = match self.kernel(operation, level)? {
            None => T::staged(operation, self, level)?,
            kernel => kernel,
        };
        kernel.map(|kernel| shared(kernel, self.sizes)).transpose()
    }

    /// Pools by the taps of a reduction of this crate.
    pub(super) fn by_taps<T: Element, R: Reduction<T>>(self, reduction: R) -> Result<Box<dyn Pooled<T>>> {
        pooled(Walk::windows(reduction, &self.problem)?, self.sizes)
    }

    /// The kernel for an operation; `None` where the pixels or the level have none, or windows are out of all proportion.
    pub(super) fn kernel<T: Element>(&self, operation: Operation, level: Level) -> Result<Option<Arc<dyn Compute<T>>>> {
        // First the constant, so that nothing more is compiled for pixels that have none.
        if const { !T::IS_POOLED } || self.is_vast || !operation.is_of::<T>() {
            return Ok(None);
        }
        let operation = operation.simplest();
        if const { T::HAS_KERNELS }
            && self.are_whole_maps(operation)
            && let Some(boxed) = Boxed::new::<T>(operation, BoxLayout::of_maps(self.sizes.plane), level)
        {
            return Ok(Some(Arc::new(boxed)));
        }
        let pairs = self.problem.is_pairs() && self.of.is_none_or(|of| of.pairs);
        if const { T::HAS_KERNELS }
            && let Some(fast) = FastPool::new(&self.problem, pairs, operation, level)
        {
            return Ok(Some(Arc::new(fast)));
        }
        let strips = Strips::new::<T>(operation, self, level)?;
        Ok(strips.map(|strips| Arc::new(strips) as Arc<dyn Compute<T>>))
    }

    /// Pools by the steps of any reduction.
    pub(super) fn by_steps<T: Element, R: Reduction<T>>(self, reduction: &R) -> Result<Box<dyn Pooled<T>>> {
        let level = Level::new();
        if !self.is_vast
            && merges(reduction)
            && let Some(stepped) = SteppedStrips::new(reduction, &self, level)?
        {
            return pooled(stepped, self.sizes);
        }
        pooled(OwnWalk::new(reduction.clone(), &self.problem, level)?, self.sizes)
    }

    /// Whether each map is one window, of all its pixels and no others. A band of a map is not one: sums of the whole are taken
    /// otherwise.
    fn are_whole_maps(&self, operation: Operation) -> bool {
        let include_pad = operation.count_include_pad();
        let is_whole = |axis: &Axis| {
            let counted = count(axis, 0, include_pad);
            axis.outputs() == 1 && axis.by_output(0).range.len() == axis.length() && counted == axis.length()
        };
        self.of.is_none() && self.problem.pixels() > FEW && self.problem.axes.iter().all(is_whole)
    }

    /// The rows of some planes as those of one, where windows that lie side by side leave no row of a plane over: of small maps more rows are
    /// computed together so.
    pub(super) fn stacked(&self) -> Option<Axis> {
        let [planes, rows, _] = &self.problem.axes;
        let reach = (rows.size() - 1).checked_mul(rows.dilation())?.checked_add(1)?;
        let is_tiled = reach <= rows.stride() && rows.before() == 0 && rows.outputs() * rows.stride() == rows.length();
        let count = MOST_ROWS.checked_div(rows.outputs())?.min(self.sizes.planes);
        let may = self.of.is_none() && (planes.length(), planes.outputs()) == (1, 1) && is_tiled && count > 1;
        may.then(|| {
            let (length, outputs) = (count * rows.length(), count * rows.outputs());
            let (size, stride, dilation) = (rows.size(), rows.stride(), rows.dilation());
            AxisSpec { axis: 1, length, size, stride, dilation }.with_outputs(0, 0, outputs)
        })
    }

    /// Lays windows down; their pixels are counted with padding or without, or each as one.
    pub(super) fn laid_down(&self, include_pad: Option<bool>, merging: Merging) -> Result<Option<Layout>> {
        let [planes, rows, columns] = &self.problem.axes;
        let stacked = self.stacked();
        let rows = stacked.as_ref().unwrap_or(rows);
        let of = |axis: &Axis| counts_of(axis, include_pad);
        let (Some(of_planes), Some(of_rows), Some(of_columns)) = (of(planes)?, of(rows)?, of(columns)?) else {
            return Ok(None);
        };
        let counts = Counts::new([of_planes, of_rows, of_columns], merging.lanes);
        let sides = [side(planes, None)?, side(rows, self.of)?, side(columns, None)?];
        Ok(Layout::new(sides, Some(counts), merging))
    }
}

impl BoxLayout {
    /// Lays boxes down as windows; `None` where one is long, or they are out of all proportion.
    fn laid_down(&self, include_pad: Option<bool>, merging: Merging) -> Result<Option<Layout>> {
        let (ranges, plane) = (self.ranges(), self.plane());
        if ranges.iter().flatten().any(|range| range.len() > LONG) {
            return Ok(None);
        }
        let mut counts = [const { Vec::new() }; 3];
        let mut spans = [const { Vec::new() }; 3];
        for (axis, ranges) in ranges.iter().enumerate() {
            let length = |range: &Range<usize>| u32::try_from(range.len()).unwrap_or(u32::MAX);
            let count = |range: &Range<usize>| if include_pad.is_some() { length(range) } else { 1 };
            counts[axis] = collected(ranges.iter().map(count))?;
            spans[axis] = collected(ranges.iter().map(|range| Span { first: range.start, count: range.len() }))?;
        }
        let counts = Counts::new(counts, merging.lanes);
        let [planes, rows, columns] = spans;
        let side = |axis: usize, spans| Side { length: plane[axis], step: 1, spans, rule: None };
        Ok(Layout::new([side(0, planes), side(1, rows), side(2, columns)], Some(counts), merging))
    }
}

/// Maps of no more pixels are pooled as windows.
const FEW: usize = 8;

/// Whether a reduction merges.
pub(super) fn merges<T, R: Reduction<T>>(reduction: &R) -> bool {
    reduction.merge(reduction.start(), reduction.start()).is_some()
}

/// Both accumulators as one, of a reduction that is known to merge.
#[inline(always)]
pub(super) fn merge<T, R: Reduction<T>>(reduction: &R, one: R::Accumulator, other: R::Accumulator) -> R::Accumulator {
    reduction.merge(one, other).unwrap_or(one)
}

fn side(axis: &Axis, of: Option<Of>) -> Result<Side> {
    let spans = collected((0..axis.outputs()).map(|output| {
        let run = axis.by_output(output);
        Span { first: run.input, count: run.range.len() }
    }))?;
    // Where no window has two pixels, the distance between taps is of no account, and might be too large to count.
    let step = if spans.iter().any(|span| span.count > 1) { axis.dilation() } else { 1 };
    let (from, whole) = of.map_or((0, axis.length()), |of| (of.first, of.rows));
    let rule = Rule { before: axis.before(), size: axis.size(), stride: axis.stride(), from, whole };
    let rule = (axis.size() == 1 || step == axis.dilation()).then_some(rule);
    Ok(Side { length: axis.length(), step, spans, rule })
}

/// How many pixels windows count on an axis; `None` where these are too many.
fn counts_of(axis: &Axis, include_pad: Option<bool>) -> Result<Option<Vec<u32>>> {
    let of = |output| include_pad.map_or(1, |include_pad| count(axis, output, include_pad));
    let counts = collected((0..axis.outputs()).map(of))?;
    Ok(counts.into_iter().map(|count| u32::try_from(count).ok().filter(|&count| count <= u32::MAX / 2)).collect())
}

/// Boxes that are longer are better summed up in pairs of stretches.
pub(super) const LONG: usize = 32;

/// The kernel of an operation, and what its windows count: pixels, with padding or without, or nothing.
pub(super) fn kind(operation: Operation) -> Option<(Kind, Option<bool>)> {
    match operation {
        Operation::Max => Some((Kind::Max, None)),
        Operation::Min => Some((Kind::Min, None)),
        Operation::Average { count_include_pad } => Some((Kind::Mean, Some(count_include_pad))),
        Operation::L2 => Some((Kind::Norm, None)),
        Operation::Lp { order: 1.0 } => Some((Kind::Total, None)),
        Operation::Lp { .. } => None,
    }
}

pub(super) fn merging<T>(kind: Kind) -> Merging {
    let idempotent = matches!(kind, Kind::Max | Kind::Min);
    Merging { lanes: lanes::<T>(), cell_bytes: size_of::<T>(), idempotent }
}

/// Windows pooled by an operation that has kernels.
#[derive(Debug, Clone)]
pub(super) struct Strips {
    kind: Kind,
    layout: Arc<Layout>,
    level: Level,
}

impl Strips {
    /// `None` where there is no kernel, or strips would be out of all proportion.
    pub(super) fn new<T: Element>(operation: Operation, windows: &PoolWindows, level: Level) -> Result<Option<Self>> {
        let Some((kind, include_pad)) = kind(operation).filter(|_| T::is_pooled(level)) else { return Ok(None) };
        let layout = windows.laid_down(include_pad, merging::<T>(kind))?;
        Ok(layout.map(|layout| Self { kind, layout: Arc::new(layout), level }))
    }

    /// The same for boxes that share out a plane.
    pub(super) fn of_boxes<T: Element>(operation: Operation, boxes: &BoxLayout, level: Level) -> Result<Option<Self>> {
        let Some((kind, include_pad)) = kind(operation).filter(|_| T::is_pooled(level)) else { return Ok(None) };
        let layout = boxes.laid_down(include_pad, merging::<T>(kind))?;
        Ok(layout.map(|layout| Self { kind, layout: Arc::new(layout), level }))
    }
}

/// What the kernel is to do.
pub(super) fn task<'a, T: Copy, A: 'static>(
    layout: &'a Layout,
    given: Input<'a, T>,
    output: &'a mut [T],
    cells: &'a mut Cells,
    spare: &'a mut [T],
) -> Task<'a, T, A> {
    let Input { pixels, skipped, first } = given;
    Task { layout, pixels, skipped, first, output, cells: cells.get(), spare }
}

impl<T: Element> Compute<T> for Strips {
    fn compute(&self, given: Input<'_, T>, output: &mut [T], cells: &mut Cells, spare: &mut [T]) {
        T::pool(self.level, self.kind, task(&self.layout, given, output, cells, spare));
    }

    fn cells(&self) -> Result<Cells> {
        Cells::of(self.layout.cells, T::ZERO)
    }

    fn spare_length(&self) -> usize {
        self.layout.spare()
    }
}

as_laid_down!([] Strips, layout);
