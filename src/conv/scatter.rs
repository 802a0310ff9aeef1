//! Transposed convolution by tap: of small layers, of integers, and over more axes than three.

use super::bias_of;
use super::transpose::{ConvTranspose, TransposeLayer};
use crate::module::RunPlan;
use crate::tensor::{Staging, TensorView, TensorViewMut};
use crate::window::{Geometry, Run, unravel};
use crate::{Element, Result};

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
