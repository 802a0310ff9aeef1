//! Transposed convolution: a convolution's adjoint, which makes a large map of a small one.

use std::fmt;

use super::filters::{Bank, parameters, parameters_mut};
use super::kernels::{self, Ready};
use super::phases::{Phases, Transposed};
use super::taps::Scattered;
use super::window_of;
use crate::module::{Module, Operator, RunInScratch, Version, check_shape};
use crate::tensor::{MapShape, Ordered, Tensor, TensorView, TensorViewMut, element_count, filled, fits_memory};
use crate::window::{Geometry, Window, try_map_axes};
use crate::{Element, Error, IntoPadding, IntoPerAxis, IntoTensor, Plan, Result};

/// A transposed convolution over one spatial axis, of a signal: [`ConvTranspose`], whose methods give its parameters.
///
/// ```text
/// output[b, o, x·stride + i·dilation − padding] = bias[o] + Σ input[b, c, x] · filters[c, o, i]
/// ```
///
/// summed over all channels and all taps that meet at a pixel of the output.
///
/// | | shape |
/// | --- | --- |
/// | filters, given to [`new`](ConvTranspose::new) | `[channels, out_channels / groups, size]`, or `[size]` for one channel |
/// | [`bias`](ConvTranspose::bias) | `[out_channels]` |
/// | input | `[batch, channels, length]`, `[channels, length]` or `[length]` |
/// | output | the same with `out_channels` and `(length − 1) · stride + dilation · (size − 1) + 1 + output_padding − padding` |
///
/// `padding` is that of both sides together where sizes are counted. Stride and dilation are 1, groups are one, and paddings are none
/// unless given.
///
/// ```
/// use featuremap::{ConvTranspose1d, Module, Tensor};
///
/// let stamp = ConvTranspose1d::new([1., 2.]).stride(2);
/// assert_eq!(stamp.forward([1., 10.])?, Tensor::from([1., 2., 10., 20.]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("Deconvolution", "Conv1DTranspose"))]
pub type ConvTranspose1d<T = f32> = ConvTranspose<T, 1>;
/// A transposed convolution over two spatial axes, of an image: [`ConvTranspose`], whose methods give its parameters.
///
/// ```text
/// output[b, o, y', x'] = bias[o] + Σ input[b, c, y, x] · filters[c, o, i, j]
/// y' = y·stride + i·dilation − padding,  x' = x·stride + j·dilation − padding
/// ```
///
/// summed over all channels and all taps that meet at a pixel of the output.
///
/// | | shape |
/// | --- | --- |
/// | filters, given to [`new`](ConvTranspose::new) | `[channels, out_channels / groups, height, width]`, or `[height, width]` for one channel |
/// | [`bias`](ConvTranspose::bias) | `[out_channels]` |
/// | input | `[batch, channels, height, width]`, `[channels, height, width]` or `[height, width]` |
/// | output | on each axis `(length − 1) · stride + dilation · (size − 1) + 1 + output_padding − padding` |
///
/// `padding` is that of both sides together where sizes are counted. Stride and dilation are 1, groups are one, and paddings are none
/// unless given.
///
/// ```
/// use featuremap::{ConvTranspose2d, Module};
/// use ndarray::Array4;
///
/// let upsample = ConvTranspose2d::new(Array4::<f32>::ones((8, 4, 2, 2))).stride(2);
/// assert_eq!(upsample.forward(Array4::ones((1, 8, 16, 16)))?.shape(), [1, 4, 32, 32]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("Deconvolution", "Conv2DTranspose", "deconv", "fractionally_strided"))]
pub type ConvTranspose2d<T = f32> = ConvTranspose<T, 2>;
/// A transposed convolution over three spatial axes, of a volume: [`ConvTranspose`], whose methods give its parameters.
///
/// ```text
/// output[b, o, z', y', x'] = bias[o] + Σ input[b, c, z, y, x] · filters[c, o, h, i, j]
/// z' = z·stride + h·dilation − padding,  y' and x' likewise of y and i, x and j
/// ```
///
/// summed over all channels and all taps that meet at a pixel of the output.
///
/// | | shape |
/// | --- | --- |
/// | filters, given to [`new`](ConvTranspose::new) | `[channels, out_channels / groups, depth, height, width]`, or `[depth, height, width]` for one channel |
/// | [`bias`](ConvTranspose::bias) | `[out_channels]` |
/// | input | `[batch, channels, depth, height, width]`, with or without the first two axes |
/// | output | on each axis `(length − 1) · stride + dilation · (size − 1) + 1 + output_padding − padding` |
///
/// `padding` is that of both sides together where sizes are counted. Stride and dilation are 1, groups are one, and paddings are none
/// unless given.
///
/// ```
/// use featuremap::{ConvTranspose3d, Module};
/// use ndarray::{Array4, Array5};
///
/// let upsample = ConvTranspose3d::new(Array5::<f32>::ones((8, 4, 2, 2, 2))).stride(2);
/// assert_eq!(upsample.forward(Array4::ones((8, 5, 6, 7)))?.shape(), [4, 10, 12, 14]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("Deconvolution", "Conv3DTranspose"))]
pub type ConvTranspose3d<T = f32> = ConvTranspose<T, 3>;

