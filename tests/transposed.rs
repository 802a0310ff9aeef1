//! Transposed convolution: the adjoint of a convolution, and so known from it exactly.
//!
//! Edge cases, in the order of the tests:
//!
//! - **Adjoint**: `⟨conv(x), y⟩ = ⟨x, transposed(y)⟩` for wrapping integers, with strides that leave pixels over (given
//!   back by output padding), dilations, unequal paddings, groups, one to three axes; and with `Same`.
//! - **Every pixel by itself**: one pixel gives its multiple of the filter, cut at the padding.
//! - **Bias, ranks, element types**: `[size]` filters, inputs with and without channels and batch, sums wider than pixels.
//! - **Any strides** of input, filters and output.
//! - **Sizes**: output padding at and over its limit, outputs of no size, empty batches, no channels.

mod common;

use common::{ConvCase, Stored, convolutions, numbers, on_each_rank, sides};
use featuremap::{
    ConvTranspose, ConvTranspose1d, ConvTranspose2d, Error, Module, Operator, Padding, PaddingMode, Tensor,
};
use ndarray::{Array1, Array2, Array3, ArrayD, Axis, Ix1, array};

on_each_rank! {
    adjoint_of_convolution: check_adjoint(case in convolutions);
    one_pixel_gives_its_filter: check_one_pixel(case in convolutions);
    bias_and_batch: check_bias_and_batch(case in convolutions);
    any_strides_give_the_same: check_strides(case in convolutions);
}

/// Parameters with which the sizes of a convolution can be undone: where padding is chosen to fit, the stride must
/// divide the input.
fn undoable<const N: usize>(case: &ConvCase<N>) -> ConvCase<N> {
    let mut case = ConvCase { mode: PaddingMode::Zeros, ..*case };
    if matches!(case.window.padding, Padding::Same | Padding::SameLower) {
        for axis in 0..N {
            case.window.input[axis] = case.window.input[axis].next_multiple_of(case.window.stride[axis]);
        }
    }
    case
}

/// The transpose of the convolution that the case describes.
fn transposed<const N: usize>(case: &ConvCase<N>, filters: ArrayD<i64>) -> ConvTranspose<i64, N> {
    let output_padding: [usize; N] = match case.window.padding {
        Padding::Same | Padding::SameLower => [0; N],
        padding => std::array::from_fn(|axis| {
            let (before, after) = sides(padding)[axis];
            let extent = case.window.dilation[axis] * (case.window.size[axis] - 1) + 1;
            // The pixels behind the last window, which no window reaches.
            (case.window.input[axis] + before + after - extent) % case.window.stride[axis]
        }),
    };
    ConvTranspose::new(filters)
        .stride(case.window.stride)
        .dilation(case.window.dilation)
        .padding(case.window.padding)
        .output_padding(output_padding)
        .groups(case.groups)
}

fn dot(left: &Tensor<i64>, right: &Tensor<i64>) -> i64 {
    assert_eq!(left.shape(), right.shape());
    left.iter().zip(right).fold(0, |sum, (&left, &right)| sum.wrapping_add(left.wrapping_mul(right)))
}

fn check_adjoint<const N: usize>(case: &ConvCase<N>) {
    let case = undoable(case);
    let filters = case.filters::<i64>();
    let x = Tensor::from(case.input::<i64>());
    let y = Tensor::from(numbers::<i64>(case.seed ^ 7, &case.output_shape()));
    let conv_x = case.with_filters(filters.clone()).forward(&x).unwrap();
    let transposed_y = transposed(&case, filters).forward(&y).unwrap();
    assert_eq!(dot(&conv_x, &y), dot(&x, &transposed_y));
}

/// By the formula: the pixel at `o` adds to the places `o · stride + tap · dilation − before` that there are.
fn check_one_pixel<const N: usize>(case: &ConvCase<N>) {
    let case = undoable(case);
    let naive = case.window.fitting();
    let filters = case.filters::<i64>();
    let (inputs, outputs) = (case.groups * case.outputs_of_group, case.groups * case.inputs_of_group);
    let pick = |count: usize| usize::try_from(case.seed >> 8).unwrap() % count;
    let channel = pick(inputs);
    let at: [usize; N] = naive.output_size().map(pick);

    let shape: Vec<usize> = [inputs].into_iter().chain(naive.output_size()).collect();
    let place: Vec<usize> = [channel].into_iter().chain(at).collect();
    let mut input = ArrayD::zeros(shape);
    input[place.as_slice()] = 3;
    let shape: Vec<usize> = [outputs].into_iter().chain(case.window.input).collect();
    let mut expected = ArrayD::zeros(shape);
    for output in 0..case.inputs_of_group {
        for tap in common::places(case.window.size) {
            let Some(pixel) = naive.pixel(at, tap) else { continue };
            let map = channel / case.outputs_of_group * case.inputs_of_group + output;
            let to: Vec<usize> = [map].into_iter().chain(pixel).collect();
            let weight: Vec<usize> = [channel, output].into_iter().chain(tap).collect();
            expected[to.as_slice()] = 3_i64.wrapping_mul(filters[weight.as_slice()]);
        }
    }
    assert_eq!(transposed(&case, filters).forward(&input).unwrap(), Tensor::from(expected));
}

