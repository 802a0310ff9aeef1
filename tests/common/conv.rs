//! Random convolutions, and a convolution in two dimensions written as loops.

use featuremap::{Conv, Element, Padding, PaddingMode};
use ndarray::ArrayD;
use proptest::prelude::*;

use super::{Draw, Memory, NaiveAxis, WindowCase, memories, numbers, windows};

/// The parameters of a convolution and of its input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvCase<const N: usize> {
    pub(crate) window: WindowCase<N>,
    pub(crate) mode: PaddingMode,
    pub(crate) batch: Option<usize>,
    pub(crate) groups: usize,
    pub(crate) inputs_of_group: usize,
    pub(crate) outputs_of_group: usize,
    pub(crate) bias: bool,
    pub(crate) memory: Memory,
    pub(crate) seed: u64,
}

impl<const N: usize> ConvCase<N> {
    pub(crate) fn input_shape(&self) -> Vec<usize> {
        let channels = self.groups * self.inputs_of_group;
        self.batch.into_iter().chain([channels]).chain(self.window.input).collect()
    }

    pub(crate) fn output_shape(&self) -> Vec<usize> {
        let channels = self.groups * self.outputs_of_group;
        self.batch.into_iter().chain([channels]).chain(self.window.fitting().output_size()).collect()
    }

    pub(crate) fn filters_shape(&self) -> Vec<usize> {
        [self.groups * self.outputs_of_group, self.inputs_of_group].into_iter().chain(self.window.size).collect()
    }

    pub(crate) fn input<T: Draw>(&self) -> ArrayD<T> {
        numbers(self.seed, &self.input_shape())
    }

    pub(crate) fn filters<T: Draw>(&self) -> ArrayD<T> {
        numbers(self.seed ^ 1, &self.filters_shape())
    }

    pub(crate) fn bias_numbers<T: Draw>(&self) -> ArrayD<T> {
        numbers(self.seed ^ 2, &[self.groups * self.outputs_of_group])
    }

    /// The convolution with these filters and no bias.
    pub(crate) fn with_filters<T: Element>(&self, filters: ArrayD<T>) -> Conv<T, N> {
        Conv::new(filters)
            .stride(self.window.stride)
            .dilation(self.window.dilation)
            .padding(self.window.padding)
            .padding_mode(self.mode)
            .groups(self.groups)
    }

    /// The convolution with random filters, and with a random bias if there is to be one.
    pub(crate) fn conv<T: Draw<Sum: Draw>>(&self) -> Conv<T, N> {
        let conv = self.with_filters(self.filters());
        if self.bias { conv.bias(self.bias_numbers::<T::Sum>()) } else { conv }
    }
}

/// Whether a padding mode finds enough pixels for the padding.
pub(crate) fn mode_fits<const N: usize>(mode: PaddingMode, window: &WindowCase<N>) -> bool {
    window.fitting().axes.iter().all(|axis| {
        let padding = axis.before.max(axis.after);
        match mode {
            PaddingMode::Reflect => padding < axis.length,
            PaddingMode::Symmetric | PaddingMode::Circular => padding <= axis.length,
            _ => true,
        }
    })
}

pub(crate) fn modes() -> impl Strategy<Value = PaddingMode> {
    use PaddingMode::{Circular, Reflect, Replicate, Symmetric, Zeros};
    let others = prop_oneof![Just(Reflect), Just(Symmetric), Just(Replicate), Just(Circular)];
    prop_oneof![1 => Just(Zeros), 1 => others]
}

/// Convolutions that fit; a padding mode that does not is replaced by one that always does.
pub(crate) fn convolutions<const N: usize>() -> impl Strategy<Value = ConvCase<N>> {
    let batch = prop_oneof![Just(None), Just(Some(1)), Just(Some(2))];
    let channels = (1..4_usize, 1..3_usize, 1..3_usize);
    (windows(), modes(), batch, channels, any::<bool>(), memories::<N>(), any::<u64>()).prop_map(
        |(mut window, mode, batch, (groups, inputs_of_group, outputs_of_group), bias, memory, seed)| {
            // A convolution has no ceil mode.
            window = WindowCase { ceil: false, ..window }.lengthened();
            let mode = if mode_fits(mode, &window) { mode } else { PaddingMode::Replicate };
            ConvCase { window, mode, batch, groups, inputs_of_group, outputs_of_group, bias, memory, seed }
        },
    )
}

/// The definition for two spatial axes, of inputs `[channel, y, x]`, as it stands in a textbook: every sum over channels
/// and taps, and for each the sum of what was added without its sign, against which rounding is measured.
pub(crate) fn convolve_planes(case: &ConvCase<2>, input: &ArrayD<f64>) -> (ArrayD<f64>, ArrayD<f64>) {
    let [vertical, horizontal] = case.window.fitting().axes;
    let (rows, columns) = (standing(&vertical, case.mode), standing(&horizontal, case.mode));
    let (filters, bias) = (case.filters::<f64>(), case.bias_numbers::<f64>());
    let shape = [case.groups * case.outputs_of_group, vertical.outputs, horizontal.outputs];
    let (mut sums, mut sizes) = (ArrayD::zeros(shape.as_slice()), ArrayD::zeros(shape.as_slice()));
    for ((place, sum), size) in sums.indexed_iter_mut().zip(&mut sizes) {
        let (filter, y, x) = (place[0], place[1], place[2]);
        let group = filter / case.outputs_of_group;
        if case.bias {
            *sum = bias[[filter]];
            *size = bias[[filter]].abs();
        }
        for c in 0..case.inputs_of_group {
            for i in 0..vertical.size {
                for j in 0..horizontal.size {
                    let row = rows[y * vertical.stride + i * vertical.dilation];
                    let column = columns[x * horizontal.stride + j * horizontal.dilation];
                    let (Some(row), Some(column)) = (row, column) else { continue };
                    let channel = group * case.inputs_of_group + c;
                    let product = filters[[filter, c, i, j]] * input[[channel, row, column]];
                    *sum += product;
                    *size += product.abs();
                }
            }
        }
    }
    (sums, sizes)
}

/// The pixels that stand on a padded axis from its first place on; `None` for a zero.
fn standing(axis: &NaiveAxis, mode: PaddingMode) -> Vec<Option<usize>> {
    let length = axis.length;
    let pixels = (0..length).map(Some);
    // What repeats itself without end, starting at pixel 0.
    let cycle: Vec<usize> = match mode {
        PaddingMode::Reflect => (0..length).chain((1..length.saturating_sub(1)).rev()).collect(),
        PaddingMode::Symmetric => (0..length).chain((0..length).rev()).collect(),
        _ => (0..length).collect(),
    };
    let at = |place: usize| match mode {
        // Far enough from 0 that no place is negative.
        PaddingMode::Reflect | PaddingMode::Symmetric | PaddingMode::Circular => {
            Some(cycle[(place + axis.before * (cycle.len() - 1)) % cycle.len()])
        }
        PaddingMode::Replicate => Some(if place < axis.before { 0 } else { length - 1 }),
        _ => None,
    };
    let before = (0..axis.before).map(at);
    let after = (0..axis.after).map(|place| at(axis.before + length + place));
    before.chain(pixels).chain(after).collect()
}

/// `Padding` is not exhaustive outside the crate: explicit sides, or none.
pub(crate) fn sides<const N: usize>(padding: Padding<N>) -> [(usize, usize); N] {
    match padding {
        Padding::Explicit(sides) => sides,
        _ => [(0, 0); N],
    }
}
