//! Convolution: [`Conv`], its transpose, and the reference that defines it.
//!
//! As in every deep-learning library a convolution here is a cross-correlation: the filter is not flipped.
//! [`Conv::flipped`] flips it, for the convolution of signal processing.
//!
//! There are several ways to compute the same: see [`Algorithm`]. A layer of floats over one to three spatial axes is cut
//! into pieces for the threads, and a piece into bands or blocks that stay in cache. Where filters see several channels, pixels and
//! weights are brought into panels, or pixels are read as rows where panels would take longer, and one tile multiplies them; so do dense layers, and transposed convolutions, which are
//! convolutions of their phases. Where each filter sees one channel, a kernel reads pixels from where they lie. Small layers, integers,
//! and layers with more axes are computed tap by tap.

mod algorithm;
mod aliases;
mod band;
mod bands;
mod choose;
mod dense;
mod depthwise;
mod epilogue;
mod fast;
mod filters;
mod kernels;
mod module;
mod pack;
mod packing;
mod phases;
mod pieces;
mod planes;
mod prepared;
mod problem;
pub mod reference;
mod rows;
mod separable;
mod source;
mod taps;
mod transpose;
mod winograd;
mod zones;

pub use algorithm::Algorithm;
pub use aliases::{Conv1d, Conv2d, Conv3d};
pub(crate) use dense::ReadyDense;
pub use transpose::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};

use std::fmt;
use std::sync::Arc;

use crate::kernels::activation::FusedActivation;
use crate::module::Version;
use crate::tensor::{MapShape, Tensor, element_count};
use crate::window::{Axis, Geometry, PaddingMode, Window};
use crate::{Activation, Element, IntoPadding, IntoPerAxis, IntoTensor, Result};
use algorithm::Algorithms;
use filters::Bank;
use prepared::Prepared;

/// A convolution (cross-correlation) over `N` spatial axes:
///
/// ```text
/// output[b, o, y, x] = bias[o] + Σ filters[o, c, i, j] · input[b, g + c, y', x']
///                              c,i,j
/// y' = y·stride + i·dilation − padding,  x' = x·stride + j·dilation − padding
/// ```
///
/// where `g` is the first channel of the group that filter `o` belongs to. Rounding apart, these are the semantics
/// of PyTorch's `Conv2d` and ONNX's `Conv`.
///
/// Which shapes fit is decided by rank alone, shown here for two spatial axes:
///
/// | filters | input `[H, W]` | input `[C, H, W]` | input `[B, C, H, W]` |
/// | --- | --- | --- | --- |
/// | `[kh, kw]`: one filter, one channel | `[H', W']` | `[1, H', W']`, C must be 1 | `[B, 1, H', W']`, C must be 1 |
/// | `[C, kh, kw]`: one filter over a volume | `[H', W']`, C must be 1 | `[1, H', W']` | `[B, 1, H', W']` |
/// | `[O, C/groups, kh, kw]`: a bank | `[O, H', W']`, C must be 1 | `[O, H', W']` | `[B, O, H', W']` |
///
/// ```
/// use featuremap::{Conv2d, Module, Operator, Padding};
/// use ndarray::{Array1, Array4};
///
/// let filters = Array4::<f32>::ones((8, 3, 3, 3));
/// let conv = Conv2d::new(filters).bias(Array1::zeros(8)).stride([2, 1]).padding(Padding::Same);
/// assert_eq!(conv.output_shape(&[1, 3, 32, 32])?, [1, 8, 16, 32]);
///
/// let maps = conv.forward(&Array4::ones((1, 3, 32, 32)))?;
/// let maps: Array4<f32> = maps.try_into()?;
/// assert_eq!(maps[[0, 0, 1, 1]], 27.0);
///
/// let error = conv.forward(&Array4::ones((1, 1, 32, 32))).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the input has 1 channels, but filters [8, 3, 3, 3] with groups 1 take 3"
/// );
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// **Pixels of very different sizes.** Where [`Winograd`](Algorithm::Winograd)'s tiles compute a layer, rounding errors are measured by the
/// largest pixel of a tile of up to 10×10 pixels, and not by those that an output sees: 2e-6 of it in `f32`, say, for weights that
/// add up to a few units. A pixel that is not finite does no harm, nor one that is larger than 1e19; but where −1e9 marks missing
/// data among numbers around 1, its neighbours are off by hundreds. Mark it by NaN then, or rule the tiles out:
///
/// ```
/// use featuremap::conv::Algorithm;
/// # use featuremap::Conv2d;
/// # use ndarray::Array4;
/// let conv = Conv2d::new(Array4::<f32>::ones((8, 3, 3, 3)));
/// let conv = conv.without(Algorithm::Winograd).without(Algorithm::Winograd2x2);
/// ```
///
/// **Pixels below the normal numbers**, of less than 1e-38 in `f32`, have fewer digits the smaller they are, and what is computed in
/// between has no more. The definition rounds each product to the least number, 1e-45. In tiles, results are off as if each product
/// were off by twenty of these; in [two passes](Algorithm::Separable), as if each pixel were off by as many as the filter is high. Among
/// normal pixels, that is never seen.
///
/// **Weights below the normal numbers** take some processors a hundred times as long. Where weights are brought into the order of a kernel,
/// these become zeros, in filters that have a weight or a bias of at least 1e-17 (1e-260 in `f64`): measured by the largest pixel of a
/// window, no output changes by more than its sum is rounded (where only the bias is so large, for pixels of up to 1e13). An infinite pixel
/// times such a weight is no number then.
///
/// A depthwise convolution has as many groups as channels, and filters `[channels, 1, kh, kw]`:
///
/// ```
/// # use featuremap::{Conv2d, Operator};
/// # use ndarray::Array4;
/// let filters = Array4::<f32>::from_elem((16, 1, 3, 3), 1.0 / 9.0);
/// let blur = Conv2d::new(filters).groups(16).padding(1);
/// assert_eq!(blur.output_shape(&[1, 16, 28, 28])?, [1, 16, 28, 28]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("filter2D", "correlate", "convolve", "cross_correlation", "Convolution"))]
#[derive(Clone, PartialEq)]
pub struct Conv<T: Element, const N: usize> {
    /// Shared with plans that need them as they are.
    filters: Arc<Tensor<T>>,
    bias: Option<Tensor<T::Sum>>,
    /// Stride, dilation and padding; the size is that of the filters.
    window: Window<N>,
    padding_mode: PaddingMode,
    groups: usize,
    activation: Option<FusedActivation<T::Sum>>,
    ruled_out: Algorithms,
    prepared: Prepared<T::Sum>,
    version: Version,
}

