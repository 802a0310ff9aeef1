//! Layers of many channels, computed band by band from a packed input: what a plan knows for [`pixels`](super::pixels) and
//! [`channels`](super::channels).

use std::iter::from_fn;
use std::ops::Range;

use ndarray::{ArrayView4, Axis as ArrayAxis, Slice};

use super::algorithm::Algorithm;
use super::blocks::{Band, Widths};
use super::fast::{Method, Part, Settings};
use super::kernels::Kernels;
use super::pack::Pack;
use super::packing::{Packing, Rows};
use super::panels::{Gather, Panels};
use super::pieces::Units;
use super::problem::Problem;
use super::{channels, panels, pixels};
use crate::cache;
use crate::simd::{Lanes, Level, has_many_registers, lanes};
use crate::window::{Axis, PaddingMode};

/// The packed input of a band stays within this, so that it and the weights of a block lie in the second-level cache.
const BAND_BYTES: usize = 384 * 1024;

/// The lanes of the widest register.
const MOST_LANES: usize = 16;

/// How the bands of a layer are computed.
#[derive(Debug)]
pub(super) struct Bands {
    algorithm: Algorithm,
    packed: Source,
    /// The same of the bands at the ends that meet padding, shorter than others, where these are read in place.
    ends: Option<Source>,
    /// Where pixels need not be packed if they lie in order: the input itself.
    in_place: Option<Source>,
    /// Outputs along the band axis whose windows meet no padding there, where pixels are read in place: the others are in bands of
    /// their own.
    whole: Range<usize>,
    /// Outputs of a band along the band axis.
    outputs: usize,
    widths: Widths,
    /// At levels where kernels read from them.
    panels: Option<Panels>,
}

/// Where a kernel finds its pixels.
#[derive(Debug)]
struct Source {
    packing: Packing,
    /// Of every tap of every channel.
    offsets: Vec<u32>,
}

impl Source {
    fn new(packing: Option<Packing>, problem: &Problem) -> Option<Self> {
        let packing = packing?;
        let offsets = packing.offsets(problem.channels)?;
        Some(Self { packing, offsets })
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.offsets[..])
    }
}

impl Bands {
    /// `None` where the packed input would be out of all proportion: wide padding under windows far apart.
    pub(super) fn new<A: Kernels>(problem: &Problem, algorithm: Algorithm, level: Level) -> Option<Self> {
        let uses_panels = panels::suit::<A>(problem, level);
        // Panels go on from row to row.
        let lanes = if uses_panels || algorithm == Algorithm::Channels { 1 } else { lanes::<A>(level) };
        let outputs = outputs_of_a_band(problem, BAND_BYTES / size_of::<A>(), lanes)?;
        let size = problem.band_size(outputs);
        let undealt = reads_every_second::<A>(problem, algorithm, level) && problem.axes[2].size() > 1;
        let pack = |size| match undealt {
            true => Packing::with_undealt_rows(problem, size),
            false => Packing::new(problem, size),
        };
        let packed = Source::new(pack(size), problem)?;
        let in_place = match stays_in_place::<A>(problem, algorithm, level) {
            true => Source::new(Packing::in_place(problem), problem),
            false => None,
        };
        let band_axis = &problem.axes[problem.band_axis()];
        let whole = if in_place.is_some() { band_axis.whole_windows() } else { 0..band_axis.outputs() };
        let at_the_ends = whole.start.max(band_axis.outputs() - whole.end).min(outputs);
        let ends = match at_the_ends {
            0 => None,
            outputs => Source::new(pack(problem.band_size(outputs)), problem),
        };
        let widths = match algorithm {
            Algorithm::Channels => channels::widths::<A>(level),
            _ => pixels::widths::<A>(level),
        };
        let panels = match uses_panels {
            true => {
                let rows = packed.packing.rows(size);
                let tile = match algorithm {
                    Algorithm::Channels => channels::tile_of_panels(rows.outputs()),
                    _ => pixels::tile_of_panels::<A>(level, rows.outputs()),
                };
                Some(Panels::new::<A>(tile, rows, problem.depth())?)
            }
            false => None,
        };
        Some(Self { algorithm, packed, ends, in_place, whole, outputs, widths, panels })
    }

