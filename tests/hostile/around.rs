//! The layers around convolution, held against what they are in `f64`.

use featuremap::{BatchNorm, Dropout, Error, Float, LocalResponseNorm, LogSoftmax, Module, PRelu, Softmax};
use ndarray::ArrayD;

use super::check::{Input, Stage, Subject, Verdict};
use super::definition::{Expected, Terms};
use super::functions::{activated, draw};
use super::layers::input_shape;
use super::random::{Kind, Number, Random, numbers};

/// A layer, and what is known of it.
pub(crate) struct Layer<'a, T: Number> {
    pub(crate) module: &'a dyn Module<T>,
    /// The shape that comes out; `None` where the input does not fit.
    pub(crate) shape: Option<Vec<usize>>,
    /// Whether an error says what is so.
    pub(crate) admits: &'a dyn Fn(&Error) -> bool,
    pub(crate) definition: &'a dyn Fn(usize) -> Option<Expected<T>>,
    pub(crate) terms: usize,
    /// Whether of two zeros any may come out.
    pub(crate) zeros: bool,
}

impl<T: Number> Layer<'_, T> {
    pub(crate) fn check(&self, stage: &Stage, random: &mut Random, input: &Input<T>) {
        if let Err(error) = self.module.output_shape(input.array.shape()) {
            assert!((self.admits)(&error) && error.to_string().len() > 20, "not so: {error} ({error:?})");
        }
        let verdict = self.shape.clone().map_or(Verdict::Wrong, Verdict::Shape);
        let definition = &|place: usize, _| (self.definition)(place);
        let (module, facts, terms, zeros, honest) = (self.module, None, self.terms, self.zeros, true);
        // Tables for each axis.
        let bytes = self.shape.iter().flatten().map(|&length| length as u128).sum::<u128>() * 32;
        let subject = Subject { module, input, verdict, facts, definition, terms, zeros, honest, bytes };
        stage.check(random, &subject);
    }
}

/// A shape of any rank.
pub(crate) fn any_shape(random: &mut Random) -> Vec<usize> {
    let rank = random.below(9);
    let mut shape = random.list(rank, |random| if random.once_in(20) { 0 } else { random.from(1, 4) });
    if let Some(last) = shape.last_mut().filter(|_| random.once_in(3)) {
        *last = random.from(1, 300);
    }
    shape
}

fn any_input<T: Number>(random: &mut Random) -> Input<T> {
    let shape = any_shape(random);
    let kind = Kind::draw(random);
    Input::draw(random, kind, &shape)
}

fn in_order<T>(array: &ArrayD<T>) -> &[T] {
    array.as_slice().expect("it is in order")
}

pub(crate) fn check_activation<T: Number + Float>(stage: &Stage, random: &mut Random) {
    let input = any_input::<T>(random);
    let activation = draw(random);
    let pixels = in_order(&input.array);
    let layer = Layer {
        module: &activation,
        shape: Some(input.array.shape().to_vec()),
        admits: &|_| false,
        definition: &|place| Some(activated::<T>(activation, pixels[place].float())),
        terms: 4,
        zeros: true,
    };
    layer.check(stage, random, &input);
}

pub(crate) fn check_dropout<T: Number>(stage: &Stage, random: &mut Random) {
    let input = any_input::<T>(random);
    let pixels = in_order(&input.array);
    let layer = Layer {
        module: &Dropout,
        shape: Some(input.array.shape().to_vec()),
        admits: &|_| false,
        definition: &|place| Some(Expected::Exactly(pixels[place])),
        terms: 1,
        zeros: false,
    };
    layer.check(stage, random, &input);
}

/// Numbers for so many channels, or now and then for another count.
fn for_channels<T: Number>(random: &mut Random, channels: usize) -> ArrayD<T> {
    let count = if random.once_in(40) { random.below(5) } else { channels };
    let shape = if random.once_in(60) { vec![1, count] } else { vec![count] };
    numbers(random, Kind::Plain, &shape)
}

/// The channel of a place, where they lie on this axis.
fn channel(shape: &[usize], axis: usize, place: usize) -> usize {
    place / shape[axis + 1..].iter().product::<usize>() % shape[axis]
}

