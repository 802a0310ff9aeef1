//! Networks that are more than a chain give what their parts give one after the other: residuals, with a projection and an activation,
//! and one of a user's own; branches; gates. And their summaries, their parameters and their errors.

use featuremap::{
    Activation, BatchNorm2d, ChannelAxis, Concat, Conv2d, Flatten, Gate, GlobalAvgPool, Graph, Lowering, MaxPool2d,
    Module, Operator, Plan, Relu, Residual, Result, Sequential, Tensor, TensorView, TensorViewMut,
};
use ndarray::{Array, ArrayD, Axis, IxDyn};

fn waves(shape: &[usize]) -> ArrayD<f32> {
    let mut place = 0_u32;
    Array::from_shape_simple_fn(IxDyn(shape), || {
        place += 1;
        (place.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0
    })
}

fn conv(filters: usize, channels: usize, size: usize) -> Conv2d {
    Conv2d::new(waves(&[filters, channels, size, size])).bias(waves(&[filters])).padding(size / 2)
}

fn planned(module: &dyn Module<f32>, input: &ArrayD<f32>) -> ArrayD<f32> {
    let mut plan = module.plan(input.shape()).unwrap();
    let mut output = ArrayD::from_elem(plan.output_shape(), 7.0);
    plan.run(input, &mut output).unwrap();
    output
}

/// `x + f(x)`, as a user would write it: fifteen lines, but for empty ones.
mod own {
    use super::*;

    #[derive(Clone)]
    pub(super) struct Skip(pub(super) Sequential);
    impl Operator for Skip {
        fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
            self.0.output_shape(input)
        }
    }
    #[rustfmt::skip]
    impl Module<f32> for Skip {
        fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> { self.plan(input.shape())?.run(input, output) }
        fn plan(&self, input_shape: &[usize]) -> Result<Plan> { Graph::of(self).plan(input_shape) }
        fn lowering(&self) -> Lowering<'_, f32> {
            let mut graph = Graph::new();
            let f = graph.module("f", &self.0, graph.input());
            graph.add(f, graph.input());
            graph.into()
        }
    }
}

#[test]
fn residuals_are_sums() {
    let f = || Sequential::new().push(conv(4, 4, 3)).push(Relu).push(conv(4, 4, 3));
    for batch in [1, 3] {
        let input = waves(&[batch, 4, 9, 7]);
        let through = planned(&f(), &input);
        let sum = &input + &through;
        assert_eq!(planned(&Residual::new(f()), &input), sum);
        assert_eq!(planned(&own::Skip(f()), &input), sum);
        let rectified = Residual::new(f()).activation(Activation::Relu);
        assert_eq!(planned(&rectified, &input), sum.mapv(|pixel| pixel.max(0.0)));
        assert_eq!(rectified.forward(&input).unwrap(), Tensor::from(sum.mapv(|pixel| pixel.max(0.0))));

        let half = || Sequential::new().push(conv(6, 4, 1).stride(2));
        let f = Sequential::new().push(conv(6, 4, 3).stride(2)).push(Relu).push(conv(6, 6, 3));
        let expected = planned(&f, &input) + planned(&half(), &input);
        assert_eq!(planned(&Residual::new(f).projection(half()), &input), expected);
    }
    // Integers have sums, too, which wrap.
    let double = Residual::<i32>::new(Sequential::default());
    let doubled = double.forward(&ndarray::array![1, -3, i32::MAX]).unwrap();
    assert_eq!(doubled, Tensor::from(ndarray::array![2, -6, -2]));
}

