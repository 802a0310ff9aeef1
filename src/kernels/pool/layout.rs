//! What a pooling lays down before it has any data: which pixels each window has, and how they are merged.

use std::ops::Range;

use super::columns::{Arena, Columns};

/// The pixels of one output on one axis: so many, from the first on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: usize,
    pub(crate) count: usize,
}

/// Windows on one axis, one for each output.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// Pixels.
    pub(crate) length: usize,
    /// The distance between two pixels of a window.
    pub(crate) step: usize,
    pub(crate) spans: Vec<Span>,
    /// The same as a rule, where there is one.
    pub(crate) rule: Option<Rule>,
}

/// Windows that all have the same size: tap `k` of output `o` lies at the pixel `o · stride + k · step − before`, if there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) before: usize,
    pub(crate) size: usize,
    pub(crate) stride: usize,
    /// Where this is a band: the number of its first output, and the pixels of the whole. How windows are merged is the same in a
    /// band as in the whole, to the bit.
    pub(crate) from: usize,
    pub(crate) whole: usize,
}

impl Side {
    pub(super) fn outputs(&self) -> usize {
        self.spans.len()
    }
}

/// How many pixels windows count: the product of one number for each axis.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(super) planes: Vec<u32>,
    pub(super) rows: Vec<u32>,
    /// Padded to whole blocks.
    pub(super) columns: Vec<u32>,
    outputs: usize,
}

/// How the rows under a window are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Down {
    /// All rows under each row of outputs: a strip for that.
    Rows,
    /// Tall windows: blocks of rows as high as a window, and of these the tails of one and the heads of the next
    /// (M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels", 1992).
    /// Rows are counted from the padding before the whole map on, of which this may be a band: `from` is its first row of outputs.
    VanHerk { size: usize, stride: usize, before: usize, from: usize },
    /// Narrow maps, and tall windows over volumes: a strip for each row of pixels, and the rows of the strips are merged as the columns are.
    EachRow { stride: usize, before: usize },
}

/// Merges several runs of cells, the terms, into one from the cell `to` on.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    /// The cell from which on each term lies: four terms at most.
    pub(crate) terms: Vec<usize>,
    pub(crate) to: usize,
}

/// How the outputs of a row come of its strip.
#[derive(Debug, Clone)]
pub(crate) enum Last {
    /// The terms merged, at every column.
    Every(Vec<usize>),
    /// The same at every second column.
    Second(Vec<usize>),
    /// Any other stride: for each tap, the number of the cell that each output reads, counted from the cell `from`, and padded to whole
    /// blocks.
    Gather { from: usize, taps: Vec<Vec<u32>> },
}

/// What the operation and the level say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merging {
    pub(crate) lanes: usize,
    pub(crate) cell_bytes: usize,
    pub(crate) idempotent: bool,
}

/// A pooling laid down.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) planes: Side,
    pub(crate) rows: Side,
    /// Pixels and outputs of a row, and as many of the pixels as any window reaches.
    pub(crate) row: usize,
    pub(crate) outputs: usize,
    pub(crate) used: usize,
    pub(crate) columns: Side,
    pub(crate) down: Down,
    /// Pixels of a row that are loaded: no less than a block.
    pub(crate) loaded: usize,
    /// Where the pixels begin in a strip, and from strip to strip.
    pub(crate) lead: usize,
    pub(crate) pitch: usize,
    /// Rows of outputs that are computed together, at most, and their strips.
    pub(crate) group: usize,
    pub(crate) strips: usize,
    /// Cells of the strips, with room behind them, and of what passes make of them.
    pub(crate) part: usize,
    pub(crate) passes: Vec<Pass>,
    pub(crate) last: Last,
    /// Whether the strips of a group follow one another as its outputs do, and all windows have as many pixels.
    pub(crate) is_whole: bool,
    /// Where rows are merged that are not complete, and where van Herk's way has its rows.
    pub(crate) partial: usize,
    pub(crate) cells: usize,
    pub(crate) counts: Option<Counts>,
}

/// Bytes of the strips that are computed together: they stay in the first-level cache.
const GROUP_BYTES: usize = 8 * 1024;
const NARROW_BYTES: usize = 12 * 1024;

/// Rows of outputs that are computed together, at most.
pub(crate) const MOST_ROWS: usize = 16;

/// What would need more cells is better pooled in none.
pub(crate) const MOST_CELLS: usize = 1 << 25;

/// Windows of more rows than this, and of more than so many strides, are merged by van Herk's way.
const TALL: usize = 6;
const TALL_STRIDES: usize = 3;

impl Layout {
    /// Memory is aligned to 64 bytes where it is used: so many cells are left over at most.
    pub(crate) const ALIGNMENT: usize = 64;

