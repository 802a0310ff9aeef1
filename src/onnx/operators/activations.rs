//! Functions of every element.

use super::one;
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::layers::{Map, WithConstant};
use crate::onnx::network::Note;
use crate::onnx::node::Node;
use crate::onnx::refusal::{Outcome, refuse};
use crate::{Activation, PRelu};

/// An operator that is an activation of this crate.
#[allow(clippy::float_cmp, reason = "the number is the one that is supported, or not")]
pub(super) fn activation(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let activation = match &node.operator[..] {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::LeakyRelu { slope: node.float_or("alpha", 0.01)? },
        "Elu" => Activation::Elu { alpha: node.float_or("alpha", 1.0)? },
        "Sigmoid" => Activation::Sigmoid,
        "HardSigmoid" => {
            Activation::HardSigmoid { slope: node.float_or("alpha", 0.2)?, offset: node.float_or("beta", 0.5)? }
        }
        "Tanh" => Activation::Tanh,
        "HardSwish" => Activation::HardSwish,
        "Gelu" => match node.one_of("approximate", "none", &["none", "tanh"])? {
            "tanh" => Activation::GeluTanh,
            _ => Activation::Gelu,
        },
        "Softplus" => Activation::SOFTPLUS,
        "Swish" if node.float_or("alpha", 1.0)? == 1.0 => Activation::Silu,
        _ => return refuse("is not supported with these attributes"),
    };
    let input = builder.required(node, 0)?;
    one(activated(builder, &input, activation))
}

/// A value with an activation after it.
pub(super) fn activated(builder: &mut Builder, input: &Datum, activation: Activation) -> Outcome<Datum> {
    let result = builder.module(activation, input)?;
    builder.note(&result, Note::Activation(activation));
    Ok(result)
}

/// Its ends are attributes in the first versions, and inputs since the eleventh.
pub(super) fn clip(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let end = |number: usize, name: &'static str, none: f32| -> Outcome<f64> {
        if builder.opset < 11 {
            return node.float_or(name, none);
        }
        match builder.known(node, number, name)? {
            None => Ok(none.into()),
            Some(constant) => match constant.as_number() {
                Some(number) => Ok(number),
                None => refuse(format!("has a {name} of shape {:?}: it must be one number", constant.shape)),
            },
        }
    };
    let (low, high) = (end(1, "min", f32::NEG_INFINITY)?, end(2, "max", f32::INFINITY)?);
    if low.is_nan() || high.is_nan() {
        return refuse("has an end that is no number");
    }
    one(activated(builder, &input, Activation::Clamp { low, high }))
}

/// A slope for each channel is a layer of this crate; any other is repeated to the shape of the input.
pub(super) fn prelu(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let Some(slopes) = builder.weights(node, 1, "the slopes")? else { return refuse("has no slopes") };
    let shape = builder.shape(&input).to_vec();
    // Before the seventh version, one for each channel was a tensor of rank 1.
    let rank = if builder.opset < 7 { 1 } else { shape.len().wrapping_sub(1) };
    let is_for_channels = shape.len() >= 2
        && slopes.len() == shape[1]
        && slopes.rank() == rank
        && slopes.shape().first() == Some(&shape[1]);
    if slopes.len() == 1 || is_for_channels {
        let slopes = slopes.reshape(&[if is_for_channels { shape[1] } else { 1 }])?;
        return one(builder.module(PRelu::new(slopes), &input));
    }
    let module = WithConstant::new("PRelu", &shape, slopes, |x, slope| if x < 0.0 { slope * x } else { x })?;
    one(builder.module(module, &input))
}

