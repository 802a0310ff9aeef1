//! Networks of layers that fit each other, which give to the bit what these give one after the other; and of liars.

use featuremap::{
    Activation, AdaptivePool, Average, Band, Bands, ChannelAxis, Conv, Dropout, Elementwise, Error, Flatten,
    GlobalPool, Interpolation, Linear, LocalResponseNorm, Lowering, Max, Min, Module, Operator, PRelu, Pad, PadMode,
    Plan, Pool, Relu, Result, Sequential, Softmax, Tensor, TensorView, TensorViewMut, Upsample,
};
use ndarray::ArrayD;

use super::around::Norm;

use super::check::{Input, Stage, Subject, Verdict, within};
use super::definition::Expected;
use super::functions;
use super::graphs::{self, Part};
use super::layout::{Spec, array, elements};
use super::liars::Liar;
use super::random::{Kind, Random, numbers};

/// Twice every element: a module of a user's own, that says all that it may.
#[derive(Debug, Clone)]
struct Double {
    says: bool,
    in_bands: bool,
}

impl Operator for Double {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

impl Module<f32> for Double {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        output.view_mut().into_array_view_mut().assign(&input.into_array_view());
        output.map_in_place(|value| *value *= 2.0);
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        match self.says {
            // Each is true of it.
            true if self.in_bands => Lowering::Bands(self),
            true => Lowering::Elementwise(Elementwise::new(|mut map| map.map_in_place(|value| *value *= 2.0))),
            false => Lowering::Opaque,
        }
    }
}

impl Bands<f32> for Double {
    fn band(&self, input_shape: &[usize], rows: std::ops::Range<usize>) -> Option<Band> {
        let axis = input_shape.len().checked_sub(2)?;
        let rows = rows.start..rows.end.min(input_shape[axis]);
        (!rows.is_empty()).then(|| Band::new(axis, rows.clone(), rows))
    }
}

/// Sizes that fit often: a network of layers that do not is an error soon.
fn window(random: &mut Random, axes: usize) -> Spec {
    let mut spec = Spec::draw(random, axes, false);
    if axes == 2 && random.once_in(2) {
        (spec.size, spec.dilation) = (vec![3; 2], vec![1; 2]);
        spec.stride = vec![1; 2];
        spec.padding = super::layout::Pad::Sides(vec![(1, 1); 2]);
    }
    spec
}

fn conv<const N: usize>(random: &mut Random, channels: usize) -> (Conv<f32, N>, usize) {
    let outputs = if random.once_in(3) { random.from(8, 24) } else { random.from(1, 6) };
    let spec = window(random, N);
    let mut shape = vec![outputs, channels];
    shape.extend(&spec.size);
    let filters: ArrayD<f32> = numbers(random, Kind::Plain, &shape);
    let conv = Conv::new(filters).stride(array::<_, N>(&spec.stride)).dilation(array::<_, N>(&spec.dilation));
    (conv.padding(spec.padding.padding::<N>()).relu(random.once_in(5)), outputs)
}

fn pool<R, const N: usize>(random: &mut Random, reduction: R) -> Pool<R, N> {
    if random.once_in(3) {
        return Pool::with(reduction, 2).ceil_mode(random.once_in(3));
    }
    let spec = window(random, N);
    let pool = Pool::with(reduction, array::<_, N>(&spec.size)).stride(array::<_, N>(&spec.stride));
    pool.padding(spec.padding.padding::<N>()).ceil_mode(spec.ceil).dilation(array::<_, N>(&spec.dilation))
}

/// A convolution that keeps the size of maps, as blocks have it.
fn same_conv<const N: usize>(random: &mut Random, channels: usize, outputs: usize) -> Part {
    let size = random.pick(&[1, 3, 3, 5]);
    let mut shape = vec![outputs, channels];
    shape.resize(N + 2, size);
    let filters: ArrayD<f32> = numbers(random, Kind::Plain, &shape);
    Part::layer(Conv::<f32, N>::new(filters).padding(size / 2).relu(random.once_in(3)))
}

/// A layer that stands between convolutions and keeps the channels. No batch norm that one before it takes into its weights, as results
/// are then other ones.
fn between<const N: usize>(random: &mut Random, channels: usize, lies: bool, takes_scales: bool) -> Part {
    match random.below(10) {
        0..3 => Part::layer(functions::draw(random)),
        3..5 if !takes_scales => Part::layer(Norm::<f32>::fitting(random, channels).layer::<N>()),
        // Among lies nobody says where maps grow too large for the memory that there is.
        5 if !lies => {
            let upsample = Upsample::<N>::by(random.from(1, 2));
            Part::layer(if random.once_in(2) { upsample } else { upsample.interpolation(Interpolation::Linear) })
        }
        6 => {
            let mode = random.pick(&[PadMode::Constant(0.5), PadMode::Reflect, PadMode::Symmetric, PadMode::Replicate]);
            Part::layer(Pad::<N>::new([(random.below(2), random.below(3)); N]).mode(mode))
        }
        7 => Part::layer(LocalResponseNorm::new(random.from(1, 5))),
        8 => Part::layer(Softmax::over(random.below(4).cast_signed() - 2)),
        9 => Part::layer(PRelu::new(numbers::<f32>(random, Kind::Plain, &[channels]))),
        _ => Part::layer(Dropout),
    }
}

