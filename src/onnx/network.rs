//! [`Network`]: a model for inputs of known shapes.

use std::sync::Arc;

use super::layers::{Reshaped, Strided};
use crate::graph::kept::Kept;
use crate::module::{Module, Operator};
use crate::tensor::element_count;
use crate::{AsView, ChannelAxis, Error, Graph, Lowering, Plan, Result, Tensor, TensorView, TensorViewMut};

/// A model for inputs of known shapes: what [`Model::network`](super::Model::network) gives.
///
/// One that has one input and one output is a [`Module`] of inputs of this shape, and can stand in a
/// [`Sequential`](crate::Sequential) or be planned:
///
/// ```
/// use featuremap::{Module, Tensor, onnx::Model};
///
/// # let file = include_bytes!("../../tests/onnx/relu.onnx");
/// let network = Model::from_bytes(file)?.network(&[&[1, 3, 2, 2]])?;
/// let mut plan = network.plan(&[1, 3, 2, 2])?;
/// let mut output = Tensor::zeros(plan.output_shape())?;
/// plan.run(&Tensor::zeros(&[1, 3, 2, 2])?, &mut output)?;
/// println!("{}", featuremap::Sequential::new().push(network).summary(&[1, 3, 2, 2])?);
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// Any other is run by [`run`](Self::run), or by a [`Runner`].
#[derive(Debug, Clone)]
pub struct Network(Arc<Parts>);

/// What a network is made of.
#[derive(Debug)]
struct Parts {
    ends: Arc<Ends>,
    steps: Vec<Part>,
    /// For more than one input: how each is taken out of one row of all.
    unpack: Vec<Strided>,
    /// For more than one output: how each is laid into one row of all.
    pack: Vec<Reshaped>,
    kept: Kept<f32>,
}

/// What a network takes and gives.
#[derive(Debug)]
struct Ends {
    inputs: Vec<Port>,
    outputs: Vec<Output>,
}

/// A named tensor of a [`Network`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// An output of the network: a value that is made, or one that is known already.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) port: Port,
    pub(super) source: Origin,
}

/// Where an output comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// From a value of the network.
    Made(usize),
    /// From no input.
    Known(Tensor<f32>),
}

impl Output {
    fn made(&self) -> Option<usize> {
        match self.source {
            Origin::Made(value) => Some(value),
            Origin::Known(_) => None,
        }
    }
}

/// What makes a value of others.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) work: PartWork,
    pub(super) note: Note,
    /// Values: first the inputs of the network, then the results of its parts.
    pub(super) inputs: Vec<usize>,
}

pub(super) enum PartWork {
    Module(Box<dyn Module<f32>>),
    Add,
    Multiply,
    Concat(ChannelAxis),
}

/// What a part does, where several together are one operation of this crate's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Note {
    None,
    /// Adds a number.
    Plus(f32),
    /// Multiplies by a number.
    Times(f32),
    Activation(crate::Activation),
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &self.work {
            PartWork::Module(module) => module.name(),
            PartWork::Add => "Add".into(),
            PartWork::Multiply => "Multiply".into(),
            PartWork::Concat(_) => "Concat".into(),
        };
        write!(f, "{} ({kind}) of {:?}", self.name, self.inputs)
    }
}

impl Network {
    pub(super) fn new(inputs: Vec<Port>, outputs: Vec<Output>, steps: Vec<Part>) -> Result<Self> {
        let several = |ports: &[&Port]| -> Result<Vec<Strided>> {
            let mut start = 0_usize;
            let mut rows = Vec::new();
            if ports.len() > 1 {
                for port in ports {
                    rows.push((start, port.shape.clone()));
                    start = start.saturating_add(element_count::<f32>(&port.shape)?);
                }
            }
            rows.into_iter().map(|(from, shape)| Strided::part_of_row(start, from, &shape)).collect()
        };
        let unpack = several(&inputs.iter().collect::<Vec<_>>())?;
        let made: Vec<&Port> =
            outputs.iter().filter(|output| output.made().is_some()).map(|output| &output.port).collect();
        let pack: Vec<Reshaped> = match made.len() {
            0 | 1 => Vec::new(),
            _ => made.iter().map(|port| Reshaped::as_row(&port.shape)).collect::<Result<_>>()?,
        };
        let ends = Arc::new(Ends { inputs, outputs });
        Ok(Self(Arc::new(Parts { ends, steps, unpack, pack, kept: Kept::default() })))
    }

