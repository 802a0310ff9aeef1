//! Convolution of planes with a filter each: depthwise layers, and filters over a picture.
//!
//! A tile is a few rows of a few registers of neighbouring outputs. Every row of pixels under it is read once, and serves all
//! the rows of outputs that have taps there:
//!
//! ```text
//!     for each row of pixels under the tile
//!         for each row of outputs that has taps there, for each of these taps
//!             sums[row] += registers of pixels, from the column of the tap on · weight
//! ```
//!
//! There are two kinds of tiles. Those of [`narrow`] filters keep a row of pixels in registers, and slide it along under the
//! taps. They read pixels where they lie, and blank the lanes that lie beyond the ends of the row. Those of [`wide`] filters
//! read registers anew for every tap, from a patch: a copy of some rows with their padding written out, and dealt out by
//! the phase of the stride so that neighbouring outputs find their pixels side by side.
//!
//! ```text
//!     stride 2, size 3, a zero on either side       · a b c d e f g ·
//!     phase 0 (taps 0 and 2)                        · b d f ·
//!     phase 1 (tap 1)                               a c e g
//! ```
//!
//! Under a square window, narrow tiles are columns of outputs: every row of pixels adds to the sums of all the rows of outputs that it
//! lies under, and the sums roll down, row by row. Where a register has two halves, large square windows roll over a patch ([`patches`]).
//!
//! An output is one chain of multiply-adds in the order of its taps, wherever tiles, blocks and bands are cut.

mod layout;
mod patches;
mod place;
mod tiles;

use std::ops::Range;

use ndarray::{ArrayViewMut3, Axis};

use crate::kernels::epilogue::Epilogue;
use crate::simd::cache;
use crate::simd::{Kernel, Lanes, Level, Simd, Vector, outline, run};
use layout::Dealt;
pub(super) use layout::{RowsLayout, is_narrow};
use tiles::OutputRows;

outline!();

/// Registers of the widest tile.
const WIDEST: usize = 4;
/// Rows of the tallest tile.
const TALLEST: usize = 7;
/// Registers of pixels under the widest tile of a narrow filter.
const MOST_REGISTERS: usize = 10;
/// How many registers of pixels, slid to where the columns of a narrow filter want them, there is room for beside the sums.
const FREE_REGISTERS: usize = 14;
/// How large the rows under a block should be at most: they should stay in the first cache.
const BLOCK_BYTES: usize = 24 << 10;
/// How many offsets of taps there are at most, where large strides leave gaps between the rows of taps.
const MOST_OFFSETS: usize = 1 << 16;
/// Filters with so many taps are large.
const MANY_TAPS: usize = 25;
/// Blocks have a multiple of so many rows, which tiles of 3 and of 4 rows divide.
const BLOCK_ROWS: usize = 12;
/// The convolution of planes, or of a band of each.
pub(super) struct Rows<'a, A> {
    pub(super) layout: &'a RowsLayout,
    /// The planes one after the other, and all there is around them: they are not copied where the rows under a block lie
    /// inside.
    pub(super) pixels: &'a [A],
    /// Where in the pixels the first plane starts, or rather the first of its rows that is there: of a plane alone there may be just those
    /// that the band reads.
    pub(super) first_pixel: usize,
    pub(super) first_row: usize,
    /// `[filter, tap]`.
    pub(super) weights: &'a [A],
    /// Whether all weights are finite: then taps on rows of padding add nothing, and are left out.
    pub(super) finite: bool,
    pub(super) filters_of_a_channel: usize,
    pub(super) finish: Epilogue<'a, A>,
    /// The rows of outputs to compute.
    pub(super) band: Range<usize>,
    /// `[filter, row, column]`; of each filter in one piece.
    pub(super) output: ArrayViewMut3<'a, A>,
    pub(super) scratch: &'a mut [A],
}

/// Computes rows with the instructions of a level.
#[inline(never)]
pub(super) fn compute<A: Lanes>(level: Level, rows: Rows<'_, A>) {
    run(level, rows);
}

