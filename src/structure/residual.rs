//! [`Residual`]: a network and a way around it.

use super::graph_module;
use crate::{Activation, Element, Error, Graph, Module, Result, Sequential};

/// `x + f(x)`, or `activation(projection(x) + f(x))`: the block that a `ResNet` is made of.
///
/// Planned, the sum is taken where f has left its result, and the activation at once. Parameters are named `f.…` and `projection.…`.
///
/// ```
/// use featuremap::{Activation, Conv2d, Module, Relu, Residual, Sequential};
/// use ndarray::Array4;
///
/// let conv = |filters, channels, size| {
///     Conv2d::new(Array4::<f32>::ones((filters, channels, size, size))).padding(size / 2)
/// };
/// let f = Sequential::new().push(conv(8, 4, 3).stride(2)).push(Relu).push(conv(8, 8, 3));
/// let projection = Sequential::new().push(conv(8, 4, 1).stride(2));
/// let block = Residual::new(f).projection(projection).activation(Activation::Relu);
/// assert_eq!(block.forward(&Array4::ones((1, 4, 16, 16)))?.shape(), [1, 8, 8, 8]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("skip_connection", "shortcut", "BasicBlock", "Bottleneck"))]
#[derive(Clone)]
pub struct Residual<T: Element = f32> {
    f: Sequential<T>,
    projection: Option<Sequential<T>>,
    activation: Option<Sequential<T>>,
}

impl<T: Element> Residual<T> {
    /// `x + f(x)`.
    pub fn new(f: Sequential<T>) -> Self {
        Self { f, projection: None, activation: None }
    }

    /// What x goes through before it is added, where f changes its shape.
    pub fn projection(mut self, projection: Sequential<T>) -> Self {
        self.projection = Some(projection);
        self
    }

    /// What the sum goes through; nothing unless given.
    pub fn activation(mut self, activation: Activation) -> Self
    where
        Activation: Module<T>,
    {
        self.activation = Some(Sequential::default().push(activation));
        self
    }

    fn graph(&self) -> Graph<'_, T> {
        let mut graph = Graph::default();
        let mut around = graph.input();
        if let Some(projection) = &self.projection {
            around = graph.module("projection", projection, around);
        }
        let through = graph.module("f", &self.f, graph.input());
        let sum = graph.add(around, through);
        if let Some(activation) = &self.activation {
            graph.module("activation", activation, sum);
        }
        graph
    }

    /// A sum of two shapes is none that repeats one of them.
    fn check(&self, input: &[usize]) -> Result<()> {
        use crate::Operator as _;
        let layer = |name: &str, error| Error::Layer { layer: format!("{name} (Sequential)"), source: Box::new(error) };
        let through = self.f.output_shape(input).map_err(|error| layer("f", error))?;
        let around = match &self.projection {
            Some(projection) => projection.output_shape(input).map_err(|error| layer("projection", error))?,
            None => input.to_vec(),
        };
        match through == around {
            true => Ok(()),
            false => Err(Error::Shape { what: "what a residual is added to", expected: around, found: through }),
        }
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Sequential<T>)> {
        let projection = self.projection.as_mut().map(|projection| ("projection", projection));
        projection.into_iter().chain([("f", &mut self.f)])
    }
}

impl<T: Element> std::fmt::Debug for Residual<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Residual").field("f", &self.f).field("projection", &self.projection).finish_non_exhaustive()
    }
}

graph_module!(Residual);
