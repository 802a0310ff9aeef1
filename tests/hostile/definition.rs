//! What operations are, one output at a time: sums in `f64` or whole numbers, from the definition and from nothing of the crate.

#![allow(clippy::float_cmp, reason = "infinities are equal or not")]

use featuremap::PaddingMode;

use super::layout::{Along, unravel, walk};
use super::random::{Number, Precision};

/// What an output must be.
#[derive(Debug)]
pub(crate) enum Expected<U> {
    /// Just this. Of two zeros of unlike signs either may be meant.
    Exactly(U),
    /// A sum, divided by a number, which may go through a ReLU.
    Near { terms: Terms, divisor: f64, relu: bool },
    /// The root of this order of a sum.
    Root { terms: Terms, order: f64 },
    /// A number, and how far off it may be.
    About { value: f64, off: f64 },
}

/// How outputs are computed, where rounding errors depend on it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Term by term.
    #[default]
    Terms,
    /// In Winograd's tiles.
    Tiles,
    /// Filters with a column and then with a row.
    Passes,
}

impl Way {
    /// Of what a plan says.
    pub(crate) fn of(algorithm: &str) -> Self {
        match algorithm {
            _ if algorithm.contains("winograd") => Self::Tiles,
            _ if algorithm.contains("separable") => Self::Passes,
            _ => Self::Terms,
        }
    }
}

/// A sum of floats by the definition, and what its rounding is measured by.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Terms {
    /// Of the terms that are finite.
    sum: f64,
    /// The same without signs.
    size: f64,
    count: usize,
    nan: bool,
    up: bool,
    down: bool,
    way: Way,
    /// All weights without signs.
    weights: f64,
    /// The largest pixel that a tile with this output may have.
    beside: f64,
}

impl Terms {
    pub(crate) fn add(&mut self, pixel: f64, weight: f64) {
        let product = pixel * weight;
        self.count += 1;
        self.weights += if weight.is_finite() { weight.abs() } else { 0.0 };
        if pixel.is_finite() && weight.is_finite() {
            self.sum += product;
            self.size += product.abs();
        } else {
            self.nan |= product.is_nan();
            self.up |= product == f64::INFINITY;
            self.down |= product == f64::NEG_INFINITY;
        }
    }

    /// The value where that is not a finite number.
    fn odd(&self) -> Option<f64> {
        match (self.nan || self.up && self.down, self.up, self.down) {
            (true, ..) => Some(f64::NAN),
            (_, true, _) => Some(f64::INFINITY),
            (.., true) => Some(f64::NEG_INFINITY),
            _ => None,
        }
    }

    /// Whether a part of the sum, added up in some order, might overflow.
    fn may_overflow(&self, precision: Precision) -> bool {
        self.size > precision.largest * 0.999 || self.size.is_nan()
    }

    /// The same sum with every term multiplied by a number, and another one added, for which weights were rounded once more.
    pub(crate) fn scaled(self, factor: f64, offset: f64) -> Self {
        let mut scaled = Self { sum: self.sum * factor, size: self.size * factor.abs(), count: self.count + 4, ..self };
        scaled.add(offset, 1.0);
        scaled.weights = self.weights * factor.abs();
        if factor < 0.0 {
            (scaled.up, scaled.down) = (self.down, self.up);
        }
        scaled.nan |= factor == 0.0 && (self.up || self.down);
        scaled
    }

    /// How far a sum of these terms may be off, added up in any order: by half a unit for each product and each sum, of at most the
    /// sum of sizes (N. Higham, "Accuracy and stability of numerical algorithms", section 3.1), and by as much below the least
    /// number. The reference has rounding errors itself, where it is no more exact. What the ways add is documented at `Conv`.
    fn tolerance(&self, precision: Precision) -> f64 {
        let both = if precision.unit < 1e-10 { 2.0 } else { 1.0 };
        let terms = self.count as f64 + 8.0;
        // Of numbers that are smaller than normal ones.
        let least = match self.way {
            Way::Terms => 1.0,
            // A number of a tile is off by half the least for each channel, and counts up to 19 times along each of two axes: by 180 for
            // nine terms.
            Way::Tiles => TILES,
            // A column comes to at least a half (but where the filter does not come to one) and at most 1, as more might overflow: the
            // row comes to twice the filter at most, and each of its numbers is off by half the least for each weight of the column.
            Way::Passes => self.weights.max(1.0),
        };
        let beside = if self.beside > 0.0 { TILES * precision.unit * self.beside * self.weights } else { 0.0 };
        both * terms * (precision.unit * self.size + least * precision.least) + beside
    }
}

