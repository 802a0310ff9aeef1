//! Batch norms, local response norms and softmaxes.

use super::arithmetic::{Binary, combined};
use super::one;
use super::rearranging::strided;
use super::reductions::of_floats;
use super::shapes::reshaped;
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::constant::sizes;
use crate::onnx::layers::{Map, Normed, Scaled, Strided};
use crate::onnx::node::{Node, axis_of};
use crate::onnx::refusal::{Outcome, refuse};
use crate::{BatchNorm2d, ChannelAxis, ChannelScale, LocalResponseNorm, LogSoftmax, Softmax, Tensor};

/// With the statistics in the file; into the weights of a convolution before it.
pub(super) fn batch_norm(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    if node.flag("training_mode")? || (builder.opset < 9 && node.int_or("spatial", 1)? == 0) {
        return refuse("in training, or with statistics for each pixel, is not supported");
    }
    let input = builder.required(node, 0)?;
    let mut numbers = |number: usize, what: &str| -> Outcome<Tensor<f32>> {
        match builder.weights(node, number, what)? {
            Some(numbers) => Ok(numbers),
            None => refuse(format!("has no {what}")),
        }
    };
    let (weight, bias) = (numbers(1, "the scale")?, numbers(2, "the bias")?);
    let (mean, variance) = (numbers(3, "the mean")?, numbers(4, "the variance")?);
    let norm = BatchNorm2d::new(mean, variance).weight(weight).bias(bias).epsilon(node.float_or("epsilon", 1e-5)?);
    let scale = norm.scale()?;
    let scale = ChannelScale::new(scale.factors().to_vec(), scale.offsets().to_vec(), ChannelAxis::Second);
    let shape = builder.shape(&input).to_vec();
    one(builder.module(Scaled::new("BatchNormalization", &shape, scale), &input))
}

/// Over all axes from one on, with a weight and a bias for each element of them.
pub(super) fn layer_norm(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    let axis = axis_of(node.int_or("axis", -1)?, shape.len())?;
    let (row, epsilon) = (shape[axis..].iter().product(), node.float_or("epsilon", 1e-5)?);
    let mut value = builder.module(Normed::new("LayerNormalization", &shape, row, epsilon), &input)?;
    for (number, operator) in [(1, Binary::Mul), (2, Binary::Add)] {
        if let Some(operand) = builder.optional(node, number)? {
            value = combined(builder, operator, &value, &operand)?;
        }
    }
    if builder.shape(&value) != shape {
        return refuse("has a scale or a bias that is larger than its input");
    }
    let mut outputs = vec![value];
    if node.outputs.iter().skip(1).any(|name| !name.is_empty()) {
        outputs.extend(moments(builder, &input, axis, epsilon)?);
    }
    Ok(outputs)
}

/// The mean over all axes from one on, and the reciprocal of the deviation, for those who want to see them.
fn moments(builder: &mut Builder, input: &Datum, axis: usize, epsilon: f64) -> Outcome<[Datum; 2]> {
    let mut kept = builder.shape(input).to_vec();
    let reduced: Vec<usize> = (axis..kept.len()).collect();
    kept[axis..].fill(1);
    let mean = of_floats(builder, "ReduceMean", input, &reduced)?;
    let mean = reshaped(builder, &mean, &kept)?;
    let less = combined(builder, Binary::Sub, input, &mean)?;
    let squares = builder.module(Map::new("Pow", |x| x * x), &less)?;
    let variance = of_floats(builder, "ReduceMean", &squares, &reduced)?;
    #[allow(clippy::cast_possible_truncation, reason = "it was an f32")]
    let reciprocal = Map::new("Reciprocal", move |variance| (variance + epsilon as f32).sqrt().recip());
    let deviation = builder.module(reciprocal, &variance)?;
    Ok([mean, reshaped(builder, &deviation, &kept)?])
}

/// Over each map, or over each group of maps, with a weight and a bias for each channel.
pub(super) fn group_norm(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    let &[_, channels, ref map @ ..] = &shape[..] else { return refuse("has an input without channels") };
    let (name, groups) = match &node.operator[..] {
        "InstanceNormalization" => ("InstanceNormalization", channels),
        _ => ("GroupNormalization", sizes(&[node.int_or("num_groups", 0)?])?[0]),
    };
    if groups == 0 || !channels.is_multiple_of(groups) {
        return refuse(format!("of {channels} channels in {groups} groups is not possible"));
    }
    let row = channels / groups * map.iter().product::<usize>();
    let normed = Normed::new(name, &shape, row, node.float_or("epsilon", 1e-5)?);
    let value = builder.module(normed, &input)?;
    let mut numbers = |number: usize, what: &str| -> Outcome<Vec<f32>> {
        match builder.weights(node, number, what)? {
            // Until the twenty-first version, a group norm has them for each group.
            Some(numbers) if numbers.len() == groups => {
                Ok(numbers.iter().flat_map(|&number| std::iter::repeat_n(number, channels / groups)).collect())
            }
            Some(numbers) => Ok(numbers.iter().copied().collect()),
            None => refuse(format!("has no {what}")),
        }
    };
    let scale = ChannelScale::new(numbers(1, "scale")?, numbers(2, "bias")?, ChannelAxis::Second);
    one(builder.module(Scaled::new(name, &shape, scale), &value))
}

/// Of an even number of channels, ONNX takes one more after than before, and this crate, as PyTorch, one more before: these are
/// computed in reverse order.
pub(super) fn local_response(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let Some(Ok(size)) = node.int("size")?.map(usize::try_from) else { return refuse("has no size") };
    let norm = LocalResponseNorm::new(size)
        .alpha(node.float_or("alpha", 0.0001)?)
        .beta(node.float_or("beta", 0.75)?)
        .k(node.float_or("bias", 1.0)?);
    if size % 2 == 1 {
        return one(builder.module(norm, &input));
    }
    let reversed = reversed(builder, &input)?;
    let normed = builder.module(norm, &reversed)?;
    one(self::reversed(builder, &normed))
}

/// A value with its channels in reverse order.
fn reversed(builder: &mut Builder, value: &Datum) -> Outcome<Datum> {
    let shape = builder.shape(value).to_vec();
    match shape.get(1) {
        Some(&channels) if channels > 0 => {
            let view = Strided::new(&shape)?.sliced(1, channels - 1, -1, channels)?;
            strided(builder, value, view)
        }
        _ => refuse(format!("has an input of shape {shape:?}")),
    }
}

/// Over one axis, the last unless given; before the thirteenth version over all axes from one on, the second unless given.
pub(super) fn softmax(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    let is_log = node.operator == "LogSoftmax";
    if builder.opset >= 13 {
        let axis = axis_of(node.int_or("axis", -1)?, shape.len())?;
        return one(over(builder, &input, is_log, axis));
    }
    let axis = axis_of(node.int_or("axis", 1)?, shape.len())?;
    let (rows, together) = shape.split_at(axis);
    let flat = reshaped(builder, &input, &[rows.iter().product(), together.iter().product()])?;
    let result = over(builder, &flat, is_log, 1)?;
    one(reshaped(builder, &result, &shape))
}

fn over(builder: &mut Builder, value: &Datum, is_log: bool, axis: usize) -> Outcome<Datum> {
    match is_log {
        true => builder.module(LogSoftmax::over(axis.cast_signed()), value),
        false => builder.module(Softmax::over(axis.cast_signed()), value),
    }
}
