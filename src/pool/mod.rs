//! Pooling: a window slides over each channel, and a [`Reduction`] makes one value of the pixels under it.

mod across;
mod adaptive;
mod boxed;
mod boxes;
mod channels;
mod channels_last;
mod fast;
mod indices;
mod kernels;
mod layer;
mod operation;
mod pairs;
mod planes;
mod problem;
mod reduction;
mod reductions;
pub mod reference;
mod short;
mod small;
mod staged;
mod stages;
mod stepped;
mod stretches;
mod strided;
mod totals;
mod unpool;
mod walk;
mod windows;

pub use boxes::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d,
    AdaptivePool, GlobalAvgPool, GlobalAvgPool1d, GlobalAvgPool2d, GlobalAvgPool3d, GlobalL2Pool, GlobalL2Pool1d,
    GlobalL2Pool2d, GlobalL2Pool3d, GlobalMaxPool, GlobalMaxPool1d, GlobalMaxPool2d, GlobalMaxPool3d, GlobalMinPool,
    GlobalMinPool1d, GlobalMinPool2d, GlobalMinPool3d, GlobalPool,
};
pub use reduction::{Reduction, Selection};
pub use reductions::{Average, L2, Lp, Max, Min};
pub use unpool::{MaxUnpool, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d};

use std::ops::Range;

use crate::module::{Module, Operator, check_shape};
use crate::tensor::{TensorView, TensorViewMut};
use crate::window::Window;
use crate::{Band, Bands, Element, IntoPadding, IntoPerAxis, Lowering, Plan, Pooling, Quads, Result};
use layer::PoolLayer;
use windows::Of;

/// Pools whose reduction is known by name, for one to three spatial axes: what they compute, a formula of the pixels `p` under a
/// window, what else they are called, and an example.
macro_rules! pools {
    ($($doc:literal $formula:literal $reduction:ident, [$($alias:literal),+] $of_one:literal $of_two:literal $of_three:literal:
        $one:ident $two:ident $three:ident,)*) => {$(
        pools! { $one: $reduction 1 $doc " one spatial axis" "`[batch, channels, length]`" $formula [$($alias),+]
            "[3., 1., 5., 0.]" $of_one }
        pools! { $two: $reduction 2 $doc " two spatial axes" "`[batch, channels, height, width]`" $formula [$($alias),+]
            "[[3., 1., 1., 3.], [1., 5., 0., 0.]]" $of_two }
        pools! { $three: $reduction 3 $doc " three spatial axes" "`[batch, channels, depth, height, width]`" $formula
            [$($alias),+] "[[[3., 1.], [1., 5.]], [[7., 2.], [4., 1.]]]" $of_three }
    )*};
    ($name:ident: $reduction:ident $axes:literal $doc:literal $over:literal $input:literal $formula:literal
        [$($alias:literal),+] $map:literal $pooled:literal) => {
        #[doc = concat!($doc, " over windows on", $over, ": a [`Pool`], whose methods give its parameters.")]
        ///
        /// ```text
        #[doc = concat!("output[b, c, …] = ", $formula)]
        /// ```
        ///
        /// where `p` are the pixels of channel `c` under one window: those that exist, for padding has none. The stride is the size
        /// unless given, padding none, dilation 1, and sizes round down.
        ///
        #[doc = concat!("The input is ", $input, ", with or without the first two axes; the output has its rank,")]
        /// and on each axis `⌊(length + padding − dilation · (size − 1) − 1) / stride⌋ + 1` pixels, where `padding` is that of both
        /// sides together.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Module, Tensor, ", stringify!($name), "};")]
        ///
        #[doc = concat!("let map = ", $map, ";")]
        #[doc = concat!("let pool = ", stringify!($name), "::new(2); // stride 2, too")]
        #[doc = concat!("assert_eq!(pool.forward(map)?, Tensor::from(", $pooled, "));")]
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        #[doc(alias($($alias),+))]
        pub type $name = Pool<$reduction, $axes>;
    };
}

pools! {
    "The maximum" "max p" Max, ["dilate", "maximum_filter", "MaxPooling"] "[3., 5.]" "[[5., 3.]]" "[[[7.]]]":
        MaxPool1d MaxPool2d MaxPool3d,
    "The minimum" "min p" Min, ["erode", "minimum_filter"] "[1., 0.]" "[[1., 0.]]" "[[[1.]]]": MinPool1d MinPool2d MinPool3d,
    "The average" "Σ p / count" Average, ["blur", "box_filter", "boxFilter", "uniform_filter", "AveragePooling"]
        "[2., 2.5]" "[[2.5, 1.]]" "[[[3.]]]":
        AvgPool1d AvgPool2d AvgPool3d,
    "The L2 norm" "√(Σ p²)" L2, ["LPPool", "norm"] "[f64::sqrt(10.), 5.]" "[[6., f64::sqrt(10.)]]" "[[[f64::sqrt(106.)]]]":
        L2Pool1d L2Pool2d L2Pool3d,
}