/// Rounding errors of Winograd's tiles, in units of the largest pixel of a tile times the sum of the weights without their signs. A
/// multiply-add that is not fused rounds twice.
const TILES: f64 = if cfg!(target_family = "wasm") { 40.0 } else { 20.0 };

pub(crate) fn agree<U: Number>(found: U, expected: &Expected<U>, zeros: bool) -> bool {
    match expected {
        Expected::Exactly(value) => found.same(*value, zeros),
        Expected::Near { terms, divisor, relu } => {
            near(found.float(), terms, *divisor, *relu, U::PRECISION.expect("floats are near"))
        }
        Expected::About { value, off } => about(found.float(), *value, *off, U::PRECISION.expect("floats are near")),
        Expected::Root { terms, order } => root(found.float(), terms, *order, U::PRECISION.expect("floats are near")),
    }
}

fn rectified(value: f64, relu: bool) -> f64 {
    if relu && value < 0.0 { 0.0 } else { value }
}

fn near(found: f64, terms: &Terms, divisor: f64, relu: bool, precision: Precision) -> bool {
    if let Some(odd) = terms.odd() {
        let same = rectified(odd, relu) == found || odd.is_nan() && found.is_nan();
        // Beside an infinity, what overflows to the other side makes NaN.
        return same || terms.may_overflow(precision) && found.is_nan();
    }
    let expected = rectified(terms.sum / divisor, relu);
    let tolerance = terms.tolerance(precision) / divisor + precision.unit * expected.abs() + precision.least;
    let close = (found - expected).abs() <= tolerance;
    if terms.may_overflow(precision) {
        return close || !found.is_finite() || relu && found == 0.0 || terms.size.is_infinite();
    }
    close
}

fn about(found: f64, value: f64, off: f64, precision: Precision) -> bool {
    if !value.is_finite() {
        return found == value || value.is_nan() && found.is_nan();
    }
    let overflows = value.abs() + off > precision.largest * 0.999_999 && found.abs() > precision.largest * 0.999;
    (found - value).abs() <= off || overflows && found.is_sign_negative() == value.is_sign_negative()
}

fn root(found: f64, terms: &Terms, order: f64, precision: Precision) -> bool {
    if let Some(odd) = terms.odd() {
        return found == odd || odd.is_nan() && found.is_nan();
    }
    if terms.may_overflow(precision) {
        return found.is_infinite() || found.powf(order) >= precision.largest * 0.9;
    }
    // Each power is off by a few units, as is the root, whose exponent is rounded, too.
    let most = terms.tolerance(precision) * 4.0;
    let exponent = (terms.sum + most).ln().abs().max((terms.sum - most).max(precision.least).ln().abs()) / order;
    let off = precision.unit * (16.0 + 2.0 * exponent);
    let low = (terms.sum - most).max(0.0).powf(order.recip()) * (1.0 - off);
    let high = (terms.sum + most).powf(order.recip()) * (1.0 + off);
    let overflows = high > precision.largest * 0.999 && found.is_infinite();
    overflows || (low - precision.least..=high + precision.least).contains(&found)
}

/// A convolution of `[image, channel, …]` with a bank `[filter, channel of a group, …]`.
#[derive(Debug)]
pub(crate) struct Convolution<'a, T: Number<Sum: Number>> {
    pub(crate) axes: Vec<Along>,
    pub(crate) mode: PaddingMode,
    pub(crate) relu: bool,
    pub(crate) groups: usize,
    pub(crate) input: &'a [T],
    pub(crate) filters: &'a [T],
    pub(crate) bias: Option<&'a [T::Sum]>,
    /// Filters in all, and channels of a group.
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
}

