//! Batch norms behind convolutions and dense layers, which take them into their weights.

use featuremap::{Conv, Linear, PaddingMode, Relu, Sequential};
use ndarray::ArrayD;

use super::around::Norm;
use super::check::{Input, Stage, Subject, Verdict};
use super::definition::{Convolution, Expected, Way};
use super::layout::{Pad, Spec, array};
use super::random::{Kind, Random, numbers};

/// The sums of a definition with a factor and an offset for each output channel, and perhaps a ReLU.
fn scaled(
    definition: &Convolution<'_, f32>,
    norm: &Norm<f32>,
    of_map: usize,
    relu: bool,
    place: usize,
    way: Way,
) -> Expected<f32> {
    let Expected::Near { terms, .. } = definition.at(place, way) else { unreachable!("sums of floats are near") };
    let [factor, offset] = norm.scale(place / of_map % definition.outputs);
    Expected::Near { terms: terms.scaled(factor, offset), divisor: 1.0, relu }
}

fn in_order(array: &ArrayD<f32>) -> &[f32] {
    array.as_slice().expect("it is in order")
}

pub(crate) fn check_conv<const N: usize>(stage: &Stage, random: &mut Random) {
    let spec = Spec { ceil: false, ..Spec::draw(random, N, false) };
    let many = random.once_in(3);
    let (inputs, outputs) =
        if many { (random.from(8, 24), random.from(4, 24)) } else { (random.from(1, 4), random.from(1, 5)) };
    let filters: ArrayD<f32> = numbers(random, Kind::Plain, &[&[outputs, inputs][..], &spec.size].concat());
    let bias = random.once_in(2).then(|| numbers::<f32>(random, Kind::Plain, &[outputs]));
    let mut shape = vec![random.from(1, 2), inputs];
    shape.extend(random.list(N, |random| random.from(1, 24)));
    let Some(along) = spec.lay_out(&shape[2..]) else { return };
    let kind = Kind::draw(random);
    let input = Input::<f32>::draw(random, kind, &shape);
    let norm = Norm::<f32>::fitting(random, outputs);
    let mut conv = Conv::<f32, N>::new(filters.clone()).stride(array::<_, N>(&spec.stride));
    conv = conv.dilation(array::<_, N>(&spec.dilation)).padding(spec.padding.padding::<N>());
    if let Some(bias) = &bias {
        conv = conv.bias(bias.clone());
    }
    let relu = random.once_in(2);
    let network = Sequential::new().push(conv).push(norm.layer::<N>());
    let network = if relu { network.push(Relu) } else { network };
    let of_map = along.iter().map(|axis| axis.outputs).product::<usize>();
    let verdict = vec![shape[0], outputs].into_iter().chain(along.iter().map(|axis| axis.outputs)).collect();
    let terms = filters.len() / outputs;
    let definition = Convolution {
        axes: along,
        mode: PaddingMode::Zeros,
        relu: false,
        groups: 1,
        input: in_order(&input.array),
        filters: in_order(&filters),
        bias: bias.as_ref().map(in_order),
        outputs,
        inputs,
    };
    let definition = &|place: usize, way| Some(scaled(&definition, &norm, of_map, relu, place, way));
    let (module, input, facts, verdict) = (&network, &input, None, Verdict::Shape(verdict));
    let (zeros, honest, bytes) = (true, true, filters.len() as u128 * 4);
    let subject = Subject { module, input, verdict, facts, definition, terms, zeros, honest, bytes };
    stage.check(random, &subject);
}

pub(crate) fn check_linear(stage: &Stage, random: &mut Random) {
    let (outputs, inputs, images) = (random.from(1, 40), random.from(1, 50), random.from(1, 20));
    let weights: ArrayD<f32> = numbers(random, Kind::Plain, &[outputs, inputs]);
    let kind = Kind::draw(random);
    let input = Input::<f32>::draw(random, kind, &[images, inputs]);
    let norm = Norm::<f32>::fitting(random, outputs);
    let relu = random.once_in(2);
    let network = Sequential::new().push(Linear::new(weights.clone())).push(norm.layer::<1>());
    let network = if relu { network.push(Relu) } else { network };
    let spec = Spec { size: vec![1], stride: vec![1], dilation: vec![1], padding: Pad::Valid, ceil: false };
    let definition = Convolution {
        axes: spec.lay_out(&[1]).expect("a window of one pixel fits on it"),
        mode: PaddingMode::Zeros,
        relu: false,
        groups: 1,
        input: in_order(&input.array),
        filters: in_order(&weights),
        bias: None,
        outputs,
        inputs,
    };
    let definition = &|place: usize, way| Some(scaled(&definition, &norm, 1, relu, place, way));
    let (module, input, facts, verdict) = (&network, &input, None, Verdict::Shape(vec![images, outputs]));
    let (terms, zeros, honest, bytes) = (inputs, true, true, weights.len() as u128 * 4);
    let subject = Subject { module, input, verdict, facts, definition, terms, zeros, honest, bytes };
    stage.check(random, &subject);
}
