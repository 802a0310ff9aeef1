//! Every fast algorithm against the reference: at every level, by one to three threads, on odd sizes.

mod cases;
mod choices;
mod denormals;
mod fused;
mod memory;
mod patches;

use ndarray::{Array, ArrayD, Axis, IxDyn, Slice};
use proptest::prelude::*;

use super::bands::ConvBands;
use super::kernels::Kernels;
use super::module::Means;
use super::problem::Problem;
use super::{Algorithm, Conv, ConvLayer, choose, reference};
use crate::simd::kernel_levels;
use crate::tensor::{TensorView, TensorViewMut};
use crate::window::PaddingMode;
use crate::{Float, Module, Operator, Plan, Quads, Tensor};
use cases::{
    Case, bare, case_of, cases, depthwise, every_second, few_channels, many_groups, mostly_padding, numbers, plain,
    strided, three_by_three,
};

/// Without an optimiser, which puts the kernels together, a case takes a hundred times as long.
const CASES: u32 = if cfg!(debug_assertions) { 1 } else { 60 };

impl<const N: usize> Case<N> {
    /// What each fast algorithm gives at each level, and that it is the same to the bit for one, two and three threads, the
    /// odd ones from an input whose channels have gaps between them.
    fn each_way<T: Kernels>(
        &self,
        conv: &Conv<T, N>,
        input: &TensorView<'_, T>,
        mut check: impl FnMut(Algorithm, &Tensor<T>),
    ) {
        let layer = conv.layer(input.shape()).expect("the case fits");
        let mut output = Tensor::zeros(&layer.output.to_vec()).expect("the case is small");
        let mut shape = input.shape().to_vec();
        shape[2] += 3;
        let mut taller = ArrayD::from_elem(shape, T::HIGHEST);
        let inside = Slice::from(1..=self.input[0]);
        taller.slice_axis_mut(Axis(2), inside).assign(&input.clone().into_array_view());
        let inputs = [input.clone().into_array_view(), taller.slice_axis(Axis(2), inside)];
        for algorithm in Algorithm::ALL {
            for level in kernel_levels() {
                let mut first: Option<Tensor<T>> = None;
                for threads in 1..=3 {
                    let means = Means { level, threads };
                    let Some(fast) = conv.fast(&layer, Some((algorithm, means))).expect("the case is small") else {
                        continue;
                    };
                    // Nothing may be left of what was there before, in the output or in the workspace.
                    output.view_mut().map_in_place(|sum| *sum = T::HIGHEST);
                    let mut scratch = vec![T::HIGHEST; fast.layer.scratch_length()];
                    fast.layer.run_into(
                        &(&inputs[threads % 2]).into(),
                        output.as_array_mut().as_slice_mut().expect("a fresh tensor is in order"),
                        &mut scratch,
                    );
                    match &first {
                        None => check(algorithm, &output),
                        Some(first) => assert_eq!(first, &output, "{algorithm} at {level:?} by {threads} threads"),
                    }
                    first.get_or_insert_with(|| output.clone());
                }
            }
        }
    }

    /// Held against the reference in `f64`: the errors by the size of the sums, or by that which sums of such products have where
    /// they do not happen to cancel out.
    fn check_with<T: Kernels>(&self, direct: f64, winograd: f64) {
        let float = |number| T::from_f64(number);
        let input = numbers(&self.input_shape(), self.seed).mapv(float);
        let exact = |number: T| number.to_f64().expect("every float has an f64");
        let conv = self.conv(float, float);
        let in_f64 = self.conv(|number| exact(float(number)), |number| exact(float(number)));
        // A ReLU may leave next to nothing of the sums, whose errors these are.
        let sums = reference::forward(&in_f64.clone().relu(false), &input.mapv(exact)).expect("the case fits");
        let expected = match self.relu {
            true => &reference::forward(&in_f64, &input.mapv(exact)).expect("the case fits"),
            false => &sums,
        };
        let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|one| one * one).sum::<f64>().sqrt();
        let square = |number: f64| exact(float(number)).powi(2);
        let squares = reference::forward(&self.conv(square, square).relu(false), &input.mapv(|one| exact(one).powi(2)));
        let size = norm(&mut sums.iter().copied()).max(squares.expect("the case fits").iter().sum::<f64>().sqrt());
        self.each_way(&conv, &(&input).into(), |algorithm, found| {
            let error = norm(&mut found.iter().zip(expected).map(|(&found, &expected)| exact(found) - expected));
            let tolerance = match algorithm {
                Algorithm::Winograd => winograd,
                Algorithm::Winograd2x2 => 2.0 * direct,
                _ => direct,
            };
            assert!(error <= tolerance * size, "{algorithm}: off by {} of the norm", error / size);
        });
    }
}

/// Each addition is off by up to half a unit, now up and now down: what becomes of `n` of them grows with √n. In `f64` the reference
/// rounds as well.
fn check<const N: usize>(case: &Case<N>) {
    let terms = (case.channels * case.size.iter().product::<usize>()) as f64;
    let [single, double] = [f64::from(f32::EPSILON), f64::EPSILON].map(|unit| unit / 2.0);
    case.check_with::<f32>((3.0 + terms.sqrt()) * single, 50.0 * single);
    case.check_with::<f64>((4.0 + 1.5 * terms.sqrt()) * double, 50.0 * double);
    case.check_fused();
}

