//! Convolution, ReLU and pooling over [`ndarray`] data, on the CPU, in safe Rust.
#![forbid(unsafe_code)]

pub mod conv;
mod element;
mod error;
mod module;
pub mod pool;
mod relu;
mod shape;
mod simd;
mod tensor;
pub mod window;

pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub use element::{Element, Float};
pub use error::{Error, Result};
pub use module::{Module, OutputShape};
pub use pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d,
    AdaptivePool, Average, AvgPool1d, AvgPool2d, AvgPool3d, GlobalAvgPool, GlobalAvgPool1d, GlobalAvgPool3d,
    GlobalL2Pool, GlobalL2Pool1d, GlobalL2Pool3d, GlobalMaxPool, GlobalMaxPool1d, GlobalMaxPool3d, GlobalMinPool,
    GlobalMinPool1d, GlobalMinPool3d, GlobalPool, L2, L2Pool1d, L2Pool2d, L2Pool3d, Lp, LpPool1d, LpPool2d, LpPool3d,
    Max, MaxPool1d, MaxPool2d, MaxPool3d, MaxUnpool, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d, Min, MinPool1d, MinPool2d,
    MinPool3d, Pool, Reduction, Selection,
};
pub use relu::Relu;
pub use tensor::{Tensor, TensorView, TensorViewMut};
pub use window::{Axis, Geometry, Padding, PaddingMode, PerAxis, Run, TapRun, Window, WindowView, Windows};
