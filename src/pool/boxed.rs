//! Boxes reduced by the kernel, or by a reduction that merges: which pixels each has.

use std::ops::Range;
use std::sync::Arc;

use super::Reduction;
use super::kernels;
use super::operation::Operation;
use super::planes::{Cells, Compute, Described, Input, Pooled, Sizes, pooled};
use super::stretches::{Stretches, halved};
use super::totals::{BoxRows, Totals};
use super::windows::{Strips, merge};
use crate::simd::{Level, has_kernels, vectorized_narrow};
use crate::{Element, Result};

/// Boxes that share out a plane, each a product of ranges.
#[derive(Debug, Clone)]
pub struct BoxLayout {
    plane: [usize; 3],
    /// Pixels of a plane, and its boxes.
    pixels: usize,
    outputs: usize,
    ranges: Arc<[Vec<Range<usize>>; 3]>,
}

impl BoxLayout {
    pub(super) fn new(plane: [usize; 3], ranges: [Vec<Range<usize>>; 3]) -> Self {
        let (pixels, outputs) = (plane.iter().product(), ranges.iter().map(Vec::len).product());
        Self { plane, pixels, outputs, ranges: Arc::new(ranges) }
    }

    /// A box for each plane.
    pub(super) fn of_maps(plane: [usize; 3]) -> Self {
        Self::new(plane, plane.map(|length| std::iter::once(0..length).collect()))
    }

    pub(super) fn plane(&self) -> [usize; 3] {
        self.plane
    }

    pub(super) fn ranges(&self) -> &[Vec<Range<usize>>; 3] {
        &self.ranges
    }

    /// The pixels of an output, counted through all planes.
    #[inline(always)]
    pub(super) fn rows(&self, unit: usize) -> BoxRows {
        let length = self.pixels;
        if self.outputs == 1 {
            return BoxRows { start: unit * length, length, count: 1, pitch: 0, planes: 1, plane_pitch: 0 };
        }
        self.rows_of_box(unit / self.outputs * length, unit % self.outputs)
    }

    /// The pixels of a plane, where each is one box.
    pub(super) fn whole_planes(&self) -> Option<usize> {
        (self.outputs == 1).then_some(self.pixels)
    }

    fn rows_of_box(&self, plane: usize, output: usize) -> BoxRows {
        let [_, rows, columns] = self.plane;
        let [of_planes, of_rows, of_columns] = &*self.ranges;
        let across = &of_columns[output % of_columns.len()];
        let down = &of_rows[output / of_columns.len() % of_rows.len()];
        let deep = &of_planes[output / of_columns.len() / of_rows.len()];
        let start = plane + (deep.start * rows + down.start) * columns + across.start;
        let (mut length, mut count, mut planes) = (across.len(), down.len(), deep.len());
        // Whole rows, and whole planes, are one row.
        if length == columns {
            (length, count) = (length * count, 1);
            if length == rows * columns {
                (length, planes) = (length * planes, 1);
            }
        }
        BoxRows { start, length, count, pitch: columns, planes, plane_pitch: rows * columns }
    }
}

/// Boxes merged by an operation that has kernels.
#[derive(Debug, Clone)]
pub(super) struct Boxed {
    pub(super) operation: Operation,
    pub(super) level: Level,
    pub(super) layout: BoxLayout,
}

impl Boxed {
    /// `None` where there is no kernel for the pixels, the level or the operation.
    pub(super) fn new<T: Element>(operation: Operation, layout: BoxLayout, level: Level) -> Option<Self> {
        let has_kernel = T::HAS_KERNELS && has_kernels(level) && operation.is_merged();
        has_kernel.then_some(Self { operation, level, layout })
    }
}

impl<T: Element> Compute<T> for Boxed {
    fn compute(&self, Input { pixels, first, .. }: Input<'_, T>, output: &mut [T], _: &mut Cells, _: &mut [T]) {
        let totals = Totals { pixels, boxes: &self.layout, first, start: self.operation.start(), output };
        kernels::of::<T>().totals(self.level, self.operation, totals);
    }

    fn side_by_side(&self, pixels: &[T], channels: (usize, usize), output: &mut [T]) -> bool {
        let is_sum = matches!(self.operation, Operation::Average { .. }) && self.layout.whole_planes().is_some();
        is_sum && kernels::of::<T>().channel_means(self.level, pixels, channels, output)
    }
}

impl Described for Boxed {
    fn algorithm(&self) -> &'static str {
        "boxes"
    }
}

/// Boxes by the steps of a reduction of a user's own, which merges: pixels are stepped over side by side, in the vectors of every level.
#[derive(Debug, Clone)]
pub(super) struct Stepped<R> {
    pub(super) reduction: R,
    pub(super) level: Level,
    pub(super) layout: BoxLayout,
}

impl<T: Element, R: Reduction<T>> Compute<T> for Stepped<R> {
    fn compute(&self, Input { pixels, first, .. }: Input<'_, T>, output: &mut [T], _: &mut Cells, _: &mut [T]) {
        vectorized_narrow(
            self.level,
            #[inline(always)]
            || self.boxes(pixels, first, output),
        );
    }
}

