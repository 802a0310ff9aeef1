//! Functions that make layers, each for a family of functions and modules of Python.

use std::sync::Arc;

use featuremap::{
    Activation, BatchNorm, Conv, ConvTranspose, Float, Interpolation, Linear, Module, PRelu, PadMode, conv::Algorithm,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::arguments::{AXES, Border, Frame, check_over, first, over_axes, padding_mode, sizes};
use crate::array;
use crate::element::{AnyWeighted, ElementType, Pixel, Shown, of_element};
use crate::kind::{Chain, Kind, Plain, Reduce};
use crate::layer::{Layer, shown};

fn reduce(name: &str, count_include_pad: bool, number: Option<f64>) -> PyResult<Reduce> {
    Ok(match (name, number) {
        ("max", _) => Reduce::Max,
        ("min", _) => Reduce::Min,
        ("avg", None) => Reduce::Average { count_include_pad },
        ("avg", Some(divisor)) => Reduce::Divided(divisor),
        ("lp", Some(order)) if order.to_bits() != 2_f64.to_bits() => Reduce::Lp(order),
        ("lp" | "l2", _) => Reduce::L2,
        _ => return Err(PyValueError::new_err(format!("there is no pooling {name:?}"))),
    })
}

/// A pooling over windows. `number` is the order of an Lp norm, or what a sum is divided by instead of the count.
#[pyfunction]
#[pyo3(signature = (over, name, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad=false, number=None))]
#[allow(clippy::too_many_arguments, reason = "those of Python")]
pub(crate) fn pool(
    over: usize,
    name: &str,
    kernel_size: &Bound<'_, PyAny>,
    stride: Option<&Bound<'_, PyAny>>,
    padding: &Bound<'_, PyAny>,
    dilation: &Bound<'_, PyAny>,
    ceil_mode: bool,
    count_include_pad: bool,
    number: Option<f64>,
) -> PyResult<Layer> {
    let frame = Frame::read(over, kernel_size, stride, padding, dilation, ceil_mode)?;
    Ok(Layer::plain(match name {
        "median" => Plain::Median(frame),
        _ => Plain::Pool(reduce(name, count_include_pad, number)?, frame),
    }))
}

/// A pooling of whole maps.
#[pyfunction]
pub(crate) fn global_pool(over: usize, name: &str) -> PyResult<Layer> {
    check_over(over)?;
    Ok(Layer::plain(Plain::Global(reduce(name, false, None)?, over)))
}

/// A pooling to an output of a given size.
#[pyfunction]
pub(crate) fn adaptive_pool(over: usize, name: &str, output_size: &Bound<'_, PyAny>) -> PyResult<Layer> {
    check_over(over)?;
    Ok(Layer::plain(Plain::Adaptive(reduce(name, false, None)?, over, sizes("output_size", over, output_size)?)))
}

/// A border; `sides` are before and after for each spatial axis, the first axis first.
#[pyfunction]
pub(crate) fn pad(sides: Vec<(usize, usize)>, mode: &str, value: f64) -> PyResult<Layer> {
    check_over(sides.len())?;
    let mode = match mode {
        "constant" => PadMode::Constant(value),
        "reflect" => PadMode::Reflect,
        "symmetric" => PadMode::Symmetric,
        "replicate" => PadMode::Replicate,
        "circular" => PadMode::Circular,
        _ => {
            let text = "mode must be \"constant\", \"reflect\", \"symmetric\", \"replicate\" or \"circular\"";
            return Err(PyValueError::new_err(format!("{text}; found {mode:?}")));
        }
    };
    let mut all = [(0, 0); AXES];
    all[..sides.len()].copy_from_slice(&sides);
    Ok(Layer::plain(Plain::Pad(sides.len(), all, mode)))
}

/// Maps brought to another size, or to another scale.
#[pyfunction]
#[pyo3(signature = (over, size, scale_factor, mode, align_corners))]
pub(crate) fn upsample(
    over: usize,
    size: Option<&Bound<'_, PyAny>>,
    scale_factor: Option<Vec<f64>>,
    mode: &str,
    align_corners: bool,
) -> PyResult<Layer> {
    check_over(over)?;
    let interpolation = match (mode, align_corners) {
        ("nearest", false) => Interpolation::Nearest,
        ("linear", false) => Interpolation::Linear,
        ("linear", true) => Interpolation::LinearWithAlignedCorners,
        _ => return Err(PyValueError::new_err("align_corners is for linear interpolation")),
    };
    match (size, scale_factor) {
        (Some(size), None) => Ok(Layer::plain(Plain::UpsampleTo(over, sizes("size", over, size)?, interpolation))),
        (None, Some(factors)) if factors.len() == over || factors.len() == 1 => {
            let factors = std::array::from_fn(|axis| factors.get(axis).copied().unwrap_or(factors[0]));
            Ok(Layer::plain(Plain::UpsampleBy(over, factors, interpolation)))
        }
        (None, Some(factors)) => {
            let text = "scale_factor must be one number, or one for each of";
            Err(PyValueError::new_err(format!("{text} {over} spatial axes; found {}", factors.len())))
        }
        _ => Err(PyValueError::new_err("one of size and scale_factor must be given")),
    }
}

/// A function of every element, or of all along an axis. What `one` and `other` are is said by its name.
#[pyfunction]
#[pyo3(signature = (name, one=0.0, other=0.0))]
pub(crate) fn activation(name: &str, one: f64, other: f64) -> PyResult<Layer> {
    Ok(Layer::plain(Plain::Activation(match name {
        "relu" => return Ok(Layer::plain(Plain::Relu)),
        "identity" => return Ok(Layer::plain(Plain::Identity)),
        "clamp" => Activation::Clamp { low: one, high: other },
        "leaky_relu" => Activation::LeakyRelu { slope: one },
        "elu" => Activation::Elu { alpha: one },
        "sigmoid" => Activation::Sigmoid,
        "hardsigmoid" => Activation::HARD_SIGMOID,
        "tanh" => Activation::Tanh,
        "silu" => Activation::Silu,
        "hardswish" => Activation::HardSwish,
        "gelu" => Activation::Gelu,
        "gelu_tanh" => Activation::GeluTanh,
        "softplus" => Activation::Softplus { beta: one, threshold: other },
        _ => return Err(PyValueError::new_err(format!("there is no activation {name:?}"))),
    })))
}

/// A softmax over an axis, counted from the end where it is negative.
#[pyfunction]
pub(crate) fn softmax(axis: isize, log: bool) -> Layer {
    Layer::plain(if log { Plain::LogSoftmax(axis) } else { Plain::Softmax(axis) })
}

/// All axes from one on in one.
#[pyfunction]
pub(crate) fn flatten(first: usize) -> Layer {
    Layer::plain(Plain::Flatten(first))
}

#[pyfunction]
pub(crate) fn local_response_norm(size: usize, alpha: f64, beta: f64, k: f64) -> Layer {
    Layer::plain(Plain::LocalResponse { size, alpha, beta, k })
}

/// The type of the weight, of which all other parameters must be.
fn element_of(weight: &Bound<'_, PyAny>) -> PyResult<ElementType> {
    ElementType::of("weight", &array::array("weight", weight)?)
}

/// Shows a weight where it lies, and a bias.
fn show<T: Pixel>(
    weight: impl Fn() -> featuremap::Tensor<T> + Send + Sync + 'static,
    bias: Option<featuremap::Tensor<T::Sum>>,
) -> Shown
where
    T::Sum: Pixel,
{
    Arc::new(move |py| {
        let bias = bias.iter().map(|bias| (String::from("bias"), array::into_array(py, bias.clone()).unbind()));
        [(String::from("weight"), array::into_array(py, weight()).unbind())].into_iter().chain(bias).collect()
    })
}

/// A convolution, whose weight and bias are copied.
#[pyfunction]
#[pyo3(signature = (over, weight, bias, stride, padding, dilation, groups, mode="zeros", relu=false, winograd=true))]
#[allow(clippy::too_many_arguments, reason = "those of Python")]
pub(crate) fn conv(
    over: usize,
    weight: &Bound<'_, PyAny>,
    bias: Option<&Bound<'_, PyAny>>,
    stride: &Bound<'_, PyAny>,
    padding: &Bound<'_, PyAny>,
    dilation: &Bound<'_, PyAny>,
    groups: usize,
    mode: &str,
    relu: bool,
    winograd: bool,
) -> PyResult<Layer> {
    check_over(over)?;
    let mode = padding_mode(mode)?;
    let (stride, dilation) = (sizes("stride", over, stride)?, sizes("dilation", over, dilation)?);
    let padding = Border::read(over, padding)?;
    of_element!(element_of(weight)?, T => {
        over_axes!(over, N => {
            let mut conv = Conv::<T, N>::new(array::tensor::<T>("weight", weight)?)
                .stride(first::<N, _>(stride))
                .padding(padding.padding::<N>())
                .dilation(first::<N, _>(dilation))
                .groups(groups)
                .padding_mode(mode)
                .relu(relu);
            let bias = bias.map(|bias| array::tensor("bias", bias)).transpose()?;
            if let Some(bias) = bias.clone() {
                conv = conv.bias(bias);
            }
            if !winograd {
                conv = conv.without(Algorithm::Winograd).without(Algorithm::Winograd2x2);
            }
            weighted_conv::<T, N>(conv, bias)
        })
    })
}

fn weighted_conv<T: Pixel, const N: usize>(
    conv: Conv<T, N>,
    bias: Option<featuremap::Tensor<T::Sum>>,
) -> PyResult<Layer>
where
    T::Sum: Pixel,
{
    let conv = Arc::new(conv);
    let kept = conv.clone();
    Ok(Layer::new(Kind::Weighted(T::weighted(conv, show::<T>(move || kept.filters().clone(), bias)))))
}

/// Calls with the type of the elements of the first parameter, which must be floats.
macro_rules! of_float {
    ($what:literal, $array:expr, $name:ident => $body:expr) => {
        match ElementType::of($what, &array::array($what, $array)?)? {
            ElementType::F32 => {
                type $name = f32;
                $body
            }
            ElementType::F64 => {
                type $name = f64;
                $body
            }
            other => {
                let text = format!("{} must be an array of float32 or float64; found {}", $what, other.name());
                Err(PyTypeError::new_err(text))
            }
        }
    };
}

/// A transposed convolution, whose weight and bias are copied.
#[pyfunction]
#[pyo3(signature = (over, weight, bias, stride, padding, output_padding, groups, dilation))]
#[allow(clippy::too_many_arguments, reason = "those of Python")]
pub(crate) fn conv_transpose(
    over: usize,
    weight: &Bound<'_, PyAny>,
    bias: Option<&Bound<'_, PyAny>>,
    stride: &Bound<'_, PyAny>,
    padding: &Bound<'_, PyAny>,
    output_padding: &Bound<'_, PyAny>,
    groups: usize,
    dilation: &Bound<'_, PyAny>,
) -> PyResult<Layer> {
    check_over(over)?;
    let (stride, dilation) = (sizes("stride", over, stride)?, sizes("dilation", over, dilation)?);
    let output_padding = sizes("output_padding", over, output_padding)?;
    let padding = Border::read(over, padding)?;
    of_float!("weight", weight, T => {
        over_axes!(over, N => {
            let mut conv = ConvTranspose::<T, N>::new(array::tensor::<T>("weight", weight)?)
                .stride(first::<N, _>(stride))
                .padding(padding.padding::<N>())
                .output_padding(first::<N, _>(output_padding))
                .dilation(first::<N, _>(dilation))
                .groups(groups);
            if let Some(bias) = bias {
                conv = conv.bias(array::tensor::<T>("bias", bias)?);
            }
            Ok(Layer::new(Kind::Weighted(floats::<T, _>(conv))))
        })
    })
}

/// A layer of floats, which shows its own parameters.
fn floats<T: Float + Pixel, M: Module<T> + Module<T, T::Sum> + Clone + 'static>(module: M) -> AnyWeighted {
    let module = Arc::new(module);
    let kept = module.clone();
    T::weighted(module, Arc::new(move |py| shown::<T>(py, Module::<T>::parameters(&*kept))))
}

