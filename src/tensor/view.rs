//! Borrowed tensors. Their shapes are kept inline: making a view allocates nothing up to rank 6.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use ndarray::{
    ArrayBase, ArrayView5, ArrayView6, ArrayViewD, ArrayViewMut5, ArrayViewMut6, ArrayViewMutD, Axis, Data, DataMut,
    Dimension, IndexLonger, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn, RawData, Slice, ViewRepr,
};

use super::{Tensor, filled};
use crate::{Error, Result};

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
    array: Inline<ViewRepr<&'a T>>,
}

/// A borrowed tensor to write to: the caller's memory for [`Module::forward_into`](crate::Module::forward_into).
///
/// ```
/// use featuremap::{Module, Relu, TensorViewMut};
/// use ndarray::{Array2, array};
///
/// let mut positive = Array2::zeros((1, 3));
/// Relu.forward_into((&array![[-1.0, 0.5, 2.0]]).into(), (&mut positive).into())?;
/// assert_eq!(positive, array![[0.0, 0.5, 2.0]]);
/// # Ok::<(), featuremap::Error>(())
/// ```
pub struct TensorViewMut<'a, T> {
    array: Inline<ViewRepr<&'a mut T>>,
}

/// An array of any rank whose shape needs no allocation up to rank 6: it is held at rank 6, with axes of
/// length 1 in front. (A dynamic shape of `ndarray` allocates from rank 5 on, which a batch of volumes has.)
enum Inline<S: RawData> {
    UpToSix { array: ArrayBase<S, Ix6>, rank: usize },
    Deep(ArrayBase<S, IxDyn>),
}

/// `array` with rank `$from`, as rank 6: one more axis for each `$grow`.
macro_rules! at_rank_six {
    ($array:ident, $from:ty $(, $grow:tt)*) => {
        match $array.into_dimensionality::<$from>() {
            Ok(array) => array$(.insert_axis(Axis($grow)))*,
            Err(_) => unreachable!("the rank was matched"),
        }
    };
}

impl<S: RawData> Inline<S> {
    fn new<D: Dimension>(array: ArrayBase<S, D>) -> Self {
        let rank = array.ndim();
        let array = match rank {
            0 => at_rank_six!(array, Ix0, 0, 0, 0, 0, 0, 0),
            1 => at_rank_six!(array, Ix1, 0, 0, 0, 0, 0),
            2 => at_rank_six!(array, Ix2, 0, 0, 0, 0),
            3 => at_rank_six!(array, Ix3, 0, 0, 0),
            4 => at_rank_six!(array, Ix4, 0, 0),
            5 => at_rank_six!(array, Ix5, 0),
            6 => at_rank_six!(array, Ix6),
            _ => return Self::Deep(array.into_dyn()),
        };
        Self::UpToSix { array, rank }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::UpToSix { array, rank } => &array.shape()[6 - rank..],
            Self::Deep(array) => array.shape(),
        }
    }

    fn into_dyn(self) -> ArrayBase<S, IxDyn> {
        let (array, rank) = match self {
            Self::UpToSix { array, rank } => (array, rank),
            Self::Deep(array) => return array,
        };
        // Takes the axes of length 1 off again.
        if rank == 6 {
            return array.into_dyn();
        }
        let array = array.index_axis_move(Axis(0), 0);
        if rank == 5 {
            return array.into_dyn();
        }
        let mut array = array.index_axis_move(Axis(0), 0).into_dyn();
        for _ in rank..4 {
            array = array.index_axis_move(Axis(0), 0);
        }
        array
    }

    fn len(&self) -> usize {
        self.shape().iter().product()
    }
}

/// A shape of rank 6 at most at rank 6, with axes of length 1 in front.
fn full_shape(shape: &[usize]) -> Option<Ix6> {
    let mut full = [1; 6];
    full[6_usize.checked_sub(shape.len())?..].copy_from_slice(shape);
    Some(Ix6(full[0], full[1], full[2], full[3], full[4], full[5]))
}

/// Where the axes of a volume lie at rank 6, behind one that is not used. Of the six axes those in front have length 1 and can
/// stand anywhere.
fn volume_order(spatial_axes: usize) -> [usize; 6] {
    match spatial_axes {
        1 => [0, 3, 4, 1, 2, 5],
        2 => [0, 2, 3, 1, 4, 5],
        _ => [0, 1, 2, 3, 4, 5],
    }
}

