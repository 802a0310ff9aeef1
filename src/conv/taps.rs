//! Convolution by tap: every tap adds a shifted row of the input, times its weight, to a row of outputs.
//!
//! ```text
//!     for each image, for each row of outputs
//!         for each filter
//!             row ← bias
//!             for each channel of its group, for each tap that reaches the row
//!                 row[run of the tap] += weight · pixels of the run
//! ```
//!
//! The border costs nothing inside the loops: a tap's run ends where the input does. Paddings that are more than nothing are written out
//! before. A transposed convolution of small layers, of integers, and over more axes than three adds each pixel to the outputs instead.

use super::bias_of;
use super::filters::Bank;
use super::transpose::{ConvTranspose, TransposeLayer};
use crate::module::RunPlan;
use crate::tensor::{Staging, TensorView, TensorViewMut, collected, filled};
use crate::window::{Axis, Geometry, PaddingMode, Run, TapRun, unravel};
use crate::{Element, Result};

/// All that the loops read.
pub(super) struct ByTap<'a, T, const N: usize> {
    pub(super) geometry: &'a Geometry<N>,
    pub(super) bank: &'a Bank<N>,
    pub(super) groups: usize,
    /// `[filter, channel of its group, tap]`.
    pub(super) weights: &'a [T],
    /// `[image, channel, pixel]`.
    pub(super) pixels: &'a [T],
}

impl<T: Element, const N: usize> ByTap<'_, T, N> {
    /// Fills `output`, `[image, filter, output]`, which is not empty.
    pub(super) fn run(&self, output: &mut [T::Sum], bias: impl Fn(usize) -> T::Sum) -> Result<()> {
        let (filters, map) = (self.bank.outputs, self.geometry.outputs());
        if self.bank.inputs == 0 {
            // Without channels there are no weights, and the taps of a window may be more than memory holds.
            output.chunks_exact_mut(map).enumerate().for_each(|(number, map)| map.fill(bias(number % filters)));
            return Ok(());
        }
        let row_length = self.geometry.row_length();
        let image_pixels = self.bank.inputs * self.groups * self.geometry.pixels();
        let last = collected(self.geometry.axes()[N - 1].tap_runs())?;
        let mut taps = Vec::new();
        for (image, maps) in output.chunks_exact_mut(filters * map).enumerate() {
            let image = &self.pixels[image * image_pixels..][..image_pixels];
            for row in 0..self.geometry.rows() {
                taps.clear();
                for input in self.geometry.input_rows(self.geometry.row_position(row)) {
                    taps.extend(last.iter().map(|(tap, run)| input.read(*tap, run.clone())));
                }
                for (filter, map) in maps.chunks_exact_mut(map).enumerate() {
                    let out = &mut map[row * row_length..][..row_length];
                    out.fill(bias(filter));
                    self.add_row(image, filter, &taps, out);
                }
            }
        }
        Ok(())
    }

    /// Adds to one row of outputs all that lies under it.
    fn add_row(&self, image: &[T], filter: usize, taps: &[TapRun], out: &mut [T::Sum]) {
        let plane = self.geometry.pixels();
        let first_channel = filter / (self.bank.outputs / self.groups) * self.bank.inputs;
        for channel in 0..self.bank.inputs {
            let pixels = &image[(first_channel + channel) * plane..][..plane];
            let weights = &self.weights[(filter * self.bank.inputs + channel) * self.geometry.taps()..];
            for TapRun { tap, run } in taps {
                let weight = weights[*tap];
                run.pair(out, pixels, |sum, pixel| *sum = T::add_product(*sum, pixel, weight));
            }
        }
    }
}

/// The planes in `pixels` with their padding written out, and the geometry over them, which needs no padding.
/// `None` where there is no padding to write, or no plane to write it around.
pub(super) fn padded<T: Element, const N: usize>(
    pixels: &[T],
    geometry: &Geometry<N>,
    mode: PaddingMode,
) -> Result<Option<(Vec<T>, Geometry<N>)>> {
    let axes = geometry.axes();
    if pixels.is_empty() || axes.iter().all(|axis| axis.before() == 0 && axis.after() == 0) {
        return Ok(None);
    }
    let wide = Geometry::new(axes.map(Axis::with_padding_as_pixels))?;
    let planes = pixels.len() / geometry.pixels();
    let mut copy = filled(&[planes, wide.pixels()], T::ZERO)?;

    let (outer, last) = (&axes[..N - 1], &axes[N - 1]);
    let mut columns = filled(&[wide.axes()[N - 1].length()], None)?;
    columns.iter_mut().enumerate().for_each(|(at, column)| *column = source(last, mode, at));
    let mut rows = wide.input_size();
    rows[N - 1] = 1;
    for (wide_plane, plane) in copy.chunks_exact_mut(wide.pixels()).zip(pixels.chunks_exact(geometry.pixels())) {
        for (row, wide_row) in wide_plane.chunks_exact_mut(columns.len()).enumerate() {
            let at = unravel(row, rows);
            let row = outer
                .iter()
                .zip(at)
                .try_fold(0, |flat, (axis, at)| Some(flat * axis.length() + source(axis, mode, at)?));
            // A row of zero padding is all zeros already.
            let Some(row) = row else { continue };
            let pixels = &plane[row * last.length()..][..last.length()];
            for (place, column) in wide_row.iter_mut().zip(&columns) {
                *place = column.map_or(T::ZERO, |column| pixels[column]);
            }
        }
    }
    Ok(Some((copy, wide)))
}

