//! What cases are drawn from: numbers that follow from a seed.

use featuremap::Element;
use ndarray::{ArrayD, IxDyn};

/// `SplitMix64`: G. Steele et al., "Fast splittable pseudorandom number generators", 2014.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        let place = (u128::from(self.bits()) * end as u128) >> 64;
        usize::try_from(place).expect("it is below `end`")
    }

    /// From the first to the last, both included.
    pub(crate) fn from(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<A: Copy>(&mut self, all: &[A]) -> A {
        all[self.below(all.len())]
    }

    /// −4 to 4.
    pub(crate) fn few_units(&mut self) -> f64 {
        (self.bits() >> 32) as f64 / f64::from(u32::MAX) * 8.0 - 4.0
    }

    /// A number of any size; half of them are small, so that some cases get past the first check.
    pub(crate) fn hostile(&mut self) -> usize {
        const LARGEST: usize = usize::MAX / 2;
        let any = [0, 1, 2, 3, 7, 1 << 30, LARGEST / 8, LARGEST / 8 + 1, LARGEST - 1, LARGEST, LARGEST + 1, usize::MAX];
        match self.below(12) {
            0..=5 => self.from(1, 3),
            6 => self.from(1, 40),
            7 => usize::try_from((1_u64 << 32) + 1).unwrap_or(usize::MAX),
            8 => LARGEST >> self.below(usize::BITS as usize - 1),
            _ => self.pick(&any),
        }
    }

    pub(crate) fn list(&mut self, length: usize, mut draw: impl FnMut(&mut Self) -> usize) -> Vec<usize> {
        (0..length).map(|_| draw(self)).collect()
    }
}

/// What an array is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A few units, or any integer.
    Plain,
    /// Small integers, whose sums are exact.
    Whole,
    /// All the same.
    Flat,
    /// Now and then one that is odd: not finite, the largest, the least, −0.
    Some,
    /// None that is not odd.
    Odd,
    /// About the least normal number, on both sides.
    Faint,
}

impl Kind {
    pub(crate) fn draw(random: &mut Random) -> Self {
        random.pick(&[
            Self::Plain,
            Self::Plain,
            Self::Plain,
            Self::Whole,
            Self::Flat,
            Self::Some,
            Self::Some,
            Self::Odd,
            Self::Faint,
        ])
    }
}

/// How exact the sums of a type are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Precision {
    /// Half the distance from 1 to the next number.
    pub(crate) unit: f64,
    /// The least number above 0.
    pub(crate) least: f64,
    pub(crate) largest: f64,
}

/// A pixel, a weight or a sum that can be drawn and be seen as a number of the references.
pub(crate) trait Number: Element {
    /// For integers `None`.
    const PRECISION: Option<Precision>;

    fn draw(random: &mut Random, kind: Kind) -> Self;

    /// An exact copy of a float.
    fn float(self) -> f64;

    /// An exact copy of an integer.
    fn integer(self) -> i64;

    /// A count, as near as the type comes, or wrapped.
    fn of_count(count: usize) -> Self;

    /// The nearest number.
    fn of_float(value: f64) -> Self;

    fn to_bits(self) -> u64;

    /// The integer that so many bits of a sum are.
    fn wrapped(sum: i64) -> Self;

    /// All NaNs are alike, and so are zeros where `zeros` says so.
    fn same(self, other: Self, zeros: bool) -> bool;
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Number for $integer {
            const PRECISION: Option<Precision> = None;

            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_lossless, reason = "any bits will do")]
            fn draw(random: &mut Random, kind: Kind) -> Self {
                match kind {
                    Kind::Plain => random.bits() as $integer,
                    Kind::Whole | Kind::Flat | Kind::Faint => random.below(11) as $integer,
                    Kind::Some if !random.once_in(20) => random.below(100) as $integer,
                    Kind::Some | Kind::Odd => random.pick(&[<$integer>::MIN, <$integer>::MAX, 0, 1]),
                }
            }

            fn float(self) -> f64 {
                unreachable!("integers are compared as such")
            }

            #[allow(clippy::cast_lossless, reason = "one of them is an i64")]
            fn integer(self) -> i64 {
                self as i64
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "any number will do")]
            fn of_count(count: usize) -> Self {
                count as $integer
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast ends at the ends of the type")]
            fn of_float(value: f64) -> Self {
                value as $integer
            }

            #[allow(clippy::cast_sign_loss, clippy::cast_lossless, reason = "any bits will do")]
            fn to_bits(self) -> u64 {
                self as u64
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sums wrap")]
            fn wrapped(sum: i64) -> Self {
                sum as $integer
            }

            fn same(self, other: Self, _: bool) -> bool {
                self == other
            }
        }
    )*};
}

integers!(i8, u8, i16, u16, i32, i64);

macro_rules! floats {
    ($($float:ident),*) => {$(
        impl Number for $float {
            const PRECISION: Option<Precision> = Some(Precision {
                unit: $float::EPSILON as f64 / 2.0,
                least: ($float::MIN_POSITIVE * $float::EPSILON) as f64,
                largest: $float::MAX as f64,
            });

            #[allow(clippy::cast_possible_truncation, reason = "rounded to what the type has")]
            fn draw(random: &mut Random, kind: Kind) -> Self {
                let odd = [
                    $float::NAN, $float::INFINITY, $float::NEG_INFINITY, $float::MAX, $float::MIN, $float::MIN_POSITIVE,
                    $float::MIN_POSITIVE / 64.0, $float::MIN_POSITIVE * $float::EPSILON, -0.0, 0.0, 1e9, -1e9, 1.7e19,
                    1.9e19, 1e30, 1e-30, -1e-20, $float::MAX / 3.0, 1.0, -1.0,
                ];
                match kind {
                    Kind::Plain | Kind::Flat => random.few_units() as $float,
                    Kind::Whole => random.below(23) as $float - 11.0,
                    Kind::Faint => random.few_units() as $float * $float::MIN_POSITIVE,
                    Kind::Some if !random.once_in(60) => random.few_units() as $float,
                    Kind::Some | Kind::Odd => random.pick(&odd),
                }
            }

            #[allow(clippy::cast_lossless, reason = "one of them is an f64")]
            fn float(self) -> f64 {
                self as f64
            }

            fn integer(self) -> i64 {
                unreachable!("floats are compared as such")
            }

            fn of_count(count: usize) -> Self {
                count as $float
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_lossless, reason = "rounded to what the type has")]
            fn of_float(value: f64) -> Self {
                value as $float
            }

            fn to_bits(self) -> u64 {
                self.to_bits().into()
            }

            fn wrapped(_: i64) -> Self {
                unreachable!("floats do not wrap")
            }

            #[allow(clippy::float_cmp, reason = "zeros are equal or not")]
            fn same(self, other: Self, zeros: bool) -> bool {
                self.to_bits() == other.to_bits() || (self.is_nan() && other.is_nan()) || (zeros && self == other)
            }
        }
    )*};
}

floats!(f32, f64);

/// An array of such numbers in row-major order.
pub(crate) fn numbers<T: Number>(random: &mut Random, kind: Kind, shape: &[usize]) -> ArrayD<T> {
    let first = T::draw(random, kind);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || if kind == Kind::Flat { first } else { T::draw(random, kind) })
}
