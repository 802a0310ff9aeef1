//! Layers of many channels, computed band by band from a packed input: what a plan knows for [`pixels`](super::pixels) and
//! [`channels`](super::channels).

use ndarray::{ArrayView4, ArrayViewMut4, Axis, Slice};

use super::algorithm::Algorithm;
use super::blocks::{Band, Widths};
use super::fast::{Method, Part, Settings};
use super::finish::Finish;
use super::kernels::Kernels;
use super::pack::Pack;
use super::packing::{Packing, Rows};
use super::panels::{Gather, Panels};
use super::problem::Problem;
use super::shares::Units;
use super::{channels, panels, pixels};
use crate::simd::{Lanes, Level, WIDEST_REGISTER, lanes};
use crate::window;

/// The packed input of a band stays within this, so that it and the weights of a block lie in the second-level cache.
const BAND_BYTES: usize = 384 * 1024;

/// Bytes that a cache loads at a time, and the lanes of the widest register.
const CACHE_LINE: usize = 64;
const MOST_LANES: usize = 16;

/// How the bands of a layer are computed.
#[derive(Debug)]
pub(super) struct Bands {
    algorithm: Algorithm,
    packing: Packing,
    /// Of every tap of every channel into the packed input.
    offsets: Vec<u32>,
    /// Where pixels need not be packed if they lie in order, the same for the input itself.
    in_place: Option<(Packing, Vec<u32>)>,
    /// Outputs of a band along the band axis.
    outputs: usize,
    widths: Widths,
    /// At levels where kernels read from them.
    panels: Option<Panels>,
}

impl Bands {
    /// `None` where the packed input would be out of all proportion: wide padding under windows far apart.
    pub(super) fn new<A: Kernels>(problem: &Problem, algorithm: Algorithm, level: Level) -> Option<Self> {
        let uses_panels = panels::suit::<A>(problem, level);
        // Panels go on from row to row.
        let lanes = if uses_panels || algorithm == Algorithm::Channels { 1 } else { lanes::<A>(level) };
        let outputs = outputs_of_a_band(problem, BAND_BYTES / size_of::<A>(), lanes)?;
        let packing = match reads_every_second::<A>(problem, algorithm, level) && problem.axes[2].size() > 1 {
            true => Packing::with_undealt_rows(problem, problem.band_size(outputs))?,
            false => Packing::new(problem, problem.band_size(outputs))?,
        };
        let in_place = match stays_in_place::<A>(problem, algorithm, level) {
            true => Packing::in_place(problem).and_then(|packing| {
                let offsets = packing.offsets(problem.channels)?;
                Some((packing, offsets))
            }),
            false => None,
        };
        let offsets = packing.offsets(problem.channels)?;
        let widths = match algorithm {
            Algorithm::Channels => channels::widths::<A>(level),
            _ => pixels::widths::<A>(level),
        };
        let panels = match uses_panels {
            true => {
                let rows = packing.rows(problem.band_size(outputs));
                let tile = match algorithm {
                    Algorithm::Channels => channels::tile_of_panels(rows.outputs()),
                    _ => pixels::tile_of_panels::<A>(level, rows.outputs()),
                };
                Some(Panels::new::<A>(tile, rows, problem.depth())?)
            }
            false => None,
        };
        Some(Self { algorithm, packing, offsets, in_place, outputs, widths, panels })
    }

    fn compute_group<A: Kernels>(&self, settings: &Settings<A>, part: Part<'_, A>) {
        let Part { input, filters, outputs, mut output, scratch } = part;
        let (problem, level) = (&settings.problem, settings.level);
        let (group, first) = (filters.start / problem.filters, filters.start % problem.filters);
        let weights = &settings.weights[(group * self.widths.rounded(problem.filters) + first) * problem.depth()..];
        let finish = settings.finish(filters);
        let axis = Axis(1 + problem.band_axis());
        // Registers of panels should not lie across two cache lines.
        let before = scratch.as_ptr().align_offset(CACHE_LINE).min(MOST_LANES);
        let (packed, panels) = scratch[before..].split_at_mut(self.packed_length(problem));
        for (image, mut maps) in input.outer_iter().zip(output.outer_iter_mut()) {
            for start in outputs.clone().step_by(self.outputs) {
                let end = outputs.end.min(start + self.outputs);
                let first = problem.band_start(start);
                let output = maps.slice_axis_mut(axis, Slice::from(start - outputs.start..end - outputs.start));
                if let Some((packed, offsets, rows)) = self.in_place(&image, first, &output) {
                    let (in_panels, widths) = (false, self.widths);
                    A::channels(level, Band { packed, in_panels, offsets, rows, weights, widths, finish, output });
                    continue;
                }
                let of_band = &mut packed[..problem.channels * self.packing.volume()];
                A::pack(level, Pack { packing: &self.packing, image, first, packed: of_band });
                self.compute_band(level, packed, panels, weights, finish, output);
            }
        }
    }

