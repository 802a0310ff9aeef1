//! What a plan promises, and what it does when a promise cannot be kept.
//!
//! - **Weights**: a plan that was made before parameters were loaded, or taken to be written to, says so, of every module, fused or
//!   not; clones of plans too; a clone of the module leaves it alone.
//! - **Bands** that a module does not have are errors before any memory is taken for them.
//! - **The order of errors**: where two are possible, the shape rule and the computation give the same one.

#![allow(clippy::float_cmp, reason = "what was written is read again")]

use featuremap::conv::Algorithm;
use featuremap::pool::reference;
use featuremap::{
    AdaptiveMaxPool2d, AvgPool2d, Band, Bands, Conv, Conv2d, Error, GlobalMaxPool, Linear, Lp, LpPool2d, MaxPool2d,
    Module, Operator, Pool, Relu, Sequential, Tensor,
};
use ndarray::{Array1, Array2, Array3, Array4, ArrayD, Axis, IxDyn, Slice};

fn conv(filters: usize, channels: usize) -> Conv2d {
    Conv2d::new(Array4::from_shape_fn((filters, channels, 3, 3), |at| (at.0 + at.2 * at.3) as f32 / 8.0)).padding(1)
}

/// That the plan is outdated once the parameters have been given out, and that a new one has the new weights.
fn check<M: Module<f32> + Clone>(mut module: M, shape: &[usize]) {
    let input = ArrayD::from_shape_fn(IxDyn(shape), |at| (at[shape.len() - 1] % 7) as f32);
    let before = module.forward(&input).unwrap();
    let mut plan = module.plan(shape).unwrap();
    let mut cloned = plan.clone();
    let mut output = Tensor::zeros(before.shape()).unwrap();
    plan.run(&input, &mut output).unwrap();
    assert_eq!(output, before);

    let mut other = module.clone();
    other.parameters_mut().into_iter().for_each(|(_, mut values)| values.map_in_place(|value| *value = 0.0));
    plan.run(&input, &mut output).expect("a clone has parameters of its own");

    for (_, mut values) in module.parameters_mut() {
        values.map_in_place(|value| *value += 1.0);
    }
    output.view_mut().map_in_place(|value| *value = 7.0);
    for plan in [&mut plan, &mut cloned] {
        assert_eq!(plan.run(&input, &mut output), Err(Error::Outdated));
    }
    assert!(output.iter().all(|&value| value == 7.0), "nothing is written");
    let after = module.forward(&input).unwrap();
    assert_ne!(after, before);
    module.plan(shape).unwrap().run(&input, &mut output).unwrap();
    assert_eq!(output, after);
}

#[test]
fn a_plan_does_not_outlive_its_weights() {
    check(conv(8, 3), &[1, 3, 40, 50]);
    check(conv(8, 3).relu(true), &[3, 2, 2]);
    check(conv(4, 16).groups(4), &[64, 9, 9]);
    check(Conv::<f32, 1>::new(Array2::ones((1, 3)).insert_axis(ndarray::Axis(0))).bias(Array1::ones(1)), &[1, 30]);
    check(Linear::new(Array2::ones((3, 5))).bias(Array1::ones(3)), &[4, 5]);
}

fn network() -> Sequential {
    let block = Sequential::new().push(conv(16, 3)).push(Relu).push(MaxPool2d::new(2));
    let block = block.push(conv(16, 16)).push(Relu).push(AvgPool2d::new(2));
    Sequential::new().push(Relu).push_named("block", block).push(conv(4, 16)).push(MaxPool2d::new(3).stride(2))
}