/// A dense layer.
#[pyfunction]
pub(crate) fn linear(weight: &Bound<'_, PyAny>, bias: Option<&Bound<'_, PyAny>>) -> PyResult<Layer> {
    of_float!("weight", weight, T => {
        let mut linear = Linear::<T>::new(array::tensor::<T>("weight", weight)?);
        if let Some(bias) = bias {
            linear = linear.bias(array::tensor::<T>("bias", bias)?);
        }
        Ok(Layer::new(Kind::Weighted(floats::<T, _>(linear))))
    })
}

/// A batch norm with the statistics that it was trained with.
#[pyfunction]
pub(crate) fn batch_norm(
    over: usize,
    running_mean: &Bound<'_, PyAny>,
    running_var: &Bound<'_, PyAny>,
    weight: Option<&Bound<'_, PyAny>>,
    bias: Option<&Bound<'_, PyAny>>,
    eps: f64,
) -> PyResult<Layer> {
    check_over(over)?;
    of_float!("running_mean", running_mean, T => over_axes!(over, N => {
        let (mean, variance) = (array::tensor::<T>("running_mean", running_mean)?, array::tensor::<T>("running_var", running_var)?);
        let mut norm = BatchNorm::<T, N>::new(mean, variance).epsilon(eps);
        if let Some(weight) = weight {
            norm = norm.weight(array::tensor::<T>("weight", weight)?);
        }
        if let Some(bias) = bias {
            norm = norm.bias(array::tensor::<T>("bias", bias)?);
        }
        Ok(Layer::new(Kind::Weighted(floats::<T, _>(norm))))
    }))
}

