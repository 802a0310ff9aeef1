//! What puts elements elsewhere: axes in another order, parts, one after the other, repeated.

use super::arithmetic::{expanded, joint_shape};
use super::one;
use super::shapes::reshaped;
use crate::ChannelAxis;
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::constant::{Constant, Numbers, sizes};
use crate::onnx::layers::{Strided, Taken};
use crate::onnx::network::PartWork;
use crate::onnx::node::{Node, axes_of, axis_of};
use crate::onnx::refusal::{Outcome, refuse};

/// A value seen in strides; a constant, at once.
pub(super) fn strided(builder: &mut Builder, value: &Datum, strided: Strided) -> Outcome<Datum> {
    if strided.is_identity() {
        return Ok(value.clone());
    }
    match value {
        Datum::Made(_) => builder.module(strided, value),
        Datum::Known(constant) => {
            let shape = strided.shape().to_vec();
            of_constant(builder, constant, &shape, &|input, output| strided.write(input, output), &|input, output| {
                strided.write(input, output);
            })
        }
    }
}

/// Floats, or integers, put elsewhere.
type Move<'m, T> = &'m dyn Fn(&[T], &mut [T]);

fn of_constant(
    builder: &mut Builder,
    constant: &Constant,
    shape: &[usize],
    floats: Move<'_, f32>,
    integers: Move<'_, i64>,
) -> Outcome<Datum> {
    let count = builder.spend_on(shape, constant.number_bytes())?;
    Ok(Datum::Known(match &constant.numbers {
        Numbers::Floats(input) => {
            let mut output = vec![0.0; count];
            floats(input, &mut output);
            Constant::floats(shape, output)
        }
        Numbers::Integers(input) => {
            let mut output = vec![0; count];
            integers(input, &mut output);
            Constant::integers(shape, output)
        }
    }))
}

/// In reverse order unless `perm` says otherwise.
pub(super) fn transpose(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let rank = builder.shape(&input).len();
    let order = match node.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(order) => order.iter().map(|&axis| axis_of(axis, rank)).collect::<Outcome<Vec<_>>>()?,
    };
    one(transposed(builder, &input, &order))
}

/// A value with its axes in another order; where that leaves the elements where they are, under another shape.
pub(super) fn transposed(builder: &mut Builder, value: &Datum, order: &[usize]) -> Outcome<Datum> {
    let shape = builder.shape(value).to_vec();
    let view = Strided::new(&shape)?.permuted(order)?;
    let large: Vec<_> = order.iter().filter(|&&axis| shape[axis] != 1).collect();
    match large.is_sorted() {
        true => reshaped(builder, value, view.shape()),
        false => strided(builder, value, view),
    }
}

pub(super) fn slice(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let by_attributes = builder.opset < 10;
    let list = |number: usize, name: &'static str| match by_attributes {
        true => node.ints(name),
        false => builder.known_integers(node, number, name),
    };
    let (starts, ends, axes) = (list(1, "starts")?, list(2, "ends")?, list(3, "axes")?);
    let steps = if by_attributes { None } else { list(4, "steps")? };
    let (Some(starts), Some(ends)) = (starts, ends) else { return refuse("has no starts or no ends") };
    let shape = builder.shape(&input).to_vec();
    let axes = axes.unwrap_or_else(|| (0..).take(starts.len()).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return refuse("has not as many starts as ends, axes and steps");
    }
    axes_of(&axes, shape.len())?;
    let mut view = Strided::new(&shape)?;
    for (((&axis, &start), &end), &step) in axes.iter().zip(&starts).zip(&ends).zip(&steps) {
        let axis = axis_of(axis, shape.len())?;
        let (first, step, count) = part(shape[axis], start, end, step)?;
        view = view.sliced(axis, first, step, count)?;
    }
    one(strided(builder, &input, view))
}

/// The first place of a part of an axis, the step, and how many places it has: from `start` to before `end`, both cut off at the ends
/// of the axis.
fn part(length: usize, start: i64, end: i64, step: i64) -> Outcome<(usize, isize, usize)> {
    let long = length as i128;
    let from_end = |place: i64| i128::from(place) + if place < 0 { long } else { 0 };
    let (low, high) = if step > 0 { (0, long) } else { (-1, long - 1) };
    // Backwards, a start before the first place is the first place, where NumPy has nothing.
    let (first, end) = (from_end(start).max(0).min(high), from_end(end).clamp(low, high));
    let wide = i128::from(step);
    let count = match step {
        0 => return refuse("has a step of 0"),
        _ => usize::try_from((end - first + wide - wide.signum()) / wide).unwrap_or(0),
    };
    // Of one place, the step does not matter, and may be larger than an axis.
    let step = if count > 1 { isize::try_from(step).unwrap_or(1) } else { 1 };
    Ok((usize::try_from(first).unwrap_or(0), step, count))
}

