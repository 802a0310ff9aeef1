//! [`Model`]: what a file in the ONNX format holds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use prost::bytes::Bytes;

use super::builder::{Builder, Datum, Room};
use super::constant::{Constant, is_float, type_name};
use super::file::Contents;
use super::network::{Network, Origin, Output, Port};
use super::node::Node;
use super::operators;
use super::refusal::{Outcome, Refusal, refuse};
use super::value_info::ValueInfo;
use crate::{AsView, Error, Result};

/// A model from a file in the ONNX format.
///
/// ```
/// use featuremap::{Tensor, onnx::{Model, Size}};
///
/// # let file = include_bytes!("../../tests/onnx/relu.onnx");
/// let model = Model::from_bytes(file)?;
/// let input = model.inputs().next().expect("it has one");
/// assert_eq!(input.name, "x");
/// let shape = vec![Size::Named("batch".into()), Size::Fixed(3), Size::Open, Size::Open];
/// assert_eq!(input.shape, Some(shape));
///
/// let network = model.network(&[&[2, 3, 4, 4]])?;
/// assert_eq!(network.outputs().next().expect("it has one").shape, [2, 3, 4, 4]);
///
/// let error = model.network(&[&[2, 4, 4, 4]]).unwrap_err();
/// assert_eq!(error.to_string(), "input x must have shape [batch, 3, ?, ?]; found [2, 4, 4, 4]");
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("InferenceSession", "load_model", "from_onnx"))]
#[derive(Clone)]
pub struct Model {
    /// Its name, unless it is bytes in memory.
    file: Option<String>,
    contents: Arc<Contents>,
    /// Sizes that have been given by their names.
    sizes: BTreeMap<String, usize>,
    /// Inputs that have been given for all runs.
    fixed: HashMap<String, Constant>,
    room: Room,
}

/// Bytes that constants may take, and each value, beside what is in proportion to the file. Constants are there once the network is
/// made; values, once it is planned.
const BASE: Room = Room { of_constants: 16 << 20, of_value: 256 << 20 };
/// Times the bytes of the file, that constants may take beside these: copies of weights that several nodes share, and halves as floats.
const TIMES: usize = 16;