#[test]
fn a_plan_of_a_network_does_not_either() {
    for size in [16, 300] {
        let mut network = network();
        let input = Array4::from_shape_fn((1, 3, size, size), |at| (at.2 * 3 + at.3) as f32 % 5.0);
        let expected = network.forward(&input).unwrap();
        let mut plan = network.plan(input.shape()).unwrap();
        let mut output = Tensor::zeros(expected.shape()).unwrap();
        plan.run(&input, &mut output).unwrap();
        let parameters = network.parameters_mut();
        assert_eq!(parameters.len(), 3);
        drop(parameters);
        assert_eq!(plan.run(&input, &mut output), Err(Error::Outdated));
        network.plan(input.shape()).unwrap().run(&input, &mut output).unwrap();
        assert_eq!(output, expected, "nothing was written");
    }
}

#[cfg(feature = "safetensors")]
#[test]
fn loading_outdates_plans() {
    let saved = network().to_safetensors().unwrap();
    let mut network = network();
    let mut plan = network.plan(&[1, 3, 16, 16]).unwrap();
    let (input, mut output) = (Array4::zeros((1, 3, 16, 16)), Tensor::zeros(plan.output_shape()).unwrap());
    network.load_safetensors(&saved[..50]).unwrap_err();
    plan.run(&input, &mut output).expect("nothing was loaded");
    network.load_safetensors(&saved).unwrap();
    let error = plan.run(&input, &mut output).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the parameters of this plan's module have been loaded, or taken to be written to, since it was made: \
         make another plan"
    );
}

/// More than any memory, but a length that can be counted with.
const VAST: usize = 1 << 40;

#[test]
fn a_band_that_is_not_there_is_an_error() {
    let shape = [1, 4, 20, 30];
    let modules: [(&str, Box<dyn Bands<f32>>); 6] = [
        ("MaxPool2d", Box::new(MaxPool2d::new(3).stride(1))),
        ("AvgPool2d", Box::new(AvgPool2d::new(3).stride(2).padding(1).ceil_mode(true))),
        ("Conv2d", Box::new(conv(8, 4))),
        ("Conv2d by tap", Box::new(Conv2d::new(Array4::ones((2, 4, 1, 1))))),
        ("AdaptiveMaxPool2d", Box::new(AdaptiveMaxPool2d::new(2))),
        ("GlobalMaxPool", Box::new(GlobalMaxPool::default())),
    ];
    for (name, module) in &modules {
        let bands = [
            Band::new(2, 0..3, 0..VAST),
            Band::new(2, 0..VAST, 0..1),
            Band::new(2, VAST..VAST + 3, VAST..VAST + 1),
            Band::new(2, 21..24, 19..22),
            Band::new(2, 3..3, 0..1),
            Band::new(9, 0..3, 0..1),
            Band { before: VAST, ..Band::new(2, 0..VAST, 0..20) },
        ];
        for band in bands {
            let error = module.plan_band(&shape, &band).expect_err(name);
            assert!(matches!(error, Error::Band { .. }), "{name}, {band:?}: {error}");
        }
    }
    // Rows that are there, but not those that these outputs are computed from.
    for (name, module) in &modules[..4] {
        let band = Band::new(2, 0..17, 4..6);
        assert!(matches!(module.plan_band(&shape, &band), Err(Error::Band { .. })), "{name}");
    }
    let error = modules[0].1.plan_band(&shape, &Band::new(2, 0..3, 0..19)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rows 0..19 on axis 2 of the output, whose shape is [1, 4, 18, 28], are no band of this module"
    );
}

#[test]
fn one_error_is_given_where_two_are_possible() {
    let pool = LpPool2d::with(Lp(-1.0), 5);
    for shape in [&[1, 4, 4][..], &[1, 0, 4], &[4], &[1, 9, usize::MAX / 2]] {
        let expected = pool.output_shape(shape).expect_err("it does not fit");
        assert_eq!(Module::<f32>::plan(&pool, shape).unwrap_err(), expected);
        if shape.iter().all(|&size| size < 1000) {
            let input = ArrayD::<f32>::zeros(IxDyn(shape));
            assert_eq!(pool.forward(&input).unwrap_err(), expected);
            assert_eq!(reference::forward(&pool, &input).unwrap_err(), expected);
        }
    }
    // What fits has the other error.
    let input = ArrayD::<f32>::zeros(IxDyn(&[5, 5]));
    assert_eq!(pool.output_shape(&[5, 5]).unwrap(), [1, 1]);
    assert!(matches!(pool.forward(&input), Err(Error::NormOrder { .. })));
    let zero = Pool::<Lp, 2>::with(Lp(f64::NAN), 0);
    assert_eq!(zero.forward(&input).unwrap_err(), zero.output_shape(&[5, 5]).unwrap_err());
}