fn check_bias_and_batch<const N: usize>(case: &ConvCase<N>) {
    let case = ConvCase { batch: Some(2), ..undoable(case) };
    let input = numbers::<i64>(case.seed ^ 7, &case.output_shape());
    let plain = transposed(&case, case.filters());
    let bias = numbers::<i64>(case.seed, &[case.groups * case.inputs_of_group]).into_dimensionality::<Ix1>().unwrap();
    let maps = plain.clone().bias(bias.clone()).forward(&input).unwrap();
    for (image, maps) in input.outer_iter().zip(maps.as_array().outer_iter()) {
        let mut expected = plain.forward(&image).unwrap().into_array();
        for (mut map, &bias) in expected.outer_iter_mut().zip(&bias) {
            map.mapv_inplace(|sum| sum.wrapping_add(bias));
        }
        assert_eq!(maps, expected);
    }
}

fn check_strides<const N: usize>(case: &ConvCase<N>) {
    let case = undoable(case);
    let (input, filters) = (numbers::<i64>(case.seed ^ 7, &case.output_shape()), case.filters::<i64>());
    let expected = transposed(&case, filters.clone()).forward(&input).unwrap();

    let stored = Stored::new(&input, case.memory, 5);
    let mut turned = filters;
    turned.invert_axis(Axis(0));
    let mut in_another_order = turned.as_standard_layout().into_owned();
    in_another_order.invert_axis(Axis(0));
    let conv = transposed(&case, in_another_order);
    assert_eq!(conv.forward(stored.view()).unwrap(), expected);
    let mut output = Stored::new(&ArrayD::zeros(expected.shape()), case.memory, 5);
    conv.forward_into(stored.view().into(), output.view_mut().into()).unwrap();
    assert_eq!(output.view(), expected.as_array());
}

#[test]
fn ranks_and_element_types() {
    let doubled = ConvTranspose2d::new(Array2::from_elem((2, 2), -128_i8)).stride(2);
    let large = |outer: &[usize]| [outer, &[4, 6]].concat();
    for outer in [&[][..], &[1], &[3, 1]] {
        let input = ArrayD::from_elem([outer, &[2, 3]].concat(), -128_i8);
        let map: Tensor<i32> = doubled.forward(&input).unwrap();
        assert_eq!(map, Tensor::from(ArrayD::from_elem(large(outer), 16_384)));
    }
    assert!(matches!(doubled.output_shape(&[3, 2, 3]), Err(Error::Channels { expected: 1, found: 3, .. })));
    assert!(matches!(doubled.output_shape(&[3]), Err(Error::Rank { .. })));

    // A bank makes a channel axis, as for a convolution.
    let bank = ConvTranspose1d::new(Array3::<f32>::ones((1, 2, 3)));
    assert_eq!(bank.output_shape(&[4]).unwrap(), [2, 6]);
    assert_eq!(bank.output_shape(&[1, 4]).unwrap(), [2, 6]);
    // Without a bank, a volume of filters would not say how many outputs there are.
    assert!(matches!(ConvTranspose1d::new(Array2::<f32>::ones((2, 3))).output_shape(&[2, 4]), Err(Error::Rank { .. })));
}

#[test]
fn output_padding_adds_pixels_at_the_end() {
    let conv = ConvTranspose1d::new(array![1, 1]).stride(3).dilation(2);
    let input = array![1, 2];
    assert_eq!(conv.forward(&input).unwrap(), Tensor::from(array![1, 0, 1, 2, 0, 2]));
    let longer = conv.clone().output_padding(2).forward(&input).unwrap();
    assert_eq!(longer, Tensor::from(array![1, 0, 1, 2, 0, 2, 0, 0]));
    assert!(matches!(conv.output_padding(3).forward(&input), Err(Error::OutputPadding { output_padding: 3, .. })));
    // Smaller than the dilation is as good as smaller than the stride.
    let dilated = ConvTranspose1d::new(array![1, 1]).dilation(3).output_padding(2);
    assert_eq!(dilated.forward(&input).unwrap(), Tensor::from(array![1, 2, 0, 1, 2, 0, 0]));
}

#[test]
fn padding_cuts_pixels_off() {
    let conv = ConvTranspose1d::new(array![1, 2, 3]).padding([(1, 0)]);
    assert_eq!(conv.forward(&array![1, 10]).unwrap(), Tensor::from(array![12, 23, 30]));
    let all = ConvTranspose1d::new(array![1, 2, 3]).padding(2);
    assert!(matches!(all.forward(&array![1, 10]), Err(Error::TransposedSize { size: 0, .. })));
    assert!(matches!(all.padding(3).forward(&array![1, 10]), Err(Error::TransposedSize { size: -2, .. })));
    for padding in [Padding::Same, Padding::SameLower] {
        let same = ConvTranspose1d::new(array![1, 2, 3, 4]).stride(3).padding(padding);
        assert_eq!(same.output_shape(&[5]).unwrap(), [15]);
    }
}

