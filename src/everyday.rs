//! The everyday methods of [`Tensor`]: an operation in one call, for when its parameters are few. They stand on everything
//! else, and nothing stands on them.

use crate::conv::Conv;
use crate::element::{Element, Float};
use crate::kernels::rectify::relu;
use crate::layers::Relu;
use crate::module::Module;
use crate::pool::{Average, L2, Max, Min, Pool};
use crate::tensor::Tensor;
use crate::{AsView, GlobalAvgPool, GlobalL2Pool, GlobalMaxPool, GlobalMinPool, IntoPadding, IntoPerAxis, Result};

macro_rules! convolutions {
    ($($name:ident $axes:literal over $over:literal,)*) => {$(
        #[doc = concat!("Convolves (cross-correlates) with `filters` over ", $over, ".")]
        ///
        /// `stride` is a number or one for each axis, `padding` too, or a [`Padding`](crate::Padding); the rank rule is that of
        /// [`Conv`], which has more parameters: bias, dilation, groups, padding modes.
        ///
        /// # Errors
        ///
        /// Shapes that do not fit, a zero stride, a window larger than the padded input, memory that is not there.
        pub fn $name(
            &self,
            filters: impl AsView<T>,
            stride: impl IntoPerAxis<$axes>,
            padding: impl IntoPadding<$axes>,
        ) -> Result<Tensor<T::Sum>> {
            let filters = filters.as_view();
            let filters = Tensor::from_vec(filters.shape(), filters.contiguous()?.into_owned())?;
            Conv::<T, $axes>::new(filters).stride(stride).padding(padding).forward(self)
        }
    )*};
}

macro_rules! pools {
    ($($name:ident $reduction:ident $what:literal $axes:literal over $over:literal,)*) => {$(
        #[doc = concat!($what, " of windows of this size, this stride apart, over ", $over, ".")]
        ///
        /// [`Pool`] has more parameters: padding, dilation, ceil mode.
        ///
        /// # Errors
        ///
        /// Shapes that do not fit, a zero size or stride, a window larger than the input.
        pub fn $name(
            &self,
            size: impl IntoPerAxis<$axes>,
            stride: impl IntoPerAxis<$axes>,
        ) -> Result<Tensor<T>> {
            Pool::<$reduction, $axes>::new(size).stride(stride).forward(self)
        }
    )*};
}

macro_rules! global_pools {
    ($($name:ident $module:ident $what:literal,)*) => {$(
        #[doc = concat!($what, " of each channel, over the last two axes, which stay with length 1.")]
        ///
        /// # Errors
        ///
        /// A rank other than 2, 3 or 4, or an empty plane.
        pub fn $name(&self) -> Result<Tensor<T>> {
            $module::new().forward(self)
        }
    )*};
}

/// Operations on tensors of any element type.
impl<T: Element> Tensor<T> {
    convolutions! {
        conv1d 1 over "the last axis",
        conv2d 2 over "the last two axes",
        conv3d 3 over "the last three axes",
    }

    /// The output of a module for this tensor: [`module.forward(self)`](Module::forward), for a chain of calls.
    ///
    /// ```
    /// use featuremap::{MaxPool2d, Relu, Tensor};
    ///
    /// let map = Tensor::from([[6., -9.], [-3., 2.]]);
    /// assert_eq!(map.apply(&Relu)?.apply(&MaxPool2d::new(2))?, Tensor::from([[6.]]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the module.
    pub fn apply<U: Element>(&self, module: &(impl Module<T, U> + ?Sized)) -> Result<Tensor<U>> {
        module.forward_view(self.view())
    }

    /// `max(x, 0)` of every element, as a tensor of its own.
    pub fn relu(&self) -> Self {
        self.map(|&element| relu(element))
    }

    /// `max(x, 0)` of every element, in place.
    pub fn relu_in_place(&mut self) {
        Relu.apply(self);
    }

    pools! {
        max_pool1d Max "The maximum" 1 over "the last axis",
        max_pool2d Max "The maximum" 2 over "the last two axes",
        max_pool3d Max "The maximum" 3 over "the last three axes",
        min_pool1d Min "The minimum" 1 over "the last axis",
        min_pool2d Min "The minimum" 2 over "the last two axes",
        min_pool3d Min "The minimum" 3 over "the last three axes",
        avg_pool1d Average "The average" 1 over "the last axis",
        avg_pool2d Average "The average" 2 over "the last two axes",
        avg_pool3d Average "The average" 3 over "the last three axes",
    }

    global_pools! {
        global_max_pool GlobalMaxPool "The maximum",
        global_min_pool GlobalMinPool "The minimum",
        global_avg_pool GlobalAvgPool "The average",
    }
}

/// Operations on tensors of floats.
impl<T: Float> Tensor<T> {
    pools! {
        l2_pool1d L2 "The L2 norm" 1 over "the last axis",
        l2_pool2d L2 "The L2 norm" 2 over "the last two axes",
        l2_pool3d L2 "The L2 norm" 3 over "the last three axes",
    }

    global_pools! {
        global_l2_pool GlobalL2Pool "The L2 norm",
    }
}