/// A transposed convolution over `N` spatial axes: every pixel of the input adds its multiple of the filter to the output,
/// `stride` pixels from that of its neighbour. It undoes the size of a [`Conv`](super::Conv) with the same parameters, and is
/// its adjoint. These are the semantics of PyTorch's `ConvTranspose2d` and of ONNX's `ConvTranspose`, but for its attribute
/// `output_shape`: say it as padding and output padding.
///
/// Filters are `[channels, outputs / groups, size…]`, or `[size…]` for one channel; an axis of the output has
/// `(n − 1) · stride + dilation · (size − 1) + 1 + output_padding − before − after` pixels, or `n · stride` with
/// [`Padding::Same`](crate::Padding::Same). The input may be `[spatial…]`, `[channel, spatial…]` or `[batch, channel, spatial…]`, as for `Conv`.
///
/// ```
/// use featuremap::{ConvTranspose2d, Module, Tensor};
/// use ndarray::array;
///
/// let twice = ConvTranspose2d::new(array![[1, 1], [1, 1]]).stride(2);
/// assert_eq!(
///     twice.forward(&array![[1, 2]])?,
///     Tensor::from(array![[1, 1, 2, 2], [1, 1, 2, 2]])
/// );
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// It is computed as convolutions, by Winograd's tiles among other ways: for pixels of very different sizes, what [`Conv`](super::Conv)
/// says of them holds here, too. Mark missing data by NaN.
#[derive(Clone, PartialEq)]
pub struct ConvTranspose<T: Element, const N: usize> {
    filters: Tensor<T>,
    pub(super) bias: Option<Tensor<T::Sum>>,
    /// Stride, dilation and padding; the size is that of the filters.
    window: Window<N>,
    output_padding: [usize; N],
    pub(super) groups: usize,
    version: Version,
}

/// A transposed convolution whose parameters fit an input.
#[derive(Clone)]
pub(super) struct TransposeLayer<const N: usize> {
    pub(super) bank: Bank<N>,
    /// From the large output to the small input: the geometry of the convolution that this one transposes.
    pub(super) geometry: Geometry<N>,
    pub(super) output: MapShape<N>,
}

impl<T: Element, const N: usize> ConvTranspose<T, N> {
    /// A transposed convolution with these filters, stride 1, no padding and no bias.
    pub fn new(filters: impl IntoTensor<T>) -> Self {
        let (filters, window, version) = (filters.into_tensor(), Window::new([1; N]), Version::default());
        Self { filters, bias: None, window, output_padding: [0; N], groups: 1, version }
    }

