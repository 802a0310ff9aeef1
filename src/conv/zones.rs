//! Layers of which many taps lie on padding, zone by zone: outputs that see the same taps are a convolution of these taps alone, without
//! padding.
//!
//! ```text
//!     9 pixels, 3 taps of dilation 4, 4 zeros of padding on each side
//!     outputs    0 1 2 3    4     5 6 7 8
//!     see taps    1, 2     all     0, 1
//! ```
//!
//! Of 3×3 taps that lie far apart on a small map (as in `DeepLab`'s or SSD's), and of any on maps of a few pixels, most would be multiplied
//! by zeros. The maps of the zones are then dealt into the output.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayViewMut1, ArrayViewMut5, Axis as ArrayAxis, Slice};

use super::algorithm::Algorithm;
use super::choose;
use super::fast::{self, Method, Piece, Settings};
use super::kernels::Kernels;
use super::pieces::Units;
use super::prepared::{Order, Prepared, without_denormals};
use super::problem::Problem;
use crate::kernels::panels::Aligned;
use crate::parallel::BatchPart;
use crate::simd::{Level, lanes};
use crate::tensor::TensorView;
use crate::window::{Axis, AxisSpec, PaddingMode, Run, unravel};

/// More zones than this are not worth their calls.
const MOST_ZONES: usize = 64;

/// Outputs of an axis, at most: they are looked at one by one, and of more of them few lie beside padding.
const MOST_OUTPUTS: usize = 1 << 12;

/// At most so much of the products of the definition may be left.
const WORTH: f64 = 0.8;

/// Neighbouring outputs of an axis that see the same taps, and the pixels under these.
#[derive(Debug, Clone)]
struct Stretch {
    outputs: Range<usize>,
    taps: Range<usize>,
    pixels: Range<usize>,
}

/// The stretches of an axis; none where an output sees no tap.
fn stretches(axis: &Axis) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for output in 0..axis.outputs() {
        let Run { range: taps, input, step } = axis.by_output(output);
        if taps.is_empty() {
            return Vec::new();
        }
        let end_of_pixels = input + (taps.len() - 1) * step + 1;
        match stretches.last_mut().filter(|stretch| stretch.taps == taps) {
            Some(stretch) => (stretch.outputs.end, stretch.pixels.end) = (output + 1, end_of_pixels),
            None => stretches.push(Stretch { outputs: output..output + 1, taps, pixels: input..end_of_pixels }),
        }
    }
    stretches
}

/// The zones of a layer, as a stretch of each axis: none where there are too many, an output sees no tap, or too few taps lie on padding;
/// and only of one group, as others have too few products for what it takes to begin with a zone.
fn zones(problem: &Problem) -> Vec<[Stretch; 3]> {
    let is_padded = problem.axes.iter().any(|axis| axis.before() + axis.after() > 0);
    let is_long = problem.axes.iter().any(|axis| axis.outputs() > MOST_OUTPUTS);
    let is_plain = problem.groups == 1 && problem.mode == PaddingMode::Zeros && problem.quads.is_none();
    if !is_padded || is_long || !is_plain {
        return Vec::new();
    }
    let of_axes = problem.axes.each_ref().map(stretches);
    let counts = of_axes.each_ref().map(Vec::len);
    let count = counts.iter().fold(1, |count: usize, &more| count.saturating_mul(more));
    let zone = |number: usize| {
        let [planes, rows, columns] = unravel(number, counts);
        [of_axes[0][planes].clone(), of_axes[1][rows].clone(), of_axes[2][columns].clone()]
    };
    let of_stretch = |stretch: &Stretch| (stretch.outputs.len() * stretch.taps.len()) as f64;
    let seen: f64 = of_axes.iter().map(|stretches| stretches.iter().map(of_stretch).sum::<f64>()).product();
    let is_worth_it = seen <= WORTH * problem.outputs() as f64 * problem.taps() as f64;
    if count <= MOST_ZONES && is_worth_it { (0..count).map(zone).collect() } else { Vec::new() }
}

