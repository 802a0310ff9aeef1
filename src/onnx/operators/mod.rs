//! What each operator of ONNX becomes: one table, and a rule for each line.

mod activations;
mod arithmetic;
mod convolution;
mod interpolation;
mod logic;
mod normalization;
mod padding;
mod patterns;
mod pooling;
mod products;
mod rearranging;
mod reductions;
mod resizing;
mod shapes;

use super::builder::{Builder, Datum};
use super::node::Node;
use super::refusal::Outcome;

/// Reads a node: the values that it gives.
pub(super) type NodeRule = fn(&mut Builder, &Node) -> Outcome<Vec<Datum>>;

/// An operator of ONNX that [`Model`](super::Model) reads.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Supported {
    /// Its name in ONNX.
    pub name: &'static str,
    /// What of it is not supported; empty where all is that floats can be computed with.
    pub without: &'static str,
    pub(super) rule: NodeRule,
}

const fn all(name: &'static str, rule: NodeRule) -> Supported {
    Supported { name, without: "", rule }
}

const fn but(name: &'static str, without: &'static str, rule: NodeRule) -> Supported {
    Supported { name, without, rule }
}

const NO_AXES: &str = "`noop_with_empty_axes` without axes";
const KNOWN: &str = "inputs that are not constant";
const CONSTANTS: &str = "operands that are not constant";

