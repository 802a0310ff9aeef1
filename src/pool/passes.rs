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
//!
//! A long window at stride 1 is merged in steps of four: the windows of 4 pixels, of them the windows of 16, and so on; then
//! it is tiled by them, 13 = 4 + 4 + 4 + 1. The cost grows with the logarithm of its size. A sum taken so has a smaller error
//! than one taken pixel by pixel, for nothing is ever subtracted, and the order of the pixels is kept.

use super::operation::Operation;
use super::problem::Problem;
use crate::tensor::collected;
use crate::window::Axis;

/// Pixels that kernels may read and merge, to no effect, behind the end of a part of the slab: four registers of the widest.
pub(super) const MARGIN: usize = 4 * 64;

/// A band stays within this, of the first-level cache.
const BAND_BYTES: usize = 24 * 1024;

/// A slab has no more places than this, before it is divided into parts.
const MOST_PLACES: usize = 1 << 26;

/// `slab[to + i] = slab[terms[0] + i] ∘ slab[terms[1] + i] ∘ …`, for as many `i`.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) terms: Vec<usize>,
    pub(super) to: usize,
    pub(super) count: usize,
}

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

/// A small square window, whose rows stay in registers from one row of outputs to the next: there is neither a slab of merged rows
/// nor a pass down. Of floats alone: the kernels of every pixel would take long to compile.
#[derive(Debug, Clone)]
pub(super) struct Small {
    pub(super) size: usize,
    pub(super) stride: usize,
    /// Where the slab has each tap of a row of the first window.
    pub(super) terms: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Passes {
    pub(super) spread: Spread,
    /// Where the window is small and square: see [`Small`].
    pub(super) small: Option<Small>,
    pub(super) across: Vec<Step>,
    /// Where a long window has a stride: the outputs of the rows of windows, thinned out of those at stride 1.
    pub(super) thin: Option<(usize, Spread)>,
    /// The rows of windows, `[plane, row, column]`.
    pub(super) rows_at: usize,
    pub(super) pitch: usize,
    pub(super) down: Vec<Step>,
    /// For each plane under a window and each of its rows (or tall tiles of them): where the first output has it.
    pub(super) last: Vec<usize>,
    /// From one row of outputs to the next.
    pub(super) row_step: usize,
    /// Output rows of a band, at most, and the rows under them.
    pub(super) band: usize,
    pub(super) rows: usize,
    pub(super) slab: usize,
}

/// How windows of so many taps are tiled: how many levels of tiles there are, each four times as long as the one before, and the
/// tiles in order, each with its level and first tap.
fn tiles(taps: usize) -> (u32, Vec<(u32, usize)>) {
    let count = |levels: u32| {
        let largest = taps >> (2 * levels);
        let smaller: usize = (0..levels).map(|level| taps >> (2 * level) & 3).sum();
        largest + smaller
    };
    // A level takes four reads and a write.
    let cost = |levels: &u32| count(*levels).saturating_add(5 * *levels as usize);
    let levels = (0..=taps.ilog2() / 2).min_by_key(cost).unwrap_or(0);
    let mut tiles = Vec::with_capacity(count(levels));
    let mut tap = 0;
    for level in (0..=levels).rev() {
        while taps - tap >= 1 << (2 * level) {
            tiles.push((level, tap));
            tap += 1 << (2 * level);
        }
    }
    (levels, tiles)
}

/// Takes parts of the slab one after the other.
struct Slab {
    end: usize,
}

impl Slab {
    fn take(&mut self, length: usize) -> Option<usize> {
        let start = self.end;
        self.end = start.checked_add(length)?.checked_add(MARGIN)?;
        Some(start)
    }
}

/// The steps that make all levels of tiles; the levels' places are returned, the first of them `from`.
fn levels(slab: &mut Slab, from: usize, levels: u32, step: usize, length: usize) -> Option<(Vec<usize>, Vec<Step>)> {
    let (mut places, mut steps) = (vec![from], Vec::new());
    for level in 0..levels {
        let tile = step.checked_mul(1 << (2 * level))?;
        let from = *places.last()?;
        let to = slab.take(length)?;
        let terms = (0..4).map(|number| from + number * tile).collect();
        // A tile that does not end within the part is of no use.
        steps.push(Step { terms, to, count: length.saturating_sub(3 * tile) });
        places.push(to);
    }
    Some((places, steps))
}

impl Passes {
    /// For bands of as many rows as fit into the cache, with a slab of `T`; small windows as such, if that is asked for. `None` where the slab would be out of all proportion to the layer: wide
    /// padding, or taps far apart.
    pub(super) fn new<T>(problem: &Problem, small: bool) -> Option<Self> {
        let [_, rows, _] = &problem.axes;
        let outputs = rows.outputs();
        let least = Self::with_band(problem, small, 1)?;
        let overlap = (rows.size() - 1).saturating_mul(rows.dilation()) + 1;
        let overlap = overlap.saturating_sub(rows.stride()).div_ceil(rows.stride());
        // The slab of another row of outputs.
        let more = if outputs > 1 { Self::with_band(problem, small, 2)?.slab - least.slab } else { 1 };
        let fit = 1 + (BAND_BYTES / size_of::<T>()).saturating_sub(least.slab) / more.max(1);
        // Rows that two bands have in common are done twice: not more than a few of them.
        let most = fit.max(3 * overlap).min(outputs);
        Self::with_band(problem, small, outputs.div_ceil(outputs.div_ceil(most)))
    }