    /// `None` where strips would be out of all proportion: taps far apart, wide padding, or rows of many millions of pixels.
    pub(crate) fn new(sides: [Side; 3], mut counts: Option<Counts>, merging: Merging) -> Option<Self> {
        let [planes, rows, columns] = sides;
        let (row, outputs, lanes) = (columns.length, columns.outputs(), merging.lanes);
        let across = Columns::new(&columns, merging)?;
        let (used, lead) = (across.used, across.lead);
        let is_even = counts.as_ref().is_none_or(Counts::are_even);
        let down = down(&planes, &rows, &across, lanes);
        let is_whole = down == Down::Rows && across.whole_pitch.is_some() && is_even;
        let pitch = match down {
            Down::EachRow { .. } => across.shared_pitch,
            _ => across.whole_pitch.filter(|_| is_whole).unwrap_or(across.pitch),
        };
        let group = group(down, &rows, pitch * merging.cell_bytes);
        let strips = match down {
            Down::EachRow { stride, .. } => (group - 1) * stride + rows.reach(),
            _ => group,
        };
        // Blocks are loaded and stored whole.
        let part = strips.checked_mul(pitch)?.checked_add(lead + 4 * lanes)?.next_multiple_of(Self::ALIGNMENT);
        let mut memory = Arena { end: 0, part };
        let mut passes = Vec::new();
        let narrow = matches!(down, Down::EachRow { .. }).then(|| (rows.size(), rows.step * pitch));
        let together = if is_whole { group } else { 1 };
        let last = across.last(&mut memory, &mut passes, merging, narrow, together)?;
        let loaded = used.next_multiple_of(lanes);
        if let Some(counts) = counts.as_mut().filter(|_| is_whole) {
            counts.columns = vec![counts.columns[0]; (group * outputs).next_multiple_of(lanes)];
        }
        let partial = memory.end;
        let whole = rows.rule.map_or(rows.length, |rule| rule.whole);
        let rows_of_its_own = if let Down::VanHerk { size, .. } = down { size.min(whole) + 1 } else { 0 };
        let cells = loaded.checked_mul(rows_of_its_own)?.checked_add(partial)?.checked_add(Self::ALIGNMENT)?;
        if cells > MOST_CELLS {
            return None;
        }
        Some(Self {
            planes,
            rows,
            row,
            outputs,
            used,
            columns,
            down,
            loaded,
            lead,
            pitch,
            group,
            strips,
            part,
            passes,
            last,
            is_whole,
            partial,
            cells,
            counts,
        })
    }

    /// Rows of outputs of one map.
    pub(crate) fn units(&self) -> usize {
        self.planes.outputs() * self.rows.outputs()
    }

    pub(crate) fn pixels(&self) -> usize {
        self.planes.length * self.rows.length * self.row
    }

    /// The first and the last row of pixels that some rows of outputs come of. Where taps lie apart, a later window may begin at an earlier
    /// row, and those with strips for each row of pixels have some for the rows between, too.
    #[inline(always)]
    pub(super) fn rows_under(&self, rows: Range<usize>) -> (usize, usize) {
        if let Down::EachRow { stride, before } = self.down {
            let end = (rows.end - 1) * stride + self.rows.reach();
            let first = (rows.start * stride).saturating_sub(before).min(self.rows.length - 1);
            return (first, end.saturating_sub(before).clamp(first + 1, self.rows.length) - 1);
        }
        let spans = &self.rows.spans[rows];
        let first = spans.iter().map(|span| span.first).min().unwrap_or(0);
        let last = spans.iter().map(|span| span.first + (span.count - 1) * self.rows.step).max().unwrap_or(0);
        (first, last)
    }

    /// The pixels of a map from the first to the last under some rows of outputs of a plane.
    pub(crate) fn under(&self, plane: usize, rows: Range<usize>) -> Range<usize> {
        let (planes, (first, last)) = (self.planes.spans[plane], self.rows_under(rows));
        let last_plane = planes.first + (planes.count - 1) * self.planes.step;
        (planes.first * self.rows.length + first) * self.row..(last_plane * self.rows.length + last + 1) * self.row
    }