    /// The pixels under a band that starts with some output where they lie, the offsets of the taps, and its rows; `None` where they
    /// have to be packed.
    fn in_place<'a, A: Kernels>(
        &'a self,
        image: &ArrayView4<'a, A>,
        first: [usize; 3],
        output: &ArrayViewMut4<'_, A>,
    ) -> Option<(&'a [A], &'a [u32], Rows)> {
        let (packing, offsets) = self.in_place.as_ref()?;
        let pixels = image.to_slice()?;
        let (_, planes, rows, columns) = output.dim();
        let rows = packing.rows([planes, rows, columns]);
        channels::reads_no_more(rows.length).then(|| (&pixels[packing.start(first)..], &offsets[..], rows))
    }

    /// The maps of a band, from its packed input.
    fn compute_band<A: Kernels>(
        &self,
        level: Level,
        packed: &[A],
        panels: &mut [A],
        weights: &[A],
        finish: Finish<'_, A>,
        mut output: ArrayViewMut4<'_, A>,
    ) {
        let (_, planes, rows, columns) = output.dim();
        let (offsets, widths) = (&self.offsets[..], self.widths);
        let compute = match self.algorithm {
            Algorithm::Channels => A::channels,
            _ => A::pixels,
        };
        let Some(layout) = &self.panels else {
            let rows = self.packing.rows([planes, rows, columns]);
            return compute(level, Band { packed, in_panels: false, offsets, rows, weights, widths, finish, output });
        };
        for outputs in layout.each(planes * rows * columns) {
            let rows = layout.rows(outputs.clone());
            A::gather(level, Gather { layout, packed, offsets, outputs, into: &mut *panels });
            compute(
                level,
                Band {
                    packed: panels,
                    in_panels: true,
                    offsets,
                    rows,
                    weights,
                    widths,
                    finish,
                    output: output.view_mut(),
                },
            );
        }
    }

    /// The packed input of a band, and what kernels read behind it.
    fn packed_length(&self, problem: &Problem) -> usize {
        (problem.channels * self.packing.volume() + pixels::OVERREAD).next_multiple_of(MOST_LANES)
    }
}

impl<A: Kernels> Method<A> for Bands {
    fn units(&self, _: &Problem) -> Units {
        Units { filters: self.widths.0[0], outputs: 1 }
    }

    fn prepare(&self, problem: &Problem, weights: &[A]) -> Vec<A> {
        self.widths.pack(weights, problem.filters, problem.depth())
    }

    fn scratch_length(&self, problem: &Problem) -> usize {
        MOST_LANES + self.packed_length(problem) + self.panels.as_ref().map_or(0, Panels::numbers)
    }

    fn bytes(&self) -> usize {
        let in_place = self.in_place.as_ref().map_or(0, |(_, offsets)| offsets.len());
        (self.offsets.len() + in_place) * size_of::<u32>() + self.panels.as_ref().map_or(0, Panels::bytes)
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

/// Whether a kernel can read the pixels of a layer where they lie: without padding, and where it does not read from panels.
fn stays_in_place<A: Lanes>(problem: &Problem, algorithm: Algorithm, level: Level) -> bool {
    let is_padded = problem.axes.iter().any(|axis| axis.before() + axis.after() > 0);
    let suits = match problem.axes[2].stride() {
        1 => lanes::<A>(level) * size_of::<A>() == WIDEST_REGISTER,
        _ => reads_every_second::<A>(problem, algorithm, level),
    };
    algorithm == Algorithm::Channels && suits && !is_padded
}

/// What packing the pixels of one group takes, in register operations.
pub(super) fn cost_of_packing<A: Lanes>(problem: &Problem, algorithm: Algorithm, level: Level) -> f64 {
    let met = |axis: &window::Axis| axis.outputs() as f64 * axis.stride().min(axis.size()) as f64;
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
