//! [`ValueInfo`]: what a file says of an input or an output.

use std::collections::BTreeMap;
use std::fmt;

use super::constant::type_name;
use crate::Result;

/// An input or an output of a [`Model`](super::Model).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueInfo {
    /// Its name.
    pub name: String,
    /// Its shape, as far as the file says; `None` where it does not even say the rank.
    pub shape: Option<Vec<Size>>,
    pub(super) element_type: Option<i32>,
}

/// The size of an axis in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Size {
    /// This size.
    Fixed(usize),
    /// A size that is given when the network is made, and is the same wherever it has this name.
    Named(String),
    /// A size that is given when the network is made.
    Open,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => size.fmt(f),
            Self::Named(name) => f.write_str(name),
            Self::Open => f.write_str("?"),
        }
    }
}

/// As `x: [batch, 3, ?, ?]`.
impl fmt::Display for ValueInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.shape_text())
    }
}

impl ValueInfo {
    /// What ONNX calls the type of its elements: "FLOAT".
    pub fn element_type(&self) -> String {
        self.element_type.map_or_else(|| "UNDEFINED".into(), type_name)
    }

    fn shape_text(&self) -> String {
        let Some(shape) = &self.shape else { return "of any shape".into() };
        format!("[{}]", shape.iter().map(Size::to_string).collect::<Vec<_>>().join(", "))
    }

    /// A shape that is given, if it is one of this input; takes note of sizes with names.
    pub(super) fn checked(&self, given: &[usize], sizes: &mut BTreeMap<String, usize>) -> Result<Vec<usize>, String> {
        let Some(shape) = &self.shape else { return Ok(given.to_vec()) };
        let misfit = || format!("must have shape {}; found {given:?}", self.shape_text());
        if shape.len() != given.len() {
            return Err(misfit());
        }
        for (size, &given) in shape.iter().zip(given) {
            match size {
                Size::Fixed(size) if *size != given => return Err(misfit()),
                Size::Named(name) => match sizes.insert(name.clone(), given) {
                    Some(other) if other != given => {
                        return Err(format!("{}, and {name} is {other} already", misfit()));
                    }
                    _ => {}
                },
                Size::Fixed(_) | Size::Open => {}
            }
        }
        Ok(given.to_vec())
    }

    /// The shape that the file says, with sizes that have been given by their names.
    pub(super) fn declared(&self, sizes: &BTreeMap<String, usize>) -> Result<Vec<usize>, String> {
        let Some(shape) = &self.shape else { return Err("has no shape in the file: it must be given".into()) };
        let of = |(axis, size): (usize, &Size)| match size {
            Size::Fixed(size) => Ok(*size),
            Size::Named(name) if sizes.contains_key(name) => Ok(sizes[name]),
            Size::Named(_) | Size::Open => Err(format!(
                "has shape {} in the file, whose axis {axis} is open: its size must be given",
                self.shape_text()
            )),
        };
        shape.iter().enumerate().map(of).collect()
    }
}
