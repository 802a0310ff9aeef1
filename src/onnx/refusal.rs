//! Why a node cannot be read, before it is known which node that is.

use crate::Error;

/// What a rule for an operator gives.
pub(super) type Outcome<T = ()> = Result<T, Refusal>;

/// Why a node is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// In words that follow the operator's name: "has no axis 5".
    Reason(String),
    /// By what it was made into.
    Error(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Refuses a node for a reason.
pub(super) fn refuse<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(Refusal::Reason(reason.into()))
}

impl Refusal {
    /// The error of a node.
    pub(super) fn of_node(self, node: &str, operator: &str) -> Error {
        match self {
            Self::Reason(reason) => Error::Operator { node: node.into(), operator: operator.into(), reason },
            Self::Error(source) => Error::Layer { layer: format!("{node} ({operator})"), source: Box::new(source) },
        }
    }
}