pub(super) fn split(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    let axis = axis_of(node.int_or("axis", 0)?, shape.len())?;
    let lengths = match builder.opset < 13 {
        true => node.ints("split")?,
        false => builder.known_integers(node, 1, "the lengths of the parts")?,
    };
    let parts = match node.int("num_outputs")? {
        Some(parts) => usize::try_from(parts).unwrap_or(0),
        None => node.outputs.len(),
    };
    let lengths = match lengths {
        Some(lengths) => sizes(&lengths)?,
        // As long as one another, but for the last.
        None if parts > 0 && parts == node.outputs.len() => {
            let length = shape[axis].div_ceil(parts);
            (0..parts).map(|part| shape[axis].saturating_sub(part * length).min(length)).collect()
        }
        None => return refuse(format!("has {} outputs, and num_outputs {parts}", node.outputs.len())),
    };
    let sum = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length));
    if sum != Some(shape[axis]) || lengths.len() != node.outputs.len() {
        return refuse(format!("cannot split axis {axis} of {shape:?} into {lengths:?}"));
    }
    let mut first = 0;
    let mut outputs = Vec::new();
    for length in lengths {
        let view = Strided::new(&shape)?.sliced(axis, first, 1, length)?;
        outputs.push(strided(builder, &input, view)?);
        first += length;
    }
    Ok(outputs)
}

pub(super) fn concat(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let values = (0..node.inputs.len()).map(|number| builder.required(node, number)).collect::<Outcome<Vec<_>>>()?;
    let Some(first) = values.first() else { return refuse("has no inputs") };
    let shape = builder.shape(first).to_vec();
    let default = if builder.opset < 4 { Some(1) } else { None };
    let Some(axis) = node.int("axis")?.or(default) else { return refuse("has no axis") };
    let axis = axis_of(axis, shape.len())?;
    one(concatenated(builder, &values, axis))
}

/// Values one after the other along an axis that they have.
pub(super) fn concatenated(builder: &mut Builder, values: &[Datum], axis: usize) -> Outcome<Datum> {
    let mut shape = builder.shape(&values[0]).to_vec();
    let mut length = 0_usize;
    for value in values {
        let other = builder.shape(value);
        let fits = other.len() == shape.len() && (0..shape.len()).all(|at| at == axis || shape[at] == other[at]);
        if !fits {
            return refuse(format!("has inputs of shapes {shape:?} and {other:?}, which do not go together"));
        }
        length = length.saturating_add(other[axis]);
    }
    shape[axis] = length;
    let known: Option<Vec<&Constant>> = values
        .iter()
        .map(|value| match value {
            Datum::Known(constant) => Some(constant),
            Datum::Made(_) => None,
        })
        .collect();
    if let Some(constants) = known {
        builder.spend_on(&shape, constants[0].number_bytes())?;
        return Ok(Datum::Known(of_constants(&constants, &shape, axis)?));
    }
    let [value] = values else {
        let made = values.iter().map(|value| builder.made(value)).collect::<Outcome<Vec<_>>>()?;
        let axis = ChannelAxis::Before(shape.len() - 1 - axis);
        return builder.push(PartWork::Concat(axis), made, shape);
    };
    Ok(value.clone())
}

/// Constants one after the other.
fn of_constants(constants: &[&Constant], shape: &[usize], axis: usize) -> Outcome<Constant> {
    let all_floats = constants.iter().map(|constant| constant.as_floats()).collect::<Outcome<Vec<_>>>();
    if let Ok(floats) = all_floats {
        return Ok(Constant::floats(shape, side_by_side(&floats, shape, axis)));
    }
    let integers = constants.iter().map(|constant| constant.as_integers()).collect::<Outcome<Vec<_>>>()?;
    Ok(Constant::integers(shape, side_by_side(&integers, shape, axis)))
}

fn side_by_side<T: Copy>(parts: &[&[T]], shape: &[usize], axis: usize) -> Vec<T> {
    let outer: usize = shape[..axis].iter().product();
    let mut whole = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for image in 0..outer {
        for part in parts {
            let length = part.len() / outer;
            whole.extend_from_slice(&part[image * length..(image + 1) * length]);
        }
    }
    whole
}

/// Repeated along axes of one element; both shapes may be repeated.
pub(super) fn expand(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let Some(asked) = builder.known_integers(node, 1, "the shape")? else { return refuse("has no shape") };
    let shape = joint_shape(builder.shape(&input), &sizes(&asked)?)?;
    one(expanded(builder, &input, &shape))
}

