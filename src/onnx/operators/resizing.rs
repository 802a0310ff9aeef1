//! `Resize`, and `Upsample` as it was called before.

use super::interpolation::{Coordinates, Filter, FilterKind, Nearest};
use super::one;
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::constant::sizes;
use crate::onnx::layers::Resampled;
use crate::onnx::node::{Node, axis_of};
use crate::onnx::refusal::{Outcome, refuse};
use crate::{Interpolation, Upsample2d};

/// An axis that is brought to another size.
struct Resized {
    axis: usize,
    length: usize,
    size: usize,
    scale: f64,
    /// The part of the axis that is taken, for `tf_crop_and_resize`.
    region: (f64, f64),
}

pub(super) fn resize(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    // The tenth version has the scales as its second input, and the rules of the old `Upsample`.
    if node.operator == "Upsample" || builder.opset < 11 {
        let scales = match builder.opset < 9 {
            true => node.floats("scales")?,
            false => builder
                .known(node, 1, "the scales")?
                .map(|scales| scales.as_floats().map(<[f32]>::to_vec))
                .transpose()?,
        };
        let Some(scales) = scales else { return refuse("has no scales") };
        let kind = node.one_of("mode", "nearest", &["nearest", "linear", "bilinear"])?;
        let kind = if kind == "nearest" { FilterKind::Nearest(Nearest::Floor) } else { FilterKind::Linear };
        let axes: Vec<usize> = (0..shape.len()).collect();
        let resized = by_scales(&shape, &axes, &scales)?;
        return one(apply(builder, &input, resized, &Filter::plain(kind, Coordinates::Asymmetric)));
    }
    let axes = match node.ints("axes")? {
        Some(axes) => axes.iter().map(|&axis| axis_of(axis, shape.len())).collect::<Outcome<Vec<_>>>()?,
        None => (0..shape.len()).collect(),
    };
    let scales = builder.known(node, 2, "the scales")?.filter(|scales| scales.len() > 0);
    let asked = builder.known_integers(node, 3, "the sizes")?.filter(|sizes| !sizes.is_empty());
    let mut resized = match (scales, asked) {
        (Some(scales), None) => by_scales(&shape, &axes, scales.as_floats()?)?,
        (None, Some(asked)) => by_sizes(node, &shape, &axes, &sizes(&asked)?)?,
        _ => return refuse("needs either scales or sizes"),
    };
    let filter = filter(node)?;
    if filter.coordinates == Coordinates::Crop {
        let Some(roi) = builder.known(node, 1, "the region")? else { return refuse("has no region") };
        let roi = roi.as_floats()?;
        if roi.len() != 2 * axes.len() {
            return refuse(format!("has a region of {} numbers for {} axes", roi.len(), axes.len()));
        }
        for (number, resized) in resized.iter_mut().enumerate() {
            resized.region = (roi[number].into(), roi[axes.len() + number].into());
        }
    }
    one(apply(builder, &input, resized, &filter))
}