pub(crate) fn check_prelu<T: Number + Float>(stage: &Stage, random: &mut Random) {
    let input = any_input::<T>(random);
    let shape = input.array.shape();
    let channels = shape.get(1).copied().unwrap_or(1);
    let slopes =
        if random.once_in(3) { numbers(random, Kind::Plain, &[1]) } else { for_channels::<T>(random, channels) };
    let prelu = PRelu::new(slopes.clone());
    let (count, pixels) = (slopes.len(), in_order(&input.array));
    let fits = slopes.ndim() == 1 && (count == 1 || count == channels);
    let layer = Layer {
        module: &prelu,
        shape: fits.then(|| shape.to_vec()),
        admits: &|error| match error {
            Error::Shape { found, .. } => slopes.ndim() != 1 && found == slopes.shape(),
            Error::ChannelCount { expected, found, .. } => {
                (*expected, *found) == (count, channels) && count != channels
            }
            _ => false,
        },
        definition: &|place| {
            let slope = in_order(&slopes)[if count == 1 { 0 } else { channel(shape, 1, place) }].float();
            Some(activated::<T>(featuremap::Activation::LeakyRelu { slope }, pixels[place].float()))
        },
        terms: 1,
        zeros: true,
    };
    layer.check(stage, random, &input);
}

/// A batch norm with its parameters: weights and biases, means and variances.
pub(crate) struct Norm<T> {
    trained: Option<[ArrayD<T>; 2]>,
    statistics: [ArrayD<T>; 2],
    epsilon: f64,
}

impl<T: Number + Float> Norm<T> {
    pub(crate) fn draw(random: &mut Random, channels: usize) -> Self {
        let mut variances = for_channels::<T>(random, channels);
        variances.mapv_inplace(num_traits::Float::abs);
        let trained = random.once_in(2).then(|| [for_channels(random, channels), for_channels(random, channels)]);
        let epsilon = random.pick(&[1e-5, 1e-5, 1e-3, 0.0]);
        Self { trained, statistics: [for_channels(random, channels), variances], epsilon }
    }

    /// One that suits so many channels.
    pub(crate) fn fitting(random: &mut Random, channels: usize) -> Self {
        loop {
            let norm = Self::draw(random, channels);
            if norm.count() == Some(channels) {
                return norm;
            }
        }
    }

    pub(crate) fn layer<const N: usize>(&self) -> BatchNorm<T, N> {
        let [means, variances] = self.statistics.clone();
        let norm = BatchNorm::new(means, variances).epsilon(self.epsilon);
        match self.trained.clone() {
            Some([weights, biases]) => norm.weight(weights).bias(biases),
            None => norm,
        }
    }

    fn all(&self) -> impl Iterator<Item = &ArrayD<T>> {
        self.statistics.iter().chain(self.trained.iter().flatten())
    }

    /// Numbers of each parameter; `None` where these are not so many.
    fn count(&self) -> Option<usize> {
        let count = self.statistics[0].len();
        self.all().all(|parameter| parameter.shape() == [count]).then_some(count)
    }

    /// The factor of a channel and its offset.
    pub(crate) fn scale(&self, channel: usize) -> [f64; 2] {
        let number = |array: &ArrayD<T>| in_order(array)[channel].float();
        let [means, variances] = &self.statistics;
        let (weight, bias) =
            self.trained.as_ref().map_or((1.0, 0.0), |[weights, biases]| (number(weights), number(biases)));
        let factor = weight / (number(variances) + self.epsilon).sqrt();
        [factor, bias - number(means) * factor]
    }
}

pub(crate) fn check_norm<T: Number + Float, const N: usize>(stage: &Stage, random: &mut Random) {
    let channels = random.from(1, 5);
    let shape = input_shape(random, stage, N, channels);
    let kind = Kind::draw(random);
    let input = Input::<T>::draw(random, kind, &shape);
    let axis = if N == 1 { Some(1) } else { shape.len().checked_sub(N + 1) };
    let axis = axis.filter(|_| [N + 1, N + 2].contains(&shape.len()));
    let norm = Norm::<T>::draw(random, axis.map_or(channels, |axis| shape[axis]));
    let (module, pixels, count) = (norm.layer::<N>(), in_order(&input.array), norm.count());
    let found = axis.map(|axis| shape[axis]);
    let layer = Layer {
        module: &module,
        shape: (count.is_some() && count == found).then(|| shape.clone()),
        admits: &|error| match error {
            Error::Rank { found, .. } => axis.is_none() && *found == shape,
            Error::Shape { .. } => count.is_none(),
            Error::ChannelCount { expected, found: other, .. } => {
                Some(*expected) == count && Some(*other) == found && count != found
            }
            _ => false,
        },
        definition: &|place| {
            let [factor, offset] = norm.scale(channel(&shape, axis.expect("it has channels"), place));
            let mut terms = Terms::default();
            terms.add(pixels[place].float(), factor);
            Some(Expected::Near { terms: terms.scaled(1.0, offset), divisor: 1.0, relu: false })
        },
        terms: 1,
        zeros: true,
    };
    layer.check(stage, random, &input);
}

