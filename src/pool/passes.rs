//! What is done for one band of output rows, laid down when a pooling meets its input.
//!
//! A window is merged along its rows first and then along its columns, so that a pixel is taken up by few merges however
//! many windows it lies under:
//!
//! ```text
//!     stage    rows of pixels → slab, padding written out, one part for each phase of the stride
//!     across   slab → slab: the pixels under one row of a window
//!     down     slab → output: the rows under a window
//! ```

use std::ops::{Range, RangeInclusive};

use super::halves::TALLEST;
use super::problem::{Part, Problem};
use super::short;
use super::tiles::{MARGIN, Slab, Step, levels, tiles};
use crate::window::Axis;

/// A band stays within this, of the first-level cache.
const BAND_BYTES: usize = 24 * 1024;

/// A slab has no more places than this, before it is divided into parts.
const MOST_PLACES: usize = 1 << 26;

/// How a row of pixels is spread over the slab: pixel `j` lies at `lead + j`, and place `p` in part `p mod stride` at
/// `p / stride`.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    pub(super) stride: usize,
    pub(super) lead: usize,
    /// As many pixels of a row as any window reaches.
    pub(super) pixels: usize,
    /// The start of each part in the slab; none for a part that no tap reads.
    pub(super) parts: Vec<Option<usize>>,
    /// From row to row of a part.
    pub(super) pitch: usize,
}

impl Spread {
    /// Takes all pixels of a row to be padding.
    #[inline(always)]
    pub(super) fn blank<A: Copy>(&self, row: usize, start: A, slab: &mut [A]) {
        for part in self.parts.iter().flatten() {
            slab[part + row * self.pitch..][..self.pitch].fill(start);
        }
        // Where padding is shared with the next row, a row begins with it.
        if self.stride == 1
            && let Some(part) = self.parts[0]
        {
            slab[part + row * self.pitch + self.lead..][..self.pixels].fill(start);
        }
    }
}

/// The places of steps that a band needs.
pub(super) struct Needed {
    /// Those of rows of pixels, and as far behind them as windows reach.
    pub(super) across: Range<usize>,
    pub(super) down: Range<usize>,
    /// Those of rows of pixels alone, and of all rows.
    pixels: Range<usize>,
    rows: usize,
}

/// Windows along a row that are merged of two tiles of eight pixels, which may lie one over the other; they have tiles of four, too.
const DOUBLED: RangeInclusive<usize> = 8..=16;

/// How such windows are merged: the tiles of eight from each of so many places on, and the windows.
#[derive(Debug, Clone)]
pub(super) struct Doubled {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) length: usize,
    pub(super) windows: Step,
}

#[derive(Debug, Clone)]
pub(super) struct Passes {
    pub(super) problem: Problem,
    pub(super) spread: Spread,
    pub(super) across: Vec<Step>,
    /// The same for operations that round nothing, and windows of middling size.
    pub(super) doubled: Option<Doubled>,
    /// How many places behind a row the windows reach that steps across merge.
    reach: usize,
    /// Where a long window has a stride: the outputs of the rows of windows, thinned out of those at stride 1.
    pub(super) thin: Option<(usize, Spread)>,
    /// The rows of windows, `[plane, row, column]`.
    pub(super) rows_at: usize,
    pub(super) pitch: usize,
    /// Whether windows are so tall that operations which round nothing put them together from halves: else, by steps.
    pub(super) halves: bool,
    pub(super) down: Vec<Step>,
    /// For each plane under a window and each of its rows (or tall tiles of them): where the first output has it.
    pub(super) last: Vec<usize>,
    /// From one row of outputs to the next.
    pub(super) row_step: usize,
    /// Output rows of a band, at most, and the rows under them.
    pub(super) band: usize,
    pub(super) rows: usize,
    /// Whether short rows are merged otherwise by operations that round nothing.
    pub(super) may_be_short: bool,
    pub(super) slab: usize,
}

