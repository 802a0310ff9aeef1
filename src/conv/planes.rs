//! Layers whose filters see one channel each: what a plan knows for [`rows`](super::rows) and
//! [`separable`](super::separable).

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut3, Axis as ArrayAxis, Slice};

use super::algorithm::Algorithm;
use super::choose::LATENCY;
use super::fast::{Method, Piece, Settings, are_all_finite};
use super::kernels::{Kernels, has_all_kernels};
use super::pack::{Pack, pack};
use super::packing::Packing;
use super::pieces::Units;
use super::problem::Problem;
use super::rows::{self, Rows, RowsLayout, is_narrow};
use super::separable::{Passes, Separable};
use crate::kernels::panels::Aligned;
use crate::simd::{Lanes, Level, has_many_registers, lanes};
use crate::tensor::TensorView;
use crate::window::{Axis, AxisSpec, PaddingMode};

/// Shares start with rows that are a multiple of this: most tiles have as many.
const ROWS_OF_A_TILE: usize = 4;

/// What is copied of a plane at a time should stay in the second-level cache.
const STRIP_BYTES: usize = 256 << 10;

/// How the planes of a layer are computed.
#[derive(Debug)]
pub(super) struct Planes {
    way: PlaneWay,
    /// Whether all weights are finite.
    finite: bool,
    /// How the rows under a strip are copied, of a plane whose pixels do not lie row by row, or whose padding is not zeros.
    copying: Packing,
    /// Rows of outputs of a strip.
    strip: usize,
    /// Whether every plane is copied, with its padding among the pixels.
    padded: bool,
}

#[derive(Debug)]
enum PlaneWay {
    OnePass(Box<RowsLayout>),
    TwoPasses(Box<Passes>),
}

impl PlaneWay {
    /// Of the pass that reads the pixels.
    fn layout(&self) -> &RowsLayout {
        match self {
            Self::OnePass(layout) => layout,
            Self::TwoPasses(passes) => passes.along_columns(),
        }
    }
}

impl Planes {
    /// `None` where the kernels would need scratch out of all proportion to the layer.
    pub(super) fn new<A: Kernels>(
        problem: &Problem,
        algorithm: Algorithm,
        level: Level,
        weights: &TensorView<'_, A>,
    ) -> Option<Self> {
        let padded = problem.mode != PaddingMode::Zeros;
        let [point, rows, columns] = problem.axes;
        let as_read = |axis: Axis| if padded { axis.with_padding_as_pixels() } else { axis };
        let (rows_read, columns_read) = (as_read(rows), as_read(columns));
        let room = problem.proportionate();
        let way = match algorithm {
            Algorithm::Separable if const { has_all_kernels::<A>() } => {
                PlaneWay::TwoPasses(Box::new(Passes::new::<A>(level, rows_read, columns_read, room)?))
            }
            _ => PlaneWay::OnePass(Box::new(RowsLayout::new::<A>(level, rows_read, columns_read, room)?)),
        };
        let layout = way.layout();
        let (extent, stride) = (layout.rows_under(1)?, rows.stride());
        let in_cache = STRIP_BYTES / size_of::<A>() / columns_read.length();
        // Neighbouring strips read the rows between them twice: no more than half of what they read.
        let strip = (in_cache.saturating_sub(extent) / stride + 1).max(extent / stride).max(layout.block());
        let strip = strip.min(rows.outputs());
        let rows_of_strip = layout.rows_under(strip)?.min(rows_read.length());
        let copied = |axis: Axis| {
            let (before, after) = if padded { (axis.before(), axis.after()) } else { (0, 0) };
            AxisSpec { axis: 0, length: axis.length(), size: 1, stride: 1, dilation: 1 }.with_outputs(
                before,
                after,
                as_read(axis).length(),
            )
        };
        let copy = Problem { axes: [point, copied(rows), copied(columns)], ..problem.clone() };
        let copying = Packing::new(&copy, [1, rows_of_strip, columns_read.length()])?;
        let planes = Self { way, finite: are_all_finite(weights), copying, strip, padded };
        let scratch = planes.kernel_scratch().checked_add(planes.copying.volume())?;
        (scratch <= room).then_some(planes)
    }

    fn kernel_scratch(&self) -> usize {
        match &self.way {
            PlaneWay::OnePass(layout) => layout.scratch_length(),
            PlaneWay::TwoPasses(passes) => passes.scratch_length(),
        }
    }

    /// Computes the maps of some filters, of whose channels the pixels are.
    fn maps<A: Kernels>(
        &self,
        settings: &Settings<A>,
        (pixels, first_row): (&[A], usize),
        filters: Range<usize>,
        band: Range<usize>,
        output: ArrayViewMut3<'_, A>,
        scratch: &mut [A],
    ) {
        let problem = &settings.problem;
        let weights_of_a_filter = settings.weights.len() / (problem.groups * problem.filters);
        let rows = |layout| Rows {
            layout,
            pixels,
            first_pixel: 0,
            first_row,
            weights: &settings.weights[filters.start * weights_of_a_filter..],
            finite: self.finite,
            filters_of_a_channel: problem.filters.min(filters.len()),
            finish: settings.finish(filters.clone()),
            band: band.clone(),
            output,
            scratch,
        };
        match &self.way {
            PlaneWay::OnePass(layout) => rows::compute(layout.level(), rows(layout)),
            PlaneWay::TwoPasses(_) if const { !has_all_kernels::<A>() } => {
                unreachable!("these numbers have no such kernel")
            }
            PlaneWay::TwoPasses(passes) => {
                Separable { passes, rows: rows(passes.along_columns()) }.compute();
            }
        }
    }
}

