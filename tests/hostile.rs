//! Nothing that a caller passes makes the crate panic, overflow or abort: it gets an error that says what is wrong.
//!
//! Edge cases, in the order of the tests:
//!
//! - **Windows** of sizes, strides, dilations and paddings from 0 to `usize::MAX`, over planes of any rank and with
//!   empty axes; readings, iterators and parts asked for places that do not exist.
//! - **Every module** and unpooling with such parameters, with indices, groups, output paddings, output sizes and filters of any shape, and
//!   inputs whose rank and channels do not match: the shape rule and the computation give the same error, or the
//!   shape that was promised.
//! - **Shapes without data** of any lengths.
//! - **Networks** of such modules, of dense layers with weights of any shape, and of reshapes from any axis on: the same, and
//!   what their layers give one after the other.
//! - **Memory** that is not there: giant outputs, giant copies of broadcast views; and giant paddings and empty batches
//!   and filters without channels, which need none however large their other axes are.

mod common;

use featuremap::{
    AdaptiveMaxPool2d, AdaptivePool, Average, AvgPool1d, Conv, Conv1d, ConvTranspose, ConvTranspose1d, Error, Flatten,
    GlobalPool, L2, Linear, Lp, Max, MaxPool1d, MaxUnpool, MaxUnpool1d, Min, Module, OutputShape, Padding, PaddingMode,
    Pool, Reduction, Relu, Result, Sequential, Tensor, Window,
};
use ndarray::{Array1, ArrayD, IxDyn, arr0, array};
use proptest::prelude::*;

/// Numbers of any size; half of them are small, so that some cases get past the first check.
fn hostile() -> impl Strategy<Value = usize> {
    let largest = isize::MAX.cast_unsigned();
    let over_32_bits = usize::try_from((1_u64 << 32) + 1).unwrap_or(usize::MAX);
    let any =
        vec![0, 1, 2, 3, 7, 1 << 31, over_32_bits, largest / 8, largest / 8 + 1, largest, largest + 1, usize::MAX];
    prop_oneof![1 => proptest::sample::select(any), 1 => 1..4_usize]
}

fn hostile_axes<const N: usize>() -> impl Strategy<Value = [usize; N]> {
    proptest::collection::vec(hostile(), N).prop_map(|axes| axes.try_into().expect("N numbers"))
}

fn paddings<const N: usize>() -> impl Strategy<Value = Padding<N>> {
    let explicit = (hostile_axes::<N>(), hostile_axes::<N>())
        .prop_map(|(before, after)| Padding::Explicit(std::array::from_fn(|axis| (before[axis], after[axis]))));
    prop_oneof![2 => Just(Padding::Valid), 1 => Just(Padding::Same), 1 => Just(Padding::SameLower), 4 => explicit]
}

/// An input that exists, of any rank. Most have the rank of the operation.
fn inputs<const N: usize>() -> impl Strategy<Value = ArrayD<f32>> {
    let axis = prop_oneof![1 => Just(0_usize), 6 => 1..5_usize];
    let rank = prop_oneof![6 => N..N + 3, 1 => 0..8_usize];
    rank.prop_flat_map(move |rank| proptest::collection::vec(axis.clone(), rank))
        .prop_map(|shape| ArrayD::from_elem(IxDyn(&shape), 1.0))
}

/// Filters of any shape that can exist: without elements their axes may be giant.
fn filters<const N: usize>() -> impl Strategy<Value = ArrayD<f32>> {
    let small = prop_oneof![1 => Just(0_usize), 6 => 1..4_usize];
    let rank = prop_oneof![6 => N..N + 3, 1 => 0..8_usize];
    let some = rank.clone().prop_flat_map(move |rank| proptest::collection::vec(small.clone(), rank));
    let giant = rank.prop_flat_map(|rank| proptest::collection::vec(hostile(), rank)).prop_map(|mut shape| {
        let fits = shape.iter().filter(|&&length| length > 0).try_fold(4_usize, |all, &length| all.checked_mul(length));
        if fits.is_none_or(|bytes| bytes > isize::MAX.cast_unsigned()) {
            shape.fill(1);
        }
        // The channels, where there are any.
        let channels = shape.len().saturating_sub(N + 1);
        if let Some(length) = shape.get_mut(channels) {
            *length = 0;
        }
        shape
    });
    prop_oneof![3 => some, 1 => giant].prop_map(|shape| ArrayD::from_elem(IxDyn(&shape), 1.0))
}

