//! Convolution: [`Conv`], its transpose, and the reference that defines it.
//!
//! As in every deep-learning library a convolution here is a cross-correlation: the filter is not flipped.
//! [`Conv::flipped`] flips it, for the convolution of signal processing.
//!
//! There are several ways to compute the same: see [`Algorithm`]. A layer of floats over one to three spatial axes is cut
//! into shares for the threads, and a share into bands or blocks that stay in cache; a kernel computes these tile by tile, from
//! a packed copy of the pixels or, where each filter sees one channel, from where they lie. Small layers, integers, and layers with more axes are computed tap by tap.

mod algorithm;
mod band;
mod bands;
mod blocks;
mod channels;
mod direct;
mod fast;
mod filters;
mod finish;
mod kernels;
mod packing;
mod padded;
mod pixels;
mod planes;
mod prepared;
mod problem;
pub mod reference;
mod rows;
mod separable;
mod shares;
mod transpose;
mod winograd;

pub use algorithm::Algorithm;
pub(crate) use kernels::Kernels;
pub use transpose::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};

use std::any::Any;
use std::ops::Range;

use crate::module::{Module, OutputShape, check_shape};
use crate::parallel::threads;
use crate::plan::Run;
use crate::relu::relu;
use crate::shape::MapShape;
use crate::simd::Level;
use crate::tensor::{Tensor, TensorView, TensorViewMut, element_count};
use crate::window::{Axis, Geometry, Padding, PaddingMode, PerAxis, Window};
use crate::{Band, Element, Plan, Result};
use algorithm::Algorithms;
use fast::{Fast, Parameters};
use filters::Bank;
use prepared::Prepared;
use problem::Problem;

/// A convolution over one spatial axis.
pub type Conv1d<T = f32> = Conv<T, 1>;
/// A convolution over two spatial axes.
pub type Conv2d<T = f32> = Conv<T, 2>;
/// A convolution over three spatial axes.
pub type Conv3d<T = f32> = Conv<T, 3>;

/// A convolution (cross-correlation) over `N` spatial axes:
///
/// ```text
///     output[b, o, y, x] = bias[o] + Σ filters[o, c, i, j] · input[b, g + c, y·stride + i·dilation − padding, x·…]
///                                  c,i,j
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
/// use featuremap::{Conv2d, Module, OutputShape, Padding};
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
/// A depthwise convolution has as many groups as channels, and filters `[channels, 1, kh, kw]`:
///
/// ```
/// # use featuremap::{Conv2d, OutputShape};
/// # use ndarray::Array4;
/// let blur = Conv2d::new(Array4::<f32>::from_elem((16, 1, 3, 3), 1.0 / 9.0)).groups(16).padding(1);
/// assert_eq!(blur.output_shape(&[1, 16, 28, 28])?, [1, 16, 28, 28]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Conv<T: Element, const N: usize> {
    filters: Tensor<T>,
    bias: Option<Tensor<T::Sum>>,
    /// Stride, dilation and padding; the size is that of the filters.
    window: Window<N>,
    padding_mode: PaddingMode,
    groups: usize,
    relu: bool,
    ruled_out: Algorithms,
    prepared: Prepared<T::Sum>,
}

/// A convolution whose parameters fit an input.
#[derive(Debug)]
struct Layer<const N: usize> {
    bank: Bank<N>,
    geometry: Geometry<N>,
    output: MapShape<N>,
}

impl<T: Element, const N: usize> Conv<T, N> {
    /// A convolution with these filters, stride 1, no padding and no bias.
    pub fn new(filters: impl Into<Tensor<T>>) -> Self {
        Self {
            filters: filters.into(),
            bias: None,
            window: Window::new([1; N]),
            padding_mode: PaddingMode::Zeros,
            groups: 1,
            relu: false,
            ruled_out: Algorithms::default(),
            prepared: Prepared::default(),
        }
    }

    /// A number for each output channel, added to every pixel of its map. Of rank 1.
    pub fn bias(mut self, bias: impl Into<Tensor<T::Sum>>) -> Self {
        self.bias = Some(bias.into());
        self
    }

    /// The distance between the windows of neighbouring outputs, in pixels; 1 unless given.
    pub fn stride(mut self, stride: impl Into<PerAxis<N>>) -> Self {
        self.window = self.window.stride(stride);
        self
    }

    /// How far windows reach beyond the input; not at all unless given.
    pub fn padding(mut self, padding: impl Into<Padding<N>>) -> Self {
        self.window = self.window.padding(padding);
        self
    }