/// A part of a view along one of the axes of its shape.
fn part_of<S: RawData>(array: &mut Inline<S>, axis: usize, range: Range<usize>) {
    match array {
        Inline::UpToSix { array, rank } => array.slice_axis_inplace(Axis(6 - *rank + axis), Slice::from(range)),
        Inline::Deep(array) => array.slice_axis_inplace(Axis(axis), Slice::from(range)),
    }
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
    /// [`Error::Shape`] if the number of elements is not that of the shape.
    pub fn from_slice(shape: &[usize], elements: &'a [T]) -> Result<Self> {
        if let Some(full) = full_shape(shape) {
            return match ArrayView6::from_shape(full, elements) {
                Ok(array) if array.len() == elements.len() => {
                    Ok(Self { array: Inline::UpToSix { array, rank: shape.len() } })
                }
                _ => Err(wrong_length(shape, elements.len())),
            };
        }
        match ArrayViewD::from_shape(IxDyn(shape), elements) {
            // ndarray lets elements be left over.
            Ok(array) if array.len() == elements.len() => Ok(Self::new(array)),
            _ => Err(wrong_length(shape, elements.len())),
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
            Inline::UpToSix { array, rank } => {
                let mut full = [0; 6];
                (index.len() == *rank).then(|| full[6 - rank..].copy_from_slice(index))?;
                IndexLonger::get(array, full)
            }
            Inline::Deep(array) => IndexLonger::get(array, index),
        }
    }

    /// The view at rank 6, with axes of length 1 in front; for views of rank 6 at most.
    pub(crate) fn at_rank_six(&self) -> ArrayView6<'a, T> {
        match &self.array {
            Inline::UpToSix { array, .. } => *array,
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
            Inline::UpToSix { array, .. } => array.to_slice(),
            Inline::Deep(array) => array.to_slice(),
        }
    }

    /// The same elements for a shorter time.
    pub(crate) fn shorter(&self) -> TensorView<'_, T> {
        match &self.array {
            Inline::UpToSix { array, rank } => {
                TensorView { array: Inline::UpToSix { array: array.view(), rank: *rank } }
            }
            Inline::Deep(array) => TensorView { array: Inline::Deep(array.view()) },
        }
    }

    /// The part in a range of one axis, both of which the caller knows to be there.
    pub(crate) fn part(&self, axis: usize, range: Range<usize>) -> Self {
        let mut part = self.clone();
        part_of(&mut part.array, axis, range);
        part
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

fn wrong_length(shape: &[usize], found: usize) -> Error {
    Error::Shape { what: "a view made of its elements", expected: shape.to_vec(), found: vec![found] }
}

impl<T: fmt::Debug> fmt::Debug for TensorView<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TensorView").field(&self.clone().into_array_view()).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for TensorViewMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TensorViewMut").field(&self.view().into_array_view()).finish()
    }
}

impl<T> Clone for TensorView<'_, T> {
    fn clone(&self) -> Self {
        Self {
            array: match &self.array {
                Inline::UpToSix { array, rank } => Inline::UpToSix { array: *array, rank: *rank },
                Inline::Deep(array) => Inline::Deep(array.clone()),
            },
        }
    }
}

impl<'a, T> TensorViewMut<'a, T> {
    pub(super) fn new<D: Dimension>(array: ndarray::ArrayViewMut<'a, T, D>) -> Self {
        Self { array: Inline::new(array) }
    }

    /// A slice of elements in row-major order, seen under a shape that has as many.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the number of elements is not that of the shape.
    pub fn from_slice(shape: &[usize], elements: &'a mut [T]) -> Result<Self> {
        let found = elements.len();
        if let Some(full) = full_shape(shape) {
            return match ArrayViewMut6::from_shape(full, elements) {
                Ok(array) if array.len() == found => Ok(Self { array: Inline::UpToSix { array, rank: shape.len() } }),
                _ => Err(wrong_length(shape, found)),
            };
        }
        match ArrayViewMutD::from_shape(IxDyn(shape), elements) {
            Ok(array) if array.len() == found => Ok(Self::new(array)),
            _ => Err(wrong_length(shape, found)),
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

    /// The same elements, to read.
    pub fn view(&self) -> TensorView<'_, T> {
        match &self.array {
            Inline::UpToSix { array, rank } => {
                TensorView { array: Inline::UpToSix { array: array.view(), rank: *rank } }
            }
            Inline::Deep(array) => TensorView { array: Inline::Deep(array.view()) },
        }
    }

    /// The same elements, to write to, for a shorter time.
    pub fn view_mut(&mut self) -> TensorViewMut<'_, T> {
        match &mut self.array {
            Inline::UpToSix { array, rank } => {
                TensorViewMut { array: Inline::UpToSix { array: array.view_mut(), rank: *rank } }
            }
            Inline::Deep(array) => TensorViewMut { array: Inline::Deep(array.view_mut()) },
        }
    }

