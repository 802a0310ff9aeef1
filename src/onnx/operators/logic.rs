//! Comparisons of constants, which shapes are chosen by.

use super::arithmetic::{expanded, joint_shape};
use super::one;
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::constant::{Constant, Numbers};
use crate::onnx::node::Node;
use crate::onnx::refusal::{Outcome, refuse};

/// Constants that are repeated to one shape.
fn constants(builder: &mut Builder, node: &Node, count: usize) -> Outcome<(Vec<usize>, Vec<Constant>)> {
    let mut shape = Vec::new();
    let mut values = Vec::new();
    for number in 0..count {
        let Some(constant) = builder.known(node, number, "its input")? else {
            return refuse(format!("has no input {number}"));
        };
        shape = joint_shape(&shape, &constant.shape)?;
        values.push(Datum::Known(constant));
    }
    let mut constants = Vec::new();
    for value in &values {
        match expanded(builder, value, &shape)? {
            Datum::Known(constant) => constants.push(constant),
            Datum::Made(_) => return refuse("is not constant"),
        }
    }
    builder.spend_on(&shape, size_of::<u64>())?;
    Ok((shape, constants))
}

/// Two constants, truth value by truth value.
pub(super) fn compare(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (shape, constants) = constants(builder, node, 2)?;
    let results = match (&constants[0].numbers, &constants[1].numbers) {
        (Numbers::Integers(ones), Numbers::Integers(others)) => truths(&node.operator, ones, others, 0),
        (Numbers::Floats(ones), Numbers::Floats(others)) => truths(&node.operator, ones, others, 0.0),
        (ones, others) => truths(&node.operator, &as_floats(ones), &as_floats(others), 0.0),
    };
    match results {
        Some(results) => Ok(vec![Datum::Known(Constant::integers(&shape, results))]),
        None => refuse("is not supported"),
    }
}

fn as_floats(numbers: &Numbers) -> Vec<f64> {
    match numbers {
        Numbers::Floats(floats) => floats.iter().map(|&float| f64::from(float)).collect(),
        Numbers::Integers(integers) => integers.iter().map(|&integer| integer as f64).collect(),
    }
}

/// What an operator says of each pair of numbers; `None` for an operator that is not known.
fn truths<N: Copy + PartialOrd>(operator: &str, ones: &[N], others: &[N], zero: N) -> Option<Vec<i64>> {
    let truth: &dyn Fn(N, N) -> bool = match operator {
        "Equal" => &|one, other| one == other,
        "Greater" => &|one, other| one > other,
        "GreaterOrEqual" => &|one, other| one >= other,
        "Less" => &|one, other| one < other,
        "LessOrEqual" => &|one, other| one <= other,
        "And" => &|one, other| one != zero && other != zero,
        "Or" => &|one, other| one != zero || other != zero,
        "Xor" => &|one, other| (one != zero) != (other != zero),
        _ => return None,
    };
    Some(ones.iter().zip(others).map(|(&one, &other)| truth(one, other).into()).collect())
}

pub(super) fn not(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (shape, constants) = constants(builder, node, 1)?;
    let results = constants[0].as_integers()?.iter().map(|&truth| (truth == 0).into()).collect();
    Ok(vec![Datum::Known(Constant::integers(&shape, results))])
}

/// Of two constants, element by element that which a third says.
pub(super) fn choose(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (shape, constants) = constants(builder, node, 3)?;
    let [truths, ones, others] = &constants[..] else { return refuse("has not three inputs") };
    let truths = truths.as_integers()?;
    let chosen = match (&ones.numbers, &others.numbers) {
        (Numbers::Floats(ones), Numbers::Floats(others)) => Constant::floats(&shape, by(truths, ones, others)),
        (Numbers::Integers(ones), Numbers::Integers(others)) => Constant::integers(&shape, by(truths, ones, others)),
        _ => return refuse("has an input of floats and one of integers"),
    };
    one(Ok(Datum::Known(chosen)))
}

fn by<T: Copy>(truths: &[i64], ones: &[T], others: &[T]) -> Vec<T> {
    let pairs = truths.iter().zip(ones.iter().zip(others));
    pairs.map(|(&truth, (&one, &other))| if truth != 0 { one } else { other }).collect()
}

#[cfg(test)]
mod tests {
    use super::truths;

    /// The nearest `f64` of both is the same.
    #[test]
    fn long_integers_are_compared_exactly() {
        let (one, other) = ([9_007_199_254_740_993_i64], [9_007_199_254_740_992]);
        assert_eq!(truths("Equal", &one, &other, 0), Some(vec![0]));
        assert_eq!(truths("Greater", &one, &other, 0), Some(vec![1]));
        assert_eq!(truths("Xor", &one, &[0], 0), Some(vec![1]));
    }
}
