//! A graph and the graphs within it as one list of nodes, with the shapes of all values.

use super::{Graph, GraphNode, Join, Value, Work};
use crate::module::{Module, Seen};
use crate::tensor::element_count;
use crate::{Element, Error, Lowering, Result};

/// Graphs within graphs, at most: one that holds itself has no end.
const MOST_LEVELS: usize = 64;

/// Nodes in the order in which they are computed. Value 0 is the input, value n the result of node n − 1.
pub(crate) struct Flat<'a, T: Element> {
    pub(super) nodes: Vec<FlatNode<'a, T>>,
    /// Of the values.
    pub(super) shapes: Vec<Vec<usize>>,
    pub(super) output: usize,
    pub(super) seen: Vec<Seen>,
    pub(crate) lines: Vec<Line>,
}

/// A node, and where it stands.
pub(super) struct FlatNode<'a, T: Element> {
    /// Labels from the outermost graph to the node.
    pub(super) path: Vec<String>,
    pub(super) work: FlatWork<'a, T>,
    pub(super) inputs: Vec<usize>,
}

pub(super) enum FlatWork<'a, T: Element> {
    /// A module, and what it is.
    Module(&'a dyn Module<T>, Lowering<'a, T>),
    Join(Join),
}

/// A line of a summary: a node, or a graph with its nodes after it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) depth: usize,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) output_shape: Vec<usize>,
    pub(crate) parameters: usize,
    pub(crate) multiply_adds: u64,
    /// Whether its nodes have lines of their own.
    pub(crate) is_graph: bool,
}

/// An error of a node, within the graphs that hold it.
pub(super) fn within(path: &[String], error: Error) -> Error {
    path.iter().rev().fold(error, |source, layer| Error::Layer { layer: layer.clone(), source: Box::new(source) })
}

impl<'a, T: Element> Flat<'a, T> {
    /// Finds the shapes of all values, each of so many elements that their bytes can be counted.
    pub(crate) fn new(graph: &Graph<'a, T>, input: &[usize]) -> Result<Self> {
        element_count::<T>(input)?;
        let (nodes, seen, lines) = (Vec::new(), Vec::new(), Vec::new());
        let mut flat = Self { nodes, shapes: vec![input.to_vec()], output: 0, seen, lines };
        flat.output = flat.add(graph, 0, &[])?;
        Ok(flat)
    }

    /// Multiplications by a parameter of all nodes.
    pub(crate) fn multiply_adds(&self) -> u64 {
        let nodes = self.lines.iter().filter(|line| !line.is_graph);
        nodes.map(|line| line.multiply_adds).fold(0, u64::saturating_add)
    }

    /// Adds the nodes of a graph that is given a value, and says which value it gives.
    fn add(&mut self, graph: &Graph<'a, T>, input: usize, path: &[String]) -> Result<usize> {
        if path.len() > MOST_LEVELS {
            return Err(Error::TooLarge { what: "the depth of graphs within graphs", sizes: vec![path.len()] });
        }
        self.seen.extend(graph.versions.iter().cloned());
        // The values of the graph as those of the list.
        let mut values = vec![input];
        for node in &graph.nodes {
            let mut path = path.to_vec();
            path.push(node.label());
            let inputs = inputs_of(node, &values).map_err(|error| within(&path, error))?;
            values.push(self.add_node(node, inputs, path)?);
        }
        value_of(graph.output, &values)
    }

    fn add_node(&mut self, node: &GraphNode<'a, T>, inputs: Vec<usize>, path: Vec<String>) -> Result<usize> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&value| &self.shapes[value][..]).collect();
        let shape = node.output_shape(&shapes).and_then(|shape| element_count::<T>(&shape).map(|_| shape));
        let shape = shape.map_err(|error| within(&path, error))?;
        let (parameters, multiply_adds) = match &node.work {
            Work::Module(module) => (module.parameter_count(), module.multiply_adds(shapes[0])),
            Work::Join(_) => (0, 0),
        };
        let line = self.lines.len();
        let kind = match &node.work {
            Work::Module(module) => module.name(),
            Work::Join(join) => join.name().into(),
        };
        let (depth, name, output_shape) = (path.len() - 1, node.name.clone(), shape.clone());
        self.lines.push(Line { depth, name, kind, output_shape, parameters, multiply_adds, is_graph: false });
        let work = match node.work {
            Work::Join(join) => FlatWork::Join(join),
            Work::Module(module) => match module.lowering() {
                Lowering::Graph(graph) => {
                    self.lines[line].is_graph = true;
                    let value = self.add(&graph, inputs[0], &path)?;
                    if self.shapes[value] != shape {
                        let found = self.shapes[value].clone();
                        return Err(within(
                            &path,
                            Error::Shape { what: "the output of the layer's graph", expected: shape, found },
                        ));
                    }
                    return Ok(value);
                }
                lowering => FlatWork::Module(module, self.believable(lowering, inputs[0], &shape)),
            },
        };
        self.nodes.push(FlatNode { path, work, inputs });
        self.shapes.push(shape);
        Ok(self.nodes.len())
    }