    /// A number for each output channel, added to every pixel of its map. Of rank 1.
    pub fn bias(mut self, bias: impl IntoTensor<T::Sum>) -> Self {
        self.bias = Some(bias.into_tensor());
        self
    }

    /// The distance, in the output, between the filters of neighbouring pixels; 1 unless given.
    pub fn stride(mut self, stride: impl IntoPerAxis<N>) -> Self {
        self.window = self.window.stride(stride);
        self
    }

    /// How much is cut off the output on each side; nothing unless given.
    pub fn padding(mut self, padding: impl IntoPadding<N>) -> Self {
        self.window = self.window.padding(padding);
        self
    }

    /// Pixels added to the output at the end of each axis, to tell apart the sizes that a stride makes equal. Must
    /// be smaller than the stride or the dilation; 0 unless given.
    pub fn output_padding(mut self, output_padding: impl IntoPerAxis<N>) -> Self {
        self.output_padding = output_padding.into_per_axis().0;
        self
    }

    /// The distance between neighbouring taps, in pixels; 1 unless given.
    pub fn dilation(mut self, dilation: impl IntoPerAxis<N>) -> Self {
        self.window = self.window.dilation(dilation);
        self
    }

    /// Divides input and output channels into this many groups, each convolved alone.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// The filters, in the shape they were given.
    pub fn filters(&self) -> &Tensor<T> {
        &self.filters
    }

    fn layer(&self, input: &[usize]) -> Result<TransposeLayer<N>> {
        let shape = self.filters.shape();
        if shape.len() == N + 1 {
            return Err(Error::Rank {
                what: format!("filters of a transposed {N}-D convolution"),
                expected: format!("of rank {N} [size] or {} [channels, outputs / groups, size]", N + 2),
                found: shape.to_vec(),
            });
        }
        let input = MapShape::read(input, &format!("the input of a transposed {N}-D convolution"))?;
        let bank = Bank::read(shape)?.transposed(self.groups)?;
        bank.check(shape, self.groups, &input)?;
        bank.check_bias(self.bias.as_ref().map(Tensor::shape))?;

        let window = self.window.with_size(bank.size);
        let axes = try_map_axes(|axis| {
            let spec = window.spec(axis, input.spatial[axis]);
            let (stride, dilation, output_padding) = (spec.stride, spec.dilation, self.output_padding[axis]);
            let axis_of_output = spec.transposed(&self.window.padding_rule(), output_padding)?;
            if output_padding > 0 && output_padding >= stride.max(dilation) {
                return Err(Error::OutputPadding { axis, output_padding, stride, dilation });
            }
            Ok(axis_of_output)
        })?;
        let geometry = Geometry::new(axes)?;
        let output = bank.output(&input, geometry.input_size());
        element_count::<T::Sum>(&output.to_vec())?;
        Ok(TransposeLayer { bank, geometry, output })
    }
}

impl<T: Element, const N: usize> fmt::Debug for ConvTranspose<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(&format!("ConvTranspose{N}d"))
            .field("filters", &self.filters)
            .field("bias", &self.bias)
            .field("window", &window_of(&self.window, self.filters.shape()))
            .field("output_padding", &self.output_padding)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl<T: Element, const N: usize> Operator for ConvTranspose<T, N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.layer(input)?.output.to_vec())
    }

    fn name(&self) -> String {
        format!("ConvTranspose{N}d")
    }

    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        let Ok(TransposeLayer { bank, geometry, output }) = self.layer(input_shape) else { return 0 };
        let factors = [output.batch.unwrap_or(1), bank.inputs, bank.outputs, geometry.taps(), geometry.outputs()];
        factors.into_iter().fold(1, |all: u64, factor| all.saturating_mul(factor as u64))
    }
}

