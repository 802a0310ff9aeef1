//! Numbers for each channel: folded into the layer before them, or applied in place, to all pieces of a value and in every band.

use ndarray::{Array, ArrayD};

use super::{check, planned, waves};
use crate::graph::Graph;
use crate::{
    Activation, BatchNorm1d, BatchNorm2d, Conv1d, Conv2d, Linear, MaxPool1d, MaxPool2d, Module, Relu, Sequential,
    Tensor,
};

/// What the layers of a network give one after the other, each planned alone.
fn layer_by_layer(model: &Sequential, input: &Tensor) -> Tensor {
    model.layers().fold(input.clone(), |input, (_, layer)| planned(layer, &input))
}

#[test]
fn a_batch_norm_is_folded_and_one_that_stands_alone_is_applied_in_place() {
    let norm = |channels: usize| {
        let positive = waves(&[channels], 3).mapv(|number| number.abs() + 0.5);
        let norm = BatchNorm2d::new(waves(&[channels], 1), positive);
        norm.weight(waves(&[channels], 4)).bias(waves(&[channels], 9))
    };
    let conv = || Conv2d::new(waves(&[6, 3, 3, 3], 2)).padding(1);
    let folded = Sequential::new().push(conv()).push(norm(6)).push(Relu).push(MaxPool2d::new(2));
    let alone = Sequential::new().push(conv()).push(Relu).push(norm(6)).push(Activation::LEAKY_RELU);
    let first = Sequential::new().push(norm(3)).push(conv());
    let input = waves(&[2, 3, 12, 10], 1);
    for (model, in_place) in [(&folded, None), (&alone, Some(2)), (&first, Some(0))] {
        let expected = layer_by_layer(model, &Tensor::from(&input));
        let found = planned(model, &Tensor::from(&input));
        for (found, expected) in found.iter().zip(&expected) {
            approx::assert_relative_eq!(found, expected, max_relative = 1e-5, epsilon = 1e-5);
        }
        let summary = model.summary(input.shape()).unwrap();
        let of_norm = summary.layers.iter().find(|layer| layer.kind == "BatchNorm2d").unwrap();
        match in_place {
            None => assert_eq!(of_norm.algorithm, "fused"),
            Some(0) => assert_eq!(of_norm.algorithm, "vectors"),
            Some(_) => assert_eq!(of_norm.algorithm, "in place"),
        }
    }
    // Features, after a dense layer.
    let positive = waves(&[5], 3).mapv(|number| number.abs() + 0.5);
    let norm = BatchNorm1d::new(waves(&[5], 1), positive);
    let dense = Sequential::new().push(Linear::new(waves(&[5, 7], 1))).push(norm).push(Relu);
    let input = Tensor::from(waves(&[4, 7], 2));
    let expected = layer_by_layer(&dense, &input);
    approx::assert_relative_eq!(planned(&dense, &input), expected, max_relative = 1e-5, epsilon = 1e-6);
    assert_eq!(dense.plan(&[4, 7]).unwrap().algorithm(), "channels");
}

