//! [`Node`]: an operator of a model, with its attributes.

use prost::Message;
use prost::bytes::Bytes;

use super::constant::{Constant, sizes};
use super::proto::{AttributeProto, NodeProto, kind};
use super::refusal::{Outcome, refuse};

/// An operator with the names of the values that it takes and gives.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its own name, or that of its first output.
    pub(super) name: String,
    pub(super) operator: String,
    /// Empty for ONNX's own operators.
    pub(super) domain: String,
    /// An empty name stands for an input that is not given.
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    attributes: Vec<Bytes>,
}

impl Node {
    pub(super) fn new(proto: NodeProto) -> Self {
        let NodeProto { input: inputs, output: outputs, name, op_type: operator, attribute: attributes, domain } =
            proto;
        let name = if name.is_empty() { outputs.first().cloned().unwrap_or_default() } else { name };
        let domain = if domain == "ai.onnx" { String::new() } else { domain };
        Self { name, operator, domain, inputs, outputs, attributes }
    }

    /// The attribute of this name and kind, if it is given. One of another kind is refused.
    fn attribute(&self, name: &str, kind: i32) -> Outcome<Option<AttributeProto>> {
        for bytes in &self.attributes {
            let attribute = match AttributeProto::decode(bytes.clone()) {
                Ok(attribute) => attribute,
                Err(error) => return refuse(format!("has an attribute that cannot be read: {error}")),
            };
            if attribute.name == name {
                // The first version of the format did not say the kind.
                if attribute.kind != kind && attribute.kind != 0 {
                    return refuse(format!("has an attribute {name} of another kind than it must be"));
                }
                return Ok(Some(attribute));
            }
        }
        Ok(None)
    }

    pub(super) fn has(&self, name: &str) -> Outcome<bool> {
        for bytes in &self.attributes {
            match AttributeProto::decode(bytes.clone()) {
                Ok(attribute) if attribute.name == name => return Ok(true),
                Ok(_) => {}
                Err(error) => return refuse(format!("has an attribute that cannot be read: {error}")),
            }
        }
        Ok(false)
    }

    pub(super) fn int(&self, name: &str) -> Outcome<Option<i64>> {
        Ok(self.attribute(name, kind::INT)?.map(|attribute| attribute.i.unwrap_or_default()))
    }

    pub(super) fn int_or(&self, name: &str, default: i64) -> Outcome<i64> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// 0 or 1.
    pub(super) fn flag(&self, name: &str) -> Outcome<bool> {
        Ok(self.int_or(name, 0)? != 0)
    }

    pub(super) fn float(&self, name: &str) -> Outcome<Option<f32>> {
        Ok(self.attribute(name, kind::FLOAT)?.map(|attribute| attribute.f.unwrap_or_default()))
    }

    pub(super) fn float_or(&self, name: &str, default: f32) -> Outcome<f64> {
        Ok(self.float(name)?.unwrap_or(default).into())
    }

    pub(super) fn text_or(&self, name: &str, default: &str) -> Outcome<String> {
        match self.attribute(name, kind::STRING)? {
            None => Ok(default.into()),
            Some(attribute) => match String::from_utf8(attribute.s.unwrap_or_default().to_vec()) {
                Ok(text) => Ok(text),
                Err(_) => refuse(format!("has an attribute {name} that is no text")),
            },
        }
    }

    pub(super) fn ints(&self, name: &str) -> Outcome<Option<Vec<i64>>> {
        Ok(self.attribute(name, kind::INTS)?.map(|attribute| attribute.ints))
    }

    pub(super) fn floats(&self, name: &str) -> Outcome<Option<Vec<f32>>> {
        Ok(self.attribute(name, kind::FLOATS)?.map(|attribute| attribute.floats))
    }

    pub(super) fn tensor(&self, name: &str) -> Outcome<Option<Constant>> {
        match self.attribute(name, kind::TENSOR)? {
            None => Ok(None),
            Some(attribute) => Constant::read(&attribute.t.unwrap_or_default(), None).map(Some),
        }
    }

    /// One size for each of so many axes; all the default unless given.
    pub(super) fn sizes_or<const N: usize>(&self, name: &str, default: usize) -> Outcome<[usize; N]> {
        match self.ints(name)? {
            None => Ok([default; N]),
            Some(found) => match <[usize; N]>::try_from(sizes(&found)?) {
                Ok(sizes) => Ok(sizes),
                Err(_) => refuse(format!("has {name} {found:?}, and {N} spatial axes")),
            },
        }
    }

    /// What of a mode it supports: refuses all but these.
    pub(super) fn one_of<'a>(&self, name: &str, default: &'a str, supported: &[&'a str]) -> Outcome<&'a str> {
        let found = self.text_or(name, default)?;
        match supported.iter().find(|&&mode| mode == found) {
            Some(mode) => Ok(mode),
            None => refuse(format!("with {name} {found} is not supported: there are {}", supported.join(", "))),
        }
    }
}

/// An axis counted from the start, of so many; negative ones count from the end.
pub(super) fn axis_of(axis: i64, rank: usize) -> Outcome<usize> {
    let from_start = match (usize::try_from(axis), isize::try_from(axis)) {
        (Ok(axis), _) => Some(axis),
        (_, Ok(axis)) => rank.checked_add_signed(axis),
        _ => None,
    };
    match from_start.filter(|&axis| axis < rank) {
        Some(axis) => Ok(axis),
        None => refuse(format!("names axis {axis} of a tensor of {rank}")),
    }
}

/// The same for several axes, none of them twice, in ascending order.
pub(super) fn axes_of(axes: &[i64], rank: usize) -> Outcome<Vec<usize>> {
    let mut found = axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Outcome<Vec<_>>>()?;
    found.sort_unstable();
    match found.windows(2).any(|pair| pair[0] == pair[1]) {
        true => refuse(format!("names an axis twice: {axes:?}")),
        false => Ok(found),
    }
}
