//! A filter with negative numbers, over bytes.
//~ the trait bound `u8: Neg` is not satisfied
//~ consider specifying an integer type that can be negative
use featuremap::{Conv2d, Module};
use ndarray::Array2;

fn main() -> Result<(), featuremap::Error> {
    Conv2d::new([[1, 0, -1], [2, 0, -2], [1, 0, -1]]).forward(&Array2::<u8>::zeros((10, 10)))?;
    Ok(())
}
