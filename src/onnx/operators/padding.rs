//! `Pad`.

use super::one;
use super::rearranging::strided;
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::layers::Strided;
use crate::onnx::node::{Node, axis_of};
use crate::onnx::refusal::{Outcome, refuse};
use crate::{Pad, PadMode};

/// The pads and the constant are attributes before opset 11, and inputs since. Pads are those at the start of all axes, and then those at
/// the end of all; a negative one takes pixels off.
pub(super) fn pad(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let by_attributes = builder.opset < 11;
    let pads = match by_attributes {
        true => node.ints(if builder.opset < 2 { "paddings" } else { "pads" })?,
        false => builder.known_integers(node, 1, "the pads")?,
    };
    let Some(pads) = pads else { return refuse("has no pads") };
    let constant = match by_attributes {
        true => node.float_or("value", 0.0)?,
        false => match builder.known(node, 2, "the constant")? {
            None => 0.0,
            Some(constant) => match constant.as_number() {
                Some(number) => number,
                None => return refuse("has a constant that is not one number"),
            },
        },
    };
    let mode = match node.one_of("mode", "constant", &["constant", "reflect", "edge", "wrap"])? {
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Replicate,
        "wrap" => PadMode::Circular,
        _ => PadMode::Constant(constant),
    };
    let rank = builder.shape(&input).len();
    let axes = match builder.known_integers(node, 3, "the axes")? {
        Some(axes) => axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Outcome<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return refuse(format!("has pads {pads:?} for {} axes", axes.len()));
    }
    let mut sides = vec![(0, 0); rank];
    for (number, &axis) in axes.iter().enumerate() {
        sides[axis] = (pads[number], pads[axes.len() + number]);
    }
    let cropped = cropped(builder, &input, &sides)?;
    one(padded(builder, &cropped, &sides, mode))
}

/// Without the pixels that negative pads take off.
fn cropped(builder: &mut Builder, value: &Datum, sides: &[(i64, i64)]) -> Outcome<Datum> {
    let shape = builder.shape(value).to_vec();
    let mut view = Strided::new(&shape)?;
    for (axis, &(before, after)) in sides.iter().enumerate() {
        let off = |pad: i64| usize::try_from(pad.min(0).unsigned_abs()).unwrap_or(usize::MAX);
        let first = off(before);
        let Some(count) = shape[axis].checked_sub(first).and_then(|rest| rest.checked_sub(off(after))) else {
            return refuse(format!("takes more pixels off than axis {axis} of {shape:?} has"));
        };
        view = view.sliced(axis, first, 1, count)?;
    }
    strided(builder, value, view)
}

/// With the pixels that positive pads add.
fn padded(builder: &mut Builder, value: &Datum, sides: &[(i64, i64)], mode: PadMode) -> Outcome<Datum> {
    let added = |pad: i64| usize::try_from(pad.max(0)).unwrap_or(usize::MAX);
    let sides: Vec<(usize, usize)> = sides.iter().map(|&(before, after)| (added(before), added(after))).collect();
    let Some(first) = sides.iter().position(|&side| side != (0, 0)) else { return Ok(value.clone()) };
    // Axes before the first that is padded are batch and channels to the layer, or no axes of it at all.
    macro_rules! over {
        ($($axes:literal)*) => {
            match sides.len() - first.min(2) {
                $($axes => {
                    let sides: [(usize, usize); $axes] = sides.last_chunk().copied().unwrap_or_default();
                    builder.module(Pad::<$axes>::new(sides).mode(mode), value)
                })*
                _ => refuse("of more than 6 axes is not supported"),
            }
        };
    }
    over!(1 2 3 4 5 6)
}
