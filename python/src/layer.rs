//! [`Layer`]: a module of the crate of any kind, for arrays of any type of elements that it takes.

use std::sync::{Mutex, PoisonError};

use featuremap::{Float, Max, MaxUnpool, Min, Module, Operator, Selection, Tensor, TensorView};
use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments::{Border, Frame, check_over, first, over_axes, sizes};
use crate::array;
use crate::element::{ElementType, Pixel, Typed, of_element};
use crate::error::Raise;
use crate::kind::{Chain, Kind, Plain, Reduce, pool, sequential};
use crate::plan::{Plan, Planned, plan};
use crate::threads::Threads;
use crate::weights::Weights;

/// Plans that have been made and wait to be run again, the last one used at the end.
#[derive(Default)]
struct Plans(Mutex<Vec<(Key, Box<dyn Planned>)>>);

/// What a plan is made for.
#[derive(PartialEq, Eq)]
struct Key {
    element: ElementType,
    shape: Vec<usize>,
    threads: Threads,
}

/// As many plans are kept: the blocks of a raster have up to nine shapes, and two threads may run them at once.
const KEPT: usize = 18;

impl Plans {
    fn take(&self, key: &Key) -> Option<Box<dyn Planned>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().rposition(|(other, _)| other == key)?;
        Some(kept.remove(at).1)
    }

    fn give(&self, key: Key, plan: Box<dyn Planned>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((key, plan));
    }
}

/// A module of any kind. Parameters are copied when it is made, and never change.
#[pyclass(frozen, module = "featuremap._core")]
pub(crate) struct Layer {
    pub(crate) kind: Kind,
    plans: Plans,
}

impl Layer {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, plans: Plans::default() }
    }

    pub(crate) fn plain(plain: Plain) -> Self {
        Self::new(Kind::Plain(plain))
    }

    /// The type of elements for which a shape is asked.
    fn element(&self, asked: Option<&str>) -> PyResult<ElementType> {
        match asked {
            Some(name) => ElementType::by_name("dtype", name),
            None => Ok(self.kind.element().unwrap_or(ElementType::F32)),
        }
    }

    /// The plan that was made for inputs as this, or a new one; and what to give it back by.
    fn planned(
        &self,
        py: Python<'_>,
        element: ElementType,
        shape: &[usize],
        threads: Threads,
    ) -> PyResult<Box<dyn Planned>> {
        of_element!(element, T => plan(py, &self.kind.typed::<T>(false)?, shape, threads))
    }
}