    /// What stands on the padding; zeros unless given.
    pub fn padding_mode(mut self, mode: PaddingMode) -> Self {
        self.padding_mode = mode;
        self
    }

    /// The distance between neighbouring taps, in pixels; 1 unless given.
    pub fn dilation(mut self, dilation: impl Into<PerAxis<N>>) -> Self {
        self.window = self.window.dilation(dilation);
        self
    }

    /// Divides input channels and filters into this many groups, each convolved alone. As many groups as channels
    /// make a depthwise convolution.
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
        self.relu = relu;
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
        let filters = self.filters.as_array_mut();
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

    fn layer(&self, input: &[usize]) -> Result<Layer<N>> {
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
        Ok(Layer { bank, geometry, output })
    }
}

/// The bias of an output channel; zero where there is none.
fn bias_of<T: Element>(bias: Option<&Tensor<T::Sum>>, output: usize) -> T::Sum {
    bias.and_then(|bias| bias.get(&[output])).copied().unwrap_or(T::Sum::ZERO)
}

impl<const N: usize> Layer<N> {
    /// Whether preparing anything for one call would take longer than the call.
    fn is_small(&self) -> bool {
        let sums = self.geometry.outputs().saturating_mul(self.bank.outputs);
        sums.saturating_mul(self.geometry.taps()).saturating_mul(self.bank.inputs) < 2000
    }

    /// Whether writing the padding out would take far more memory than the windows and the input have pixels: a wide padding
    /// under windows far apart.
    fn padding_is_mostly_unread(&self) -> bool {
        let padded = self.geometry.axes().iter().map(Axis::padded_length).fold(1_usize, usize::saturating_mul);
        let read = self.geometry.outputs().saturating_mul(self.geometry.taps());
        padded > read.max(self.geometry.pixels()).saturating_mul(16)
    }
}

impl<T: Element, const N: usize> OutputShape for Conv<T, N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.layer(input)?.output.to_vec())
    }
}

/// How a convolution may run.
#[derive(Debug, Clone, Copy)]
struct Means {
    level: Level,
    threads: usize,
}

impl Means {
    /// All that there is. Asking for the threads starts them: small layers do not ask.
    fn of(problem: &Problem) -> Self {
        let level = Level::new();
        let threads = if problem.products() < fast::WORTH_THREADS { 1 } else { threads() };
        Self { level, threads }
    }
}

impl<T: Element, const N: usize> Conv<T, N> {
    /// This convolution by the fastest algorithm that may be used, or by the one that is asked for; `None` where it is best
    /// done by tap.
    fn fast(&self, layer: &Layer<N>, asked: Option<(Algorithm, Means)>) -> Result<Option<Fast<T::Sum>>> {
        self.fast_with(layer, asked, self.relu)
    }

    /// The same with a ReLU or without.
    fn fast_with(
        &self,
        layer: &Layer<N>,
        asked: Option<(Algorithm, Means)>,
        relu: bool,
    ) -> Result<Option<Fast<T::Sum>>> {
        let Some(problem) = Problem::new(layer, self.groups, self.padding_mode)? else { return Ok(None) };
        let Some(weights) = T::as_sums(self.filters.view()) else { return Ok(None) };
        let (algorithm, means) = asked.unwrap_or_else(|| (self.fastest(&problem, &weights), Means::of(&problem)));
        if !self.can(algorithm, &problem, &weights) {
            return Ok(None);
        }
        let bias = self.bias.as_ref().map(|bias| bias.iter().copied().collect());
        let parameters = Parameters { weights, bias, relu, prepared: &self.prepared };
        Fast::new(problem, algorithm, means, parameters)
    }

    fn can(&self, algorithm: Algorithm, problem: &Problem, weights: &TensorView<'_, T::Sum>) -> bool {
        T::Sum::ALGORITHMS.contains(&algorithm)
            && algorithm.suits(problem)
            && (algorithm != Algorithm::Separable || fast::is_separable(problem, weights, &self.prepared))
    }

    /// The fastest algorithm that may be used.
    fn fastest(&self, problem: &Problem, weights: &TensorView<'_, T::Sum>) -> Algorithm {
        let may = |algorithm| !self.ruled_out.contains(algorithm) && self.can(algorithm, problem, weights);
        algorithm::fastest::<T::Sum>(problem, Level::new(), may)
    }