/// All of them, in the order of the alphabet.
pub(super) const OPERATORS: &[Supported] = &[
    all("Abs", activations::function),
    all("Acos", activations::function),
    all("Acosh", activations::function),
    all("Add", arithmetic::binary),
    but("And", KNOWN, logic::compare),
    all("Asin", activations::function),
    all("Asinh", activations::function),
    all("Atan", activations::function),
    all("Atanh", activations::function),
    but("AveragePool", "more than 3 spatial axes", pooling::average_pool),
    but(
        "BatchNormalization",
        "training; statistics for each pixel, or that are not constant",
        normalization::batch_norm,
    ),
    but("Cast", "values of the network to integers; they stay f32", shapes::cast),
    but("CastLike", "values of the network to integers; they stay f32", shapes::cast),
    all("Ceil", activations::function),
    all("Celu", activations::function),
    but("Clip", "ends that are not constant", activations::clip),
    all("Concat", rearranging::concat),
    but("Constant", "texts, sparse tensors", shapes::constant),
    but("ConstantOfShape", CONSTANTS, shapes::constant_of_shape),
    but("Conv", "filters or biases that are not constant; more than 3 spatial axes", convolution::conv),
    but(
        "ConvTranspose",
        "filters or biases that are not constant; more than 3 spatial axes",
        convolution::conv_transpose,
    ),
    all("Cos", activations::function),
    all("Cosh", activations::function),
    all("DepthToSpace", rearranging::depth_to_space),
    all("Div", arithmetic::binary),
    but("Dropout", "training; the mask", shapes::identity),
    all("Elu", activations::activation),
    but("Equal", KNOWN, logic::compare),
    all("Erf", activations::function),
    all("Exp", activations::function),
    but("Expand", "a shape that is not constant", rearranging::expand),
    all("Flatten", shapes::flatten),
    all("Floor", activations::function),
    but("Gather", "indices that are not constant", rearranging::gather),
    all("Gelu", activations::activation),
    all("Gemm", products::gemm),
    all("GlobalAveragePool", pooling::global_average_pool),
    all("GlobalLpPool", pooling::global_lp_pool),
    all("GlobalMaxPool", pooling::global_max_pool),
    but("Greater", KNOWN, logic::compare),
    but("GreaterOrEqual", KNOWN, logic::compare),
    but("GroupNormalization", "scales and biases that are not constant", normalization::group_norm),
    all("HardSigmoid", activations::activation),
    all("HardSwish", activations::activation),
    all("Identity", shapes::identity),
    but("InstanceNormalization", "scales and biases that are not constant", normalization::group_norm),
    all("LRN", normalization::local_response),
    all("LayerNormalization", normalization::layer_norm),
    all("LeakyRelu", activations::activation),
    but("Less", KNOWN, logic::compare),
    but("LessOrEqual", KNOWN, logic::compare),
    all("Log", activations::function),
    all("LogSoftmax", normalization::softmax),
    but("LpPool", "more than 3 spatial axes", pooling::lp_pool),
    all("MatMul", products::matmul),
    all("Max", arithmetic::of_many),
    but("MaxPool", "indices; more than 3 spatial axes", pooling::max_pool),
    all("Mean", arithmetic::of_many),
    all("Min", arithmetic::of_many),
    all("Mish", activations::function),
    all("Mod", arithmetic::binary),
    all("Mul", arithmetic::binary),
    all("Neg", activations::function),
    but("Not", KNOWN, logic::not),
    but("Or", KNOWN, logic::compare),
    but("PRelu", "slopes that are not constant", activations::prelu),
    but("Pad", "pads that are not constant", padding::pad),
    all("Pow", arithmetic::binary),
    but("Range", "floats, and operands that are not constant", shapes::range),
    all("Reciprocal", activations::function),
    but("ReduceL1", NO_AXES, reductions::reduce),
    but("ReduceL2", NO_AXES, reductions::reduce),
    but("ReduceLogSum", NO_AXES, reductions::reduce),
    but("ReduceLogSumExp", NO_AXES, reductions::reduce),
    all("ReduceMax", reductions::reduce),
    all("ReduceMean", reductions::reduce),
    all("ReduceMin", reductions::reduce),
    all("ReduceProd", reductions::reduce),
    all("ReduceSum", reductions::reduce),
    but("ReduceSumSquare", NO_AXES, reductions::reduce),
    all("Relu", activations::activation),
    but("Reshape", "a shape that is not constant", shapes::reshape),
    but("Resize", "scales, sizes and regions that are not constant; `tf_half_pixel_for_nn`", resizing::resize),
    all("Round", activations::function),
    all("Selu", activations::function),
    all("Shape", shapes::shape),
    all("Shrink", activations::function),
    all("Sigmoid", activations::activation),
    all("Sign", activations::function),
    all("Sin", activations::function),
    all("Sinh", activations::function),
    all("Size", shapes::size),
    but("Slice", "places that are not constant", rearranging::slice),
    all("Softmax", normalization::softmax),
    all("Softplus", activations::activation),
    all("Softsign", activations::function),
    all("SpaceToDepth", rearranging::space_to_depth),
    but("Split", "lengths that are not constant", rearranging::split),
    all("Sqrt", activations::function),
    but("Squeeze", "axes that are not constant", shapes::squeeze),
    all("Sub", arithmetic::binary),
    all("Sum", arithmetic::of_many),
    but("Swish", "an alpha other than 1", activations::activation),
    all("Tan", activations::function),
    all("Tanh", activations::activation),
    all("ThresholdedRelu", activations::function),
    but("Tile", "repeats that are not constant", rearranging::tile),
    all("Transpose", rearranging::transpose),
    but("Unsqueeze", "axes that are not constant", shapes::unsqueeze),
    but("Upsample", "scales that are not constant", resizing::resize),
    but("Where", KNOWN, logic::choose),
    but("Xor", KNOWN, logic::compare),
];

/// The rule of an operator of ONNX's own, if it is supported.
pub(super) fn find(node: &Node) -> Option<NodeRule> {
    let operator = OPERATORS.iter().find(|operator| operator.name == node.operator);
    operator.filter(|_| node.domain.is_empty()).map(|operator| operator.rule)
}

/// The only value of a node.
fn one(value: Outcome<Datum>) -> Outcome<Vec<Datum>> {
    value.map(|value| vec![value])
}

/// Calls a function for so many spatial axes, which is generic in their number.
macro_rules! by_rank {
    ($rank:expr, $function:ident($($argument:expr),*)) => {
        match $rank {
            1 => $function::<1>($($argument),*),
            2 => $function::<2>($($argument),*),
            3 => $function::<3>($($argument),*),
            _ => crate::onnx::refusal::refuse("is supported over one to three spatial axes, after batch and channels"),
        }
    };
}
use by_rank;