impl<T: Number<Sum: Number>> Convolution<'_, T> {
    fn pixels(&self) -> usize {
        self.axes.iter().map(|axis| axis.length).product()
    }

    /// The image, the filter, and the place of an output.
    fn place(&self, flat: usize) -> (usize, usize, Vec<usize>) {
        let of_map: usize = self.axes.iter().map(|axis| axis.outputs).product();
        let place = unravel(flat % of_map, self.axes.iter().map(|axis| axis.outputs));
        (flat / of_map / self.outputs, flat / of_map % self.outputs, place)
    }

    /// An output, which is computed in this way.
    pub(crate) fn at(&self, flat: usize, way: Way) -> Expected<T::Sum> {
        let (image, filter, place) = self.place(flat);
        let group = filter / (self.outputs / self.groups);
        let taps: usize = self.axes.iter().map(|axis| axis.size).product();
        let under = |(axis, &output): (&Along, &usize)| {
            let sources = (0..axis.size).map(|tap| axis.source(self.mode, axis.position(output, tap)));
            (axis.length, sources.collect())
        };
        let under: Vec<_> = self.axes.iter().zip(&place).map(under).collect();
        let mut sum = Sum::of(self.bias.map(|bias| bias[filter]), self.relu);
        for channel in 0..self.inputs {
            let plane = (image * self.inputs * self.groups + group * self.inputs + channel) * self.pixels();
            let weights = &self.filters[(filter * self.inputs + channel) * taps..][..taps];
            walk(&under, &mut |pixel, tap| {
                sum.add(pixel.map_or(T::ZERO, |pixel| self.input[plane + pixel]), weights[tap]);
            });
        }
        let mut expected = sum.expected();
        if let Expected::Near { terms, .. } = &mut expected {
            terms.way = way;
            if way == Way::Tiles {
                terms.beside = self.beside(image, group, &place);
            }
        }
        expected
    }

    /// The largest pixel about an output, of those whose square is finite, times its weights.
    fn beside(&self, image: usize, group: usize, place: &[usize]) -> f64 {
        let about = |(axis, &output): (&Along, &usize)| {
            let reach = 4_i128.saturating_mul(axis.stride as i128).saturating_mul(axis.dilation as i128);
            let first = axis.position(output, 0).saturating_sub(reach).max(-(axis.before as i128));
            let end = axis.position(output, axis.size - 1).saturating_add(reach).saturating_add(1);
            let places = first..end.min(axis.length as i128 + axis.after as i128);
            (axis.length, places.map(|position| axis.source(self.mode, position)).collect())
        };
        let about: Vec<_> = self.axes.iter().zip(place).map(about).collect();
        let mut largest = 0.0_f64;
        for channel in 0..self.inputs {
            let plane = (image * self.inputs * self.groups + group * self.inputs + channel) * self.pixels();
            largest = self.largest(&about, plane).max(largest);
        }
        largest
    }

    /// The largest of some pixels of a plane, of those whose square is finite.
    fn largest(&self, about: &[(usize, Vec<Option<usize>>)], plane: usize) -> f64 {
        let limit = T::PRECISION.expect("floats have tiles").largest.sqrt();
        let mut largest = 0.0_f64;
        walk(about, &mut |pixel, _| {
            let size = pixel.map_or(0.0, |pixel| self.input[plane + pixel].float().abs());
            if size <= limit {
                largest = largest.max(size);
            }
        });
        largest
    }

    /// An output of the transposed convolution: here the axes are those of the small input, their lengths those of the output. The
    /// filters are `[channel, output of a group, …]`, and `inputs` and `outputs` are those of this convolution.
    pub(crate) fn transposed_at(&self, flat: usize, way: Way) -> Expected<T::Sum> {
        let of_map = self.pixels();
        let (image, output) = (flat / of_map / self.outputs, flat / of_map % self.outputs);
        let place = unravel(flat % of_map, self.axes.iter().map(|axis| axis.length));
        let of_group = self.outputs / self.groups;
        let taps: usize = self.axes.iter().map(|axis| axis.size).product();
        let small: usize = self.axes.iter().map(|axis| axis.outputs).product();
        // Which pixels and taps meet here.
        let meet = |(axis, &at): (&Along, &usize)| -> Vec<(usize, usize)> {
            let pixels = (0..axis.outputs).flat_map(|pixel| (0..axis.size).map(move |tap| (pixel, tap)));
            pixels.filter(|&(pixel, tap)| axis.position(pixel, tap) == at as i128).collect()
        };
        let meet: Vec<_> = self.axes.iter().zip(&place).map(meet).collect();
        let mut sum = Sum::of(self.bias.map(|bias| bias[output]), false);
        for channel in 0..self.inputs {
            let channel = output / of_group * self.inputs + channel;
            let plane = (image * self.inputs * self.groups + channel) * small;
            let weights = (channel * of_group + output % of_group) * taps;
            for number in 0..meet.iter().map(Vec::len).product() {
                let (mut pixel, mut tap) = (0, 0);
                for (axis, at) in unravel(number, meet.iter().map(Vec::len)).into_iter().enumerate() {
                    pixel = pixel * self.axes[axis].outputs + meet[axis][at].0;
                    tap = tap * self.axes[axis].size + meet[axis][at].1;
                }
                sum.add(self.input[plane + pixel], self.filters[weights + tap]);
            }
        }
        let mut expected = sum.expected();
        if let Expected::Near { terms, .. } = &mut expected {
            terms.way = way;
            if way == Way::Tiles {
                terms.beside = self.beside_transposed(image, output, &place);
            }
            if way != Way::Terms {
                terms.weights = self.weights_transposed(output);
            }
        }
        expected
    }

    /// As [`beside`](Self::beside), of the transposed convolution.
    fn beside_transposed(&self, image: usize, output: usize, place: &[usize]) -> f64 {
        let about = |(axis, &at): (&Along, &usize)| {
            let reach = 4_i128.saturating_mul(axis.stride as i128).saturating_mul(axis.dilation as i128);
            let near = |pixel: &usize| {
                let (first, last) = (axis.position(*pixel, 0), axis.position(*pixel, axis.size - 1));
                first.saturating_sub(reach) <= at as i128 && at as i128 <= last.saturating_add(reach)
            };
            (axis.outputs, (0..axis.outputs).filter(near).map(Some).collect())
        };
        let about: Vec<_> = self.axes.iter().zip(place).map(about).collect();
        let small: usize = self.axes.iter().map(|axis| axis.outputs).product();
        let first = image * self.groups + output / (self.outputs / self.groups);
        let planes = (0..self.inputs).map(|channel| (first * self.inputs + channel) * small);
        planes.map(|plane| self.largest(&about, plane)).fold(0.0, f64::max)
    }

    /// All weights of an output of the transposed convolution, without signs.
    fn weights_transposed(&self, output: usize) -> f64 {
        let of_group = self.outputs / self.groups;
        let taps: usize = self.axes.iter().map(|axis| axis.size).product();
        let channels = (0..self.inputs).map(|channel| output / of_group * self.inputs + channel);
        let weights =
            channels.flat_map(|channel| self.filters[(channel * of_group + output % of_group) * taps..][..taps].iter());
        weights.map(|weight| weight.float().abs()).filter(|size| size.is_finite()).sum()
    }
}

