//! Pooling by boxes instead of a sliding window: adaptive pools, whose boxes share out the input, and global pools, with
//! one box for all of it.

use std::ops::Range;

use super::adaptive::Boxes;
use super::{Average, L2, Max, Min, Reduction, reduction_name};
use crate::module::{Module, Operator};
use crate::tensor::{TensorView, TensorViewMut};
use crate::{Band, Bands, Element, IntoPerAxis, Lowering, Plan, Result};

/// A pooling to a given output size: the input is shared out among the outputs, each of which reduces its box. On an axis
/// of `n` pixels and `m` outputs, output `i` has the pixels from `⌊i·n/m⌋` up to `⌈(i+1)·n/m⌉`, as in PyTorch; boxes
/// overlap where `m` does not divide `n`.
///
/// ```
/// use featuremap::{AdaptiveAvgPool1d, Module, Tensor};
/// use ndarray::array;
///
/// let halves = AdaptiveAvgPool1d::new(2).forward(&array![1.0, 2.0, 3.0, 4.0, 5.0])?;
/// assert_eq!(halves, Tensor::from(array![2.0, 4.0]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptivePool<R, const N: usize> {
    reduction: R,
    output_size: [usize; N],
}

/// A pooling of each channel to one value. The spatial axes stay, with length 1.
///
/// ```
/// use featuremap::{GlobalAvgPool, GlobalMaxPool, Module, Tensor};
/// use ndarray::array;
///
/// let map = array![[2., 1., 1., 3.], [2., 5., 0., 2.], [1., 4., 2., 1.], [4., 7., 2., 4.]];
/// assert_eq!(GlobalMaxPool::default().forward(&map)?, Tensor::from(array![[7.]]));
/// assert_eq!(GlobalAvgPool::default().forward(&map)?, Tensor::from(array![[2.5625]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GlobalPool<R, const N: usize> {
    reduction: R,
}

macro_rules! adaptive_pools {
    ($($doc:literal $halves:literal $reduction:ident: $one:ident $two:ident $three:ident,)*) => {$(
        #[doc = concat!($doc, " to a given output size on one spatial axis: an [`AdaptivePool`].")]
        ///
        /// The input is `[batch, channels, length]`, with or without the first two axes; the output has its rank, with the size that is
        /// given to [`new`](AdaptivePool::new). Output `i` of `m` takes the pixels from `⌊i·n/m⌋` up to `⌈(i+1)·n/m⌉`.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Module, Tensor, ", stringify!($one), "};")]
        ///
        #[doc = concat!("let halves = ", stringify!($one), "::new(2).forward([1., 3., 4., 8.])?;")]
        #[doc = concat!("assert_eq!(halves, Tensor::from(", $halves, "));")]
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        pub type $one = AdaptivePool<$reduction, 1>;
        #[doc = concat!($doc, " to a given output size on two spatial axes: an [`AdaptivePool`].")]
        ///
        /// The input is `[batch, channels, height, width]`, with or without the first two axes; the output has its rank, with the
        /// sizes that are given to [`new`](AdaptivePool::new). Output `i` of `m` takes the pixels from `⌊i·n/m⌋` up to `⌈(i+1)·n/m⌉`.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Module, ", stringify!($two), "};")]
        /// use ndarray::Array4;
        ///
        #[doc = concat!("let pool = ", stringify!($two), "::new((7, 7));")]
        /// assert_eq!(pool.forward(Array4::<f32>::ones((1, 64, 17, 23)))?.shape(), [1, 64, 7, 7]);
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        pub type $two = AdaptivePool<$reduction, 2>;
        #[doc = concat!($doc, " to a given output size on three spatial axes: an [`AdaptivePool`].")]
        ///
        /// The input is `[batch, channels, depth, height, width]`, with or without the first two axes; the output has its rank, with the
        /// sizes that are given to [`new`](AdaptivePool::new). Output `i` of `m` takes the pixels from `⌊i·n/m⌋` up to `⌈(i+1)·n/m⌉`.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Module, ", stringify!($three), "};")]
        /// use ndarray::Array4;
        ///
        #[doc = concat!("let pool = ", stringify!($three), "::new((1, 7, 7));")]
        /// assert_eq!(pool.forward(Array4::<f32>::ones((64, 4, 17, 23)))?.shape(), [64, 1, 7, 7]);
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        pub type $three = AdaptivePool<$reduction, 3>;
    )*};
}

