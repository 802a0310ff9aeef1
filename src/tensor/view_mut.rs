//! Borrowed tensors to write to.

use std::fmt;
use std::ops::Range;

use ndarray::{
    ArrayBase, ArrayView6, ArrayViewMut1, ArrayViewMut5, ArrayViewMut6, ArrayViewMutD, Axis, DataMut, Dimension, IxDyn,
    ViewRepr,
};

use super::inline::{Inline, Shape, is_long, volume_order, wrong_length};
use super::{Ordered, TensorView};
use crate::Result;
use crate::kernels::transpose::transpose;

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

impl<'a, T> TensorViewMut<'a, T> {
    pub(super) fn new<D: Dimension>(array: ndarray::ArrayViewMut<'a, T, D>) -> Self {
        Self { array: Inline::new(array) }
    }

    /// A slice of elements in row-major order, seen under a shape that has as many.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) if the number of elements is not that of the shape.
    pub fn from_slice(shape: &[usize], elements: &'a mut [T]) -> Result<Self> {
        let found = elements.len();
        if let Some(held) = Shape::new(shape) {
            return match held.held().map(|full| ArrayViewMut1::from(elements).into_shape_with_order(full)) {
                Some(Ok(array)) => Ok(Self { array: Inline::Held { array, shape: held } }),
                _ => Err(wrong_length(shape, found)),
            };
        }
        match ArrayViewMut1::from(elements).into_shape_with_order(IxDyn(shape)) {
            Ok(array) => Ok(Self::new(array)),
            Err(_) => Err(wrong_length(shape, found)),
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
            Inline::Held { array, shape } => TensorView { array: Inline::Held { array: array.view(), shape: *shape } },
            Inline::Deep(array) => TensorView { array: Inline::Deep(array.view()) },
        }
    }

