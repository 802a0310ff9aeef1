//! A number for more axes than there are.
//~ does not give a number for each of 2 spatial axes
use featuremap::MaxPool2d;

fn main() {
    let _ = MaxPool2d::new((2, 2, 2));
}