/// A sum of products with a bias, of floats or of integers, which wrap.
struct Sum<U> {
    terms: Terms,
    whole: i64,
    relu: bool,
    of: std::marker::PhantomData<U>,
}

impl<U: Number> Sum<U> {
    fn of(bias: Option<U>, relu: bool) -> Self {
        let mut sum = Self { terms: Terms::default(), whole: 0, relu, of: std::marker::PhantomData };
        match (bias, U::PRECISION) {
            (Some(bias), Some(_)) => {
                sum.terms.add(bias.float(), 1.0);
                sum.terms.weights = 0.0;
            }
            (Some(bias), None) => sum.whole = bias.integer(),
            (None, _) => {}
        }
        sum
    }

    fn add<T: Number>(&mut self, pixel: T, weight: T) {
        match T::PRECISION {
            Some(_) => self.terms.add(pixel.float(), weight.float()),
            None => self.whole = self.whole.wrapping_add(pixel.integer().wrapping_mul(weight.integer())),
        }
    }

    fn expected(&self) -> Expected<U> {
        if U::PRECISION.is_some() {
            return Expected::Near { terms: self.terms, divisor: 1.0, relu: self.relu };
        }
        let sum = U::wrapped(self.whole);
        Expected::Exactly(if self.relu && sum < U::ZERO { U::ZERO } else { sum })
    }
}
