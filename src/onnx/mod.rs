//! Networks from files in the [ONNX] format, with the feature `onnx`.
//!
//! A [`Model`] is what a file holds. Given the shapes of its inputs it becomes a [`Network`], in which all arithmetic of shapes is
//! done, and which is planned as any other network of this crate: batch norms go into the weights of convolutions, activations are
//! applied as results are stored, values that are not needed at the same time share memory.
//!
//! ```no_run
//! use featuremap::{Tensor, onnx::Model};
//!
//! let model = Model::open("resnet18.onnx")?;
//! println!("{model:?}"); // inputs and outputs, with the names of sizes that are open
//!
//! let network = model.network(&[&[1, 3, 224, 224]])?;
//! let mut runner = network.runner()?; // planned once …
//! let image = Tensor::zeros(&[1, 3, 224, 224])?;
//! let scores = runner.run(&[&image])?.remove(0); // … run for each image
//! # Ok::<(), featuremap::Error>(())
//! ```
//!
//! # What is computed
//!
//! Networks compute with `f32`. Inputs, weights and values of other floats (`DOUBLE`, `FLOAT16`, `BFLOAT16`) become the nearest `f32`.
//! Integers and truth values are there as constants, to compute shapes with, and not as values of a network; an output of
//! integers that is known beforehand is given as floats.
//!
//! Operators of the sets 1 to 28 of ONNX's own domain are read, as far as their rules have not changed since; each as its set defines it.
//! Any other operator is an [`Error::Operator`](crate::Error::Operator), with the node's name, the operator's, and what is supported.
//!
#![doc = include_str!("operators.md")]
//!
//! # Files are not trusted
//!
//! No file makes reading it panic or overflow. What it takes of memory is in proportion to its bytes, but for constants that it
//! computes and for values of the network: both are within [`Model::memory_limit`].
//!
//! [ONNX]: https://onnx.ai

mod builder;
mod constant;
mod external;
mod file;
mod layers;
mod model;
mod network;
mod node;
mod operators;
mod proto;
mod refusal;
#[cfg(test)]
mod tests;

pub use model::{Model, Size, ValueInfo};
pub use network::{Network, Port, Runner};
pub use operators::Supported;

/// The operators that are read, in the order of the alphabet.
///
/// ```
/// let operators = featuremap::onnx::supported();
/// let conv = operators.iter().find(|operator| operator.name == "Conv").expect("it is there");
/// assert_eq!(conv.without, "filters or biases that are not constant; more than 3 spatial axes");
/// ```
pub fn supported() -> &'static [Supported] {
    operators::OPERATORS
}
