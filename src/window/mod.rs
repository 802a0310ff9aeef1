//! The core: a window slides over an image, and something is computed from what lies under it.
//!
//! A convolution and a pooling do the same walk; they differ only in what is computed. So all geometry is
//! here, one axis at a time, and everything else in the crate stands on it.
//!
//! ```text
//! input axis     · · [a b c d e f g] · ·       padding 2 and 2, size 3, stride 2, dilation 1
//! output 0       └─────┘
//! output 1           └─────┘
//! output 2               └─────┘
//! output 3                   └─────┘
//! output 4                       └─────┘
//! ```
//!
//! - [`Window`] is the question: size, stride, dilation, padding, rounding.
//! - [`Geometry`] is the answer for an input of known size: one [`Axis`] for each spatial axis.
//! - **By output** ("gather"): for an output, the taps that lie inside the input, and where. [`Windows`]
//!   iterates so; the references are written so; so is an operation of your own, a median filter, say.
//! - **By tap** ("shift"): for a tap, the run of outputs whose pixel lies inside the input.
//!   [`Geometry::row_taps`] reads so, and [`Geometry::accumulate`] is the whole walk. Fast loops are written so: a
//!   tap is a constant offset, and a run is a vector loop with no test for the border inside it.

mod accumulate;
pub(crate) mod arguments;
mod axis;
mod band;
mod padding;
#[cfg(feature = "rayon")]
mod parallel;
mod run;
#[cfg(feature = "serde")]
mod serial;
mod taps;
mod under;
mod windows;

pub use crate::terms::PaddingMode;
pub use arguments::PerAxis;
pub use axis::Axis;
pub use padding::Padding;
#[cfg(feature = "rayon")]
pub use parallel::ParallelWindows;
pub use run::Run;
pub use taps::TapRun;
pub use under::{Pixels, Taps, WindowView};
pub use windows::Windows;

pub(crate) use axis::AxisSpec;

use std::ops::Rem;

use num_traits::Zero;

use crate::tensor::{Tensor, TensorView, filled};
use crate::{Error, Result};
use arguments::{IntoPadding, IntoPerAxis};

/// A window over one spatial axis: a [`Window`]. Over `n` elements it stands in
/// `⌊(n + padding − dilation · (size − 1) − 1) / stride⌋ + 1` places.
///
/// ```
/// use featuremap::Window1d;
///
/// let pairs = Window1d::new(2).over(&[1, 2, 3])?;
/// let sums: Vec<i32> = pairs.map(|pair| pair.iter().sum()).collect();
/// assert_eq!(sums, [3, 5]);
/// # Ok::<(), featuremap::Error>(())
/// ```
pub type Window1d = Window<1>;
/// A window over two spatial axes: a [`Window`]. On each axis it stands in
/// `⌊(length + padding − dilation · (size − 1) − 1) / stride⌋ + 1` places.
///
/// ```
/// use featuremap::Window2d;
///
/// // The number of axes is known from the name, so one number does for the size.
/// let plane = [[1, 2, 3], [4, 5, 6], [7, 8, 9]];
/// assert_eq!(Window2d::new(2).over(&plane)?.len(), 4);
/// # Ok::<(), featuremap::Error>(())
/// ```
pub type Window2d = Window<2>;
/// A window over three spatial axes: a [`Window`]. On each axis it stands in
/// `⌊(length + padding − dilation · (size − 1) − 1) / stride⌋ + 1` places.
///
/// ```
/// use featuremap::Window3d;
///
/// assert_eq!(Window3d::new(3).padding(1).output_size([4, 5, 6])?, [4, 5, 6]);
/// # Ok::<(), featuremap::Error>(())
/// ```
pub type Window3d = Window<3>;

/// A sliding window over `N` spatial axes: size, stride, dilation, padding and rounding.
///
/// Stride and dilation are 1, padding is none and sizes round down unless asked otherwise. Nothing is
/// checked until the window meets an input.
///
/// ```
/// use featuremap::Window;
/// use ndarray::array;
///
/// // (6 − 3)/2 + 1 = 2.5 → 2 rows and (7 − 3)/2 + 1 = 3 columns.
/// assert_eq!(Window::new([3, 3]).stride(2).output_size([6, 7])?, [2, 3]);
/// assert_eq!(Window::new([3, 3]).stride(2).ceil_mode(true).output_size([6, 7])?, [3, 3]);
///
/// let plane = array![[3, 1, 1, 3], [2, 5, 0, 2], [1, 4, 2, 1], [4, 7, 2, 4]];
/// let largest: Vec<_> = Window::new([2, 2])
///     .stride(2)
///     .over(&plane)?
///     .map(|window| *window.iter().max().expect("no window is empty without padding"))
///     .collect();
/// assert_eq!(largest, [5, 3, 7, 4]);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("im2col", "unfold", "sliding_window_view", "extract_patches"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "serial::WindowForm", try_from = "serial::WindowForm"))]
pub struct Window<const N: usize> {
    size: [usize; N],
    stride: [usize; N],
    dilation: [usize; N],
    padding: Padding<N>,
    ceil_mode: bool,
}

