//! Ceil mode where the window is larger than its padded input: one output while it is larger by less than a stride.
//!
//! - **Results of others**: `tests/cases/ceil_mode.json`, each with who has computed it (`by`), from public reports.
//! - **All small windows** on one axis, and pairs of them on two and three, against the pixels that each window collects: every
//!   reduction, indices, the references, plans and their clones.
//! - **Heads of networks**: the window that covers whatever map comes, planned, in bands, and after a convolution.

mod common;

use common::{Memory, PoolCase, WindowCase, assert_close, odometer};
use featuremap::pool::reference;
use featuremap::{
    Average, AvgPool2d, Bands, Conv2d, Error, L2, Lp, Max, MaxPool2d, Min, Module, Operator, Padding, Pool, Reduction,
    Relu, Sequential, Tensor,
};
use ndarray::{Array4, ArrayD, IxDyn, array};
use serde_json::Value;

fn numbers_of(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn tensor(value: &Value) -> Tensor<f64> {
    let shape: Vec<usize> = serde_json::from_value(value["shape"].clone()).unwrap();
    Tensor::from_vec(&shape, numbers_of(&value["data"])).unwrap()
}

/// The case by the module and by its plan.
fn run(pool: &impl Module<f64>, input: &Tensor<f64>) -> Tensor<f64> {
    let output = pool.forward(input).unwrap();
    let mut planned = Tensor::zeros(output.shape()).unwrap();
    pool.plan(input.shape()).unwrap().clone().run(input, &mut planned).unwrap();
    assert_eq!(planned, output);
    output
}

fn check_case<const N: usize>(case: &Value) {
    let size = |key: &str, default: u64| usize::try_from(case[key].as_u64().unwrap_or(default)).unwrap();
    let window = size("size", 1);
    let stride = size("stride", window as u64);
    let (input, expected) = (tensor(&case["input"]), tensor(&case["expected"]));
    let padding = Padding::from(size("padding", 0));
    let found = if case["op"] == "max" {
        let pool = Pool::<Max, N>::new(window).stride(stride).padding(padding).ceil_mode(true);
        let pool = pool.dilation(size("dilation", 1));
        if !case["indices"].is_null() {
            let (values, indices) = pool.forward_with_indices(&input).unwrap();
            assert_eq!(values, expected);
            assert_eq!(indices.map(|&index| index as f64), tensor(&case["indices"]));
        }
        run(&pool, &input)
    } else {
        let pool = Pool::<Average, N>::new(window).stride(stride).padding(padding).ceil_mode(true);
        run(&pool.count_include_pad(case["include_pad"] == true), &input)
    };
    approx::assert_abs_diff_eq!(found, expected, epsilon = case["tol"].as_f64().unwrap_or(0.0));
}

#[test]
fn others_find_the_same() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases/ceil_mode.json")).unwrap();
    assert_eq!(cases.len(), 15);
    for case in &cases {
        println!("{}, by {}", case["id"], case["by"]);
        match case["n"].as_u64() {
            Some(1) => check_case::<1>(case),
            _ => check_case::<2>(case),
        }
    }
}

/// Sizes, strides and paddings that are likely to be confused, all with their window larger than their input by less than a
/// stride on some axis; and one on the other side of each limit, which must err.
fn check_small<const N: usize>(windows: &[[usize; 5]]) {
    let axis = |place: usize, axis: usize| windows[(place * (axis * 31 + 1)) % windows.len()];
    for place in 0..windows.len() {
        let axes: [[usize; 5]; N] = std::array::from_fn(|number| axis(place, number));
        let window = WindowCase {
            input: axes.map(|axis| axis[0]),
            size: axes.map(|axis| axis[1]),
            stride: axes.map(|axis| axis[2]),
            dilation: axes.map(|axis| axis[3]),
            padding: Padding::Explicit(axes.map(|axis| (axis[4], axis[4]))),
            ceil: true,
        };
        let case = PoolCase { window, outer: vec![2], memory: Memory::RowMajor, seed: place as u64 };
        let Some(naive) = window.naive() else {
            let error = case.pool(Max).output_shape(&case.input_shape()).unwrap_err();
            assert!(matches!(error, Error::WindowTooLarge { .. }), "{error}");
            continue;
        };
        if naive.has_an_empty_window() {
            assert!(matches!(case.pool(Max).output_shape(&case.input_shape()), Err(Error::EmptyWindow { .. })));
            continue;
        }
        check_reductions(&case);
    }
}

fn check<R: Reduction<f64>, const N: usize>(case: &PoolCase<N>, reduction: R, expected: &Tensor<f64>) {
    let (pool, input) = (case.pool(reduction), Tensor::from(case.input::<f64>()));
    let found = run(&pool, &input);
    assert_close(&found, expected, &expected.map(|value| value.abs().max(4.0)), 1e-13);
    assert_close(&reference::forward(&pool, &input).unwrap(), expected, &expected.map(|_| 4.0), 1e-13);
}