    /// The elements as one slice, where they lie in row-major order without gaps.
    pub fn as_slice_mut(&mut self) -> Option<&mut [T]> {
        match &mut self.array {
            Inline::UpToSix { array, .. } => array.as_slice_mut(),
            Inline::Deep(array) => array.as_slice_mut(),
        }
    }

    /// The part in a range of one axis, both of which the caller knows to be there.
    pub(crate) fn part(mut self, axis: usize, range: Range<usize>) -> Self {
        part_of(&mut self.array, axis, range);
        self
    }

    /// The parts before and after a place of one axis, both of which the caller knows to be there.
    pub(crate) fn split_at(self, axis: usize, at: usize) -> (Self, Self) {
        match self.array {
            Inline::UpToSix { array, rank } => {
                let (one, other) = array.split_at(Axis(6 - rank + axis), at);
                let view = |array| Self { array: Inline::UpToSix { array, rank } };
                (view(one), view(other))
            }
            Inline::Deep(array) => {
                let (one, other) = array.split_at(Axis(axis), at);
                (Self { array: Inline::Deep(one) }, Self { array: Inline::Deep(other) })
            }
        }
    }

    /// The view as an `ndarray` view.
    pub fn into_array_view_mut(self) -> ArrayViewMutD<'a, T> {
        self.array.into_dyn()
    }

    /// The view as `[image, channel, plane, row, column]`: see [`TensorView::as_volumes`].
    pub(crate) fn into_volumes(self, spatial_axes: usize) -> ArrayViewMut5<'a, T> {
        match self.array {
            Inline::UpToSix { array, .. } => {
                array.permuted_axes(volume_order(spatial_axes)).index_axis_move(Axis(0), 0)
            }
            Inline::Deep(_) => unreachable!("the caller has checked the rank"),
        }
    }

    /// Replaces every element by `f` of it.
    pub fn map_in_place(&mut self, f: impl FnMut(&mut T)) {
        match &mut self.array {
            Inline::UpToSix { array, .. } => array.map_inplace(f),
            Inline::Deep(array) => array.map_inplace(f),
        }
    }

    /// Replaces every element by `f` of the element of `other` at the same place; the shapes must be equal.
    pub(crate) fn assign_map<U>(&mut self, other: &TensorView<'_, U>, mut f: impl FnMut(&U) -> T) {
        match (&mut self.array, &other.array) {
            (Inline::UpToSix { array, .. }, Inline::UpToSix { array: other, .. }) => {
                array.zip_mut_with(other, |place, element| *place = f(element));
            }
            (Inline::Deep(array), Inline::Deep(other)) => {
                array.zip_mut_with(other, |place, element| *place = f(element));
            }
            _ => unreachable!("views of one shape are held alike"),
        }
    }

    /// Copies the elements of `other`, which has the same shape.
    pub(crate) fn assign(&mut self, other: &TensorView<'_, T>)
    where
        T: Copy,
    {
        self.assign_map(other, |&element| element);
    }

    /// Copies elements in row-major order, as many as there are.
    pub(crate) fn assign_elements(&mut self, elements: &[T])
    where
        T: Copy,
    {
        match &mut self.array {
            Inline::UpToSix { array, .. } => {
                let elements = ArrayView6::from_shape(array.raw_dim(), elements);
                array.assign(&elements.expect("the caller has counted them"));
            }
            Inline::Deep(array) => {
                let elements = ArrayViewD::from_shape(array.raw_dim(), elements);
                array.assign(&elements.expect("the caller has counted them"));
            }
        }
    }

    /// Lets `write` fill the elements as one slice in row-major order, through memory of our own where the
    /// view has gaps or another order. Where there is nothing to fill, nothing is called: an empty batch needs no memory,
    /// however large its images would be.
    pub(crate) fn write_with(mut self, write: impl FnOnce(&mut [T]) -> Result<()>) -> Result<()>
    where
        T: Copy + Default,
    {
        if self.is_empty() {
            return Ok(());
        }
        if let Some(elements) = self.as_slice_mut() {
            return write(elements);
        }
        let mut elements = filled(self.shape(), T::default())?;
        write(&mut elements)?;
        self.assign_elements(&elements);
        Ok(())
    }
}

impl<'a, T, S: Data<Elem = T>, D: Dimension> From<&'a ArrayBase<S, D>> for TensorView<'a, T> {
    fn from(array: &'a ArrayBase<S, D>) -> Self {
        Self::new(array.view())
    }
}

impl<'a, T, S: DataMut<Elem = T>, D: Dimension> From<&'a mut ArrayBase<S, D>> for TensorViewMut<'a, T> {
    fn from(array: &'a mut ArrayBase<S, D>) -> Self {
        Self::new(array.view_mut())
    }
}
