//! Sums, differences, products, quotients, powers, and what of these is known before the network runs.

use super::{activations::activated, one, patterns, shapes::reshaped};
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::constant::{Constant, Numbers};
use crate::onnx::layers::{Halves, Map, Reshaped, Scaled, Strided, WithConstant};
use crate::onnx::network::{Note, PartWork};
use crate::onnx::node::{Node, axis_of};
use crate::onnx::refusal::{Outcome, refuse};
use crate::{ChannelAxis, ChannelScale};

/// An operator of two tensors, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
    /// The rest of a division, with the sign of the divisor, as Python's.
    Mod,
    /// The same with the sign of the dividend, as C's.
    Remainder,
}

impl Binary {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Sub => "Sub",
            Self::Mul => "Mul",
            Self::Div => "Div",
            Self::Pow => "Pow",
            Self::Max => "Max",
            Self::Min => "Min",
            Self::Mod | Self::Remainder => "Mod",
        }
    }

    fn of(name: &str) -> Outcome<Self> {
        let all = [Self::Add, Self::Sub, Self::Mul, Self::Div, Self::Pow, Self::Max, Self::Min, Self::Mod];
        match all.into_iter().find(|operator| operator.name() == name) {
            Some(operator) => Ok(operator),
            None if name == "Sum" => Ok(Self::Add),
            None => refuse("is not supported"),
        }
    }

    /// Of floats. NaN passes through a maximum and a minimum, as everywhere in this crate.
    fn function(self) -> fn(f32, f32) -> f32 {
        match self {
            Self::Add => |one, other| one + other,
            Self::Sub => |one, other| one - other,
            Self::Mul => |one, other| one * other,
            Self::Div => |one, other| one / other,
            Self::Pow => f32::powf,
            Self::Mod => modulo,
            Self::Remainder => |one, other| one % other,
            Self::Max => |one, other| if one > other || one.is_nan() { one } else { other },
            Self::Min => |one, other| if one < other || one.is_nan() { one } else { other },
        }
    }

    fn swapped(self) -> fn(f32, f32) -> f32 {
        match self {
            Self::Sub => |one, other| other - one,
            Self::Div => |one, other| other / one,
            Self::Pow => |one, other| other.powf(one),
            Self::Mod => |one, other| modulo(other, one),
            Self::Remainder => |one, other| other % one,
            Self::Add | Self::Mul | Self::Max | Self::Min => self.function(),
        }
    }

    /// Of integers, which sizes are computed with: nothing where there is no result.
    fn of_integers(self, one: i64, other: i64) -> Option<i64> {
        match self {
            Self::Add => one.checked_add(other),
            Self::Sub => one.checked_sub(other),
            Self::Mul => one.checked_mul(other),
            Self::Div => one.checked_div(other),
            Self::Pow => one.checked_pow(other.try_into().ok()?),
            Self::Mod => {
                let rest = one.checked_rem(other)?;
                Some(if rest != 0 && (rest < 0) != (other < 0) { rest + other } else { rest })
            }
            Self::Remainder => one.checked_rem(other),
            Self::Max => Some(one.max(other)),
            Self::Min => Some(one.min(other)),
        }
    }
}

/// The rest of a division, with the sign of the divisor.
fn modulo(one: f32, other: f32) -> f32 {
    match one % other {
        0.0 => 0_f32.copysign(other),
        rest if (rest < 0.0) != (other < 0.0) => rest + other,
        rest => rest,
    }
}

pub(super) fn binary(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let mut operator = Binary::of(&node.operator)?;
    if operator == Binary::Mod && node.flag("fmod")? {
        operator = Binary::Remainder;
    }
    let (one_value, mut other) = (builder.required(node, 0)?, builder.required(node, 1)?);
    if builder.opset < 7
        && let Some(axis) = node.int("axis")?
    {
        // Before the seventh version, an attribute says which axis the first of the other tensor belongs to.
        let (shape, mut aligned) = (builder.shape(&one_value), builder.shape(&other).to_vec());
        let first = axis_of(axis, shape.len())?;
        aligned.resize(aligned.len().max(shape.len() - first), 1);
        other = reshaped(builder, &other, &aligned)?;
    }
    one(combined(builder, operator, &one_value, &other))
}

/// `Sum`, `Max` and `Min`, of any number of tensors, and `Mean`.
pub(super) fn of_many(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let operator = if node.operator == "Mean" { Binary::Add } else { Binary::of(&node.operator)? };
    let mut all = builder.required(node, 0)?;
    for number in 1..node.inputs.len() {
        let next = builder.required(node, number)?;
        all = combined(builder, operator, &all, &next)?;
    }
    if node.operator == "Mean" {
        let count = Datum::Known(Constant::floats(&[], vec![node.inputs.len() as f32]));
        all = combined(builder, Binary::Div, &all, &count)?;
    }
    Ok(vec![all])
}