    fn compute_group<A: Kernels>(&self, settings: &Settings<A>, part: Part<'_, A>) {
        let Part { input, filters, outputs, mut output, scratch } = part;
        let (problem, level) = (&settings.problem, settings.level);
        let (group, first) = (filters.start / problem.filters, filters.start % problem.filters);
        let weights = &settings.weights[(group * self.widths.rounded(problem.filters) + first) * problem.depth()..];
        let (widths, finish) = (self.widths, settings.finish(filters));
        let axis = ArrayAxis(1 + problem.band_axis());
        // Registers of panels should not lie across two cache lines.
        let before = scratch.as_ptr().align_offset(cache::LINE).min(MOST_LANES);
        let (packed, panels) = scratch[before..].split_at_mut(self.packed_length(problem));
        for (image, mut maps) in input.outer_iter().zip(output.outer_iter_mut()) {
            for band in self.each(outputs.clone()) {
                let (first, size) = (problem.band_start(band.start), problem.band_size(band.len()));
                let (packed, source, rows) = match self.in_place(&image, &band, first, size) {
                    Some(in_place) => in_place,
                    None => {
                        let source = self.ends.as_ref().filter(|_| !self.is_whole(&band)).unwrap_or(&self.packed);
                        let packing = &source.packing;
                        let of_band = &mut packed[..problem.channels * packing.volume()];
                        A::pack(level, Pack { packing, image, first, packed: of_band });
                        (&*packed, source, packing.rows(size))
                    }
                };
                let offsets = &source.offsets[..];
                let output =
                    maps.slice_axis_mut(axis, Slice::from(band.start - outputs.start..band.end - outputs.start));
                let band = Band { packed, in_panels: false, offsets, rows, weights, widths, finish, output };
                self.compute_band(level, band, panels);
            }
        }
    }

    /// Cuts outputs along the band axis into bands.
    fn each(&self, outputs: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let mut next = outputs.start;
        from_fn(move || {
            let start = next;
            next = [self.whole.start, self.whole.end, outputs.end]
                .into_iter()
                .filter(|&end| end > start)
                .fold(start + self.outputs, usize::min);
            (start < outputs.end).then_some(start..next)
        })
    }

    fn is_whole(&self, band: &Range<usize>) -> bool {
        self.whole.start <= band.start && band.end <= self.whole.end
    }

    /// The pixels under a band where they lie, and its rows; `None` where they have to be packed.
    fn in_place<'a, A: Kernels>(
        &'a self,
        image: &ArrayView4<'a, A>,
        band: &Range<usize>,
        first: [usize; 3],
        size: [usize; 3],
    ) -> Option<(&'a [A], &'a Source, Rows)> {
        let source = self.in_place.as_ref()?;
        let mut rows = source.packing.rows(size);
        rows.lacks_the_first = source.packing.axes[2].axis.before() > 0;
        let suits = self.is_whole(band) && channels::reads_no_more(rows.length);
        let pixels = image.to_slice().filter(|_| suits)?;
        Some((&pixels[source.packing.start(first)?..], source, rows))
    }

    fn compute_band<A: Kernels>(&self, level: Level, mut band: Band<'_, A>, panels: &mut [A]) {
        let compute = match self.algorithm {
            Algorithm::Channels => A::channels,
            _ => A::pixels,
        };
        let Some(layout) = &self.panels else { return compute(level, band) };
        let Band { packed, offsets, .. } = band;
        for outputs in layout.each(band.rows.outputs()) {
            let rows = layout.rows(outputs.clone());
            A::gather(level, Gather { layout, packed, offsets, outputs, into: &mut *panels });
            compute(level, Band { packed: panels, in_panels: true, rows, output: band.output.view_mut(), ..band });
        }
    }

    /// The packed input of a band, and what kernels read behind it.
    fn packed_length(&self, problem: &Problem) -> usize {
        (problem.channels * self.packed.packing.volume() + pixels::OVERREAD).next_multiple_of(MOST_LANES)
    }
}

impl<A: Kernels> Method<A> for Bands {
    fn units(&self, _: &Problem) -> Units {
        Units { filters: self.widths.0[0], outputs: 1, together: [1, usize::MAX, self.outputs] }
    }

