//! Max unpooling: puts pooled values back where they came from.

use crate::tensor::{MapShape, Tensor, element_count, filled};
use crate::window::{Window, try_map_axes};
use crate::{AsView, Element, Error, IntoPadding, IntoPerAxis, Result};

/// Max unpooling on one spatial axis: a [`MaxUnpool`].
///
/// Values and indices are `[batch, channels, length]`, with or without the first two axes; the output has
/// `(length − 1) · stride + size − padding` pixels, or as many as [`output_size`](MaxUnpool::output_size) says.
///
/// ```
/// use featuremap::{MaxPool1d, MaxUnpool1d, Tensor};
///
/// let (values, indices) = MaxPool1d::new(2).forward_with_indices([3, 1, 2, 5])?;
/// let back = MaxUnpool1d::new(2).forward(&values, &indices)?;
/// assert_eq!(back, Tensor::from([3, 0, 0, 5]));
/// # Ok::<(), featuremap::Error>(())
/// ```
pub type MaxUnpool1d = MaxUnpool<1>;
/// Max unpooling on two spatial axes: a [`MaxUnpool`].
///
/// Values and indices are `[batch, channels, height, width]`, with or without the first two axes; each axis of the output has
/// `(length − 1) · stride + size − padding` pixels, or as many as [`output_size`](MaxUnpool::output_size) says.
///
/// ```
/// use featuremap::{MaxPool2d, MaxUnpool2d, Tensor};
///
/// let (values, indices) = MaxPool2d::new(2).forward_with_indices([[3, 1, 1], [2, 5, 0]])?;
/// assert_eq!(indices, Tensor::from([[4_i64]])); // counted row by row
/// let back = MaxUnpool2d::new(2).output_size((2, 3)).forward(&values, &indices)?;
/// assert_eq!(back, Tensor::from([[0, 0, 0], [0, 5, 0]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
pub type MaxUnpool2d = MaxUnpool<2>;
/// Max unpooling on three spatial axes: a [`MaxUnpool`].
///
/// Values and indices are `[batch, channels, depth, height, width]`, with or without the first two axes; each axis of the output has
/// `(length − 1) · stride + size − padding` pixels, or as many as [`output_size`](MaxUnpool::output_size) says.
///
/// ```
/// use featuremap::{MaxPool3d, MaxUnpool3d, Tensor};
///
/// let pool = MaxPool3d::new((1, 1, 2));
/// let (values, indices) = pool.forward_with_indices([[[3, 1, 2, 5]]])?;
/// let back = MaxUnpool3d::new((1, 1, 2)).forward(&values, &indices)?;
/// assert_eq!(back, Tensor::from([[[3, 0, 0, 5]]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
pub type MaxUnpool3d = MaxUnpool<3>;

/// The partial inverse of a max (or min) pooling: every value goes back to the place that its index names, and all
/// other pixels are zero. These are the semantics of PyTorch's `MaxUnpool2d`; segmentation networks use it to restore
/// positions.
///
/// Window, stride and padding are those of the pooling. They give the size of the output, `(n − 1) · stride + size −
/// before − after`, where the true size is not [given](Self::output_size).
///
/// ```
/// use featuremap::{MaxPool2d, MaxUnpool2d, Tensor};
/// use ndarray::array;
///
/// let map = array![[3, 1, 1, 3], [2, 5, 0, 2]];
/// let (values, indices) = MaxPool2d::new(2).forward_with_indices(&map)?;
/// let back = MaxUnpool2d::new(2).forward(&values, &indices)?;
/// assert_eq!(back, Tensor::from(array![[0, 0, 0, 3], [0, 5, 0, 0]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("unpool", "MaxUnpooling2D"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxUnpool<const N: usize> {
    window: Window<N>,
    output_size: Option<[usize; N]>,
}

impl<const N: usize> MaxUnpool<N> {
    /// Undoes a pooling over windows of this size, with as large a stride and no padding.
    pub fn new(size: impl IntoPerAxis<N>) -> Self {
        let size = size.into_per_axis();
        Self { window: Window::new(size).stride(size), output_size: None }
    }

    /// The stride of the pooling; the size of the window unless given.
    pub fn stride(mut self, stride: impl IntoPerAxis<N>) -> Self {
        self.window = self.window.stride(stride);
        self
    }

    /// The padding of the pooling; none unless given.
    pub fn padding(mut self, padding: impl IntoPadding<N>) -> Self {
        self.window = self.window.padding(padding);
        self
    }

    /// The size of the output, where the window's parameters do not tell: the size that the pooling had for its input.
    pub fn output_size(mut self, size: impl IntoPerAxis<N>) -> Self {
        self.output_size = Some(size.into_per_axis().0);
        self
    }

    fn output_shape(&self, values: &[usize]) -> Result<MapShape<N>> {
        let values = MapShape::read(values, &format!("the values of a {N}-D unpooling"))?;
        let size = match self.output_size {
            Some(size) => size,
            None => try_map_axes(|axis| {
                let spec = self.window.spec(axis, values.spatial[axis]);
                Ok(spec.transposed(&self.window.padding_rule(), 0)?.length())
            })?,
        };
        Ok(values.over(size))
    }

    /// Puts each of `values` at the index that `indices` has in its place: an index into the output plane, counted flat
    /// in row-major order. Where two values name one place, the later in row-major order stays.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] for values of another rank than the window's, [`Error::Shape`] if the indices have another
    /// shape than the values, [`Error::IndexOutOfRange`] for an index outside the output plane, and the errors of
    /// sizes as for a transposed convolution.
    pub fn forward<T: Element>(&self, values: impl AsView<T>, indices: impl AsView<i64>) -> Result<Tensor<T>> {
        let (values, indices) = (values.as_view(), indices.as_view());
        if values.shape() != indices.shape() {
            return Err(Error::Shape {
                what: "the indices of an unpooling",
                expected: values.shape().to_vec(),
                found: indices.shape().to_vec(),
            });
        }
        let output = self.output_shape(values.shape())?;
        let shape = output.to_vec();
        element_count::<T>(&shape)?;
        let pixels: usize = output.spatial.iter().product();
        let pooled: usize = values.shape()[values.rank() - N..].iter().product();

        let mut map = filled(&shape, T::ZERO)?;
        let (values, indices) = (values.contiguous()?, indices.contiguous()?);
        for (position, (&value, &index)) in values.iter().zip(indices.iter()).enumerate() {
            let Some(place) = usize::try_from(index).ok().filter(|&place| place < pixels) else {
                return Err(Error::IndexOutOfRange { index, position, pixels });
            };
            map[position / pooled * pixels + place] = value;
        }
        Tensor::from_vec(&shape, map)
    }
}
