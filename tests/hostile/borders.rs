//! Borders around maps, of every mode, of any size.

use featuremap::{Error, Pad, PadMode, PaddingMode};

use super::around::Layer;
use super::check::{Input, Stage};
use super::definition::Expected;
use super::layers::{are_no_maps, input_shape};
use super::layout::{Along, are_too_large, array, countable, unravel};
use super::random::{Kind, Number, Random};

pub(crate) fn check<T: Number, const N: usize>(stage: &Stage, random: &mut Random) {
    let hostile = random.once_in(6);
    let channels = random.from(1, 3);
    let shape = input_shape(random, stage, N, channels);
    let mut side = |_| if hostile { random.hostile() } else { random.below(5) };
    let sides: Vec<(usize, usize)> = (0..N).map(|axis| (side(axis), side(axis))).collect();
    let constant = random.few_units().round();
    let constant = random.pick(&[0.0, constant, 300.0]);
    let mode = random.pick(&[
        PadMode::Constant(constant),
        PadMode::Reflect,
        PadMode::Symmetric,
        PadMode::Replicate,
        PadMode::Circular,
    ]);
    let kind = Kind::draw(random);
    let input = Input::<T>::draw(random, kind, &shape);
    let pad = Pad::<N>::new(array(&sides)).mode(mode);
    let (along, padded) = padded(&shape, &sides, mode).unzip();
    let along = along.unwrap_or_default();
    let pixels = input.array.as_slice().expect("it is in order");
    let layer = Layer {
        module: &pad,
        shape: padded,
        admits: &|error| match error {
            Error::Rank { .. } | Error::EmptyAxis { .. } => are_no_maps(error, &shape, N),
            Error::TooLarge { sizes, .. } => are_too_large(sizes),
            Error::PaddingMode { axis, before, after, length, most, .. } => {
                (*before, *after) == sides[*axis] && before.max(after) > most && most + 1 >= *length
            }
            _ => false,
        },
        definition: &|place| {
            let of_map: usize = along.iter().map(|axis| axis.outputs).product();
            let places = unravel(place % of_map, along.iter().map(|axis| axis.outputs));
            let mut flat = place / of_map;
            for (axis, at) in along.iter().zip(places) {
                let Some(pixel) = bordered(axis, mode, at) else {
                    return Some(Expected::Exactly(T::of_float(constant)));
                };
                flat = flat * axis.length + pixel;
            }
            Some(Expected::Exactly(pixels[flat]))
        },
        terms: 1,
        zeros: false,
    };
    layer.check(stage, random, &input);
}

/// Axes with their borders, and the shape that comes out.
fn padded(shape: &[usize], sides: &[(usize, usize)], mode: PadMode) -> Option<(Vec<Along>, Vec<usize>)> {
    let before = shape.len().checked_sub(sides.len()).filter(|&before| before < 3)?;
    let mut along = Vec::new();
    for (&length, &(before, after)) in shape[before..].iter().zip(sides) {
        let outputs = length.checked_add(before)?.checked_add(after)?;
        let most = match mode {
            PadMode::Reflect => length.checked_sub(1)?,
            PadMode::Circular => length,
            _ => usize::MAX,
        };
        if !matches!(mode, PadMode::Constant(_)) && length == 0 || before.max(after) > most {
            return None;
        }
        along.push(Along { length, size: 1, stride: 1, dilation: 1, before, after, outputs });
    }
    let padded: Vec<_> = shape[..before].iter().copied().chain(along.iter().map(|axis| axis.outputs)).collect();
    countable(&padded, 1).then_some((along, padded))
}

/// The pixel at a place of a padded axis.
fn bordered(axis: &Along, mode: PadMode, at: usize) -> Option<usize> {
    let position = axis.position(at, 0);
    let mode = match mode {
        PadMode::Reflect => PaddingMode::Reflect,
        PadMode::Symmetric => PaddingMode::Symmetric,
        PadMode::Replicate => PaddingMode::Replicate,
        PadMode::Circular => PaddingMode::Circular,
        _ => PaddingMode::Zeros,
    };
    axis.source(mode, position)
}
