//! [`Graph`]: modules as the nodes of a network, as a module says what it is made of. How it is planned is elsewhere.

use super::{ChannelAxis, Lowering, Module, Seen, Version};
use crate::Element;
use crate::tensor::TensorView;

/// A network as a graph: nodes, each of which makes one value of those before it.
///
/// [`Sequential`](crate::Sequential), [`Residual`](crate::Residual), [`Concat`](crate::Concat) and [`Gate`](crate::Gate) are graphs, and
/// so is a module of your own that says so by [`Lowering::Graph`](crate::Lowering::Graph): within others it becomes a part of
/// theirs, and keeps all that can be fused. This is `x + f(x)`:
///
/// ```
/// use featuremap::{Conv2d, Graph, Lowering, Module, Operator, Plan, Relu, Result, Sequential};
/// use featuremap::{TensorView, TensorViewMut};
/// use ndarray::Array4;
///
/// #[derive(Clone)]
/// struct Skip(Sequential);
///
/// impl Operator for Skip {
///     fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
///         self.0.output_shape(input)
///     }
/// }
///
/// impl Module<f32> for Skip {
///     fn forward_into(
///         &self,
///         input: TensorView<'_, f32>,
///         output: TensorViewMut<'_, f32>,
///     ) -> Result<()> {
///         self.plan(input.shape())?.run(input, output)
///     }
///
///     fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
///         Graph::of(self).plan(input_shape)
///     }
///
///     fn lowering(&self) -> Lowering<'_, f32> {
///         let mut graph = Graph::new();
///         let f = graph.module("f", &self.0, graph.input());
///         graph.add(f, graph.input());
///         graph.into()
///     }
/// }
///
/// let conv = Conv2d::new(Array4::<f32>::ones((3, 3, 1, 1)));
/// let skip = Skip(Sequential::new().push(conv).push(Relu));
/// assert_eq!(skip.forward(&Array4::ones((1, 3, 2, 2)))?.get(&[0, 0, 0, 0]), Some(&4.0));
///
/// // A network that holds it knows what is in it.
/// let summary = Sequential::new().push(skip).summary(&[1, 3, 2, 2])?;
/// assert_eq!(summary.parameters, 9);
/// # Ok::<(), featuremap::Error>(())
/// ```
pub struct Graph<'a, T: Element> {
    pub(crate) nodes: Vec<GraphNode<'a, T>>,
    pub(crate) output: Value,
    pub(crate) versions: Vec<Seen>,
}

/// A value of a [`Graph`]: its input, or what one of its nodes gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(pub(crate) usize);

/// What makes a value of others.
pub(crate) struct GraphNode<'a, T: Element> {
    pub(crate) name: String,
    pub(crate) work: Work<'a, T>,
    pub(crate) inputs: Vec<Value>,
}

pub(crate) enum Work<'a, T: Element> {
    Module(&'a dyn Module<T>),
    Join(Join),
}

/// What makes one value of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// Element by element; one of the two may be repeated along axes where it has one element.
    Add,
    /// The same.
    Multiply,
    /// One after the other, along the channels.
    Concat(ChannelAxis),
}

impl Join {
    /// What summaries and errors call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Multiply => "Multiply",
            Self::Concat(_) => "Concat",
        }
    }
}

impl Graph<'_, f32> {
    /// A graph without nodes, whose output is its input. One for another type than `f32` begins as `Graph::default()`.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<'a, T: Element> Graph<'a, T> {
    /// The graph that a module is, or one with this module for its only node.
    pub fn of(module: &'a dyn Module<T>) -> Self {
        if let Lowering::Graph(graph) = module.lowering() {
            return graph;
        }
        let mut graph = Self::default();
        graph.module("0", module, graph.input());
        graph
    }

    /// The value that the graph is given.
    pub fn input(&self) -> Value {
        Value(0)
    }

    /// A module of one value. Its name is for errors, summaries and parameters. The value that was made last is the graph's output,
    /// unless [`output`](Self::output) says otherwise.
    pub fn module(&mut self, name: impl Into<String>, module: &'a dyn Module<T>, input: Value) -> Value {
        self.push(name.into(), Work::Module(module), vec![input])
    }

    /// The sum of two values, element by element. One of them has the shape of the sum; the other may have axes of length 1, or fewer
    /// axes, along which it is repeated.
    pub fn add(&mut self, one: Value, other: Value) -> Value {
        self.join("add", Join::Add, vec![one, other])
    }

    /// The product of two values in the same manner: of maps and a number for each channel `[batch, channel, 1, 1]`, say.
    pub fn multiply(&mut self, one: Value, other: Value) -> Value {
        self.join("multiply", Join::Multiply, vec![one, other])
    }

    /// Values one after the other along an axis.
    pub fn concat(&mut self, axis: ChannelAxis, values: &[Value]) -> Value {
        self.join("concat", Join::Concat(axis), values.to_vec())
    }

    /// Makes a value the output of the graph.
    pub fn output(&mut self, value: Value) {
        self.output = value;
    }

    fn join(&mut self, name: &str, join: Join, inputs: Vec<Value>) -> Value {
        self.push(name.into(), Work::Join(join), inputs)
    }

    fn push(&mut self, name: String, work: Work<'a, T>, inputs: Vec<Value>) -> Value {
        self.nodes.push(GraphNode { name, work, inputs });
        self.output = Value(self.nodes.len());
        self.output
    }

    /// Plans of it refuse to run once these parameters have been given out to be written to.
    pub(crate) fn of_version(mut self, version: &Version) -> Self {
        self.versions.push(version.seen());
        self
    }

    /// The parameters of all nodes, named by these: `block.0.weight`.
    pub fn parameters(&self) -> Vec<(String, TensorView<'a, T>)> {
        let mut parameters = Vec::new();
        for node in &self.nodes {
            if let Work::Module(module) = node.work {
                let within = |(name, values)| (format!("{}.{name}", node.name), values);
                parameters.extend(module.parameters().into_iter().map(within));
            }
        }
        parameters
    }
}

/// A graph without nodes, whose output is its input.
impl<T: Element> Default for Graph<'_, T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), output: Value(0), versions: Vec::new() }
    }
}

impl<T: Element> std::fmt::Debug for Graph<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nodes = self.nodes.iter().enumerate().map(|(number, node)| {
            let inputs: Vec<_> = node.inputs.iter().map(|value| value.0).collect();
            format!("{} = {} of {inputs:?}", number + 1, node.label())
        });
        f.debug_list().entries(nodes).finish()
    }
}

impl<T: Element> GraphNode<'_, T> {
    /// What errors call it: `0 (Conv2d)`.
    pub(crate) fn label(&self) -> String {
        match &self.work {
            Work::Module(module) => format!("{} ({})", self.name, module.name()),
            Work::Join(join) => format!("{} ({})", self.name, join.name()),
        }
    }
}
