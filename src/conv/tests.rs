//! Every fast algorithm against the reference: at every level, with one to three shares of the work, on odd sizes.

use ndarray::{Array, ArrayD, Axis, IxDyn, Slice};
use proptest::prelude::*;

use super::module::Means;
use super::problem::Problem;
use super::{Algorithm, Conv, Kernels, reference};
use crate::simd::levels;
use crate::tensor::{TensorView, TensorViewMut};
use crate::window::{Padding, PaddingMode};
use crate::{Element, Float, Module, OutputShape, Plan, Quads, Tensor};

/// Without an optimiser, which puts the kernels together, a case takes a hundred times as long.
const CASES: u32 = if cfg!(debug_assertions) { 1 } else { 60 };

/// A layer, drawn small enough for the reference and odd enough for the kernels.
#[derive(Debug, Clone)]
struct Case<const N: usize> {
    images: usize,
    groups: usize,
    channels: usize,
    filters: usize,
    size: [usize; N],
    input: [usize; N],
    stride: [usize; N],
    dilation: [usize; N],
    padding: [(usize, usize); N],
    mode: PaddingMode,
    bias: bool,
    relu: bool,
    /// Whether every filter is a column times a row.
    separable: bool,
    seed: u64,
}

fn cases<const N: usize>() -> impl Strategy<Value = Case<N>> {
    let axis = || (1..=5_usize, 0..=20_usize, 1..=3_usize, 1..=2_usize, (0..=3_usize, 0..=3_usize));
    let axes = proptest::collection::vec(axis(), N);
    // Many filters read their pixels otherwise than few.
    let filters = prop_oneof![3 => 1..=40_usize / N, 1 => 32..=40_usize];
    let counts = (1..=2_usize, 1..=3_usize, 1..=5_usize, filters);
    let mode = prop_oneof![
        3 => Just(PaddingMode::Zeros),
        1 => Just(PaddingMode::Reflect),
        1 => Just(PaddingMode::Replicate),
        1 => Just(PaddingMode::Circular),
    ];
    (axes, counts, mode, any::<[bool; 2]>(), any::<u64>()).prop_map(|(axes, counts, mode, [bias, relu], seed)| {
        let (images, groups, channels, filters) = counts;
        let size: [usize; N] = std::array::from_fn(|axis| axes[axis].0);
        let dilation: [usize; N] = std::array::from_fn(|axis| axes[axis].3);
        // At least as long as the window and as the padding of every mode asks.
        let input = std::array::from_fn(|axis| (size[axis] - 1) * dilation[axis] + 4 + axes[axis].1 / N);
        let stride = std::array::from_fn(|axis| axes[axis].2);
        let padding = std::array::from_fn(|axis| axes[axis].4);
        Case {
            images,
            groups,
            channels,
            filters,
            size,
            input,
            stride,
            dilation,
            padding,
            mode,
            bias,
            relu,
            separable: false,
            seed,
        }
    })
}

/// Layers of windows of 3×3, which have an algorithm of their own.
fn three_by_three() -> impl Strategy<Value = Case<2>> {
    let counts = (1..=4_usize, 1..=2_usize, prop_oneof![1..=4_usize, 5..=30_usize], 1..=48_usize);
    // Several blocks of tiles, several registers of them in a row.
    let size = prop_oneof![3 => (1..=20_usize, 1..=20_usize), 1 => (1..=6_usize, 60..=90_usize)];
    (cases::<2>(), counts, size).prop_map(|(case, counts, (rows, columns))| {
        let (images, groups, channels, filters) = counts;
        let input = [rows.max(2 * case.dilation[0] + 1), columns.max(2 * case.dilation[1] + 1)];
        // Every mode of padding can do two pixels.
        let padding = case.padding.map(|(before, after)| (before.min(2), after.min(2)));
        Case { images, groups, channels, filters, size: [3; 2], input, stride: [1; 2], padding, ..case }
    })
}

/// Layers with a stride of two, whose windows have an algorithm of their own.
fn strided() -> impl Strategy<Value = Case<2>> {
    let sizes = (3..=4_usize, any::<[bool; 2]>(), 1..=7_usize);
    (three_by_three(), sizes).prop_map(|(case, (taps, uneven, channels))| {
        let size = uneven.map(|uneven| 2 * taps - usize::from(uneven));
        // A sum that nearly cancels out should not be the only one.
        let input = [case.input[0].max(size[0] + 6), case.input[1].max(size[1] + 6)];
        // Many channels are summed otherwise than few.
        let channels = if case.seed.is_multiple_of(2) { channels } else { case.channels };
        Case { size, input, channels, stride: [2; 2], dilation: [1; 2], ..case }
    })
}

