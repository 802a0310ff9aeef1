//! Borrowed tensors to read from. Making one allocates nothing up to rank 8, but of an array of dynamic rank from 5 on that does not
//! lie in row-major order.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use ndarray::{
    ArrayBase, ArrayView1, ArrayView5, ArrayView6, ArrayViewD, Axis, Data, Dimension, IndexLonger, IxDyn, ViewRepr,
};

use super::inline::{Inline, Shape, is_long, volume_order, wrong_length};
use super::{Tensor, TensorViewMut, filled};
use crate::Result;

/// A borrowed tensor: what every operation takes.
///
/// Arrays and views of any dimension and any strides become a `TensorView` by `From`, without a copy: a
/// sliced, transposed, reversed or channels-last view gives the same result as the array it looks like.
///
/// ```
/// use featuremap::{MaxPool2d, Module, Tensor, TensorView};
/// use ndarray::{array, s};
///
/// let image = array![[1, 2, 3, 4], [5, 6, 7, 8]];
/// assert_eq!(TensorView::from(&image).shape(), [2, 4]);
///
/// let mirrored = image.slice(s![.., ..;-1]);
/// assert_eq!(MaxPool2d::new(2).forward(&mirrored)?, Tensor::from(array![[8, 6]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
pub struct TensorView<'a, T> {
    pub(super) array: Inline<ViewRepr<&'a T>>,
}

impl<'a, T> TensorView<'a, T> {
    pub(super) fn new<D: Dimension>(array: ndarray::ArrayView<'a, T, D>) -> Self {
        Self { array: Inline::new(array) }
    }

    /// A slice of elements in row-major order, seen under a shape that has as many.
    ///
    /// ```
    /// use featuremap::TensorView;
    ///
    /// let raw = [1, 2, 3, 4, 5, 6];
    /// assert_eq!(TensorView::from_slice(&[2, 3], &raw)?.get(&[1, 0]), Some(&4));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) if the number of elements is not that of the shape.
    pub fn from_slice(shape: &[usize], elements: &'a [T]) -> Result<Self> {
        if let Some(held) = Shape::new(shape) {
            return match held.held().map(|full| ArrayView1::from(elements).into_shape_with_order(full)) {
                Some(Ok(array)) => Ok(Self { array: Inline::Held { array, shape: held } }),
                _ => Err(wrong_length(shape, elements.len())),
            };
        }
        match ArrayView1::from(elements).into_shape_with_order(IxDyn(shape)) {
            Ok(array) => Ok(Self::new(array)),
            Err(_) => Err(wrong_length(shape, elements.len())),
        }
    }

    /// Lengths of the axes, outermost first.
    pub fn shape(&self) -> &[usize] {
        self.array.shape()
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at an index, or `None` where the index has another rank or lies outside.
    pub fn get(&self, index: &[usize]) -> Option<&'a T> {
        match &self.array {
            Inline::Held { array, shape } => IndexLonger::get(array, shape.index(index)?),
            Inline::Deep(array) => IndexLonger::get(array, index),
        }
    }

    /// The view at rank 6, with axes of length 1 in front; for views of rank 6 at most.
    pub(crate) fn at_rank_six(&self) -> ArrayView6<'a, T> {
        match &self.array {
            Inline::Held { array, .. } => *array,
            Inline::Deep(_) => unreachable!("the caller has checked the rank"),
        }
    }

    /// The view as `[image, channel, plane, row, column]`, with axes of length 1 for those that are not there; for views of
    /// rank 6 at most with three spatial axes at most.
    pub(crate) fn as_volumes(&self, spatial_axes: usize) -> ArrayView5<'a, T> {
        self.at_rank_six().permuted_axes(volume_order(spatial_axes)).index_axis_move(Axis(0), 0)
    }

    /// The element at an index that the caller knows to lie inside.
    pub(crate) fn pixel(&self, index: &[usize]) -> &'a T {
        self.get(index).expect("the geometry stays inside the input it was made for")
    }

    /// The elements as one slice, where they lie in row-major order without gaps.
    pub fn to_slice(&self) -> Option<&'a [T]> {
        match &self.array {
            Inline::Held { array, .. } => array.to_slice(),
            Inline::Deep(array) => array.to_slice(),
        }
    }

    /// The same elements for a shorter time.
    pub(crate) fn reborrow(&self) -> TensorView<'_, T> {
        match &self.array {
            Inline::Held { array, shape } => TensorView { array: Inline::Held { array: array.view(), shape: *shape } },
            Inline::Deep(array) => TensorView { array: Inline::Deep(array.view()) },
        }
    }

    /// The part in a range of one axis, both of which the caller knows to be there.
    pub(crate) fn part(&self, axis: usize, range: Range<usize>) -> Self {
        Self { array: self.clone().array.part(axis, range) }
    }

    /// The view as an `ndarray` view.
    pub fn into_array_view(self) -> ArrayViewD<'a, T> {
        self.array.into_dyn()
    }

    /// A tensor of its own, with the elements copied in row-major order.
    pub fn to_tensor(&self) -> Tensor<T>
    where
        T: Clone,
    {
        Tensor::from(self.clone().into_array_view().as_standard_layout().into_owned())
    }

    /// The elements in row-major order.
    pub fn iter(&self) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.clone().into_array_view().into_iter()
    }

    /// The elements in row-major order: borrowed where they lie so, else copied.
    pub(crate) fn contiguous(&self) -> Result<Cow<'a, [T]>>
    where
        T: Copy + Default,
    {
        if let Some(elements) = self.to_slice() {
            return Ok(Cow::Borrowed(elements));
        }
        Ok(Cow::Owned(self.copied(T::default())?))
    }

    /// A copy of the elements in row-major order, in memory that is first filled with `blank`.
    pub(crate) fn copied(&self, blank: T) -> Result<Vec<T>>
    where
        T: Copy,
    {
        let mut copy = filled(self.shape(), blank)?;
        TensorViewMut::from_slice(self.shape(), &mut copy)?.assign(self);
        Ok(copy)
    }
}

impl<T: fmt::Debug> fmt::Debug for TensorView<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TensorView").field(&self.clone().into_array_view()).finish()
    }
}

/// Views of one shape with equal elements are equal.
///
/// ```
/// use featuremap::TensorView;
/// use ndarray::array;
///
/// let (rows, columns) = (array![[1, 2], [3, 4]], array![[1, 3], [2, 4]]);
/// assert_eq!(TensorView::from(&rows), TensorView::from(&columns.t()));
/// ```
impl<T: PartialEq> PartialEq for TensorView<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.array, &other.array) {
            (Inline::Held { array, shape }, Inline::Held { array: other, shape: other_shape }) => {
                shape == other_shape && array == other
            }
            _ => self.clone().into_array_view() == other.clone().into_array_view(),
        }
    }
}

impl<T> Clone for TensorView<'_, T> {
    fn clone(&self) -> Self {
        Self {
            array: match &self.array {
                Inline::Held { array, shape } => Inline::Held { array: *array, shape: *shape },
                Inline::Deep(array) => Inline::Deep(array.clone()),
            },
        }
    }
}

impl<'a, T, S: Data<Elem = T>, D: Dimension> From<&'a ArrayBase<S, D>> for TensorView<'a, T> {
    fn from(array: &'a ArrayBase<S, D>) -> Self {
        if is_long(array.ndim())
            && let Some(elements) = array.as_slice()
            && let Ok(view) = Self::from_slice(array.shape(), elements)
        {
            return view;
        }
        Self::new(array.view())
    }
}