    /// Names and shapes of what it takes, in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = &Port> {
        self.0.ends.inputs.iter()
    }

    /// Names and shapes of what it gives, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = &Port> {
        self.0.ends.outputs.iter().map(|output| &output.port)
    }

    /// The network as a graph. That of one input and one output takes and gives these; any other takes one row of the elements of all
    /// inputs, one after the other, and gives one of all outputs, but for those that do not depend on the inputs.
    pub fn graph(&self) -> Graph<'_, f32> {
        self.0.graph()
    }

    /// Plans the network, to be run many times. The network may be dropped then: a runner has what it computes with. Each run takes memory for
    /// its outputs, for one row of several inputs, and for what `MatMul` of two values and `Resize` along several axes have in between.
    ///
    /// # Errors
    ///
    /// As [`Graph::plan`].
    pub fn runner(&self) -> Result<Runner> {
        let row = [self.0.ends.input_elements()?];
        let shape = match &self.0.ends.inputs[..] {
            [input] => &input.shape[..],
            _ => &row,
        };
        Ok(Runner { ends: Arc::clone(&self.0.ends), plan: self.0.graph().plan(shape)? })
    }

    /// Runs the network: the outputs in order, for the inputs in order. It is planned by the first call, and the plan kept for those after
    /// it. Of calls at the same time each has a plan of its own.
    ///
    /// ```
    /// use featuremap::{Tensor, onnx::Model};
    ///
    /// # let file = include_bytes!("../../tests/onnx/relu.onnx");
    /// let network = Model::from_bytes(file)?.network(&[&[1, 3, 1, 1]])?;
    /// let outputs = network.run(&[&Tensor::from([[[[-1.]], [[2.]], [[0.]]]])])?;
    /// assert_eq!(outputs, [Tensor::from([[[[0.]], [[2.]], [[0.]]]])]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for inputs of other shapes, or of another number; otherwise as [`Graph::plan`].
    pub fn run(&self, inputs: &[&dyn AsView<f32>]) -> Result<Vec<Tensor<f32>>> {
        self.0.ends.run(inputs, &mut |input| {
            self.0.kept.run(
                input.shape(),
                (),
                |()| self.0.graph().plan(input.shape()),
                |plan, ()| output_of(plan, input),
            )
        })
    }

    #[cfg(test)]
    pub(super) fn plans_kept(&self) -> usize {
        self.0.kept.plans()
    }

    /// The only input and the only output.
    fn ends(&self) -> Result<(&Port, &Port)> {
        match (&self.0.ends.inputs[..], &self.0.ends.outputs[..]) {
            ([input], [Output { port, source: Origin::Made(_) }]) => Ok((input, port)),
            (inputs, outputs) => Err(Error::Number {
                what: "the number of inputs and outputs of an ONNX network that is used as a module",
                expected: "one of each, which depend on each other: `Network::run` is for others",
                found: inputs.len().max(outputs.len()) as f64,
            }),
        }
    }
}

impl Ends {
    fn input_elements(&self) -> Result<usize> {
        let mut counts = self.inputs.iter().map(|input| element_count::<f32>(&input.shape));
        counts.try_fold(0, |sum: usize, count| Ok(sum.saturating_add(count?)))
    }

    /// Gives `run` the input, or one row of all inputs, and lists the outputs of what it returns.
    fn run(
        &self,
        inputs: &[&dyn AsView<f32>],
        run: &mut dyn FnMut(&TensorView<'_, f32>) -> Result<Tensor<f32>>,
    ) -> Result<Vec<Tensor<f32>>> {
        if inputs.len() != self.inputs.len() {
            let (expected, found) = (vec![self.inputs.len()], vec![inputs.len()]);
            return Err(Error::Shape { what: "the list of the inputs of this ONNX network", expected, found });
        }
        let views: Vec<_> = inputs.iter().map(|input| input.as_view()).collect();
        for (view, port) in views.iter().zip(&self.inputs) {
            if view.shape() != port.shape {
                let (expected, found) = (port.shape.clone(), view.shape().to_vec());
                return Err(Error::Shape { what: "an input of this ONNX network", expected, found });
            }
        }
        if let [view] = &views[..] {
            return unpacked(&self.outputs, run(view)?);
        }
        let mut row = Vec::new();
        let count = self.input_elements()?;
        let refused = |_| Error::OutOfMemory { bytes: count * size_of::<f32>(), shape: vec![count] };
        row.try_reserve_exact(count).map_err(refused)?;
        for view in &views {
            row.extend(view.iter());
        }
        unpacked(&self.outputs, run(&TensorView::from_slice(&[count], &row)?)?)
    }
}

impl Parts {
    fn graph(&self) -> Graph<'_, f32> {
        let mut graph = Graph::new();
        let mut values: Vec<crate::Value> = match &self.unpack[..] {
            [] => self.ends.inputs.iter().map(|_| graph.input()).collect(),
            unpack => {
                let ports = self.ends.inputs.iter().zip(unpack);
                ports.map(|(port, part)| graph.module(port.name.clone(), part, graph.input())).collect()
            }
        };
        for part in &self.steps {
            let inputs: Vec<_> = part.inputs.iter().map(|&value| values[value]).collect();
            let value = match (&part.work, &inputs[..]) {
                (PartWork::Module(module), &[input, ..]) => graph.module(part.name.clone(), module, input),
                (PartWork::Add, &[one, other]) => graph.add(one, other),
                (PartWork::Multiply, &[one, other]) => graph.multiply(one, other),
                (PartWork::Concat(axis), inputs) => graph.concat(*axis, inputs),
                // There are no parts of another number of inputs.
                _ => graph.input(),
            };
            values.push(value);
        }
        let made = || self.ends.outputs.iter().filter_map(Output::made).map(|value| values[value]);
        match &self.pack[..] {
            [] => {
                if let Some(value) = made().next() {
                    graph.output(value);
                }
            }
            pack => {
                let rows: Vec<_> = made().zip(pack).map(|(value, row)| graph.module("output", row, value)).collect();
                graph.concat(ChannelAxis::Before(0), &rows);
            }
        }
        graph
    }
}