/// A convolution whose parameters fit an input.
#[derive(Debug)]
struct ConvLayer<const N: usize> {
    bank: Bank<N>,
    geometry: Geometry<N>,
    output: MapShape<N>,
}

impl<T: Element, const N: usize> Conv<T, N> {
    /// A convolution with these filters, stride 1, no padding and no bias.
    pub fn new(filters: impl IntoTensor<T>) -> Self {
        Self {
            filters: Arc::new(filters.into_tensor()),
            bias: None,
            window: Window::new([1; N]),
            padding_mode: PaddingMode::Zeros,
            groups: 1,
            activation: None,
            ruled_out: Algorithms::default(),
            prepared: Prepared::default(),
            version: Version::default(),
        }
    }

    /// A number for each output channel, added to every pixel of its map. Of rank 1.
    pub fn bias(mut self, bias: impl IntoTensor<T::Sum>) -> Self {
        self.bias = Some(bias.into_tensor());
        self.prepared = Prepared::default();
        self
    }

    /// The distance between the windows of neighbouring outputs, in pixels; 1 unless given.
    #[doc(alias("strides", "subsample"))]
    pub fn stride(mut self, stride: impl IntoPerAxis<N>) -> Self {
        self.window = self.window.stride(stride);
        self
    }

    /// How far windows reach beyond the input; not at all unless given.
    #[doc(alias("pads", "auto_pad"))]
    pub fn padding(mut self, padding: impl IntoPadding<N>) -> Self {
        self.window = self.window.padding(padding);
        self
    }

    /// What stands on the padding; zeros unless given.
    pub fn padding_mode(mut self, mode: PaddingMode) -> Self {
        self.padding_mode = mode;
        self
    }

    /// The distance between neighbouring taps, in pixels; 1 unless given.
    #[doc(alias("atrous", "dilation_rate", "with_dilation"))]
    pub fn dilation(mut self, dilation: impl IntoPerAxis<N>) -> Self {
        self.window = self.window.dilation(dilation);
        self
    }

