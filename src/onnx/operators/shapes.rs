//! What reads shapes, gives constants, or leaves elements as they are.

use super::one;
use crate::onnx::builder::{Builder, Datum, unlike};
use crate::onnx::constant::{Constant, Numbers, is_float, sizes, type_name};
use crate::onnx::layers::Reshaped;
use crate::onnx::node::{Node, axes_of, axis_of};
use crate::onnx::refusal::{Outcome, refuse};
use crate::tensor::element_count;

/// The shape of the input from one axis to another.
pub(super) fn shape(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    // Ends beyond the axes are those of the axes.
    let rank = i64::try_from(shape.len()).unwrap_or(i64::MAX);
    let place = |axis: i64| (if axis < 0 { axis.saturating_add(rank) } else { axis }).clamp(0, rank);
    let (start, end) = (place(node.int_or("start", 0)?), place(node.int_or("end", rank)?));
    let place = |place: i64| usize::try_from(place).unwrap_or(shape.len());
    let part = shape.get(place(start)..place(end)).unwrap_or_default();
    Ok(integers(&[part.len()], part.iter().copied()))
}

/// The number of elements.
pub(super) fn size(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let count = element_count::<f32>(builder.shape(&input))?;
    Ok(integers(&[], [count].into_iter()))
}

/// Sizes as a constant.
fn integers(shape: &[usize], numbers: impl Iterator<Item = usize>) -> Vec<Datum> {
    let numbers = numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX)).collect();
    vec![Datum::Known(Constant::integers(shape, numbers))]
}

pub(super) fn constant(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let constant = if let Some(tensor) = node.tensor("value")? {
        tensor
    } else if let Some(float) = node.float("value_float")? {
        Constant::floats(&[], vec![float])
    } else if let Some(floats) = node.floats("value_floats")? {
        Constant::floats(&[floats.len()], floats)
    } else if let Some(integer) = node.int("value_int")? {
        Constant::integers(&[], vec![integer])
    } else if let Some(integers) = node.ints("value_ints")? {
        Constant::integers(&[integers.len()], integers)
    } else {
        return refuse("has no tensor or number, which are the values that are read");
    };
    builder.spend(constant.bytes())?;
    Ok(vec![Datum::Known(constant)])
}

/// One number, as often as a shape has elements.
pub(super) fn constant_of_shape(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let Some(shape) = builder.known_integers(node, 0, "the shape")? else { return refuse("has no shape") };
    let shape = sizes(&shape)?;
    let value = node.tensor("value")?.unwrap_or_else(|| Constant::floats(&[1], vec![0.0]));
    let count = builder.spend_on(&shape, value.number_bytes())?;
    let constant = match &value.numbers {
        Numbers::Floats(floats) => match floats[..] {
            [float] => Constant::floats(&shape, vec![float; count]),
            _ => return refuse("has a value that is not one number"),
        },
        Numbers::Integers(integers) => match integers[..] {
            [integer] => Constant::integers(&shape, vec![integer; count]),
            _ => return refuse("has a value that is not one number"),
        },
    };
    Ok(vec![Datum::Known(constant)])
}

/// Numbers from one to another in steps.
pub(super) fn range(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let mut numbers = [0; 3];
    for (place, (number, what)) in numbers.iter_mut().zip([(0, "the start"), (1, "the limit"), (2, "the step")]) {
        match builder.known_integers(node, number, what)?.as_deref() {
            Some(&[integer]) => *place = integer,
            _ => return refuse(format!("needs one integer as {what}")),
        }
    }
    let [start, limit, step] = numbers.map(i128::from);
    if step == 0 {
        return refuse("has a step of 0");
    }
    let count = usize::try_from((limit - start + step - step.signum()) / step).unwrap_or(0);
    builder.spend_on(&[count], size_of::<u64>())?;
    let [start, _, step] = numbers;
    // None of them is beyond the limit.
    let values = std::iter::successors(Some(start), |value| Some(value.wrapping_add(step))).take(count);
    Ok(vec![Datum::Known(Constant::integers(&[count], values.collect()))])
}

/// The elements of a value under another shape.
pub(super) fn reshaped(builder: &mut Builder, value: &Datum, shape: &[usize]) -> Outcome<Datum> {
    match value {
        Datum::Known(constant) if element_count::<f32>(shape)? == constant.len() => {
            Ok(Datum::Known(constant.reshaped(shape)))
        }
        Datum::Known(constant) => Err(unlike("the elements of a reshaped tensor", shape, &constant.shape).into()),
        Datum::Made(_) if builder.shape(value) == shape => Ok(value.clone()),
        Datum::Made(_) => {
            let reshaped = Reshaped::new(builder.shape(value), shape)?;
            builder.module(reshaped, value)
        }
    }
}

/// A size of 0 is that of the input, unless `allowzero` says otherwise; one of −1 follows from the others.
pub(super) fn reshape(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let asked = match builder.opset {
        ..5 => node.ints("shape")?,
        _ => builder.known_integers(node, 1, "the shape")?,
    };
    let Some(asked) = asked else { return refuse("has no shape") };
    let allow_zero = node.flag("allowzero")?;
    let given = builder.shape(&input).to_vec();
    let mut shape = Vec::new();
    let mut open = None;
    for (axis, &size) in asked.iter().enumerate() {
        match size {
            -1 if open.is_none() => {
                open = Some(axis);
                shape.push(1);
            }
            0 if !allow_zero => match given.get(axis) {
                Some(&size) => shape.push(size),
                None => return refuse(format!("has the shape {asked:?} for an input of shape {given:?}")),
            },
            _ => shape.extend(sizes(&[size])?),
        }
    }
    if let Some(axis) = open {
        let (all, others) = (element_count::<f32>(&given)?, element_count::<f32>(&shape)?);
        match all.checked_div(others) {
            Some(size) if size * others == all => shape[axis] = size,
            _ => return refuse(format!("has the shape {asked:?} for an input of shape {given:?}")),
        }
    }
    one(reshaped(builder, &input, &shape))
}