/// Layers whose pixels are read in their order, or where they lie, by tiles of every second pixel: rows of 7 or 14 outputs, or of
/// twice as many, for about two registers of filters.
fn every_second() -> impl Strategy<Value = Case<2>> {
    let outputs = prop_oneof![Just(7), Just(14), Just(28)];
    (cases::<2>(), outputs, 9..=40_usize, any::<[bool; 3]>()).prop_map(
        |(case, outputs, filters, [padded, longer, three])| {
            let padding = if padded { [(case.padding[0].0, 1), (1, 0)] } else { [(0, 0); 2] };
            // Tiles of three columns know a pixel of padding.
            let size = [case.size[0], if three { 3 } else { case.size[1] }];
            let window = (size[1] - 1) * case.dilation[1] + 1;
            let columns = 2 * (outputs - 1) + window + usize::from(longer) - usize::from(padded);
            let (input, stride) = ([case.input[0], columns], [case.stride[0], 2]);
            Case { filters, size, input, stride, padding, mode: PaddingMode::Zeros, ..case }
        },
    )
}

/// Depthwise layers: half of them with the square windows of most networks, which have tiles of their own.
fn depthwise() -> impl Strategy<Value = Case<2>> {
    let square = proptest::option::of(prop_oneof![Just(3), Just(5), Just(7)]);
    (cases::<2>(), 1..=2_usize, (1..=90_usize, 1..=90_usize), square).prop_map(
        |(mut case, filters, (rows, columns), square)| {
            if let Some(size) = square {
                case = Case { size: [size; 2], stride: [1; 2], dilation: [1; 2], ..case };
            }
            let least = |axis: usize| (case.size[axis] - 1) * case.dilation[axis] + 4;
            let input = [rows.max(least(0)), columns.max(least(1))];
            Case { channels: 1, filters, input, separable: case.seed.is_multiple_of(2), ..case }
        },
    )
}

/// Numbers in no order, from −1 to 1.
fn numbers(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut state = seed | 1;
    Array::from_shape_simple_fn(IxDyn(shape), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1_u32 << 23) - 1.0
    })
}

impl<const N: usize> Case<N> {
    fn input_shape(&self) -> Vec<usize> {
        [&[self.images, self.groups * self.channels], &self.input[..]].concat()
    }

    fn conv<T: Element>(&self, pixel: impl Fn(f64) -> T, sum: impl Fn(f64) -> T::Sum) -> Conv<T, N> {
        let filters = self.groups * self.filters;
        let mut weights = numbers(&[&[filters, self.channels], &self.size[..]].concat(), self.seed ^ 1);
        if self.separable {
            let (column, row) = (numbers(&[16], self.seed ^ 3), numbers(&[16], self.seed ^ 4));
            for (at, weight) in weights.indexed_iter_mut() {
                *weight = column[at[2]] * row[at[N + 1]] * (at[0] + 1) as f64;
            }
        }
        let conv = Conv::new(weights.mapv(pixel))
            .stride(self.stride)
            .dilation(self.dilation)
            .padding(Padding::Explicit(self.padding))
            .padding_mode(self.mode)
            .groups(self.groups)
            .relu(self.relu);
        match self.bias {
            true => conv.bias(numbers(&[filters], self.seed ^ 2).mapv(sum)),
            false => conv,
        }
    }