impl Model {
    /// Reads a file, and the files beside it that it names, in which PyTorch's exporter lays weights.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where one cannot be read or lies neither in the model's folder nor below it, and where the first is not in the ONNX
    /// format or has a newer set of operators than is known.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let bytes =
            std::fs::read(path).map_err(|error| Error::File { file: file.clone(), reason: error.to_string() })?;
        Self::new(Some(file), bytes, path.parent())
    }

    /// The same from bytes in memory: from a file that the program itself contains (`include_bytes!`), say. Where its weights lie in other
    /// files, [`network`](Self::network) returns an error: only [`open`](Self::open) knows the folder.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for bytes that are not in the ONNX format, or have a newer set of operators than is known.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        Self::new(None, bytes.into(), None)
    }

    fn new(file: Option<String>, bytes: Vec<u8>, folder: Option<&Path>) -> Result<Self> {
        let mut size = bytes.len();
        let contents = Contents::read(Bytes::from(bytes), folder).map_err(|reason| {
            let file = file.clone().unwrap_or_else(|| "ONNX".into());
            Error::File { file, reason }
        })?;
        size = contents.external.values().fold(size, |size, bytes| size.saturating_add(bytes.len()));
        let room = |base: usize| base.saturating_add(size.saturating_mul(TIMES));
        let room = Room { of_constants: room(BASE.of_constants), of_value: room(BASE.of_value) };
        Ok(Self { file, contents: contents.into(), sizes: BTreeMap::new(), fixed: HashMap::new(), room })
    }

    /// The most bytes that constants may take together, as far as the network copies or computes them, and that each of its values may
    /// take. Unless given, these are 16 MiB for constants and 256 MiB for each value, and 16 times the bytes of the file beside them. A
    /// file can ask for any amount of memory in a few bytes.
    pub fn memory_limit(self, bytes: usize) -> Self {
        Self { room: Room { of_constants: bytes, of_value: bytes }, ..self }
    }

    /// What the network takes, in order, but for what has been [fixed](Self::fix).
    pub fn inputs(&self) -> impl Iterator<Item = &ValueInfo> {
        self.contents.inputs.iter().filter(|input| !self.fixed.contains_key(&input.name))
    }

    /// What the network gives, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = &ValueInfo> {
        self.contents.outputs.iter()
    }

    /// Gives a size by its name: the size of a batch, say, so that [`network`](Self::network) need not be given all shapes.
    ///
    /// ```
    /// use featuremap::onnx::Model;
    ///
    /// # let file = include_bytes!("../../tests/onnx/relu.onnx");
    /// let model = Model::from_bytes(file)?.size("batch", 1);
    /// let error = model.network(&[]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "input x has shape [batch, 3, ?, ?] in the file, whose axis 2 is open: \
    ///      its size must be given"
    /// );
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn size(mut self, name: impl Into<String>, size: usize) -> Self {
        self.sizes.insert(name.into(), size);
        self
    }

    /// Gives an input once for all runs, as if it were a weight: sizes that shapes are computed from, weights that a file leaves open, or
    /// another value for an initializer that the file lists as an input, too. It is no input of the network then.
    ///
    /// # Errors
    ///
    /// [`Error::MissingParameter`] if there is no such input; [`Error::ParameterType`] if it is not one of floats; [`Error::Input`] for
    /// another shape than the file and [`size`](Self::size) say. From a file, each with its name, as [`Error::InFile`].
    pub fn fix(self, name: &str, values: impl AsView<f32>) -> Result<Self> {
        let values = values.as_view();
        let constant = Constant::floats(values.shape(), values.iter().copied().collect());
        self.fixed(name, true, constant)
    }

    /// The same for an input of integers or truth values.
    ///
    /// # Errors
    ///
    /// As [`fix`](Self::fix), the other way round.
    pub fn fix_integers(self, name: &str, values: impl AsView<i64>) -> Result<Self> {
        let values = values.as_view();
        let constant = Constant::integers(values.shape(), values.iter().copied().collect());
        self.fixed(name, false, constant)
    }

    fn fixed(mut self, name: &str, floats: bool, constant: Constant) -> Result<Self> {
        let Contents { inputs, defaulted, .. } = &*self.contents;
        let Some(input) = inputs.iter().chain(defaulted).find(|input| input.name == name) else {
            let found = self.inputs().map(|input| input.name.clone()).collect();
            return Err(self.in_file(Error::MissingParameter { name: name.into(), found }));
        };
        if input.element_type.is_some_and(|of| is_float(of) != floats) {
            let expected = input.element_type();
            let found = if floats { "FLOAT" } else { "INT64" }.into();
            return Err(self.in_file(Error::ParameterType { name: name.into(), expected, found }));
        }
        if let Err(reason) = input.checked(&constant.shape, &mut self.sizes) {
            return Err(self.in_file(Error::Input { name: name.into(), reason }));
        }
        self.fixed.insert(name.into(), constant);
        Ok(self)
    }

    /// The network for inputs of these shapes, in the order of [`inputs`](Self::inputs); without any, for the shapes that the file and
    /// [`size`](Self::size) say.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for shapes that are not those of the inputs, and where a size is open; [`Error::Operator`] and
    /// [`Error::Layer`] for the first node that is not supported, or does not fit its inputs. From a file, each with its
    /// name, as [`Error::InFile`].
    pub fn network(&self, input_shapes: &[&[usize]]) -> Result<Network> {
        self.try_network(input_shapes).map_err(|error| self.in_file(error))
    }

    fn try_network(&self, input_shapes: &[&[usize]]) -> Result<Network> {
        let inputs = self.bound(input_shapes)?;
        let mut builder = Builder::new(self.contents.opset, self.room);
        let named = |name: &str, refusal: Refusal| refusal.of_node(name, "Input");
        for Port { name, shape } in &inputs {
            builder.input(name, shape).map_err(|refusal| named(name, refusal))?;
        }
        for (name, constant) in &self.fixed {
            builder.set(name, Datum::Known(constant.clone())).map_err(|refusal| named(name, refusal))?;
        }
        for node in self.needed() {
            self.read(&mut builder, node).map_err(|refusal| refusal.of_node(&node.name, &node.operator))?;
        }
        let mut outputs = Vec::new();
        for output in &self.contents.outputs {
            let value = self.output(&mut builder, &output.name);
            outputs.push(value.map_err(|refusal| refusal.of_node(&output.name, "Output"))?);
        }
        let (_, parts, _) = builder.finish();
        Network::new(inputs, outputs, parts)
    }

    /// The nodes that the outputs need, in order.
    fn needed(&self) -> impl Iterator<Item = &Node> {
        let mut wanted: HashSet<&str> = self.contents.outputs.iter().map(|output| &output.name[..]).collect();
        let mut needed = Vec::new();
        for node in self.contents.nodes.iter().rev() {
            if node.outputs.iter().any(|output| wanted.contains(&output[..])) {
                wanted.extend(node.inputs.iter().map(String::as_str));
                needed.push(node);
            }
        }
        needed.into_iter().rev()
    }

    fn read(&self, builder: &mut Builder, node: &Node) -> Outcome {
        let Some(rule) = operators::find(node) else {
            let names: Vec<_> = operators::OPERATORS.iter().map(|operator| operator.name).collect();
            let domain = if node.domain.is_empty() { String::new() } else { format!(" of the domain {}", node.domain) };
            return refuse(format!("{domain} is not supported: there are {}", names.join(", ")).trim_start());
        };
        builder.node.clone_from(&node.name);
        for name in &node.inputs {
            self.initializer(builder, name)?;
        }
        let values = rule(builder, node)?;
        builder.lack(node, values.len());
        // Weights are with their layer now. Another node that takes them reads them again.
        for name in &node.inputs {
            if self.contents.initializers.contains_key(name) && !self.fixed.contains_key(name) {
                builder.forget(name);
            }
        }
        for (name, value) in node.outputs.iter().zip(values) {
            match self.contents.initializers.contains_key(name) {
                true => return refuse(format!("gives the value {name}, which is there already")),
                false => builder.set(name, value)?,
            }
        }
        Ok(())
    }

    /// Reads a tensor of the file when the first node takes it.
    fn initializer(&self, builder: &mut Builder, name: &str) -> Outcome {
        match self.contents.initializers.get(name) {
            Some(message) if builder.named(name).is_none() => {
                let constant = Constant::read(message, self.contents.external.get(name))?;
                builder.set(name, Datum::Known(constant))
            }
            _ => Ok(()),
        }
    }

    fn output(&self, builder: &mut Builder, name: &str) -> Outcome<Output> {
        self.initializer(builder, name)?;
        let value = builder.value(name)?;
        let port = Port { name: name.into(), shape: builder.shape(value).to_vec() };
        let source = match value {
            &Datum::Made(number) => Origin::Made(number),
            Datum::Known(constant) => Origin::Known(constant.to_tensor()?),
        };
        Ok(Output { port, source })
    }

    /// The inputs with their shapes.
    fn bound(&self, given: &[&[usize]]) -> Result<Vec<Port>> {
        let inputs: Vec<&ValueInfo> = self.inputs().collect();
        if !given.is_empty() && given.len() != inputs.len() {
            let names: Vec<_> = inputs.iter().map(ToString::to_string).collect();
            let reason =
                format!("there are {} inputs ({}); found {} shapes", inputs.len(), names.join(", "), given.len());
            return Err(Error::Input { name: String::new(), reason });
        }
        let mut sizes = self.sizes.clone();
        let mut ports = Vec::new();
        for (number, input) in inputs.into_iter().enumerate() {
            let shape = match given.get(number) {
                Some(shape) => input.checked(shape, &mut sizes),
                None => input.declared(&sizes),
            };
            let refused = |reason| Error::Input { name: input.name.clone(), reason };
            if let Some(kind) = input.element_type.filter(|&kind| !is_float(kind)) {
                let kind = type_name(kind);
                let reason = format!("is of {kind}, and networks take floats: `fix_integers` gives it for all runs");
                return Err(refused(reason));
            }
            ports.push(Port { name: input.name.clone(), shape: shape.map_err(refused)? });
        }
        Ok(ports)
    }

    /// An error with the name of the file, where it has one.
    fn in_file(&self, source: Error) -> Error {
        match &self.file {
            Some(file) => Error::InFile { file: file.clone(), source: Box::new(source) },
            None => source,
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ports: &mut dyn Iterator<Item = &ValueInfo>| ports.map(ToString::to_string).collect::<Vec<_>>();
        f.debug_struct("Model")
            .field("file", &self.file)
            .field("opset", &self.contents.opset)
            .field("inputs", &list(&mut self.inputs()))
            .field("outputs", &list(&mut self.contents.outputs.iter()))
            .field("nodes", &self.contents.nodes.len())
            .finish_non_exhaustive()
    }
}
