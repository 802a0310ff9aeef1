//! Convolution against its definition, twice: the crate's reference, and loops of this file's own.
//!
//! Edge cases, in the order of the tests:
//!
//! - **Equal to the reference** for every element type and one to three axes: integers exactly, with extreme values so
//!   that sums wrap; floats to their last digits. Strides, dilations, unequal paddings, every padding mode, groups,
//!   depthwise, with and without bias, one image or several.
//! - **The reference itself** against textbook loops over two axes.
//! - **Linear** in pixels and in filters, exactly, for wrapping integers.
//! - **Equivariant**: on a torus, a shifted image gives a shifted map.
//! - **Ranks**: every cell of the rank rule, and what it refuses.
//! - **Any strides** of input, filters and output give the same; what lies between the elements of the output stays.
//! - **Nothing**: empty batches, inputs without channels, banks without filters.
//! - **Flipped** filters of every rank, and twice.
//! - **Not finite**: zeros of the padding meet infinite weights; NaN and infinite pixels.
//! - **Padding modes** refuse more than the image can fill, and give all up to that.

mod common;

use common::{
    ConvCase, Draw, Stored, WindowCase, assert_close, assert_same, convolutions, convolve_planes, mode_fits, modes,
    numbers, odometer, on_each_rank, windows,
};
use featuremap::conv::reference;
use featuremap::{Conv, Conv1d, Conv2d, Element, Error, Float, Module, Operator, Padding, PaddingMode, Tensor};
use ndarray::{Array1, Array2, Array3, Array4, ArrayD, Axis, IxDyn, array};
use proptest::prelude::*;

on_each_rank! {
    integers_equal_the_reference: check_integers(case in convolutions);
    floats_equal_the_reference: check_floats(case in convolutions);
    depthwise_equals_one_convolution_for_each_channel: check_depthwise(case in convolutions);
    linear_in_pixels_and_filters: check_linear(case in convolutions);
    shifts_go_through: check_shift(case in convolutions, shift in shifts);
    any_strides_give_the_same: check_strides(case in convolutions);
    flipped_turns_filters_around: check_flipped(case in convolutions);
    values_that_are_not_finite: check_not_finite(case in convolutions);
    padding_modes_take_what_the_image_can_fill: check_modes(window in windows, mode in all_modes);
}

fn shifts<const N: usize>() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..8_usize, N)
}

fn all_modes<const N: usize>() -> impl Strategy<Value = PaddingMode> {
    modes()
}

fn check_exact<T: Draw<Sum: Draw>, const N: usize>(case: &ConvCase<N>) {
    let (conv, input) = (case.conv::<T>(), case.input::<T>());
    let output = conv.forward(&input).unwrap();
    assert_eq!(output.shape(), case.output_shape());
    assert_eq!(output.shape(), conv.output_shape(input.shape()).unwrap());
    assert_eq!(output, reference::forward(&conv, &input).unwrap());
}

fn check_integers<const N: usize>(case: &ConvCase<N>) {
    // Which type, the seed may choose: all of them take six times as long.
    match case.seed % 6 {
        0 => check_exact::<i8, N>(case),
        1 => check_exact::<u8, N>(case),
        2 => check_exact::<i16, N>(case),
        3 => check_exact::<u16, N>(case),
        4 => check_exact::<i32, N>(case),
        _ => check_exact::<i64, N>(case),
    }
}

fn check_float<T, const N: usize>(case: &ConvCase<N>, relative: T)
where
    T: Float + Draw<Sum = T> + approx::AbsDiffEq<Epsilon = T>,
{
    let (conv, input) = (case.conv::<T>(), case.input::<T>());
    let size = case.with_filters(case.filters::<T>().mapv(T::abs)).bias(case.bias_numbers::<T>().mapv(T::abs));
    let size = reference::forward(&size, &input.mapv(T::abs)).unwrap();
    assert_close(&conv.forward(&input).unwrap(), &reference::forward(&conv, &input).unwrap(), &size, relative);
}

fn check_floats<const N: usize>(case: &ConvCase<N>) {
    match case.seed % 2 {
        0 => check_float::<f64, N>(case, 1e-12),
        _ => check_float::<f32, N>(case, 1e-5),
    }
}

