//! Pixels that are not finite, or hardly, and the largest weights: what sees them is as the definition has it, and what does not is as
//! if they were not there.
//!
//! - **One such pixel** anywhere, at corners, on edges and inside, in any channel: in layers that are computed in tiles of every kind
//!   (3×3, dilated, 5×5 to 8×8 with a stride, few channels and many, small maps of many channels), with zeros and with other padding,
//!   with a ReLU and a pooling after it, in `f32` and `f64`, by one thread and by several.
//! - **Many of them**: a mask, a row, the whole input.
//! - **Weights** near the largest float, and small pixels under them.

#![allow(clippy::float_cmp, reason = "infinities are equal or not")]

mod common;

use common::numbers;
use featuremap::conv::reference;
use featuremap::{
    Activation, Conv, Conv2d, Float, Interpolation, MaxPool2d, Module, PaddingMode, Relu, Sequential, Tensor,
    Upsample1d, Upsample2d,
};
use ndarray::{Array4, ArrayD};

/// What is computed against the definition: where that is not finite, the same; else within the rounding error of a layer whose
/// pixels are of a few units, which all others are.
fn check<T: Float<Sum = T>>(conv: &Conv<T, 2>, input: &ArrayD<T>, tolerance: f64) {
    let expected = reference::forward(conv, input).unwrap();
    let mut planned = Tensor::zeros(expected.shape()).unwrap();
    conv.plan(input.shape()).unwrap().run(input, &mut planned).unwrap();
    let way = conv.plan(input.shape()).unwrap().algorithm();
    for found in [conv.forward(input).unwrap(), planned] {
        for (place, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
            let exact = |number: T| number.to_f64().unwrap();
            let (found, expected) = (exact(found), exact(expected));
            let same = found == expected || found.is_nan() && expected.is_nan();
            // Beside MAX, sums of it are as exact as they are large.
            let close = expected.is_finite() && (found - expected).abs() <= tolerance * expected.abs().max(100.0);
            assert!(same || close, "{found} for {expected} at {place}, by {way}, {conv:?}");
        }
    }
}

/// Layers for every kind of tiles: filters, channels, size, stride, dilation, input.
const LAYERS: [(usize, usize, usize, usize, usize, [usize; 2]); 8] = [
    (8, 4, 3, 1, 1, [22, 25]),
    (9, 26, 3, 1, 1, [14, 21]),
    (9, 5, 3, 1, 2, [26, 24]),
    (8, 3, 5, 2, 1, [31, 40]),
    (8, 3, 6, 2, 1, [32, 33]),
    (8, 3, 7, 2, 1, [40, 44]),
    (64, 64, 3, 1, 1, [7, 7]),
    (16, 3, 8, 2, 1, [40, 41]),
];

fn layer<T: Float<Sum = T>>(
    (filters, channels, size, stride, dilation, _): (usize, usize, usize, usize, usize, [usize; 2]),
) -> Conv<T, 2> {
    let weights =
        numbers::<f32>(7, &[filters, channels, size, size]).mapv(|weight| T::from_f64(f64::from(weight) / 4.0));
    Conv::new(weights)
        .stride(stride)
        .dilation(dilation)
        .padding(dilation)
        .bias(numbers::<f32>(3, &[filters]).mapv(|bias| T::from_f64(f64::from(bias))))
}

fn odd<T: Float>() -> [T; 6] {
    [
        T::nan(),
        T::infinity(),
        T::neg_infinity(),
        T::max_value(),
        -T::max_value(),
        T::max_value().sqrt() * T::from_f64(1.1),
    ]
}

fn check_one_pixel<T: Float<Sum = T>>(tolerance: f64) {
    for (number, layer_of) in LAYERS.into_iter().enumerate() {
        let (_, channels, .., [rows, columns]) = layer_of;
        let conv = layer::<T>(layer_of);
        let places =
            [[0, 0], [0, columns - 1], [rows - 1, 0], [rows - 1, columns - 1], [rows / 2, columns / 2], [5, 4]];
        // Without an optimiser, the definition takes long.
        let every = if cfg!(debug_assertions) { 6 } else { 1 };
        let odd = places.into_iter().zip(odd::<T>()).enumerate().skip(number % every).step_by(every);
        for (at, ([row, column], pixel)) in odd {
            let mut input =
                numbers::<f32>(9, &[1, channels, rows, columns]).mapv(|pixel| T::from_f64(f64::from(pixel)));
            input[[0, (at * 7 + number) % channels, row, column]] = pixel;
            let modes = [PaddingMode::Replicate, PaddingMode::Reflect, PaddingMode::Symmetric, PaddingMode::Circular];
            let mode = if at < 2 { PaddingMode::Zeros } else { modes[at % 4] };
            check(&conv.clone().padding_mode(mode), &input, tolerance);
            check(&conv.clone().relu(true), &input, tolerance);
        }
    }
}

#[test]
fn one_odd_pixel_is_seen_by_its_windows_alone() {
    check_one_pixel::<f32>(1e-5);
}

#[test]
fn one_odd_pixel_is_seen_by_its_windows_alone_in_doubles() {
    check_one_pixel::<f64>(1e-13);
}

