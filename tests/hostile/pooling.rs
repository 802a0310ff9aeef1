//! What poolings are: which pixels a window or a box has, and what each reduction makes of them.

use super::definition::{Expected, Terms};
use super::layout::{Along, unravel, walk};
use super::own::Own;
use super::random::Number;

/// A reduction, of the crate or of a user's own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reducing {
    Max,
    Min,
    Average { padding: bool },
    L2,
    Lp(f64),
    Own(Own),
}

impl Reducing {
    /// Whether it picks one of the pixels: of zeros, any.
    pub(crate) fn picks(self) -> bool {
        matches!(self, Self::Max | Self::Min)
    }

    /// `counted` are the taps that lie on pixels or on padding.
    fn reduce<T: Number>(self, pixels: &[T], counted: usize) -> Option<Expected<T>> {
        let pick = |prefers: fn(&T, &T) -> bool| {
            let nan = pixels.iter().copied().find(|pixel| pixel.is_nan());
            let best = || pixels.iter().copied().reduce(|best, next| if prefers(&next, &best) { next } else { best });
            Expected::Exactly(nan.or_else(best).expect("a window has a pixel"))
        };
        let sum = |term: &dyn Fn(f64) -> f64| {
            let mut terms = Terms::default();
            for pixel in pixels {
                terms.add(term(pixel.float()), 1.0);
            }
            terms
        };
        Some(match self {
            Self::Max => pick(|next, best| next > best),
            Self::Min => pick(|next, best| next < best),
            Self::Average { padding } => {
                let divisor = if padding { counted } else { pixels.len() } as f64;
                Expected::Near { terms: sum(&|pixel| pixel), divisor, relu: false }
            }
            Self::L2 => Expected::Root { terms: squares(pixels), order: 2.0 },
            Self::Lp(order) => Expected::Root { terms: powers(pixels, order), order },
            Self::Own(own) => Expected::Exactly(own.reduce(pixels)?),
        })
    }
}

fn squares<T: Number>(pixels: &[T]) -> Terms {
    let mut terms = Terms::default();
    for pixel in pixels {
        terms.add(pixel.float(), pixel.float());
    }
    terms
}

fn powers<T: Number>(pixels: &[T], order: f64) -> Terms {
    let mut terms = Terms::default();
    for pixel in pixels {
        let pixel = pixel.float().abs();
        // A power of a finite number overflows, but is finite by the definition.
        let power = if pixel.is_finite() { pixel.powf(order).min(f64::MAX) } else { pixel };
        terms.add(power, 1.0);
    }
    terms
}

/// Where the pixels of an output lie on each axis.
#[derive(Debug)]
pub(crate) enum Places {
    Windows(Vec<Along>),
    /// Lengths, and outputs.
    Boxes(Vec<(usize, usize)>),
}

impl Places {
    pub(crate) fn lengths(&self) -> Vec<usize> {
        match self {
            Self::Windows(axes) => axes.iter().map(|axis| axis.length).collect(),
            Self::Boxes(axes) => axes.iter().map(|&(length, _)| length).collect(),
        }
    }

    pub(crate) fn outputs(&self) -> Vec<usize> {
        match self {
            Self::Windows(axes) => axes.iter().map(|axis| axis.outputs).collect(),
            Self::Boxes(axes) => axes.iter().map(|&(_, outputs)| outputs).collect(),
        }
    }

    /// The pixels of an output along an axis, and the taps that count.
    fn along(&self, axis: usize, output: usize) -> (Vec<usize>, usize) {
        match self {
            Self::Windows(axes) => (axes[axis].pixels(output), axes[axis].within_padding(output)),
            Self::Boxes(axes) => {
                let (length, outputs) = (axes[axis].0 as u128, axes[axis].1 as u128);
                // By counting: a pixel belongs to a box if any part of it does.
                let (start, end) = (output as u128 * length, (output as u128 + 1) * length);
                let meets = |&pixel: &usize| (pixel as u128 + 1) * outputs > start && (pixel as u128) * outputs < end;
                let pixels: Vec<usize> = (0..axes[axis].0).filter(meets).collect();
                let counted = pixels.len();
                (pixels, counted)
            }
        }
    }
}

/// A pooling of planes.
#[derive(Debug)]
pub(crate) struct Pooling<'a, T> {
    pub(crate) places: Places,
    pub(crate) reducing: Reducing,
    pub(crate) input: &'a [T],
}

impl<T: Number> Pooling<'_, T> {
    /// The pixels of an output as indices into its plane, and the taps that count.
    fn pixels(&self, flat: usize) -> (usize, Vec<usize>, usize) {
        let (lengths, outputs) = (self.places.lengths(), self.places.outputs());
        let of_map: usize = outputs.iter().product();
        let place = unravel(flat % of_map, outputs.iter().copied());
        let (mut lists, mut counted) = (Vec::new(), 1_usize);
        for (axis, &output) in place.iter().enumerate() {
            let (pixels, taps) = self.places.along(axis, output);
            lists.push((lengths[axis], pixels.into_iter().map(Some).collect()));
            counted = counted.saturating_mul(taps);
        }
        let mut pixels = Vec::new();
        walk(&lists, &mut |pixel, _| pixels.extend(pixel));
        (flat / of_map * lengths.iter().product::<usize>(), pixels, counted)
    }

    /// `None` where the reduction is one that lies.
    pub(crate) fn at(&self, flat: usize) -> Option<Expected<T>> {
        let (plane, pixels, counted) = self.pixels(flat);
        let pixels: Vec<T> = pixels.into_iter().map(|pixel| self.input[plane + pixel]).collect();
        self.reducing.reduce(&pixels, counted)
    }

    /// The index of the pixel that is picked: of equal ones the first, of several NaNs the last.
    pub(crate) fn index_at(&self, flat: usize) -> usize {
        let (plane, pixels, _) = self.pixels(flat);
        let value = |index: &&usize| self.input[plane + **index];
        if let Some(&nan) = pixels.iter().rev().find(|index| value(index).is_nan()) {
            return nan;
        }
        let mut best = pixels[0];
        for index in &pixels {
            let (one, other) = (value(&index), value(&&best));
            if if matches!(self.reducing, Reducing::Max) { one > other } else { one < other } {
                best = *index;
            }
        }
        best
    }
}