/// An operator that is a function of a number, and no activation of this crate.
pub(super) fn function(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let alpha = |default| node.float("alpha").map(|alpha| alpha.unwrap_or(default));
    let map = match &node.operator[..] {
        "Abs" => Map::new("Abs", f32::abs),
        "Acos" => Map::new("Acos", f32::acos),
        "Acosh" => Map::new("Acosh", f32::acosh),
        "Asin" => Map::new("Asin", f32::asin),
        "Asinh" => Map::new("Asinh", f32::asinh),
        "Atan" => Map::new("Atan", f32::atan),
        "Atanh" => Map::new("Atanh", f32::atanh),
        "Ceil" => Map::new("Ceil", f32::ceil),
        "Cos" => Map::new("Cos", f32::cos),
        "Cosh" => Map::new("Cosh", f32::cosh),
        "Erf" => Map::new("Erf", erf),
        "Exp" => Map::new("Exp", f32::exp),
        "Floor" => Map::new("Floor", f32::floor),
        "Log" => Map::new("Log", f32::ln),
        "Neg" => Map::new("Neg", |x| -x),
        "Reciprocal" => Map::new("Reciprocal", f32::recip),
        "Round" => Map::new("Round", f32::round_ties_even),
        "Sign" => Map::new("Sign", |x| if x == 0.0 || x.is_nan() { x } else { x.signum() }),
        "Sin" => Map::new("Sin", f32::sin),
        "Sinh" => Map::new("Sinh", f32::sinh),
        "Softsign" => Map::new("Softsign", |x| x / (1.0 + x.abs())),
        "Sqrt" => Map::new("Sqrt", f32::sqrt),
        "Tan" => Map::new("Tan", f32::tan),
        "Mish" => Map::new("Mish", |x| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh()),
        "Celu" => {
            let alpha = alpha(1.0)?;
            Map::new("Celu", move |x| if x < 0.0 { alpha * (x / alpha).exp_m1() } else { x })
        }
        "Selu" => {
            let (alpha, gamma) = (alpha(1.673_263_2)?, node.float("gamma")?.unwrap_or(1.050_701));
            Map::new("Selu", move |x| gamma * if x < 0.0 { alpha * x.exp_m1() } else { x })
        }
        "ThresholdedRelu" => {
            let alpha = alpha(1.0)?;
            Map::new("ThresholdedRelu", move |x| if x > alpha { x } else { 0.0 })
        }
        "Shrink" => {
            let (bias, lambda) = (node.float("bias")?.unwrap_or(0.0), node.float("lambd")?.unwrap_or(0.5));
            Map::new("Shrink", move |x| match x {
                _ if x < -lambda => x + bias,
                _ if x > lambda => x - bias,
                _ => 0.0,
            })
        }
        _ => return refuse("is not supported"),
    };
    let input = builder.required(node, 0)?;
    one(builder.module(map, &input))
}

/// The error function, by its power series near 0 and by the continued fraction of its complement elsewhere (Abramowitz and Stegun,
/// 7.1.5 and 7.1.14), in `f64`.
#[allow(clippy::cast_possible_truncation, reason = "the nearest f32 is meant")]
fn erf(x: f32) -> f32 {
    let z = f64::from(x).abs();
    let value = match z {
        _ if z.is_nan() => z,
        _ if z < 2.0 => {
            let (mut term, mut sum) = (z, z);
            for n in 1..40 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * std::f64::consts::FRAC_2_SQRT_PI
        }
        // Nearer to 1 than any f32 below it.
        _ if z > 6.0 => 1.0,
        _ => {
            let fraction = (1..60).rev().fold(z, |below, n| z + f64::from(n) / 2.0 / below);
            1.0 - (-z * z).exp() / fraction / std::f64::consts::PI.sqrt()
        }
    };
    (value as f32).copysign(x)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_error_function_has_the_values_of_tables() {
        let table = [
            (0.0, 0.0),
            (1e-6, 1.128_379_2e-6),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (1.999, 0.995_301_5),
            (2.0, 0.995_322_3),
            (2.5, 0.999_593_1),
            (4.0, 1.0),
            (f32::INFINITY, 1.0),
        ];
        for (x, value) in table {
            approx::assert_relative_eq!(super::erf(x), value, max_relative = 2e-7);
            approx::assert_relative_eq!(super::erf(-x), -value, max_relative = 2e-7);
        }
        assert!(super::erf(f32::NAN).is_nan());
    }
}