impl Operator for Network {
    /// # Errors
    ///
    /// [`Error::Shape`] for an input of another shape than it was made for; [`Error::Number`] for a network of several inputs or outputs.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (expected, output) = self.ends()?;
        match input == expected.shape {
            true => Ok(output.shape.clone()),
            false => Err(Error::Shape {
                what: "the input of this ONNX network",
                expected: expected.shape.clone(),
                found: input.to_vec(),
            }),
        }
    }

    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        self.graph().multiply_adds(input_shape)
    }
}

impl Module<f32> for Network {
    /// Plans, and runs the plan, which is kept for the next call.
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        self.0.kept.run(input.shape(), output, |_| self.plan(input.shape()), |plan, output| plan.run(&input, output))
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        self.output_shape(input_shape)?;
        self.graph().plan(input_shape)
    }

    fn lowering(&self) -> Lowering<'_, f32> {
        self.graph().into()
    }
}

/// A [`Network`] that is planned: only computes when it runs. A clone, for another thread, shares the weights.
///
/// ```
/// use featuremap::{Tensor, onnx::Model};
///
/// # let file = include_bytes!("../../tests/onnx/relu.onnx");
/// let network = Model::from_bytes(file)?.network(&[&[1, 3, 2, 2]])?;
/// let mut runner = network.runner()?; // once
/// let outputs = runner.run(&[&Tensor::zeros(&[1, 3, 2, 2])?])?; // for each image
/// assert_eq!(outputs[0].shape(), [1, 3, 2, 2]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Runner {
    ends: Arc<Ends>,
    plan: Plan,
}

impl Runner {
    /// The outputs in order, for the inputs in order.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for inputs of other shapes, or of another number; [`Error::OutOfMemory`].
    pub fn run(&mut self, inputs: &[&dyn AsView<f32>]) -> Result<Vec<Tensor<f32>>> {
        let Self { ends, plan } = self;
        ends.run(inputs, &mut |input| output_of(plan, input))
    }

    /// The plan, whose input and output are one row each where there are several: see [`Network::graph`].
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// The output of a plan, in memory of its own.
fn output_of(plan: &mut Plan, input: &TensorView<'_, f32>) -> Result<Tensor<f32>> {
    let mut output = Tensor::zeros(plan.output_shape())?;
    plan.run(input, &mut output)?;
    Ok(output)
}

/// The outputs, of the only one that is made or of one row of all that are.
fn unpacked(outputs: &[Output], made: Tensor<f32>) -> Result<Vec<Tensor<f32>>> {
    let several = outputs.iter().filter(|output| output.made().is_some()).count() > 1;
    if !several {
        let mut made = Some(made);
        let of = |output: &Output| match &output.source {
            Origin::Known(known) => known.clone(),
            Origin::Made(_) => made.take().unwrap_or_default(),
        };
        return Ok(outputs.iter().map(of).collect());
    }
    let mut row = made.iter().copied();
    let of = |output: &Output| match &output.source {
        Origin::Known(known) => Ok(known.clone()),
        Origin::Made(_) => {
            let count = element_count::<f32>(&output.port.shape)?;
            Tensor::from_vec(&output.port.shape, row.by_ref().take(count).collect())
        }
    };
    outputs.iter().map(of).collect()
}
