//! Activations that a file writes out in several operators, as it must where its version of the operators does not have them.

use super::arithmetic::Binary;
use crate::Activation;
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::network::{Note, Part, PartWork};

/// The activation that a product or a quotient by a number ends, and its input: hard swish as `x · min(max(x + 3, 0), 6) / 6`.
///
/// The nodes before it become parts of the network, too, which are left out when it is planned, unless others need them.
#[allow(clippy::float_cmp, reason = "6 is what files have")]
pub(super) fn activation(
    builder: &Builder,
    operator: Binary,
    value: &Datum,
    number: f32,
    swapped: bool,
) -> Option<(Datum, Activation)> {
    let is_sixth = match operator {
        Binary::Div => number == 6.0 && !swapped,
        Binary::Mul => (number - 1.0 / 6.0).abs() < f32::EPSILON / 4.0,
        _ => false,
    };
    let &Part { work: PartWork::Multiply, ref inputs, .. } = builder.part(value)? else { return None };
    let &[one, other] = &inputs[..] else { return None };
    let is_hard_swish = |x: usize, factor: usize| shifted_clamp(builder, factor) == Some(x);
    let input = [(one, other), (other, one)].into_iter().find(|&(x, factor)| is_hard_swish(x, factor))?.0;
    is_sixth.then_some((Datum::Made(input), Activation::HardSwish))
}

/// The value that this one is `min(max(· + 3, 0), 6)` of.
fn shifted_clamp(builder: &Builder, value: usize) -> Option<usize> {
    let clamp = builder.part(&Datum::Made(value)).filter(|part| part.note == Note::Activation(Activation::RELU6))?;
    let shift = builder.part(&Datum::Made(*clamp.inputs.first()?)).filter(|part| part.note == Note::Plus(3.0))?;
    shift.inputs.first().copied()
}

/// The activation that a product of two values is, and its input: `x · sigmoid(x)`, and x with a hard sigmoid of slope 1/6 and
/// offset 1/2.
#[allow(clippy::float_cmp, reason = "a half is what files have")]
pub(super) fn product(builder: &Builder, operator: Binary, one: &Datum, other: &Datum) -> Option<(Datum, Activation)> {
    let (Binary::Mul, &Datum::Made(one), &Datum::Made(other)) = (operator, one, other) else { return None };
    [(one, other), (other, one)].into_iter().find_map(|(x, factor)| {
        let part = builder.part(&Datum::Made(factor)).filter(|part| part.inputs[..] == [x])?;
        match part.note {
            Note::Activation(Activation::Sigmoid) => Some((Datum::Made(x), Activation::Silu)),
            Note::Activation(Activation::HardSigmoid { slope, offset })
                if (slope - 1.0 / 6.0).abs() < 1e-7 && offset == 0.5 =>
            {
                Some((Datum::Made(x), Activation::HardSwish))
            }
            _ => None,
        }
    })
}