#[test]
fn a_residual_of_ones_own_keeps_what_is_fused_within_it() {
    let f = || Sequential::new().push(conv(4, 4, 3)).push(Relu).push(conv(4, 4, 3));
    let summary = Sequential::new().push(own::Skip(f())).push(Relu).summary(&[1, 4, 9, 7]).unwrap();
    let lines: Vec<_> = summary.layers.iter().map(|layer| (layer.depth, &layer.name[..], &layer.kind[..])).collect();
    let expected = [
        (0, "0", "Skip"),
        (1, "f", "Sequential"),
        (2, "0", "Conv2d"),
        (2, "1", "Relu"),
        (2, "2", "Conv2d"),
        (1, "add", "Add"),
        (0, "1", "Relu"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(summary.layers[3].algorithm, "fused");
    assert_eq!(summary.layers[5].algorithm, "in place");
    assert_eq!(summary.parameters, 2 * (4 * 4 * 9 + 4));
    assert_eq!(summary.layers[0].parameters, summary.parameters);
    assert_eq!(summary.multiply_adds, 2 * 63 * 4 * 4 * 9);
    assert!(summary.to_string().contains("    2 (Conv2d)"), "{summary}");
    assert!(summary.peak_bytes <= summary.plain_peak_bytes, "{summary}");
}

#[test]
fn branches_lie_side_by_side() {
    let squeeze = || Sequential::new().push(conv(3, 5, 1)).push(Relu);
    let branches = [Sequential::new(), squeeze(), Sequential::new().push(conv(2, 5, 3)).push(Relu), squeeze()];
    for batch in [1, 2] {
        let input = waves(&[batch, 5, 6, 8]);
        let parts: Vec<_> = branches.iter().map(|branch| planned(branch, &input)).collect();
        let parts: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let expected = ndarray::concatenate(Axis(1), &parts).unwrap();
        let concat = branches
            .iter()
            .enumerate()
            .fold(Concat::new(), |concat, (number, branch)| concat.branch(number.to_string(), branch.clone()));
        assert_eq!(planned(&concat, &input), expected);
        // With something after it, so that it lies in memory of the plan.
        let after = Sequential::new().push(concat).push(conv(4, 13, 3));
        assert_eq!(planned(&after, &input), planned(&conv(4, 13, 3), &expected));
    }
    let image = waves(&[5, 6, 8]);
    let channels = Concat::new().axis(ChannelAxis::Before(2)).branch("a", squeeze()).branch("b", squeeze());
    assert_eq!(planned(&channels, &image).shape(), [6, 6, 8]);
}

#[test]
fn gates_multiply_channels() {
    let excite = || {
        let squeezed = Sequential::new().push(GlobalAvgPool::default()).push(conv(2, 6, 1)).push(Relu);
        squeezed.push(conv(6, 2, 1)).push(Activation::HARD_SIGMOID)
    };
    for batch in [1, 2] {
        let input = waves(&[batch, 6, 5, 7]);
        let expected = &input * &planned(&excite(), &input);
        assert_eq!(planned(&Gate::new(excite()), &input), expected);
        let block = Sequential::new().push(conv(6, 6, 3)).push(Gate::new(excite())).push(Activation::HardSwish);
        let map = planned(&conv(6, 6, 3), &input);
        let gated = &map * &planned(&excite(), &map);
        assert_eq!(planned(&block, &input), planned(&Activation::HardSwish, &gated));
    }
}

#[test]
fn parameters_have_the_names_of_their_places() {
    let norm = BatchNorm2d::new(waves(&[4]), waves(&[4]).mapv(f32::abs)).weight(waves(&[4])).bias(waves(&[4]));
    let f = Sequential::new().push_named("conv", Conv2d::new(waves(&[4, 4, 3, 3])).padding(1)).push_named("bn", norm);
    let block = Residual::new(f).projection(Sequential::new().push(conv(4, 4, 1)));
    let branches =
        Concat::new().branch("left", Sequential::new().push(conv(1, 4, 1))).branch("right", Sequential::new());
    let mut model = Sequential::new().push_named("block", block).push_named("split", branches);
    let names = [
        "block.projection.0.weight",
        "block.projection.0.bias",
        "block.f.conv.weight",
        "block.f.bn.weight",
        "block.f.bn.bias",
        "block.f.bn.running_mean",
        "block.f.bn.running_var",
        "split.left.0.weight",
        "split.left.0.bias",
    ];
    assert_eq!(model.parameters().iter().map(|(name, _)| &name[..]).collect::<Vec<_>>(), names);
    let input = waves(&[1, 4, 6, 6]);
    let before = planned(&model, &input);
    let mut plan = model.plan(input.shape()).unwrap();
    let mut writable: Vec<_> = model.parameters_mut();
    assert_eq!(writable.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>(), names);
    writable[6].1.map_in_place(|variance| *variance += 3.0);
    drop(writable);
    assert_ne!(planned(&model, &input), before);
    assert!(plan.run(&input, &mut ArrayD::zeros(before.raw_dim())).is_err());
}

#[test]
fn what_does_not_fit_says_where() {
    let message = |module: &dyn Module<f32>, shape: &[usize]| {
        let error = module.plan(shape).unwrap_err();
        assert_eq!(module.output_shape(shape).unwrap_err(), error);
        error.to_string()
    };
    let block = Residual::new(Sequential::new().push(conv(5, 4, 3)));
    assert_eq!(
        message(&block, &[1, 4, 3, 3]),
        "what a residual is added to must have shape [1, 4, 3, 3]; found [1, 5, 3, 3]"
    );
    // A sum does not repeat what has one channel.
    let block = Residual::new(Sequential::new().push(conv(1, 4, 3)));
    assert!(message(&block, &[1, 4, 3, 3]).starts_with("what a residual is added to"));
    let model =
        Sequential::new().push(Relu).push_named("block", Residual::new(Sequential::new().push(MaxPool2d::new(9))));
    let expected =
        "layer block (Residual): layer f (Sequential): layer 0 (MaxPool2d): window of 9 (size 9, dilation 1) is larger";
    assert!(message(&model, &[1, 4, 3, 3]).starts_with(expected), "{}", message(&model, &[1, 4, 3, 3]));
    assert!(
        message(&Concat::new(), &[1, 4, 3, 3])
            .starts_with("the number of branches of a concatenation must be at least 1")
    );
    let odd = Concat::new().branch("a", Sequential::new()).branch("b", Sequential::new().push(MaxPool2d::new(3)));
    assert!(message(&odd, &[1, 4, 3, 3]).contains("each of the branches"), "{}", message(&odd, &[1, 4, 3, 3]));
    let gate = Gate::new(Sequential::new().push(Flatten::default()));
    assert!(message(&gate, &[1, 4, 3, 3]).starts_with("layer multiply (Multiply): what is joined"));
    for shape in [&[][..], &[4], &[1, 4, 1 << 62, 1 << 62], &[0, 4, 3, 3], &[usize::MAX, 4, 3, 3]] {
        for module in [&block as &dyn Module<f32>, &odd, &gate, &model] {
            if let Err(error) = module.plan(shape) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

#[test]
fn networks_are_collected_and_extended() {
    let mut model: Sequential = (0..3).map(|_| conv(4, 4, 3)).collect();
    model.extend([Relu]);
    let names: Vec<_> = model.layers().map(|(name, layer)| format!("{name} {}", layer.name())).collect();
    assert_eq!(names, ["0 Conv2d", "1 Conv2d", "2 Conv2d", "3 Relu"]);
    let of_integers: Sequential<i64> = [Relu, Relu].into_iter().collect();
    assert_eq!(of_integers.len(), 2);
}