#[test]
fn nothing_in_gives_nothing_or_the_bias() {
    let conv = ConvTranspose1d::new(Array3::<f32>::ones((2, 3, 2)));
    assert_eq!(conv.forward(&Array3::zeros((0, 2, 4))).unwrap().shape(), [0, 3, 5]);
    assert!(matches!(conv.forward(&Array3::zeros((1, 2, 0))), Err(Error::EmptyAxis { axis: 0 })));
    let no_channels = ConvTranspose1d::new(Array3::<f32>::zeros((0, 3, 2))).bias(Array1::ones(3));
    assert_eq!(no_channels.forward(&Array2::zeros((0, 4))).unwrap(), Tensor::from(Array2::ones((3, 5))));
}

/// Whole numbers from −4 to 4, whose sums floats have exactly.
fn whole(shape: &[usize], seed: usize) -> ArrayD<i32> {
    let mut state = seed;
    ArrayD::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from((state >> 33) % 9).expect("it is small") - 4
    })
}

/// A layer large enough for kernels, in `f32`, against the same in integers, which is computed by tap.
fn check_phases<const N: usize>(
    [images, groups, channels, filters]: [usize; 4],
    [size, input, stride, dilation, padding, output_padding]: [[usize; N]; 6],
    how: &str,
) {
    let shape = [&[images, groups * channels], &input[..]].concat();
    let weights = whole(&[&[groups * channels, filters], &size[..]].concat(), 1);
    let (bias, pixels) = (whole(&[groups * filters], 2), whole(&shape, 3));
    macro_rules! layer {
        ($convert:expr) => {
            ConvTranspose::new(weights.mapv($convert))
                .bias(bias.mapv($convert))
                .stride(stride)
                .dilation(dilation)
                .padding(Padding::Explicit(padding.map(|side| (side, side))))
                .output_padding(output_padding)
                .groups(groups)
        };
    }
    #[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
    let float = |number: i32| number as f32;
    let (exact, layer): (ConvTranspose<i32, N>, ConvTranspose<f32, N>) = (layer!(|number| number), layer!(float));
    let expected = exact.forward(&pixels).expect("the layer fits").into_array().mapv(float);
    let mut plan = layer.plan(&shape).expect("the layer fits");
    assert!(plan.algorithm().ends_with(how), "{plan} for {how}");
    let mut found = ArrayD::from_elem(plan.output_shape(), f32::NAN);
    plan.run(&pixels.mapv(float), &mut found).expect("the shapes fit");
    // Winograd's sums are rounded.
    assert!(found.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 2e-2), "{plan}");
}

#[test]
fn phases_give_what_taps_give() {
    let one = [1, 1, 24, 17];
    check_phases(one, [[4, 4], [9, 7], [2, 2], [1, 1], [1, 1], [0, 0]], "phases: 4");
    check_phases(one, [[3, 3], [9, 7], [2, 2], [1, 1], [1, 1], [1, 1]], "phases: 4");
    check_phases([2, 1, 9, 5], [[5, 2], [6, 11], [3, 2], [1, 1], [0, 0], [2, 0]], "phases: 6");
    // Every second pixel of a row is reached by no tap, or rows by none, as the stride is longer than the window.
    check_phases(one, [[3, 3], [6, 7], [2, 4], [2, 2], [1, 0], [0, 1]], "phases: 8");
    check_phases(one, [[2, 1], [6, 7], [3, 3], [1, 1], [0, 0], [1, 2]], "phases: 9");
    check_phases([1, 3, 8, 4], [[3, 3], [9, 12], [1, 1], [1, 1], [1, 1], [0, 0]], "phases: 1");
    check_phases([1, 1, 12, 6], [[3, 3], [9, 9], [3, 2], [2, 3], [2, 5], [0, 0]], "phases: 6");
    check_phases([1, 1, 70, 1], [[32], [9], [8], [1], [5], [0]], "phases: 8");
    check_phases([2, 1, 9, 5], [[2, 3, 4], [4, 5, 6], [2, 1, 2], [1, 1, 1], [0, 1, 1], [0, 0, 0]], "phases: 4");
    // Each group has one channel: rows of pixels, and no product of matrices.
    check_phases([1, 32, 1, 1], [[4, 4], [12, 12], [2, 2], [1, 1], [1, 1], [0, 0]], "phases: 4");
}

/// A zero around the input times an infinite weight would be a product that the definition does not have.
#[test]
fn infinite_weights_meet_pixels_alone() {
    let mut weights = ArrayD::from_elem(vec![16, 8, 4, 4], 1.0_f32);
    weights[[3, 2, 0, 0]] = f32::INFINITY;
    let layer: ConvTranspose2d = ConvTranspose::new(weights).stride(2);
    let pixels = ArrayD::from_elem(vec![1, 16, 6, 6], 1.0_f32);
    let output = layer.forward(&pixels).expect("the layer fits").into_array();
    assert!(output.iter().all(|number| !number.is_nan()));
    // Each pixel adds to one output of this filter an infinite product.
    assert_eq!(output.iter().filter(|number| number.is_infinite()).count(), 36);
}