    /// The same elements, to write to, for a shorter time: for giving them to several operations one after the other.
    ///
    /// ```
    /// use featuremap::{Plan, Result, TensorView, TensorViewMut};
    ///
    /// fn run_twice(
    ///     plan: &mut Plan,
    ///     input: TensorView<'_, f32>,
    ///     mut output: TensorViewMut<'_, f32>,
    /// ) -> Result<()> {
    ///     plan.run(&input, output.reborrow())?;
    ///     plan.run(&input, &mut output) // says the same
    /// }
    /// ```
    pub fn reborrow(&mut self) -> TensorViewMut<'_, T> {
        match &mut self.array {
            Inline::Held { array, shape } => {
                TensorViewMut { array: Inline::Held { array: array.view_mut(), shape: *shape } }
            }
            Inline::Deep(array) => TensorViewMut { array: Inline::Deep(array.view_mut()) },
        }
    }

    /// As [`reborrow`](Self::reborrow), by the name that it has for a [`Tensor`](crate::Tensor).
    pub fn view_mut(&mut self) -> TensorViewMut<'_, T> {
        self.reborrow()
    }

    /// The elements as one slice, where they lie in row-major order without gaps.
    pub fn as_slice_mut(&mut self) -> Option<&mut [T]> {
        match &mut self.array {
            Inline::Held { array, .. } => array.as_slice_mut(),
            Inline::Deep(array) => array.as_slice_mut(),
        }
    }

    /// The part in a range of one axis, both of which the caller knows to be there.
    pub(crate) fn part(self, axis: usize, range: Range<usize>) -> Self {
        Self { array: self.array.part(axis, range) }
    }

    /// The parts before and after a place of one axis, both of which the caller knows to be there.
    pub(crate) fn split_at(self, axis: usize, at: usize) -> (Self, Self) {
        let length = self.shape()[axis];
        if let Inline::Held { array, shape } = self.array {
            let Some((held, count)) = shape.along(axis) else {
                let array = Inline::Deep(Inline::Held { array, shape }.into_dyn());
                return Self { array }.split_at(axis, at);
            };
            let (one, other) = array.split_at(held, at * count);
            let view = |array, length| Self { array: Inline::Held { array, shape: shape.with(axis, length) } };
            return (view(one, at), view(other, length - at));
        }
        let (one, other) = self.array.into_dyn().split_at(Axis(axis), at);
        (Self { array: Inline::Deep(one) }, Self { array: Inline::Deep(other) })
    }

    /// The view as an `ndarray` view.
    pub fn into_array_view_mut(self) -> ArrayViewMutD<'a, T> {
        self.array.into_dyn()
    }

    /// The view as `[image, channel, plane, row, column]`: see [`TensorView::as_volumes`].
    pub(crate) fn into_volumes(self, spatial_axes: usize) -> ArrayViewMut5<'a, T> {
        match self.array {
            Inline::Held { array, .. } => array.permuted_axes(volume_order(spatial_axes)).index_axis_move(Axis(0), 0),
            Inline::Deep(_) => unreachable!("the caller has checked the rank"),
        }
    }

    /// Calls `f` with every element, in row-major order, to write to.
    pub(crate) fn each(&mut self, f: impl FnMut(&mut T)) {
        match &mut self.array {
            Inline::Held { array, .. } => array.iter_mut().for_each(f),
            Inline::Deep(array) => array.iter_mut().for_each(f),
        }
    }

    /// The element at an index, to write to, or `None` where the index has another rank or lies outside.
    pub fn get_mut(&mut self, index: &[usize]) -> Option<&mut T> {
        match &mut self.array {
            Inline::Held { array, shape } => array.get_mut(shape.index(index)?),
            Inline::Deep(array) => array.get_mut(index),
        }
    }

    /// Replaces every element by `f` of it.
    pub fn map_in_place(&mut self, f: impl FnMut(&mut T)) {
        match &mut self.array {
            Inline::Held { array, .. } => array.map_inplace(f),
            Inline::Deep(array) => array.map_inplace(f),
        }
    }

    /// Replaces every element by `f` of the element of `other` at the same place; the shapes must be equal.
    pub(crate) fn assign_map<U>(&mut self, other: &TensorView<'_, U>, mut f: impl FnMut(&U) -> T) {
        // Of no elements, ndarray walks along the other axes all the same.
        if self.is_empty() {
            return;
        }
        match (&mut self.array, &other.array) {
            (Inline::Held { array, .. }, Inline::Held { array: other, .. }) => {
                let transpose = |from: (&[U], usize), to: (&mut [T], usize), size| transpose(from, to, size, &mut f);
                if !assign_transposed(array, other, transpose) {
                    array.zip_mut_with(other, |place, element| *place = f(element));
                }
            }
            _ => self.zip_deep(other, |place, element| *place = f(element)),
        }
    }

    /// Lets `transpose` write what lies channel by channel in `other` into rows; says whether it lies so, and does nothing where it does
    /// not.
    pub(crate) fn assign_channels<U>(
        &mut self,
        other: &TensorView<'_, U>,
        transpose: impl FnMut((&[U], usize), (&mut [T], usize), (usize, usize)),
    ) -> bool {
        match (&mut self.array, &other.array) {
            (Inline::Held { array, .. }, Inline::Held { array: other, .. }) => {
                assign_transposed(array, other, transpose)
            }
            _ => false,
        }
    }

    /// Calls `f` with every element and that of `other` at the same place; `other` is repeated along axes where it has one element,
    /// or none.
    pub(crate) fn combine<U>(&mut self, other: &TensorView<'_, U>, f: impl FnMut(&mut T, &U)) {
        if self.is_empty() {
            return;
        }
        match (&mut self.array, &other.array) {
            (Inline::Held { array, shape }, Inline::Held { array: other, shape: of_other })
                if shape == of_other || !shape.is_flat() && !of_other.is_flat() =>
            {
                array.zip_mut_with(other, f);
            }
            _ => self.zip_deep(other, f),
        }
    }

    /// The same where one of both is seen under a dynamic shape.
    fn zip_deep<U>(&mut self, other: &TensorView<'_, U>, f: impl FnMut(&mut T, &U)) {
        self.reborrow().into_array_view_mut().zip_mut_with(&other.clone().into_array_view(), f);
    }

    /// Copies the elements of `other`, which has the same shape.
    pub(crate) fn assign(&mut self, other: &TensorView<'_, T>)
    where
        T: Copy,
    {
        match (other.to_slice(), self.as_slice_mut()) {
            (Some(elements), Some(places)) => places.copy_from_slice(elements),
            _ => self.assign_map(other, |&element| element),
        }
    }

    /// Copies elements in row-major order, as many as there are.
    pub(crate) fn assign_elements(&mut self, elements: &[T])
    where
        T: Copy,
    {
        match &mut self.array {
            Inline::Held { array, .. } => assign_rows(array, elements),
            Inline::Deep(array) => array.iter_mut().zip(elements).for_each(|(place, &element)| *place = element),
        }
    }

    /// Lets `write` fill the elements as one slice in row-major order, through memory of our own where the
    /// view has gaps or another order. Where there is nothing to fill, nothing is called: an empty batch needs no memory,
    /// however large its images would be.
    pub(crate) fn write_with(self, write: &mut dyn FnMut(&mut [T]) -> Result<()>) -> Result<()>
    where
        T: Copy + Default,
    {
        Ordered::default().write(self, write)
    }
}