    /// The same for some rows of outputs of a map, which may be of several planes.
    pub(crate) fn under_units(&self, units: Range<usize>) -> Range<usize> {
        let rows = self.rows.outputs();
        let last = units.end.max(1) - 1;
        let of_plane = |plane: usize| {
            let first = if plane == units.start / rows { units.start % rows } else { 0 };
            let end = if plane == last / rows { last % rows + 1 } else { rows };
            self.under(plane, first..end)
        };
        let planes = (units.start / rows..=last / rows).map(of_plane);
        planes.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end)).unwrap_or(0..0)
    }

    /// More of these than this there are not, where so many rows of outputs are taken together, wherever they begin.
    pub(crate) fn most_under(&self, rows: usize) -> usize {
        let deep = self.planes.spans.iter().map(|span| (span.count - 1) * self.planes.step).max().unwrap_or(0);
        let down = self.rows.rule.map_or(usize::MAX, |rule| {
            let reach = rule.size.saturating_mul(self.rows.step);
            (rows - 1).saturating_mul(rule.stride).saturating_add(reach)
        });
        (deep * self.rows.length + down.min(self.rows.length)) * self.row
    }

    /// The largest number of pixels that a window counts.
    pub(crate) fn most_counted(&self) -> usize {
        let most = |counts: &[u32]| counts.iter().max().map_or(1, |&count| count as usize);
        let of = |counts: &Counts| {
            [&counts.planes, &counts.rows, &counts.columns]
                .into_iter()
                .map(|counts| most(counts))
                .fold(1, usize::saturating_mul)
        };
        self.counts.as_ref().map_or(1, of)
    }

    /// Pixels to compute in: the last rows of all, with room behind them, and which pixels are NaN.
    pub(crate) fn spare(&self) -> usize {
        3 * self.loaded
    }

    /// The strips of so many rows of outputs.
    #[inline(always)]
    pub(crate) fn strips_of(&self, rows: usize) -> usize {
        match self.down {
            Down::EachRow { stride, .. } => self.strips - (self.group - rows) * stride,
            _ => rows,
        }
    }

    /// From row of outputs to row of outputs in the strips.
    #[inline(always)]
    pub(crate) fn step(&self) -> usize {
        match self.down {
            Down::EachRow { stride, .. } => stride * self.pitch,
            _ => self.pitch,
        }
    }

    /// Rows of outputs that are worth computing at a time: fewer share too much with their neighbours.
    pub(crate) fn least_rows(&self) -> usize {
        match self.down {
            Down::VanHerk { size, stride, .. } => 4 * size / stride,
            _ => self.group,
        }
    }

    /// What it computes by.
    pub(crate) fn name(&self) -> &'static str {
        match self.down {
            Down::Rows => "rows",
            Down::VanHerk { .. } => "van Herk",
            Down::EachRow { .. } => "row strips",
        }
    }
}

impl Counts {
    /// The counts of planes, rows and columns, for blocks of so many lanes.
    pub(crate) fn new([planes, rows, mut columns]: [Vec<u32>; 3], lanes: usize) -> Self {
        let outputs = columns.len();
        columns.resize(outputs.next_multiple_of(lanes), 1);
        Self { planes, rows, columns, outputs }
    }

    /// Whether all windows count as many pixels.
    fn are_even(&self) -> bool {
        let even = |counts: &[u32]| counts.iter().all(|&count| count == counts[0]);
        even(&self.planes) && even(&self.rows) && even(&self.columns[..self.outputs])
    }
}

impl Side {
    fn size(&self) -> usize {
        self.rule.map_or(0, |rule| rule.size)
    }

    /// The pixels that a window covers.
    fn reach(&self) -> usize {
        (self.size() - 1) * self.step + 1
    }
}

/// How many rows of outputs are computed together, where a strip has so many bytes.
fn group(down: Down, rows: &Side, bytes: usize) -> usize {
    let most = match down {
        Down::EachRow { stride, .. } => (NARROW_BYTES / bytes).saturating_sub(rows.reach()) / stride + 1,
        _ => (GROUP_BYTES / bytes).min(MOST_ROWS),
    };
    let outputs = rows.outputs().max(1);
    // All groups as large as one another.
    outputs.div_ceil(outputs.div_ceil(most.clamp(1, outputs)))
}

/// How strips come of rows of pixels.
fn down(planes: &Side, rows: &Side, across: &Columns, lanes: usize) -> Down {
    let Some(Rule { before, size, stride, from, whole }) = rows.rule else { return Down::Rows };
    let is_flat = planes.rule.is_some_and(|rule| rule.size == 1);
    let is_tall = size > TALL && size > TALL_STRIDES * stride && rows.step == 1;
    // Windows that reach far beyond the map have few rows of it.
    let is_near = rows.reach() <= whole.saturating_mul(REACH);
    let is_narrow = stride == 1 && size > 1 && across.used <= NARROW_BLOCKS * lanes;
    match is_flat {
        _ if is_near && is_narrow => Down::EachRow { stride, before },
        true if is_tall => Down::VanHerk { size, stride, before: before + from * stride, from },
        false if is_near && is_tall => Down::EachRow { stride, before },
        _ => Down::Rows,
    }
}

/// Windows may reach over so many times the rows that there are, for the rows between to be laid down.
const REACH: usize = 3;

/// Rows of no more blocks are merged as one long row.
const NARROW_BLOCKS: usize = 2;