/// A leaky ReLU with a slope for each channel, or one for all.
#[pyfunction]
pub(crate) fn prelu(weight: &Bound<'_, PyAny>) -> PyResult<Layer> {
    of_float!("weight", weight, T => {
        Ok(Layer::new(Kind::Weighted(floats::<T, _>(PRelu::<T>::new(array::tensor::<T>("weight", weight)?)))))
    })
}

/// Layers as Python gives them.
type Layers<'py> = Vec<(String, PyRef<'py, Layer>)>;

fn chain(layers: Layers<'_>) -> Chain {
    layers.into_iter().map(|(name, layer)| (name, layer.kind.clone())).collect()
}

/// Layers one after the other.
#[pyfunction]
pub(crate) fn sequential(layers: Layers<'_>) -> Layer {
    Layer::new(Kind::Sequential(chain(layers)))
}

/// The sum of a network's output and its input, which may go through another network.
#[pyfunction]
pub(crate) fn residual(f: Layers<'_>, projection: Option<Layers<'_>>) -> Layer {
    Layer::new(Kind::Residual { f: chain(f), projection: projection.map(chain) })
}

/// The outputs of networks of one input side by side along the channels.
#[pyfunction]
pub(crate) fn concat(branches: Vec<(String, Layers<'_>)>) -> Layer {
    Layer::new(Kind::Concat(branches.into_iter().map(|(name, branch)| (name, chain(branch))).collect()))
}

/// The input times a network's output for it.
#[pyfunction]
pub(crate) fn gate(g: Layers<'_>) -> Layer {
    Layer::new(Kind::Gate(chain(g)))
}