/// Converts elements that are neighbours on another axis than the last, in tiles, to rows in order: channels that lie side by side, as
/// those of pictures do. Says whether they lie so, and does nothing where they do not.
fn assign_transposed<T, U>(
    array: &mut ArrayViewMut6<'_, T>,
    other: &ArrayView6<'_, U>,
    mut transpose: impl FnMut((&[U], usize), (&mut [T], usize), (usize, usize)),
) -> bool {
    let side_by_side = (0..5).find(|&axis| other.strides()[axis] == 1 && other.len_of(Axis(axis)) > 1);
    let Some(axis) = side_by_side.filter(|_| other.len_of(Axis(5)) > 1) else { return false };
    let (channels, places) = (other.len_of(Axis(axis)), other.len_of(Axis(5)));
    if other.strides()[5] != channels.cast_signed() {
        return false;
    }
    // Channels in front of the places, and what is neither in front of both.
    let mut order: [usize; 6] = std::array::from_fn(|at| at);
    order[axis..5].rotate_left(1);
    let other = other.view().permuted_axes(order);
    // Strides in memory that is in order; of axes of one element they may be any.
    let mut strides = [1; 6];
    for at in (0..5).rev() {
        strides[at] = strides[at + 1] * array.len_of(Axis(at + 1));
    }
    let strides = order.map(|axis| strides[axis]);
    let Some(to) = array.as_slice_mut() else { return false };
    for (image, other) in other.outer_iter().enumerate() {
        for (volume, other) in other.outer_iter().enumerate() {
            for (plane, other) in other.outer_iter().enumerate() {
                for (row, other) in other.outer_iter().enumerate() {
                    let Some(from) = other.to_slice_memory_order() else { unreachable!("its strides are those") };
                    let start = image * strides[0] + volume * strides[1] + plane * strides[2] + row * strides[3];
                    let to = &mut to[start..];
                    transpose((from, channels), (to, strides[4]), (places, channels));
                }
            }
        }
    }
    true
}

/// Whether [volumes](TensorViewMut::into_volumes) lie in one piece each, row by row, as do those of a band of rows.
pub(crate) fn are_whole(lengths: &[usize], strides: &[isize]) -> bool {
    let mut distance = 1;
    let mut axes = lengths.iter().zip(strides).skip(2).rev();
    let in_order = axes.all(|(&length, &stride)| {
        let follows = length == 1 || stride == distance;
        distance *= length.cast_signed();
        follows
    });
    in_order && !lengths.contains(&0)
}

/// Copies elements in row-major order to a view, row by row.
fn assign_rows<T: Copy>(array: &mut ArrayViewMut6<'_, T>, elements: &[T]) {
    let length = array.len_of(Axis(5)).max(1);
    for (mut row, elements) in array.rows_mut().into_iter().zip(elements.chunks_exact(length)) {
        match row.as_slice_mut() {
            Some(row) => row.copy_from_slice(elements),
            None => row.iter_mut().zip(elements).for_each(|(place, &element)| *place = element),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for TensorViewMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TensorViewMut").field(&self.view().into_array_view()).finish()
    }
}

impl<'a, T, S: DataMut<Elem = T>, D: Dimension> From<&'a mut ArrayBase<S, D>> for TensorViewMut<'a, T> {
    fn from(array: &'a mut ArrayBase<S, D>) -> Self {
        if !is_long(array.ndim()) || !array.is_standard_layout() {
            return Self::new(array.view_mut());
        }
        let mut shape = [0; 8];
        let shape = &mut shape[..array.ndim()];
        shape.copy_from_slice(array.shape());
        let elements = array.as_slice_mut().expect("it lies in row-major order");
        Self::from_slice(shape, elements).expect("the shape is its own")
    }
}
