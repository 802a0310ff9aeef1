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
//! Integers and truth values are there as constants, to compute shapes with (by arithmetic, comparisons, `Where`, `Range`, `Cast` and what
//! moves elements; an activation, `Abs` or `Pad` of integers is an error), and not as values of a network; an output of
//! integers that is known beforehand is given as floats.
//!
//! Models of the operator sets (opsets) 1 to 28 of ONNX's own domain can be read. Where an operator changed between opsets, the rule of the
//! model's opset counts; a few forms of the oldest opsets are refused with an error. `is_test` of the opsets before 7 is not read: batch
//! norm and dropout are those of inference.
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
mod value_info;

pub use model::Model;
pub use network::{Network, Port, Runner};
pub use operators::Supported;
pub use value_info::{Size, ValueInfo};

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