impl<A: Lanes> Kernel for Rows<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { layout, first_row, weights, filters_of_a_channel, finish, band, mut output, scratch, .. } = self;
        let (plane, columns) = (layout.plane(), layout.outputs());
        let scratch = &mut scratch[..layout.scratch_length()];
        layout.pad(scratch);
        // Whether the block before has fetched the pixels.
        let mut fetched = false;
        for (channel, filters) in steps_of(output.dim().0, filters_of_a_channel).enumerate() {
            let start = self.first_pixel + channel * plane;
            for rows in steps_of(band.len(), layout.block()) {
                let under = SlotRows::new(layout, band.start + rows.start, rows.len(), first_row);
                let in_place = under.in_place::<S, A>(layout, self.pixels, start);
                let in_place = in_place.filter(|_| self.finite || under.pixels.len() == under.rows);
                let (slots, next) = if let Some(slots) = in_place {
                    if layout.taps() >= MANY_TAPS && !fetched {
                        touch::<S, A>(simd, slots);
                    }
                    (slots, under.next(layout, self.pixels, start))
                } else {
                    copy(simd, layout, &under, &self.pixels[start..], scratch);
                    (&*scratch, &[][..])
                };
                let counted = if self.finite { under.pixels.clone() } else { 0..under.rows };
                for filter in filters.clone() {
                    let block = OutputRows {
                        layout,
                        slots,
                        counted: counted.clone(),
                        weights: &weights[filter * layout.taps()..][..layout.taps()],
                        finish: finish.from(filter),
                        rows: rows.len(),
                        next,
                    };
                    fetched = block.rolls::<S>() && !next.is_empty();
                    let maps = maps_from(&mut output, filter, filters_of_a_channel == 1);
                    block.compute(simd, &mut maps[rows.start * columns..]);
                }
            }
        }
    }
}

/// Reads something of every cache line. The tiles of a large filter take longer than a processor looks ahead, and would wait
/// for one row of pixels after the other; so they come all at once.
#[inline(always)]
fn touch<S: Simd, A: Lanes>(simd: S, slots: &[A]) {
    let lanes = A::Vector::<S>::LEN;
    let line = cache::LINE / size_of::<A>();
    let mut sums = [A::Vector::<S>::splat(simd, A::default()); 4];
    for four in slots.chunks_exact(4 * line) {
        for at in 0..4 {
            sums[at] += A::Vector::<S>::from_slice(simd, &four[at * line..][..lanes]);
        }
    }
    std::hint::black_box(sums);
}

/// Some numbers, a few at a time.
#[inline(always)]
fn steps_of(count: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(step).map(move |start| start..count.min(start + step))
}

/// The map of a filter; and those that follow it, if they lie there and may be spoilt, since they are computed later.
#[inline(always)]
fn maps_from<'a, A>(output: &'a mut ArrayViewMut3<'_, A>, filter: usize, spoil: bool) -> &'a mut [A] {
    let map = output.len() / output.dim().0;
    if spoil && output.is_standard_layout() {
        return &mut output.as_slice_mut().expect("it lies in order")[filter * map..];
    }
    output.index_axis_mut(Axis(0), filter).into_slice().expect("a band of a map lies in one piece")
}

/// The rows of slots under a block.
struct SlotRows {
    /// Rows of outputs of the block.
    outputs: usize,
    /// Where the first row of slots lies on the padded axis, and how many there are.
    top: usize,
    rows: usize,
    /// Those that are rows of pixels.
    pixels: Range<usize>,
    /// The first row of each plane that is there.
    first_row: usize,
}

impl SlotRows {
    #[inline(always)]
    fn new(layout: &RowsLayout, first: usize, outputs: usize, first_row: usize) -> Self {
        let (before, top) = (layout.rows.before(), first * layout.rows.stride());
        let rows = layout.rows_under(outputs).unwrap_or(0);
        let start = before.saturating_sub(top).min(rows);
        let end = (before + layout.rows.length()).saturating_sub(top).clamp(start, rows);
        Self { outputs, top, rows, pixels: start..end, first_row }
    }