impl<R: Send + Sync + 'static> Described for Stepped<R> {
    fn algorithm(&self) -> &'static str {
        "merged boxes"
    }
}

impl<R> Stepped<R> {
    /// Some boxes that follow each other, from the `first` on.
    #[inline(always)]
    fn boxes<T: Element>(&self, pixels: &[T], first: usize, output: &mut [T])
    where
        R: Reduction<T>,
    {
        let reduction = &self.reduction;
        for (number, place) in output.iter_mut().enumerate() {
            let rows = self.layout.rows(first + number);
            let count = rows.pixels();
            let total = match count < FEW {
                true => total_of_few(reduction, rows.of(pixels)),
                false => total(reduction, rows.of(pixels)),
            };
            *place = reduction.finish(total, count);
        }
    }
}

/// Pools boxes by the kernel of an operation; `None` where there is none for the pixels or the level.
pub(super) fn by_kernel<T: Element>(
    operation: Operation,
    layout: &BoxLayout,
    sizes: Sizes,
) -> Result<Option<Box<dyn Pooled<T>>>> {
    let (operation, level) = (operation.simplest(), Level::new());
    // First the constant, so that nothing more is compiled for pixels that have no kernel.
    if const { !T::IS_POOLED } || !operation.is_of::<T>() {
        return Ok(None);
    }
    if layout.whole_planes().is_none()
        && let Some(strips) = Strips::of_boxes::<T>(operation, layout, level)?
    {
        let [planes, rows, columns] = layout.ranges().each_ref().map(Vec::len);
        return pooled(strips, Sizes { units: planes * rows, unit: columns, ..sizes }).map(Some);
    }
    if const { !T::HAS_KERNELS } {
        return Ok(None);
    }
    Boxed::new::<T>(operation, layout.clone(), level).map(|boxed| pooled(boxed, sizes)).transpose()
}

/// Accumulators that are stepped side by side, so that none waits for another.
const SIDE_BY_SIDE: usize = 64;

/// Pixels that each of them takes at a time, and in all, before they are merged.
const AT_A_TIME: usize = 8;
const STRETCH: usize = 4 * AT_A_TIME;

/// So few pixels that to merge what many accumulators hold would take longer than the steps.
const FEW: usize = 512;

/// What all of few pixels come to.
#[inline(always)]
fn total_of_few<'a, T: Element, R: Reduction<T>>(reduction: &R, rows: impl Iterator<Item = &'a [T]>) -> R::Accumulator {
    const SIDE_BY_SIDE: usize = 16;
    let mut side_by_side = [reduction.start(); SIDE_BY_SIDE];
    for row in rows {
        let (groups, rest) = row.as_chunks::<SIDE_BY_SIDE>();
        for pixels in groups {
            for at in 0..SIDE_BY_SIDE {
                side_by_side[at] = reduction.step(side_by_side[at], pixels[at]);
            }
        }
        for (accumulator, &pixel) in side_by_side.iter_mut().zip(rest) {
            *accumulator = reduction.step(*accumulator, pixel);
        }
    }
    halved(
        &mut side_by_side,
        #[inline(always)]
        |one, other| merge(reduction, one, other),
    )
}

/// What all pixels come to.
#[inline(always)]
fn total<'a, T: Element, R: Reduction<T>>(reduction: &R, rows: impl Iterator<Item = &'a [T]>) -> R::Accumulator {
    let start = reduction.start();
    let mut side_by_side = [start; SIDE_BY_SIDE];
    let (mut taken, mut used) = (0, 1);
    let mut stretches = Stretches::new(
        start,
        #[inline(always)]
        |one, other| merge(reduction, one, other),
    );
    for row in rows {
        let (groups, rest) = row.as_chunks::<SIDE_BY_SIDE>();
        let (many, few) = groups.as_chunks::<AT_A_TIME>();
        for pixels in many {
            for (at, accumulator) in side_by_side.iter_mut().enumerate() {
                for group in pixels {
                    *accumulator = reduction.step(*accumulator, group[at]);
                }
            }
            (taken, used) = (taken + AT_A_TIME, SIDE_BY_SIDE);
            if taken >= STRETCH {
                stretches.push_parts(&mut side_by_side);
                (side_by_side, taken) = ([start; SIDE_BY_SIDE], 0);
            }
        }
        for pixels in few.iter().map(|group| &group[..]).chain((!rest.is_empty()).then_some(rest)) {
            reduction.step_run(&mut side_by_side[..pixels.len()], pixels);
            (taken, used) = (taken + 1, used.max(pixels.len()));
        }
        if taken >= STRETCH {
            stretches.push_parts(&mut side_by_side);
            (side_by_side, taken) = ([start; SIDE_BY_SIDE], 0);
        }
    }
    stretches.with(&mut side_by_side[..used.next_power_of_two()])
}