    /// A tensor of the type of sums, where this is one.
    fn of_sums<X: 'static>(tensor: &Tensor<X>) -> Option<&Tensor<T::Sum>> {
        (tensor as &dyn Any).downcast_ref()
    }

    /// Computes by tap, which needs nothing prepared.
    fn by_tap(&self, layer: &Layer<N>, input: &TensorView<'_, T>, output: &mut [T::Sum]) -> Result<()> {
        let weights = self.filters.view().contiguous()?;
        // A zero of the padding counts for nothing, and need not be there, unless it meets an infinite weight.
        let padding_counts =
            self.padding_mode != PaddingMode::Zeros || !weights.iter().all(|weight| weight.is_finite());
        let pixels = input.contiguous()?;
        if padding_counts && layer.padding_is_mostly_unread() {
            reference::write(self, layer, input, output);
            return Ok(());
        }
        let padded = match padding_counts {
            true => padded::padded(&pixels, &layer.geometry, self.padding_mode)?,
            false => None,
        };
        let (pixels, geometry) = match &padded {
            Some((pixels, geometry)) => (&pixels[..], geometry),
            None => (&pixels[..], &layer.geometry),
        };
        direct::Direct { geometry, bank: &layer.bank, groups: self.groups, weights: &weights, pixels }
            .run(&mut *output, |output| bias_of::<T>(self.bias.as_ref(), output))?;
        if self.relu {
            for sum in output {
                *sum = relu(*sum);
            }
        }
        Ok(())
    }
}

impl<T: Element, const N: usize> Module<T, T::Sum> for Conv<T, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        let layer = self.layer(input.shape())?;
        check_shape(&layer.output.to_vec(), &output)?;
        let fast = if layer.is_small() { None } else { self.fast(&layer, None)? };
        output.write_with(|output| match (fast, T::as_sums(input.clone())) {
            (Some(mut fast), Some(input)) => {
                fast.run_into(&input, output);
                Ok(())
            }
            _ => self.by_tap(&layer, &input, output),
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T, T::Sum>> {
        let layer = self.layer(input_shape)?;
        match self.fast(&layer, None)? {
            Some(fast) => {
                let planned = Planned::<T> { fast: fast.with_staging()?, staged: true };
                Ok(Plan::new(input_shape, &layer.output.to_vec(), planned))
            }
            None => Plan::of(self.clone(), input_shape),
        }
    }

    fn name(&self) -> String {
        format!("Conv{N}d")
    }

    fn parameters(&self) -> Vec<(String, TensorView<'_, T::Sum>)> {
        let bias = self.bias.as_ref().map(|bias| ("bias".into(), bias.view()));
        Self::of_sums(&self.filters).map(|filters| ("weight".into(), filters.view())).into_iter().chain(bias).collect()
    }

    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, T::Sum>)> {
        self.prepared = Prepared::default();
        let filters = (&mut self.filters as &mut dyn Any).downcast_mut::<Tensor<T::Sum>>();
        let bias = self.bias.as_mut().map(|bias| ("bias".into(), bias.view_mut()));
        filters.map(|filters| ("weight".into(), filters.view_mut())).into_iter().chain(bias).collect()
    }

    fn parameter_count(&self) -> usize {
        self.filters.len().saturating_add(self.bias.as_ref().map_or(0, Tensor::len))
    }

    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        self.count_multiply_adds(input_shape)
    }

    fn with_relu(&self) -> Option<Box<dyn Module<T, T::Sum> + '_>> {
        Some(Box::new(band::WithRelu(self)))
    }

    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        self.find_band(input_shape, rows)
    }

    fn plan_band(&self, input_shape: &[usize], band: &Band) -> Result<Plan<T, T::Sum>> {
        self.plan_with(input_shape, self.relu, Some(band))
    }
}

/// What the plan of a convolution holds.
struct Planned<T: Element> {
    fast: Fast<T::Sum>,
    /// Whether there is room for an output that lies otherwise than row by row. A plan for a part of a network takes it only
    /// if it should meet one.
    staged: bool,
}

impl<T: Element> Clone for Planned<T> {
    fn clone(&self) -> Self {
        Self { fast: self.fast.clone(), staged: self.staged }
    }
}

impl<T: Element> Run<T, T::Sum> for Planned<T> {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        let input = T::as_sums(input).expect("the weights were sums, so the pixels are");
        if !self.staged && output.as_slice_mut().is_none() {
            self.fast = self.fast.clone().with_staging()?;
            self.staged = true;
        }
        self.fast.run(&input, output);
        Ok(())
    }

    fn algorithm(&self) -> String {
        self.fast.algorithm().to_string()
    }

    fn workspace_bytes(&self) -> usize {
        self.fast.workspace_bytes()
    }
}

#[cfg(test)]
mod tests;