// The compiler shows these three lines to whoever gives one number and does not say for how many axes.
impl<const N: usize> Window<N> {
    /// A window of this size, stride 1, no padding; one number needs the axes, as in `Window2d::new(3)`.
    pub fn new(size: impl IntoPerAxis<N>) -> Self {
        const { assert_rank(N) }
        Self {
            size: size.into_per_axis().0,
            stride: [1; N],
            dilation: [1; N],
            padding: Padding::Valid,
            ceil_mode: false,
        }
    }

    /// The distance between the windows of neighbouring outputs, in pixels.
    pub fn stride(mut self, stride: impl IntoPerAxis<N>) -> Self {
        self.stride = stride.into_per_axis().0;
        self
    }

    /// The distance between neighbouring taps, in pixels; 1 for a window without holes.
    #[doc(alias = "atrous")]
    pub fn dilation(mut self, dilation: impl IntoPerAxis<N>) -> Self {
        self.dilation = dilation.into_per_axis().0;
        self
    }

    /// How far windows reach beyond the input.
    pub fn padding(mut self, padding: impl IntoPadding<N>) -> Self {
        self.padding = padding.into_padding();
        self
    }

    /// Whether output sizes round up, so that the last window may reach beyond the padded input. As in PyTorch and ONNX,
    /// the last window is dropped again if it would start beyond the input and the padding before it, and a window larger
    /// than the padded input, by less than a stride, has one output.
    /// [`Padding::Same`] never needs to round.
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.ceil_mode = ceil_mode;
        self
    }

    /// Taps on each axis.
    pub fn size(&self) -> [usize; N] {
        self.size
    }

    /// The same window with another size, as filters give it.
    pub(crate) fn with_size(self, size: [usize; N]) -> Self {
        Self { size, ..self }
    }

    pub(crate) fn padding_rule(&self) -> Padding<N> {
        self.padding
    }

    pub(crate) fn spec(&self, axis: usize, length: usize) -> AxisSpec {
        AxisSpec { axis, length, size: self.size[axis], stride: self.stride[axis], dilation: self.dilation[axis] }
    }

    /// Lays the window over an input of this size.
    ///
    /// # Errors
    ///
    /// [`Error::Zero`] for a zero size, stride or dilation, [`Error::EmptyAxis`] for an empty input,
    /// [`Error::WindowTooLarge`] where the window does not fit into the padded input (in [`ceil_mode`](Self::ceil_mode),
    /// where it is larger by a stride or more), [`Error::TooLarge`] for sizes that would overflow.
    pub fn geometry(&self, input_size: [usize; N]) -> Result<Geometry<N>> {
        Geometry::new(try_map_axes(|axis| self.padding.axis(self.spec(axis, input_size[axis]), self.ceil_mode))?)
    }

    /// The number of outputs on each axis, for an input of this size:
    /// `floor((n + before + after − dilation · (size − 1) − 1) / stride) + 1`.
    ///
    /// # Errors
    ///
    /// As [`geometry`](Self::geometry).
    pub fn output_size(&self, input_size: [usize; N]) -> Result<[usize; N]> {
        Ok(self.geometry(input_size)?.output_size())
    }

    /// The windows over a plane of `N` axes, one for each output, in row-major order.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] for anything but `N` axes; otherwise as [`geometry`](Self::geometry).
    #[doc(alias("im2col", "unfold", "sliding_window_view", "windows", "generic_filter"))]
    pub fn over<'a, T>(&self, plane: impl Into<TensorView<'a, T>>) -> Result<Windows<'a, T, N>> {
        let plane = plane.into();
        let size = <[usize; N]>::try_from(plane.shape()).map_err(|_| Error::Rank {
            what: "the plane under a window".into(),
            expected: format!("of rank {N}, one axis for each of the window"),
            found: plane.shape().to_vec(),
        })?;
        Ok(Windows::new(&plane, self.geometry(size)?))
    }
}

/// A [`Window`] laid over an input of known size: one [`Axis`] for each spatial axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry<const N: usize> {
    axes: [Axis; N],
}

impl<const N: usize> Geometry<N> {
    /// Joins axes whose outputs can be counted together.
    pub(crate) fn new(axes: [Axis; N]) -> Result<Self> {
        let geometry = Self { axes };
        let product = |sizes: [usize; N]| sizes.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
        for (what, sizes) in [
            ("the window", axes.map(|axis| axis.size())),
            ("the input", geometry.input_size()),
            ("the output", geometry.output_size()),
        ] {
            if product(sizes).is_none() {
                return Err(Error::TooLarge { what, sizes: sizes.to_vec() });
            }
        }
        Ok(geometry)
    }

