//! The crate's errors as Python's.

use featuremap::Error;
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// With the crate's own text.
pub(crate) fn raised(error: Error) -> PyErr {
    let text = error.to_string();
    let mut cause = &error;
    while let Error::Layer { source, .. } | Error::InFile { source, .. } = cause {
        cause = source;
    }
    match cause {
        Error::OutOfMemory { .. } => PyMemoryError::new_err(text),
        Error::ParameterType { .. } => PyTypeError::new_err(text),
        _ => PyValueError::new_err(text),
    }
}

/// The result, or the crate's error as Python's.
pub(crate) trait Raise<T> {
    fn raise(self) -> PyResult<T>;
}

impl<T> Raise<T> for featuremap::Result<T> {
    fn raise(self) -> PyResult<T> {
        self.map_err(raised)
    }
}