pub(crate) fn check_softmax<T: Number + Float>(stage: &Stage, random: &mut Random) {
    let input = any_input::<T>(random);
    let shape = input.array.shape();
    let (rank, log) = (shape.len().cast_signed(), random.once_in(2));
    let asked =
        if random.once_in(30) { isize::MIN } else { random.below(shape.len() * 2 + 2).cast_signed() - rank - 1 };
    let axis = if asked < 0 { asked.saturating_add(rank) } else { asked };
    let axis = usize::try_from(axis).ok().filter(|&axis| axis < shape.len());
    let pixels = in_order(&input.array);
    let module: Box<dyn Module<T>> =
        if log { Box::new(LogSoftmax::over(asked)) } else { Box::new(Softmax::over(asked)) };
    let layer = Layer {
        module: &*module,
        shape: axis.map(|_| shape.to_vec()),
        admits: &|error| matches!(error, Error::Axis { axis: found, .. } if axis.is_none() && *found == asked),
        definition: &|place| {
            let axis = axis.expect("it is there");
            let inner: usize = shape[axis + 1..].iter().product();
            let first = place - channel(shape, axis, place) * inner;
            let row: Vec<f64> = (0..shape[axis]).map(|at| pixels[first + at * inner].float()).collect();
            Some(softmax::<T>(&row, pixels[place].float(), log))
        },
        terms: 200,
        zeros: true,
    };
    layer.check(stage, random, &input);
}

fn softmax<T: Number>(row: &[f64], x: f64, log: bool) -> Expected<T> {
    let precision = T::PRECISION.expect("floats have powers");
    if row.iter().any(|x| x.is_nan()) {
        return Expected::About { value: f64::NAN, off: 0.0 };
    }
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Differences of infinities are none, and all come to nothing.
    let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
    let (below, total) = (x - largest, sum.ln());
    let units = 24.0 + 4.0 * below.abs().min(1e4);
    if log {
        let off = precision.unit * (4.0 * below.abs() + 24.0 * (1.0 + total.abs())) + precision.least;
        return Expected::About { value: below - total, off: if off.is_finite() { off } else { 0.0 } };
    }
    let value = below.exp() / sum;
    Expected::About {
        value,
        off: if value.is_nan() { 0.0 } else { (units * precision.unit).min(1.0) * value + 4.0 * precision.least },
    }
}

pub(crate) fn check_local_response<T: Number + Float>(stage: &Stage, random: &mut Random) {
    let input = any_input::<T>(random);
    let (shape, pixels) = (input.array.shape(), in_order(&input.array));
    let size = if random.once_in(20) { random.hostile() } else { random.below(7) };
    let (alpha, beta) = (random.pick(&[1e-4, 1.0, 0.3]), random.pick(&[0.75, 0.75, 0.5, 1.0, 2.0]));
    let k = random.pick(&[1.0, 1.0, 2.0, 0.125]);
    let module = LocalResponseNorm::new(size).alpha(alpha).beta(beta).k(k);
    let layer = Layer {
        module: &module,
        shape: (shape.len() > 2 && size > 0).then(|| shape.to_vec()),
        admits: &|error| match error {
            Error::Rank { found, .. } => shape.len() < 3 && found == shape,
            Error::Number { .. } => size == 0,
            _ => false,
        },
        definition: &|place| {
            let (plane, middle) = (shape[2..].iter().product::<usize>(), channel(shape, 1, place));
            // The window is longer behind the middle than before it, for an even size, in PyTorch's order of both.
            let first = middle.saturating_sub(size / 2);
            let last = middle.saturating_add((size - 1) / 2).min(shape[1] - 1);
            let start = place - middle * plane;
            let squares = (first..=last).map(|at| pixels[start + at * plane].float().powi(2));
            normed::<T>(pixels[place].float(), squares, [alpha / size as f64, beta, k])
        },
        terms: 10,
        zeros: true,
    };
    layer.check(stage, random, &input);
}

/// What a local response norm makes of a pixel; unknown where squares overflow the type, and not what they are in `f64`.
fn normed<T: Number>(x: f64, squares: impl Iterator<Item = f64>, [alpha, beta, k]: [f64; 3]) -> Option<Expected<T>> {
    let precision = T::PRECISION.expect("floats have roots");
    let sum: f64 = squares.sum();
    if sum > precision.largest * 0.9 && sum.is_finite() {
        return None;
    }
    let base = k + alpha * sum;
    let value = x / base.powf(beta);
    // The rounding of the exponent counts as often as the logarithm.
    let units = 32.0 + 4.0 * beta * (1.0 + base.ln().abs().min(1e4));
    let off = if value.is_finite() {
        units * precision.unit * value.abs() + 2.0 * precision.least * (1.0 + x.abs().min(1e9))
    } else {
        0.0
    };
    Some(Expected::About { value, off })
}