    /// The spatial axes, outermost first.
    pub fn axes(&self) -> &[Axis; N] {
        &self.axes
    }

    /// Pixels on each axis.
    pub fn input_size(&self) -> [usize; N] {
        self.axes.map(|axis| axis.length())
    }

    /// Outputs on each axis.
    pub fn output_size(&self) -> [usize; N] {
        self.axes.map(|axis| axis.outputs())
    }

    /// Outputs in all.
    pub fn outputs(&self) -> usize {
        self.output_size().iter().product()
    }

    /// Pixels in all.
    pub fn pixels(&self) -> usize {
        self.input_size().iter().product()
    }

    /// Taps in all.
    pub fn taps(&self) -> usize {
        self.axes.iter().map(Axis::size).product()
    }

    /// In how many windows each pixel takes part: a border pixel in few, one in the middle in many. On each axis, the time
    /// is that of the taps or of the outputs, whichever are fewer, times the pixels.
    ///
    /// ```
    /// use featuremap::{Tensor, Window};
    /// use ndarray::array;
    ///
    /// let coverage = Window::new([3]).geometry([5])?.coverage()?;
    /// assert_eq!(coverage, Tensor::from(array![1_usize, 2, 3, 2, 1]));
    /// let coverage = Window::new([3]).padding(1).geometry([5])?.coverage()?;
    /// assert_eq!(coverage, Tensor::from(array![2_usize, 3, 3, 3, 2]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] where the input's size is more than memory can hold.
    pub fn coverage(&self) -> Result<Tensor<usize>> {
        // A window is a product of its axes, and so is the number of windows over a pixel.
        let mut counts = filled(&self.input_size(), 1_usize)?;
        let mut inner = 1;
        for axis in self.axes.iter().rev() {
            let along = coverage_of_axis(axis)?;
            for (flat, count) in counts.iter_mut().enumerate() {
                *count *= along[flat / inner % axis.length()];
            }
            inner *= axis.length();
        }
        Tensor::from_vec(&self.input_size(), counts)
    }

    /// Over three axes, outermost first: those that are lacking have one pixel. `None` for more.
    pub(crate) fn in_three(&self) -> Option<[Axis; 3]> {
        let mut axes = [Axis::still(1); 3];
        axes.get_mut(3_usize.checked_sub(N)?..)?.copy_from_slice(&self.axes);
        Some(axes)
    }

    /// For a pooling: no window may lie on padding alone.
    pub(crate) fn refuse_empty_windows(self) -> Result<Self> {
        for (number, axis) in self.axes.iter().enumerate() {
            if let Some(output) = axis.first_empty_window() {
                return Err(Error::EmptyWindow {
                    axis: number,
                    output,
                    start: axis.position(output, 0),
                    size: axis.size(),
                    dilation: axis.dilation(),
                    length: axis.length(),
                });
            }
        }
        Ok(self)
    }
}

fn coverage_of_axis(axis: &Axis) -> Result<Vec<usize>> {
    let mut counts = filled(&[axis.length()], 0_usize)?;
    for (_, run) in axis.tap_runs() {
        counts[run.input..].iter_mut().step_by(run.step).take(run.range.len()).for_each(|count| *count += 1);
    }
    Ok(counts)
}

/// Refuses, when compiling, windows that no tensor is made for.
const fn assert_rank(axes: usize) {
    assert!(axes > 0 && axes <= 6, "a window has one to six spatial axes");
}

/// `[f(0), …, f(N − 1)]`, or the first error.
pub(crate) fn try_map_axes<A: Copy, const N: usize>(f: impl FnMut(usize) -> Result<A>) -> Result<[A; N]> {
    let values: Vec<A> = (0..N).map(f).collect::<Result<_>>()?;
    Ok(std::array::from_fn(|axis| values[axis]))
}

/// The greatest common divisor.
pub(crate) fn common_divisor<N: Zero + Copy + Rem<Output = N>>(one: N, other: N) -> N {
    if other.is_zero() { one } else { common_divisor(other, one % other) }
}

/// The coordinates of the `flat`-th element of a box of these sizes, in row-major order.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the window iterator depends on it; see there")]
pub(crate) fn unravel<const N: usize>(mut flat: usize, sizes: [usize; N]) -> [usize; N] {
    let mut position = [0; N];
    for axis in (0..N).rev() {
        position[axis] = flat % sizes[axis];
        flat /= sizes[axis];
    }
    position
}

/// The next place of an odometer that counts `sizes` on its first `axes` axes.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the window iterator depends on it; see there")]
pub(crate) fn advance<const N: usize>(at: &mut [usize; N], sizes: &[usize; N], axes: usize) {
    for axis in (0..axes).rev() {
        at[axis] += 1;
        if at[axis] < sizes[axis] {
            return;
        }
        at[axis] = 0;
    }
}
