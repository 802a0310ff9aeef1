//! For people who come from another library: their call, the call here, and the differences that bite.

#[doc = include_str!("pytorch.md")]
pub mod pytorch {}

#[doc = include_str!("keras.md")]
pub mod keras {}

#[doc = include_str!("opencv_and_scipy.md")]
pub mod opencv_and_scipy {}

#[doc = include_str!("ndarray.md")]
pub mod ndarray {}

#[cfg(feature = "onnx")]
#[doc = include_str!("onnx.md")]
pub mod onnx {}

#[doc = include_str!("ndarray_conv.md")]
pub mod ndarray_conv {}
