//! Arrays of NumPy as views of the crate, where they lie, and its tensors as arrays.

use featuremap::{Tensor, TensorView, TensorViewMut};
use numpy::{
    BorrowError, PyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::element::{ElementType, Pixel};
use crate::error::Raise;
use crate::threads::Threads;

/// The most axes that NumPy had for long, and views here can have.
const MAX_RANK: usize = 32;

/// Outputs of more elements are made by NumPy's own function, which says so where there is no memory, and otherwise gives it in large
/// pages.
const SMALL: usize = 1 << 14;

fn of_numpy<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    cell.import(py, "numpy", name)
}

/// The object, if it is an array, or what NumPy makes of it.
pub(crate) fn array<'py>(what: &str, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    static ASARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Ok(array) = object.cast::<PyUntypedArray>() {
        return Ok(array.clone());
    }
    let made = of_numpy(object.py(), &ASARRAY, "asarray")?.call1((object,))?;
    made.cast_into().map_err(|_| PyTypeError::new_err(format!("{what} must be an array")))
}

/// The array with the type of its elements, which has been looked at; a copy only where elements lie at odd addresses.
pub(crate) fn typed<'py, T: Pixel>(
    what: &str,
    array: &Bound<'py, PyUntypedArray>,
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    static COPY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if array.ndim() > MAX_RANK {
        return Err(PyValueError::new_err(format!("{what} must have at most {MAX_RANK} axes; found {}", array.ndim())));
    }
    let found = cast::<T>(what, array)?;
    if lies_even(&found) {
        return Ok(found);
    }
    let copy = of_numpy(array.py(), &COPY, "copy")?.call1((array,))?;
    cast(what, copy.cast::<PyUntypedArray>()?)
}

fn cast<'py, T: Pixel>(what: &str, array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    array.as_any().cast::<PyArrayDyn<T>>().cloned().map_err(|_| {
        let (expected, found) = (T::TYPE.name(), array.dtype().to_string());
        PyTypeError::new_err(format!("{what} must be an array of {expected}; found {found}: `astype` converts"))
    })
}

/// Whether all elements lie where elements of their type may: within a record of packed fields they may not.
fn lies_even<T: Pixel>(array: &Bound<'_, PyArrayDyn<T>>) -> bool {
    let size = size_of::<T>().cast_signed();
    array.data().is_aligned() && array.strides().iter().all(|stride| stride % size == 0)
}

pub(crate) fn read<'py, T: Pixel>(
    what: &str,
    array: &Bound<'py, PyArrayDyn<T>>,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    array.try_readonly().map_err(|_| PyValueError::new_err(format!("{what} is being written to by another thread")))
}

/// A tensor of its own with the elements of an array.
pub(crate) fn tensor<T: Pixel>(what: &str, object: &Bound<'_, PyAny>) -> PyResult<Tensor<T>> {
    let array = typed::<T>(what, &array(what, object)?)?;
    Ok(Tensor::from(read(what, &array)?.as_array()))
}

/// An array of its own, which takes the memory of a tensor.
pub(crate) fn into_array<T: Pixel>(py: Python<'_>, tensor: Tensor<T>) -> Bound<'_, PyAny> {
    PyArray::from_owned_array(py, tensor.into_array()).into_any()
}

/// The caller's array to write to.
fn written<'py, U: Pixel>(object: &Bound<'py, PyAny>) -> PyResult<PyReadwriteArrayDyn<'py, U>> {
    let Ok(untyped) = object.cast::<PyUntypedArray>() else {
        return Err(PyTypeError::new_err("out must be an array of NumPy"));
    };
    if untyped.ndim() > MAX_RANK {
        return Err(PyValueError::new_err(format!("out must have at most {MAX_RANK} axes; found {}", untyped.ndim())));
    }
    let array = cast::<U>("out", untyped)?;
    if !lies_even(&array) || overlaps_itself(&array) {
        return Err(PyValueError::new_err("out must have elements that lie apart, each at a whole address"));
    }
    array.try_readwrite().map_err(|error| {
        PyValueError::new_err(match error {
            BorrowError::NotWriteable => "out is read-only",
            _ => "out lies in the memory of the input, or is in use by another thread",
        })
    })
}

/// Whether two elements may lie at one place: the step along an axis is not longer than all that lies along shorter ones.
fn overlaps_itself<U: Pixel>(array: &Bound<'_, PyArrayDyn<U>>) -> bool {
    if array.shape().contains(&0) {
        return false;
    }
    let mut axes: Vec<(usize, usize)> = (array.strides().iter().map(|stride| stride.unsigned_abs()))
        .zip(array.shape().iter().copied())
        .filter(|&(_, length)| length > 1)
        .collect();
    axes.sort_unstable();
    let mut reach = size_of::<U>();
    axes.into_iter().any(|(stride, length)| {
        let overlaps = stride < reach;
        reach += stride * (length - 1);
        overlaps
    })
}

/// A new array of zeros.
fn zeros<'py, U: Pixel>(py: Python<'py>, shape: &[usize]) -> PyResult<Bound<'py, PyArrayDyn<U>>> {
    static ZEROS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let count = shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length));
    if count.is_some_and(|count| count < SMALL) && shape.len() <= MAX_RANK {
        return Ok(PyArrayDyn::zeros(py, shape, false));
    }
    let zeros = of_numpy(py, &ZEROS, "zeros")?;
    Ok(zeros.call1((PyTuple::new(py, shape)?, U::TYPE.name()))?.cast_into()?)
}

/// What computes an output of an input.
pub(crate) type Run<'a, T, U> =
    &'a mut (dyn FnMut(TensorView<'_, T>, TensorViewMut<'_, U>) -> featuremap::Result<()> + Send);

/// Computes an output of this shape, into the caller's array or one of its own, while other threads of Python may run.
pub(crate) fn compute<'py, T: Pixel, U: Pixel>(
    input: &Bound<'py, PyArrayDyn<T>>,
    out: Option<&Bound<'py, PyAny>>,
    threads: Threads,
    output_shape: &[usize],
    run: Run<'_, T, U>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = input.py();
    let pixels = read("the input", input)?;
    let (output, mut writable) = match out {
        Some(out) => (out.clone(), written::<U>(out)?),
        None => {
            let output = zeros::<U>(py, output_shape)?;
            let writable = output.try_readwrite().map_err(|error| PyValueError::new_err(error.to_string()))?;
            (output.into_any(), writable)
        }
    };
    let (from, to) = (TensorView::from(pixels.as_array()), TensorViewMut::from(writable.as_array_mut()));
    py.detach(|| threads.run(|| run(from, to)))?.raise()?;
    Ok(output)
}

/// The type of the elements of the input, and the input.
pub(crate) fn input<'py>(object: &Bound<'py, PyAny>) -> PyResult<(ElementType, Bound<'py, PyUntypedArray>)> {
    let array = array("the input", object)?;
    Ok((ElementType::of("the input", &array)?, array))
}
