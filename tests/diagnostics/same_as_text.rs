//! Padding as Keras and PyTorch write it.
//~ `&str` is no padding over 2 spatial axes
//~ is `Padding::Same`
use featuremap::Conv2d;

fn main() {
    let _ = Conv2d::new([[1., 1.], [1., 1.]]).padding("same");
}
