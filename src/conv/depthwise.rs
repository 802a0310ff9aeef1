//! Depthwise layers in vectors along the channels: what a plan knows for [the kernel](crate::kernels::depthwise).

use arrayvec::ArrayVec;
use ndarray::Axis as ArrayAxis;

use super::bands::each_map;
use super::fast::{Method, Piece, Settings};
use super::kernels::Kernels;
use super::pieces::Units;
use super::problem::Problem;
use crate::kernels::depthwise::{self, Depthwise, PlaneWindows, scratch_lengths};
use crate::kernels::panels::Aligned;
use crate::simd::{Lanes, Level, MOST_LANES, cache, lanes};
use crate::window::unravel;

/// How the planes of a depthwise layer are computed, those of a register at a time.
#[derive(Debug)]
pub(super) struct Channels {
    windows: PlaneWindows,
    lanes: usize,
}

/// Whether every group has one channel and one filter.
pub(super) fn is_depthwise(problem: &Problem) -> bool {
    problem.groups > 1 && problem.channels == 1 && problem.filters == 1
}

/// Planes of more pixels, with their padding, or of more outputs are better computed row by row: these are listed.
const MOST_LISTED: usize = 1 << 18;

/// Whether planes are so small that their pixels and rows can be listed.
pub(super) fn suits(problem: &Problem) -> bool {
    let [planes, rows, columns] = &problem.axes;
    let product = |numbers: &[usize]| numbers.iter().fold(1, |all: usize, &number| all.saturating_mul(number));
    let transposed = product(&[planes.length(), rows.length(), columns.read_length().max(columns.length())]);
    let lines = product(&[planes.outputs(), rows.outputs(), planes.size(), rows.size()]);
    let outputs = product(&[planes.outputs(), rows.outputs(), columns.outputs()]);
    transposed.max(lines).max(outputs) <= MOST_LISTED
}

impl Channels {
    /// `None` where a number does not fit in 32 bits.
    pub(super) fn new<A: Kernels>(problem: &Problem, level: Level) -> Option<Self> {
        let [planes, rows, columns] = &problem.axes;
        let width = columns.read_length();
        let length = planes.length() * rows.length() * width;
        let number = |number: usize| u32::try_from(number).ok();
        let size = problem.input_size();
        let slot = |pixel: usize| {
            let [plane, row, column] = unravel(pixel, size);
            let column = column + columns.before();
            // What no tap meets goes to a place behind all that are read.
            number(if column < width { (plane * size[1] + row) * width + column } else { length })
        };
        let slots = (0..problem.pixels()).map(slot).collect::<Option<Vec<_>>>()?;
        let (mut ends, mut lines) = (Vec::new(), Vec::new());
        for output in 0..planes.outputs() * rows.outputs() {
            let (of_planes, of_rows) =
                (planes.by_output(output / rows.outputs()), rows.by_output(output % rows.outputs()));
            for (plane, at) in of_planes.range.zip((of_planes.input..).step_by(of_planes.step)) {
                for (row, row_at) in of_rows.range.clone().zip((of_rows.input..).step_by(of_rows.step)) {
                    let tap = (plane * rows.size() + row) * columns.size();
                    lines.push([number((at * size[1] + row_at) * width)?, number(tap)?]);
                }
            }
            ends.push(number(lines.len())?);
        }
        let (taps, stride, dilation) = (columns.size(), columns.stride(), columns.dilation());
        let columns = columns.outputs();
        let windows = PlaneWindows { slots, length, ends, lines, columns, taps, stride, dilation };
        Some(Self { windows, lanes: lanes::<A>(level) })
    }
}

impl<A: Kernels> Method<A> for Channels {
    fn units(&self, problem: &Problem) -> Units {
        let outputs = problem.stored_size()[problem.band_axis()];
        Units { filters: self.lanes, outputs, together: [1, self.lanes, outputs] }
    }

    /// `[channels of a register][tap][lane]`
    fn prepare(&self, problem: &Problem, weights: &[A]) -> Aligned<A> {
        let (lanes, taps) = (self.lanes, problem.taps());
        let mut packed = Aligned::new(problem.groups.next_multiple_of(lanes) * taps);
        for (channel, weights) in weights.chunks_exact(taps).enumerate() {
            let of_register = &mut packed.as_mut_slice()[channel / lanes * lanes * taps..];
            for (place, weight) in of_register[channel % lanes..].iter_mut().step_by(lanes).zip(weights) {
                *place = *weight;
            }
        }
        packed
    }

    fn scratch_length(&self, problem: &Problem, _: Level) -> usize {
        let [transposed, sums] = scratch_lengths(&self.windows, self.lanes);
        cache::LINE / size_of::<A>() + transposed + sums + self.lanes * problem.pixels()
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.windows.slots[..])
            + size_of_val(&self.windows.ends[..])
            + size_of_val(&self.windows.lines[..])
    }

    fn compute(&self, settings: &Settings<A>, piece: Piece<'_, A>) {
        let Piece { input, filters, mut output, scratch, .. } = piece;
        let before = cache::before_line(scratch);
        let [transposed, sums] = scratch_lengths(&self.windows, self.lanes);
        let (transposed, rest) = scratch[before..].split_at_mut(transposed);
        let (sums, copy) = rest.split_at_mut(sums);
        transposed.fill(A::default());
        let of_map = settings.problem.outputs();
        let of_register = self.lanes * settings.problem.taps();
        for (image_number, image) in input.outer_iter().enumerate() {
            for first in (0..filters.len()).step_by(self.lanes) {
                let here = first..filters.len().min(first + self.lanes);
                let planes = match image.to_slice() {
                    Some(pixels) => &pixels[first * self.windows.slots.len()..],
                    None => {
                        let planes = image.slice_axis(ArrayAxis(0), here.clone().into());
                        copy.iter_mut().zip(planes).for_each(|(place, pixel)| *place = *pixel);
                        &*copy
                    }
                };
                let mut maps = ArrayVec::<_, MOST_LANES>::new();
                let this = image_number..image_number + 1;
                each_map(&mut output, this, here.clone(), of_map, &mut |map| maps.push(map));
                let channels = filters.start + here.start..filters.start + here.end;
                depthwise::compute(
                    settings.level,
                    Depthwise {
                        windows: &self.windows,
                        planes,
                        weights: &settings.weights[channels.start / self.lanes * of_register..][..of_register],
                        epilogue: settings.finish(channels),
                        maps: &mut maps,
                        transposed,
                        sums,
                    },
                );
            }
        }
    }
}

/// What a depthwise layer costs in vectors along the channels: the products, and the way of pixels and sums there and back.
pub(super) fn cost<A: Lanes>(problem: &Problem, level: Level) -> f64 {
    let lanes = lanes::<A>(level).min(problem.groups) as f64;
    let (pixels, outputs) = (problem.pixels() as f64, problem.outputs() as f64);
    let bytes = (pixels + outputs) * (lanes * size_of::<A>() as f64);
    let transposing = if bytes > NEAR_BYTES { TRANSPOSE_FAR } else { TRANSPOSE };
    let product = 1.2 * problem.products() / (problem.images * problem.groups) as f64;
    (transposing * (pixels + outputs) + product + PLANES) / lanes
}

/// To transpose a register of pixels of as many planes, in the first-level cache or beyond it; and to begin with them.
const TRANSPOSE: f64 = 10.0;
const TRANSPOSE_FAR: f64 = 13.0;
const NEAR_BYTES: f64 = (24 << 10) as f64;
const PLANES: f64 = 700.0;
