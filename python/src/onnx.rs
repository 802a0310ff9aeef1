//! Networks from files in the ONNX format.

use std::path::PathBuf;
use std::sync::Mutex;

use featuremap::onnx::{self, Runner, Size};
use featuremap::{AsView, TensorView};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::array;
use crate::element::ElementType;
use crate::error::Raise;
use crate::threads::Threads;

/// What a file in the ONNX format holds.
#[pyclass(frozen, module = "featuremap._core")]
pub(crate) struct Model(onnx::Model);

/// A name, and the sizes of its axes as far as the file says.
type Port<'py> = (String, Option<Vec<Bound<'py, PyAny>>>);

fn port<'py>(py: Python<'py>, value: &onnx::ValueInfo) -> PyResult<Port<'py>> {
    let size = |size: &Size| match size {
        Size::Fixed(size) => size.into_bound_py_any(py),
        Size::Named(name) => name.into_bound_py_any(py),
        Size::Open => Ok(py.None().into_bound(py)),
    };
    let shape = value.shape.as_ref().map(|shape| shape.iter().map(size).collect::<PyResult<_>>()).transpose()?;
    Ok((value.name.clone(), shape))
}

#[pymethods]
impl Model {
    #[staticmethod]
    fn open(path: PathBuf) -> PyResult<Self> {
        onnx::Model::open(path).map(Self).raise()
    }

    #[staticmethod]
    fn from_bytes(bytes: Vec<u8>) -> PyResult<Self> {
        onnx::Model::from_bytes(bytes).map(Self).raise()
    }

    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Port<'py>>> {
        self.0.inputs().map(|input| port(py, input)).collect()
    }

    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Port<'py>>> {
        self.0.outputs().map(|output| port(py, output)).collect()
    }

    /// The same with the size of an axis that has a name.
    fn size(&self, name: &str, size: usize) -> Self {
        Self(self.0.clone().size(name, size))
    }

    /// The same with an input given once for all runs.
    fn fix(&self, name: &str, values: &Bound<'_, PyAny>) -> PyResult<Self> {
        let model = self.0.clone();
        match ElementType::of("values", &array::array("values", values)?)? {
            ElementType::F32 => model.fix(name, array::tensor::<f32>("values", values)?),
            _ => model.fix_integers(name, array::tensor::<i64>("values", values)?),
        }
        .map(Self)
        .raise()
    }

    /// The network for inputs of these shapes, planned.
    #[pyo3(signature = (shapes, threads=None))]
    fn network(&self, py: Python<'_>, shapes: Vec<Vec<usize>>, threads: Option<isize>) -> PyResult<Network> {
        let threads = Threads::new(threads)?;
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let runner = py.detach(|| threads.run(|| self.0.network(&shapes)?.runner()))?.raise()?;
        Ok(Network { runner: Mutex::new(runner), threads })
    }
}

/// A network from a file, planned for inputs of given shapes.
#[pyclass(frozen, module = "featuremap._core")]
pub(crate) struct Network {
    runner: Mutex<Runner>,
    threads: Threads,
}

#[pymethods]
impl Network {
    /// The outputs in order.
    fn run<'py>(&self, py: Python<'py>, inputs: Vec<Bound<'py, PyAny>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let arrays = inputs.iter().map(|input| array::typed::<f32>("the input", &array::array("the input", input)?));
        let arrays: Vec<_> = arrays.collect::<PyResult<_>>()?;
        let borrowed: Vec<_> = arrays.iter().map(|input| array::read("the input", input)).collect::<PyResult<_>>()?;
        let views: Vec<TensorView<'_, f32>> = borrowed.iter().map(|input| TensorView::from(input.as_array())).collect();
        let views: Vec<&(dyn AsView<f32> + Sync)> = views.iter().map(|view| view as _).collect();
        let mut runner = self.runner.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner);
        let runner = &mut *runner;
        let outputs = py.detach(|| {
            self.threads.run(|| {
                let views: Vec<&dyn AsView<f32>> = views.iter().map(|view| *view as _).collect();
                runner.run(&views)
            })
        })?;
        Ok(outputs.raise()?.into_iter().map(|output| array::into_array(py, output)).collect())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let runner = self.runner.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner);
        format!("Network({})", runner.plan())
    }
}
