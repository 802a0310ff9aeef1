//! An output that would be written and thrown away.
//~ cannot be written to as a tensor of `f32`
//~ &mut output
use featuremap::{Module, Relu, Tensor};

fn main() -> Result<(), featuremap::Error> {
    let output = Tensor::<f32>::zeros(&[1])?;
    Relu.plan(&[1])?.run([1_f32], output)
}