fn check_depthwise<const N: usize>(case: &ConvCase<N>) {
    let case = ConvCase { inputs_of_group: 1, outputs_of_group: 1, bias: false, batch: None, ..*case };
    let (input, filters) = (case.input::<i32>(), case.filters::<i32>());
    let maps = case.with_filters(filters.clone()).forward(&input).unwrap();
    let alone = ConvCase { groups: 1, ..case };
    for channel in 0..case.groups {
        let filter = filters.index_axis(Axis(0), channel).index_axis_move(Axis(0), 0).to_owned();
        let map = alone.with_filters(filter).forward(input.index_axis(Axis(0), channel)).unwrap();
        assert_eq!(map, Tensor::from(maps.as_array().index_axis(Axis(0), channel)), "channel {channel}");
    }
}

proptest! {
    #[test]
    fn reference_equals_the_textbook(case in convolutions::<2>()) {
        let case = ConvCase { batch: None, ..case };
        let (conv, input) = (case.conv::<f64>(), case.input());
        let (sums, sizes) = convolve_planes(&case, &input);
        let (sums, sizes) = (Tensor::from(sums), Tensor::from(sizes));
        assert_close(&reference::forward(&conv, &input).unwrap(), &sums, &sizes, 1e-12);
        assert_close(&conv.forward(&input).unwrap(), &sums, &sizes, 1e-12);
    }
}

#[test]
fn integers_wrap_and_small_ones_do_not() {
    let sum = |pixel: i64| Conv1d::new(array![2_i64, 2]).forward(&array![pixel, 1]).unwrap();
    assert_eq!(sum(i64::MAX), Tensor::from(array![0_i64]));
    let sum = Conv1d::new(array![i32::MAX]).forward(&array![2, i32::MIN]).unwrap();
    assert_eq!(sum, Tensor::from(array![-2, i32::MIN]));
    let sum = Conv1d::new(array![i8::MIN, i8::MIN]).forward(&array![i8::MIN, i8::MIN]).unwrap();
    assert_eq!(sum, Tensor::from(array![2 * 128 * 128]));
    let sum = Conv1d::new(array![i16::MIN, i16::MIN]).forward(&array![i16::MIN, i16::MIN]).unwrap();
    assert_eq!(sum, Tensor::from(array![i32::MIN]));
    let sum = Conv1d::new(array![u16::MAX, u16::MAX]).forward(&array![u16::MAX, u16::MAX]).unwrap();
    assert_eq!(sum, Tensor::from(array![2 * 65_535 * 65_535_i64]));
}

fn combine(a: i64, left: &ArrayD<i64>, b: i64, right: &ArrayD<i64>) -> ArrayD<i64> {
    ndarray::Zip::from(left)
        .and(right)
        .map_collect(|&left, &right| left.wrapping_mul(a).wrapping_add(right.wrapping_mul(b)))
}

fn check_linear<const N: usize>(case: &ConvCase<N>) {
    let (a, b) = (i64::draw(case.seed ^ 3), i64::draw(case.seed ^ 5));
    let (left, right) = (case.input(), numbers(case.seed ^ 4, &case.input_shape()));
    let (filters, others) = (case.filters(), numbers(case.seed ^ 6, &case.filters_shape()));
    let forward = |filters: &ArrayD<i64>, input: &ArrayD<i64>| {
        case.with_filters(filters.clone()).forward(input).unwrap().into_array()
    };
    let of_sum = forward(&filters, &combine(a, &left, b, &right));
    assert_eq!(of_sum, combine(a, &forward(&filters, &left), b, &forward(&filters, &right)));
    let of_sum = forward(&combine(a, &filters, b, &others), &left);
    assert_eq!(of_sum, combine(a, &forward(&filters, &left), b, &forward(&others, &left)));
}

/// The array on a torus, with the last axes shifted forward.
fn roll(array: &ArrayD<i64>, shift: &[usize]) -> ArrayD<i64> {
    let outer = array.ndim() - shift.len();
    ArrayD::from_shape_fn(array.raw_dim(), |place| {
        let from: Vec<usize> = (0..array.ndim())
            .map(|axis| match axis.checked_sub(outer) {
                Some(spatial) => {
                    let length = array.shape()[axis];
                    (place[axis] + length - shift[spatial] % length) % length
                }
                None => place[axis],
            })
            .collect();
        array[from.as_slice()]
    })
}

