//! Files in the safetensors format.

use std::path::PathBuf;

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;

use crate::array;
use crate::element::ElementType;
use crate::error::Raise;

/// Parameters from a file in the safetensors format.
#[pyclass(frozen, module = "featuremap._core")]
pub(crate) struct Weights(pub(crate) featuremap::Weights);

#[pymethods]
impl Weights {
    #[staticmethod]
    fn open(path: PathBuf) -> PyResult<Self> {
        featuremap::Weights::open(path).map(Self).raise()
    }

    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        featuremap::Weights::from_bytes(bytes).map(Self).raise()
    }

    /// Those whose names begin with a prefix, without it.
    fn within(&self, prefix: &str) -> Self {
        Self(self.0.within(prefix))
    }

    /// The names, in order.
    fn names(&self) -> Vec<String> {
        self.0.names().map(String::from).collect()
    }

    /// One of them as an array of floats.
    #[pyo3(signature = (name, dtype="float32"))]
    fn tensor<'py>(&self, py: Python<'py>, name: &str, dtype: &str) -> PyResult<Bound<'py, PyAny>> {
        if self.0.shape(name).is_none() {
            return Err(PyKeyError::new_err(name.to_owned()));
        }
        match ElementType::by_name("dtype", dtype)? {
            ElementType::F64 => Ok(array::into_array(py, self.0.tensor::<f64>(name).raise()?)),
            _ => Ok(array::into_array(py, self.0.tensor::<f32>(name).raise()?)),
        }
    }
}