fn filter(node: &Node) -> Outcome<Filter> {
    let nearest = match node.one_of(
        "nearest_mode",
        "round_prefer_floor",
        &["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
    )? {
        "round_prefer_floor" => Nearest::PreferFloor,
        "round_prefer_ceil" => Nearest::PreferCeil,
        "floor" => Nearest::Floor,
        _ => Nearest::Ceil,
    };
    let kind = match node.one_of("mode", "nearest", &["nearest", "linear", "cubic"])? {
        "nearest" => FilterKind::Nearest(nearest),
        "linear" => FilterKind::Linear,
        _ => FilterKind::Cubic(node.float_or("cubic_coeff_a", -0.75)?),
    };
    let all = [
        ("half_pixel", Coordinates::HalfPixel),
        ("half_pixel_symmetric", Coordinates::HalfPixelSymmetric),
        ("pytorch_half_pixel", Coordinates::PyTorch),
        ("align_corners", Coordinates::AlignCorners),
        ("asymmetric", Coordinates::Asymmetric),
        ("tf_crop_and_resize", Coordinates::Crop),
    ];
    let found = node.text_or("coordinate_transformation_mode", "half_pixel")?;
    let Some((_, coordinates)) = all.into_iter().find(|(name, _)| *name == found) else {
        return refuse(format!("with coordinate_transformation_mode {found} is not supported"));
    };
    Ok(Filter {
        kind,
        coordinates,
        antialias: node.flag("antialias")?,
        exclude_outside: node.flag("exclude_outside")?,
        outside: node.float("extrapolation_value")?.unwrap_or(0.0),
    })
}

/// `⌊length · scale⌋` for each axis.
fn by_scales(shape: &[usize], axes: &[usize], scales: &[f32]) -> Outcome<Vec<Resized>> {
    if scales.len() != axes.len() {
        return refuse(format!("has scales {scales:?} for {} axes", axes.len()));
    }
    let of = |(&axis, &scale): (&usize, &f32)| {
        let length = shape[axis];
        // As finely as ONNX Runtime computes it.
        let size = num_traits::cast::<f32, usize>((length as f32 * scale).floor());
        match size.filter(|_| scale > 0.0) {
            Some(size) => Ok(Resized { axis, length, size, scale: scale.into(), region: (0.0, 1.0) }),
            None => refuse(format!("has the scale {scale}")),
        }
    };
    axes.iter().zip(scales).map(of).collect()
}

/// To sizes, or to the nearest ones that keep the proportions of the axes.
fn by_sizes(node: &Node, shape: &[usize], axes: &[usize], sizes: &[usize]) -> Outcome<Vec<Resized>> {
    if sizes.len() != axes.len() {
        return refuse(format!("has sizes {sizes:?} for {} axes", axes.len()));
    }
    let policy = node.one_of("keep_aspect_ratio_policy", "stretch", &["stretch", "not_larger", "not_smaller"])?;
    let scales = || axes.iter().zip(sizes).map(|(&axis, &size)| size as f64 / shape[axis] as f64);
    let common = match policy {
        "not_larger" => Some(scales().fold(f64::INFINITY, f64::min)),
        "not_smaller" => Some(scales().fold(0.0, f64::max)),
        _ => None,
    };
    let of = |(&axis, &size): (&usize, &usize)| {
        let length = shape[axis];
        let (scale, size) = match common {
            None => (size as f64 / length as f64, Some(size)),
            Some(scale) => (scale, num_traits::cast((scale * length as f64).round())),
        };
        match size {
            Some(size) => Ok(Resized { axis, length, size, scale, region: (0.0, 1.0) }),
            None => refuse(format!("has sizes {sizes:?} for an input of shape {shape:?}")),
        }
    };
    axes.iter().zip(sizes).map(of).collect()
}

fn apply(builder: &mut Builder, value: &Datum, resized: Vec<Resized>, filter: &Filter) -> Outcome<Datum> {
    let shape = builder.shape(value).to_vec();
    if let Some(upsample) = upsampled(&shape, &resized, filter) {
        return builder.module(upsample, value);
    }
    let mut axes = Vec::new();
    for Resized { axis, length, size, scale, region } in resized {
        if length == 0 {
            return refuse(format!("has an input of shape {shape:?}"));
        }
        // Of an axis that stays as it is, each place is itself.
        if (length, scale) == (size, 1.0) && filter.coordinates != Coordinates::Crop {
            continue;
        }
        let taps = filter.most_taps(scale);
        builder.spend_on(&[size, taps], size_of::<(usize, f32)>())?;
        axes.push((axis, (0..size).map(|at| filter.taps(at, length, size, scale, region)).collect()));
    }
    if axes.is_empty() {
        return Ok(value.clone());
    }
    builder.module(Resampled::new(&shape, axes)?, value)
}

/// The layer of this crate that does the same to maps, where there is one.
fn upsampled(shape: &[usize], resized: &[Resized], filter: &Filter) -> Option<Upsample2d> {
    let [.., height, width] = resized else { return None };
    #[allow(clippy::float_cmp, reason = "a scale that changes nothing")]
    let stay = |resized: &Resized| resized.length == resized.size && resized.scale == 1.0;
    let (others, whole) = resized.split_at(resized.len() - 2);
    let is_of_maps = shape.len() == 4 && (height.axis, width.axis) == (2, 3) && others.iter().all(stay);
    let is_exact = |axis: &Resized| (axis.size as f64 - axis.scale * axis.length as f64).abs() < 1e-6;
    if !is_of_maps || filter.antialias || shape.contains(&0) || !whole.iter().all(is_exact) {
        return None;
    }
    let upsample = Upsample2d::to([height.size, width.size]);
    let is_larger = whole.iter().all(|axis| axis.size.is_multiple_of(axis.length));
    match (&filter.kind, filter.coordinates) {
        (FilterKind::Nearest(Nearest::Floor), Coordinates::Asymmetric) if is_larger => Some(upsample),
        // The middle of a pixel that is made larger is nearest to that pixel.
        (FilterKind::Nearest(Nearest::PreferFloor | Nearest::PreferCeil), Coordinates::HalfPixel) if is_larger => {
            Some(upsample)
        }
        (FilterKind::Linear, Coordinates::HalfPixel) => Some(upsample.interpolation(Interpolation::Linear)),
        (FilterKind::Linear, Coordinates::AlignCorners) => {
            Some(upsample.interpolation(Interpolation::LinearWithAlignedCorners))
        }
        _ => None,
    }
}
