//! [`Layer`]: a module of the crate of any kind, for arrays of any type of elements that it takes.

use std::sync::{Arc, Mutex, PoisonError};

use featuremap::{
    Activation, AdaptivePool, Average, Concat, Dropout, Element, Flatten, Float, Gate, GlobalPool, Interpolation, L2,
    LocalResponseNorm, LogSoftmax, Lp, Max, MaxUnpool, Min, Module, Operator, Pad, PadMode, Pool, Reduction, Relu,
    Residual, Selection, Sequential, Softmax, Tensor, TensorView, Upsample,
};
use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments::{Border, Frame, Sizes, check_over, first, over_axes, sizes};
use crate::array;
use crate::element::{AnyWeighted, ElementType, Pixel, Typed, of_element};
use crate::error::Raise;
use crate::median::{Divided, Median};
use crate::plan::{Plan, Planned, plan};
use crate::threads::Threads;
use crate::weights::Weights;

/// What is made of the pixels of a window, or of a whole map.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reduce {
    Max,
    Min,
    Average { count_include_pad: bool },
    Divided(f64),
    L2,
    Lp(f64),
}

/// A module without parameters to be trained, for whatever type of elements the input has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plain {
    Pool(Reduce, Frame),
    Global(Reduce, usize),
    Adaptive(Reduce, usize, Sizes),
    Median(Frame),
    Pad(usize, [(usize, usize); 3], PadMode),
    UpsampleBy(usize, [f64; 3], Interpolation),
    UpsampleTo(usize, Sizes, Interpolation),
    Relu,
    Identity,
    Flatten(usize),
    Activation(Activation),
    Softmax(isize),
    LogSoftmax(isize),
    LocalResponse { size: usize, alpha: f64, beta: f64, k: f64 },
}

/// Layers with their names, one after the other.
pub(crate) type Chain = Vec<(String, Kind)>;

/// What a layer is.
#[derive(Clone)]
pub(crate) enum Kind {
    Plain(Plain),
    Weighted(AnyWeighted),
    Sequential(Chain),
    Residual { f: Chain, projection: Option<Chain> },
    Concat(Vec<(String, Chain)>),
    Gate(Chain),
}

fn shared<T: Element>(module: impl Module<T> + 'static) -> Option<Arc<dyn Module<T>>> {
    Some(Arc::new(module))
}

/// The pooling of windows by a reduction.
fn windowed<T: Pixel, R: Reduction<T>>(reduction: R, frame: &Frame) -> Option<Arc<dyn Module<T>>> {
    over_axes!(frame.over, N => shared(pool::<R, N>(reduction, frame)))
}

/// The pooling of windows, or of whole maps.
fn pooled<T: Pixel, R: Reduction<T>>(plain: &Plain, reduction: R) -> Option<Arc<dyn Module<T>>> {
    match *plain {
        Plain::Pool(_, frame) => windowed(reduction, &frame),
        Plain::Global(_, over) => over_axes!(over, N => shared(GlobalPool::<R, N>::with(reduction))),
        _ => None,
    }
}

/// The pooling of windows, of whole maps, or to a given size.
fn adapted<T: Pixel, R: Reduction<T>>(plain: &Plain, reduction: R) -> Option<Arc<dyn Module<T>>> {
    match *plain {
        Plain::Adaptive(_, over, size) => {
            over_axes!(over, N => shared(AdaptivePool::<R, N>::with(reduction, first::<N, _>(size))))
        }
        _ => pooled(plain, reduction),
    }
}

fn pool<R, const N: usize>(reduction: R, frame: &Frame) -> Pool<R, N> {
    Pool::with(reduction, first::<N, _>(frame.size))
        .stride(first::<N, _>(frame.stride))
        .padding(frame.padding.padding::<N>())
        .dilation(first::<N, _>(frame.dilation))
        .ceil_mode(frame.ceil_mode)
}

impl Plain {
    fn reduce(&self) -> Option<Reduce> {
        match *self {
            Self::Pool(reduce, _) | Self::Global(reduce, _) | Self::Adaptive(reduce, ..) => Some(reduce),
            _ => None,
        }
    }

    fn module<T: Pixel>(&self) -> Option<Arc<dyn Module<T>>> {
        match *self {
            Self::Relu => shared(Relu),
            Self::Identity => shared(Dropout),
            Self::Flatten(first) => shared(Flatten::from_axis(first)),
            Self::Pad(over, sides, mode) => {
                over_axes!(over, N => shared(Pad::<N>::new(first::<N, _>(sides)).mode(mode)))
            }
            Self::Median(frame) => {
                over_axes!(frame.over, N => shared(Median::<N>::new(frame.window(), pool(Max, &frame))))
            }
            _ => match self.reduce() {
                Some(Reduce::Max) => adapted(self, Max),
                Some(Reduce::Min) => pooled(self, Min),
                Some(Reduce::Average { count_include_pad }) => adapted(self, Average { count_include_pad }),
                _ => T::of_floats(self),
            },
        }
    }

