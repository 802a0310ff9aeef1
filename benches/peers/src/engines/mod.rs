//! The engines: one file each, and what they have in common.

mod burn;
mod candle;
mod featuremap;
mod rten;
mod tract;

use std::error::Error;
use std::hint::black_box;

use crate::layer::{Case, Op};

pub use featuremap::expected;

/// A layer made ready in an engine, or the reason why the engine cannot compute it.
pub type Prepared = Result<Box<dyn Runner>, Box<dyn Error>>;

/// A layer that is ready to be computed, again and again, on the same data.
pub trait Runner {
    /// What is timed.
    fn run(&mut self);

    /// The numbers that a run computes, in NCHW order.
    fn result(&mut self) -> Vec<f32>;
}

/// An engine by its name on the command line.
pub struct Engine {
    pub name: &'static str,
    /// The package whose version is reported.
    pub package: &'static str,
    /// Prepares a layer to be computed by so many threads.
    pub prepare: fn(&Case, usize) -> Prepared,
}

pub const ENGINES: [Engine; 6] = [
    Engine { name: "featuremap", package: "featuremap", prepare: |case, _| featuremap::into_memory(case) },
    Engine { name: "featuremap-forward", package: "featuremap", prepare: |case, _| featuremap::forward(case) },
    Engine { name: "rten", package: "rten", prepare: rten::prepare },
    Engine { name: "tract", package: "tract-onnx", prepare: tract::prepare },
    Engine { name: "candle", package: "candle-core", prepare: |case, _| candle::prepare(of_one_layer(case)?) },
    Engine { name: "burn", package: "burn-flex", prepare: |case, _| Ok(burn::prepare(of_one_layer(case)?)) },
];

/// A network is a program for engines that load no models.
fn of_one_layer(case: &Case) -> Result<&Case, &'static str> {
    if matches!(case.layer.op, Op::Network) { Err("it loads no ONNX model") } else { Ok(case) }
}

/// A runner for an engine whose every run gives a tensor of its own, the cost of which (memory taken and given back) is
/// part of a run.
struct Fresh<C, R> {
    compute: C,
    read: R,
}

impl<T, C: FnMut() -> T, R: Fn(T) -> Vec<f32>> Runner for Fresh<C, R> {
    fn run(&mut self) {
        black_box((self.compute)());
    }

    fn result(&mut self) -> Vec<f32> {
        (self.read)((self.compute)())
    }
}

/// A runner of what computes a tensor, and what reads its numbers.
fn fresh<T: 'static>(compute: impl FnMut() -> T + 'static, read: impl Fn(T) -> Vec<f32> + 'static) -> Box<dyn Runner> {
    Box::new(Fresh { compute, read })
}
