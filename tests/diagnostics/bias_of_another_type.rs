//! A bias that is `f64` because it is used as one before.
//~ cannot become a tensor of `f32`
//~ `array![0.1_f32, 0.2]`
use featuremap::Conv2d;
use ndarray::{Array4, array};

fn main() {
    let bias = array![0.1, 0.2];
    let sum: f64 = bias.sum();
    println!("{sum}");
    let _ = Conv2d::new(Array4::<f32>::zeros((2, 1, 3, 3))).bias(bias);
}
