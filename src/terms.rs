//! The terms that rooms have in common which know nothing of each other: plain data.

use std::fmt;

/// Hands a macro all integers that are elements, after what else it takes.
macro_rules! each_integer {
    ($then:ident $(: $($first:tt)*)?) => {
        $then! { $($($first)*)? i8 u8 i16 u16 i32 i64 }
    };
}

pub(crate) use each_integer;

/// A function of every element alone, with PyTorch's meaning, for a tensor of any rank.
///
/// Within a [`Sequential`](crate::Sequential) a [`Relu`](Self::Relu) or [`Clamp`](Self::Clamp), and of `f32` a
/// [`LeakyRelu`](Self::LeakyRelu) or [`HardSwish`](Self::HardSwish), after a convolution or a [`Linear`](crate::Linear) layer is applied
/// before the results are stored, and costs next to nothing; others change the elements where they are. NaN stays NaN.
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
}

/// What a pooling of windows of 2×2 pixels that lie side by side, from the first pixel on, makes of each of them. Rows and columns
/// that are left over belong to no window.
///
/// A module before such a pooling may hold all pixels of a window in registers: it can then pool them and store the result, and
/// the map need not exist. A [`Pooling`](crate::Pooling) says that it is one, a [`Fusible`](crate::Fusible) module that it can do
/// this.
///
/// ```
/// use featuremap::{MaxPool2d, Pooling, Quads};
///
/// let pool: &dyn Pooling<f32> = &MaxPool2d::new(2);
/// assert_eq!(pool.quads(&[1, 8, 5, 6]), Some(Quads::Max));
/// // Windows that reach beyond the map have fewer pixels.
/// let pool: &dyn Pooling<f32> = &MaxPool2d::new(2).ceil_mode(true);
/// assert_eq!(pool.quads(&[1, 8, 5, 6]), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quads {
    /// The largest pixel.
    Max,
    /// The smallest pixel.
    Min,
}

/// What a convolution finds on padding, as PyTorch's `padding_mode` defines it, and NumPy's `pad` for `symmetric`.
///
/// ```text
///     zeros       0 0 0 [a b c d] 0 0 0
///     reflect     d c b [a b c d] c b a
///     symmetric   c b a [a b c d] d c b
///     replicate   a a a [a b c d] d d d
///     circular    b c d [a b c d] a b c
/// ```
///
/// ```
/// use featuremap::{Conv1d, Module, PaddingMode, Tensor};
/// use ndarray::array;
///
/// let copy = Conv1d::new(array![1.0_f32]).padding(2).padding_mode(PaddingMode::Reflect);
/// let padded = copy.forward(&array![1.0, 2.0, 3.0])?;
/// assert_eq!(padded, Tensor::from(array![3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PaddingMode {
    /// Zeros, and they are data: a zero is multiplied like any pixel, so `0 · ∞` is NaN.
    #[doc(alias("constant", "BORDER_CONSTANT"))]
    #[default]
    Zeros,
    /// The image mirrored at its border pixels, which are not repeated. At most `length − 1` a side.
    #[doc(alias("BORDER_REFLECT_101", "mirror"))]
    Reflect,
    /// The image mirrored at its borders, so that its border pixels are repeated: the default of `scipy.ndimage`, by the name of
    /// `reflect`. At most `length` a side.
    ///
    /// ```
    /// use featuremap::{Conv1d, Module, PaddingMode, Tensor};
    ///
    /// // scipy.ndimage.correlate1d([1, 2, 4], [1, 1, 1])
    /// let sums = Conv1d::new([1, 1, 1]).padding(1).padding_mode(PaddingMode::Symmetric);
    /// assert_eq!(sums.forward(&Tensor::from([1, 2, 4]))?, Tensor::from([4, 7, 10]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    #[doc(alias("BORDER_REFLECT", "grid-mirror"))]
    Symmetric,
    /// The border pixel, repeated.
    #[doc(alias("edge", "nearest", "BORDER_REPLICATE"))]
    Replicate,
    /// The image repeated, as on a torus. At most `length` a side.
    #[doc(alias("wrap", "BORDER_WRAP"))]
    Circular,
}

impl fmt::Display for PaddingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zeros => "zero",
            Self::Reflect => "reflect",
            Self::Symmetric => "symmetric",
            Self::Replicate => "replicate",
            Self::Circular => "circular",
        })
    }
}