/// Values that are added, multiplied, or put side by side; and how many channels they have then.
fn block<const N: usize>(random: &mut Random, channels: usize, lies: bool) -> (Part, usize) {
    match random.below(4) {
        0 | 1 => {
            let mut f = vec![same_conv::<N>(random, channels, channels)];
            if random.once_in(3) {
                (f, _) = parts::<N>(random, channels, lies, false);
            }
            let projection = random.once_in(4).then(|| vec![same_conv::<N>(random, channels, channels)]);
            let activation = random.once_in(2).then(|| functions::draw(random));
            (Part::Residual { f, projection, activation }, channels)
        }
        2 => {
            let (mut branches, mut sum) = (Vec::new(), 0);
            for _ in 0..random.from(2, 4) {
                let outputs = random.from(1, 5);
                let (branch, count) = match random.below(4) {
                    0 => (Vec::new(), channels),
                    1 => parts::<N>(random, channels, lies, false),
                    _ => (vec![same_conv::<N>(random, channels, outputs)], outputs),
                };
                branches.push(branch);
                sum += count;
            }
            let axis = if random.once_in(4) { ChannelAxis::Second } else { ChannelAxis::Before(N) };
            (Part::Concat { branches, axis }, sum)
        }
        _ => {
            let mut gate = vec![same_conv::<N>(random, channels, channels), Part::layer(Activation::Sigmoid)];
            if random.once_in(2) {
                gate.insert(0, Part::layer(GlobalPool::<Average, N>::default()));
            }
            (Part::Gate(gate), channels)
        }
    }
}

/// A few layers for `[image, channel, …]`, and how many channels they give.
fn parts<const N: usize>(random: &mut Random, mut channels: usize, lies: bool, after_conv: bool) -> (Vec<Part>, usize) {
    let mut parts = Vec::new();
    for _ in 0..random.from(0, 6) {
        let takes_scales = graphs::takes_scales(&parts, after_conv);
        parts.push(match random.below(20) {
            0..5 => {
                let (conv, outputs) = conv::<N>(random, channels);
                channels = outputs;
                Part::layer(conv)
            }
            5 => Part::layer(Relu),
            6 => Part::layer(pool::<_, N>(random, Max)),
            7 => Part::layer(pool::<_, N>(random, Min)),
            8 => Part::layer(pool::<_, N>(random, Average { count_include_pad: false })),
            9 => Part::layer(Double { says: random.once_in(2), in_bands: random.once_in(2) }),
            10..14 => between::<N>(random, channels, lies, takes_scales),
            14..16 if random.once_in(2) => {
                let (block, outputs) = block::<N>(random, channels, lies);
                channels = outputs;
                block
            }
            16 if random.once_in(3) => {
                let (inner, outputs) = self::parts::<N>(random, channels, lies, takes_scales);
                channels = outputs;
                Part::Inner(inner)
            }
            17 if random.once_in(3) => Part::layer(AdaptivePool::<Average, N>::new(random.from(1, 4))),
            _ if lies => Part::layer(Liar::draw(random)),
            _ => Part::layer(Relu),
        });
    }
    (parts, channels)
}

/// The same with a classifier behind it, perhaps.
fn network<const N: usize>(random: &mut Random, channels: usize, lies: bool) -> Vec<Part> {
    let (mut parts, channels) = parts::<N>(random, channels, lies, false);
    if random.once_in(3) {
        parts.push(Part::layer(GlobalPool::<Average, N>::default()));
        parts.push(Part::layer(Flatten::from_axis(random.from(0, 2))));
        let features = if random.once_in(9) { channels + 1 } else { channels };
        let weights: ArrayD<f32> = numbers(random, Kind::Plain, &[random.clone().from(0, 5), features]);
        parts.push(Part::layer(Linear::new(weights)));
    }
    parts
}

fn input<const N: usize>(stage: &Stage, random: &mut Random, channels: usize) -> Input<f32> {
    let most = if stage.budget.elements > 100_000 && random.once_in(6) { 90 } else { 14 };
    let mut shape = random.list(N, |random| random.from(1, if N == 1 { most * 4 } else { most / (N - 1) }));
    shape.insert(0, channels);
    if !random.once_in(5) {
        shape.insert(0, random.clone().from(0, 3));
    }
    let kind = Kind::draw(random);
    Input::draw(random, kind, &shape)
}