/// What [`Algorithm::Rows`] costs. No filter shares its pixels with another.
pub(super) fn cost_of_rows<A: Lanes>(problem: &Problem, level: Level) -> f64 {
    let [planes, rows, columns] = problem.output_size();
    let rows = planes * rows;
    if is_long_row(rows, columns) {
        return f64::INFINITY;
    }
    let registers = rows * columns.div_ceil(lanes::<A>(level));
    let [_, down, across] = &problem.axes;
    let is_narrow = is_narrow::<A>(down, across, level);
    let (times, copying) = match (is_narrow, across.stride() * across.dilation()) {
        (true, 1) => (1.0, 0.0),
        (true, _) => (DEALT, 0.0),
        (false, 1) => (1.0, PATCH),
        (false, _) => (DEALT_IN_MEMORY, PATCH),
    };
    let slides = is_narrow && across.size() > 1 && !has_many_registers::<A>(level);
    let times = if slides { times * SLIDING } else { times };
    let at_once = registers.max(LATENCY * rows.div_ceil(ROWS_OF_TILE)) as f64;
    let storing = registers as f64 * STORE_REGISTER + rows as f64 * STORE_ROW;
    problem.filters as f64 * ((at_once * problem.depth() as f64 + storing) * times + MAP + copying)
}

/// What [`Algorithm::Separable`] costs. The second pass reads from memory what the first has stored there.
pub(super) fn cost_of_two_passes<A: Lanes>(problem: &Problem, level: Level) -> f64 {
    let [planes, rows, columns] = problem.output_size();
    let rows = planes * rows;
    if is_long_row(rows, columns) {
        return f64::INFINITY;
    }
    let taps = problem.axes[1].size() + problem.axes[2].size();
    rows as f64 * columns.div_ceil(lanes::<A>(level)) as f64 * problem.filters as f64 * (taps as f64 + 18.0)
}

/// A row alone is not cut, and should stay in cache: a longer one is better computed in bands.
fn is_long_row(rows: usize, columns: usize) -> bool {
    rows == 1 && columns > LONG_ROW
}

const LONG_ROW: usize = 4096;

/// To store a register of a plane, to begin with a row of it, and with a plane.
const STORE_REGISTER: f64 = 5.0;
const STORE_ROW: f64 = 9.0;
const MAP: f64 = 50.0;
/// Rows of a tile that is one register wide; and to copy a plane under a filter of so many columns that no tile keeps its pixels.
const ROWS_OF_TILE: usize = 7;
const PATCH: f64 = 150.0;
/// How much longer a plane takes where an instruction slides pixels over no more than half a register.
const SLIDING: f64 = 1.4;
/// How much longer a plane takes whose pixels do not stand side by side for neighbouring outputs: they are dealt out in registers, or are
/// copied first.
const DEALT: f64 = 1.4;
const DEALT_IN_MEMORY: f64 = 3.0;

impl<A: Kernels> Method<A> for Planes {
    fn units(&self, problem: &Problem) -> Units {
        // A single row is not cut.
        let outputs = if problem.band_axis() == 1 { ROWS_OF_A_TILE } else { problem.outputs() };
        Units { filters: 1, outputs, together: [1, 1, outputs] }
    }

    fn prepare(&self, _: &Problem, weights: &[A]) -> Aligned<A> {
        Aligned::copy_of(weights)
    }

    fn scratch_length(&self, _: &Problem, _: Level) -> usize {
        self.kernel_scratch() + self.copying.volume()
    }

    fn compute(&self, settings: &Settings<A>, piece: Piece<'_, A>) {
        let Piece { input, filters, outputs, mut output, scratch } = piece;
        let problem = &settings.problem;
        let band = if problem.band_axis() == 1 { outputs } else { 0..1 };
        let filters_of_a_channel = problem.filters.min(filters.len());
        let (scratch, copy) = scratch.split_at_mut(self.kernel_scratch());
        for (image, maps) in input.outer_iter().zip(output.outer_iter_mut()) {
            let image = image.index_axis_move(ArrayAxis(1), 0);
            let mut maps = maps.index_axis_move(ArrayAxis(1), 0);
            if let Some(pixels) = image.to_slice().filter(|_| !self.padded) {
                self.maps(settings, (pixels, 0), filters.clone(), band.clone(), maps, scratch);
                continue;
            }
            for (channel, plane) in image.outer_iter().enumerate() {
                let first = channel * filters_of_a_channel;
                let mut maps = maps.slice_axis_mut(ArrayAxis(0), Slice::from(first..first + filters_of_a_channel));
                let first = filters.start + first;
                let filters = first..first + filters_of_a_channel;
                if let Some(pixels) = plane.to_slice().filter(|_| !self.padded) {
                    self.maps(settings, (pixels, 0), filters, band.clone(), maps, scratch);
                    continue;
                }
                for start in band.clone().step_by(self.strip) {
                    let strip = start..band.end.min(start + self.strip);
                    let pixels = self.copy(settings.level, &plane, strip.start, copy);
                    let rows = Slice::from(strip.start - band.start..strip.end - band.start);
                    let maps = maps.slice_axis_mut(ArrayAxis(1), rows);
                    self.maps(settings, pixels, filters.clone(), strip, maps, scratch);
                }
            }
        }
    }
}

impl Planes {
    /// The rows under a strip that starts with this output, with the padding where that is not zeros; and which is the first.
    fn copy<'a, A: Kernels>(
        &self,
        level: Level,
        plane: &ArrayView2<'_, A>,
        output: usize,
        copy: &'a mut [A],
    ) -> (&'a [A], usize) {
        let first_row = self.way.layout().first_row_under(output);
        let image = plane.view().insert_axis(ArrayAxis(0)).insert_axis(ArrayAxis(0));
        pack(level, Pack { packing: &self.copying, image, first: [0, first_row, 0], packed: &mut *copy });
        (copy, first_row)
    }
}