macro_rules! global_pools {
    ($($doc:literal $formula:literal $pooled:literal $reduction:ident $value:expr, [$($alias:literal),+] $short:ident: $one:ident $two:ident $three:ident,)*) => {$(
        #[doc = concat!($doc, " of each channel, for one spatial axis: a [`GlobalPool`].")]
        ///
        /// ```text
        #[doc = concat!("output[b, c, 0] = ", $formula, ",  p: the pixels of channel c")]
        /// ```
        ///
        /// The input is `[batch, channels, length]`, with or without the first two axes, and the output `[batch, channels, 1]`.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Module, Tensor, ", stringify!($one), "};")]
        ///
        #[doc = concat!("let pool = ", stringify!($one), "::new();")]
        #[doc = concat!("assert_eq!(pool.forward([3., 1., 1., 5.])?, Tensor::from(", $pooled, "));")]
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        #[doc(alias($($alias),+))]
        pub type $one = GlobalPool<$reduction, 1>;
        #[doc = concat!($doc, " of each channel, for two spatial axes: a [`GlobalPool`].")]
        ///
        /// ```text
        #[doc = concat!("output[b, c, 0, 0] = ", $formula, ",  p: the pixels of channel c")]
        /// ```
        ///
        /// The input is `[batch, channels, height, width]`, with or without the first two axes, and the output
        /// `[batch, channels, 1, 1]`. A [`Flatten`](crate::Flatten) makes `[batch, channels]` of it.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Module, ", stringify!($two), "};")]
        /// use ndarray::Array4;
        ///
        #[doc = concat!("let pool = ", stringify!($two), "::new();")]
        /// assert_eq!(pool.forward(Array4::<f32>::ones((8, 64, 7, 7)))?.shape(), [8, 64, 1, 1]);
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        #[doc(alias($($alias),+))]
        pub type $two = GlobalPool<$reduction, 2>;
        #[doc = concat!($doc, " of each channel, for three spatial axes: a [`GlobalPool`].")]
        ///
        /// ```text
        #[doc = concat!("output[b, c, 0, 0, 0] = ", $formula, ",  p: the pixels of channel c")]
        /// ```
        ///
        /// The input is `[batch, channels, depth, height, width]`, with or without the first two axes, and the output
        /// `[batch, channels, 1, 1, 1]`.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Module, ", stringify!($three), "};")]
        /// use ndarray::Array5;
        ///
        #[doc = concat!("let pool = ", stringify!($three), "::new();")]
        /// assert_eq!(pool.forward(Array5::<f32>::ones((2, 64, 3, 7, 7)))?.shape(), [2, 64, 1, 1, 1]);
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        #[doc(alias($($alias),+))]
        pub type $three = GlobalPool<$reduction, 3>;
        #[doc = concat!("[`", stringify!($two), "`] by the name that it has in most networks.")]
        ///
        /// ```text
        #[doc = concat!("output[b, c, 0, 0] = ", $formula, ",  p: the pixels of channel c")]
        /// ```
        ///
        /// The input is `[batch, channels, height, width]`, with or without the first two axes, and the output
        /// `[batch, channels, 1, 1]`.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Module, Tensor, ", stringify!($short), "};")]
        ///
        #[doc = concat!("let pooled = ", stringify!($short), ".forward([[3., 1.], [1., 5.]])?;")]
        #[doc = concat!("assert_eq!(pooled, Tensor::from([", $pooled, "]));")]
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        pub type $short = $two;
        #[doc = concat!("[`", stringify!($two), "`], which has no parameters: as a value, by its name alone.")]
        ///
        /// ```
        /// use featuremap::Sequential;
        ///
        #[doc = concat!("let model = Sequential::<f32>::new().push(featuremap::", stringify!($short), ");")]
        /// ```
        #[allow(non_upper_case_globals, reason = "it reads as the unit struct that it stands for, as `Relu` is one")]
        pub const $short: $two = GlobalPool { reduction: $value };
    )*};
}

