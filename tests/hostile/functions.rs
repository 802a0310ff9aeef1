//! Functions of one element, in `f64`.

use featuremap::{Activation, Float};

use super::definition::Expected;
use super::random::{Number, Random};

/// Any activation with parameters that it may have.
pub(crate) fn draw(random: &mut Random) -> Activation {
    match random.below(14) {
        0 => Activation::Relu,
        1 => {
            let low = random.few_units();
            // The greatest result wins over the least.
            Activation::Clamp { low, high: if random.once_in(8) { low - 1.0 } else { low + random.few_units().abs() } }
        }
        2 => Activation::RELU6,
        3 => Activation::LeakyRelu { slope: random.few_units() / 4.0 },
        4 => Activation::ELU,
        5 => Activation::Elu { alpha: random.few_units() },
        6 => Activation::Sigmoid,
        7 => Activation::HARD_SIGMOID,
        8 => Activation::Tanh,
        9 => Activation::Silu,
        10 => Activation::HardSwish,
        11 => Activation::Gelu,
        12 => Activation::GeluTanh,
        _ => Activation::Softplus {
            beta: random.pick(&[1.0, 1.0, 0.5, 3.0]),
            threshold: random.pick(&[20.0, 20.0, 1.0]),
        },
    }
}

fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// The share of normal numbers below x: its series about 0, and far below its continued fraction (M. Abramowitz, I. Stegun, "Handbook of
/// mathematical functions", 26.2.11 and 26.2.14).
pub(crate) fn normal(x: f64) -> f64 {
    let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if x > -2.5 {
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term.abs() > 1e-18 * sum.abs() && density > 0.0 {
            odd += 2.0;
            term *= x * x / odd;
            sum += term;
        }
        return if density > 0.0 { 0.5 + density * sum } else { 1.0 };
    }
    let fraction = (1..500).rev().fold(-x, |fraction, level| -x + f64::from(level) / fraction);
    density / fraction
}

/// What an activation makes of an element. Errors are measured in half units of the last place, of which most functions may be off by a
/// dozen units; where an exponent is large, its rounding counts as often.
pub(crate) fn activated<T: Number + Float>(activation: Activation, x: f64) -> Expected<T> {
    let precision = T::PRECISION.expect("floats have activations");
    let parameter = |number: f64| T::from_f64(number).float();
    // What is multiplied by a number below the least is off by so many of these. Beyond 1000, all of them are 0.
    let faint = 2.0 * precision.least * if x.abs() < 1000.0 { x.abs() + 1.0 } else { 1.0 };
    let (value, units) = match activation {
        Activation::Relu => return Expected::About { value: if x < 0.0 { 0.0 } else { x }, off: 0.0 },
        Activation::Clamp { low, high } => {
            let (low, high) = (parameter(low), parameter(high));
            let value = if x < low { low } else { x };
            return Expected::About { value: if value > high { high } else { value }, off: 0.0 };
        }
        Activation::LeakyRelu { slope } => (if x < 0.0 { x * parameter(slope) } else { x }, 1.0),
        Activation::Elu { alpha } => (if x > 0.0 { x } else { parameter(alpha) * x.exp_m1() }, 24.0),
        Activation::Sigmoid => (sigmoid(x), 24.0),
        Activation::HardSigmoid { slope, offset } => {
            let (product, offset) = (x * parameter(slope), parameter(offset));
            let sum = product + offset;
            let value = if sum < 0.0 { 0.0 } else { sum };
            // Far outside it is cut off, however it is rounded.
            let off = if product.abs() < 9.0 { 4.0 * (product.abs() + offset.abs()) * precision.unit } else { 0.0 };
            return Expected::About { value: if value > 1.0 { 1.0 } else { value }, off: off + precision.least };
        }
        Activation::Tanh => (x.tanh(), 24.0),
        Activation::Silu => (x * sigmoid(x), 24.0),
        Activation::HardSwish => {
            let share = if x + 3.0 < 0.0 { 0.0 } else { x + 3.0 };
            (x * (if share > 6.0 { 6.0 } else { share } / 6.0), 24.0)
        }
        // The argument is squared: there are x² / 2 units to each of its own, unless it is a double's, and that of a series.
        Activation::Gelu => (x * normal(x), if precision.unit < 1e-10 { 1000.0 + 2.0 * x * x } else { 24.0 }),
        Activation::GeluTanh => {
            let exponent = 2.0 * std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x * x * x);
            (x * sigmoid(exponent), 24.0 + 8.0 * exponent.abs())
        }
        Activation::Softplus { beta, threshold } => {
            let (beta, threshold) = (parameter(beta), parameter(threshold));
            let product = x * beta;
            let soft = (product.max(0.0) + (-product.abs()).exp().ln_1p()) / beta;
            let units = 24.0 + 2.0 * product.abs().min(110.0);
            // Rounded, it may be on either side of the threshold.
            if (product - threshold).abs() < 4.0 * precision.unit * threshold {
                return Expected::About { value: soft, off: (x - soft).abs() + units * precision.unit * soft };
            }
            let value = if product > threshold || product.is_nan() { x } else { soft };
            return Expected::About { value, off: units * precision.unit * value.abs() + 2.0 * faint };
        }
        other => unreachable!("{other:?} is drawn by nobody"),
    };
    let off = if value.is_finite() { (units * precision.unit).min(1.0) * value.abs() + faint } else { 0.0 };
    Expected::About { value, off }
}