#[test]
fn every_algorithm_is_the_reference_on_a_layer_of_its_own() {
    for (algorithm, case) in Algorithm::ALL.into_iter().filter_map(|algorithm| Some((algorithm, case_of(algorithm)?))) {
        let conv = case.conv(f32::from_f64, f32::from_f64);
        let input = numbers(&case.input_shape(), case.seed).mapv(f32::from_f64);
        let mut levels = 0;
        case.each_way(&conv, &(&input).into(), |ran, _| levels += usize::from(ran == algorithm));
        assert_eq!(levels, kernel_levels().len(), "{algorithm}");
        check(&case);
    }
}

/// That an algorithm computes a layer at every level.
fn assert_runs(conv: &Conv<f32, 2>, layer: &ConvLayer<2>, algorithm: Algorithm) {
    for level in kernel_levels() {
        let fast = conv.fast(layer, Some((algorithm, Means { level, threads: 1 })));
        assert!(fast.expect("it is small").is_some(), "{algorithm} at {level:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn every_way_is_the_reference_on_one_axis(case in cases::<1>()) {
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_on_two_axes(case in cases::<2>()) {
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_on_three_axes(case in cases::<3>()) {
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_for_windows_of_three_by_three(case in three_by_three()) {
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_where_pixels_stay_in_place(case in bare()) {
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_where_many_taps_lie_on_padding(case in mostly_padding()) {
        let conv = case.conv::<f32>(f32::from_f64, f32::from_f64);
        let layer = conv.layer(&case.input_shape());
        prop_assume!(layer.is_ok());
        let layer = layer.expect("it is");
        let problem = Problem::new(&layer, 1, case.mode).expect("it has two axes");
        prop_assume!(Algorithm::Zones.suits(&problem));
        assert_runs(&conv, &layer, Algorithm::Zones);
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_for_strided_windows(case in strided()) {
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_for_every_second_pixel(case in every_second()) {
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_for_depthwise_layers(case in depthwise()) {
        check(&case);
    }

    #[test]
    fn every_way_is_the_reference_for_one_filter_a_channel(case in many_groups::<2>(), deep in many_groups::<3>()) {
        let conv = case.conv::<f32>(f32::from_f64, f32::from_f64);
        let layer = conv.layer(&case.input_shape()).expect("the case fits");
        assert_runs(&conv, &layer, Algorithm::Channels);
        check(&case);
        check(&deep);
    }
}

/// Which source few filters of one pixel read: that of 14×14 pixels of 384 channels along filters, as networks have it; and of larger maps
/// along pixels, where a tile that would reach beyond its row begins earlier.
#[test]
fn few_filters_read_pixels_where_they_lie() {
    let layer = |[channels, filters, side]: [usize; 3], padding: usize| {
        let conv = Conv::<f32, 2>::new(ArrayD::zeros(IxDyn(&[filters, channels, 1, 1]))).padding(padding);
        let layer = conv.layer(&[1, channels, side, side]).expect("the layer fits");
        Problem::new(&layer, 1, PaddingMode::Zeros).expect("it has two axes")
    };
    for (sizes, algorithm) in [([384, 64, 14], Algorithm::Channels), ([64, 3, 27], Algorithm::Pixels)] {
        for level in kernel_levels() {
            let reads =
                |padding| ConvBands::new::<f32>(&layer(sizes, padding), algorithm, level).expect("it is small").reads();
            assert_eq!((reads(0), reads(1)), (("rows", true), ("rows", false)), "{algorithm} at {level:?}");
        }
    }
}

/// What a pooling of 2×2 makes of maps, whose last axes are rows and columns.
fn pooled<T: Float>(maps: &ArrayD<T>, quads: Quads) -> ArrayD<T> {
    let shape = maps.shape();
    let stored = [&shape[..2], &[shape[2] / 2, shape[3] / 2]].concat();
    ArrayD::from_shape_fn(IxDyn(&stored), |at| {
        let pixels = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let pixels = pixels.map(|(row, column)| maps[[at[0], at[1], 2 * at[2] + row, 2 * at[3] + column]]);
        let wins = |pixel: T, best: T| match quads {
            Quads::Max => pixel > best,
            Quads::Min => pixel < best,
        };
        let is_nan = |pixel: T| pixel.partial_cmp(&pixel).is_none();
        let best = |best: T, pixel: T| if is_nan(pixel) || wins(pixel, best) { pixel } else { best };
        pixels.into_iter().reduce(best).expect("there are four")
    })
}

impl Case<2> {
    /// That tiles which are pooled before they are stored give what is pooled afterwards, to the bit, at every level and with one
    /// to three threads. Returns whether there are any.
    fn check_quads<T: Kernels>(&self, algorithm: Algorithm) -> bool {
        let float = |number| T::from_f64(number);
        let mut input = numbers(&self.input_shape(), self.seed).mapv(float);
        if self.seed.is_multiple_of(3) {
            let middle = input.len() / 2;
            input.as_slice_mut().expect("a fresh array is in order")[middle] = float(f64::NAN);
        }
        let conv = self.conv(float, float);
        let layer = conv.layer(input.shape()).expect("the case fits");
        let problem = Problem::new(&layer, self.groups, self.mode).expect("it has two axes");
        if problem.output_size()[1..].iter().any(|&outputs| outputs < 2) {
            return false;
        }
        let mut some = false;
        for quads in [Quads::Max, Quads::Min] {
            for level in kernel_levels() {
                if !choose::pools::<T>(algorithm, &problem, level) {
                    continue;
                }
                some = true;
                for threads in 1..=3 {
                    let run = |quads| {
                        let problem = Problem { quads, ..problem.clone() };
                        let [_, rows, columns] = problem.stored_size();
                        let shape = [self.images, self.groups * self.filters, rows, columns];
                        let asked = Some((algorithm, Means { level, threads }));
                        let fast = conv.fast_for(problem, asked).expect("the case is small");
                        let mut output = ArrayD::from_elem(IxDyn(&shape), T::HIGHEST);
                        let slice = output.as_slice_mut().expect("a fresh array is in order");
                        let fast = fast.expect("there is a kernel");
                        fast.run_once(&(&input).into(), slice).expect("the case is small");
                        output
                    };
                    let (found, expected) = (run(Some(quads)), pooled(&run(None), quads));
                    for (found, expected) in found.iter().zip(&expected) {
                        let same = found.to_f64().map(f64::to_bits) == expected.to_f64().map(f64::to_bits);
                        assert!(same, "{quads:?} at {level:?} by {threads} threads: {found} for {expected}");
                    }
                }
            }
        }
        some
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn tiles_are_pooled_as_maps_are(case in three_by_three()) {
        let case = Case { dilation: [1; 2], ..case };
        case.check_quads::<f32>(Algorithm::Winograd);
    }

    #[test]
    fn rows_are_pooled_as_maps_are(case in few_channels()) {
        prop_assume!(case.check_quads::<f32>(Algorithm::Pixels));
    }
}

/// Sums of thousands of terms, within the bounds that all sums are to keep.
#[test]
fn errors_stay_small_with_many_channels() {
    let case = Case::<2> {
        images: 1,
        groups: 1,
        channels: if cfg!(debug_assertions) { 16 } else { 512 },
        filters: 17,
        size: [3, 3],
        input: [9, 11],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [(1, 1), (1, 1)],
        mode: PaddingMode::Zeros,
        bias: false,
        relu: false,
        separable: false,
        seed: 11,
    };
    case.check_with::<f32>(1e-6, 1e-5);
}

/// A layer large enough for several bands and pieces, through the public door: views in any order, into views in any order.
#[test]
fn a_plan_gives_the_same_for_any_strides() {
    let case = Case { channels: 24, filters: 37, input: [61, 53], relu: true, seed: 7, ..plain() };
    let conv = case.conv(f32::from_f64, f32::from_f64);
    let input = numbers(&case.input_shape(), 3).mapv(f32::from_f64);
    let expected = conv.forward(&input).expect("the case fits");

    let mut reversed = input.clone();
    reversed.invert_axis(Axis(3));
    reversed = reversed.as_standard_layout().into_owned();
    reversed.invert_axis(Axis(3));
    let channels_last = input.clone().permuted_axes(IxDyn(&[0, 2, 3, 1])).as_standard_layout().into_owned();
    let channels_last = channels_last.view().permuted_axes(IxDyn(&[0, 3, 1, 2]));

    let mut plan: Plan = conv.plan(&case.input_shape()).expect("the case fits");
    for view in [input.view(), reversed.view(), channels_last] {
        let shape = conv.output_shape(&case.input_shape()).expect("the case fits");
        let mut output = ArrayD::<f32>::zeros(IxDyn(&[shape[0], shape[2], shape[3], shape[1]]));
        let turned: TensorViewMut<'_, f32> = output.view_mut().permuted_axes(IxDyn(&[0, 3, 1, 2])).into();
        plan.run(view, turned).expect("the shapes fit");
        assert_eq!(Tensor::from(output.permuted_axes(IxDyn(&[0, 3, 1, 2]))), expected);
    }
    assert!(plan.workspace_bytes() > 0);
}

#[test]
fn only_a_column_times_a_row_is_done_in_two_passes() {
    let blur = [1.0_f32, 6.0, 15.0, 20.0, 15.0, 6.0, 1.0];
    let planned = |filter: Array<f32, ndarray::Ix2>| {
        Conv::<f32, 2>::new(filter).plan(&[200, 300]).expect("the filter fits").algorithm()
    };
    let product = Array::from_shape_fn((7, 7), |(row, column)| blur[row] * blur[column] / 4096.0);
    assert_eq!(planned(product.clone()), "separable");
    let mut spoilt = product.clone();
    spoilt[[6, 6]] *= 1.5;
    assert_eq!(planned(spoilt), "rows");
    let mut infinite = product;
    infinite[[3, 3]] = f32::INFINITY;
    assert_eq!(planned(infinite), "rows");
}