fn check_shift<const N: usize>(case: &ConvCase<N>, shift: &[usize]) {
    // As many outputs as pixels, and no more padding on a side than pixels.
    let mut window = WindowCase { stride: [1; N], ..case.window };
    let padding = std::array::from_fn(|axis| {
        let reach = window.dilation[axis] * (window.size[axis] - 1);
        window.input[axis] = window.input[axis].max(reach);
        let before = shift[axis] % (reach + 1);
        (before, reach - before)
    });
    window.padding = Padding::Explicit(padding);
    let case = ConvCase { window, mode: PaddingMode::Circular, ..*case };
    let (conv, input) = (case.conv::<i64>(), case.input());
    let map = conv.forward(&input).unwrap().into_array();
    let map_of_shifted = conv.forward(&roll(&input, shift)).unwrap();
    assert_eq!(map_of_shifted, Tensor::from(roll(&map, shift)));
}

/// What a convolution of filters and input of these shapes gives, all ones and without padding.
fn ranks<const N: usize>(filters: &[usize], input: &[usize]) -> Result<Vec<usize>, Error> {
    let conv = Conv::<i32, N>::new(ArrayD::ones(filters));
    let promised = conv.output_shape(input);
    let output = conv.forward(&ArrayD::ones(input));
    assert_eq!(output.as_ref().map(|output| output.shape().to_vec()), promised.as_ref().cloned());
    // Each output adds up all channels under the window.
    let sum: usize = filters.iter().rev().take(N + 1).product();
    assert!(output.map_or(true, |output| output.iter().all(|&element| usize::try_from(element) == Ok(sum))));
    promised
}

/// The table of the rank rule, its rows and columns in turn, over windows of 2 on axes of 4.
fn check_rank_rule<const N: usize>() {
    let with = |outer: &[usize], length: usize| -> Vec<usize> { [outer, &[length; N]].concat() };
    let gives = |filters: &[usize], input: &[usize], output: &[usize]| {
        let found = ranks::<N>(&with(filters, 2), &with(input, 4));
        assert_eq!(found, Ok(with(output, 3)), "filters {filters:?}, input {input:?}");
    };
    let fails = |filters: &[usize], input: &[usize], names_groups: bool| {
        let error = ranks::<N>(&with(filters, 2), &with(input, 4)).unwrap_err();
        assert!(matches!(error, Error::Channels { .. }), "filters {filters:?}, input {input:?}: {error}");
        assert_eq!(error.to_string().contains("groups("), names_groups, "{error}");
    };
    // One filter for one channel.
    gives(&[], &[], &[]);
    gives(&[], &[1], &[1]);
    fails(&[], &[3], true);
    gives(&[], &[2, 1], &[2, 1]);
    fails(&[], &[2, 3], true);
    // One filter over a volume.
    fails(&[3], &[], false);
    gives(&[1], &[], &[]);
    gives(&[3], &[3], &[1]);
    gives(&[1], &[1], &[1]);
    fails(&[3], &[2], false);
    gives(&[3], &[2, 3], &[2, 1]);
    fails(&[3], &[3, 2], false);
    // A bank.
    gives(&[5, 1], &[], &[5]);
    gives(&[1, 1], &[], &[1]);
    fails(&[5, 3], &[], false);
    gives(&[5, 3], &[3], &[5]);
    gives(&[1, 3], &[3], &[1]);
    fails(&[5, 3], &[2], false);
    fails(&[5, 3], &[6], true);
    gives(&[5, 3], &[2, 3], &[2, 5]);
    fails(&[5, 3], &[3, 2], false);
    // Ranks of no row or column.
    for (filters, input) in [(vec![1, 1, 1], vec![1]), (vec![], vec![1, 1, 1])] {
        let error = ranks::<N>(&with(&filters, 2), &with(&input, 4)).unwrap_err();
        assert!(matches!(error, Error::Rank { .. }), "{error}");
    }
}

#[test]
fn rank_alone_decides() {
    check_rank_rule::<1>();
    check_rank_rule::<2>();
    check_rank_rule::<3>();
    for short in [&[][..], &[2], &[2, 2]] {
        assert!(matches!(Conv::<f32, 3>::new(ArrayD::ones(short)).output_shape(&[4; 3]), Err(Error::Rank { .. })));
        assert!(matches!(
            Conv::<f32, 3>::new(ArrayD::ones([2; 3].as_slice())).output_shape(short),
            Err(Error::Rank { .. })
        ));
    }
}

