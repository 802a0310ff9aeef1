//! A planned graph gives what its nodes give one after the other, each planned alone and into memory of its own: the same to the bit.
//!
//! Edge cases: values that are used several times, twice by one node, or not at all; sums in place and not, of the caller's input, of a
//! value and itself; numbers for each channel; branches that lie where their concatenation does, in and beside it, concatenations of
//! concatenations; values under another shape; the input as the output; graphs within graphs; batches, empty ones, too; outputs in
//! another order; values of other graphs.

mod scales;

use ndarray::{Array, ArrayD, Axis, IxDyn};
use proptest::prelude::*;

use super::fused::{self, Fusion, Group};
use super::{Graph, Join, Value, Work};
use crate::parallel::in_a_pool;
use crate::{
    Activation, BatchNorm2d, ChannelAxis, Conv2d, ConvTranspose2d, Dropout, Elementwise, Error, Flatten, GlobalAvgPool,
    Linear, Lowering, MaxPool2d, Module, Operator, Plan, Relu, Result, Sequential, Softmax, Tensor, TensorView,
    TensorViewMut,
};

fn waves(shape: &[usize], seed: usize) -> ArrayD<f32> {
    let mut place = seed;
    Array::from_shape_simple_fn(IxDyn(shape), || {
        place += 1;
        ((place.wrapping_mul(2_654_435_761) >> 8) & 0xff_ffff) as f32 / 8_388_608.0 - 1.0
    })
}

fn planned(module: &dyn Module<f32>, input: &Tensor) -> Tensor {
    let mut plan = module.plan(input.shape()).unwrap();
    let mut output = Tensor::zeros(plan.output_shape()).unwrap();
    plan.run(input, &mut output).unwrap();
    output
}

/// One node after the other.
fn one_by_one(graph: &Graph<'_, f32>, input: &ArrayD<f32>) -> Tensor {
    let mut values = vec![Tensor::from(input)];
    for node in &graph.nodes {
        let of = |value: &Value| &values[value.0];
        let value = match node.work {
            Work::Module(module) => planned(module, of(&node.inputs[0])),
            Work::Join(Join::Concat(axis)) => {
                let views: Vec<_> = node.inputs.iter().map(|value| of(value).as_array().view()).collect();
                let axis = axis.of(views[0].ndim()).unwrap();
                Tensor::from(ndarray::concatenate(Axis(axis), &views).unwrap())
            }
            Work::Join(join) => {
                let (one, other) = (of(&node.inputs[0]).as_array(), of(&node.inputs[1]).as_array());
                Tensor::from(if join == Join::Add { one + other } else { one * other })
            }
        };
        values.push(value);
    }
    values.swap_remove(graph.output.0)
}

/// Whether a graph gives that, with bands of so many bytes, on one thread and on more, twice, and into memory that lies otherwise.
fn check(graph: &Graph<'_, f32>, input: &ArrayD<f32>, room: usize) -> String {
    let expected = one_by_one(graph, input);
    assert_eq!(graph.output_shape(input.shape()).unwrap(), expected.shape());
    let bits = |tensor: &ArrayD<f32>| tensor.iter().map(|element| element.to_bits()).collect::<Vec<_>>();
    let mut how = String::new();
    for threads in 1..4 {
        in_a_pool(threads, || {
            let mut plan = graph.plan_in(input.shape(), room).unwrap();
            let mut output = ArrayD::from_elem(expected.shape(), 7.0);
            plan.run(&input.mapv(|pixel| 3.0 - pixel), &mut output).unwrap();
            plan.clone().run(input, &mut output).unwrap();
            assert_eq!(bits(&output), bits(expected.as_array()), "{plan} of {graph:?}");
            let reversed: Vec<usize> = expected.shape().iter().rev().copied().collect();
            let mut turned = ArrayD::from_elem(reversed, 7.0);
            let view = input.view().reversed_axes().as_standard_layout().into_owned();
            plan.run(view.view().reversed_axes(), turned.view_mut().reversed_axes()).unwrap();
            assert_eq!(bits(&turned.reversed_axes().to_owned()), bits(expected.as_array()), "{plan}, turned");
            how = plan.algorithm();
        });
    }
    how
}