    pub(crate) fn of_float<T: Float + Pixel>(&self) -> Option<Arc<dyn Module<T>>> {
        match *self {
            Self::Activation(activation) => shared(activation),
            Self::Softmax(axis) => shared(Softmax::over(axis)),
            Self::LogSoftmax(axis) => shared(LogSoftmax::over(axis)),
            Self::LocalResponse { size, alpha, beta, k } => {
                shared(LocalResponseNorm::new(size).alpha(alpha).beta(beta).k(k))
            }
            Self::UpsampleBy(over, factors, interpolation) => over_axes!(over, N => {
                shared(Upsample::<N>::by_factors(first(factors)).interpolation(interpolation))
            }),
            Self::UpsampleTo(over, size, interpolation) => over_axes!(over, N => {
                shared(Upsample::<N>::to(first::<N, _>(size)).interpolation(interpolation))
            }),
            _ => match self.reduce()? {
                Reduce::L2 => pooled(self, L2),
                reduce => self.of_frame(reduce),
            },
        }
    }

    fn of_frame<T: Float + Pixel>(&self, reduce: Reduce) -> Option<Arc<dyn Module<T>>> {
        match (self, reduce) {
            (Self::Pool(_, frame), Reduce::Lp(order)) => windowed(Lp(order), frame),
            (Self::Pool(_, frame), Reduce::Divided(divisor)) => windowed(Divided(divisor), frame),
            _ => None,
        }
    }
}

impl Kind {
    /// The module for elements of this type; `owned` to be loaded, with copies of all parameters.
    pub(crate) fn typed<T: Pixel>(&self, owned: bool) -> PyResult<Typed<T>> {
        match self {
            Self::Plain(plain) => plain.module().map(Typed::Same).ok_or_else(|| {
                PyTypeError::new_err(format!("this is for arrays of float32 or float64; found {}", T::TYPE.name()))
            }),
            Self::Weighted(weighted) => T::of(weighted).map(|weighted| weighted.module.clone()).ok_or_else(|| {
                let (expected, found) = (weighted.element().name(), T::TYPE.name());
                PyTypeError::new_err(format!(
                    "the input must be an array of {expected}, as the weight is; found {found}: `astype` converts"
                ))
            }),
            Self::Sequential(chain) => Ok(Typed::Same(Arc::new(sequential::<T>(chain, owned)?))),
            Self::Residual { .. } | Self::Concat(_) | Self::Gate(_) => {
                let network = self.pushed(Sequential::<T>::default(), "", owned)?;
                Ok(Typed::Same(Arc::new(network)))
            }
        }
    }

    /// A network with this at its end.
    fn pushed<T: Pixel>(&self, network: Sequential<T>, name: &str, owned: bool) -> PyResult<Sequential<T>> {
        match self {
            Self::Weighted(weighted) if owned => {
                if let Some(push) = T::of(weighted).and_then(|weighted| weighted.push.as_ref()) {
                    return Ok(push(network, name));
                }
            }
            Self::Sequential(chain) => return Ok(network.push_named(name, sequential::<T>(chain, owned)?)),
            Self::Residual { f, projection } => {
                let mut residual = Residual::new(sequential::<T>(f, owned)?);
                if let Some(projection) = projection {
                    residual = residual.projection(sequential(projection, owned)?);
                }
                return Ok(network.push_named(name, residual));
            }
            Self::Concat(branches) => {
                let mut concat = Concat::<T>::default();
                for (name, branch) in branches {
                    concat = concat.branch(name, sequential::<T>(branch, owned)?);
                }
                return Ok(network.push_named(name, concat));
            }
            Self::Gate(g) => return Ok(network.push_named(name, Gate::new(sequential::<T>(g, owned)?))),
            Self::Weighted(_) | Self::Plain(_) => {}
        }
        match self.typed::<T>(owned)? {
            Typed::Same(module) => Ok(network.push_named(name, module)),
            Typed::Summed(module) => Err(PyTypeError::new_err(format!(
                "layer {name} ({}) gives {} for {}, and layers of a network take and give one type: convert the \
                 weight and the input to floats",
                module.name(),
                "int32",
                T::TYPE.name()
            ))),
        }
    }

    /// The type of the elements of the parameters, if there are any.
    pub(crate) fn element(&self) -> Option<ElementType> {
        let of = |chain: &Chain| chain.iter().find_map(|(_, kind)| kind.element());
        match self {
            Self::Plain(_) => None,
            Self::Weighted(weighted) => Some(weighted.element()),
            Self::Sequential(chain) | Self::Gate(chain) => of(chain),
            Self::Residual { f, projection } => of(f).or_else(|| projection.as_ref().and_then(of)),
            Self::Concat(branches) => branches.iter().find_map(|(_, chain)| of(chain)),
        }
    }
}

pub(crate) fn sequential<T: Pixel>(chain: &Chain, owned: bool) -> PyResult<Sequential<T>> {
    chain.iter().try_fold(Sequential::default(), |network, (name, kind)| kind.pushed(network, name, owned))
}

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
