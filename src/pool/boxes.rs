//! Pooling by boxes instead of a sliding window: adaptive pools, whose boxes share out the input, and global pools, with
//! one box for all of it.

use std::ops::Range;

use super::boxed::Layout;
use super::planes::{Pooled, Sizes};
use super::windows::{LONG, merges};
use super::{Average, L2, Layer, Max, Min, Reduction, reduction_name};
use crate::module::{Module, Operator, check_shape};
use crate::shape::MapShape;
use crate::tensor::{TensorView, TensorViewMut, collected, element_count};
use crate::window::{Window, unravel};
use crate::{Band, Bands, Element, Error, IntoPerAxis, Lowering, Plan, Result};

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

/// More outputs than this on one axis are computed one by one.
const MOST_OUTPUTS: usize = 1 << 20;

/// The boxes of an input that is shared out among outputs.
struct Boxes<const N: usize> {
    input: MapShape<N>,
    output: MapShape<N>,
}

impl<const N: usize> Boxes<N> {
    fn new(input: &[usize], output_size: [usize; N], operation: &str) -> Result<Self> {
        const { assert!(N > 0, "a pooling needs a spatial axis") }
        let input = MapShape::read(input, &format!("the input of {operation} {N}-D pooling"))?;
        for axis in 0..N {
            if output_size[axis] == 0 {
                return Err(Error::Zero { what: "output size", axis });
            }
            if input.spatial[axis] == 0 {
                return Err(Error::EmptyAxis { axis });
            }
        }
        let output = input.over(output_size);
        element_count::<u8>(&output.to_vec())?;
        Ok(Self { input, output })
    }