#[test]
fn so_are_many() {
    for layer_of in [LAYERS[0], LAYERS[1], LAYERS[3]] {
        let (_, channels, .., [rows, columns]) = layer_of;
        let conv = layer::<f32>(layer_of);
        let plain = numbers::<f32>(9, &[1, channels, rows, columns]);
        let mut mask = plain.clone();
        mask.indexed_iter_mut().filter(|(at, _)| at[2] > 9 && at[3] < 5).for_each(|(_, pixel)| *pixel = f32::NAN);
        check(&conv, &mask, 1e-5);
        let mut row = plain;
        row.indexed_iter_mut().filter(|(at, _)| at[2] == 6).for_each(|(_, pixel)| *pixel = f32::INFINITY);
        check(&conv, &row, 1e-5);
        let positive = Conv::new(conv.filters().map(|weight| weight.abs() + 0.1)).stride(conv_stride(layer_of));
        let all = ArrayD::from_elem(vec![1, channels, rows, columns], f32::INFINITY);
        check(&positive, &all, 1e-5);
        assert!(positive.forward(&all).unwrap().iter().all(|&sum| sum == f32::INFINITY));
    }
}

fn conv_stride((.., stride, _, _): (usize, usize, usize, usize, usize, [usize; 2])) -> usize {
    stride
}

/// The report: 3×3 over one plane of ones, 32 filters: a NaN is seen by nine windows of each.
#[test]
fn a_nan_spoils_as_many_outputs_as_see_it() {
    let conv = Conv2d::new(Array4::<f32>::from_elem((32, 16, 3, 3), 0.5)).padding(1);
    let mut input = Array4::<f32>::ones((1, 16, 32, 32));
    input[[0, 3, 14, 17]] = f32::NAN;
    let map = conv.forward(&input).unwrap();
    assert_eq!(map.iter().filter(|sum| sum.is_nan()).count(), 9 * 32);
    input[[0, 3, 14, 17]] = f32::MAX;
    let map = conv.forward(&input).unwrap();
    assert_eq!(map.iter().filter(|&&sum| sum > 1e30).count(), 9 * 32);
    assert!(map.iter().all(|&sum| sum.is_finite()));
}

/// A network pools in registers, in bands and afterwards, to the same bits.
#[test]
fn networks_agree_with_their_layers() {
    for (number, layer_of) in LAYERS.into_iter().take(3).enumerate() {
        let (_, channels, ..) = layer_of;
        let conv = layer::<f32>(layer_of);
        for (at, pixel) in odd::<f32>().into_iter().enumerate() {
            let mut input = numbers::<f32>(4, &[1, channels, 42, 38]);
            input[[0, number, at * 7, 11]] = pixel;
            let network = Sequential::new().push(conv.clone()).push(Relu).push(MaxPool2d::new(2)).push(Relu);
            let mut expected = Tensor::from(&input);
            for (_, layer) in network.layers() {
                expected = layer.forward_view(expected.view()).unwrap();
            }
            let bits =
                |map: &Tensor| map.iter().map(|sum| if sum.is_nan() { 0 } else { sum.to_bits() }).collect::<Vec<_>>();
            assert_eq!(bits(&network.forward(&input).unwrap()), bits(&expected), "{pixel} at {at} in {conv:?}");
        }
    }
}

#[cfg(feature = "rayon")]
#[test]
fn threads_agree() {
    let conv = layer::<f32>(LAYERS[1]);
    let mut input = numbers::<f32>(4, &[1, 26, 90, 110]);
    (input[[0, 3, 44, 50]], input[[0, 9, 45, 60]]) = (f32::NAN, f32::MAX);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let map = pool.install(|| conv.forward(&input).unwrap());
        map.iter().map(|sum| if sum.is_nan() { 0 } else { sum.to_bits() }).collect::<Vec<_>>()
    };
    let alone = run(1);
    assert!([2, 3, 5].into_iter().all(|threads| run(threads) == alone));
}

#[test]
fn the_largest_weights_do_not_overflow() {
    for (weight, pixel) in [(f32::MAX / 2.0, 1e-38), (1e37, 1e-20), (-1e37, 1e-20), (1e20, 1e10)] {
        for relu in [false, true] {
            let conv = Conv2d::new(Array4::from_elem((16, 4, 3, 3), weight)).padding(1).relu(relu);
            check(&conv, &ArrayD::from_elem(vec![1, 4, 24, 24], pixel), 1e-5);
        }
    }
    let conv = Conv2d::new(Array4::from_elem((16, 4, 3, 3), 1e308)).padding(1).relu(true);
    let map = conv.forward(&Array4::from_elem((1, 4, 24, 24), 1e-308 / 14.4)).unwrap();
    approx::assert_relative_eq!(*map.get(&[0, 3, 5, 5]).unwrap(), 2.5, max_relative = 1e-12);
}

/// Found by the generator of `tests/hostile`.
#[test]
fn layers_around_convolution_do_not_overflow_or_see_other_pixels() {
    let largest = Activation::HardSwish.forward([f32::MAX, f32::MIN, 1e38]).unwrap();
    assert_eq!(largest, Tensor::from([f32::MAX, 0.0, 1e38]));

    // A pixel in the middle of its neighbours' places, and one on each: infinities stay where they are.
    let inf = f32::INFINITY;
    let corners = Upsample1d::to(3).interpolation(Interpolation::LinearWithAlignedCorners);
    assert_eq!(corners.forward([1.0, inf]).unwrap(), Tensor::from([1.0, inf, inf]));
    let corners = Upsample2d::to([3, 3]).interpolation(Interpolation::LinearWithAlignedCorners);
    let expected = Tensor::from([[1.0, inf, inf], [1.5, inf, inf], [2.0, 2.5, 3.0]]);
    assert_eq!(corners.forward([[1.0, inf], [2.0, 3.0]]).unwrap(), expected);
    let twice = Upsample1d::by(2).interpolation(Interpolation::Linear);
    assert_eq!(twice.forward([1.0, 2.0, inf]).unwrap(), Tensor::from([1.0, 1.25, 1.75, inf, inf, inf]));
}