macro_rules! lp_pools {
    ($($name:ident $alias:literal $axes:literal $over:literal $input:literal $map:literal $pooled:literal,)*) => {$(
        #[doc = concat!("An Lp norm over windows on ", $over, ": a [`Pool`] of the reduction [`Lp`], made by [`with`](Pool::with).")]
        ///
        /// ```text
        /// output[b, c, …] = (Σ |p|ⁿ)^(1/n)
        /// ```
        ///
        /// where `p` are the pixels of channel `c` under one window, and `n` is the order, the number of [`Lp`]. The stride is the size
        /// unless given, padding none, dilation 1, and sizes round down.
        ///
        #[doc = concat!("The input is ", $input, ", with or without the first two axes; the output has its rank,")]
        /// and on each axis `⌊(length + padding − dilation · (size − 1) − 1) / stride⌋ + 1` pixels, where `padding` is that of both
        /// sides together.
        ///
        /// ```
        #[doc = concat!("use featuremap::{Lp, ", stringify!($name), ", Module, Tensor};")]
        ///
        #[doc = concat!("let sums = ", stringify!($name), "::with(Lp(1.), 2).forward(", $map, ")?;")]
        #[doc = concat!("assert_eq!(sums, Tensor::from(", $pooled, "));")]
        /// # Ok::<(), featuremap::Error>(())
        /// ```
        #[doc(alias = $alias)]
        pub type $name = Pool<Lp, $axes>;
    )*};
}

lp_pools! {
    LpPool1d "LPPool1d" 1 "one spatial axis" "`[batch, channels, length]`" "[3., -1., 5., 0.]" "[4., 5.]",
    LpPool2d "LPPool2d" 2 "two spatial axes" "`[batch, channels, height, width]`" "[[3., -1.], [1., 5.]]" "[[10.]]",
    LpPool3d "LPPool3d" 3 "three spatial axes" "`[batch, channels, depth, height, width]`"
        "[[[3., -1.], [1., 5.]], [[0., 0.], [0., 2.]]]" "[[[12.]]]",
}

/// A pooling over `N` spatial axes: one value for each window, each channel alone. Its output has the rank of its input.
///
/// The stride is the size of the window unless given. Pixels of the padding do not exist: they never win a maximum and
/// add nothing to a norm; a window with no pixel at all is an error. An average is over the pixels that exist unless
/// [`count_include_pad`](Pool::count_include_pad) says otherwise: **that is ONNX's default and not PyTorch's**, whose `AvgPool2d`
/// counts padding as zeros. Write `.count_include_pad(true)` for a padded `AvgPool2d` of PyTorch.
///
/// ```
/// use featuremap::{AvgPool2d, MaxPool2d, Module, Tensor};
/// use ndarray::array;
///
/// let map = array![[3., 1., 1., 3.], [2., 5., 0., 2.], [1., 4., 2., 1.], [4., 7., 2., 4.]];
/// assert_eq!(MaxPool2d::new(2).forward(&map)?, Tensor::from(array![[5., 3.], [7., 4.]]));
/// assert_eq!(AvgPool2d::new(2).forward(&map)?, Tensor::from(array![[2.75, 1.5], [4., 2.25]]));
///
/// let pool = MaxPool2d::new([3, 3]).stride(2).padding(1).ceil_mode(true);
/// let (values, indices) = pool.forward_with_indices(&map)?;
/// assert_eq!(values, Tensor::from(array![[5., 5., 3.], [7., 7., 4.], [7., 7., 4.]]));
/// assert_eq!(indices, Tensor::from(array![[5_i64, 5, 3], [13, 13, 15], [13, 13, 15]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool<R, const N: usize> {
    reduction: R,
    window: Window<N>,
}

impl<R, const N: usize> Pool<R, N> {
    /// A pooling over windows of this size, with as large a stride and no padding.
    pub fn new(size: impl IntoPerAxis<N>) -> Self
    where
        R: Default,
    {
        Self::with(R::default(), size)
    }

