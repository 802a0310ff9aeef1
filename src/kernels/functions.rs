//! Exponential functions as plain arithmetic without branches, so that the compiler makes vectors of loops over them.
//!
//! `exp(x)` is `2ⁿ · exp(r)` with `|r| ≤ ln 2 / 2`. The product `n · ln 2` is taken in two parts, the first of which is exact, and
//! `exp(r)` is its series, cut where a term no longer counts. NaN passes through everything here: a comparison with it is false, and
//! a sum with it is NaN.

use super::activation::Clamp;

/// A float with these functions.
pub(crate) trait Exponential: Copy {
    /// `eˣ`
    fn exp(self) -> Self;
    /// `eˣ − 1` without cancellation, for x of 44 at most; larger ones count as that.
    fn exp_m1(self) -> Self;
    /// `1 / (1 + e⁻ˣ)`: never the difference of two numbers, so that small values are as exact as others.
    fn sigmoid(self) -> Self;
    /// `(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)`
    fn tanh(self) -> Self;
    /// `ln(1 + eˣ)`
    fn softplus(self) -> Self;
    /// `x · Φ(x)`, with the distribution function of normal numbers.
    fn gelu(self) -> Self;
}

/// What is left of x, and the power of two that was taken out.
#[inline(always)]
fn reduced(x: f32) -> (f32, i32) {
    // A sum with this number has the nearest integer in its last bits.
    const MAGIC: f32 = 12_582_912.0;
    // The first part has so few bits that its product with an integer is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let power = shifted.to_bits().cast_signed().wrapping_sub(MAGIC.to_bits().cast_signed());
    let count = shifted - MAGIC;
    (x - count * LN_2[0] - count * LN_2[1], power)
}

/// `(exp(r) − 1 − r) / r²`: its series, from the last term to the first.
#[inline(always)]
fn quadratic(rest: f32) -> f32 {
    let mut series = 0.0;
    for factorial in [5040.0, 720.0, 120.0, 24.0, 6.0, 2.0] {
        series = series * rest + 1.0 / factorial;
    }
    series
}

/// 2ⁿ, for n within the range of normal numbers.
#[inline(always)]
fn power_of_two(power: i32) -> f32 {
    f32::from_bits(power.wrapping_add(127).cast_unsigned() << 23)
}

impl Exponential for f32 {
    #[inline(always)]
    fn exp(self) -> Self {
        let (rest, power) = reduced(Clamp { low: -104.0, high: 89.0 }.apply(self));
        let series = 1.0 + (rest + rest * rest * quadratic(rest));
        // Powers beyond the range of normal numbers are reached in two steps.
        let half = power >> 1;
        series * power_of_two(half) * power_of_two(power.wrapping_sub(half))
    }

    #[inline(always)]
    fn exp_m1(self) -> Self {
        let (rest, power) = reduced(Clamp { low: -87.0, high: 44.0 }.apply(self));
        let scale = power_of_two(power);
        scale * (rest + rest * rest * quadratic(rest)) + (scale - 1.0)
    }

    #[inline(always)]
    fn sigmoid(self) -> Self {
        let small = Exponential::exp(-self.abs());
        let numerator = if self < 0.0 { small } else { 1.0 };
        numerator / (1.0 + small)
    }

    #[inline(always)]
    fn tanh(self) -> Self {
        let grown = Exponential::exp_m1(2.0 * self.abs());
        (grown / (grown + 2.0)).copysign(self)
    }

    #[inline(always)]
    fn softplus(self) -> Self {
        let small = Exponential::exp(-self.abs());
        // ln(1 + y) is twice the inverse hyperbolic tangent of y / (2 + y), which is a third at most.
        let ratio = small / (2.0 + small);
        let square = ratio * ratio;
        let mut series = 0.0;
        for odd in [15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
            series = series * square + 1.0 / odd;
        }
        let floor = if self < 0.0 { 0.0 } else { self };
        floor + 2.0 * ratio * series
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the result is rounded once")]
    fn gelu(self) -> Self {
        let x = f64::from(self);
        // The exponent in two parts, as its last digits count where it is large.
        let half_square = Clamp { low: 0.0, high: 200.0 }.apply(0.5 * x * x);
        let near = half_square as f32;
        let power = f64::from(Exponential::exp(-near)) * (1.0 - (half_square - f64::from(near)));
        (x * normal_distribution(x, power)) as f32
    }
}

/// Doubles are computed for their accuracy, and not often: by the standard library, as more vector code takes long to compile.
impl Exponential for f64 {
    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }

    #[inline(always)]
    fn exp_m1(self) -> Self {
        f64::exp_m1(self)
    }

    #[inline(always)]
    fn sigmoid(self) -> Self {
        let small = f64::exp(-self.abs());
        let numerator = if self < 0.0 { small } else { 1.0 };
        numerator / (1.0 + small)
    }

    #[inline(always)]
    fn tanh(self) -> Self {
        f64::tanh(self)
    }

    #[inline(always)]
    fn softplus(self) -> Self {
        let floor = if self < 0.0 { 0.0 } else { self };
        floor + f64::exp(-self.abs()).ln_1p()
    }

    #[inline(always)]
    fn gelu(self) -> Self {
        self * normal_distribution(self, f64::exp(-0.5 * self * self))
    }
}

/// `erfc(z) · exp(z²) / t` for `t = 2 / (2 + z)` and z from 0 on, as powers of `2t − 1`: interpolated at Chebyshev's points, and off by
/// 2e-14 of it at most.
const COMPLEMENT: [f64; 23] = [
    0.510_791_352_621_012_3,
    0.343_580_342_206_931_9,
    0.139_736_046_277_792_15,
    0.018_221_115_751_026_355,
    -0.010_755_330_933_564_275,
    -0.003_239_592_467_863_447,
    0.001_545_305_825_829_177_5,
    0.000_418_647_198_522_600_7,
    -0.000_331_534_864_120_495_46,
    -1.717_989_460_373_652_4e-5,
    7.222_514_505_246_1e-5,
    -1.709_928_287_759_201_4e-5,
    -1.081_314_251_124_517_3e-5,
    8.128_382_190_712_411e-6,
    -6.415_503_262_162_573e-7,
    -1.943_510_794_618_582_3e-6,
    1.120_438_474_058_376_2e-6,
    1.405_664_395_702_922e-7,
    -4.081_733_135_061_097e-7,
    5.961_982_938_258_545e-8,
    8.226_514_024_579_012e-8,
    -1.445_574_604_946_634_1e-8,
    -8.022_534_134_595_291e-9,
];

/// How many of normal numbers lie below x: half the complementary error function of `−x / √2`, so that it is as exact far below 0 as
/// elsewhere. It takes `exp(−x² / 2)`, too.
#[inline(always)]
fn normal_distribution(x: f64, power: f64) -> f64 {
    let z = x.abs() * std::f64::consts::FRAC_1_SQRT_2;
    let t = 2.0 / (2.0 + z);
    let u = 2.0 * t - 1.0;
    let mut fraction = 0.0;
    for &coefficient in COMPLEMENT.iter().rev() {
        fraction = fraction * u + coefficient;
    }
    let beyond = 0.5 * t * fraction * power;
    if x < 0.0 { beyond } else { 1.0 - beyond }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these results are exact")]
mod tests;
