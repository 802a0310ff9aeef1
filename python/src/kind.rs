//! What a layer is, and the modules of the crate that it becomes for a type of elements.

use std::sync::Arc;

use featuremap::{
    Activation, AdaptivePool, Average, Concat, Dropout, Element, Flatten, Float, Gate, GlobalPool, Interpolation, L2,
    LocalResponseNorm, LogSoftmax, Lp, Max, Min, Module, Operator, Pad, PadMode, Pool, Reduction, Relu, Residual,
    Sequential, Softmax, Upsample,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arguments::{Frame, Sizes, first, over_axes};
use crate::element::{AnyWeighted, ElementType, Pixel, Typed};
use crate::median::{Divided, Median};

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

pub(crate) fn pool<R, const N: usize>(reduction: R, frame: &Frame) -> Pool<R, N> {
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

    pub(crate) fn module<T: Pixel>(&self) -> Option<Arc<dyn Module<T>>> {
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