    /// Divides input channels and filters into this many groups, each convolved alone. As many groups as channels
    /// make a depthwise convolution.
    #[doc(alias("depthwise", "DepthwiseConv2D", "feature_group_count"))]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self.prepared = Prepared::default();
        self
    }

    /// Whether the result goes through a [`ReLU`](crate::Relu) before it is stored; not unless given. It costs nothing,
    /// where a ReLU of its own would go through memory once more.
    ///
    /// ```
    /// use featuremap::{Conv1d, Module, Tensor};
    /// use ndarray::array;
    ///
    /// let rising = Conv1d::new(array![-1, 1]).relu(true).forward(&array![1, 4, 2, 3])?;
    /// assert_eq!(rising, Tensor::from(array![3, 0, 1]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn relu(mut self, relu: bool) -> Self {
        self.activation = if relu { FusedActivation::of(Activation::Relu) } else { None };
        self
    }

    /// Rules an algorithm out. With [`Algorithm::Taps`] alone left, which computes everything, that is what computes.
    ///
    /// ```
    /// use featuremap::{Conv2d, Module, conv::Algorithm};
    /// use ndarray::Array4;
    ///
    /// let conv = Conv2d::new(Array4::<f32>::ones((32, 64, 3, 3))).without(Algorithm::Channels);
    /// assert_ne!(conv.plan(&[1, 64, 28, 28])?.algorithm(), "channels");
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn without(mut self, algorithm: Algorithm) -> Self {
        self.ruled_out = self.ruled_out.with(algorithm);
        self
    }

    /// The same with every filter turned around on each of its spatial axes: the convolution of signal
    /// processing, where this crate (as all of deep learning) computes the cross-correlation.
    ///
    /// ```
    /// use featuremap::{Conv1d, Module, Tensor};
    /// use ndarray::array;
    ///
    /// let shifted = Conv1d::new(array![1, 2, 3]).flipped().padding(2).forward(&array![1, 0, 10])?;
    /// assert_eq!(shifted, Tensor::from(array![1, 2, 13, 20, 30]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn flipped(mut self) -> Self {
        let filters = Arc::make_mut(&mut self.filters).as_array_mut();
        for axis in filters.ndim().saturating_sub(N)..filters.ndim() {
            filters.invert_axis(ndarray::Axis(axis));
        }
        self.prepared = Prepared::default();
        self
    }

    /// The filters, in the shape they were given.
    pub fn filters(&self) -> &Tensor<T> {
        &self.filters
    }

    fn layer(&self, input: &[usize]) -> Result<ConvLayer<N>> {
        let bank = Bank::read(self.filters.shape())?;
        let input = MapShape::read(input, &format!("the input of a {N}-D convolution"))?;
        bank.check(self.filters.shape(), self.groups, &input)?;
        bank.check_bias(self.bias.as_ref().map(Tensor::shape))?;
        let geometry = self.window.with_size(bank.size).geometry(input.spatial)?;
        for (number, axis) in geometry.axes().iter().enumerate() {
            self.padding_mode.check(number, axis)?;
        }
        let output = bank.output(&input, geometry.output_size());
        element_count::<T::Sum>(&output.to_vec())?;
        Ok(ConvLayer { bank, geometry, output })
    }
}

/// With the size of its window, which is that of the filters, and without what it has prepared.
impl<T: Element, const N: usize> fmt::Debug for Conv<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(&format!("Conv{N}d"))
            .field("filters", &self.filters)
            .field("bias", &self.bias)
            .field("window", &window_of(&self.window, self.filters.shape()))
            .field("padding_mode", &self.padding_mode)
            .field("groups", &self.groups)
            .field("activation", &self.activation)
            .field("ruled_out", &self.ruled_out)
            .finish_non_exhaustive()
    }
}

/// The window with the size that filters of this shape have, if they have one.
fn window_of<const N: usize>(window: &Window<N>, filters: &[usize]) -> Window<N> {
    Bank::read(filters).map_or(*window, |bank| window.with_size(bank.size))
}

/// The bias of an output channel; zero where there is none.
fn bias_of<T: Element>(bias: Option<&Tensor<T::Sum>>, output: usize) -> T::Sum {
    bias.and_then(|bias| bias.get(&[output])).copied().unwrap_or(T::Sum::ZERO)
}

impl<const N: usize> ConvLayer<N> {
    /// Whether writing the padding out would take far more memory than the windows and the input have pixels: a wide padding
    /// under windows far apart.
    fn padding_is_mostly_unread(&self) -> bool {
        let padded = self.geometry.axes().iter().map(Axis::padded_length).fold(1_usize, usize::saturating_mul);
        let read = self.geometry.outputs().saturating_mul(self.geometry.taps());
        padded > read.max(self.geometry.pixels()).saturating_mul(16)
    }
}

#[cfg(test)]
mod tests;