#[test]
fn channels_are_told_apart_in_every_piece_of_a_value() {
    // Planes that no piece ends with, and one that is several.
    for shape in [[2, 5, 50, 41], [1, 3, 100, 90]] {
        let numbers = |first: f32| Array::from_shape_fn(shape[1], |channel| first + channel as f32 / 2.0);
        let zeros = Array::zeros(shape[1]);
        let norm = BatchNorm2d::new(zeros.clone(), zeros + 1.0).epsilon(0.0).weight(numbers(2.0)).bias(numbers(-3.0));
        // Few bits, so that all results are exact.
        let input = waves(&shape, 1).mapv(|number| (number * 8.0).round());
        let channel = |numbers: Array<f32, _>| numbers.into_shape_with_order((1, shape[1], 1, 1)).unwrap();
        let scaled = |map: &ArrayD<f32>| map * &channel(numbers(2.0)) + channel(numbers(-3.0));
        let (pool, leaky) = (MaxPool2d::new(1), Activation::LeakyRelu { slope: 0.5 });

        let mut graph = Graph::new();
        let copied = graph.module("pool", &pool, graph.input());
        let first = graph.module("first", &norm, copied);
        let rectified = graph.module("leaky", &leaky, first);
        graph.module("second", &norm, rectified);
        check(&graph, &input, 1 << 20);
        let expected = scaled(&scaled(&input).mapv(|number| if number < 0.0 { number / 2.0 } else { number }));
        let mut output = Tensor::zeros(&shape).unwrap();
        graph.plan(&shape).unwrap().run(&input, &mut output).unwrap();
        assert_eq!(output, Tensor::from(expected));

        let mut graph = Graph::new();
        let copied = graph.module("pool", &pool, graph.input());
        let sum = graph.add(copied, graph.input());
        graph.module("norm", &norm, sum);
        check(&graph, &input, 1 << 20);
        graph.plan(&shape).unwrap().run(&input, &mut output).unwrap();
        assert_eq!(output, Tensor::from(scaled(&(&input + &input))));
    }
}

#[test]
fn several_scales_are_folded_into_one_layer_but_none_behind_an_activation() {
    let scale = |channels: usize, seed: usize| {
        let numbers = |seed| Tensor::from(waves(&[channels], seed).mapv(|number| number.abs() + 0.5));
        (numbers(seed), numbers(seed + 1))
    };
    let check = |model: &Sequential, input: &ArrayD<f32>, fused: &[bool]| {
        let expected = layer_by_layer(model, &Tensor::from(input));
        let found = planned(model, &Tensor::from(input));
        approx::assert_relative_eq!(found, expected, max_relative = 1e-5, epsilon = 1e-5);
        let summary = model.summary(input.shape()).unwrap();
        let found: Vec<bool> = summary.layers.iter().map(|layer| layer.algorithm == "fused").collect();
        assert_eq!(found, fused, "{summary}");
    };
    let conv = || Conv2d::new(waves(&[6, 3, 3, 3], 2)).padding(1);
    let norm = |seed| BatchNorm2d::new(scale(6, seed).0, scale(6, seed).1);
    let input = waves(&[2, 3, 12, 10], 1);
    let model = Sequential::new().push(conv()).push(norm(1)).push(norm(5)).push(Relu);
    check(&model, &input, &[false, true, true, true]);
    let model = Sequential::new().push(conv()).push(norm(1)).push(Relu).push(norm(5));
    check(&model, &input, &[false, true, true, false]);
    let dense = || Linear::new(waves(&[5, 7], 1));
    let norm = |seed| BatchNorm1d::new(scale(5, seed).0, scale(5, seed).1);
    let model = Sequential::new().push(dense()).push(norm(1)).push(norm(5)).push(Relu);
    check(&model, &waves(&[4, 7], 2), &[false, true, true, true]);
    let model = Sequential::new().push(dense()).push(Relu).push(norm(5));
    check(&model, &waves(&[4, 7], 2), &[false, true, false]);
}

#[test]
fn no_band_cuts_the_channels_of_a_scale() {
    let conv = Conv1d::new(waves(&[8, 1, 3], 2)).padding(1);
    let numbers = |channels: usize, seed| waves(&[channels], seed).mapv(|number| number.abs() + 0.5);
    let pool = MaxPool1d::new(2);
    let of_features = BatchNorm1d::new(numbers(64, 3), numbers(64, 4));
    let of_planes = BatchNorm2d::new(numbers(3, 3), numbers(3, 4));
    let norms: [(&dyn Module<f32>, &[usize]); 2] = [(&of_features, &[1, 64]), (&of_planes, &[3, 1, 64])];
    for (norm, shape) in norms {
        let mut graph = Graph::new();
        let map = graph.module("conv", &conv, graph.input());
        let scaled = graph.module("norm", norm, map);
        graph.module("pool", &pool, scaled);
        check(&graph, &waves(shape, 1), 512);
    }
}
