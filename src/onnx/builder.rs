//! [`Builder`]: the network that a model is for inputs of known shapes, made node by node.

use std::collections::HashMap;

use super::constant::Constant;
use super::network::{Note, Part, PartWork};
use super::node::Node;
use super::refusal::{Outcome, refuse};
use crate::tensor::element_count;
use crate::{Error, Module};

/// A value of the model.
#[derive(Debug, Clone)]
pub(super) enum Datum {
    /// Known before the network runs.
    Known(Constant),
    /// An input of the network, or what one of its parts gives.
    Made(usize),
}

/// What is built.
pub(super) struct Builder {
    /// The version of ONNX's operators.
    pub(super) opset: i64,
    /// The name of the node that is being read.
    pub(super) node: String,
    values: HashMap<String, Datum>,
    /// Of outputs that nodes do not give, by their names: which, and of which node.
    absent: HashMap<String, String>,
    /// How many inputs the network has: the first values.
    inputs: usize,
    parts: Vec<Part>,
    /// Of inputs and of what the parts give.
    shapes: Vec<Vec<usize>>,
    room: Room,
}

/// Axes of a value, at most.
const MOST_AXES: usize = 64;

/// How much memory may be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Bytes of one value.
    pub(super) of_value: usize,
    /// Bytes that are left for constants.
    pub(super) of_constants: usize,
}

impl Builder {
    pub(super) fn new(opset: i64, room: Room) -> Self {
        let (values, absent, node) = (HashMap::new(), HashMap::new(), String::new());
        Self { opset, node, values, absent, inputs: 0, parts: Vec::new(), shapes: Vec::new(), room }
    }

    /// A value of the network's own: before any part.
    pub(super) fn input(&mut self, name: &str, shape: &[usize]) -> Outcome {
        self.fits(shape)?;
        self.shapes.push(shape.to_vec());
        self.inputs = self.shapes.len();
        self.set(name, Datum::Made(self.inputs - 1))
    }

    /// Names a value. No name stands for two.
    pub(super) fn set(&mut self, name: &str, value: Datum) -> Outcome {
        if name.is_empty() {
            return Ok(());
        }
        // Every node could have a shape that is as long as the file.
        if self.shape(&value).len() > MOST_AXES {
            return refuse(format!("gives a value of more than {MOST_AXES} axes"));
        }
        self.fits(self.shape(&value))?;
        match self.values.insert(name.into(), value) {
            None => Ok(()),
            Some(_) => refuse(format!("gives the value {name}, which is there already")),
        }
    }

    /// Drops a value that can be had again.
    pub(super) fn forget(&mut self, name: &str) {
        self.values.remove(name);
    }

    pub(super) fn named(&self, name: &str) -> Option<&Datum> {
        self.values.get(name)
    }

    /// Takes note of the outputs of a node that it does not give, from one on.
    pub(super) fn lack(&mut self, node: &Node, first: usize) {
        for (number, name) in node.outputs.iter().enumerate().skip(first).filter(|(_, name)| !name.is_empty()) {
            let what = format!("output {number} of node {} ({})", node.name, node.operator);
            self.absent.insert(name.clone(), what);
        }
    }

    /// A value by its name, or why there is none.
    pub(super) fn value(&self, name: &str) -> Outcome<&Datum> {
        match (self.values.get(name), self.absent.get(name)) {
            (Some(value), _) => Ok(value),
            (None, Some(what)) => refuse(format!("takes {name}, {what}, which is not supported")),
            (None, None) => refuse(format!("takes the value {name}, which nothing before it gives")),
        }
    }

    pub(super) fn finish(self) -> (usize, Vec<Part>, Vec<Vec<usize>>) {
        (self.inputs, self.parts, self.shapes)
    }

    /// An input of a node that need not be given.
    pub(super) fn optional(&self, node: &Node, number: usize) -> Outcome<Option<Datum>> {
        match node.inputs.get(number).filter(|name| !name.is_empty()) {
            None => Ok(None),
            Some(name) => Ok(Some(self.value(name)?.clone())),
        }
    }

    /// An input of a node that must be given.
    pub(super) fn required(&self, node: &Node, number: usize) -> Outcome<Datum> {
        match self.optional(node, number)? {
            Some(value) => Ok(value),
            None => refuse(format!("has no input {number}")),
        }
    }

    /// An input that must be known before the network runs; `None` if it is left out.
    pub(super) fn known(&self, node: &Node, number: usize, what: &str) -> Outcome<Option<Constant>> {
        match self.optional(node, number)? {
            None => Ok(None),
            Some(Datum::Known(constant)) => Ok(Some(constant)),
            Some(Datum::Made(_)) => {
                refuse(format!("is supported only where {what} (input {number}) can be known before the network runs"))
            }
        }
    }

    /// An input of integers that must be known, if it is given.
    pub(super) fn known_integers(&self, node: &Node, number: usize, what: &str) -> Outcome<Option<Vec<i64>>> {
        match self.known(node, number, what)? {
            None => Ok(None),
            Some(constant) => Ok(Some(constant.as_integers()?.to_vec())),
        }
    }