/// The pixel that stands at a place of a padded axis, counted from the start of its padding.
fn source(axis: &Axis, mode: PaddingMode, at: usize) -> Option<usize> {
    mode.source(at.cast_signed() - axis.before().cast_signed(), axis.length())
}

/// What the plan of one that is done by tap holds.
#[derive(Clone)]
pub(super) struct Scattered<T: Element, const N: usize> {
    module: ConvTranspose<T, N>,
    layer: TransposeLayer<N>,
    weights: Vec<T>,
    staging: Staging<T, T::Sum>,
}

impl<T: Element, const N: usize> RunPlan<T, T::Sum> for Scattered<T, N> {
    fn run(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        let Self { module, layer, weights, staging } = self;
        staging.run(&input, output, &mut |pixels, output| {
            module.scatter(layer, pixels, weights, output);
            Ok(())
        })
    }

    fn algorithm(&self) -> String {
        "by tap".into()
    }
}

impl<T: Element, const N: usize> Scattered<T, N> {
    pub(super) fn new(module: ConvTranspose<T, N>, layer: TransposeLayer<N>, weights: Vec<T>) -> Self {
        Self { module, layer, weights, staging: Staging::default() }
    }
}

impl<T: Element, const N: usize> ConvTranspose<T, N> {
    /// Fills `output` by tap: where a convolution's tap reads a run of pixels into a run of outputs, its transpose adds
    /// the outputs back to those pixels.
    pub(super) fn scatter(&self, layer: &TransposeLayer<N>, pixels: &[T], weights: &[T], output: &mut [T::Sum]) {
        let TransposeLayer { bank, geometry, .. } = layer;
        let (small, large) = (geometry.outputs(), geometry.pixels());
        let (inputs, outputs_of_group) = (bank.inputs * self.groups, bank.outputs / self.groups);
        for (number, map) in output.chunks_exact_mut(large).enumerate() {
            let (image, output) = (number / bank.outputs, number % bank.outputs);
            map.fill(bias_of::<T>(self.bias.as_ref(), output));
            let (group, output) = (output / outputs_of_group, output % outputs_of_group);
            for input in group * bank.inputs..(group + 1) * bank.inputs {
                let pixels = &pixels[(image * inputs + input) * small..][..small];
                let weights = &weights[(input * outputs_of_group + output) * geometry.taps()..][..geometry.taps()];
                for (tap, &weight) in weights.iter().enumerate() {
                    add_tap(geometry, unravel(tap, bank.size), weight, pixels, map);
                }
            }
        }
    }
}

/// Adds `weight` times every small pixel to the large pixel that `tap` connects it with.
fn add_tap<T: Element, const N: usize>(
    geometry: &Geometry<N>,
    tap: [usize; N],
    weight: T,
    small: &[T],
    large: &mut [T::Sum],
) {
    let runs: [Run; N] = std::array::from_fn(|axis| geometry.axes()[axis].by_tap(tap[axis]));
    let row = &runs[N - 1];
    let mut rows = runs.each_ref().map(|run| run.range.len());
    rows[N - 1] = 1;
    for number in 0..rows.iter().product() {
        let at = unravel(number, rows);
        let (mut from, mut to) = (0, 0);
        for axis in 0..N {
            let Run { range, input, step } = &runs[axis];
            from = from * geometry.axes()[axis].outputs() + range.start + at[axis];
            to = to * geometry.axes()[axis].length() + input + at[axis] * step;
        }
        // `from` and `to` are where the run starts on both sides.
        let small = &small[from..][..row.range.len()];
        for (&pixel, sum) in small.iter().zip(large[to..].iter_mut().step_by(row.step)) {
            *sum = T::add_product(*sum, pixel, weight);
        }
    }
}