impl Passes {
    /// For bands of as many rows as fit into the cache, with a slab of `T`. `None` where the slab would be out of all proportion to the layer: wide padding, or taps far apart.
    pub(super) fn new<T>(problem: &Problem) -> Option<Self> {
        let [_, rows, _] = &problem.axes;
        let outputs = rows.outputs();
        let least = Self::with_band(problem, 1)?;
        let overlap = (rows.size() - 1).saturating_mul(rows.dilation()) + 1;
        let overlap = overlap.saturating_sub(rows.stride()).div_ceil(rows.stride());
        // The slab of another row of outputs.
        let more = if outputs > 1 { Self::with_band(problem, 2)?.slab - least.slab } else { 1 };
        let fit = 1 + (BAND_BYTES / size_of::<T>().max(1)).saturating_sub(least.slab) / more.max(1);
        // Rows that two bands have in common are done twice: not more than a few of them.
        let most = fit.max(3 * overlap).min(outputs);
        Self::with_band(problem, outputs.div_ceil(outputs.div_ceil(most)))
    }

    /// Rows under one plane of a window that a band shorter than others does not need, of those laid down for it.
    #[inline(always)]
    pub(super) fn lacking(&self, part: Part) -> usize {
        (self.band - part.rows) * self.problem.axes[1].stride()
    }

    /// What a band needs of the steps. Where there are several planes, that is all.
    #[inline(always)]
    pub(super) fn needed(&self, part: Part) -> Needed {
        let planes = self.problem.axes[0].size();
        let (rows, pixels) = match planes {
            1 => {
                let rows = self.rows - self.lacking(part);
                (rows, self.problem.under(part, 0).pixels(rows))
            }
            _ => (self.rows * planes, 0..self.rows * planes),
        };
        let pitch = self.spread.pitch;
        let pixels = pixels.start * pitch..pixels.end * pitch;
        Needed { across: pixels.start..pixels.end + self.reach, pixels, rows: rows * pitch, down: 0..rows * self.pitch }
    }

    /// Blanks the rows of windows over padding alone, which the steps across have left out.
    #[inline(always)]
    pub(super) fn pad<A: Copy>(&self, needed: &Needed, start: A, slab: &mut [A]) {
        if let Some(step) = self.across.last() {
            let rows = &mut slab[step.to..][..needed.rows];
            rows[..needed.pixels.start].fill(start);
            rows[needed.pixels.end..].fill(start);
        }
    }

    /// Calls `stage` with every row of the slab that a band needs and the pixels that come there; none where it lies outside the
    /// input.
    #[inline(always)]
    pub(super) fn each_row<'a, T>(&self, part: Part, pixels: &'a [T], mut stage: impl FnMut(usize, Option<&'a [T]>)) {
        let (planes, rows) = (self.problem.axes[0].size(), self.rows - self.lacking(part));
        for tap in 0..planes {
            let under = self.problem.under(part, tap);
            // Steps across leave out rows of padding, where there is one plane.
            let staged = if self.across.is_empty() || planes > 1 { 0..rows } else { under.pixels(rows) };
            for row in staged {
                let pixels = under.start(row).map(|start| &pixels[start..][..self.spread.pixels]);
                stage(tap * self.rows + row, pixels);
            }
        }
    }

    /// Thins out the rows of windows, where a long window has a stride.
    #[inline(always)]
    pub(super) fn thin_out<A: Copy>(&self, slab: &mut [A]) {
        let planes = self.problem.axes[0].size();
        let Some((from, spread)) = &self.thin else { return };
        let (done, rest) = slab.split_at_mut(self.rows_at);
        for (row, thin) in rest.chunks_exact_mut(spread.pitch).take(self.rows * planes).enumerate() {
            let pixels = done[from + row * self.spread.pitch..].iter().step_by(spread.stride);
            thin.iter_mut().zip(pixels).for_each(|(place, &pixel)| *place = pixel);
        }
    }