    /// The most bytes that are needed at once where nodes run one after the other, each into memory of its own.
    pub(crate) fn plain_peak_bytes(&self) -> usize {
        let mut last_use: Vec<usize> = (0..self.shapes.len()).map(|value| value.saturating_sub(1)).collect();
        for (number, node) in self.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&input| last_use[input] = number);
        }
        let at = |node: usize| {
            let live = (0..=node + 1).filter(|&value| last_use[value] >= node);
            let bytes = live.map(|value| self.shapes[value].iter().product::<usize>().saturating_mul(size_of::<T>()));
            bytes.fold(0, usize::saturating_add)
        };
        (0..self.nodes.len()).map(at).max().unwrap_or(0)
    }

    /// What a module says of itself, unless the shapes of its input and its output speak against it.
    fn believable(&mut self, lowering: Lowering<'a, T>, input: usize, output: &[usize]) -> Lowering<'a, T> {
        let input = &self.shapes[input][..];
        let count = |shape: &[usize]| shape.iter().product::<usize>();
        let holds = match &lowering {
            Lowering::Elementwise(_) => input == output,
            Lowering::Scale(scale) => input == output && scale.fits(output),
            Lowering::Reshape => count(input) == count(output),
            _ => true,
        };
        if let Lowering::Scale(scale) = &lowering {
            self.seen.extend(scale.seen().cloned());
        }
        if holds { lowering } else { Lowering::Opaque }
    }
}

/// A value of a graph as one of the list.
fn value_of(value: Value, values: &[usize]) -> Result<usize> {
    values.get(value.0).copied().ok_or(Error::Value { value: value.0, values: values.len() })
}

fn inputs_of<T: Element>(node: &GraphNode<'_, T>, values: &[usize]) -> Result<Vec<usize>> {
    node.inputs.iter().map(|&value| value_of(value, values)).collect()
}

impl<T: Element> GraphNode<'_, T> {
    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        match (&self.work, inputs) {
            (Work::Module(module), [input, ..]) => module.output_shape(input),
            (Work::Join(Join::Add | Join::Multiply), &[one, other]) => broadcast(one, other),
            (Work::Join(Join::Concat(axis)), [first, ..]) => axis
                .of(first.len())
                .map_or_else(|| Err(Error::Axis { axis: 1, shape: first.to_vec() }), |axis| concatenated(axis, inputs)),
            _ => Err(Error::Value { value: 0, values: 0 }),
        }
    }
}

/// The shape of two values of which one is repeated where it has one element, or fewer axes.
fn broadcast(one: &[usize], other: &[usize]) -> Result<Vec<usize>> {
    let (whole, part) = if one.len() >= other.len() && !is_part(one, other) { (one, other) } else { (other, one) };
    match is_part(part, whole) {
        true => Ok(whole.to_vec()),
        false => Err(Error::Shape {
            what: "what is joined with another, element by element,",
            expected: one.to_vec(),
            found: other.to_vec(),
        }),
    }
}

/// Whether a value is, or is repeated to be, of this shape.
fn is_part(part: &[usize], whole: &[usize]) -> bool {
    let pairs = part.iter().rev().zip(whole.iter().rev());
    // Views of up to six axes, and those of more, are held otherwise.
    let held_alike = part.len() == whole.len() || whole.len() <= 6;
    part.len() <= whole.len() && held_alike && pairs.into_iter().all(|(&one, &all)| one == all || one == 1)
}

fn concatenated(axis: usize, inputs: &[&[usize]]) -> Result<Vec<usize>> {
    let mut shape = inputs[0].to_vec();
    let mut length = 0_usize;
    for &input in inputs {
        let fits = input.len() == shape.len()
            && input.iter().zip(&shape).enumerate().all(|(number, (one, other))| number == axis || one == other);
        if !fits {
            let found = input.to_vec();
            return Err(Error::Shape {
                what: "each of the branches, but for the axis of the channels,",
                expected: shape,
                found,
            });
        }
        let too_large =
            || Error::TooLarge { what: "the channels of a concatenation", sizes: vec![length, input[axis]] };
        length = length.checked_add(input[axis]).ok_or_else(too_large)?;
    }
    shape[axis] = length;
    Ok(shape)
}

/// The shapes of the values of one graph, not of those within it.
pub(super) fn shapes<T: Element>(graph: &Graph<'_, T>, input: &[usize]) -> Result<Vec<Vec<usize>>> {
    let mut shapes = vec![input.to_vec()];
    for node in &graph.nodes {
        let numbers: Vec<usize> = (0..shapes.len()).collect();
        let label = || [node.label()];
        let inputs = inputs_of(node, &numbers).map_err(|error| within(&label(), error))?;
        let of_inputs: Vec<&[usize]> = inputs.iter().map(|&value| &shapes[value][..]).collect();
        let shape = node.output_shape(&of_inputs).map_err(|error| within(&label(), error))?;
        shapes.push(shape);
    }
    Ok(shapes)
}

pub(super) fn output_shape<T: Element>(graph: &Graph<'_, T>, input: &[usize]) -> Result<Vec<usize>> {
    let mut shapes = shapes(graph, input)?;
    let count = shapes.len();
    if graph.output.0 >= count {
        return Err(Error::Value { value: graph.output.0, values: count });
    }
    Ok(shapes.swap_remove(graph.output.0))
}