/// Two axes: all before one, and all others.
pub(super) fn flatten(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    let axis = node.int_or("axis", 1)?;
    // The end of the axes is one of the places, too.
    let rank = i64::try_from(shape.len()).unwrap_or(i64::MAX);
    let axis = if axis == rank { shape.len() } else { axis_of(axis, shape.len())? };
    let (before, after) = shape.split_at(axis);
    let flat = [element_count::<f32>(before)?, element_count::<f32>(after)?];
    one(reshaped(builder, &input, &flat))
}

/// Axes by the attribute `axes`, and since a version of the operators, by an input.
pub(super) fn axes(builder: &mut Builder, node: &Node, number: usize, since: i64) -> Outcome<Option<Vec<i64>>> {
    match builder.opset < since {
        true => node.ints("axes"),
        false => builder.known_integers(node, number, "the axes"),
    }
}

pub(super) fn squeeze(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    let squeezed = match axes(builder, node, 1, 13)? {
        Some(axes) => axes_of(&axes, shape.len())?,
        None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
    };
    if let Some(&axis) = squeezed.iter().find(|&&axis| shape[axis] != 1) {
        return refuse(format!("squeezes axis {axis} of {shape:?}, which is not 1"));
    }
    let kept: Vec<usize> = (0..shape.len()).filter(|axis| !squeezed.contains(axis)).map(|axis| shape[axis]).collect();
    one(reshaped(builder, &input, &kept))
}

pub(super) fn unsqueeze(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let Some(new) = axes(builder, node, 1, 13)? else { return refuse("has no axes") };
    let mut shape = builder.shape(&input).to_vec();
    for axis in axes_of(&new, shape.len() + new.len())? {
        if axis > shape.len() {
            return refuse(format!("has axes {new:?} for an input of shape {shape:?}"));
        }
        shape.insert(axis, 1);
    }
    one(reshaped(builder, &input, &shape))
}

/// What gives its input as it is when a network is used, and not trained.
pub(super) fn identity(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    if let Some(training) = builder.known(node, 2, "whether it is trained")?
        && node.operator == "Dropout"
        && training.as_number() != Some(0.0)
    {
        return refuse("in training is not supported");
    }
    one(builder.required(node, 0))
}

/// Values of a network are `f32`; constants become floats or integers.
pub(super) fn cast(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let to = match node.operator.as_str() {
        // The second input has the type.
        "CastLike" => match builder.required(node, 1)? {
            Datum::Known(Constant { numbers: Numbers::Integers(_), .. }) => 7,
            Datum::Known(_) | Datum::Made(_) => 1,
        },
        _ => match node.int("to")?.map(i32::try_from) {
            Some(Ok(to)) => to,
            _ => return refuse("has no type to cast to"),
        },
    };
    match input {
        Datum::Made(_) if is_float(to) => Ok(vec![input]),
        Datum::Made(_) => refuse(format!("of what a network computes to {} is not supported", type_name(to))),
        Datum::Known(constant) => {
            builder.spend_on(&constant.shape.clone(), size_of::<u64>())?;
            Ok(vec![Datum::Known(cast_constant(&constant, to)?)])
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "floats are cut off, within the range that is checked")]
fn cast_constant(constant: &Constant, to: i32) -> Outcome<Constant> {
    const BOOL: i32 = 9;
    let range = match to {
        2 => 0..=255,
        3 => -128..=127,
        4 => 0..=65535,
        5 => -32768..=32767,
        6 => i64::from(i32::MIN)..=i64::from(i32::MAX),
        7 => i64::MIN..=i64::MAX,
        12 => 0..=i64::from(u32::MAX),
        13 => 0..=i64::MAX,
        BOOL => 0..=1,
        _ if is_float(to) => {
            let floats = constant.to_tensor()?.iter().copied().collect();
            return Ok(Constant::floats(&constant.shape, floats));
        }
        _ => return refuse(format!("to {} is not supported", type_name(to))),
    };
    let within = |integer: i64| match range.contains(&integer) {
        true => Ok(integer),
        false => refuse(format!("of {integer} to {} has no result", type_name(to))),
    };
    let integers = match &constant.numbers {
        Numbers::Integers(integers) if to == BOOL => integers.iter().map(|&integer| (integer != 0).into()).collect(),
        Numbers::Floats(floats) if to == BOOL => floats.iter().map(|&float| (float != 0.0).into()).collect(),
        Numbers::Integers(integers) => integers.iter().map(|&integer| within(integer)).collect::<Outcome<_>>()?,
        Numbers::Floats(floats) => floats
            .iter()
            .map(|&float| match float.is_finite() {
                true => within(float as i64),
                false => refuse(format!("of {float} to {} has no result", type_name(to))),
            })
            .collect::<Outcome<_>>()?,
    };
    Ok(Constant::integers(&constant.shape, integers))
}
