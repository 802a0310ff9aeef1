//! [`Concat`]: branches side by side.

use super::graph_module;
use crate::{ChannelAxis, Element, Error, Graph, Operator, Result, Sequential};

/// The results of several networks of one input, side by side along the second axis, the channels of a batch: the blocks of `Inception`
/// and `SqueezeNet`, and, with an empty network as a branch, the way around the middle of a U-Net. For images without a batch axis, whose
/// channels are the first, give `.axis(ChannelAxis::Before(2))`: otherwise they are joined along their rows.
///
/// Planned, each branch is computed where its part of the result lies, if that lies in one piece, as it does for one image.
///
/// ```
/// use featuremap::{Concat, Conv2d, Module, Sequential};
/// use ndarray::Array4;
///
/// let conv = |filters, size| {
///     let weights = Array4::<f32>::ones((filters, 4, size, size));
///     Sequential::new().push(Conv2d::new(weights).padding(size / 2))
/// };
/// let expand = Concat::new()
///     .branch("1x1", conv(8, 1))
///     .branch("3x3", conv(16, 3))
///     .branch("as it is", Sequential::new());
/// assert_eq!(expand.forward(&Array4::ones((1, 4, 10, 10)))?.shape(), [1, 28, 10, 10]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("concatenate", "cat", "Inception"))]
#[derive(Clone)]
pub struct Concat<T: Element = f32> {
    branches: Vec<(String, Sequential<T>)>,
    axis: ChannelAxis,
}

impl Concat {
    /// No branches yet, along the second axis. (For another type than `f32`: `Concat::default()`.)
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Element> Default for Concat<T> {
    fn default() -> Self {
        Self { branches: Vec::new(), axis: ChannelAxis::Second }
    }
}

impl<T: Element> Concat<T> {
    /// Adds a branch, with a name for errors, summaries and saved parameters. An empty network gives the input as it is.
    pub fn branch(mut self, name: impl Into<String>, branch: Sequential<T>) -> Self {
        self.branches.push((name.into(), branch));
        self
    }

    /// The axis that branches lie along; the second unless given.
    pub fn axis(mut self, axis: ChannelAxis) -> Self {
        self.axis = axis;
        self
    }

    fn graph(&self) -> Graph<'_, T> {
        let mut graph = Graph::default();
        let input = graph.input();
        let values: Vec<_> = self.branches.iter().map(|(name, branch)| graph.module(name, branch, input)).collect();
        graph.concat(self.axis, &values);
        graph
    }

    fn check(&self, input: &[usize]) -> Result<()> {
        let Some((name, branch)) = self.branches.first() else {
            return Err(Error::Number {
                what: "the number of branches of a concatenation",
                expected: "at least 1",
                found: 0.0,
            });
        };
        let layer = |error| Error::Layer { layer: format!("{name} (Sequential)"), source: Box::new(error) };
        let shape = branch.output_shape(input).map_err(layer)?;
        match self.axis.of(shape.len()) {
            Some(_) => Ok(()),
            None => Err(Error::Rank {
                what: "the branches of a concatenation".into(),
                expected: "of a rank with channels".into(),
                found: shape,
            }),
        }
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = (&str, &mut Sequential<T>)> {
        self.branches.iter_mut().map(|(name, branch)| (name.as_str(), branch))
    }
}

impl<T: Element> std::fmt::Debug for Concat<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.branches.iter().map(|(name, branch)| (name, branch))).finish()
    }
}

graph_module!(Concat);
