//! Comparisons of what came out with what should have.

use featuremap::{Element, Tensor};
use num_traits::ToPrimitive;

use super::case::Outcome;

/// Every number within what is allowed for the number expected.
pub(crate) fn close<T: Element + ToPrimitive>(
    what: &str,
    found: &Tensor<T>,
    expected: &Tensor<T>,
    allowed: impl Fn(f64) -> f64,
) -> Outcome {
    compare(what, found, expected, |found, expected| {
        let limit = expected.to_f64().map_or(0.0, &allowed);
        same(found, expected) || difference(found, expected) <= limit
    })
}

/// Every number the same.
pub(crate) fn equal<T: Element + ToPrimitive>(what: &str, found: &Tensor<T>, expected: &Tensor<T>) -> Outcome {
    compare(what, found, expected, same)
}

/// Every bit the same: this tells −0 from 0.
pub(crate) fn identical(what: &str, found: &Tensor<f64>, expected: &Tensor<f64>) -> Outcome {
    compare(what, found, expected, |found, expected| found.to_bits() == expected.to_bits())
}

/// A NaN is the same as another, and as nothing else.
fn same<T: Element>(found: T, expected: T) -> bool {
    found == expected || (found.is_nan() && expected.is_nan())
}

fn difference<T: Element + ToPrimitive>(found: T, expected: T) -> f64 {
    match (found.to_f64(), expected.to_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs(),
        _ => f64::NAN,
    }
}

fn compare<T: Element + ToPrimitive>(
    what: &str,
    found: &Tensor<T>,
    expected: &Tensor<T>,
    agree: impl Fn(T, T) -> bool,
) -> Outcome {
    if found.shape() != expected.shape() {
        return Err(format!("{what}: shape {:?} instead of {:?}", found.shape(), expected.shape()).into());
    }
    let wrong: Vec<(usize, T, T)> = found
        .iter()
        .zip(expected)
        .enumerate()
        .map(|(position, (&found, &expected))| (position, found, expected))
        .filter(|&(_, found, expected)| !agree(found, expected))
        .collect();
    // In the total order a NaN is larger than any number.
    let size = |&(_, found, expected): &(usize, T, T)| difference(found, expected);
    let Some(largest) = wrong.iter().max_by(|left, right| size(left).total_cmp(&size(right))) else { return Ok(()) };
    let (position, instead, right) = largest;
    Err(format!(
        "{what}: {} of {} elements are wrong, the largest difference is {:e}: {instead} instead of {right} at flat \
         position {position} of {:?}",
        wrong.len(),
        found.len(),
        size(largest),
        found.shape()
    )
    .into())
}