adaptive_pools! {
    "The average" "[2., 6.]" Average: AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d,
    "The maximum" "[3., 8.]" Max: AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d,
}

global_pools! {
    "The maximum" "max p" "[5.]" Max Max, ["GlobalMaxPooling2D", "amax"] GlobalMaxPool: GlobalMaxPool1d GlobalMaxPool2d GlobalMaxPool3d,
    "The minimum" "min p" "[1.]" Min Min, ["amin"] GlobalMinPool: GlobalMinPool1d GlobalMinPool2d GlobalMinPool3d,
    "The average" "Σ p / count" "[2.5]" Average Average { count_include_pad: false }, ["GlobalAveragePooling2D", "GlobalAveragePool"]
        GlobalAvgPool: GlobalAvgPool1d GlobalAvgPool2d GlobalAvgPool3d,
    "The L2 norm" "√(Σ p²)" "[6.]" L2 L2, ["GlobalLpPool"] GlobalL2Pool: GlobalL2Pool1d GlobalL2Pool2d GlobalL2Pool3d,
}

impl<R, const N: usize> AdaptivePool<R, N> {
    /// An adaptive pooling to this output size.
    pub fn new(output_size: impl IntoPerAxis<N>) -> Self
    where
        R: Default,
    {
        Self::with(R::default(), output_size)
    }

    /// As [`new`](Self::new), for a reduction with parameters or one of your own.
    pub fn with(reduction: R, output_size: impl IntoPerAxis<N>) -> Self {
        Self { reduction, output_size: output_size.into_per_axis().0 }
    }
}

impl<R, const N: usize> GlobalPool<R, N> {
    /// A global pooling.
    ///
    /// ```
    /// use featuremap::{GlobalAvgPool2d, Module, Tensor};
    ///
    /// assert_eq!(GlobalAvgPool2d::new().forward([[1., 2.], [3., 6.]])?, Tensor::from([[3.]]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn new() -> Self
    where
        R: Default,
    {
        Self::with(R::default())
    }

    /// As [`new`](Self::new), for a reduction with parameters or one of your own.
    pub fn with(reduction: R) -> Self {
        Self { reduction }
    }
}

impl<R, const N: usize> AdaptivePool<R, N> {
    fn boxes(&self, input: &[usize]) -> Result<Boxes<N>> {
        Boxes::new(input, self.output_size, "an adaptive")
    }
}

impl<R, const N: usize> GlobalPool<R, N> {
    fn boxes(input: &[usize]) -> Result<Boxes<N>> {
        Boxes::new(input, [1; N], "a global")
    }
}

impl<R: Send + Sync, const N: usize> Operator for AdaptivePool<R, N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.boxes(input)?.output.to_vec())
    }

    fn name(&self) -> String {
        format!("Adaptive{}Pool{N}d", reduction_name::<R>())
    }
}

impl<R: Send + Sync, const N: usize> Operator for GlobalPool<R, N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(Self::boxes(input)?.output.to_vec())
    }

    fn name(&self) -> String {
        format!("Global{}Pool{N}d", reduction_name::<R>())
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Module<T> for AdaptivePool<R, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        self.boxes(input.shape())?.reduce(&self.reduction, &input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        match self.boxes(input_shape)?.plan(&self.reduction, input_shape)? {
            Some(plan) => Ok(plan),
            None => Plan::of(self.clone(), input_shape),
        }
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Bands(self)
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Bands<T> for AdaptivePool<R, N> {
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        self.boxes(input_shape).ok()?.all_rows(rows)
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Module<T> for GlobalPool<R, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        Self::boxes(input.shape())?.reduce(&self.reduction, &input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        match Self::boxes(input_shape)?.plan(&self.reduction, input_shape)? {
            Some(plan) => Ok(plan),
            None => Plan::of(self.clone(), input_shape),
        }
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Bands(self)
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Bands<T> for GlobalPool<R, N> {
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        Self::boxes(input_shape).ok()?.all_rows(rows)
    }
}