/// What a summary calls fused takes no more than what it calls plain, for any number of images and threads.
#[cfg(feature = "rayon")]
#[test]
fn fused_takes_no_more_than_plain() {
    let conv = Conv::<f32, 1>::new(ndarray::Array3::from_elem((16, 1, 80), 0.01)).stride(4);
    let network = Sequential::new().push(conv).push(Relu).push(featuremap::MaxPool1d::new(4));
    for threads in 1..=5 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for images in 1..=11 {
            let summary = pool.install(|| network.summary(&[images, 1, 4000])).unwrap();
            let [fused, plain] = [summary.fused_bytes, summary.plain_bytes];
            assert!(fused <= plain, "{fused} bytes for {plain}: {images} images, {threads} threads\n{summary}");
        }
    }
}

/// Found by the generator of `tests/hostile`, seed 121503: the plan is for the rows of axis 2, whatever axis the band says.
#[test]
fn a_band_along_another_axis_is_an_error() {
    let modules: [Box<dyn Bands<f32>>; 2] =
        [Box::new(MaxPool2d::new(1)), Box::new(Conv2d::new(Array4::<f32>::ones((2, 2, 1, 1))))];
    for module in &modules {
        for band in [
            Band { input_axis: 3, ..Band::new(2, 2..3, 2..3) },
            Band { output_axis: 3, ..Band::new(2, 2..3, 2..3) },
            Band::new(3, 2..3, 2..3),
        ] {
            let planned = module.plan_band(&[1, 2, 4, 4], &band);
            assert!(matches!(planned, Err(Error::Band { .. })), "{} of {band:?}: {planned:?}", module.name());
        }
    }
}

/// Found by the generator of `tests/hostile`, seed 108174: a tile reaches behind the last window, where the whole had pixels that no
/// window has, and a band had none.
#[test]
fn a_band_in_tiles_is_the_whole_where_a_stride_leaves_rows_out() {
    let numbers = |place: usize| (place * 2_654_435_761 % 1013) as f32 / 500.0 - 1.0;
    let filters = Array3::from_shape_fn((4, 7, 7), |at| numbers(at.0 * 49 + at.1 * 7 + at.2));
    let image = Array3::from_shape_fn((4, 19, 52), |at| numbers(at.0 * 988 + at.1 * 52 + at.2));
    let mut conv = Conv2d::new(filters).stride(2).padding([(1, 0), (3, 1)]);
    for algorithm in [Algorithm::Taps, Algorithm::Pixels, Algorithm::Channels, Algorithm::Rows, Algorithm::Separable] {
        conv = conv.without(algorithm);
    }
    let whole = conv.forward(&image).expect("it fits");
    for start in 0..7 {
        let band = conv.band(&[4, 19, 52], start..start + 1).expect("it has bands");
        let mut plan = conv.plan_band(&[4, 19, 52], &band).expect("it is its own");
        let mut rows = Tensor::zeros(plan.output_shape()).expect("it is small");
        plan.run(image.slice_axis(Axis(1), Slice::from(band.input.clone())), &mut rows).expect("the shapes fit");
        let expected = whole.as_array().slice_axis(Axis(1), Slice::from(band.output.clone()));
        assert_eq!(rows.as_array().view(), expected, "{band:?}, {plan}");
    }
}