    /// The pixels of one output on one axis.
    fn range(&self, axis: usize, output: usize) -> Range<usize> {
        // In 128 bits: the product of two sizes need not fit into one.
        let (pixels, outputs) = (self.input.spatial[axis] as u128, self.output.spatial[axis] as u128);
        let start = output as u128 * pixels / outputs;
        let end = ((output as u128 + 1) * pixels).div_ceil(outputs);
        // Both lie within the axis.
        usize::try_from(start).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX)
    }

    /// The band of all rows, if these are all: boxes of some rows alone are cut otherwise.
    fn all_rows(&self, rows: Range<usize>) -> Option<Band> {
        let axis = self.input.to_vec().len() - N;
        let all = 0..self.output.spatial[0];
        (rows.start == 0 && rows.end >= all.end).then(|| Band::new(axis, 0..self.input.spatial[0], all))
    }

    fn reduce<T: Element>(
        &self,
        reduction: &impl Reduction<T>,
        input: &TensorView<'_, T>,
        output: TensorViewMut<'_, T>,
    ) -> Result<()> {
        reduction.validate()?;
        check_shape(&self.output.to_vec(), &output)?;
        let pixels = input.contiguous()?;
        let mut pooled = self.pooled(reduction)?;
        output.write_with(&mut |output| match &mut pooled {
            Some(pooled) => {
                pooled.run_dense(&pixels, output);
                Ok(())
            }
            // All at once, so that a sum can be taken in halves: by rows, its error would grow with their number.
            None => self.each_box(&pixels, output, &|pixels| {
                reduction.finish(reduction.step_all(reduction.start(), pixels), pixels.len())
            }),
        })
    }

    /// Fills every output from the pixels of its box.
    fn each_box<T: Element>(&self, pixels: &[T], output: &mut [T], reduce: &dyn Fn(&[T]) -> T) -> Result<()> {
        let outputs = self.output.spatial.iter().product();
        let plane = self.input.spatial.iter().product();
        let mut scratch = Vec::new();
        for (map, plane) in output.chunks_exact_mut(outputs).zip(pixels.chunks_exact(plane)) {
            for (number, out) in map.iter_mut().enumerate() {
                *out = reduce(self.pixels(unravel(number, self.output.spatial), plane, &mut scratch)?);
            }
        }
        Ok(())
    }

    /// Where the pixels of each output are; `None` where there are more axes than three, or more outputs than should be listed.
    fn layout(&self) -> Result<Option<(Layout, Sizes)>> {
        if N > 3 {
            return Ok(None);
        }
        // Nothing is laid down for outputs that may never be: a plan needs no data.
        if self.output.spatial.iter().any(|&outputs| outputs > MOST_OUTPUTS) || self.output.to_vec().contains(&0) {
            return Ok(None);
        }
        let mut plane = [1; 3];
        plane[3 - N..].copy_from_slice(&self.input.spatial);
        let mut ranges = [const { Vec::new() }; 3];
        for axis in 0..3 {
            ranges[axis] = match (axis + N).checked_sub(3) {
                Some(axis) => collected((0..self.output.spatial[axis]).map(|output| self.range(axis, output)))?,
                None => collected(std::iter::once(0..1))?,
            };
        }
        let planes = self.input.batch.unwrap_or(1).saturating_mul(self.input.channel_count());
        let outputs: usize = self.output.spatial.iter().product();
        let sizes = Sizes { planes, plane, spatial_axes: N, units: outputs, unit: 1 };
        Ok(Some((Layout::new(plane, ranges), sizes)))
    }

    /// The planes of the input, pooled by the kernels or by what merges, where there is either.
    fn pooled<T: Element>(&self, reduction: &impl Reduction<T>) -> Result<Option<Box<dyn Pooled<T>>>> {
        if reduction.operation().is_none() && !merges(reduction) {
            return Ok(None);
        }
        let Some((layout, sizes)) = self.layout()? else { return Ok(None) };
        let windows = match self.window() {
            Some(window) => Layer::new::<T>(&window, &self.input.to_vec())?.windows(None)?,
            None => None,
        };
        match windows {
            Some(windows) => reduction.windows(windows).map(Some),
            None => reduction.boxes(layout, sizes).map(Some),
        }
    }

    /// The window that side by side makes these boxes, where the sizes are whole multiples of those of the output.
    fn window(&self) -> Option<Window<N>> {
        let mut size = [0; N];
        for (axis, size) in size.iter_mut().enumerate() {
            let (pixels, outputs) = (self.input.spatial[axis], self.output.spatial[axis]);
            *size = pixels / outputs;
            if !pixels.is_multiple_of(outputs) || *size > LONG {
                return None;
            }
        }
        let is_one = self.output.spatial.iter().all(|&outputs| outputs == 1);
        (!is_one).then(|| Window::new(size).stride(size))
    }

    /// The plan, if there is anything to prepare.
    fn plan<T: Element>(&self, reduction: &impl Reduction<T>, input: &[usize]) -> Result<Option<Plan<T>>> {
        reduction.validate()?;
        self.pooled(reduction)?.map(|pooled| pooled.into_plan(input, &self.output.to_vec())).transpose()
    }

    /// The pixels in the box of an output: borrowed where they are neighbours, else collected in `scratch`.
    fn pixels<'a, T: Copy>(&self, output: [usize; N], plane: &'a [T], scratch: &'a mut Vec<T>) -> Result<&'a [T]> {
        let ranges: [Range<usize>; N] = std::array::from_fn(|axis| self.range(axis, output[axis]));
        let mut rows = ranges.each_ref().map(ExactSizeIterator::len);
        let count: usize = rows.iter().product();
        if count == plane.len() {
            return Ok(plane);
        }
        let row = std::mem::replace(&mut rows[N - 1], 1);
        scratch.clear();
        let refused = |_| Error::OutOfMemory { bytes: count * size_of::<T>(), shape: vec![count] };
        scratch.try_reserve(count).map_err(refused)?;
        for number in 0..rows.iter().product() {
            let at = unravel(number, rows);
            let start = (0..N).fold(0, |flat, axis| flat * self.input.spatial[axis] + ranges[axis].start + at[axis]);
            scratch.extend_from_slice(&plane[start..][..row]);
        }
        Ok(scratch)
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
