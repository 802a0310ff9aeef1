//! A network of bytes, whose convolution gives sums.
//~ expected `u8`, found `i32`
use featuremap::{Conv2d, Sequential};

fn main() {
    let _ = Sequential::<u8>::default().push(Conv2d::new([[1_u8, 1], [1, 1]]));
}
