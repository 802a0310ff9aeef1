//! Parameters as Python gives them: one number for all spatial axes, or one for each.

use featuremap::{Padding, PaddingMode, Window};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PySequence, PyString, PyTuple};

/// The most spatial axes.
pub(crate) const AXES: usize = 3;

/// A number for each spatial axis, of which there may be fewer.
pub(crate) type Sizes = [usize; AXES];

/// The first `N` of them.
pub(crate) fn first<const N: usize, T: Copy>(sizes: [T; AXES]) -> [T; N] {
    std::array::from_fn(|axis| sizes[axis])
}

/// How many axes a function works over, which its own name says.
pub(crate) fn check_over(over: usize) -> PyResult<()> {
    match over {
        1..=AXES => Ok(()),
        _ => Err(PyValueError::new_err(format!("the number of spatial axes must be 1, 2 or 3; found {over}"))),
    }
}

fn number(what: &str, value: &Bound<'_, PyAny>) -> PyResult<usize> {
    let number: i64 = value
        .extract()
        .map_err(|_| PyTypeError::new_err(format!("{what} must be of whole numbers; found {}", repr(value))))?;
    usize::try_from(number).map_err(|_| PyValueError::new_err(format!("{what} must not be negative; found {number}")))
}

fn repr(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "something that cannot be shown".into(), |text| text.to_string())
}

/// The items of a tuple, a list or what else is a sequence; none of a string.
fn items<'py>(value: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return Some(tuple.iter().collect());
    }
    if let Ok(list) = value.cast::<PyList>() {
        return Some(list.iter().collect());
    }
    if value.is_instance_of::<PyString>() || !(value.cast::<PySequence>().is_ok() || value.hasattr("__array__").ok()?) {
        return None;
    }
    value.try_iter().ok()?.collect::<PyResult<_>>().ok()
}

/// A number for all axes, or one for each.
pub(crate) fn sizes(what: &str, over: usize, value: &Bound<'_, PyAny>) -> PyResult<Sizes> {
    if let Ok(both) = value.extract::<i64>() {
        return Ok([usize::try_from(both)
            .map_err(|_| PyValueError::new_err(format!("{what} must not be negative; found {both}")))?;
            AXES]);
    }
    let Some(items) = items(value) else {
        return Err(PyTypeError::new_err(format!(
            "{what} must be a whole number, or {over} of them; found {}",
            repr(value)
        )));
    };
    let mut sizes = [1; AXES];
    match items.len() {
        1 => sizes = [number(what, &items[0])?; AXES],
        count if count == over => {
            for (size, item) in sizes.iter_mut().zip(&items) {
                *size = number(what, item)?;
            }
        }
        count => {
            let text = format!("{what} must be one number, or one for each of {over} spatial axes; found {count}");
            return Err(PyValueError::new_err(text));
        }
    }
    Ok(sizes)
}

/// How far windows reach beyond the input.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Border {
    Valid,
    Same,
    SameLower,
    Explicit([(usize, usize); AXES]),
}

impl Border {
    /// A number for all sides, one for each axis, a pair of before and after for each axis, or a word.
    pub(crate) fn read(over: usize, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(word) = value.cast::<PyString>() {
            return match word.to_string().as_str() {
                "valid" => Ok(Self::Valid),
                "same" => Ok(Self::Same),
                "same_lower" => Ok(Self::SameLower),
                word => {
                    let text =
                        format!("padding must be \"valid\", \"same\", \"same_lower\" or numbers; found {word:?}");
                    Err(PyValueError::new_err(text))
                }
            };
        }
        if let Some(pairs) = items(value).filter(|items| items.iter().any(|item| item.extract::<i64>().is_err())) {
            if pairs.len() != over {
                let text = format!(
                    "padding must be one pair (before, after) for each of {over} spatial axes; found {}",
                    pairs.len()
                );
                return Err(PyValueError::new_err(text));
            }
            let mut sides = [(0, 0); AXES];
            for (side, pair) in sides.iter_mut().zip(&pairs) {
                match items(pair).as_deref() {
                    Some([before, after]) => *side = (number("padding", before)?, number("padding", after)?),
                    _ => {
                        let text = format!("padding must be numbers, or pairs (before, after); found {}", repr(pair));
                        return Err(PyTypeError::new_err(text));
                    }
                }
            }
            return Ok(Self::Explicit(sides));
        }
        Ok(Self::Explicit(sizes("padding", over, value)?.map(|both| (both, both))))
    }

    pub(crate) fn padding<const N: usize>(self) -> Padding<N> {
        match self {
            Self::Valid => Padding::Valid,
            Self::Same => Padding::Same,
            Self::SameLower => Padding::SameLower,
            Self::Explicit(sides) => Padding::Explicit(first(sides)),
        }
    }
}

/// The parameters of a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) over: usize,
    pub(crate) size: Sizes,
    pub(crate) stride: Sizes,
    pub(crate) padding: Border,
    pub(crate) dilation: Sizes,
    pub(crate) ceil_mode: bool,
}

impl Frame {
    /// The stride is the size unless given.
    pub(crate) fn read(
        over: usize,
        size: &Bound<'_, PyAny>,
        stride: Option<&Bound<'_, PyAny>>,
        padding: &Bound<'_, PyAny>,
        dilation: &Bound<'_, PyAny>,
        ceil_mode: bool,
    ) -> PyResult<Self> {
        check_over(over)?;
        let size = sizes("kernel_size", over, size)?;
        let stride = stride.map_or(Ok(size), |stride| sizes("stride", over, stride))?;
        let (padding, dilation) = (Border::read(over, padding)?, sizes("dilation", over, dilation)?);
        Ok(Self { over, size, stride, padding, dilation, ceil_mode })
    }

    pub(crate) fn window<const N: usize>(&self) -> Window<N> {
        Window::new(first::<N, _>(self.size))
            .stride(first::<N, _>(self.stride))
            .padding(self.padding.padding::<N>())
            .dilation(first::<N, _>(self.dilation))
            .ceil_mode(self.ceil_mode)
    }
}

/// What stands on the padding of a convolution.
pub(crate) fn padding_mode(name: &str) -> PyResult<PaddingMode> {
    match name {
        "zeros" => Ok(PaddingMode::Zeros),
        "reflect" => Ok(PaddingMode::Reflect),
        "symmetric" => Ok(PaddingMode::Symmetric),
        "replicate" => Ok(PaddingMode::Replicate),
        "circular" => Ok(PaddingMode::Circular),
        _ => {
            let text = "padding_mode must be \"zeros\", \"reflect\", \"symmetric\", \"replicate\" or \"circular\"";
            Err(PyValueError::new_err(format!("{text}; found {name:?}")))
        }
    }
}

/// Calls with the number of spatial axes as a constant.
macro_rules! over_axes {
    ($over:expr, $name:ident => $body:expr) => {
        match $over {
            1 => {
                const $name: usize = 1;
                $body
            }
            2 => {
                const $name: usize = 2;
                $body
            }
            _ => {
                const $name: usize = 3;
                $body
            }
        }
    };
}
pub(crate) use over_axes;
