//! [`Sequential`]: modules one after the other, planned together.
//!
//! A plan goes through the layers once. Element-wise layers change the elements where they are, reshaping ones nothing at
//! all; a ReLU after a convolution is applied as that stores its results, and so is a pooling of 2×2 where tiles hold its
//! windows; any other convolution with a pooling after it is computed in bands of rows that stay in cache, so that the feature
//! map between the two never exists. What is left are steps from one buffer to the next, in memory that is used again as soon as
//! nobody needs what it holds.

mod summary;

use std::sync::Arc;

use crate::graph::kept::Kept;
use crate::module::{Module, Operator, Version, check_shape};
use crate::tensor::{TensorView, TensorViewMut};
use crate::{Element, Graph, Lowering, Plan, Result};
pub use summary::{LayerSummary, Summary};

/// Modules one after the other: a network, which is a module itself.
///
/// ```
/// use featuremap::{Conv2d, Flatten, Linear, MaxPool2d, Module, Relu, Sequential};
/// use ndarray::{Array1, Array2, Array4};
///
/// let conv = Conv2d::new(Array4::<f32>::ones((8, 1, 3, 3))).bias(Array1::zeros(8)).padding(1);
/// let model = Sequential::new()
///     .push(conv)
///     .push(Relu)
///     .push(MaxPool2d::new(2))
///     .push(Flatten::default())
///     .push_named("classifier", Linear::new(Array2::ones((10, 8 * 14 * 14))));
///
/// let mut plan = model.plan(&[4, 1, 28, 28])?; // all memory is taken here
/// let mut scores = Array2::zeros((4, 10));
/// plan.run(&Array4::ones((4, 1, 28, 28)), &mut scores)?; // and none here
/// assert_eq!(scores[[0, 0]], 14112.0);
///
/// // An error says which layer it is about.
/// let error = model.forward(&Array4::ones((4, 1, 30, 30))).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "layer classifier (Linear): the input has 1800 features on its last axis, \
///      but weights [10, 1568] take 1568"
/// );
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// # What is fused
///
/// The results are those of the modules one after the other, each planned for its input: the same to the bit. But
///
/// - a ReLU after a convolution or a [`Linear`](crate::Linear) layer costs nothing;
/// - element-wise modules run in place, and a [`Flatten`](crate::Flatten) leaves the elements
///   where they are;
/// - a maximum or minimum of 2×2 windows side by side, after a convolution by Winograd's tiles of 4×4 and perhaps a ReLU, is taken
///   while the results are in registers ([`Fusible::plan_pooled`](crate::Fusible::plan_pooled));
/// - a module and any other pooling after it, with any element-wise modules between them, run band by band
///   ([`Bands`](crate::Bands)): each thread computes the rows of the map that some rows of the output need, or the maps of some images,
///   pools them while they are in cache, and goes on. The map never exists as a whole. Where that does not pay, because the map
///   is small, or because each row of it would have to be computed several times, the map is computed as a whole;
/// - a [`BatchNorm`](crate::BatchNorm) after a convolution or a dense layer is taken into its weights: of all these, that alone changes
///   results, by rounding errors;
/// - sums of residuals are taken in place, and branches computed where their concatenation lies, where that is in one piece;
/// - what lies between steps shares memory with what is not needed at the same time: of a chain, two buffers at most.
///
/// All of that holds for modules of your own that say so by [`Module::lowering`]. A `Sequential` within another, or
/// within a [`Residual`](crate::Residual), is planned as if its layers were those of the other.
///
/// # Calls of `forward`
///
/// The plans of the last four shapes are kept, with the memory that they compute in: what `forward` has planned once, it only runs when
/// the next input has the same shape. Calls at the same time have a plan each; of a shape, as many are kept as there are threads, and four
/// at least. Loading parameters drops them; a clone starts without any. A module of your own
/// that changes behind a shared reference is called each time, if it leaves [`Module::plan`] and [`Module::lowering`] as they are;
/// what these return is kept.
///
/// # Copies
///
/// A copy shares the layers, and costs next to nothing, until the parameters of one of the two are
/// [written to](Module::parameters_mut): that one then has a copy of them to itself. A module that was pushed in an [`Arc`] which
/// somebody else holds, too, stays shared with him, and has no parameters to write to.
#[derive(Clone)]
pub struct Sequential<T: Element = f32> {
    layers: Vec<Layer<T>>,
    version: Version,
    kept: Kept<T>,
}

/// A module of a network. Copies of the network share it until one of them writes to its parameters.
#[derive(Clone)]
struct Layer<T: Element> {
    name: String,
    module: Arc<dyn CloneModule<T>>,
}

/// [`Module`], with `Clone` in a form that a `dyn` can have.
trait CloneModule<T: Element>: Module<T> {
    fn shared_clone(&self) -> Arc<dyn CloneModule<T>>;
}

impl<T: Element, M: Module<T> + Clone + 'static> CloneModule<T> for M {
    fn shared_clone(&self) -> Arc<dyn CloneModule<T>> {
        Arc::new(self.clone())
    }
}

impl<T: Element> Layer<T> {
    /// What errors call it: `0 (Conv2d)`.
    fn label(&self) -> String {
        format!("{} ({})", self.name, self.module.name())
    }

    /// The module to write to: a copy of its own where other networks share it, which then keep what they have.
    fn module_mut(&mut self) -> &mut dyn CloneModule<T> {
        if Arc::get_mut(&mut self.module).is_none() {
            // Not of the pointer, which is a module itself.
            self.module = (*self.module).shared_clone();
        }
        Arc::get_mut(&mut self.module).expect("a copy that was made for this network is shared with none")
    }
}

