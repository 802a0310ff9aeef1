//! The layers around convolution: dense ones, activations, norms and what else stands between, with PyTorch's meaning and defaults.

mod activation;
mod batch_norm;
mod dropout;
mod flatten;
mod linear;
mod local_response;
mod pad;
mod prelu;
mod relu;
mod softmax;
mod upsample;

pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d};
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use linear::Linear;
pub use local_response::LocalResponseNorm;
pub use pad::{Pad, Pad1d, Pad2d, Pad3d, PadMode};
pub use prelu::PRelu;
pub use relu::Relu;
pub use softmax::{LogSoftmax, Softmax};
pub use upsample::{Interpolation, Upsample, Upsample1d, Upsample2d, Upsample3d};
