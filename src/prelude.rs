//! What most programs need, in one line: `use featuremap::prelude::*;`.
//!
//! Tensors, modules and the traits whose methods they have. `Result`, `Error` and the reductions (`Max`, `Min`, …) are left out:
//! they would hide names that programs have already.
//!
//! ```
//! use featuremap::prelude::*;
//!
//! let image = Tensor::from([[7., 2., 3.], [4., 5., 3.], [3., 3., 2.]]);
//! let model = Sequential::new().push(Conv2d::new([[1., -1.]])).push(Relu).push(MaxPool2d::new([3, 2]));
//! assert_eq!(model.forward(&image)?, Tensor::from([[5.]]));
//! # Ok::<(), featuremap::Error>(())
//! ```

pub use crate::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d,
    AsView, AsViewMut, AvgPool1d, AvgPool2d, AvgPool3d, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d,
    ConvTranspose3d, Element, Flatten, Float, GlobalAvgPool, GlobalAvgPool1d, GlobalAvgPool2d, GlobalAvgPool3d,
    GlobalMaxPool, GlobalMaxPool1d, GlobalMaxPool2d, GlobalMaxPool3d, IntoTensor, L2Pool1d, L2Pool2d, L2Pool3d, Linear,
    MaxPool1d, MaxPool2d, MaxPool3d, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d, MinPool1d, MinPool2d, MinPool3d, Module,
    Operator, Padding, PaddingMode, Plan, Relu, Sequential, Tensor, TensorView, TensorViewMut, Window, Window1d,
    Window2d, Window3d,
};