impl Sequential {
    /// A network without layers, whose output is its input. It is one for `f32`, so that a layer for every type can be the first;
    /// one for another type begins as `Sequential::default()`.
    ///
    /// ```
    /// use featuremap::{Module, Relu, Sequential, Tensor};
    /// use ndarray::array;
    ///
    /// let model = Sequential::new().push(Relu);
    /// assert_eq!(model.forward(&array![-1.0, 2.0])?, Tensor::from(array![0.0, 2.0]));
    ///
    /// let doubles = Sequential::<f64>::default().push(Relu);
    /// assert_eq!(doubles.forward(&array![-1.0, 2.0])?, Tensor::from(array![0.0, 2.0]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T: Element> Sequential<T> {
    /// Adds a layer at the end, named by its place: the first is `0`. What is no `Clone` is one in an [`Arc`].
    pub fn push(self, module: impl Module<T> + Clone + 'static) -> Self {
        let name = self.layers.len().to_string();
        self.push_named(name, module)
    }

    /// Adds a layer at the end, with a name for errors, summaries and saved parameters.
    pub fn push_named(mut self, name: impl Into<String>, module: impl Module<T> + Clone + 'static) -> Self {
        self.add(name.into(), Arc::new(module));
        self
    }

    fn add(&mut self, name: String, module: Arc<dyn CloneModule<T>>) {
        // Plans of fewer layers.
        self.kept = Kept::default();
        self.layers.push(Layer { name, module });
    }

    /// Number of layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// The layers with their names, in order.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = (&str, &dyn Module<T>)> {
        self.layers.iter().map(|layer| (layer.name.as_str(), &*layer.module as &dyn Module<T>))
    }

    /// The layers as a chain of nodes.
    fn graph(&self) -> Graph<'_, T> {
        let mut graph = Graph::default().of_version(&self.version);
        let mut value = graph.input();
        for (name, module) in self.layers() {
            value = graph.module(name, module, value);
        }
        graph
    }

    /// A plan whose fused groups have bands of so many bytes.
    #[cfg(test)]
    fn plan_in(&self, input_shape: &[usize], room: usize) -> Result<Plan<T>> {
        self.graph().plan_in(input_shape, room)
    }
}

/// A network without layers.
impl<T: Element> Default for Sequential<T> {
    fn default() -> Self {
        Self { layers: Vec::new(), version: Version::default(), kept: Kept::default() }
    }
}

/// Layers of one type, named by their places. Layers of several types are of one as `Arc<dyn Module<f32>>`.
///
/// ```
/// use featuremap::{Conv2d, Module, Relu, Sequential};
/// use ndarray::Array4;
/// use std::sync::Arc;
///
/// let conv = Conv2d::new(Array4::<f32>::ones((3, 3, 3, 3))).padding(1);
/// let mut model: Sequential = [conv.clone(), conv.clone()].into_iter().collect();
/// model.extend([Arc::new(Relu) as Arc<dyn Module<f32>>, Arc::new(conv)]);
/// assert_eq!(model.len(), 4);
/// ```
impl<T: Element, M: Module<T> + Clone + 'static> FromIterator<M> for Sequential<T> {
    fn from_iter<I: IntoIterator<Item = M>>(modules: I) -> Self {
        let mut network = Self::default();
        network.extend(modules);
        network
    }
}

impl<T: Element, M: Module<T> + Clone + 'static> Extend<M> for Sequential<T> {
    fn extend<I: IntoIterator<Item = M>>(&mut self, modules: I) {
        for module in modules {
            self.add(self.layers.len().to_string(), Arc::new(module));
        }
    }
}

impl<T: Element> std::fmt::Debug for Sequential<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.layers.iter().map(Layer::label)).finish()
    }
}

impl<T: Element> Operator for Sequential<T> {
    /// # Errors
    ///
    /// [`Error::Layer`](crate::Error::Layer), with what is wrong, for the first layer that its input does not fit.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.graph().output_shape(input)
    }

    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        self.graph().multiply_adds(input_shape)
    }
}

impl<T: Element> Module<T> for Sequential<T> {
    /// Plans, and runs the plan, which is kept for the next input of this shape: see [`Sequential`].
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        let plan = |output: &TensorViewMut<'_, T>| {
            check_shape(&self.output_shape(input.shape())?, output)?;
            self.plan(input.shape())
        };
        self.kept.run(input.shape(), output, plan, |plan, output| plan.run(&input, output))
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        self.graph().plan(input_shape)
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Graph(self.graph())
    }

    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, T>)> {
        self.version.advance();
        // They hold what is about to be written to.
        self.kept = Kept::default();
        let mut parameters = Vec::new();
        for layer in &mut self.layers {
            let name = layer.name.clone();
            parameters.extend(within(&name, layer.module_mut().parameters_mut()));
        }
        parameters
    }

    fn parameter_count(&self) -> usize {
        self.layers.iter().fold(0, |count: usize, layer| count.saturating_add(layer.module.parameter_count()))
    }
}

/// Parameters of a layer as the network calls them: `0.weight`.
pub(crate) fn within<V>(layer: &str, parameters: Vec<(String, V)>) -> impl Iterator<Item = (String, V)> {
    parameters.into_iter().map(move |(name, values)| (format!("{layer}.{name}"), values))
}

#[cfg(test)]
mod tests;
