//! Maps made larger or smaller, by factors and to sizes of any kind.

use featuremap::{Error, Float, Interpolation, Upsample};

use super::around::Layer;
use super::check::{Input, Stage};
use super::definition::Expected;
use super::layers::{are_no_maps, input_shape};
use super::layout::{array, countable, unravel};
use super::random::{Kind, Number, Random};

/// What an upsampling is asked for.
#[derive(Debug, Clone)]
enum Target {
    Whole(Vec<usize>),
    Factors(Vec<f64>),
    Size(Vec<usize>),
}

impl Target {
    fn draw(random: &mut Random, axes: usize) -> Self {
        let hostile = random.once_in(8);
        match random.below(3) {
            0 => Self::Whole(random.list(axes, |random| if hostile { random.hostile() } else { random.from(1, 4) })),
            1 => {
                let odd = [f64::NAN, f64::INFINITY, 0.0, -0.0, -1.0, 1e30, 1e-30, f64::MAX, 5e-324];
                let factor =
                    |random: &mut Random| if hostile { random.pick(&odd) } else { 1.7 + random.few_units() / 3.0 };
                Self::Factors((0..axes).map(|_| factor(random)).collect())
            }
            _ => Self::Size(random.list(axes, |random| if hostile { random.hostile() } else { random.from(1, 20) })),
        }
    }

    fn layer<const N: usize>(&self) -> Upsample<N> {
        match self {
            Self::Whole(factors) => Upsample::by(array::<_, N>(factors)),
            Self::Factors(factors) => Upsample::by_factors(array(factors)),
            Self::Size(size) => Upsample::to(array::<_, N>(size)),
        }
    }

    fn factor(&self, axis: usize) -> Option<f64> {
        match self {
            Self::Whole(factors) => Some(factors[axis] as f64),
            Self::Factors(factors) => Some(factors[axis]),
            Self::Size(_) => None,
        }
    }

    /// The pixels of an axis of so many; `None` where that is none or more than can be counted.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is too large is seen before")]
    fn outputs(&self, axis: usize, length: usize) -> Option<usize> {
        let outputs = match (self, self.factor(axis)) {
            (Self::Size(size), _) => size[axis],
            (_, Some(factor)) if factor > 0.0 && factor.is_finite() => {
                let outputs = (length as f64 * factor).floor();
                if outputs >= 2.0_f64.powi(usize::BITS.cast_signed()) {
                    return None;
                }
                outputs as usize
            }
            _ => return None,
        };
        (outputs > 0 && length > 0).then_some(outputs)
    }

    /// From a place of the output to one of the input.
    fn step(&self, along: &Along) -> f64 {
        self.factor(along.axis).map_or(along.length as f64 / along.outputs as f64, f64::recip)
    }
}

/// An axis that is upsampled.
#[derive(Debug, Clone, Copy)]
struct Along {
    axis: usize,
    length: usize,
    outputs: usize,
}

fn sizes(shape: &[usize], axes: usize, target: &Target) -> Option<(Vec<Along>, Vec<usize>)> {
    let before = shape.len().checked_sub(axes).filter(|&before| before < 3)?;
    let along = |(axis, &length): (usize, &usize)| Some(Along { axis, length, outputs: target.outputs(axis, length)? });
    let along: Vec<_> = shape[before..].iter().enumerate().map(along).collect::<Option<_>>()?;
    let upsampled: Vec<_> = shape[..before].iter().copied().chain(along.iter().map(|axis| axis.outputs)).collect();
    countable(&upsampled, 1).then_some((along, upsampled))
}

