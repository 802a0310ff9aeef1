//! [`Sequential`]: modules one after the other, planned together.
//!
//! A plan goes through the layers once. Element-wise layers change the elements where they are, reshaping ones nothing at
//! all; a ReLU after a convolution is applied as that stores its results, and so is a pooling of 2×2 where tiles hold its
//! windows; any other convolution with a pooling after it is computed in bands of rows that stay in cache, so that the feature
//! map between the two never exists. What is left are steps from one buffer to the next, in memory that is used again as soon as
//! nobody needs what it holds.

mod cut;
mod fused;
mod steps;
mod summary;

use crate::module::{Module, OutputShape, check_shape};
use crate::plan::Run;
use crate::tensor::{TensorView, TensorViewMut, element_count};
use crate::version::Version;
use crate::{Element, Error, Plan, Result};
pub use summary::{LayerSummary, Summary};

use cut::BAND_BYTES;
use steps::Steps;

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
///     "layer classifier (Linear): the input has 1800 features on its last axis, but weights [10, 1568] take 1568"
/// );
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// # What is fused
///
/// The results are those of the modules one after the other, each planned for its input: the same to the bit. But
///
/// - a ReLU after a convolution or a [`Linear`](crate::Linear) layer costs nothing;
/// - element-wise modules ([`Module::elementwise`]) run in place, and a [`Flatten`](crate::Flatten) leaves the elements
///   where they are;
/// - a maximum or minimum of 2×2 windows side by side, after a convolution by Winograd's tiles of 4×4 and perhaps a ReLU, is taken
///   while the results are in registers ([`Module::plan_with_quads`]);
/// - a module and any other pooling after it, with any element-wise modules between them, run band by band
///   ([`Module::band`]): each thread computes the rows of the map that some rows of the output need, or the maps of some images,
///   pools them while they are in cache, and goes on. The map never exists as a whole. Where that does not pay, because the map
///   is small, or because each row of it would have to be computed several times, the map is computed as a whole;
/// - two buffers at most hold what lies between steps.
///
/// All of that holds for modules of your own that say so. A `Sequential` within another is one step of it, fused in itself.
pub struct Sequential<T: Element = f32> {
    layers: Vec<Layer<T>>,
    version: Version,
}

/// A module of a network.
struct Layer<T: Element> {
    name: String,
    module: Box<dyn Module<T>>,
}

impl<T: Element> Layer<T> {
    /// What errors call it: `0 (Conv2d)`.
    fn label(&self) -> String {
        format!("{} ({})", self.name, self.module.name())
    }

    fn error(&self, source: Error) -> Error {
        Error::Layer { layer: self.label(), source: Box::new(source) }
    }
}

impl<T: Element> Sequential<T> {
    /// A network without layers, whose output is its input.
    pub fn new() -> Self {
        Self { layers: Vec::new(), version: Version::default() }
    }

    /// Adds a layer at the end, named by its place: the first is `0`.
    pub fn push(self, module: impl Module<T> + 'static) -> Self {
        let name = self.layers.len().to_string();
        self.push_named(name, module)
    }

    /// Adds a layer at the end, with a name for errors, summaries and saved parameters.
    pub fn push_named(mut self, name: impl Into<String>, module: impl Module<T> + 'static) -> Self {
        self.layers.push(Layer { name: name.into(), module: Box::new(module) });
        self
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
        self.layers.iter().map(|layer| (layer.name.as_str(), &*layer.module))
    }

    /// A plan whose fused groups have bands of so many bytes.
    fn plan_in(&self, input_shape: &[usize], room: usize) -> Result<Plan<T>> {
        let shapes = self.counted_shapes(input_shape)?;
        let (steps, _) = Steps::new(&self.layers, &shapes, room)?;
        Ok(Plan::new(input_shape, &shapes[self.layers.len()], steps).of_version(&self.version))
    }

    /// The shapes from that of the input to that of the output: one more than layers.
    fn shapes(&self, input: &[usize]) -> Result<Vec<Vec<usize>>> {
        let mut shapes = vec![input.to_vec()];
        for (number, layer) in self.layers.iter().enumerate() {
            shapes.push(layer.module.output_shape(&shapes[number]).map_err(|error| layer.error(error))?);
        }
        Ok(shapes)
    }

    /// The same, each of so many elements that their bytes can be counted.
    fn counted_shapes(&self, input: &[usize]) -> Result<Vec<Vec<usize>>> {
        element_count::<T>(input)?;
        let shapes = self.shapes(input)?;
        for (layer, shape) in self.layers.iter().zip(&shapes[1..]) {
            element_count::<T>(shape).map_err(|error| layer.error(error))?;
        }
        Ok(shapes)
    }
}

impl<T: Element> Default for Sequential<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Element> std::fmt::Debug for Sequential<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.layers.iter().map(Layer::label)).finish()
    }
}

impl<T: Element> OutputShape for Sequential<T> {
    /// # Errors
    ///
    /// [`Error::Layer`], with what is wrong, for the first layer that its input does not fit.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.shapes(input)?.pop().unwrap_or_default())
    }
}

impl<T: Element> Module<T> for Sequential<T> {
    /// Plans, and runs the plan.
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        check_shape(&self.output_shape(input.shape())?, &output)?;
        self.plan(input.shape())?.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        self.plan_in(input_shape, BAND_BYTES)
    }

    fn parameters(&self) -> Vec<(String, TensorView<'_, T>)> {
        self.layers.iter().flat_map(|layer| within(&layer.name, layer.module.parameters())).collect()
    }

    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, T>)> {
        self.version.advance();
        self.layers.iter_mut().flat_map(|layer| within(&layer.name, layer.module.parameters_mut())).collect()
    }

    fn parameter_count(&self) -> usize {
        self.layers.iter().fold(0, |count: usize, layer| count.saturating_add(layer.module.parameter_count()))
    }

    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        let Ok(shapes) = self.shapes(input_shape) else { return 0 };
        let layers = self.layers.iter().zip(&shapes);
        layers.fold(0, |all: u64, (layer, shape)| all.saturating_add(layer.module.multiply_adds(shape)))
    }
}

/// Parameters of a layer as the network calls them: `0.weight`.
fn within<V>(layer: &str, parameters: Vec<(String, V)>) -> impl Iterator<Item = (String, V)> {
    parameters.into_iter().map(move |(name, values)| (format!("{layer}.{name}"), values))
}

impl<T: Element> Run<T> for Steps<T> {
    fn run(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        self.run_all(&input, output)
    }

    fn algorithm(&self) -> String {
        self.describe()
    }

    fn workspace_bytes(&self) -> usize {
        self.bytes()
    }
}

#[cfg(test)]
mod tests;