fn check_strides<const N: usize>(case: &ConvCase<N>) {
    let (input, filters) = (case.input::<i32>(), case.filters::<i32>());
    let expected = case.conv::<i32>().forward(&input).unwrap();

    let filler = i32::MAX;
    let stored_input = Stored::new(&input, case.memory, filler);
    assert_eq!(case.conv::<i32>().forward(stored_input.view()).unwrap(), expected);
    assert_eq!(reference::forward(&case.conv::<i32>(), stored_input.view()).unwrap(), expected);

    // A tensor keeps the order in memory of the array that it is made of.
    let reversed = filters.reversed_axes().as_standard_layout().into_owned().reversed_axes();
    let conv = case.with_filters(reversed);
    let conv = if case.bias { conv.bias(case.bias_numbers()) } else { conv };
    assert_eq!(conv.forward(&input).unwrap(), expected);
    assert_eq!(conv.filters().shape(), case.filters_shape());

    let mut output = Stored::new(&ArrayD::zeros(expected.shape()), case.memory, filler);
    conv.forward_into(stored_input.view().into(), output.view_mut().into()).unwrap();
    assert_eq!(output.view(), expected.as_array());
    let strangers = output.array().len() - expected.len();
    let untouched = output.array().iter().filter(|&&element| element == filler).count();
    assert!(untouched >= strangers, "only the elements of the output are written");
}

#[test]
fn channels_last_pictures() {
    let picture = numbers::<i64>(1, &[5, 6, 3]);
    let conv = Conv2d::new(numbers::<i64>(2, &[2, 3, 2, 3])).padding(1);
    let channels_first = picture.view().permuted_axes(vec![2, 0, 1]);
    let copied = channels_first.as_standard_layout().into_owned();
    assert!(channels_first.as_slice().is_none() && copied.as_slice().is_some());
    assert_eq!(conv.forward(channels_first).unwrap(), conv.forward(&copied).unwrap());
}

#[test]
fn an_empty_batch_gives_an_empty_batch() {
    let filters = Array4::<f32>::ones((4, 3, 3, 3));
    for mode in [PaddingMode::Zeros, PaddingMode::Circular] {
        let conv = Conv2d::new(filters.clone()).padding(1).padding_mode(mode);
        let empty = Array4::<f32>::zeros((0, 3, 5, 6));
        assert_eq!(conv.forward(&empty).unwrap().shape(), [0, 4, 5, 6]);
        assert_eq!(reference::forward(&conv, &empty).unwrap().shape(), [0, 4, 5, 6]);
        // The channels and the image must fit all the same.
        assert!(matches!(conv.forward(&Array4::zeros((0, 2, 5, 6))), Err(Error::Channels { .. })));
        assert!(matches!(conv.forward(&Array4::zeros((0, 3, 0, 6))), Err(Error::EmptyAxis { axis: 0 })));
    }
}

#[test]
fn without_channels_there_is_the_bias_and_without_filters_nothing() {
    let conv = Conv1d::new(Array3::<i32>::zeros((2, 0, 3)));
    let nothing = Array2::<i32>::zeros((0, 5));
    assert_eq!(conv.forward(&nothing).unwrap(), Tensor::from(Array2::zeros((2, 3))));
    let conv = conv.bias(array![7, 8]);
    let bias = Tensor::from(array![[7, 7, 7], [8, 8, 8]]);
    assert_eq!(conv.forward(&nothing).unwrap(), bias);
    assert_eq!(reference::forward(&conv, &nothing).unwrap(), bias);
    let batch = conv.forward(&Array3::<i32>::zeros((2, 0, 5))).unwrap().into_array();
    assert!(batch.outer_iter().all(|maps| maps == bias.as_array()));

    let conv = Conv1d::new(Array3::<i32>::zeros((0, 2, 3)));
    assert_eq!(conv.forward(&Array2::<i32>::ones((2, 5))).unwrap().shape(), [0, 3]);
    assert_eq!(conv.bias(Array1::zeros(0)).forward(&Array2::<i32>::ones((2, 5))).unwrap().shape(), [0, 3]);
}

