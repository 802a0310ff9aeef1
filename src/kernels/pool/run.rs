//! Windows, pooled: see [`run`].
//!
//! ```text
//!     for some rows of outputs together
//!         DOWN     rows of pixels → strips: the rows under each window, merged column by column
//!         ACROSS   strips → output: the columns under each window, in one pass or several, and finished
//! ```
//!
//! Rows are neighbours in memory, so DOWN needs no shuffle whatever the stride, and ACROSS works on strips in the first-level cache.

use std::ops::Range;

use super::BlockOperation;
use super::layout::{Down, Last, Layout, Pass};
use super::passes::{OutputRow, gathered, last, merge};
use super::strips::{Heads, LoadedRows, row_strips, rows, van_herk};
use crate::simd::cache;

/// Rows of outputs to be computed.
pub struct Task<'a, P, C> {
    pub(crate) layout: &'a Layout,
    /// From a map on, without so many of its first pixels, which no row of outputs asks for.
    pub(crate) pixels: &'a [P],
    pub(crate) skipped: usize,
    /// The first row of outputs, counted from that map.
    pub(crate) first: usize,
    pub(crate) output: &'a mut [P],
    /// What it computes in, as long as the layout says.
    pub(crate) cells: &'a mut [C],
    pub(crate) spare: &'a mut [P],
}

/// Rows of outputs that are computed together: they have the same plane of a volume.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowGroup {
    pub(super) plane: usize,
    pub(super) first: usize,
    pub(super) rows: usize,
    /// Where the map begins; it wraps around where pixels are skipped.
    pub(super) start: usize,
}

/// Computes rows of outputs, `N` cells at a time.
#[inline(always)]
pub(crate) fn run<O: BlockOperation<N>, const N: usize>(op: O, task: Task<'_, O::Pixel, O::Cell>) {
    let Task { layout, pixels, skipped, first, mut output, cells, spare } = task;
    let skip = cache::before_line(cells).min(Layout::ALIGNMENT);
    let cells = &mut cells[skip..];
    cells[..layout.part].fill(op.blank());
    let (spare, marks) = spare.split_at_mut(2 * layout.loaded);
    let source = LoadedRows::new(layout, pixels, spare);
    let (mut heads, mut sound) = (Heads::new(), 0..0);
    let mut unit = first;
    while !output.is_empty() {
        let (map, of_map) = (unit / layout.units(), unit % layout.units());
        let (plane, row) = (of_map / layout.rows.spans.len(), of_map % layout.rows.spans.len());
        let left = (output.len() / layout.outputs).min(layout.rows.spans.len() - row);
        let start = (map * layout.pixels()).wrapping_sub(skipped);
        let group = RowGroup { plane, first: row, rows: left.min(layout.group), start };
        let is_suspect = const { O::PROBES } && is_suspect(op, layout, &source, group, &mut sound);
        match layout.down {
            Down::Rows => rows(op, layout, &source, group, cells),
            Down::VanHerk { .. } => van_herk(op, layout, &source, &mut heads, group, cells),
            Down::EachRow { .. } => row_strips(op, layout, &source, group, cells),
        }
        for pass in &layout.passes {
            merge_pass::<O, N>(op, layout, pass, layout.strips_of(group.rows), cells);
        }
        across(op, GroupStrips::<O, N> { layout, group, cells, output });
        let written;
        (written, output) = output.split_at_mut(group.rows * layout.outputs);
        op.close(written);
        // First the constant, so that nothing is compiled for operations that do not probe.
        if const { O::PROBES } && is_suspect {
            mark_nan(layout, &source, group, marks, written);
        }
        unit += group.rows;
    }
}

/// Whether pixels under a group may be NaN. Those in `sound` are not.
#[inline(always)]
fn is_suspect<O: BlockOperation<N>, const N: usize>(
    op: O,
    layout: &Layout,
    source: &LoadedRows<'_, O::Pixel>,
    group: RowGroup,
    sound: &mut Range<usize>,
) -> bool {
    let mut suspect = false;
    source.each_plane(
        layout,
        group,
        #[inline(always)]
        |at, pixels| {
            let end = at + pixels.len();
            let known = if sound.contains(&at) { sound.end.min(end) - at } else { 0 };
            match op.is_suspect(&pixels[known..]) {
                true => (suspect, *sound) = (true, 0..0),
                false if known > 0 => sound.end = sound.end.max(end),
                false => *sound = at..end,
            }
        },
    );
    suspect
}