/// Both repeated to one shape, then element by element.
pub(super) fn combined(builder: &mut Builder, operator: Binary, one: &Datum, other: &Datum) -> Outcome<Datum> {
    let shape = joint_shape(builder.shape(one), builder.shape(other))?;
    match (one, other) {
        (Datum::Known(one), Datum::Known(other)) => {
            Ok(Datum::Known(of_constants(builder, operator, one, other, &shape)?))
        }
        (Datum::Made(_), Datum::Known(constant)) => {
            let value = expanded(builder, one, &shape)?;
            with_constant(builder, operator, &value, constant, false)
        }
        (Datum::Known(constant), Datum::Made(_)) => {
            let value = expanded(builder, other, &shape)?;
            with_constant(builder, operator, &value, constant, true)
        }
        (Datum::Made(_), Datum::Made(_)) => of_values(builder, operator, one, other, &shape),
    }
}

/// The shape of two tensors that are repeated along axes where one of them has one element, or none: ONNX's multidirectional
/// broadcasting, which is NumPy's.
pub(super) fn joint_shape(one: &[usize], other: &[usize]) -> Outcome<Vec<usize>> {
    let rank = one.len().max(other.len());
    let at = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let joint = |axis: usize| match (at(one, axis), at(other, axis)) {
        (1, length) | (length, 1) => Ok(length),
        (length, same) if length == same => Ok(length),
        _ => refuse(format!("has inputs of shapes {one:?} and {other:?}, which do not go together")),
    };
    (0..rank).map(joint).collect()
}

/// A value repeated to a shape.
pub(super) fn expanded(builder: &mut Builder, value: &Datum, shape: &[usize]) -> Outcome<Datum> {
    let strided = Strided::new(builder.shape(value))?.expanded(shape)?;
    super::rearranging::strided(builder, value, strided)
}

fn of_constants(
    builder: &mut Builder,
    operator: Binary,
    one: &Constant,
    other: &Constant,
    shape: &[usize],
) -> Outcome<Constant> {
    let ones = expanded(builder, &Datum::Known(one.clone()), shape)?;
    let others = expanded(builder, &Datum::Known(other.clone()), shape)?;
    let (Datum::Known(ones), Datum::Known(others)) = (ones, others) else { return refuse("is not constant") };
    builder.spend_on(shape, ones.number_bytes())?;
    match (&ones.numbers, &others.numbers) {
        (Numbers::Floats(ones), Numbers::Floats(others)) => {
            let function = operator.function();
            let results = ones.iter().zip(others.iter()).map(|(&one, &other)| function(one, other));
            Ok(Constant::floats(shape, results.collect()))
        }
        // The exponent of a power may be of another type.
        (Numbers::Floats(ones), Numbers::Integers(others)) if operator == Binary::Pow => {
            let results = ones.iter().zip(others.iter()).map(|(&one, &other)| one.powf(other as f32));
            Ok(Constant::floats(shape, results.collect()))
        }
        (Numbers::Integers(ones), Numbers::Integers(others)) => {
            let of = |(&one, &other): (&i64, &i64)| match operator.of_integers(one, other) {
                Some(result) => Ok(result),
                None => refuse(format!("has no result for {one} and {other}")),
            };
            let results = ones.iter().zip(others.iter()).map(of);
            Ok(Constant::integers(shape, results.collect::<Outcome<_>>()?))
        }
        _ => refuse("has an input of floats and one of integers"),
    }
}

/// A value, which has the shape of the result, and a constant, which comes first if `swapped`.
fn with_constant(
    builder: &mut Builder,
    operator: Binary,
    value: &Datum,
    constant: &Constant,
    swapped: bool,
) -> Outcome<Datum> {
    let shape = builder.shape(value).to_vec();
    if operator == Binary::Pow
        && !swapped
        && let Some(exponent) = constant.as_number()
    {
        return builder.module(power(exponent), value);
    }
    constant.as_floats()?;
    if let Some(number) = constant.as_number() {
        return with_number(builder, operator, value, number, swapped);
    }
    if let Some(numbers) = of_channels(constant, &shape)
        && let Some((factors, offsets)) = as_scale(operator, numbers, swapped)
    {
        builder.spend(constant.bytes() * 2)?;
        let scale = ChannelScale::new(factors, offsets, ChannelAxis::Second);
        return builder.module(Scaled::new(operator.name(), &shape, scale), value);
    }
    builder.spend(constant.bytes())?;
    let function = if swapped { operator.swapped() } else { operator.function() };
    let module = WithConstant::new(operator.name(), &shape, constant.to_tensor()?, function)?;
    builder.module(module, value)
}

/// A value and one number.
#[allow(clippy::cast_possible_truncation, reason = "it was an f32")]
fn with_number(builder: &mut Builder, operator: Binary, value: &Datum, number: f64, swapped: bool) -> Outcome<Datum> {
    let number = number as f32;
    if let Some((input, activation)) = patterns::activation(builder, operator, value, number, swapped) {
        return activated(builder, &input, activation);
    }
    let shape = builder.shape(value).to_vec();
    let result = match as_scale(operator, &[number], swapped) {
        // Where there are channels it can be taken into the weights of a convolution before it.
        Some((factors, offsets)) if shape.len() >= 2 => {
            let channels = shape[1];
            builder.spend_on(&[channels, 2], size_of::<f32>())?;
            let scale = ChannelScale::new(vec![factors[0]; channels], vec![offsets[0]; channels], ChannelAxis::Second);
            builder.module(Scaled::new(operator.name(), &shape, scale), value)?
        }
        _ => {
            let function = if swapped { operator.swapped() } else { operator.function() };
            builder.module(Map::new(operator.name(), move |x| function(x, number)), value)?
        }
    };
    match operator {
        Binary::Add => builder.note(&result, Note::Plus(number)),
        Binary::Mul => builder.note(&result, Note::Times(number)),
        _ => {}
    }
    Ok(result)
}

