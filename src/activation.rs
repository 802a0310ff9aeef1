//! [`Activation`]: the functions that stand between the layers of a network, each of every element alone.

use std::iter;

use crate::kernels::epilogue::Clamp;
use crate::module::{Module, Operator, check_shape};
use crate::parallel::{PIECES, share, workers};
use crate::plan::Run;
use crate::tensor::{TensorView, TensorViewMut, element_count};
use crate::{AsViewMut, Element, Elementwise, Float, Lowering, Plan, Result};

/// A function of every element alone, with PyTorch's meaning, for a tensor of any rank.
///
/// Within a [`Sequential`](crate::Sequential) a [`Relu`](Self::Relu) or [`Clamp`](Self::Clamp) after a convolution or a
/// [`Linear`](crate::Linear) layer costs nothing, and others change the elements where they are. NaN stays NaN.
///
/// ```
/// use featuremap::{Activation, Module, Tensor};
///
/// let map = Tensor::from([-4., -1., 0., 2., 8.]);
/// assert_eq!(Activation::RELU6.forward(&map)?, Tensor::from([0., 0., 0., 2., 6.]));
/// assert_eq!(Activation::LEAKY_RELU.forward(&map)?, Tensor::from([-0.04, -0.01, 0., 2., 8.]));
/// assert_eq!(Activation::Sigmoid.forward(&map)?[[2]], 0.5);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Activation {
    /// `max(x, 0)`, as [`Relu`](crate::Relu), which integers have, too.
    Relu,
    /// `min(max(x, low), high)`: PyTorch's `Hardtanh`, and [`RELU6`](Self::RELU6).
    #[doc(alias("Hardtanh", "clip"))]
    Clamp {
        /// The least result.
        low: f64,
        /// The greatest result, which wins over `low`.
        high: f64,
    },
    /// x, or `slope · x` below 0. [`LEAKY_RELU`](Self::LEAKY_RELU) has PyTorch's slope. (A slope for each channel, which is trained,
    /// has [`PRelu`](crate::PRelu).)
    LeakyRelu {
        /// The slope below 0.
        slope: f64,
    },
    /// x, or `alpha · (eˣ − 1)` below 0. [`ELU`](Self::ELU) has PyTorch's alpha.
    Elu {
        /// What it tends to far below 0, with the other sign.
        alpha: f64,
    },
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
    /// `slope · x + offset`, between 0 and 1, as ONNX defines it. [`HARD_SIGMOID`](Self::HARD_SIGMOID) is PyTorch's.
    HardSigmoid {
        /// The slope between 0 and 1.
        slope: f64,
        /// The value at 0.
        offset: f64,
    },
    /// The hyperbolic tangent.
    Tanh,
    /// `x / (1 + e⁻ˣ)`, also called swish.
    #[doc(alias = "swish")]
    Silu,
    /// `x · min(max(x + 3, 0), 6) / 6`
    HardSwish,
    /// `x · Φ(x)` with the distribution function of normal numbers.
    Gelu,
    /// The same, approximated as `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
    GeluTanh,
    /// `ln(1 + e^(beta · x)) / beta`, or x where `beta · x` is above the threshold. [`SOFTPLUS`](Self::SOFTPLUS) has PyTorch's numbers.
    Softplus {
        /// The larger, the nearer to a ReLU.
        beta: f64,
        /// Where it is taken for linear.
        threshold: f64,
    },
}

impl Activation {
    /// `min(max(x, 0), 6)`
    pub const RELU6: Self = Self::Clamp { low: 0.0, high: 6.0 };
    /// With a slope of 0.01.
    pub const LEAKY_RELU: Self = Self::LeakyRelu { slope: 0.01 };
    /// With an alpha of 1.
    pub const ELU: Self = Self::Elu { alpha: 1.0 };
    /// `min(max(x + 3, 0), 6) / 6`
    pub const HARD_SIGMOID: Self = Self::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 };
    /// With a beta of 1 and a threshold of 20.
    pub const SOFTPLUS: Self = Self::Softplus { beta: 1.0, threshold: 20.0 };

    /// Applies it in place.
    pub fn apply<T: Element>(self, mut map: impl AsViewMut<T>) {
        let mut map = map.as_view_mut();
        if let Some(elements) = map.as_slice_mut() {
            return activate(self, workers::<T>(elements.len()), elements);
        }
        map.map_in_place(|element| T::activate(self, std::slice::from_mut(element)));
    }

    /// The clamp that it is, if it is one: what is applied to sums before they are stored.
    pub(crate) fn clamp<T: Element>(self) -> Option<Clamp<T>> {
        match self {
            Self::Relu => Some(Clamp { low: T::ZERO, high: T::HIGHEST }),
            Self::Clamp { low, high } => Some(Clamp { low: T::of_parameter(low), high: T::of_parameter(high) }),
            Self::LeakyRelu { .. }
            | Self::Elu { .. }
            | Self::Sigmoid
            | Self::HardSigmoid { .. }
            | Self::Tanh
            | Self::Silu
            | Self::HardSwish
            | Self::Gelu
            | Self::GeluTanh
            | Self::Softplus { .. } => None,
        }
    }
}

/// In place, by so many workers.
fn activate<T: Element>(activation: Activation, workers: usize, elements: &mut [T]) {
    if workers <= 1 {
        return T::activate(activation, elements);
    }
    let length = elements.len().div_ceil(workers * PIECES).max(1).next_multiple_of(1024);
    share(iter::repeat_n((), workers), elements.chunks_mut(length), |(), piece| T::activate(activation, piece));
}

impl Operator for Activation {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn name(&self) -> String {
        let name = match self {
            Self::Relu => "Relu",
            Self::Clamp { .. } if *self == Self::RELU6 => "Relu6",
            Self::Clamp { .. } => "Clamp",
            Self::LeakyRelu { .. } => "LeakyRelu",
            Self::Elu { .. } => "Elu",
            Self::Sigmoid => "Sigmoid",
            Self::HardSigmoid { .. } => "HardSigmoid",
            Self::Tanh => "Tanh",
            Self::Silu => "Silu",
            Self::HardSwish => "HardSwish",
            Self::Gelu | Self::GeluTanh => "Gelu",
            Self::Softplus { .. } => "Softplus",
        };
        name.into()
    }
}

impl<T: Float> Module<T> for Activation {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        check_shape(input.shape(), &output)?;
        Planned { activation: *self, workers: workers::<T>(input.len()) }.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        let workers = workers::<T>(element_count::<T>(input_shape)?);
        Ok(Plan::new(input_shape, input_shape, Planned { activation: *self, workers }))
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Elementwise(Elementwise::activation(*self))
    }
}

/// What the plan of an activation has.
#[derive(Debug, Clone, Copy)]
struct Planned {
    activation: Activation,
    workers: usize,
}

impl<T: Element> Run<T> for Planned {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        output.assign(&input);
        match output.as_slice_mut() {
            Some(elements) => activate(self.activation, self.workers, elements),
            None => self.activation.apply(output),
        }
        Ok(())
    }

    fn algorithm(&self) -> String {
        "vectors".into()
    }
}

#[cfg(test)]
mod tests;
