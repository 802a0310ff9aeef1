//! Pooling: a window slides over each channel, and a [`Reduction`] makes one value of the pixels under it.

mod across;
mod boxed;
mod boxes;
mod channels;
mod counts;
mod fast;
mod indices;
mod kernels;
mod operation;
mod outputs;
mod pairs;
mod planes;
mod problem;
mod reduction;
pub mod reference;
mod short;
mod small;
mod staged;
mod stages;
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
pub(crate) use kernels::Kernels;
pub use reduction::{Average, L2, Lp, Max, Min, Reduction, Selection};
pub use unpool::{MaxUnpool, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d};

use std::ops::Range;

use crate::module::{Module, Operator, check_shape};
use crate::shape::MapShape;
use crate::tensor::{TensorView, TensorViewMut, element_count};
use crate::window::{Axis, Geometry, Window};
use crate::{Band, Bands, Element, IntoPadding, IntoPerAxis, Lowering, Plan, Pooling, Quads, Result};
use operation::Operation;
use planes::{Pooled, Sizes};
use problem::Problem;
use windows::{Of, Windows};

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

/// A pooling whose parameters fit an input.
struct Layer<const N: usize> {
    geometry: Geometry<N>,
    output: MapShape<N>,
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
    fn layer<T>(&self, input: &[usize]) -> Result<Layer<N>> {
        Layer::new::<T>(&self.window, input)
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

impl<const N: usize> Layer<N> {
    fn new<T>(window: &Window<N>, input: &[usize]) -> Result<Self> {
        let input = MapShape::read(input, &format!("the input of a {N}-D pooling"))?;
        let geometry = window.geometry(input.spatial)?.refuse_empty_windows()?;
        let output = input.over(geometry.output_size());
        element_count::<T>(&output.to_vec())?;
        Ok(Self { geometry, output })
    }

    /// Whether windows are 2×2 and lie side by side, each whole.
    fn is_pairs(&self) -> bool {
        matches!(Problem::new(&self.geometry), Ok(Some(problem)) if problem.is_pairs())
    }

    /// The band of some rows of outputs of a window.
    fn band(&self, window: &Window<N>, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        let output = rows.start..rows.end.min(self.geometry.axes().first()?.outputs());
        let (input, banded) = self.geometry.band(output.clone())?;
        window.of_geometry(&banded)?;
        let (axis, rows) = (input_shape.len() - N, &banded.axes()[0]);
        Some(Band { before: rows.before(), after: rows.after(), ..Band::new(axis, input, output) })
    }

    /// The window that computes a band alone.
    fn window_of(&self, window: &Window<N>, input_shape: &[usize], band: &Band) -> Result<Window<N>> {
        band.check_over(N, input_shape, &self.output.to_vec())?;
        let banded = self.geometry.band(band.output.clone()).filter(|(pixels, _)| *pixels == band.input);
        banded.and_then(|(_, banded)| window.of_geometry(&banded)).ok_or_else(|| band.misfit(input_shape))
    }

    fn windows(&self, of: Option<Of>) -> Result<Option<Windows>> {
        let Some(problem) = Problem::new(&self.geometry)? else { return Ok(None) };
        Ok(Some(Windows { problem, sizes: self.sizes(), is_vast: self.is_vast(), of }))
    }

    /// What a band of this layer is a band of; `None` for one of all pixels and outputs, which is the whole.
    fn of(&self, band: &Band) -> Result<Option<Of>> {
        let axes = self.geometry.axes();
        if (band.input.len(), band.output.len()) == (axes[0].length(), axes[0].outputs()) {
            return Ok(None);
        }
        let pairs = Problem::new(&self.geometry)?.is_some_and(|problem| problem.is_pairs());
        Ok(Some(match N {
            2 => Of { first: band.output.start, rows: axes[0].length(), pairs },
            // Volumes are cut between planes, and what has one axis has one row.
            _ => Of { first: 0, rows: axes.get(1).map_or(1, Axis::length), pairs },
        }))
    }

    /// Whether an axis has so many outputs, or a window so many taps on pixels, that nothing should be laid down for each of them
    /// before there is any data.
    fn is_vast(&self) -> bool {
        self.geometry.axes().iter().any(|axis| axis.outputs().max(axis.size().min(axis.length())) > 1 << 24)
    }

    fn planes(&self) -> usize {
        self.output.batch.unwrap_or(1).saturating_mul(self.output.channel_count())
    }

    fn sizes(&self) -> Sizes {
        let size = self.geometry.input_size();
        let mut plane = [1; 3];
        // More axes than three count as one, in front: nothing asks for them but their product.
        plane[3_usize.saturating_sub(N)..].copy_from_slice(&size[N.saturating_sub(3)..]);
        plane[0] *= size[..N.saturating_sub(3)].iter().product::<usize>();
        let (units, unit) = (self.geometry.rows(), self.geometry.row_length());
        Sizes { planes: self.planes(), plane, spatial_axes: N, units, unit }
    }
}

impl<R, const N: usize> Pool<R, N> {
    /// What pools the planes of a layer, which may be a band; `None` for more than three spatial axes.
    fn pooled<T: Element>(&self, layer: &Layer<N>, of: Option<Of>) -> Result<Option<Box<dyn Pooled<T>>>>
    where
        R: Reduction<T>,
    {
        layer.windows(of)?.map(|windows| self.reduction.windows(windows)).transpose()
    }

    fn planned<T: Element>(&self, input_shape: &[usize], of: Option<Of>) -> Result<Plan<T>>
    where
        R: Reduction<T>,
    {
        let layer = self.layer::<T>(input_shape)?;
        self.reduction.validate()?;
        let output_shape = layer.output.to_vec();
        if layer.is_vast() || output_shape.contains(&0) {
            return Plan::of(self.clone(), input_shape);
        }
        match self.pooled(&layer, of)? {
            Some(pooled) => pooled.into_plan(input_shape, &output_shape),
            None => Plan::of(self.clone(), input_shape),
        }
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Module<T> for Pool<R, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        let layer = self.layer::<T>(input.shape())?;
        self.reduction.validate()?;
        check_shape(&layer.output.to_vec(), &output)?;
        let pixels = input.contiguous()?;
        // More axes than three are rare, and what few programs need is not compiled for the others.
        if const { N > 3 } {
            return output.write_with(&mut |output| reference::write(self, &layer, &pixels, output));
        }
        output.write_with(&mut |output| {
            if let Some(mut pooled) = self.pooled(&layer, None)? {
                pooled.run_dense(&pixels, output);
            }
            Ok(())
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        self.planned(input_shape, None)
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Pooling(self)
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Pooling<T> for Pool<R, N> {
    fn quads(&self, input_shape: &[usize]) -> Option<Quads> {
        let quads = match self.reduction.operation()? {
            Operation::Max => Quads::Max,
            Operation::Min => Quads::Min,
            Operation::Average { .. } | Operation::L2 | Operation::Lp { .. } => return None,
        };
        self.layer::<T>(input_shape).ok()?.is_pairs().then_some(quads)
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Bands<T> for Pool<R, N> {
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        self.layer::<T>(input_shape).ok()?.band(&self.window, input_shape, rows)
    }

    fn plan_band(&self, input_shape: &[usize], band: &Band) -> Result<Plan<T>> {
        let layer = self.layer::<T>(input_shape)?;
        let window = layer.window_of(&self.window, input_shape, band)?;
        Self { window, ..self.clone() }.planned(&band.input_shape(input_shape), layer.of(band)?)
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
