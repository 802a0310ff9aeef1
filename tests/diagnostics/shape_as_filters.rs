//! A shape where filters are wanted, as in Keras.
//~ cannot become a tensor of `f32`
//~ a shape alone is no tensor: `Tensor::zeros(&[16, 3, 3, 3])?`
use featuremap::{Conv2d, Sequential};

fn main() {
    let _ = Sequential::<f32>::new().push(Conv2d::<f32>::new([16, 3, 3, 3]));
}
