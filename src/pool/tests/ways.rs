//! Which way windows are pooled, and that bands of a map are pooled as the whole is.

use std::sync::Arc;

use ndarray::{Array4, ArrayD, Axis, IxDyn, Slice};

use super::super::planes::PoolPlan;
use super::super::{Average, AvgPool2d, L2Pool2d, Max, MaxPool2d, Pool, Reduction, reference};
use super::{Case, by_kernel, pixels};
use crate::simd::{has_kernels, levels};
use crate::{AvgPool1d, Bands, Element, L2Pool1d, Module, Padding, Tensor, TensorView};

/// A window, the input it slides over, and what pools it: `f32`, bytes, and `f64`.
struct Way {
    size: usize,
    stride: usize,
    dilation: usize,
    padding: usize,
    input: [usize; 2],
    by: [&'static str; 3],
}

const fn way(window: [usize; 4], input: [usize; 2], by: [&'static str; 3]) -> Way {
    let [size, stride, dilation, padding] = window;
    Way { size, stride, dilation, padding, input, by }
}

const WAYS: [Way; 14] = [
    way([2, 2, 1, 0], [8, 150], ["pairs", "pairs", "rows"]),
    way([2, 2, 1, 0], [14, 14], ["pairs", "pairs", "rows"]),
    way([2, 2, 1, 1], [8, 150], ["rows"; 3]),
    way([3, 1, 1, 1], [9, 150], ["small windows", "rows", "rows"]),
    way([3, 2, 1, 1], [9, 150], ["small windows", "rows", "rows"]),
    way([5, 1, 1, 2], [20, 150], ["rows"; 3]),
    way([3, 1, 2, 2], [20, 150], ["rows"; 3]),
    way([7, 3, 1, 3], [20, 150], ["rows"; 3]),
    way([4, 4, 1, 0], [8, 8], ["rows"; 3]),
    way([9, 1, 1, 4], [40, 150], ["van Herk"; 3]),
    way([9, 2, 1, 4], [40, 150], ["van Herk"; 3]),
    way([13, 1, 1, 6], [13, 13], ["row strips"; 3]),
    way([7, 7, 1, 0], [7, 7], ["boxes", "boxes", "rows"]),
    way([7, 1, 1, 0], [7, 7], ["boxes", "boxes", "row strips"]),
];

/// Pools by the way that is expected, and holds it against the reference.
fn check<T: Element, R: Reduction<T>>(way: &Way, reduction: R, by: &str, close: impl Fn(T, T) -> bool) {
    let Way { size, stride, dilation, padding, input, .. } = *way;
    let pool = Pool::<R, 2>::with(reduction, size).stride(stride).dilation(dilation).padding(padding);
    let mut state = 1_u64;
    let input = ArrayD::from_shape_simple_fn(IxDyn(&[2, input[0], input[1]]), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        T::number((state >> 33) as usize % 100, false)
    });
    let expected = reference::forward(&pool, &input).expect("the case fits");
    let layer = pool.layer::<T>(input.shape()).expect("the case fits");
    for level in levels() {
        let kernel = by_kernel(&pool, &layer, level);
        let name = kernel.as_ref().map(|kernel| kernel.algorithm());
        assert_eq!(name, has_kernels(level).then_some(by), "{size}, {stride}, {dilation}, {padding} at {level:?}");
        let Some(kernel) = kernel else { continue };
        let mut found = vec![T::HIGHEST; expected.len()];
        let mut planes = PoolPlan::new(Arc::clone(&kernel), layer.sizes(), 1).expect("the case is small");
        planes.run_dense(input.as_slice().expect("a fresh array is in order"), &mut found);
        for (&found, &expected) in found.iter().zip(&expected) {
            assert!(close(found, expected), "{found} instead of {expected} by {name:?} at {level:?}");
        }
    }
}

#[test]
fn every_window_is_pooled_the_way_that_is_meant_for_it() {
    for way in &WAYS {
        let [features, bytes, doubles] = way.by;
        check::<f32, _>(way, Max, features, |found, expected| found == expected);
        check::<u8, _>(way, Max, bytes, |found, expected| found == expected);
        check::<f64, _>(way, Max, doubles, |found, expected| found == expected);
        check::<f32, _>(way, Average::default(), features, |found, expected| (found - expected).abs() < 1e-4);
        check::<f64, _>(way, Average::default(), doubles, |found, expected| (found - expected).abs() < 1e-12);
    }
}

/// Square windows over so many planes.
fn square((planes, input): (usize, [usize; 2]), size: usize, stride: usize, padding: usize) -> Case<2> {
    Case {
        planes,
        input,
        size: [size; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        padding: [(padding, padding); 2],
        ceil_mode: false,
        count_include_pad: false,
        odd: 0,
        seed: 3,
    }
}

/// The outputs of a map, computed band by band.
fn by_bands(module: &dyn Bands<f32>, input: &Array4<f32>, cuts: &[usize]) -> Tensor<f32> {
    let shape = module.output_shape(input.shape()).expect("the input fits");
    let mut output = Array4::zeros((shape[0], shape[1], shape[2], shape[3]));
    let ends = cuts.iter().skip(1).chain([&shape[2]]);
    for (&start, &end) in cuts.iter().zip(ends) {
        let band = module.band(input.shape(), start..end).expect("pools have bands");
        let pixels = input.slice_axis(Axis(2), Slice::from(band.input.clone()));
        let mut plan = module.plan_band(input.shape(), &band).expect("the band fits");
        let pixels = pixels.as_standard_layout().into_owned();
        plan.run(&pixels, output.slice_axis_mut(Axis(2), Slice::from(start..end))).expect("the plan is for the band");
    }
    Tensor::from(output)
}

#[test]
fn bands_have_the_bits_of_the_whole() {
    for (size, stride, padding, columns) in [
        (9, 1, 4, 150),
        (9, 2, 4, 150),
        (5, 1, 2, 150),
        (3, 1, 1, 150),
        (13, 1, 6, 20),
        (2, 2, 0, 30),
        (2, 2, 1, 30),
        (31, 1, 15, 40),
    ] {
        let case = square((2, [60, columns]), size, stride, padding);
        let input = pixels(&case).mapv(|pixel| pixel as f32);
        let input = input.into_shape_with_order((1, 2, 60, columns)).expect("as many pixels");
        let average = AvgPool2d::new(size).stride(stride).padding(padding);
        let norm = L2Pool2d::new(size).stride(stride).padding(padding);
        let largest = MaxPool2d::new(size).stride(stride).padding(padding);
        for module in [&average as &dyn Bands<f32>, &norm, &largest] {
            let whole = module.forward_view(TensorView::from(&input)).expect("the input fits");
            for cuts in [&[0, 1, 7, 20][..], &[0, 13], &[0, 2, 4, 6, 8, 10, 12, 14, 16]] {
                let banded = by_bands(module, &input, cuts);
                let same = whole.iter().zip(&banded).all(|(one, other)| one.to_bits() == other.to_bits());
                assert!(same, "{} of {size} at stride {stride}, cut at {cuts:?}", module.name());
            }
        }
    }
}

/// Found by the generator of `tests/hostile`, seed 243884.
#[test]
fn the_only_band_of_a_map_has_the_bits_of_the_whole() {
    let signal = ndarray::Array3::from_shape_fn((1, 2, 210), |at| (at.1 * 210 + at.2) as f32 * 0.37 % 3.1 - 1.5);
    for (size, padding) in
        [(210, Padding::Valid), (200, Padding::Valid), ((1 << 26) + 1, Padding::SameLower), (300, Padding::Same)]
    {
        let stride = size;
        let (average, norm) = (AvgPool1d::new(size).stride(stride), L2Pool1d::new(size).stride(stride));
        let (average, norm) = (average.padding(padding), norm.padding(padding));
        for module in [&average as &dyn Bands<f32>, &norm] {
            let whole = module.forward_view(TensorView::from(&signal)).expect("the input fits");
            let Some(band) = module.band(&[1, 2, 210], 0..1) else { continue };
            let mut plan = module.plan_band(&[1, 2, 210], &band).expect("it is its own");
            let mut output = Tensor::zeros(plan.output_shape()).expect("it is small");
            let part = signal.slice_axis(Axis(2), Slice::from(band.input.clone()));
            plan.run(part, &mut output).expect("the shapes fit");
            assert_eq!(output, whole, "{} of {size}", module.name());
        }
    }
}

#[test]
fn small_maps_are_one_tall_map_where_windows_leave_no_row_over() {
    for (planes, input, size, padding, is_tall) in [
        (40, [8, 8], 4, 0, true),
        (7, [6, 10], 3, 0, true),
        (33, [5, 12], 5, 0, true),
        (9, [7, 9], 3, 0, false),
        (9, [6, 9], 3, 1, false),
    ] {
        let case = square((planes, input), size, size, padding);
        let pool = case.pool(Average::default());
        let input = pixels(&case).mapv(|pixel| pixel as f32);
        let windows = pool.layer::<f32>(input.shape()).expect("the case fits").windows(None).expect("it has two axes");
        assert_eq!(windows.stacked().is_some(), is_tall, "{case:?}");
        let (found, expected) = (pool.forward(&input), reference::forward(&pool, &input));
        let (found, expected) = (found.expect("the case fits"), expected.expect("the case fits"));
        assert!(found.iter().zip(&expected).all(|(one, other)| (one - other).abs() < 1e-4), "{case:?}");
    }
}