fn modes() -> impl Strategy<Value = PaddingMode> {
    use PaddingMode::{Circular, Reflect, Replicate, Zeros};
    prop_oneof![3 => Just(Zeros), 1 => Just(Reflect), 1 => Just(Replicate), 1 => Just(Circular)]
}

#[derive(Debug, Clone)]
struct Case<const N: usize> {
    input: ArrayD<f32>,
    filters: ArrayD<f32>,
    size: [usize; N],
    stride: [usize; N],
    dilation: [usize; N],
    padding: Padding<N>,
    mode: PaddingMode,
    ceil: bool,
    groups: usize,
    /// Output padding, or an output size.
    more: [usize; N],
    index: usize,
}

impl<const N: usize> Case<N> {
    /// Filters that fit the channels of the input, so that not all cases end there.
    fn fitting(mut self, transposed: bool) -> Self {
        let rank = self.input.ndim();
        let channels = if rank > N { self.input.shape()[rank - N - 1] } else { 1 };
        let mut shape = if transposed { vec![channels, 2] } else { vec![2, channels] };
        shape.extend(self.size.map(|taps| taps.min(3)));
        self.filters = ArrayD::from_elem(IxDyn(&shape), 1.0);
        self.groups = 1;
        self
    }
}

fn cases<const N: usize>() -> impl Strategy<Value = Case<N>> {
    let window = (hostile_axes(), hostile_axes(), hostile_axes(), paddings(), any::<bool>());
    let groups = prop_oneof![1 => Just(1), 1 => hostile()];
    (inputs::<N>(), filters::<N>(), window, modes(), groups, hostile_axes(), hostile()).prop_map(
        |(input, filters, (size, stride, dilation, padding, ceil), mode, groups, more, index)| Case {
            input,
            filters,
            size,
            stride,
            dilation,
            padding,
            mode,
            ceil,
            groups,
            more,
            index,
        },
    )
}

common::on_each_rank! {
    windows_never_panic: check_window(case in cases);
    convolutions_never_panic: check_convolution(case in cases);
    transposed_convolutions_never_panic: check_transposed(case in cases);
    pools_never_panic: check_pools(case in cases);
    pools_by_boxes_never_panic: check_boxes(case in cases);
    unpooling_never_panics: check_unpooling(case in cases);
    shape_rules_never_panic: check_shapes(case in cases, shape in shapes);
    networks_never_panic: check_networks(case in cases, shape in shapes);
}

/// What a test can wait for and hold in memory.
const FEASIBLE: usize = 1_000_000;
/// What no machine has: more than an address space of 47 bits.
const IMPOSSIBLE: usize = 1 << 47;

fn product(sizes: &[usize]) -> usize {
    if sizes.contains(&0) { 0 } else { sizes.iter().fold(1, |all: usize, &size| all.saturating_mul(size)) }
}

/// Small enough to be computed, or so large that it must be refused.
fn worth_trying(elements: usize) -> bool {
    elements <= FEASIBLE || elements > IMPOSSIBLE
}

