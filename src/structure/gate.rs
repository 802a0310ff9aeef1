//! [`Gate`]: squeeze and excite.

use super::graph_module;
use crate::{Element, Graph, Result, Sequential};

/// `x · g(x)`, where g gives a number for each channel, as `[batch, channel, 1, 1]`, or one for each element: the squeeze-and-excite block
/// of `MobileNetV3` and `EfficientNet`. Parameters are named `g.…`.
///
/// ```
/// use featuremap::{Activation, Conv2d, Gate, GlobalAvgPool, Module, Relu, Sequential};
/// use ndarray::Array4;
///
/// let conv = |filters, channels| Conv2d::new(Array4::<f32>::ones((filters, channels, 1, 1)));
/// let excite = Sequential::new()
///     .push(GlobalAvgPool::default())
///     .push(conv(2, 8))
///     .push(Relu)
///     .push(conv(8, 2))
///     .push(Activation::HARD_SIGMOID);
/// assert_eq!(Gate::new(excite).forward(&Array4::ones((1, 8, 6, 6)))?.shape(), [1, 8, 6, 6]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("SqueezeExcitation", "squeeze_and_excite"))]
#[derive(Debug, Clone)]
pub struct Gate<T: Element = f32> {
    g: Sequential<T>,
}

impl<T: Element> Gate<T> {
    /// `x · g(x)`.
    pub fn new(g: Sequential<T>) -> Self {
        Self { g }
    }

    fn graph(&self) -> Graph<'_, T> {
        let mut graph = Graph::default();
        let input = graph.input();
        let gate = graph.module("g", &self.g, input);
        graph.multiply(input, gate);
        graph
    }

    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "the graph finds what is wrong")]
    fn check(&self, _: &[usize]) -> Result<()> {
        Ok(())
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Sequential<T>)> {
        [("g", &mut self.g)].into_iter()
    }
}

graph_module!(Gate);
