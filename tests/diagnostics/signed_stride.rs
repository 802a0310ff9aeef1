//! A stride of another integer type.
//~ `i32` does not give a number for each of 2 spatial axes
//~ `usize::try_from(number)`
use featuremap::Tensor;

fn main() -> Result<(), featuremap::Error> {
    let stride: i32 = 2;
    Tensor::from([[1., 2.], [3., 4.]]).max_pool2d(stride, stride)?;
    Ok(())
}