/// The convolution of a zone.
fn problem_of(problem: &Problem, zone: &[Stretch; 3]) -> Option<Problem> {
    let mut axes = problem.axes;
    for (axis, stretch) in axes.iter_mut().zip(zone) {
        let (length, size) = (stretch.pixels.len(), stretch.taps.len());
        let spec = AxisSpec { axis: 0, length, size, stride: axis.stride(), dilation: axis.dilation() };
        *axis = spec.with_padding(0, 0, false).ok()?.without_idle_steps();
    }
    Some(Problem { axes, ..problem.clone() })
}

/// The convolutions of all zones.
pub(super) fn problems(problem: &Problem) -> Vec<Problem> {
    zones(problem).iter().map_while(|zone| problem_of(problem, zone)).collect()
}

/// Whether a layer has zones.
pub(super) fn suit(problem: &Problem) -> bool {
    !zones(problem).is_empty()
}

/// A zone, ready to run.
#[derive(Debug)]
struct Zone<A> {
    problem: Problem,
    method: Arc<dyn Method<A>>,
    weights: Arc<Aligned<A>>,
    stretches: [Stretch; 3],
}

/// How the zones of a layer are computed.
#[derive(Debug)]
pub(super) struct Zones<A> {
    zones: Vec<Zone<A>>,
    /// Images whose maps are computed before they are dealt.
    images: usize,
}

impl<A: Kernels> Zones<A> {
    /// `None` where a zone has no method.
    pub(super) fn new(
        problem: &Problem,
        level: Level,
        weights: &TensorView<'_, A>,
        prepared: &Prepared<A>,
    ) -> Option<Self> {
        let (algorithm, _) = fastest::<A>(&problems(problem), level);
        let in_order = fast::in_order(weights);
        let sizes = problem.axes.each_ref().map(Axis::size);
        let zone = |stretches: [Stretch; 3]| {
            let problem = problem_of(problem, &stretches)?;
            let method = fast::method(&problem, algorithm, level, weights, prepared)?;
            let taps = stretches.each_ref().map(|stretch| stretch.taps.clone());
            let order = Order { algorithm, lanes: lanes::<A>(level), taps: taps.clone() };
            let weights = prepared.get_or(order, &mut || {
                let of_taps = of_taps(&in_order, sizes, &taps);
                method.prepare(&problem, &without_denormals(&of_taps, None, problem.depth()))
            });
            Some(Zone { problem, method, weights, stretches })
        };
        let zones = zones(problem).into_iter().map(zone).collect::<Option<Vec<_>>>()?;
        let images = zones.iter().map(|zone| zone.method.units(&zone.problem).together[0]).max()?;
        Some(Self { zones, images: images.min(problem.images) })
    }

    fn maps_length(&self, problem: &Problem, zone: &Zone<A>) -> usize {
        self.images * problem.filters * zone.problem.outputs()
    }
}

/// The weights of some taps alone, of windows of so many.
fn of_taps<A: Copy>(weights: &[A], sizes: [usize; 3], taps: &[Range<usize>; 3]) -> Vec<A> {
    let [planes, rows, columns] = taps;
    let mut found = Vec::with_capacity(weights.len());
    for window in weights.chunks_exact(sizes.iter().product()) {
        for plane in planes.clone() {
            for row in rows.clone() {
                found.extend_from_slice(&window[(plane * sizes[1] + row) * sizes[2]..][columns.clone()]);
            }
        }
    }
    found
}

impl<A: Kernels> Method<A> for Zones<A> {
    fn units(&self, problem: &Problem) -> Units {
        let filters = self.zones.iter().map(|zone| zone.method.units(&zone.problem).filters).max().unwrap_or(1);
        let outputs = problem.stored_size()[problem.band_axis()];
        Units { filters, outputs, together: [self.images, usize::MAX, outputs] }
    }

    /// Those of each zone are its own.
    fn prepare(&self, _: &Problem, _: &[A]) -> Aligned<A> {
        Aligned::new(0)
    }

    fn scratch_length(&self, problem: &Problem, level: Level) -> usize {
        let of_zone =
            |zone: &Zone<A>| self.maps_length(problem, zone) + zone.method.scratch_length(&zone.problem, level);
        self.zones.iter().map(of_zone).max().unwrap_or(0)
    }

    fn bytes(&self) -> usize {
        self.zones.iter().map(|zone| zone.method.bytes()).sum()
    }