pub(crate) fn check<T: Number + Float, const N: usize>(stage: &Stage, random: &mut Random) {
    let channels = random.from(1, 3);
    let shape = input_shape(random, stage, N, channels);
    let target = Target::draw(random, N);
    let interpolation = random.pick(&[
        Interpolation::Nearest,
        Interpolation::Linear,
        Interpolation::Linear,
        Interpolation::LinearWithAlignedCorners,
    ]);
    let kind = Kind::draw(random);
    let input = Input::<T>::draw(random, kind, &shape);
    let module = target.layer::<N>().interpolation(interpolation);
    let (along, upsampled) = sizes(&shape, N, &target).unzip();
    let along = along.unwrap_or_default();
    let pixels = input.array.as_slice().expect("it is in order");
    let layer = Layer {
        module: &module,
        shape: upsampled,
        admits: &|error| match error {
            Error::Rank { .. } | Error::EmptyAxis { .. } => are_no_maps(error, &shape, N),
            Error::Zero { axis, .. } => target.outputs(*axis, shape[shape.len() - N + axis]).is_none(),
            Error::Number { found, .. } => !(*found > 0.0 && found.is_finite()),
            Error::TooLarge { .. } => true,
            _ => false,
        },
        definition: &|place| {
            let of_map: usize = along.iter().map(|axis| axis.outputs).product();
            let places = unravel(place % of_map, along.iter().map(|axis| axis.outputs));
            let of_plane: usize = along.iter().map(|axis| axis.length).product();
            let plane = &pixels[place / of_map * of_plane..][..of_plane];
            match interpolation {
                Interpolation::Nearest => nearest(&target, &along, &places, plane),
                _ => linear(&target, interpolation, &along, &places, plane),
            }
        },
        terms: 8,
        zeros: true,
    };
    layer.check(stage, random, &input);
}

/// Unknown where the rounding of a place decides which pixel is the nearest.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places are those of pixels")]
fn nearest<T: Number>(target: &Target, along: &[Along], places: &[usize], plane: &[T]) -> Option<Expected<T>> {
    let unit = T::PRECISION?.unit;
    let mut flat = 0;
    for (axis, &at) in along.iter().zip(places) {
        let place = at as f64 * target.step(axis);
        let pixel = |share: f64| ((place * share).floor() as usize).min(axis.length - 1);
        if pixel(1.0 - 4.0 * unit) != pixel(1.0 + 4.0 * unit) {
            return None;
        }
        flat = flat * axis.length + pixel(1.0);
    }
    Some(Expected::Exactly(plane[flat]))
}

/// The two neighbours of a place on each axis, and the shares of each. A pixel without a share does not count, whatever it is.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places are those of pixels")]
fn linear<T: Number>(
    target: &Target,
    interpolation: Interpolation,
    along: &[Along],
    places: &[usize],
    plane: &[T],
) -> Option<Expected<T>> {
    let precision = T::PRECISION?;
    // Index, share and the largest place.
    let (mut corners, mut furthest) = (vec![(0, 1.0)], 0.0_f64);
    for (axis, &at) in along.iter().zip(places) {
        let last = (axis.length - 1) as f64;
        let place = match interpolation {
            Interpolation::LinearWithAlignedCorners if axis.outputs == 1 => 0.0,
            Interpolation::LinearWithAlignedCorners => last / (axis.outputs - 1) as f64 * at as f64,
            _ => target.step(axis) * (at as f64 + 0.5) - 0.5,
        };
        let place = place.max(0.0).min(last);
        let share = place.fract();
        furthest = furthest.max(place);
        let both = [(place as usize, 1.0 - share), (place.ceil() as usize, share)];
        corners = corners
            .iter()
            .flat_map(|&(flat, of)| both.map(|(pixel, share)| (flat * axis.length + pixel, of * share)))
            .collect();
    }
    corners.retain(|&(_, share)| share > 0.0);
    let (mut value, mut size) = (0.0, 0.0);
    for (flat, share) in corners {
        let pixel = plane[flat].float();
        if !pixel.is_finite() && share < 1e-5 {
            return None;
        }
        value += share * pixel;
        size += if pixel.is_finite() { pixel.abs() } else { 0.0 };
    }
    let off = precision.unit * size * (16.0 + 8.0 * furthest) + 8.0 * precision.least;
    // For a float, places are far more exact than pixels.
    let off = if precision.unit > 1e-10 { precision.unit * size * 16.0 + 8.0 * precision.least } else { off };
    Some(Expected::About { value, off })
}