    /// As [`new`](Self::new), for a reduction with parameters or one of your own.
    ///
    /// ```
    /// use featuremap::{Lp, LpPool1d, Module, Tensor};
    /// use ndarray::array;
    ///
    /// let cubes = LpPool1d::with(Lp(3.0), 3).forward(&array![3.0, -4.0, 5.0])?;
    /// approx::assert_relative_eq!(cubes, Tensor::from(array![6.0]), max_relative = 1e-12);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn with(reduction: R, size: impl IntoPerAxis<N>) -> Self {
        let size = size.into_per_axis();
        Self { reduction, window: Window::new(size).stride(size) }
    }

    /// The distance between the windows of neighbouring outputs, in pixels; the size of the window unless given.
    pub fn stride(mut self, stride: impl IntoPerAxis<N>) -> Self {
        self.window = self.window.stride(stride);
        self
    }

    /// How far windows reach beyond the input; not at all unless given.
    pub fn padding(mut self, padding: impl IntoPadding<N>) -> Self {
        self.window = self.window.padding(padding);
        self
    }

    /// The distance between neighbouring taps, in pixels; 1 unless given.
    pub fn dilation(mut self, dilation: impl IntoPerAxis<N>) -> Self {
        self.window = self.window.dilation(dilation);
        self
    }

    /// Whether output sizes round up; see [`Window::ceil_mode`].
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.window = self.window.ceil_mode(ceil_mode);
        self
    }

    /// The window that slides.
    pub fn window(&self) -> &Window<N> {
        &self.window
    }

    /// `R` is checked where the element type is known.
    fn layer<T>(&self, input: &[usize]) -> Result<PoolLayer<N>> {
        PoolLayer::new::<T>(&self.window, input)
    }
}

impl<const N: usize> Pool<Average, N> {
    /// Whether an average counts padding as zeros: it is then divided by the size of the window clipped to the padded
    /// input (PyTorch's default; ONNX's and this crate's is `false`).
    ///
    /// ```
    /// use featuremap::{AvgPool1d, Module, Tensor};
    ///
    /// let (signal, pool) = ([3., 6., 9.], AvgPool1d::new(3).stride(1).padding(1));
    /// assert_eq!(pool.forward(signal)?, Tensor::from([4.5, 6., 7.5]));
    /// assert_eq!(pool.count_include_pad(true).forward(signal)?, Tensor::from([3., 6., 5.]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn count_include_pad(mut self, count_include_pad: bool) -> Self {
        self.reduction.count_include_pad = count_include_pad;
        self
    }
}

impl<R: Send + Sync, const N: usize> Operator for Pool<R, N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.layer::<u8>(input)?.output.to_vec())
    }

    fn name(&self) -> String {
        format!("{}Pool{N}d", reduction_name::<R>())
    }
}

impl<R, const N: usize> Pool<R, N> {
    /// The plan of a layer, which may be a band.
    fn planned<T: Element>(&self, layer: &PoolLayer<N>, input_shape: &[usize], of: Option<Of>) -> Result<Plan<T>>
    where
        R: Reduction<T>,
    {
        match layer.plan(&self.reduction, input_shape, of)? {
            Some(plan) => Ok(plan),
            None => Plan::of(self.clone(), input_shape),
        }
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Module<T> for Pool<R, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        let layer = self.layer::<T>(input.shape())?;
        self.reduction.validate()?;
        check_shape(&layer.output.to_vec(), &output)?;
        // More axes than three are rare, and what few programs need is not compiled for the others.
        if const { N > 3 } {
            let pixels = input.contiguous()?;
            return output.write_with(&mut |output| reference::write(self, &layer, &pixels, output));
        }
        layer.forward(&self.reduction, &input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        self.planned(&self.layer::<T>(input_shape)?, input_shape, None)
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Pooling(self)
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Pooling<T> for Pool<R, N> {
    fn quads(&self, input_shape: &[usize]) -> Option<Quads> {
        self.layer::<T>(input_shape).ok()?.quads(&self.reduction)
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Bands<T> for Pool<R, N> {
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        self.layer::<T>(input_shape).ok()?.band(&self.window, input_shape, rows)
    }

    fn plan_band(&self, input_shape: &[usize], band: &Band) -> Result<Plan<T>> {
        let layer = self.layer::<T>(input_shape)?;
        let window = layer.window_of(&self.window, input_shape, band)?;
        let (banded, input_shape) = (Self { window, ..self.clone() }, band.input_shape(input_shape));
        banded.planned(&banded.layer::<T>(&input_shape)?, &input_shape, layer.of(band))
    }
}

/// What pools with this reduction are called: "Max", "Avg", ….
fn reduction_name<R>() -> &'static str {
    match std::any::type_name::<R>().rsplit("::").next() {
        Some("Average") => "Avg",
        name => name.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