#[pymethods]
impl Layer {
    /// The output for an array, by a plan that is kept for the next array of its shape.
    #[pyo3(signature = (input, out=None, threads=None))]
    fn __call__<'py>(
        &self,
        input: &Bound<'py, PyAny>,
        out: Option<&Bound<'py, PyAny>>,
        threads: Option<isize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (element, input) = array::input(input)?;
        let key = Key { element, shape: input.shape().to_vec(), threads: Threads::new(threads)? };
        let threads = key.threads;
        let mut plan = match self.plans.take(&key) {
            Some(plan) => plan,
            None => self.planned(input.py(), element, &key.shape, threads)?,
        };
        let output = plan.run(input.as_any(), out, threads);
        self.plans.give(key, plan);
        output
    }

    /// The output for an array, without a plan: for once.
    #[pyo3(signature = (input, out=None, threads=None))]
    fn once<'py>(
        &self,
        input: &Bound<'py, PyAny>,
        out: Option<&Bound<'py, PyAny>>,
        threads: Option<isize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (element, input) = array::input(input)?;
        let threads = Threads::new(threads)?;
        let is_plain = matches!(self.kind, Kind::Plain(_));
        of_element!(element, T => {
            let input = array::typed::<T>("the input", &input)?;
            match self.kind.typed::<T>(false)? {
                Typed::Same(module) => forward(&input, out, threads, &*module, is_plain),
                Typed::Summed(module) => forward(&input, out, threads, &*module, false),
            }
        })
    }

    /// The pooled values and the place of each, counted flat in its plane.
    #[pyo3(signature = (input, threads=None))]
    fn with_indices<'py>(
        &self,
        input: &Bound<'py, PyAny>,
        threads: Option<isize>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (element, input) = array::input(input)?;
        let threads = Threads::new(threads)?;
        let py = input.py();
        let Kind::Plain(Plain::Pool(reduce, frame)) = self.kind else {
            return Err(PyTypeError::new_err("indices are of max_pool and min_pool"));
        };
        of_element!(element, T => {
            let input = array::typed::<T>("the input", &input)?;
            let pixels = array::read("the input", &input)?;
            let view = TensorView::from(pixels.as_array());
            let (values, indices) = py.detach(|| threads.run(|| over_axes!(frame.over, N => match reduce {
                Reduce::Min => picked::<T, Min, N>(Min, &frame, view),
                _ => picked::<T, Max, N>(Max, &frame, view),
            })))?.raise()?;
            Ok((array::into_array(py, values), array::into_array(py, indices)))
        })
    }

    /// This made ready for arrays of one shape.
    #[pyo3(signature = (shape, dtype=None, threads=None))]
    fn plan(&self, py: Python<'_>, shape: Vec<usize>, dtype: Option<&str>, threads: Option<isize>) -> PyResult<Plan> {
        let (element, threads) = (self.element(dtype)?, Threads::new(threads)?);
        Ok(Plan::new(self.planned(py, element, &shape, threads)?, element, threads))
    }

    /// The shape of the output for an input of this shape, and the type of its elements.
    #[pyo3(signature = (shape, dtype=None))]
    fn output(&self, shape: Vec<usize>, dtype: Option<&str>) -> PyResult<(Vec<usize>, &'static str)> {
        let element = self.element(dtype)?;
        of_element!(element, T => match self.kind.typed::<T>(false)? {
            Typed::Same(module) => Ok((module.output_shape(&shape).raise()?, T::TYPE.name())),
            Typed::Summed(module) => Ok((module.output_shape(&shape).raise()?, sums::<T>())),
        })
    }

    /// A table of what this network takes for inputs of one shape.
    #[pyo3(signature = (shape, dtype=None))]
    fn summary(&self, py: Python<'_>, shape: Vec<usize>, dtype: Option<&str>) -> PyResult<String> {
        let Kind::Sequential(chain) = &self.kind else {
            return Err(PyTypeError::new_err("a summary is of a Sequential"));
        };
        of_element!(self.element(dtype)?, T => {
            let network = sequential::<T>(chain, false)?;
            py.detach(|| network.summary(&shape)).map(|summary| summary.to_string()).raise()
        })
    }

    /// The parameters with their names, as arrays of their own.
    fn parameters(&self, py: Python<'_>) -> PyResult<Vec<(String, Py<PyAny>)>> {
        match (&self.kind, self.kind.element()) {
            (Kind::Weighted(weighted), _) => Ok((weighted.shown())(py)),
            (_, None) => Ok(Vec::new()),
            (kind, Some(element)) => of_element!(element, T => match kind.typed::<T>(false)? {
                Typed::Same(module) => Ok(shown(py, module.parameters())),
                Typed::Summed(_) => Ok(Vec::new()),
            }),
        }
    }

    /// The parameters as they are in a file, which must fit this network; and the names that are only in the network, and only in
    /// the file.
    #[pyo3(signature = (weights, strict=true))]
    #[allow(clippy::type_complexity, reason = "a tuple of Python")]
    fn loaded(
        &self,
        py: Python<'_>,
        weights: &Weights,
        strict: bool,
    ) -> PyResult<(Vec<(String, Py<PyAny>)>, Vec<String>, Vec<String>)> {
        let Kind::Sequential(chain) = &self.kind else {
            return Err(PyTypeError::new_err("what is loaded is a Sequential"));
        };
        match self.element(None)? {
            ElementType::F32 => load::<f32>(py, chain, weights, strict),
            ElementType::F64 => load::<f64>(py, chain, weights, strict),
            other => Err(PyTypeError::new_err(format!("networks of floats are loaded; this is of {}", other.name()))),
        }
    }

    /// The parameters in the safetensors format.
    fn to_safetensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let Kind::Sequential(chain) = &self.kind else {
            return Err(PyTypeError::new_err("what is saved is a Sequential"));
        };
        let bytes = match self.element(None)? {
            ElementType::F64 => sequential::<f64>(chain, false)?.to_safetensors(),
            _ => sequential::<f32>(chain, false)?.to_safetensors(),
        };
        Ok(PyBytes::new(py, &bytes.raise()?))
    }

    /// The type of the elements of its parameters; none where there are no parameters.
    #[getter]
    fn dtype(&self) -> Option<&'static str> {
        self.kind.element().map(ElementType::name)
    }
}