/// Repeated as a whole along each axis.
pub(super) fn tile(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let Some(repeats) = builder.known_integers(node, 1, "the repeats")? else { return refuse("has no repeats") };
    let (repeats, shape) = (sizes(&repeats)?, builder.shape(&input).to_vec());
    if repeats.len() != shape.len() {
        return refuse(format!("has repeats {repeats:?} for an input of shape {shape:?}"));
    }
    // Each axis as two: how often, and what.
    let pairs: Vec<usize> = shape.iter().flat_map(|&length| [1, length]).collect();
    let repeated: Vec<usize> = repeats.iter().zip(&shape).flat_map(|(&times, &length)| [times, length]).collect();
    let mut tiled = Vec::new();
    for (&times, &length) in repeats.iter().zip(&shape) {
        match times.checked_mul(length) {
            Some(length) => tiled.push(length),
            None => return refuse(format!("has repeats {repeats:?} for an input of shape {shape:?}")),
        }
    }
    let value = reshaped(builder, &input, &pairs)?;
    let value = expanded(builder, &value, &repeated)?;
    one(reshaped(builder, &value, &tiled))
}

pub(super) fn gather(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let Some(indices) = builder.known(node, 1, "the indices")? else { return refuse("has no indices") };
    let shape = builder.shape(&input).to_vec();
    let axis = axis_of(node.int_or("axis", 0)?, shape.len())?;
    let places = indices.as_integers()?.iter().map(|&index| axis_of(index, shape[axis])).collect::<Outcome<_>>()?;
    builder.spend(indices.bytes())?;
    let taken = Taken::new(&shape, axis, places)?;
    let mut gathered = shape;
    gathered.splice(axis..=axis, indices.shape.iter().copied());
    let value = match &input {
        Datum::Made(_) => builder.module(taken, &input)?,
        Datum::Known(constant) => {
            let shape = taken.shape();
            of_constant(builder, constant, &shape, &|input, output| taken.write(input, output), &|input, output| {
                taken.write(input, output);
            })?
        }
    };
    one(reshaped(builder, &value, &gathered))
}

/// Pixels from channels: blocks of maps made one larger map.
pub(super) fn depth_to_space(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (input, block) = (builder.required(node, 0)?, block(node)?);
    let &[images, channels, height, width] = builder.shape(&input) else { return refuse("has an input not of rank 4") };
    let (Some(area), true) = (block.checked_mul(block), block > 0) else {
        return refuse("has a block that is too large");
    };
    if channels % area != 0 {
        return refuse(format!("cannot make blocks of {block} by {block} of {channels} channels"));
    }
    let maps = channels / area;
    let (parts, order) = match node.one_of("mode", "DCR", &["DCR", "CRD"])? {
        "DCR" => ([images, block, block, maps, height, width], [0, 3, 4, 1, 5, 2]),
        _ => ([images, maps, block, block, height, width], [0, 1, 4, 2, 5, 3]),
    };
    let value = reshaped(builder, &input, &parts)?;
    let value = transposed(builder, &value, &order)?;
    one(reshaped(builder, &value, &[images, maps, height.saturating_mul(block), width.saturating_mul(block)]))
}

/// The reverse: channels from blocks of pixels.
pub(super) fn space_to_depth(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (input, block) = (builder.required(node, 0)?, block(node)?);
    let &[images, channels, height, width] = builder.shape(&input) else { return refuse("has an input not of rank 4") };
    if block == 0 || height % block != 0 || width % block != 0 {
        return refuse(format!("cannot make blocks of {block} by {block} of maps of {height} by {width}"));
    }
    let (rows, columns) = (height / block, width / block);
    let value = reshaped(builder, &input, &[images, channels, rows, block, columns, block])?;
    let order = match node.one_of("mode", "DCR", &["DCR", "CRD"])? {
        "DCR" => [0, 3, 5, 1, 2, 4],
        _ => [0, 1, 3, 5, 2, 4],
    };
    let value = transposed(builder, &value, &order)?;
    let depth = channels.saturating_mul(block).saturating_mul(block);
    one(reshaped(builder, &value, &[images, depth, rows, columns]))
}

fn block(node: &Node) -> Outcome<usize> {
    match node.int("blocksize")? {
        Some(block) => Ok(sizes(&[block])?[0]),
        None => refuse("has no blocksize"),
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn backwards_a_part_begins_with_the_first_place_at_the_least() {
        let places = |start, end, step| part(5, start, end, step).ok().map(|(first, _, count)| (first, count));
        assert_eq!(places(-10, i64::MIN, -1), Some((0, 1)));
        assert_eq!(places(-1, i64::MIN, -1), Some((4, 5)));
        assert_eq!(places(10, 0, -2), Some((4, 2)));
        assert_eq!(places(-10, 2, 1), Some((0, 2)));
        assert_eq!(part(0, -1, i64::MIN, -1).ok().map(|(_, _, count)| count), Some(0));
    }
}