    /// Thins out the rows of windows of `planes` planes, where a long window has a stride.
    #[inline(always)]
    pub(super) fn thin_out<A: Copy>(&self, planes: usize, slab: &mut [A]) {
        let Some((from, spread)) = &self.thin else { return };
        let (done, rest) = slab.split_at_mut(self.rows_at);
        for (row, thin) in rest.chunks_exact_mut(spread.pitch).take(self.rows * planes).enumerate() {
            let pixels = done[from + row * self.spread.pitch..].iter().step_by(spread.stride);
            thin.iter_mut().zip(pixels).for_each(|(place, &pixel)| *place = pixel);
        }
    }

    fn with_band(problem: &Problem, small: bool, band: usize) -> Option<Self> {
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
        let part = length + lead + (columns.size() - 1) * dilation;
        let mut read = vec![false; phases];
        (0..columns.size()).for_each(|tap| read[tap * dilation % phases] = true);
        let mut parts = Vec::with_capacity(phases);
        for read in read {
            parts.push(if read { Some(slab.take(part)?) } else { None });
        }
        let spread = Spread { stride: phases, lead, pixels, parts, pitch };

        let (mut across, terms) = if long || stride == 1 {
            let (places, steps) = levels(&mut slab, spread.parts[0]?, steps_of_four, dilation, part)?;
            let terms = tiling.iter().map(|&(level, tap)| places[level as usize] + tap * dilation).collect();
            (steps, terms)
        } else {
            let place = |tap: usize| Some(spread.parts[tap * dilation % phases]? + tap * dilation / phases);
            (Vec::new(), (0..columns.size()).map(place).collect::<Option<Vec<_>>>()?)
        };
        let small = (small
            && planes.size() == 1
            && columns.size() == rows.size()
            && rows.dilation() == 1
            && matches!((rows.size(), rows.stride()), (2, 2) | (3, 1 | 2)))
        .then(|| Small { size: rows.size(), stride: rows.stride(), terms: terms.clone() });
        let mut rows_at = match terms[..] {
            [first, ..] if small.is_some() => first,
            [place] => place,
            _ => {
                let to = slab.take(length)?;
                across.push(Step { terms, to, count: length });
                to
            }
        };
        let (mut thin, mut down_pitch) = (None, pitch);
        if long && stride > 1 {
            let from = std::mem::replace(&mut rows_at, slab.take(planes.size() * high * columns.outputs())?);
            down_pitch = columns.outputs();
            let pixels = (columns.outputs() - 1) * stride + 1;
            thin = Some((from, Spread { stride, lead: 0, pixels, parts: vec![Some(rows_at)], pitch: down_pitch }));
        }

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
        let slab = slab.end + MARGIN;
        Some(Self {
            spread,
            small,
            across,
            thin,
            rows_at,
            pitch: down_pitch,
            down,
            last,
            row_step,
            band,
            rows: high,
            slab,
        })
    }
}

/// How many pixels a window counts: a number for each column of outputs, times one for the row.
#[derive(Debug, Clone)]
pub(super) struct Counts<T> {
    /// Room for a register behind the last.
    pub(super) columns: Vec<T>,
    /// For each row of outputs on each of the other axes.
    planes: Vec<usize>,
    rows: Vec<usize>,
    /// Whether all counts are powers of two, so that a product with the inverse, which is faster, is the quotient.
    pub(super) inverted: bool,
}

impl<T: Copy + Default> Counts<T> {
    pub(super) fn new(problem: &Problem, operation: Operation, number: fn(usize, bool) -> T) -> Option<Self> {
        let include_pad = operation.count_include_pad();
        let (mut columns, mut inverted) = (Vec::new(), false);
        let (mut planes, mut rows) = (Vec::new(), Vec::new());
        if let Operation::Average { .. } = operation {
            let axis =
                |axis: &Axis| (0..axis.outputs()).all(|output| count(axis, output, include_pad).is_power_of_two());
            inverted = problem.axes.iter().all(axis);
            let outputs = problem.axes[2].outputs();
            columns.try_reserve_exact(outputs + MARGIN).ok()?;
            columns.extend((0..outputs).map(|output| number(count(&problem.axes[2], output, include_pad), inverted)));
            columns.resize(outputs + MARGIN, T::default());
            let counts =
                |axis: &Axis| collected((0..axis.outputs()).map(|output| count(axis, output, include_pad))).ok();
            (planes, rows) = (counts(&problem.axes[0])?, counts(&problem.axes[1])?);
        }
        Some(Self { columns, planes, rows, inverted })
    }

    /// The factor that the row of outputs has in common.
    #[inline(always)]
    pub(super) fn of_row(&self, plane: usize, row: usize) -> usize {
        self.planes[plane] * self.rows[row]
    }
}

pub(super) fn count(axis: &Axis, output: usize, include_pad: bool) -> usize {
    if include_pad { axis.taps_within_padding(output) } else { axis.by_output(output).range.len() }
}

#[cfg(test)]
mod tests {
    use super::tiles;

    #[test]
    fn tiles_cover_a_window_in_order_once() {
        for taps in 1..2000 {
            let (levels, tiles) = tiles(taps);
            let mut covered = 0;
            for &(level, tap) in &tiles {
                assert!(level <= levels && tap == covered, "{taps}");
                covered += 1 << (2 * level);
            }
            assert_eq!(covered, taps);
            assert!(tiles.len() < 20, "{taps} taps in {} tiles", tiles.len());
        }
    }
}