fn check_reductions<const N: usize>(case: &PoolCase<N>) {
    let input = case.input::<f64>();
    let pixels = |reduce: &dyn Fn(&[f64], usize) -> f64| {
        case.by_collecting(&input, |pixels, within| {
            reduce(&pixels.iter().map(|pixel| pixel.1).collect::<Vec<_>>(), within)
        })
    };
    let largest = pixels(&|pixels, _| pixels.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    check(case, Max, &largest);
    check(case, Min, &pixels(&|pixels, _| pixels.iter().copied().fold(f64::INFINITY, f64::min)));
    let sum = |pixels: &[f64]| pixels.iter().sum::<f64>();
    check(case, Average { count_include_pad: false }, &pixels(&|pixels, _| sum(pixels) / pixels.len() as f64));
    check(case, Average { count_include_pad: true }, &pixels(&|pixels, within| sum(pixels) / within as f64));
    check(case, L2, &pixels(&|pixels, _| pixels.iter().map(|pixel| pixel * pixel).sum::<f64>().sqrt()));
    check(case, Lp(1.0), &pixels(&|pixels, _| pixels.iter().map(|pixel| pixel.abs()).sum()));
    let (values, indices) = case.pool(Max).forward_with_indices(&input).unwrap();
    assert_eq!(values, largest);
    let first = case.by_collecting(&input, |pixels, _| {
        let picked = pixels.iter().copied().reduce(|one, other| if other.1 > one.1 { other } else { one });
        i64::try_from(picked.unwrap().0).unwrap()
    });
    assert_eq!(indices, first);
}

#[test]
fn every_reduction_takes_a_window_larger_than_its_input() {
    let mut windows = Vec::new();
    for place in odometer(&[6, 6, 6, 2, 3]) {
        let [length, size, stride, dilation] = [place[0] + 1, place[1] + 1, place[2] + 1, place[3] + 1];
        let (padding, extent) = (place[4], dilation * (size - 1) + 1);
        let larger = extent.saturating_sub(length + 2 * padding);
        // Larger than the input, up to the first that is too large.
        if padding <= extent / 2 && larger > 0 && larger <= stride {
            windows.push([length, size, stride, dilation, padding]);
        }
    }
    assert!(windows.len() > 200, "{}", windows.len());
    check_small::<1>(&windows);
    check_small::<2>(&windows);
    check_small::<3>(&windows[..windows.len() / 4]);
}

#[test]
fn the_window_of_a_head_covers_whatever_map_comes() {
    let map = Array4::from_shape_fn((1, 4, 7, 7), |place| (place.1 * 49 + place.2 * 7 + place.3) as f32);
    let head = AvgPool2d::new(1280).ceil_mode(true);
    let means = head.forward(&map).unwrap();
    assert_eq!(means, Tensor::from(array![[[[24.0_f32]], [[73.0]], [[122.0]], [[171.0]]]]));
    assert_eq!(head.forward(&map.mapv(f64::from)).unwrap(), means.map(|&mean| f64::from(mean)));

    // Behind a convolution, in one pass or layer by layer, alone and planned.
    let filters = ArrayD::from_shape_fn(IxDyn(&[3, 4, 3, 3]), |place| (place[0] + place[2]) as f32 - 1.0);
    let filters = filters.into_dimensionality::<ndarray::Ix4>().unwrap();
    let larger = Array4::from_shape_fn((2, 4, 40, 40), |place| ((place.2 * 41 + place.3) % 17) as f32);
    for input in [&larger, &map] {
        for pool in [MaxPool2d::new(64).stride(60), MaxPool2d::new([64, 3]).stride([60, 2])] {
            let (conv, pool) = (Conv2d::new(filters.clone()).padding(1), pool.ceil_mode(true));
            let expected = pool.forward(&Relu.forward(&conv.forward(input).unwrap()).unwrap());
            let network = Sequential::new().push(conv).push(Relu).push(pool);
            match expected {
                Ok(expected) => {
                    assert_eq!(network.forward(input).unwrap(), expected);
                    let mut found = Tensor::zeros(expected.shape()).unwrap();
                    network.plan(input.shape()).unwrap().run(input, &mut found).unwrap();
                    assert_eq!(found, expected);
                }
                Err(error) => {
                    let Err(Error::Layer { source, .. }) = network.forward(input) else { panic!("{error}") };
                    assert_eq!(*source, error);
                }
            }
        }
    }

    // In bands of rows: the last reaches beyond the input on its own.
    let pool = MaxPool2d::new([5, 9]).stride([4, 3]).ceil_mode(true);
    let whole = pool.forward(&map).unwrap();
    assert_eq!(whole.shape(), [1, 4, 2, 1]);
    for row in 0..2 {
        let band = Bands::<f32>::band(&pool, map.shape(), row..row + 1).expect("one row of outputs");
        let pixels = map.slice(ndarray::s![.., .., band.input.clone(), ..]);
        let mut found = Tensor::zeros(&[1, 4, 1, 1]).unwrap();
        Bands::<f32>::plan_band(&pool, map.shape(), &band).unwrap().run(pixels, &mut found).unwrap();
        assert_eq!(
            found.view().into_array_view(),
            whole.as_array().slice(ndarray::s![.., .., row..=row, ..]).into_dyn()
        );
    }
}