impl<T: Element, const N: usize> Module<T, T::Sum> for ConvTranspose<T, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        let layer = self.layer(input.shape())?;
        check_shape(&layer.output.to_vec(), &output)?;
        let phases = if layer.bank.is_small(&layer.geometry, &layer.output) { None } else { self.phases(&layer)? };
        if let Some(Ready { kernels, layer: phases }) = phases {
            return output.write_with(&mut |output| {
                let mut scratch = filled(&[phases.scratch_length()], T::Sum::ZERO)?;
                kernels.run_phases(&phases, &input, output, &mut scratch);
                Ok(())
            });
        }
        let pixels = input.contiguous()?;
        let weights = self.filters.view().contiguous()?;
        output.write_with(&mut |output| {
            self.scatter(&layer, &pixels, &weights, output);
            Ok(())
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T, T::Sum>> {
        let layer = self.layer(input_shape)?;
        let shape = layer.output.to_vec();
        // Before phases are listed for an output that cannot be.
        fits_memory::<T::Sum>(&shape)?;
        let phases = if layer.bank.is_small(&layer.geometry, &layer.output) { None } else { self.phases(&layer)? };
        let Some(phases) = phases else {
            let weights = self.filters.view().contiguous()?.into();
            let scattered = Scattered::new(self.clone(), layer, weights);
            return Ok(Plan::new(input_shape, &shape, scattered).of_version(&self.version));
        };
        let planned = TransposePlan::<T> { phases, room: Ordered::default() };
        Ok(Plan::in_scratch(input_shape, &shape, planned)?.of_version(&self.version))
    }

    fn parameters(&self) -> Vec<(String, TensorView<'_, T::Sum>)> {
        parameters(&self.filters, self.bias.as_ref())
    }

    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, T::Sum>)> {
        self.version.advance();
        parameters_mut(&mut self.filters, self.bias.as_mut())
    }

    fn parameter_count(&self) -> usize {
        self.filters.len().saturating_add(self.bias.as_ref().map_or(0, Tensor::len))
    }
}

/// What the plan of a transposed convolution holds.
struct TransposePlan<T: Element> {
    phases: Ready<T, Phases<T::Sum>>,
    room: Ordered<T::Sum>,
}

impl<T: Element> Clone for TransposePlan<T> {
    fn clone(&self) -> Self {
        Self { phases: self.phases.clone(), room: Ordered::default() }
    }
}

impl<T: Element> RunInScratch<T, T::Sum> for TransposePlan<T> {
    fn scratch_length(&self) -> usize {
        self.phases.layer.scratch_length()
    }

    fn run_in(
        &mut self,
        input: TensorView<'_, T>,
        output: TensorViewMut<'_, T::Sum>,
        scratch: &mut [T::Sum],
    ) -> Result<()> {
        let Ready { kernels, layer: phases } = &self.phases;
        self.room.write(output, &mut |output| {
            kernels.run_phases(phases, &input, output, scratch);
            Ok(())
        })
    }

    fn algorithm(&self) -> String {
        self.phases.layer.describe()
    }

    fn own_bytes(&self) -> usize {
        self.phases.layer.own_bytes() + self.room.bytes()
    }
}

impl<T: Element, const N: usize> ConvTranspose<T, N> {
    /// This layer as convolutions; `None` where it is done by tap.
    fn phases(&self, layer: &TransposeLayer<N>) -> Result<Option<Ready<T, Phases<T::Sum>>>> {
        let TransposeLayer { bank, geometry, output } = layer;
        let images = output.batch.unwrap_or(1);
        let kernels = kernels::of::<T>().filter(|_| images * bank.inputs * bank.outputs > 0);
        let (Some(kernels), Some(axes)) = (kernels, geometry.in_three()) else { return Ok(None) };
        let weights = &self.filters.view().contiguous()?;
        let phases = kernels.phases(&Transposed {
            images,
            groups: self.groups,
            channels: bank.inputs,
            filters: bank.outputs / self.groups,
            axes,
            spatial_axes: N,
            weights,
            bias: self.bias.as_ref().map(|bias| bias.iter().copied().collect()),
        })?;
        Ok(phases.map(|layer| Ready { kernels, layer }))
    }
}