/// A node, drawn as numbers: what it is, and of which values before it.
type Drawn = (usize, [usize; 3]);

/// Modules that keep the shape of any input `[batch, channel, height, width]`.
fn modules() -> Vec<Box<dyn Module<f32>>> {
    let double = Elementwise::new(|mut map: TensorViewMut<'_, f32>| map.map_in_place(|pixel| *pixel *= 2.0));
    vec![
        Box::new(Relu),
        Box::new(Activation::RELU6),
        Box::new(Activation::Silu),
        Box::new(Own(double)),
        Box::new(Dropout),
        Box::new(Softmax::over(1)),
        Box::new(MaxPool2d::new(3).stride(1).padding(1)),
        Box::new(Sequential::new()),
        Box::new(Sequential::new().push(MaxPool2d::new([1, 3]).stride(1).padding([0, 1])).push(Activation::Tanh)),
    ]
}

/// A function of a user's own.
#[derive(Clone)]
struct Own(Elementwise<f32>);

impl Operator for Own {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

impl Module<f32> for Own {
    fn forward_into(&self, input: TensorView<'_, f32>, mut output: TensorViewMut<'_, f32>) -> Result<()> {
        output.view_mut().assign(&input);
        self.0.apply(output);
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        Lowering::Elementwise(self.0.clone())
    }
}

/// The graph that was drawn, of these modules and a convolution for each number of channels up to so many.
fn build<'a>(
    drawn: &[Drawn],
    channels: usize,
    modules: &'a [Box<dyn Module<f32>>],
    convs: &'a [Conv2d],
    squeeze: &'a GlobalAvgPool,
) -> Graph<'a, f32> {
    let mut graph = Graph::new();
    let mut values = vec![(graph.input(), channels)];
    for &(kind, picks) in drawn {
        let pick = |number: usize| values[picks[number] % values.len()];
        let (first, of_first) = pick(0);
        let alike: Vec<_> = values.iter().filter(|value| value.1 == of_first).map(|value| value.0).collect();
        let partner = alike[picks[1] % alike.len()];
        let made = match kind {
            0 => (graph.add(first, partner), of_first),
            1 => (graph.multiply(partner, first), of_first),
            2 => {
                let pooled = graph.module("squeeze", squeeze, first);
                (graph.multiply(pooled, first), of_first)
            }
            3 if of_first + pick(1).1 + pick(2).1 <= convs.len() => {
                let parts = [first, pick(1).0, pick(2).0];
                (graph.concat(ChannelAxis::Second, &parts), of_first + pick(1).1 + pick(2).1)
            }
            4 | 5 => (graph.module("conv", &convs[of_first - 1], first), convs[of_first - 1].filters().shape()[0]),
            _ => (graph.module("module", &*modules[picks[2] % modules.len()], first), of_first),
        };
        values.push(made);
    }
    graph
}

/// Of properties, as the kernels are slow without an optimiser.
const CASES: u32 = if cfg!(debug_assertions) { 60 } else { 2000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.min(CASES), ..ProptestConfig::default() })]

    #[test]
    fn any_graph_is_its_nodes_one_by_one(
        drawn in proptest::collection::vec((0..9_usize, [0..99_usize, 0..99, 0..99]), 0..14),
        (batch, channels) in (0..3_usize, 1..4_usize),
        (rows, columns) in (1..9_usize, 1..9_usize),
        room in 1..3000_usize,
        output in 0..99_usize,
    ) {
        let modules = modules();
        let conv = |channels: usize| {
            let (filters, size) = (1 + channels * 5 % 4, 1 + 2 * (channels % 2));
            let weights = waves(&[filters, channels, size, size], channels);
            Conv2d::new(weights).bias(waves(&[filters], 7)).padding(size / 2)
        };
        let convs: Vec<_> = (1..13).map(conv).collect();
        let squeeze = GlobalAvgPool::default();
        let mut graph = build(&drawn, channels, &modules, &convs, &squeeze);
        if output % 3 == 0 {
            graph.output(Value(output % (graph.nodes.len() + 1)));
        }
        check(&graph, &waves(&[batch, channels, rows, columns], 1), room);
    }
}