fn check_window<const N: usize>(case: &Case<N>) {
    let window =
        Window::new(case.size).stride(case.stride).dilation(case.dilation).padding(case.padding).ceil_mode(case.ceil);
    let lengths = case.more;
    let (geometry, output_size) = (window.geometry(lengths), window.output_size(lengths));
    assert_eq!(geometry.as_ref().map(featuremap::Geometry::output_size), output_size.as_ref().copied());
    if let Ok(geometry) = geometry {
        assert!(geometry.outputs() > 0 && geometry.rows() > 0 && geometry.row_length() > 0);
        for axis in geometry.axes() {
            for place in [0, case.index, axis.size() - 1, axis.outputs() - 1, usize::MAX] {
                assert!(axis.by_tap(place).range.end <= axis.outputs());
                assert!(axis.by_output(place).range.end <= axis.size());
                assert!(axis.taps_within_padding(place) <= axis.size());
                assert!(axis.position(place, case.index) >= -axis.before().cast_signed());
            }
        }
        // Both may look at each output, but not at each tap.
        if geometry.outputs() <= FEASIBLE {
            assert!(geometry.row_taps(case.index).take(9).all(|tap| tap.tap < geometry.taps()));
        }
        if geometry.outputs() <= FEASIBLE && worth_trying(geometry.pixels()) {
            match geometry.coverage() {
                Ok(coverage) => assert_eq!(coverage.shape(), lengths),
                Err(error) => assert!(matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. })),
            }
        }
    }
    match window.over(&case.input) {
        Ok(windows) => check_places(windows, case.index, case.size),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Windows and pixels from the ends, and at places that do not exist.
fn check_places<const N: usize>(mut windows: featuremap::Windows<'_, f32, N>, index: usize, size: [usize; N]) {
    let count = windows.len();
    let (head, tail) = windows.clone().split_at(index);
    assert_eq!(head.len() + tail.len(), count);
    assert_eq!(windows.clone().nth(index).is_some(), index < count);
    assert_eq!(windows.clone().nth_back(index).is_some(), index < count);
    for window in [windows.next(), windows.next_back()].into_iter().flatten() {
        assert!(window.len() <= window.len_with_padding());
        assert_eq!(window.iter().next().is_some(), !window.is_empty());
        assert_eq!(window.iter().next_back().is_some(), !window.is_empty());
        assert_eq!(window.taps().len(), product(&size));
        assert!(window.get([index; N]).is_none() || size.iter().all(|&taps| index < taps));
        assert!(window.start().iter().all(|&start| start < isize::MAX));
    }
}

/// The shape rule and all ways to compute must agree: all give one error, or the shape that was promised. `affordable`
/// says whether the work, apart from the output, can be done.
fn check_module<M: Module<f32>>(module: &M, input: &ArrayD<f32>, affordable: bool) {
    // No operation over spatial axes has an output without axes.
    let mut wrong = arr0(0.0_f32);
    let into_wrong = module.forward_into(input.into(), (&mut wrong).into()).unwrap_err();
    match module.output_shape(input.shape()) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(into_wrong, error);
            assert_eq!(module.forward(input).unwrap_err(), error);
            assert_eq!(module.plan(input.shape()).unwrap_err(), error);
        }
        Ok(shape) => {
            // A shape that fits bytes need not fit floats.
            assert!(matches!(into_wrong, Error::Shape { .. } | Error::TooLarge { .. }), "{into_wrong}");
            let elements = product(&shape);
            if elements == 0 || (affordable && worth_trying(elements)) {
                match module.forward(input) {
                    Ok(mut output) => {
                        assert_eq!(output.shape(), shape);
                        let mut plan = module.plan(input.shape()).expect("what can be computed can be planned");
                        plan.run(input, &mut output).expect("the plan is for this shape");
                    }
                    Err(error) => {
                        let refused = matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. });
                        assert!(refused, "{error}");
                    }
                }
            }
        }
    }
}

fn check_convolution<const N: usize>(case: &Case<N>) {
    // Padding that is not zeros is written out.
    let padded = match case.padding {
        Padding::Explicit(sides) if case.mode != PaddingMode::Zeros => {
            product(&sides.map(|(before, after)| before.saturating_add(after).saturating_add(9)))
        }
        _ => 1,
    };
    for case in [case.clone(), case.clone().fitting(false)] {
        let outputs = case.filters.shape().first().copied().unwrap_or(1).min(9);
        let conv = Conv::<f32, N>::new(case.filters)
            .stride(case.stride)
            .padding(case.padding)
            .dilation(case.dilation)
            .groups(case.groups)
            .padding_mode(case.mode);
        check_module(&conv, &case.input, worth_trying(padded));
        check_module(&conv.flipped().bias(Array1::ones(outputs)), &case.input, worth_trying(padded));
    }
}

fn check_transposed<const N: usize>(case: &Case<N>) {
    for case in [case.clone(), case.clone().fitting(true)] {
        let conv = ConvTranspose::<f32, N>::new(case.filters)
            .stride(case.stride)
            .padding(case.padding)
            .dilation(case.dilation)
            .groups(case.groups);
        check_module(&conv, &case.input, true);
        check_module(&conv.output_padding(case.more), &case.input, true);
    }
}

