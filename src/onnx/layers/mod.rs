//! What operators of ONNX need that is no layer of this crate: for one shape each, which the model has been given.

mod elementwise;
mod given;
mod normed;
mod product;
mod resample;
mod reshaped;
mod strided;
mod taken;
mod total;

pub(super) use elementwise::{Halves, Map, Scaled, WithConstant};
pub(super) use given::Given;
pub(super) use normed::Normed;
pub(super) use product::MatrixProduct;
pub(super) use resample::{Resampled, Sample};
pub(super) use reshaped::Reshaped;
pub(super) use strided::Strided;
pub(super) use taken::Taken;
pub(super) use total::Total;

use crate::{Error, Result};

/// Whether the input of such a layer has the shape that it was made for.
fn check_input(expected: &[usize], found: &[usize]) -> Result<()> {
    match expected == found {
        true => Ok(()),
        false => Err(Error::Shape {
            what: "the input of this operator of an ONNX network",
            expected: expected.to_vec(),
            found: found.to_vec(),
        }),
    }
}
