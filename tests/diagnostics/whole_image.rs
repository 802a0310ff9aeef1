//! An image of whole numbers, and a filter of fractions.
//~ cannot be read as a tensor of `{integer}`
//~ `map` converts
use featuremap::Tensor;
use ndarray::array;

fn main() -> Result<(), featuremap::Error> {
    let image = Tensor::from(array![[7, 2, 3], [4, 5, 3]]);
    println!("{}", image.conv2d(&array![[0.5, 0.5]], 1, 0)?);
    Ok(())
}