fn check_pools<const N: usize>(case: &Case<N>) {
    fn check<R: Reduction<f32>, const N: usize>(reduction: R, case: &Case<N>) {
        let pool = Pool::with(reduction, case.size)
            .stride(case.stride)
            .padding(case.padding)
            .dilation(case.dilation)
            .ceil_mode(case.ceil);
        // However many taps a window has: most of them lie on padding.
        check_module(&pool, &case.input, true);
    }
    check(Max, case);
    check(Min, case);
    check(Average { count_include_pad: case.ceil }, case);
    check(L2, case);
    check(Lp(3.0), case);
}

fn check_boxes<const N: usize>(case: &Case<N>) {
    check_module(&GlobalPool::<Max, N>::default(), &case.input, true);
    check_module(&GlobalPool::<Average, N>::default(), &case.input, true);
    check_module(&AdaptivePool::<Min, N>::new(case.more), &case.input, true);
    check_module(&AdaptivePool::<Average, N>::new(case.more), &case.input, true);
}

fn check_unpooling<const N: usize>(case: &Case<N>) {
    let unpool = MaxUnpool::<N>::new(case.size).stride(case.stride).padding(case.padding);
    let index = i64::try_from(case.index).unwrap_or(i64::MIN);
    let indices = ArrayD::from_elem(case.input.raw_dim(), index);
    for unpool in [unpool, unpool.output_size(case.more)] {
        match unpool.forward(&case.input, &indices) {
            Ok(map) => assert_eq!(map.rank(), case.input.ndim()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// The shape of an input that does not exist.
fn shapes<const N: usize>() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![4 => N..N + 3, 1 => 0..8_usize].prop_flat_map(|rank| proptest::collection::vec(hostile(), rank))
}

fn check_shapes<const N: usize>(case: &Case<N>, shape: &[usize]) {
    let conv = Conv::<f32, N>::new(case.filters.clone())
        .stride(case.stride)
        .padding(case.padding)
        .groups(case.groups)
        .padding_mode(case.mode);
    match conv.plan(shape) {
        Ok(plan) => assert_eq!(plan.input_shape(), shape),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let modules: [Box<dyn OutputShape>; 6] = [
        Box::new(conv),
        Box::new(
            ConvTranspose::<f32, N>::new(case.filters.clone())
                .stride(case.stride)
                .padding(case.padding)
                .output_padding(case.more),
        ),
        Box::new(Pool::<Max, N>::new(case.size).stride(case.stride).padding(case.padding).ceil_mode(case.ceil)),
        Box::new(AdaptivePool::<Max, N>::new(case.more)),
        Box::new(GlobalPool::<Max, N>::default()),
        Box::new(Relu),
    ];
    for module in modules {
        match module.output_shape(shape) {
            Ok(output) => assert_eq!(output.is_empty(), shape.is_empty()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn check_networks<const N: usize>(case: &Case<N>, shape: &[usize]) {
    let dense = Linear::new(case.filters.clone());
    check_module(&dense, &case.input, true);
    check_module(&dense.bias(Array1::ones(case.groups.min(9))), &case.input, true);
    let features = case.input.shape().last().copied().unwrap_or(1);
    let fitting = Linear::new(ArrayD::from_elem(IxDyn(&[3, features]), 1.0));
    check_module(&fitting, &case.input, true);

    let case = case.clone().fitting(false);
    // Padding that is not zeros is written out; hostile sizes of the pool are enough here.
    let conv = || Conv::<f32, N>::new(case.filters.clone()).stride(case.stride.map(|stride| stride.min(2))).padding(1);
    let pool = Pool::<Max, N>::new(case.size).stride(case.stride).padding(case.padding).ceil_mode(case.ceil);
    let flatten = Flatten::from_axis(case.index);
    let networks = [
        Sequential::new().push(conv().padding_mode(case.mode)).push(Relu).push(pool),
        Sequential::new().push(Relu).push(conv()).push(GlobalPool::<Average, N>::default()).push(flatten),
        Sequential::new().push(pool).push(Relu).push(AdaptivePool::<Max, N>::new(case.more)).push(Flatten::default()),
        Sequential::new()
            .push(Sequential::new().push(flatten).push(fitting.clone()))
            .push(Relu)
            .push(Sequential::new()),
    ];
    for network in networks {
        // Memory that is there is taken, as it is for one layer.
        if worth_trying(product(shape))
            && let Err(error) = network.plan(shape)
        {
            assert!(!error.to_string().is_empty());
        }
        let shape = network.output_shape(case.input.shape());
        assert!(matches!(shape, Ok(_) | Err(Error::Layer { .. })), "{shape:?}");
        let affordable = shape.as_ref().is_ok_and(|shape| product(shape) <= FEASIBLE);
        let mut map = Ok(Tensor::from(&case.input));
        for (_, layer) in network.layers() {
            map = map.and_then(|map| {
                let output = product(&layer.output_shape(map.shape())?);
                if output > FEASIBLE {
                    Err(Error::TooLarge { what: "a test", sizes: vec![] })
                } else {
                    layer.forward_view(map.view())
                }
            });
        }
        let Ok(expected) = map else { continue };
        assert!(affordable);
        let found = network.forward(&case.input).expect("its layers can be computed one after the other");
        assert_eq!(found.shape(), expected.shape());
        for (found, expected) in found.iter().zip(&expected) {
            approx::assert_relative_eq!(found, expected, max_relative = 1e-5);
        }
    }
}

/// Larger than any address space.
const GIANT: usize = 1 << 60;
/// More than memory holds, in the padded axis of an image: so much is still a length that can be counted with.
const VAST: usize = 1 << 50;

#[track_caller]
fn assert_out_of_memory<T: std::fmt::Debug>(result: &Result<T>) {
    assert!(matches!(result, Err(Error::OutOfMemory { .. })), "{result:?}");
}

#[track_caller]
fn assert_too_large<T: std::fmt::Debug>(result: &Result<T>) {
    assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
}

#[test]
fn giant_outputs_are_errors() {
    let signal = array![1_f32, 2.0];
    assert_out_of_memory(&Conv1d::new(array![1_f32]).padding(VAST).forward(&signal));
    assert_out_of_memory(&ConvTranspose1d::new(array![1_f32]).stride(VAST).forward(&signal));
    assert_out_of_memory(&Window::new([1]).geometry([VAST]).unwrap().coverage());
    assert_out_of_memory(&Tensor::<u8>::zeros(&[VAST]));
    assert_out_of_memory(&MaxUnpool1d::new(1).output_size(VAST).forward(&signal, &array![0_i64, 1]));
    assert_out_of_memory(&AdaptiveMaxPool2d::new([2, VAST]).forward(&array![[1_f32]]));

    assert_too_large(&Conv1d::new(array![1_f32]).padding(GIANT).forward(&signal));
    assert_too_large(&ConvTranspose1d::new(array![1_f32]).stride(GIANT).forward(&signal));
    assert_too_large(&Window::new([1, 1]).geometry([GIANT / 2, GIANT / 2]));
    assert_too_large(&Tensor::<i64>::zeros(&[GIANT]));
    assert_too_large(&Tensor::<i64>::zeros(&[0, GIANT]));
    assert_too_large(&AdaptiveMaxPool2d::new([GIANT, GIANT]).forward(&array![[1_f32]]));
}

#[test]
fn giant_copies_are_errors() {
    // One number, seen as an image of any size.
    let one = arr0(1_f32);
    let (signal, batch) = (one.broadcast(VAST).unwrap(), one.broadcast((1, 1, VAST)).unwrap());
    assert_out_of_memory(&Conv1d::new(array![1_f32]).stride(VAST).forward(signal));
    assert_out_of_memory(&MaxPool1d::new(1).stride(VAST).forward(batch));
    assert_out_of_memory(&MaxPool1d::new(1).stride(VAST).forward_with_indices(batch));
    assert_out_of_memory(&GlobalPool::<Max, 1>::default().forward(batch));
    // A window looks at what lies under it alone, and needs no copy.
    let mut windows = Window::new([2]).stride(VAST / 2).over(signal).unwrap();
    assert_eq!(windows.len(), 2);
    assert_eq!(windows.next_back().unwrap().iter().collect::<Vec<_>>(), [&1.0, &1.0]);
}

#[test]
fn giant_paddings_need_no_memory_where_windows_hardly_meet_them() {
    let signal = array![1_f32, 2.0];
    // Output 1 alone lies on a pixel; those at the ends lie on padding.
    let far_apart = Conv1d::new(array![1_f32]).padding(VAST).stride(VAST);
    assert_eq!(far_apart.forward(&signal).unwrap(), Tensor::from(array![0_f32, 1.0, 0.0]));
    let replicated = far_apart.padding_mode(PaddingMode::Replicate).forward(&signal).unwrap();
    assert_eq!(replicated, Tensor::from(array![1_f32, 1.0, 2.0]));
    let infinite = Conv1d::new(array![f32::INFINITY]).padding(VAST).stride(VAST).forward(&signal).unwrap();
    assert_eq!(infinite.get(&[1]), Some(&f32::INFINITY));
    assert!([0, 2].map(|end| infinite.get(&[end]).is_some_and(|zero| zero.is_nan())).iter().all(|&nan| nan));
}

#[test]
fn what_has_no_elements_needs_no_memory() {
    let nothing = |shape: &[usize]| ArrayD::<f32>::zeros(IxDyn(shape));
    let (empty, vast) = (nothing(&[0, 1, 2]), nothing(&[0, 1, VAST]));
    let conv = Conv1d::new(array![1_f32]).padding(VAST);
    for mode in [PaddingMode::Zeros, PaddingMode::Replicate] {
        assert_eq!(conv.clone().padding_mode(mode).forward(&empty).unwrap().shape(), [0, 1, 2 * VAST + 2]);
    }
    let infinite = Conv1d::new(array![f32::INFINITY]).padding(VAST);
    assert_eq!(infinite.forward(&empty).unwrap().shape(), [0, 1, 2 * VAST + 2]);
    let transposed = ConvTranspose1d::new(array![1_f32]).stride(2);
    assert_eq!(transposed.forward(&vast).unwrap().shape(), [0, 1, 2 * VAST - 1]);
    assert_eq!(MaxPool1d::new(1).forward(&vast).unwrap().shape(), [0, 1, VAST]);
    assert_eq!(AvgPool1d::new(2).forward(&vast).unwrap().shape(), [0, 1, VAST / 2]);
    assert_eq!(MaxPool1d::new(1).forward_with_indices(&vast).unwrap().1.shape(), [0, 1, VAST]);
    assert_eq!(GlobalPool::<Average, 1>::default().forward(&vast).unwrap().shape(), [0, 1, 1]);
    assert_eq!(Relu.forward(&vast).unwrap().shape(), [0, 1, VAST]);
}

#[test]
fn filters_without_channels_give_the_bias_however_large_they_are() {
    let nothing = |shape: &[usize]| ArrayD::<f32>::zeros(IxDyn(shape));
    for mode in [PaddingMode::Zeros, PaddingMode::Replicate] {
        let conv = Conv1d::new(nothing(&[2, 0, VAST])).bias(array![3_f32, 4.0]).padding_mode(mode);
        let bias = Tensor::from(array![[3_f32], [4.0]]);
        assert_eq!(conv.forward(&nothing(&[0, VAST])).unwrap(), bias);
        assert_eq!(conv.padding(VAST / 2).forward(&nothing(&[0, 1])).unwrap().shape(), [2, 2]);
    }
}

#[test]
fn a_window_mostly_on_padding_takes_no_longer_than_its_pixels() {
    let window = 1_usize << 40;
    let pool = MaxPool1d::new(window).stride(window).padding(window / 2);
    assert_eq!(pool.forward(&array![3, 1, 2]).unwrap(), Tensor::from(array![3]));
    // All rows of pixels lie under the window, and no tap of it on their only column.
    let between = Window::new([window, 2]).dilation([1, 2]).padding([0, 1]).geometry([window, 1]).unwrap();
    assert_eq!(between.row_taps(0).next(), None);
}