pub(crate) fn check_network<const N: usize>(stage: &Stage, random: &mut Random) {
    let channels = random.from(1, 4);
    let parts = network::<N>(random, channels, false);
    let network = graphs::build(&parts);
    let input = input::<N>(stage, random, channels);
    let expected = graphs::compute(&parts, &Tensor::from(&input.array), stage.budget.elements);
    let shape = network.output_shape(input.array.shape());
    assert!(matches!(shape, Ok(_) | Err(Error::Layer { .. })), "{shape:?}");
    let expected = match expected {
        Ok(expected) => expected,
        Err(Error::Outdated) => return,
        Err(error) => {
            assert!(shape.is_err(), "{error}, but a network gives {shape:?}");
            assert!(shape.is_err_and(|of_network| of_network.to_string().ends_with(&error.to_string())));
            return;
        }
    };
    summarize(&network, input.array.shape());
    let verdict = Verdict::Shape(expected.shape().to_vec());
    // Sums and joins lie in whatever order they were computed in.
    let elements: Vec<f32> = expected.iter().copied().collect();
    let definition = &|place: usize, _| Some(Expected::Exactly(elements[place]));
    let (module, input, facts, terms, zeros, honest) = (&network, &input, None, 1, true, true);
    // Maps in between may be larger than both.
    let bytes = (1 << 20) + stage.budget.elements * size_of::<f32>() as u128;
    let subject = Subject { module, input, verdict, facts, definition, terms, zeros, honest, bytes };
    stage.check(random, &subject);
}

fn summarize(network: &Sequential, shape: &[usize]) {
    if let Ok(summary) = network.summary(shape) {
        assert!(summary.layers.len() >= network.len());
        assert!(!summary.to_string().is_empty());
    }
}

/// Whatever its layers say: an error or an output, in memory that there is.
pub(crate) fn check_liars<const N: usize>(stage: &Stage, random: &mut Random) {
    let channels = random.from(1, 4);
    let network = graphs::build(&network::<N>(random, channels, true));
    let input = input::<N>(stage, random, channels);
    let most = (32 << 20) + 4000 * input.array.len() as u128;
    let shape = input.array.shape();
    within(most, || {
        for _ in 0..3 {
            if let Ok(output) = network.forward(&input.array) {
                assert!(output.len() < 1 << 24);
            }
            summarize(&network, shape);
            let Ok(mut plan) = network.plan(shape) else { continue };
            if elements(plan.output_shape()) < stage.budget.elements {
                let mut output = ArrayD::zeros(plan.output_shape());
                let _either = plan.run(&input.array, &mut output);
                let _either = plan.clone().run(&input.array, &mut output);
            }
        }
        let liar = Liar::draw(random);
        let band = Band::new(random.below(4), 0..random.hostile(), 0..random.hostile());
        let _either = Bands::<f32>::plan_band(&liar, shape, &band);
    });
}

/// Bands that a module may not have: an error before there is memory for them, or a plan for their rows.
pub(crate) fn check_bands(random: &mut Random) {
    let (conv, _) = conv::<2>(random, 2);
    let pools: [Box<dyn Bands<f32>>; 3] =
        [Box::new(conv), Box::new(pool::<_, 2>(random, Max)), Box::new(pool::<_, 2>(random, Average::default()))];
    let shape = [random.from(1, 2), 2, random.from(1, 20), random.from(1, 20)];
    for module in &pools {
        let mut range = || {
            let start = if random.once_in(3) { random.hostile() } else { random.below(8) };
            start..if random.once_in(3) { random.hostile() } else { start.saturating_add(random.below(6)) }
        };
        let (rows, input) = (range(), range());
        let mut bands = vec![Band::new(2, input, rows.clone())];
        bands.extend(module.band(&shape, rows));
        let (before, after) = (random.hostile(), random.hostile());
        let axis = random.hostile();
        bands.push(Band { before, after, ..bands[0].clone() });
        bands.push(Band { input_axis: axis, ..bands[0].clone() });
        for band in bands {
            match within(1 << 22, || module.plan_band(&shape, &band)) {
                Ok(plan) => {
                    assert_eq!((band.input_axis, band.output_axis), (2, 2), "{band:?}");
                    assert_eq!(plan.input_shape(), band.input_shape(&shape), "{band:?}");
                    assert_eq!(plan.output_shape()[band.output_axis], band.output.len(), "{band:?}");
                }
                Err(error) => assert!(error.to_string().len() > 20, "{error}"),
            }
        }
    }
}
