//! The L2 norm of bytes.
//~ `u8` is no float of this crate
//~ `tensor.map(|&x| f32::from(x))`
use featuremap::{L2Pool2d, Module};
use ndarray::Array2;

fn main() -> Result<(), featuremap::Error> {
    L2Pool2d::new(3).stride(1).padding(1).forward(&Array2::<u8>::zeros((10, 10)))?;
    Ok(())
}