#[test]
fn a_residual_is_summed_in_place_and_branches_lie_where_they_belong() {
    let conv = |filters, channels| Conv2d::new(waves(&[filters, channels, 3, 3], 5)).padding(1);
    let (first, second, third) = (conv(4, 4), conv(4, 4), conv(6, 4));
    let mut graph = Graph::new();
    let one = graph.module("one", &first, graph.input());
    let two = graph.module("two", &second, one);
    let sum = graph.add(one, two);
    let activated = graph.module("relu", &Relu, sum);
    let three = graph.module("three", &third, activated);
    graph.concat(ChannelAxis::Second, &[activated, three]);
    let how = check(&graph, &waves(&[1, 4, 6, 5], 1), 1 << 20);
    assert_eq!(how.matches("add").count(), 1, "{how}");

    let plan = graph.plan(&[1, 4, 6, 5]).unwrap();
    // One value for the input of the second convolution, and the whole concatenation, within which its output lies; what the largest
    // step computes in; and what each holds itself.
    let convs = [&first, &second, &third].map(|conv| conv.plan(&[1, 4, 6, 5]).unwrap());
    let scratch = convs.iter().map(|plan| plan.scratch_length() * 4).max().unwrap();
    let own: usize = convs.iter().map(|plan| plan.workspace_bytes() - plan.scratch_length() * 4).sum();
    let most = (4 * 30 + 10 * 30 + 2 * 16) * 4 + scratch + own;
    assert!(plan.workspace_bytes() <= most, "{} of {most}", plan.workspace_bytes());
}

#[test]
fn a_plan_is_outdated_once_any_of_its_parameters_may_have_changed() {
    let norm = std::sync::Arc::new(BatchNorm2d::new(waves(&[2], 1), waves(&[2], 3).mapv(f32::abs)));
    let conv = Conv2d::new(waves(&[2, 2, 1, 1], 2));
    let model = Sequential::new().push(conv).push(norm.clone());
    let (input, mut output) = (waves(&[1, 2, 3, 3], 1), ArrayD::zeros(IxDyn(&[1, 2, 3, 3])));
    let mut plan = model.plan(input.shape()).unwrap();
    plan.run(&input, &mut output).unwrap();
    drop(model);
    let mut norm = norm;
    assert_eq!(norm.parameters_mut().len(), 2);
    assert_eq!(plan.run(&input, &mut output), Err(Error::Outdated));
}

#[test]
fn copies_of_a_network_share_what_neither_writes_to() {
    let block = Sequential::new().push(Conv2d::new(waves(&[2, 2, 1, 1], 2)));
    let mut one = Sequential::new().push(block).push(Relu).push(Flatten::default());
    let other = one.clone();
    let input = waves(&[1, 2, 2, 2], 1);
    let before = one.forward(&input).unwrap();
    let mut plan = other.plan(input.shape()).unwrap();
    let mut stale = one.plan(input.shape()).unwrap();
    for (_, mut values) in one.parameters_mut() {
        values.map_in_place(|weight| *weight += 1.0);
    }
    assert_ne!(one.forward(&input).unwrap(), before);
    assert_eq!(other.forward(&input).unwrap(), before);
    let mut output = Tensor::zeros(plan.output_shape()).unwrap();
    plan.run(&input, &mut output).unwrap();
    assert_eq!(output, before);
    assert_eq!(stale.run(&input, &mut output), Err(Error::Outdated));
}

