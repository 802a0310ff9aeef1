//! [`Plan`]: a layer made ready for arrays of one shape and one type of elements.

use std::sync::Mutex;

use featuremap::Module;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyTuple;

use crate::array;
use crate::element::{ElementType, Pixel, Typed};
use crate::error::Raise;
use crate::threads::Threads;

/// A plan of the crate, of whatever types.
pub(crate) trait Planned: Send + Sync {
    fn run<'py>(
        &mut self,
        input: &Bound<'py, PyAny>,
        out: Option<&Bound<'py, PyAny>>,
        threads: Threads,
    ) -> PyResult<Bound<'py, PyAny>>;

    fn input_shape(&self) -> &[usize];

    fn output_shape(&self) -> &[usize];

    fn algorithm(&self) -> String;

    fn workspace_bytes(&self) -> usize;

    fn shown(&self) -> String;
}

impl<T: Pixel, U: Pixel> Planned for featuremap::Plan<T, U> {
    fn run<'py>(
        &mut self,
        input: &Bound<'py, PyAny>,
        out: Option<&Bound<'py, PyAny>>,
        threads: Threads,
    ) -> PyResult<Bound<'py, PyAny>> {
        let input = array::typed::<T>("the input", &array::array("the input", input)?)?;
        let shape = self.output_shape().to_vec();
        array::compute::<T, U>(&input, out, threads, &shape, &mut |input, output| Self::run(self, input, output))
    }

    fn input_shape(&self) -> &[usize] {
        self.input_shape()
    }

    fn output_shape(&self) -> &[usize] {
        self.output_shape()
    }

    fn algorithm(&self) -> String {
        self.algorithm()
    }

    fn workspace_bytes(&self) -> usize {
        self.workspace_bytes()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

/// Plans a module for inputs of this shape, in the threads that it will run on.
pub(crate) fn plan<T: Pixel>(
    py: Python<'_>,
    module: &Typed<T>,
    shape: &[usize],
    threads: Threads,
) -> PyResult<Box<dyn Planned>>
where
    T::Sum: Pixel,
{
    fn planned<T: Pixel, U: Pixel>(module: &dyn Module<T, U>, shape: &[usize]) -> featuremap::Result<Box<dyn Planned>> {
        Ok(Box::new(module.plan(shape)?))
    }
    py.detach(|| {
        threads.run(|| match module {
            Typed::Same(module) => planned(&**module, shape),
            Typed::Summed(module) => planned(&**module, shape),
        })
    })?
    .raise()
}

/// A layer or a network made ready for arrays of one shape: its weights prepared, its memory taken.
#[pyclass(frozen, module = "featuremap._core")]
pub(crate) struct Plan {
    planned: Mutex<Box<dyn Planned>>,
    element: ElementType,
    threads: Threads,
    input_shape: Vec<usize>,
    output_shape: Vec<usize>,
}

impl Plan {
    pub(crate) fn new(planned: Box<dyn Planned>, element: ElementType, threads: Threads) -> Self {
        let (input_shape, output_shape) = (planned.input_shape().to_vec(), planned.output_shape().to_vec());
        Self { planned: Mutex::new(planned), element, threads, input_shape, output_shape }
    }

    fn with<R>(&self, py: Python<'_>, then: impl FnOnce(&mut dyn Planned) -> R) -> R {
        let mut planned = self.planned.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner);
        then(&mut **planned)
    }
}

#[pymethods]
impl Plan {
    /// The output for an array of the plan's shape; in `out`, if that is given.
    ///
    /// A plan is run by one thread at a time; others wait.
    #[pyo3(signature = (input, out=None))]
    fn __call__<'py>(&self, input: &Bound<'py, PyAny>, out: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        self.with(input.py(), |planned| planned.run(input, out, self.threads))
    }

    /// The shape of the arrays that it takes.
    #[getter]
    fn input_shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.input_shape)
    }

    /// The shape of the arrays that it gives.
    #[getter]
    fn output_shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.output_shape)
    }

    /// The type of the elements that it takes.
    #[getter]
    fn dtype(&self) -> &'static str {
        self.element.name()
    }

    /// What it computes by, in a word or two.
    #[getter]
    fn algorithm(&self, py: Python<'_>) -> String {
        self.with(py, |planned| planned.algorithm())
    }

    /// Bytes of memory that it holds to compute in, weights apart.
    #[getter]
    fn workspace_bytes(&self, py: Python<'_>) -> usize {
        self.with(py, |planned| planned.workspace_bytes())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("Plan({}, {})", self.with(py, |planned| planned.shown()), self.element.name())
    }
}
