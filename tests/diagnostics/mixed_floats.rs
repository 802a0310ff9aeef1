//! An image of `f32`, and a filter that is `f64` because it stands in a variable.
//~ `Tensor<f64>` cannot be read as a tensor of `f32`
//~ `map` converts
//~ a literal such as `array![[7., 2.]]` is of `f64`
use featuremap::Tensor;

fn main() -> Result<(), featuremap::Error> {
    let filter = Tensor::from([[1., 0., -1.]]);
    println!("{}", filter.map(|value: &f64| value * 2.0));
    let image: Tensor = Tensor::zeros(&[5, 5])?;
    println!("{}", image.conv2d(&filter, 1, 0)?);
    Ok(())
}
