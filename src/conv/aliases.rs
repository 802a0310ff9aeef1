//! Convolutions by the number of their spatial axes.

use super::Conv;

/// A convolution (cross-correlation) over one spatial axis, of a signal: [`Conv`], whose methods give its parameters.
///
/// ```text
/// output[b, o, x] = bias[o] + Σ filters[o, c, i] · input[b, c, x·stride + i·dilation − padding]
///                            c,i
/// ```
///
/// | | shape |
/// | --- | --- |
/// | filters, given to [`new`](Conv::new) | `[out_channels, channels / groups, size]`, or `[size]` for one filter of one channel |
/// | [`bias`](Conv::bias) | `[out_channels]` |
/// | input | `[batch, channels, length]`, `[channels, length]` or `[length]` |
/// | output | the same with `out_channels` and `⌊(length + padding − dilation · (size − 1) − 1) / stride⌋ + 1` |
///
/// `padding` is that of both sides together where sizes are counted. Stride and dilation are 1, groups are one, and padding is none
/// unless given.
///
/// ```
/// use featuremap::{Conv1d, Module, Tensor};
///
/// let rise = Conv1d::new([-1., 1.]);
/// assert_eq!(rise.forward([1., 4., 2., 3.])?, Tensor::from([3., -2., 1.]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("correlate", "convolve", "Convolution1D"))]
pub type Conv1d<T = f32> = Conv<T, 1>;
/// A convolution (cross-correlation) over two spatial axes, of an image: [`Conv`], whose methods give its parameters.
///
/// ```text
/// output[b, o, y, x] = bias[o] + Σ filters[o, c, i, j] · input[b, c, y', x']
///                              c,i,j
/// y' = y·stride + i·dilation − padding,  x' = x·stride + j·dilation − padding
/// ```
///
/// | | shape |
/// | --- | --- |
/// | filters, given to [`new`](Conv::new) | `[out_channels, channels / groups, height, width]`, or `[height, width]` for one filter of one channel |
/// | [`bias`](Conv::bias) | `[out_channels]` |
/// | input | `[batch, channels, height, width]`, `[channels, height, width]` or `[height, width]` |
/// | output | the same with `out_channels`, and on each axis `⌊(length + padding − dilation · (size − 1) − 1) / stride⌋ + 1` |
///
/// `padding` is that of both sides together where sizes are counted. Stride and dilation are 1, groups are one, and padding is none
/// unless given.
///
/// ```
/// use featuremap::{Conv2d, Module, Padding, Tensor};
/// use ndarray::{Array1, Array4};
///
/// let sobel = Conv2d::new([[1., 0., -1.], [2., 0., -2.], [1., 0., -1.]]);
/// let image = [[7., 2., 3., 3.], [4., 5., 3., 8.], [3., 3., 2., 8.]];
/// assert_eq!(sobel.forward(image)?, Tensor::from([[7., -12.]]));
///
/// let (filters, bias) = (Array4::<f32>::ones((16, 3, 3, 3)), Array1::zeros(16));
/// let layer = Conv2d::new(filters).bias(bias).stride(2).padding(Padding::Same).relu(true);
/// assert_eq!(layer.forward(Array4::ones((1, 3, 224, 224)))?.shape(), [1, 16, 112, 112]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("filter2D", "correlate2d", "convolve2d", "cross_correlation", "Convolution2D", "SeparableConv2D"))]
pub type Conv2d<T = f32> = Conv<T, 2>;
/// A convolution (cross-correlation) over three spatial axes, of a volume or a film: [`Conv`], whose methods give its parameters.
///
/// ```text
/// output[b, o, z, y, x] = bias[o] + Σ filters[o, c, h, i, j] · input[b, c, z', y', x']
///                                c,h,i,j
/// z' = z·stride + h·dilation − padding,  y' and x' likewise of i and j
/// ```
///
/// | | shape |
/// | --- | --- |
/// | filters, given to [`new`](Conv::new) | `[out_channels, channels / groups, depth, height, width]`, or `[depth, height, width]` for one filter of one channel |
/// | [`bias`](Conv::bias) | `[out_channels]` |
/// | input | `[batch, channels, depth, height, width]`, `[channels, depth, height, width]` or `[depth, height, width]` |
/// | output | the same with `out_channels`, and on each axis `⌊(length + padding − dilation · (size − 1) − 1) / stride⌋ + 1` |
///
/// `padding` is that of both sides together where sizes are counted. Stride and dilation are 1, groups are one, and padding is none
/// unless given.
///
/// ```
/// use featuremap::{Conv3d, Module};
/// use ndarray::{Array3, Array5};
///
/// let blur = Conv3d::new(Array5::from_elem((1, 1, 3, 3, 3), 1.0 / 27.0_f32)).padding(1);
/// assert_eq!(blur.forward(Array3::ones((8, 16, 16)))?.shape(), [1, 8, 16, 16]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias = "Convolution3D")]
pub type Conv3d<T = f32> = Conv<T, 3>;