#[test]
fn what_does_not_fit_says_where() {
    let conv = Conv2d::new(waves(&[4, 3, 1, 1], 5));
    let message = |graph: &Graph<'_, f32>| {
        let error = graph.plan(&[1, 3, 4, 4]).unwrap_err();
        assert_eq!(graph.output_shape(&[1, 3, 4, 4]).unwrap_err(), error);
        error.to_string()
    };
    let mut graph = Graph::new();
    let four = graph.module("four", &conv, graph.input());
    graph.add(graph.input(), four);
    assert_eq!(
        message(&graph),
        "layer add (Add): what is joined with another, element by element, must have shape [1, 3, 4, 4]; found [1, 4, 4, 4]"
    );
    let mut graph = Graph::new();
    let four = graph.module("four", &conv, graph.input());
    graph.module("again", &conv, four);
    assert!(message(&graph).starts_with("layer again (Conv2d): the input has 4 channels"));
    let mut graph = Graph::new();
    graph.add(Value(0), Value(5));
    assert_eq!(message(&graph), "layer add (Add): value 5 is none of the 1 that were made before it");
    let mut graph = Graph::new();
    graph.concat(ChannelAxis::Before(7), &[Value(0)]);
    assert!(message(&graph).starts_with("layer concat (Concat): axis"));
    let mut graph = Graph::new();
    graph.output(Value(3));
    assert_eq!(message(&graph), "value 3 is none of the 1 that were made before it");
    let mut graph = Graph::new();
    graph.concat(ChannelAxis::Second, &[]);
    assert!(graph.plan(&[1, 3]).is_err());
}

/// A module whose graph holds itself.
#[derive(Clone)]
struct Endless;

impl Operator for Endless {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

impl Module<f32> for Endless {
    fn forward_into(&self, _: TensorView<'_, f32>, _: TensorViewMut<'_, f32>) -> Result<()> {
        Ok(())
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Graph::of(self).plan(input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        let mut graph = Graph::new();
        graph.module("again", self, graph.input());
        graph.into()
    }

    fn parameter_count(&self) -> usize {
        0
    }
}

#[test]
fn a_graph_that_holds_itself_is_an_error() {
    let error = Sequential::new().push(Endless).plan(&[2, 2]).unwrap_err();
    assert!(error.to_string().ends_with("the depth of graphs within graphs is too large: [65]"), "{error}");
}

#[test]
fn steps_compute_in_memory_that_holds_anything() {
    let conv = |filters, channels| Conv2d::new(waves(&[filters, channels, 3, 3], 5)).padding(1);
    let pooled = Sequential::new().push(conv(40, 24)).push(Relu).push(conv(9, 40)).push(MaxPool2d::new(3));
    let check = |mut plan: Plan, input: &ArrayD<f32>, expected: &Tensor| {
        let mut output = Tensor::zeros(plan.output_shape()).unwrap();
        let mut scratch = vec![f32::NAN; plan.scratch_length()];
        plan.run_in(input.view().into(), output.view_mut(), &mut scratch).unwrap();
        assert_eq!(output, *expected, "{plan}");
        // A network holds what its steps compute in itself.
        assert!(scratch.is_empty() || !plan.algorithm().contains(';'), "{plan}");
    };
    let transposed = ConvTranspose2d::new(waves(&[24, 5, 4, 4], 2)).stride(2).padding(1);
    let layers: [(&dyn Module<f32>, &[usize]); 4] = [
        (&conv(33, 24), &[2, 24, 19, 17]),
        (&transposed, &[2, 24, 19, 17]),
        (&Linear::new(waves(&[70, 90], 3)), &[33, 90]),
        (&pooled, &[2, 24, 19, 17]),
    ];
    for (layer, shape) in layers {
        let input = waves(shape, 1);
        let expected = planned(layer, &Tensor::from(&input));
        check(layer.plan(shape).unwrap().without_scratch(), &input, &expected);
    }
    // Two modules in bands.
    let (first, last) = (conv(40, 24), MaxPool2d::new(3));
    let input = waves(&[2, 24, 19, 17], 1);
    let map = planned(&first, &Tensor::from(&input));
    let expected = planned(&last, &map);
    let shapes = [input.shape(), map.shape(), expected.shape()];
    let group = Group { shapes, first: &first, functions: Vec::new(), last: &last, room: 1 << 14 };
    let Fusion { plan, bands, .. } = fused::plan(&group).unwrap();
    assert!(bands > 1 && plan.scratch_length() > 0, "{plan}");
    check(plan.without_scratch(), &input, &expected);
}
