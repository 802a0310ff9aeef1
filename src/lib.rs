//! Convolution, ReLU and pooling over [`ndarray`] data, on the CPU, in safe Rust.
//!
//! A convolution and a pooling do the same walk: a window slides over an image, and something is computed from what
//! lies under it. This crate has one window core, and on it the operations that convolutional networks are made of, with
//! the semantics of PyTorch and ONNX: their own test cases are part of its tests. Where their defaults differ, in whether an
//! average counts padding, it has ONNX's, and [`Pool::count_include_pad`] gives PyTorch's.
//!
//! [`guide`] is for people who come from PyTorch, Keras, OpenCV, SciPy, `ndarray` or `ndarray-conv`; [`prelude`] has what most programs
//! need.
//!
//! # Three ways in
//!
//! **The everyday methods** of [`Tensor`], for when an operation has few parameters:
//!
//! ```
//! use featuremap::Tensor;
//!
//! let image = Tensor::from([
//!     [7_f32, 2., 3., 3., 8.],
//!     [4., 5., 3., 8., 4.],
//!     [3., 3., 2., 8., 4.],
//!     [2., 8., 7., 2., 7.],
//!     [5., 4., 4., 5., 4.],
//! ]);
//! let filter = Tensor::from([[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]]);
//!
//! let edges = image.conv2d(&filter, 1, 0)?; // stride 1, padding 0
//! assert_eq!(edges, Tensor::from([[6., -9., -8.], [-3., -2., -3.], [-3., 0., -2.]]));
//! let pooled = edges.relu().max_pool2d(2, 1)?; // size 2, stride 1
//! assert_eq!(pooled, Tensor::from([[6., 0.], [0., 0.]]));
//! # Ok::<(), featuremap::Error>(())
//! ```
//!
//! **[`Module`]s**, for all parameters, for arrays and views of `ndarray`, and for memory of your own:
//!
//! ```
//! use featuremap::{Conv2d, MaxPool2d, Module, Padding, Relu};
//! use ndarray::{Array1, Array4};
//!
//! let (filters, bias) = (Array4::from_elem((8, 3, 3, 3), 0.1_f32), Array1::zeros(8));
//! let batch = Array4::ones((2, 3, 32, 32));
//!
//! let conv = Conv2d::new(filters).bias(bias).stride([2, 1]).padding(Padding::Same);
//! let maps = Relu.forward(&conv.forward(&batch)?)?;
//! let pool = MaxPool2d::new([3, 3]).stride(2).padding(1);
//! let (values, indices) = pool.forward_with_indices(&maps)?;
//! let values: Array4<f32> = values.try_into()?;
//! assert_eq!(values.dim(), (2, 8, 8, 16));
//! assert_eq!(indices.shape(), [2, 8, 8, 16]);
//! # Ok::<(), featuremap::Error>(())
//! ```
//!
//! A [`Sequential`] of modules is a module, too: a network, planned as a whole, so that a convolution, a ReLU and a pooling
//! need not hold the map between them.
//!
//! **The window core** itself, for operations that are not here:
//!
//! ```
//! use featuremap::Window;
//!
//! let plane = ndarray::array![[1, 5, 2], [8, 3, 9], [4, 7, 6]];
//! for window in Window::new([3, 3]).stride(2).padding(1).over(&plane)? {
//!     println!("{:?}: the largest is {:?}", window.position(), window.iter().max());
//! }
//! # Ok::<(), featuremap::Error>(())
//! ```
//!
//! # Conventions
//!
//! - Layout is `[batch, channel, spatial…]`; filters are `[out_channels, channels / groups, spatial…]`. An operation over N
//!   spatial axes also takes `[channel, spatial…]` and `[spatial…]`. Rank alone decides, never a size: see [`Conv`].
//! - A convolution is a cross-correlation, as in every deep-learning library: the filter is not flipped
//!   ([`Conv::flipped`] flips it).
//! - Views with any strides (sliced, transposed, reversed, channels-last) are valid inputs everywhere, and
//!   `forward_into` writes to any view. Those that are not in row-major order are read where they lie by some operations;
//!   others copy them first.
//! - Integers wrap, as in release builds of Rust: see [`Element`]. NaN passes through max, min and ReLU.
//! - A bare `[[7., 2.]]` or `array![[7., 2.]]` is `f64`, as Rust infers.
//! - Nothing that is passed to an operation makes it panic: what is wrong comes back as an [`Error`] that says what was
//!   asked, what was found, and on which axis. Two things panic: `tensor[[0, 9]]` outside, as in `ndarray`, for which there is [`Tensor::get`]; and
//!   `&a + &b` of unlike shapes, for which there is [`Tensor::zip_map`]. Nothing is broadcast, unlike there.
//!
//! # Crate layout
//!
//! A call goes down this list and never back up: each module knows only those below it.
//!
//! | module | what for |
//! | --- | --- |
//! | [`guide`] | what calls of other libraries are here |
//! | [`prelude`] | what most programs need |
//! | `everyday` | the methods of [`Tensor`] that are a whole operation |
//! | `onnx` | networks from files in the ONNX format |
//! | `weights` | parameters from and to files |
//! | `structure` | [`Residual`], [`Concat`], [`Gate`]: networks that are more than a chain |
//! | [`sequential`] | [`Sequential`]: modules planned together, their summary, their saved parameters |
//! | `graph` | how a [`Graph`] is planned |
//! | `layers` | [`Linear`], [`Flatten`], [`Relu`], [`BatchNorm`], [`PRelu`], [`Softmax`], [`LogSoftmax`], [`Upsample`], [`Pad`], [`LocalResponseNorm`], [`Dropout`] |
//! | [`pool`] | [`Pool`] over a [`Reduction`], global and adaptive pools, [`MaxUnpool`], and the reference |
//! | [`conv`] | [`Conv`], [`ConvTranspose`], and the reference that defines a convolution |
//! | `module` | [`Module`], [`Plan`], [`Graph`], and [`Lowering`]: what modules say of themselves, for others to compute them together |
//! | [`window`] | the core: [`Window`], [`Geometry`], [`Padding`], the window iterator; [`IntoPerAxis`], [`IntoPadding`] |
//! | `tensor` | [`Tensor`], [`TensorView`], [`TensorViewMut`]: data of any rank, from and to `ndarray`; [`AsView`], [`IntoTensor`] |
//! | `element` | [`Element`], [`Float`]: the numbers |
//! | `kernels` | loops over slices |
//! | `parallel` | threads |
//! | `simd` | vectors, and caches |
//! | `error` | [`Error`] |
//! | `terms` | [`Activation`], [`PaddingMode`], [`Quads`]: plain data that several of them name |
//!
//! # Features
//!
//! - `rayon` (default): large convolutions and poolings on all threads of the pool that a call comes from.
//! - `image`: tensors from and to the pictures of the `image` crate, and pictures of feature maps.
//! - `serde`: `Serialize` and `Deserialize` for [`Tensor`], [`Window`], [`Padding`], [`PaddingMode`], [`Relu`] and
//!   [`Activation`].
//! - `safetensors`: parameters of a [`Sequential`] from and to files that PyTorch reads and writes, too; layers from the shapes in one.
//! - `onnx`: networks from files in the ONNX format, in the module `onnx`, with a table of the operators that are read.
#![forbid(unsafe_code)]
// Says on docs.rs which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod conv;
mod element;
mod error;
mod everyday;
mod graph;
pub mod guide;
mod kernels;
mod layers;
mod module;
#[cfg(feature = "onnx")]
pub mod onnx;
mod parallel;
pub mod pool;
pub mod prelude;
pub mod sequential;
mod simd;
mod structure;
mod tensor;
mod terms;
#[cfg(feature = "safetensors")]
mod weights;
pub mod window;

