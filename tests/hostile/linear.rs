//! Dense layers, of weights and inputs that fit each other or not; ReLU and Flatten, of tensors of any rank.

use featuremap::{Element, Flatten, Linear, Operator, PaddingMode, Relu};
use ndarray::Array1;

use super::check::{Input, Stage, Subject, Verdict};
use super::definition::{Convolution, Expected};
use super::facts::Facts;
use super::layout::{Along, Pad, Spec, elements};
use super::random::{Kind, Number, Random, numbers};

/// The shape of features with any axes before them, or with none that fit.
fn batch(random: &mut Random, features: usize) -> Vec<usize> {
    let mut shape = random.list(7, |random| random.from(1, 3));
    shape.truncate(random.below(8));
    if random.once_in(4) {
        shape = vec![random.from(0, 60)];
    }
    shape.push(if random.once_in(12) { random.below(4) } else { features });
    if random.once_in(30) {
        shape.clear();
    }
    shape
}

pub(crate) fn check_linear<T: Number<Sum: Number>>(stage: &Stage, random: &mut Random) {
    let (outputs, features) = (random.from(0, 40), random.from(0, 50));
    let mut weights = vec![outputs, features];
    if random.once_in(20) {
        weights = random.list(4, |random| random.below(4));
        weights.truncate(random.below(5));
    }
    let kind = if random.once_in(3) { Kind::draw(random) } else { Kind::Plain };
    let filters = numbers::<T>(random, kind, &weights);
    let shape = batch(random, features);
    let kind = Kind::draw(random);
    let input = Input::<T>::draw(random, kind, &shape);
    let length = if random.once_in(20) { random.below(5) } else { outputs };
    let bias = random.once_in(2).then(|| numbers::<T::Sum>(random, Kind::Plain, &[length]));
    let mut linear = Linear::<T>::new(filters.clone());
    if let Some(bias) = &bias {
        linear = linear.bias(bias.clone());
    }
    let spec = Spec { size: vec![], stride: vec![], dilation: vec![], padding: Pad::Valid, ceil: false };
    let mut facts = Facts::new(0, &spec, &shape);
    facts.ranks = ((1..9).collect(), vec![2]);
    facts.filters.clone_from(&weights);
    facts.bias = bias.as_ref().map(|bias| bias.shape().to_vec());
    let fits = weights.len() == 2
        && shape.last() == Some(&weights[1])
        && bias.as_ref().is_none_or(|bias| bias.len() == weights[0]);
    let verdict = match (fits, shape.split_last()) {
        (true, Some((_, batch))) => Verdict::Shape(batch.iter().copied().chain([weights[0]]).collect()),
        _ => Verdict::Wrong,
    };
    let one = Along { length: 1, size: 1, stride: 1, dilation: 1, before: 0, after: 0, outputs: 1 };
    let definition = Convolution {
        axes: vec![one],
        mode: PaddingMode::Zeros,
        relu: false,
        groups: 1,
        input: input.array.as_slice().expect("it is in order"),
        filters: filters.as_slice().expect("it is in order"),
        bias: bias.as_ref().map(|bias| bias.as_slice().expect("it is in order")),
        outputs: weights.first().copied().unwrap_or(1),
        inputs: weights.get(1).copied().unwrap_or(1),
    };
    let definition = &|place: usize, way| Some(definition.at(place, way));
    let (facts, bytes) = (Some(&facts), elements(&weights) * size_of::<T::Sum>() as u128);
    let terms = features;
    let (module, input, zeros, honest) = (&linear, &input, false, true);
    let subject = Subject { module, input, verdict, facts, definition, terms, zeros, honest, bytes };
    stage.check(random, &subject);
    // A bias that fits no weights.
    let flat = Linear::<T>::new(filters);
    assert!(flat.bias(Array1::from_elem(outputs + 50, <T::Sum as Element>::ZERO)).output_shape(&shape).is_err());
}

pub(crate) fn check_pointwise<T: Number>(stage: &Stage, random: &mut Random) {
    let rank = random.below(9);
    let shape = random.list(rank, |random| if random.once_in(20) { 0 } else { random.from(1, 4) });
    let kind = Kind::draw(random);
    let input = Input::<T>::draw(random, kind, &shape);
    let elements = input.array.as_slice().expect("it is in order");
    let relu = |place: usize| if elements[place] < T::ZERO { T::ZERO } else { elements[place] };
    let definition = &|place: usize, _| Some(Expected::Exactly(relu(place)));
    let (verdict, zeros, honest) = (Verdict::Shape(shape.clone()), true, true);
    let (input, facts, terms, bytes) = (&input, None, 1, 0);
    let subject = Subject { module: &Relu, input, verdict, facts, definition, terms, zeros, honest, bytes };
    stage.check(random, &subject);

    let first = if random.once_in(4) { random.hostile() } else { random.below(5) };
    let spec = Spec { size: vec![], stride: vec![], dilation: vec![], padding: Pad::Valid, ceil: false };
    let mut of_flatten = Facts::new(0, &spec, &shape);
    of_flatten.ranks.0 = (first.saturating_add(1)..first.saturating_add(9)).collect();
    let verdict = match shape.split_at_checked(first).filter(|(_, joined)| !joined.is_empty()) {
        Some((kept, joined)) => Verdict::Shape(kept.iter().copied().chain([joined.iter().product()]).collect()),
        None => Verdict::Wrong,
    };
    let definition = &|place: usize, _| Some(Expected::Exactly(elements[place]));
    let (flatten, facts) = (Flatten::from_axis(first), Some(&of_flatten));
    let subject = Subject { module: &flatten, input, verdict, facts, definition, terms, zeros, honest, bytes };
    stage.check(random, &subject);
}