    /// Weights: an input that must be known, if it is given, and whose numbers a module keeps.
    pub(super) fn weights(&mut self, node: &Node, number: usize, what: &str) -> Outcome<Option<crate::Tensor<f32>>> {
        match self.known(node, number, what)? {
            None => Ok(None),
            Some(constant) => {
                constant.as_floats()?;
                self.spend(constant.bytes())?;
                constant.to_tensor().map(Some)
            }
        }
    }

    pub(super) fn shape<'s>(&'s self, value: &'s Datum) -> &'s [usize] {
        match value {
            Datum::Known(constant) => &constant.shape,
            Datum::Made(number) => self.shapes.get(*number).map_or(&[], |shape| &shape[..]),
        }
    }

    /// The part that gives a value, if it is none of the inputs.
    pub(super) fn part(&self, value: &Datum) -> Option<&Part> {
        match value {
            Datum::Made(number) => number.checked_sub(self.inputs).and_then(|number| self.parts.get(number)),
            Datum::Known(_) => None,
        }
    }

    /// Takes note of bytes that constants need.
    pub(super) fn spend(&mut self, bytes: usize) -> Outcome {
        match self.room.of_constants.checked_sub(bytes) {
            Some(left) => {
                self.room.of_constants = left;
                Ok(())
            }
            None => {
                refuse("needs more memory for constants than the model's memory limit allows: `memory_limit` sets it")
            }
        }
    }

    /// A constant of this shape, whose numbers have so many bytes each, before it is made.
    pub(super) fn spend_on(&mut self, shape: &[usize], bytes: usize) -> Outcome<usize> {
        let count = element_count::<u64>(shape)?;
        self.spend(count.saturating_mul(bytes))?;
        Ok(count)
    }

    /// Whether a value of this shape would be within the limit if none of its axes were 0: of one without elements, the others are walked
    /// along all the same.
    fn is_small(&self, shape: &[usize]) -> Outcome<bool> {
        element_count::<f32>(shape)?;
        let count: usize = shape.iter().filter(|&&size| size > 0).product();
        Ok(count.saturating_mul(size_of::<f32>()) <= self.room.of_value)
    }

    /// Refuses a value of a shape that is not within the limit.
    fn fits(&self, shape: &[usize]) -> Outcome {
        match self.is_small(shape)? {
            true => Ok(()),
            false => refuse(format!(
                "makes a value of shape {shape:?}, more than the model's memory limit allows: `memory_limit` sets it"
            )),
        }
    }

    /// What a module makes of a value: a part of the network, or for a constant, its result.
    pub(super) fn module(&mut self, module: impl Module<f32> + 'static, input: &Datum) -> Outcome<Datum> {
        let shape = module.output_shape(self.shape(input))?;
        match input {
            Datum::Known(constant) => {
                constant.as_floats()?;
                self.fits(&shape)?;
                self.spend_on(&shape, size_of::<f32>())?;
                let result = module.forward(&constant.to_tensor()?)?;
                Ok(Datum::Known(Constant::of_tensor(&result)))
            }
            &Datum::Made(number) => self.push(PartWork::Module(Box::new(module)), vec![number], shape),
        }
    }

    /// A part of the network that gives a value of this shape.
    pub(super) fn push(&mut self, work: PartWork, inputs: Vec<usize>, shape: Vec<usize>) -> Outcome<Datum> {
        self.fits(&shape)?;
        self.parts.push(Part { name: self.node.clone(), work, note: Note::None, inputs });
        self.shapes.push(shape);
        Ok(Datum::Made(self.shapes.len() - 1))
    }

    /// Says what the part does that gives a value, for those that come after it.
    pub(super) fn note(&mut self, value: &Datum, note: Note) {
        if let &Datum::Made(number) = value
            && let Some(part) = number.checked_sub(self.inputs).and_then(|number| self.parts.get_mut(number))
        {
            part.note = note;
        }
    }

    /// The value as one of the network, which a constant becomes by a part that gives it. Of the network's values any serves as the
    /// input of that part, which does not read it.
    pub(super) fn made(&mut self, value: &Datum) -> Outcome<usize> {
        match value {
            &Datum::Made(number) => Ok(number),
            Datum::Known(constant) => {
                constant.as_floats()?;
                if self.inputs == 0 {
                    return refuse("would be in a network without any input");
                }
                self.spend(constant.bytes())?;
                let input = self.shapes[0].clone();
                let module = super::layers::Given::new(&input, constant.to_tensor()?);
                match self.push(PartWork::Module(Box::new(module)), vec![0], constant.shape.clone())? {
                    Datum::Made(number) => Ok(number),
                    Datum::Known(_) => refuse("is constant"),
                }
            }
        }
    }
}

/// The error of a value that is not as another must be.
pub(super) fn unlike(what: &'static str, expected: &[usize], found: &[usize]) -> Error {
    Error::Shape { what, expected: expected.to_vec(), found: found.to_vec() }
}