    fn with_band(problem: &Problem, band: usize) -> Option<Self> {
        let [planes, rows, columns] = &problem.axes;
        let reach =
            |axis: &Axis, outputs: usize| (outputs - 1) * axis.stride() + (axis.size() - 1) * axis.dilation() + 1;
        let (wide, high) = (reach(columns, columns.outputs()), reach(rows, band));
        let in_proportion =
            problem.pixels().saturating_add(problem.outputs()).saturating_mul(16).saturating_add(1 << 14);
        if wide.checked_mul(high)?.checked_mul(planes.size())? > in_proportion.min(MOST_PLACES) {
            return None;
        }

        let mut slab = Slab { end: 0 };
        // The stride of a single output is of no account.
        let stride = if columns.outputs() == 1 { 1 } else { columns.stride() };
        let dilation = columns.dilation();
        let (steps_of_four, tiling) = tiles(columns.size());
        // Thinning out what stride 1 gives pays where taking every tap costs more.
        let long = steps_of_four > 0 && columns.size() > stride * (tiling.len() + 5 * steps_of_four as usize);
        let phases = if long { 1 } else { stride };
        let lead = columns.before();
        let pixels = columns.length().min(wide.checked_sub(lead)?);
        let pitch = match phases {
            // Neighbouring rows share the padding between them.
            1 => pixels + lead.max(wide - lead - pixels),
            _ => wide.div_ceil(phases),
        };
        let length = planes.size() * high * pitch;
        // Behind the last row, as far as taps reach.
        let reach = lead + (columns.size() - 1) * dilation;
        let part = length + reach;
        let mut read = vec![false; phases];
        (0..columns.size()).for_each(|tap| read[tap * dilation % phases] = true);
        let mut parts = Vec::with_capacity(phases);
        for read in read {
            parts.push(if read { Some(slab.take(part)?) } else { None });
        }
        let spread = Spread { stride: phases, lead, pixels, parts, pitch };

        let doubles = dilation == 1 && DOUBLED.contains(&columns.size());
        let (mut across, terms, tiles_at) = if long || stride == 1 {
            let (places, steps) = levels(&mut slab, spread.parts[0]?, steps_of_four, dilation, part)?;
            let terms = tiling.iter().map(|&(level, tap)| places[level as usize] + tap * dilation).collect();
            (steps, terms, places.get(1).copied().filter(|_| doubles))
        } else {
            let place = |tap: usize| Some(spread.parts[tap * dilation % phases]? + tap * dilation / phases);
            (Vec::new(), (0..columns.size()).map(place).collect::<Option<Vec<_>>>()?, None)
        };
        let mut rows_at = match terms[..] {
            [place] => place,
            _ => {
                let to = slab.take(length)?;
                across.push(Step { terms, to, count: length });
                to
            }
        };
        let doubled = tiles_at.zip(across.last()).zip(spread.parts[0]).map(|((to, last), from)| {
            let windows = Step { terms: vec![to, to + columns.size() - 8], ..last.clone() };
            Doubled { from, to, length: part, windows }
        });
        let (mut thin, mut down_pitch) = (None, pitch);
        if long && stride > 1 {
            let from = std::mem::replace(&mut rows_at, slab.take(planes.size() * high * columns.outputs())?);
            down_pitch = columns.outputs();
            let pixels = (columns.outputs() - 1) * stride + 1;
            thin = Some((from, Spread { stride, lead: 0, pixels, parts: vec![Some(rows_at)], pitch: down_pitch }));
        }

        // With a stride, most of the halves would be of windows that are not there.
        let tall = rows.size() <= TALLEST && rows.size() > rows.stride().saturating_mul(5);
        let halves = tall && planes.size() == 1 && rows.dilation() == 1;
        let (steps_of_four, tiling) = tiles(rows.size());
        // Of a single row, the distance to the next is of no account, and might be too large to count.
        let row_step = if rows.size() == 1 { 0 } else { rows.dilation() * down_pitch };
        let plane = high * down_pitch;
        let (places, down) = levels(&mut slab, rows_at, steps_of_four, row_step, planes.size() * plane)?;
        let last = (0..planes.size()).flat_map(|number| {
            let places = &places;
            tiling.iter().map(move |&(level, tap)| places[level as usize] + number * plane + tap * row_step)
        });
        let last: Vec<_> = last.collect();
        let row_step = if rows.outputs() == 1 { 0 } else { rows.stride() * down_pitch };
        let short = short::memory(problem);
        let slab = (slab.end + MARGIN).max(short.unwrap_or(0));
        Some(Self {
            problem: problem.clone(),
            spread,
            across,
            doubled,
            reach,
            thin,
            rows_at,
            halves,
            pitch: down_pitch,
            down,
            last,
            row_step,
            band,
            rows: high,
            may_be_short: short.is_some(),
            slab,
        })
    }
}
