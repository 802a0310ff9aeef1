//! What most programs need, in one line: `use featuremap::prelude::*;`.
//!
//! Tensors, modules and the traits whose methods they have. `Result`, `Error` and the reductions (`Max`, `Min`, …) are left out:
//! they would hide names that programs have already.
//!
//! ```
//! use featuremap::prelude::*;
//!
//! let image = Tensor::from([[7., 2., 3.], [4., 5., 3.], [3., 3., 2.]]);
//! let edges = Conv2d::new([[1., -1.]]);
//! let model = Sequential::new().push(edges).push(Relu).push(MaxPool2d::new([3, 2]));
//! assert_eq!(model.forward(&image)?, Tensor::from([[5.]]));
//! # Ok::<(), featuremap::Error>(())
//! ```

pub use crate::{
    Activation, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d,
    AdaptiveMaxPool3d, AsView, AsViewMut, AvgPool1d, AvgPool2d, AvgPool3d, BatchNorm1d, BatchNorm2d, BatchNorm3d,
    ChannelAxis, Concat, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, Dropout, Element,
    Flatten, Float, Gate, GlobalAvgPool, GlobalAvgPool1d, GlobalAvgPool2d, GlobalAvgPool3d, GlobalMaxPool,
    GlobalMaxPool1d, GlobalMaxPool2d, GlobalMaxPool3d, Interpolation, IntoTensor, L2Pool1d, L2Pool2d, L2Pool3d, Linear,
    LocalResponseNorm, LogSoftmax, MaxPool1d, MaxPool2d, MaxPool3d, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d, MinPool1d,
    MinPool2d, MinPool3d, Module, Operator, PRelu, Pad1d, Pad2d, Pad3d, PadMode, Padding, PaddingMode, Plan, Relu,
    Residual, Sequential, Softmax, Tensor, TensorView, TensorViewMut, Upsample1d, Upsample2d, Upsample3d, Window,
    Window1d, Window2d, Window3d,
};