fn check_flipped<const N: usize>(case: &ConvCase<N>) {
    let (input, filters) = (case.input::<i32>(), case.filters::<i32>());
    let turned = ArrayD::from_shape_fn(filters.raw_dim(), |mut place| {
        for axis in 2..2 + N {
            place[axis] = filters.shape()[axis] - 1 - place[axis];
        }
        filters[place]
    });
    let conv = case.with_filters(filters.clone());
    let expected = case.with_filters(turned).forward(&input).unwrap();
    assert_eq!(conv.clone().flipped().forward(&input).unwrap(), expected);
    assert_eq!(reference::forward(&conv.clone().flipped(), &input).unwrap(), expected);
    assert_eq!(conv.clone().flipped().flipped(), conv);

    // One filter, for a volume and for a plane.
    for outer in 1..3 {
        let mut filter = filters.clone();
        (0..outer).for_each(|_| filter.index_axis_inplace(Axis(0), 0));
        let flipped = Conv::<i32, N>::new(filter.clone()).flipped();
        for place in odometer(filter.shape()) {
            let first_spatial = place.len() - N;
            let mirrored: Vec<usize> = (0..place.len())
                .map(|axis| if axis < first_spatial { place[axis] } else { filter.shape()[axis] - 1 - place[axis] })
                .collect();
            assert_eq!(flipped.filters().get(&mirrored), Some(&filter[place.as_slice()]));
        }
    }
}

#[test]
fn zeros_of_the_padding_are_data() {
    let infinite = Conv1d::new(array![f32::INFINITY, 1.0]).padding(1);
    let map = infinite.forward(&array![1.0_f32, 2.0]).unwrap();
    // 0·∞ + 1 is NaN; ∞ + 2; 2·∞ + 0.
    assert_same(&map, &Tensor::from(array![f32::NAN, f32::INFINITY, f32::INFINITY]));
    let not_a_number = Conv1d::new(array![f32::NAN, 1.0]).padding([(1, 0)]);
    assert_same(&not_a_number.forward(&array![1.0_f32]).unwrap(), &Tensor::from(array![f32::NAN]));
    // No infinite weight meets the border here.
    let inside = Conv1d::new(array![1.0, f32::INFINITY, 1.0]).padding(1);
    let map = inside.forward(&array![1.0_f32, 2.0]).unwrap();
    assert_same(&map, &Tensor::from(array![f32::INFINITY, f32::INFINITY]));
}

fn special<T: Float>(bits: u64) -> T {
    match bits % 16 {
        0 => T::infinity(),
        1 => T::neg_infinity(),
        2 => T::nan(),
        3 => T::neg_zero(),
        few => T::from_count(usize::try_from(few - 4).unwrap()),
    }
}

/// Sums of small integers, infinities and NaN do not depend on their order.
fn check_not_finite<const N: usize>(case: &ConvCase<N>) {
    let input = numbers::<i64>(case.seed, &case.input_shape()).mapv(|bits| special::<f32>(bits.cast_unsigned() >> 7));
    let filters = case.filters::<i64>().mapv(i64::cast_unsigned);
    // In every other case the weights are finite.
    let filters = filters.mapv(|bits| match case.seed % 2 {
        0 => special(bits >> 7),
        _ => f32::from_count(usize::from(bits.to_le_bytes()[1]) % 5),
    });
    let conv = case.with_filters(filters);
    assert_same(&conv.forward(&input).unwrap(), &reference::forward(&conv, &input).unwrap());
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "properties hand over all their arguments so")]
fn check_modes<const N: usize>(window: &WindowCase<N>, mode: &PaddingMode) {
    let window = WindowCase { ceil: false, ..*window }.lengthened();
    let conv = Conv::<i32, N>::new(ArrayD::ones(window.size.as_slice()))
        .stride(window.stride)
        .dilation(window.dilation)
        .padding(window.padding)
        .padding_mode(*mode);
    let input = ArrayD::from_elem(IxDyn(&window.input), 1);
    match conv.forward(&input) {
        Ok(map) => {
            assert!(mode_fits(*mode, &window));
            // Every tap finds a one, unless on zeros.
            let taps = i32::try_from(conv.filters().len()).unwrap();
            assert!(map.iter().all(|&sum| sum == taps || (*mode == PaddingMode::Zeros && sum < taps)));
        }
        Err(error) => {
            assert!(matches!(error, Error::PaddingMode { mode: named, .. } if named == *mode), "{error}");
            assert!(!mode_fits(*mode, &window));
        }
    }
}

#[test]
fn element_types_of_sums() {
    fn zero_of<T: Element>(filter: T, pixel: T) -> Tensor<T::Sum> {
        Conv1d::new(array![filter]).forward(&array![pixel]).unwrap()
    }
    assert_eq!(zero_of(255_u8, 255).get(&[0]), Some(&65_025_i32));
    assert_eq!(zero_of(-128_i8, 127).get(&[0]), Some(&-16_256_i32));
    assert_eq!(zero_of(1.5_f32, -2.0).get(&[0]), Some(&-3.0_f32));
}