    fn compute(&self, settings: &Settings<A>, piece: Piece<'_, A>) {
        let Piece { input, filters, mut output, scratch, .. } = piece;
        let all = input.len_of(ArrayAxis(0));
        for first in (0..all).step_by(self.images) {
            let images = Slice::from(first..all.min(first + self.images));
            let input = input.slice_axis(ArrayAxis(0), images);
            let mut output = output.slice_axis_mut(ArrayAxis(0), images);
            for zone in &self.zones {
                let mut input = input;
                for (axis, stretch) in zone.stretches.iter().enumerate() {
                    input.slice_axis_inplace(ArrayAxis(2 + axis), Slice::from(stretch.pixels.clone()));
                }
                let (images, count, ..) = output.dim();
                let size @ [depth, height, width] = zone.problem.output_size();
                let (maps, scratch) = scratch.split_at_mut(images * count * zone.problem.outputs());
                zone.method.compute(
                    &settings.of_zone(&zone.problem, &zone.weights),
                    Piece {
                        input,
                        filters: filters.clone(),
                        outputs: 0..size[zone.problem.band_axis()],
                        output: ArrayViewMut1::from(&mut *maps)
                            .into_shape_with_order((images, count, depth, height, width))
                            .expect("there are so many"),
                        scratch,
                    },
                );
                deal(maps, zone.stretches.each_ref().map(|stretch| stretch.outputs.clone()), &mut output);
            }
        }
    }
}

/// Copies the maps of a zone to its outputs.
fn deal<A: Copy>(maps: &[A], [planes, rows, columns]: [Range<usize>; 3], output: &mut ArrayViewMut5<'_, A>) {
    let (_, _, depth, height, width) = output.dim();
    let mut lines = maps.chunks_exact(columns.len());
    let mut deal = |map: &mut [A]| {
        for plane in planes.clone() {
            for row in rows.clone() {
                let Some(line) = lines.next() else { return };
                let into = &mut map[(plane * height + row) * width..][columns.clone()];
                // A call takes longer than to copy a few.
                if line.len() < 8 {
                    into.iter_mut().zip(line).for_each(|(into, number)| *into = *number);
                } else {
                    into.copy_from_slice(line);
                }
            }
        }
    };
    if let Some(output) = output.as_slice_mut() {
        output.chunks_exact_mut(depth * height * width).for_each(deal);
        return;
    }
    for mut image in output.outer_iter_mut() {
        for mut map in image.outer_iter_mut() {
            deal(map.as_slice_mut().expect("a map lies in one piece"));
        }
    }
}

/// What all zones cost, and what it takes to read the weights of each, to copy its pixels and to deal its maps.
pub(super) fn cost<A: Kernels>(problem: &Problem, level: Level) -> f64 {
    let zones = problems(problem);
    if zones.is_empty() {
        return f64::INFINITY;
    }
    let weights = zones.iter().map(|zone| (zone.depth() * zone.filters) as f64).sum::<f64>();
    let images = BatchPart::here().all(problem.images) as f64;
    let reading = choose::cost_of_weights(weights * size_of::<A>() as f64) / images;
    let dealing = DEAL * (problem.outputs() * problem.filters) as f64;
    // What is a part of the input is copied row by row.
    let parts = zones.iter().filter(|zone| zone.pixels() < problem.pixels());
    let rows: f64 = parts.map(|zone| (zone.channels * zone.pixels() / zone.axes[2].length()) as f64).sum();
    fastest::<A>(&zones, level).1 + reading + dealing + ROW_OF_ZONE * rows
}

/// By what all zones of a layer are computed fastest, and what that costs.
fn fastest<A: Kernels>(zones: &[Problem], level: Level) -> (Algorithm, f64) {
    let of_all = |algorithm| zones.iter().map(|zone| choose::cost::<A>(algorithm, zone, level)).sum::<f64>();
    let [pixels, channels] = [Algorithm::Pixels, Algorithm::Channels].map(of_all);
    if pixels <= channels { (Algorithm::Pixels, pixels) } else { (Algorithm::Channels, channels) }
}

/// To copy a number of a zone's map to the output, and a row of the input that is not taken as a whole.
const DEAL: f64 = 1.0;
const ROW_OF_ZONE: f64 = 45.0;