    fn prepare(&self, problem: &Problem, weights: &[A]) -> Vec<A> {
        self.widths.pack(weights, problem.filters, problem.depth())
    }

    fn scratch_length(&self, problem: &Problem) -> usize {
        MOST_LANES + self.packed_length(problem) + self.panels.as_ref().map_or(0, Panels::numbers)
    }

    fn bytes(&self) -> usize {
        let others: usize = [&self.ends, &self.in_place].into_iter().flatten().map(Source::bytes).sum();
        self.packed.bytes() + others + self.panels.as_ref().map_or(0, Panels::bytes)
    }

    fn compute(&self, settings: &Settings<A>, part: Part<'_, A>) {
        part.each_group(&settings.problem, |part| self.compute_group(settings, part));
    }
}

/// Whether the rows of pixels of a layer are packed in their order, since the kernel reads every second. There are tiles for whole
/// rows only.
fn reads_every_second<A: Lanes>(problem: &Problem, algorithm: Algorithm, level: Level) -> bool {
    let columns = &problem.axes[2];
    algorithm == Algorithm::Channels
        && columns.stride() == 2
        && problem.band_axis() != 2
        && channels::reads_every_second::<A>(level, columns.outputs(), problem.filters)
}

/// Whether a kernel can read the pixels of a layer where they lie: not from panels, and without padding; where it reads every second
/// pixel, also with padding along the band axis, and such as it knows.
fn stays_in_place<A: Lanes>(problem: &Problem, algorithm: Algorithm, level: Level) -> bool {
    let columns = &problem.axes[2];
    let suits = match columns.stride() {
        1 => has_many_registers::<A>(level),
        _ => reads_every_second::<A>(problem, algorithm, level),
    };
    let is_bare = |number: usize| {
        let axis = &problem.axes[number];
        let whole = axis.whole_windows();
        whole.len() == axis.outputs()
            || number == problem.band_axis() && !whole.is_empty() && columns.stride() == 2
            || number == 2 && problem.mode == PaddingMode::Zeros && channels::blanks_the_first(axis)
    };
    algorithm == Algorithm::Channels && suits && (0..3).all(is_bare)
}

/// What packing the pixels of one group takes, in register operations; the few at the ends of what stays in place do not count.
pub(super) fn cost_of_packing<A: Lanes>(problem: &Problem, algorithm: Algorithm, level: Level) -> f64 {
    let met = |axis: &Axis| axis.outputs() as f64 * axis.stride().min(axis.size()) as f64;
    let pixels = problem.channels as f64 * problem.axes.iter().map(met).product::<f64>();
    if stays_in_place::<A>(problem, algorithm, level) {
        return 0.0;
    }
    match problem.axes.iter().all(|axis| axis.stride() == 1) {
        true => pixels * 0.25,
        false if reads_every_second::<A>(problem, algorithm, level) => pixels,
        false => pixels * 2.0,
    }
}

/// How many outputs along the band axis a band has: as many as keep its packed input within so many numbers; and if its rows are
/// longer for every output, such that they fill registers of so many lanes. `None` where even one would need a packed input out of all proportion to the layer.
fn outputs_of_a_band(problem: &Problem, room: usize, lanes: usize) -> Option<usize> {
    let outputs = problem.output_size()[problem.band_axis()];
    let band = |outputs: usize| {
        let size = problem.band_size(outputs);
        let packing = Packing::new(problem, size)?;
        Some((packing.volume().checked_mul(problem.channels)?, packing.rows(size).length))
    };
    let ((one, row_of_one), (two, row_of_two)) = (band(1)?, band(2)?);
    if one > problem.proportionate() {
        return None;
    }
    // A band is as long as its outputs and a constant more.
    let most = (1 + room.saturating_sub(one) / (two - one).max(1)).min(outputs);
    let even = outputs.div_ceil(outputs.div_ceil(most));
    // So many outputs fill registers; lanes are a power of two.
    let filling = lanes >> (row_of_two - row_of_one).trailing_zeros().min(lanes.ilog2());
    Some(match even.next_multiple_of(filling) {
        filled if filled <= most => filled,
        _ if most >= filling => most / filling * filling,
        _ => even,
    })
}