fn sums<T: Pixel>() -> &'static str
where
    T::Sum: Pixel,
{
    <T::Sum as Pixel>::TYPE.name()
}

/// Parameters as arrays of their own.
pub(crate) fn shown<T: Pixel>(
    py: Python<'_>,
    parameters: Vec<(String, TensorView<'_, T>)>,
) -> Vec<(String, Py<PyAny>)> {
    let own = |view: TensorView<'_, T>| array::into_array(py, view.to_tensor()).unbind();
    parameters.into_iter().map(|(name, view)| (name, own(view))).collect()
}

#[allow(clippy::type_complexity, reason = "a tuple of Python")]
fn load<T: Float + Pixel>(
    py: Python<'_>,
    chain: &Chain,
    weights: &Weights,
    strict: bool,
) -> PyResult<(Vec<(String, Py<PyAny>)>, Vec<String>, Vec<String>)> {
    let mut network = sequential::<T>(chain, true)?;
    let unmatched = network.load_weights(&weights.0.clone().strict(strict)).raise()?;
    Ok((shown(py, network.parameters()), unmatched.missing, unmatched.unexpected))
}

fn picked<T: Pixel, R: Selection<T>, const N: usize>(
    reduction: R,
    frame: &Frame,
    input: TensorView<'_, T>,
) -> featuremap::Result<(Tensor<T>, Tensor<i64>)> {
    pool::<R, N>(reduction, frame).forward_with_indices(input)
}

/// `is_plain` are modules without parameters: a plan of these costs little, and puts pixels in order some rows at a time, where a pooling
/// without one would copy them all.
fn forward<'py, T: Pixel, U: Pixel>(
    input: &Bound<'py, PyArrayDyn<T>>,
    out: Option<&Bound<'py, PyAny>>,
    threads: Threads,
    module: &dyn Module<T, U>,
    is_plain: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (shape, by_plan) = (module.output_shape(input.shape()).raise()?, is_plain && !input.is_c_contiguous());
    array::compute::<T, U>(input, out, threads, &shape, &mut |input, output| match by_plan {
        true => module.plan(input.shape())?.run(input, output),
        false => module.forward_into(input, output),
    })
}

/// The values put where they were: of a pooling that gave its indices.
#[pyfunction]
#[pyo3(signature = (over, input, indices, kernel_size, stride, padding, output_size))]
pub(crate) fn max_unpool<'py>(
    over: usize,
    input: &Bound<'py, PyAny>,
    indices: &Bound<'py, PyAny>,
    kernel_size: &Bound<'py, PyAny>,
    stride: Option<&Bound<'py, PyAny>>,
    padding: &Bound<'py, PyAny>,
    output_size: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = input.py();
    check_over(over)?;
    let size = sizes("kernel_size", over, kernel_size)?;
    let stride = stride.map_or(Ok(size), |stride| sizes("stride", over, stride))?;
    let padding = Border::read(over, padding)?;
    let output_size = output_size.map(|size| sizes("output_size", over, size)).transpose()?;
    let (element, input) = array::input(input)?;
    let indices = array::typed::<i64>("indices", &array::array("indices", indices)?)?;
    let places = array::read("indices", &indices)?;
    of_element!(element, T => {
        let input = array::typed::<T>("the input", &input)?;
        let values = array::read("the input", &input)?;
        let (values, places) = (TensorView::from(values.as_array()), TensorView::from(places.as_array()));
        let back = py.detach(|| over_axes!(over, N => {
            let unpool = MaxUnpool::<N>::new(first::<N, _>(size)).stride(first::<N, _>(stride)).padding(padding.padding::<N>());
            match output_size {
                Some(size) => unpool.output_size(first::<N, _>(size)).forward(values, places),
                None => unpool.forward(values, places),
            }
        }));
        Ok(array::into_array(py, back.raise()?))
    })
}