    /// What each fast algorithm gives at each level, and that it is the same to the bit for one, two and three shares, the
    /// odd ones from an input whose channels have gaps between them.
    fn each_way<T: Float + Kernels>(
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
            for level in levels() {
                let mut first: Option<Tensor<T>> = None;
                for threads in 1..=3 {
                    let means = Means { level, threads };
                    let Some(mut fast) = conv.fast(&layer, Some((algorithm, means))).expect("the case is small") else {
                        continue;
                    };
                    // Nothing may be left of what was there before, in the output or in the workspace.
                    output.view_mut().map_in_place(|sum| *sum = T::HIGHEST);
                    fast.run_into(
                        &(&inputs[threads % 2]).into(),
                        output.as_array_mut().as_slice_mut().expect("a fresh tensor is in order"),
                    );
                    match &first {
                        None => check(algorithm, &output),
                        Some(first) => assert_eq!(first, &output, "{algorithm} at {level:?} with {threads} shares"),
                    }
                    first.get_or_insert_with(|| output.clone());
                }
            }
        }
    }

    /// Held against the reference in `f64`.
    fn check_with<T: Float + Kernels>(&self, direct: f64, winograd: f64) {
        let float = |number| T::from_f64(number);
        let input = numbers(&self.input_shape(), self.seed).mapv(float);
        let exact = |number: T| number.to_f64().expect("every float has an f64");
        let conv = self.conv(float, float);
        let in_f64 = self.conv(|number| exact(float(number)), |number| exact(float(number)));
        let expected = reference::forward(&in_f64, &input.mapv(exact)).expect("the case fits");
        // A ReLU may leave next to nothing of the sums, whose errors these are.
        let sums = reference::forward(&in_f64.relu(false), &input.mapv(exact)).expect("the case fits");
        self.each_way(&conv, &(&input).into(), |algorithm, found| {
            let norm =
                |differences: &mut dyn Iterator<Item = f64>| differences.map(|one| one * one).sum::<f64>().sqrt();
            let error = norm(&mut found.iter().zip(&expected).map(|(&found, &expected)| exact(found) - expected));
            let size = norm(&mut sums.iter().copied());
            let tolerance = match algorithm {
                Algorithm::Winograd => winograd,
                Algorithm::Winograd2x2 => 2.0 * direct,
                _ => direct,
            };
            assert!(error <= tolerance * size, "{algorithm}: off by {} of the norm", error / size);
        });
    }
}

/// The bounds are 1e-6 for direct algorithms and 1e-5 for Winograd's; sums of few terms stay well within.
fn check<const N: usize>(case: &Case<N>) {
    case.check_with::<f32>(5e-7, 3e-6);
    case.check_with::<f64>(1e-15, 6e-15);
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
    /// to three shares.
    fn check_quads<T: Float + Kernels>(&self) {
        let float = |number| T::from_f64(number);
        let mut input = numbers(&self.input_shape(), self.seed).mapv(float);
        if self.seed.is_multiple_of(3) {
            let middle = input.len() / 2;
            input.as_slice_mut().expect("a fresh array is in order")[middle] = float(f64::NAN);
        }
        let conv = self.conv(float, float);
        let layer = conv.layer(input.shape()).expect("the case fits");
        let problem = Problem::new(&layer, self.groups, self.mode).expect("the case fits").expect("it has two axes");
        for quads in [Quads::Max, Quads::Min] {
            for level in levels() {
                for threads in 1..=3 {
                    let run = |quads| {
                        let problem = Problem { quads, ..problem.clone() };
                        let [_, rows, columns] = problem.stored_size();
                        let shape = [self.images, self.groups * self.filters, rows, columns];
                        let asked = Some((Algorithm::Winograd, Means { level, threads }));
                        let fast = conv.fast_with(problem, asked, self.relu).expect("the case is small");
                        let mut output = ArrayD::from_elem(IxDyn(&shape), T::HIGHEST);
                        let slice = output.as_slice_mut().expect("a fresh array is in order");
                        fast.expect("windows are of 3×3").run_into(&(&input).into(), slice);
                        output
                    };
                    if problem.output_size()[1..].iter().any(|&outputs| outputs < 2) {
                        return;
                    }
                    let (found, expected) = (run(Some(quads)), pooled(&run(None), quads));
                    for (found, expected) in found.iter().zip(&expected) {
                        let same = found.to_f64().map(f64::to_bits) == expected.to_f64().map(f64::to_bits);
                        assert!(same, "{quads:?} at {level:?} with {threads} shares: {found} for {expected}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn tiles_are_pooled_as_maps_are(case in three_by_three()) {
        let case = Case { dilation: [1; 2], ..case };
        case.check_quads::<f32>();
        case.check_quads::<f64>();
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

/// A layer large enough for several bands and shares, through the public door: views in any order, into views in any order.
#[test]
fn a_plan_gives_the_same_for_any_strides() {
    let case = Case::<2> {
        images: 2,
        groups: 1,
        channels: 24,
        filters: 37,
        size: [3, 3],
        input: [61, 53],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [(1, 1), (1, 1)],
        mode: PaddingMode::Zeros,
        bias: true,
        relu: true,
        separable: false,
        seed: 7,
    };
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
