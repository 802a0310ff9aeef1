//! [`Lowering`]: what a module says of itself to those that plan it together with its neighbours, and the traits that it hands out.

use std::ops::Range;

use crate::{Activation, Band, ChannelScale, Element, Elementwise, Graph, Module, Plan, Quads, Result};

/// What a module is, for those that plan it together with its neighbours, as a [`Sequential`](crate::Sequential) does:
/// [`Module::lowering`] says it.
///
/// ```
/// use featuremap::{Conv2d, Lowering, MaxPool2d, Module, Quads, Relu};
/// use ndarray::Array4;
///
/// let conv = Conv2d::new(Array4::<f32>::ones((8, 3, 3, 3)));
/// assert!(matches!(conv.lowering(), Lowering::Fusible(_)));
/// let relu: Lowering<f32> = Relu.lowering();
/// assert!(matches!(relu, Lowering::Elementwise(_)));
///
/// let pool = MaxPool2d::new(2);
/// let Lowering::<f32>::Pooling(pool) = pool.lowering() else { unreachable!() };
/// assert_eq!(pool.quads(&[1, 8, 5, 6]), Some(Quads::Max));
/// ```
#[non_exhaustive]
pub enum Lowering<'a, T: Element, U: Element = T> {
    /// Nothing that others need to know of: it is planned alone.
    Opaque,
    /// It does the same to every element, wherever that lies: it is applied where the elements are.
    Elementwise(Elementwise<U>),
    /// It scales and shifts every channel by numbers of its own: after a convolution or a dense layer, that takes them into its
    /// weights, else it is done where the elements are.
    Scale(ChannelScale<U>),
    /// It leaves the elements as they are, in row-major order, under another shape or the same: it costs nothing.
    Reshape,
    /// Its output rows come from some of its input rows alone.
    Bands(&'a dyn Bands<T, U>),
    /// The same, and it pools.
    Pooling(&'a dyn Pooling<T, U>),
    /// It can do more to its results before it stores them.
    Fusible(&'a dyn Fusible<T, U>),
    /// It is made of other modules, from `U` to `U`: they become a part of the network that holds it.
    Graph(Graph<'a, U>),
}

impl<'a, T: Element> From<Graph<'a, T>> for Lowering<'a, T> {
    fn from(graph: Graph<'a, T>) -> Self {
        Self::Graph(graph)
    }
}

impl<'a, T: Element, U: Element> Lowering<'a, T, U> {
    /// The module's bands, where it has some.
    pub fn bands(&self) -> Option<&'a dyn Bands<T, U>> {
        match self {
            Self::Bands(module) => Some(*module),
            Self::Pooling(module) => Some(*module),
            Self::Fusible(module) => module.bands(),
            Self::Opaque | Self::Elementwise(_) | Self::Scale(_) | Self::Reshape | Self::Graph(_) => None,
        }
    }
}

/// A module whose output rows come from some of its input rows alone, so that a network need not hold all rows at once: see
/// [`Band`].
pub trait Bands<T: Element, U: Element = T>: Module<T, U> {
    /// Which rows of the input these rows of the output come from, as far as it has them, or more rows around them where it
    /// cannot compute them alone. `None` where these rows cannot be computed alone, or the input does not fit.
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band>;

    /// A plan that computes the output rows of a band from its input rows, to the bit as the plan for the whole input does.
    /// Unless it says otherwise that is the plan for an input of so many rows, which serves modules without padding.
    ///
    /// # Errors
    ///
    /// [`Error::Band`](crate::Error::Band) for a band that is none of this module for such an input, before any memory is taken;
    /// otherwise as [`plan`](Module::plan).
    fn plan_band(&self, input_shape: &[usize], band: &Band) -> Result<Plan<T, U>> {
        band.check(input_shape, &self.output_shape(input_shape)?)?;
        self.plan(&band.input_shape(input_shape))
    }
}

/// A pooling, which a module before it may do before it stores its results.
pub trait Pooling<T: Element, U: Element = T>: Bands<T, U> {
    /// For windows of 2×2 that lie side by side, in an input of this shape: what it makes of each.
    fn quads(&self, input_shape: &[usize]) -> Option<Quads>;
}

/// A module that can do more to its results before it stores them, as a convolution can: its epilogue.
pub trait Fusible<T: Element, U: Element = T>: Module<T, U> {
    /// This module with an activation after it; `None` where it cannot apply that one before it stores its results.
    fn with_activation(&self, activation: Activation) -> Option<Box<dyn Fusible<T, U> + '_>> {
        let _ = activation;
        None
    }

    /// This module with its output channels scaled and shifted, as by a batch norm, in its weights; `None` where it cannot.
    /// Its output has this shape.
    fn with_scale(&self, scale: &ChannelScale<U>, output_shape: &[usize]) -> Option<Box<dyn Fusible<T, U> + '_>> {
        let _ = (scale, output_shape);
        None
    }

    /// A plan of this module with such a pooling after it, which gives to the bit what both give one after the other; `None`
    /// where it cannot pool its results before it stores them.
    fn plan_pooled(&self, input_shape: &[usize], quads: Quads) -> Option<Plan<T, U>> {
        let _ = (input_shape, quads);
        None
    }

    /// Its bands, where it has some.
    fn bands(&self) -> Option<&dyn Bands<T, U>> {
        None
    }
}
