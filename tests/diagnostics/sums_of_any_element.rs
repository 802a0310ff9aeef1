//! Generic code that takes sums for pixels.
//~ found enum `Result<Tensor<<T as featuremap::Element>::Sum>, _>`
//~ T: Element<Sum = T>
//~ consider further restricting
use featuremap::{Element, Result, Tensor};

fn edges<T: Element>(image: &Tensor<T>, filter: &Tensor<T>) -> Result<Tensor<T>> {
    image.conv2d(filter, 1, 0)
}

fn main() {
    let _ = edges::<f32>;
}