/// One pass over all strips, as one long row.
#[inline(always)]
fn merge_pass<O: BlockOperation<N>, const N: usize>(
    op: O,
    layout: &Layout,
    pass: &Pass,
    strips: usize,
    cells: &mut [O::Cell],
) {
    let (from, to) = cells.split_at_mut(pass.to);
    let reach = pass.terms.iter().map(|term| term % layout.part).max().unwrap_or(0);
    let length = (strips * layout.pitch + layout.lead).saturating_sub(reach).next_multiple_of(N);
    let to = &mut to[..length];
    match pass.terms[..] {
        [one, two] => merge::<O, N, 2>(op, [&from[one..], &from[two..]], to),
        [one, two, three] => merge::<O, N, 3>(op, [&from[one..], &from[two..], &from[three..]], to),
        [one, two, three, four] => {
            merge::<O, N, 4>(op, [&from[one..], &from[two..], &from[three..], &from[four..]], to);
        }
        _ => unreachable!("a pass has two to four terms"),
    }
}

/// The strips of a group, and where its outputs go.
struct GroupStrips<'a, O: BlockOperation<N>, const N: usize> {
    layout: &'a Layout,
    group: RowGroup,
    cells: &'a [O::Cell],
    output: &'a mut [O::Pixel],
}

#[inline(always)]
fn across<O: BlockOperation<N>, const N: usize>(op: O, mut across: GroupStrips<'_, O, N>) {
    match &across.layout.last {
        Last::Every(terms) => match terms[..] {
            [one] => across.each_row::<1, false>(op, [one]),
            [one, two] => across.each_row::<2, false>(op, [one, two]),
            [one, two, three] => across.each_row::<3, false>(op, [one, two, three]),
            [one, two, three, four] => across.each_row::<4, false>(op, [one, two, three, four]),
            _ => unreachable!("there are one to four terms"),
        },
        Last::Second(terms) => match terms[..] {
            [one] => across.each_row::<1, true>(op, [one]),
            [one, two] => across.each_row::<2, true>(op, [one, two]),
            [one, two, three] => across.each_row::<3, true>(op, [one, two, three]),
            [one, two, three, four] => across.each_row::<4, true>(op, [one, two, three, four]),
            _ => unreachable!("there are one to four terms"),
        },
        Last::Gather { from, taps } => {
            let cells = across.cells;
            across.rows(
                #[inline(always)]
                |at, row| gathered::<O, N>(op, &cells[at + from..], taps, row),
            );
        }
    }
}

impl<O: BlockOperation<N>, const N: usize> GroupStrips<'_, O, N> {
    #[inline(always)]
    fn each_row<const TERMS: usize, const SECOND: bool>(&mut self, op: O, terms: [usize; TERMS]) {
        let cells = self.cells;
        self.rows(
            #[inline(always)]
            |at, row| {
                let mut slices: [&[O::Cell]; TERMS] = [&[]; TERMS];
                for term in 0..TERMS {
                    slices[term] = &cells[at + terms[term]..];
                }
                last::<O, N, TERMS, SECOND>(op, slices, row);
            },
        );
    }

    /// Calls `write` for each row of outputs, and where its strip begins; once for all where strips follow one another as outputs do.
    #[inline(always)]
    fn rows(&mut self, write: impl Fn(usize, &mut OutputRow<'_, O::Pixel>)) {
        let Self { layout, group, output, .. } = self;
        let (count, outputs) = match layout.is_whole {
            true => (1, group.rows * layout.outputs),
            false => (group.rows, layout.outputs),
        };
        for row in 0..count {
            let (mut columns, mut factor) = (&[][..], 0);
            if let Some(counts) = layout.counts.as_ref().filter(|_| O::COUNTED) {
                columns = &counts.columns;
                factor = counts.planes[group.plane] as usize * counts.rows[group.first + row] as usize;
            }
            write(
                row * layout.step(),
                &mut OutputRow { columns, factor, outputs, output: &mut output[row * outputs..] },
            );
        }
    }
}

/// Gives NaN for every window with a NaN in it.
#[cold]
#[inline(never)]
#[allow(clippy::eq_op, reason = "NaN differs from itself")]
fn mark_nan<P: Copy + Default + PartialEq>(
    layout: &Layout,
    source: &LoadedRows<'_, P>,
    group: RowGroup,
    marks: &mut [P],
    output: &mut [P],
) {
    for (row, output) in output.chunks_exact_mut(layout.outputs).take(group.rows).enumerate() {
        let marks = &mut marks[..layout.used];
        marks.fill(P::default());
        let mut some = false;
        source.each_row(layout, group, group.first + row, |pixels| {
            for (mark, &pixel) in marks.iter_mut().zip(pixels) {
                let is_nan = pixel != pixel;
                *mark = if is_nan { pixel } else { *mark };
                some |= is_nan;
            }
        });
        if !some {
            continue;
        }
        for (span, output) in layout.columns.spans.iter().zip(output) {
            let mut under = (0..span.count).rev().map(|tap| marks[span.first + tap * layout.columns.step]);
            if let Some(nan) = under.find(|mark| mark != mark) {
                *output = nan;
            }
        }
    }
}