#[doc(inline)]
pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub use element::{Element, Float};
pub use error::{Error, Result};
pub use layers::{
    BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, Dropout, Flatten, Interpolation, Linear, LocalResponseNorm,
    LogSoftmax, PRelu, Pad, Pad1d, Pad2d, Pad3d, PadMode, Relu, Softmax, Upsample, Upsample1d, Upsample2d, Upsample3d,
};
pub use module::{
    Band, Bands, ChannelAxis, ChannelScale, Elementwise, Fusible, Graph, Lowering, Module, Operator, Plan, Pooling,
    RunPlan, Value,
};
#[doc(inline)]
pub use pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d,
    AdaptivePool, Average, AvgPool1d, AvgPool2d, AvgPool3d, GlobalAvgPool, GlobalAvgPool1d, GlobalAvgPool2d,
    GlobalAvgPool3d, GlobalL2Pool, GlobalL2Pool1d, GlobalL2Pool2d, GlobalL2Pool3d, GlobalMaxPool, GlobalMaxPool1d,
    GlobalMaxPool2d, GlobalMaxPool3d, GlobalMinPool, GlobalMinPool1d, GlobalMinPool2d, GlobalMinPool3d, GlobalPool, L2,
    L2Pool1d, L2Pool2d, L2Pool3d, Lp, LpPool1d, LpPool2d, LpPool3d, Max, MaxPool1d, MaxPool2d, MaxPool3d, MaxUnpool,
    MaxUnpool1d, MaxUnpool2d, MaxUnpool3d, Min, MinPool1d, MinPool2d, MinPool3d, Pool, Reduction, Selection,
};
#[doc(inline)]
pub use sequential::Sequential;
pub use structure::{Concat, Gate, Residual};
pub use tensor::{AsView, AsViewMut, IntoTensor, Tensor, TensorView, TensorViewMut};
pub use terms::{Activation, Quads};
#[cfg(feature = "safetensors")]
pub use weights::{Unmatched, Weights};
pub use window::arguments::{IntoPadding, IntoPerAxis};
#[doc(inline)]
pub use window::{
    Axis, Geometry, Padding, PaddingMode, PerAxis, Run, TapRun, Window, Window1d, Window2d, Window3d, WindowView,
    Windows,
};

/// The version of `ndarray` that arrays go to and come from.
pub use ndarray;

/// The README's code, compiled and run with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