/// The numbers of a constant that has one for each channel of values of this shape.
fn of_channels<'c>(constant: &'c Constant, shape: &[usize]) -> Option<&'c [f32]> {
    let channel = (constant.shape.len() + 1).checked_sub(shape.len())?;
    let (&length, rest) = constant.shape.get(channel..)?.split_first()?;
    let others_are_one = constant.shape[..channel].iter().chain(rest).all(|&length| length == 1);
    match &constant.numbers {
        Numbers::Floats(floats) if others_are_one && shape.get(1) == Some(&length) => Some(floats),
        _ => None,
    }
}

/// Factors and offsets that do the same, to the last digit: of divisors, those whose reciprocals are exact.
fn as_scale(operator: Binary, numbers: &[f32], swapped: bool) -> Option<(Vec<f32>, Vec<f32>)> {
    let all = |number: f32| vec![number; numbers.len()];
    match operator {
        Binary::Add => Some((all(1.0), numbers.to_vec())),
        Binary::Sub if swapped => Some((all(-1.0), numbers.to_vec())),
        Binary::Sub => Some((all(1.0), numbers.iter().map(|number| -number).collect())),
        Binary::Mul => Some((numbers.to_vec(), all(0.0))),
        Binary::Div if !swapped && numbers.iter().all(|&number| is_power_of_two(number)) => {
            Some((numbers.iter().map(|number| number.recip()).collect(), all(0.0)))
        }
        Binary::Div | Binary::Pow | Binary::Max | Binary::Min | Binary::Mod | Binary::Remainder => None,
    }
}

/// Whether a number and its reciprocal are powers of two, of either sign.
fn is_power_of_two(number: f32) -> bool {
    const MANTISSA: u32 = (1 << (f32::MANTISSA_DIGITS - 1)) - 1;
    number.is_normal() && number.recip().is_normal() && number.to_bits() & MANTISSA == 0
}

/// A value to the power of a number.
#[allow(clippy::cast_possible_truncation, reason = "the nearest f32 is meant")]
fn power(exponent: f64) -> Map {
    let name = "Pow";
    match exponent {
        1.0 => Map::new(name, |x| x),
        2.0 => Map::new(name, |x| x * x),
        3.0 => Map::new(name, |x| x * x * x),
        0.5 => Map::new(name, f32::sqrt),
        -1.0 => Map::new(name, f32::recip),
        _ => Map::new(name, move |x| x.powf(exponent as f32)),
    }
}

/// Two values of the network.
fn of_values(builder: &mut Builder, operator: Binary, one: &Datum, other: &Datum, shape: &[usize]) -> Outcome<Datum> {
    if let Some((input, activation)) = patterns::product(builder, operator, one, other) {
        return activated(builder, &input, activation);
    }
    let work = match operator {
        Binary::Add => PartWork::Add,
        Binary::Mul => PartWork::Multiply,
        // The difference is the sum with the other sign, to the last digit.
        Binary::Sub => {
            let negated = builder.module(Map::new("Neg", |x| -x), other)?;
            return of_values(builder, Binary::Add, one, &negated, shape);
        }
        Binary::Div | Binary::Pow | Binary::Max | Binary::Min | Binary::Mod | Binary::Remainder => {
            return pairs(builder, operator, one, other, shape);
        }
    };
    // A sum repeats one of the two; here both may have to be.
    let one = match builder.shape(one) == shape || builder.shape(other) == shape {
        true => one.clone(),
        false => expanded(builder, one, shape)?,
    };
    let inputs = vec![builder.made(&one)?, builder.made(other)?];
    builder.push(work, inputs, shape.to_vec())
}

/// Two values side by side in one row, for functions that a graph does not have.
fn pairs(builder: &mut Builder, operator: Binary, one: &Datum, other: &Datum, shape: &[usize]) -> Outcome<Datum> {
    let mut rows = Vec::new();
    let mut count = 0;
    for value in [one, other] {
        let whole = expanded(builder, value, shape)?;
        let row = builder.module(Reshaped::as_row(shape)?, &whole)?;
        count = builder.shape(&row)[0];
        rows.push(builder.made(&row)?);
    }
    let Some(length) = count.checked_mul(2) else { return refuse("has inputs that are too large") };
    let row = builder.push(PartWork::Concat(ChannelAxis::Before(0)), rows, vec![length])?;
    builder.module(Halves::new(operator.name(), count, shape, operator.function()), &row)
}