    /// Pixels of a large filter that are read for the first time after those under the block: the rows below them, be they of the next
    /// plane. There may be none.
    #[inline(always)]
    fn next<'a, A>(&self, layout: &RowsLayout, pixels: &'a [A], plane: usize) -> &'a [A] {
        if layout.taps() < MANY_TAPS {
            return &[];
        }
        let below = (self.top + self.pixels.end).saturating_sub(layout.rows.before()).min(layout.rows.length());
        let start = plane + below.saturating_sub(self.first_row) * layout.pitch;
        pixels.get(start..).map_or(&[], |pixels| &pixels[..pixels.len().min(self.outputs * layout.pitch)])
    }

    /// The slots among the pixels themselves: of a narrow filter, and where all that tiles read there are pixels, be it
    /// those of other planes.
    #[inline(always)]
    fn in_place<'a, S: Simd, A: Lanes>(&self, layout: &RowsLayout, pixels: &'a [A], plane: usize) -> Option<&'a [A]> {
        if layout.dealt.is_some() {
            return None;
        }
        let below = self.top.saturating_sub(layout.rows.before()).checked_mul(layout.pitch)?;
        let above = layout.rows.before().saturating_sub(self.top).checked_add(self.first_row)?;
        let above = above.checked_mul(layout.pitch)?;
        let start = plane.checked_add(below)?.checked_sub(above)?.checked_sub(layout.columns.before())?;
        let slots = layout.slots_under(self.outputs, A::Vector::<S>::LEN)?;
        pixels.get(start..start.checked_add(slots)?)
    }
}

/// Copies the rows under a block; apart, as [`tiles`] are.
#[inline(always)]
fn copy<S: Simd, A: Lanes>(simd: S, layout: &RowsLayout, under: &SlotRows, plane: &[A], slots: &mut [A]) {
    outlined(
        simd,
        #[inline(always)]
        || {
            let (width, stride, pitch) = (layout.columns.length(), layout.columns.stride(), layout.pitch);
            let first = (under.top + under.pixels.start).saturating_sub(layout.rows.before()).min(layout.rows.length());
            let pixels = &plane[first.saturating_sub(under.first_row) * width..][..under.pixels.len() * width];
            let Some(Dealt { phases, .. }) = &layout.dealt else {
                let slots = &mut slots[layout.columns.before()..][..under.rows * width];
                slots[..under.pixels.start * width].fill(A::default());
                slots[under.pixels.end * width..].fill(A::default());
                let slots = &mut slots[under.pixels.start * width..];
                slots.iter_mut().zip(pixels).for_each(|(slot, pixel)| *slot = *pixel);
                return;
            };
            let mut pixels = pixels.chunks_exact(width);
            for (row, slots) in slots.chunks_exact_mut(pitch).take(under.rows).enumerate() {
                let Some(pixels) = under.pixels.contains(&row).then(|| pixels.next()).flatten() else {
                    slots.fill(A::default());
                    continue;
                };
                for phase in phases {
                    let (slots, pixels) = (&mut slots[phase.slots.clone()], &pixels[phase.first..]);
                    match stride {
                        1 => copy_row(simd, pixels, slots),
                        _ => {
                            slots
                                .iter_mut()
                                .zip(pixels.iter().step_by(stride))
                                .for_each(|(slot, pixel)| *slot = *pixel);
                        }
                    }
                }
            }
        },
    );
}

/// Copies pixels to as many slots, a register at a time, the last of them some pixels once more.
#[inline(always)]
fn copy_row<S: Simd, A: Lanes>(simd: S, pixels: &[A], slots: &mut [A]) {
    let (lanes, count) = (A::Vector::<S>::LEN, slots.len().min(pixels.len()));
    let (pixels, slots) = (&pixels[..count], &mut slots[..count]);
    if count < lanes {
        slots.iter_mut().zip(pixels).for_each(|(slot, pixel)| *slot = *pixel);
        return;
    }
    for at in (0..count).step_by(lanes) {
        let at = at.min(count - lanes);
        A::Vector::<S>::from_slice(simd, &pixels[at..at + lanes]).store_slice(&mut slots[at..at + lanes]);
    }
}
