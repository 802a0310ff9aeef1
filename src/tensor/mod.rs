//! [`Tensor`], which owns an `ndarray` array of any rank, and the views that borrow one.

mod approx;
mod arguments;
mod arithmetic;
mod convert;
mod display;
#[cfg(feature = "image")]
mod image;
mod index;
mod inline;
mod shape;
mod staging;
mod view;
mod view_mut;

pub use arguments::{AsView, AsViewMut, IntoTensor};
pub(crate) use shape::MapShape;
pub(crate) use staging::{Ordered, Staging, in_order};
pub use view::TensorView;
pub use view_mut::TensorViewMut;
pub(crate) use view_mut::are_whole;

use ndarray::{ArrayD, IxDyn};

use crate::{Error, Result};

/// An array of any rank: a plane `[height, width]`, a volume `[channel, height, width]`, a batch
/// `[batch, channel, height, width]`, or the same over one or three spatial axes.
///
/// It owns an [`ndarray`] array. Arrays and views of any dimension become tensors by `From`, an owned array
/// without a copy; a tensor becomes an array by `TryFrom` or [`into_array`](Self::into_array).
///
/// ```
/// use featuremap::Tensor;
/// use ndarray::{Array2, array};
///
/// let image = Tensor::from([[7., 2., 3., 3.], [4., 5., 3., 8.], [3., 3., 2., 8.]]);
/// let filter = Tensor::from([[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]]);
///
/// let edges = image.conv2d(&filter, 1, 0)?; // stride 1, padding 0
/// let edges: Array2<f64> = edges.try_into()?;
/// assert_eq!(edges, array![[6., -9.]]);
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// A bare literal such as `[[7., 2.]]` or `array![[7., 2.]]` is `f64`, as Rust infers. Write `[[7_f32, 2.]]`, or give the type
/// somewhere, where you want `f32`. Elements of another type are converted by [`map`](Self::map).
///
/// An element is read and written by its index, and tensors of one shape are added, subtracted, multiplied and divided element by
/// element:
///
/// ```
/// # use featuremap::Tensor;
/// let mut image = Tensor::from([[7., 2.], [4., 5.]]);
/// image[[0, 1]] = 3.;
/// let twice = &image + &image;
/// assert_eq!(twice[[0, 1]], 6.);
/// assert_eq!(twice, image * 2.);
/// ```
///
/// Where the shapes differ, an operator panics, and so does an index that lies outside: [`get`](Self::get) gives `None` there, and
/// [`zip_map`](Self::zip_map) an error. Unlike in `ndarray` nothing is broadcast: a row added to an image by mistake is a mistake.
///
/// Printed, a tensor shows its matrices row by row:
///
/// ```
/// # use featuremap::Tensor;
/// # use ndarray::array;
/// let map = Tensor::from(array![[6., -9., -8.], [-3., -2., -3.]]);
/// assert_eq!(map.to_string(), " 6  -9  -8\n-3  -2  -3");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Tensor<T = f32> {
    #[cfg_attr(
        feature = "serde",
        serde(bound(serialize = "T: serde::Serialize", deserialize = "T: serde::Deserialize<'de>"))
    )]
    array: ArrayD<T>,
}

impl<T> Tensor<T> {
    /// A tensor of this shape with every element at its default: zero for numbers.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] and [`Error::OutOfMemory`] for a shape that memory cannot hold.
    pub fn zeros(shape: &[usize]) -> Result<Self>
    where
        T: Clone + Default,
    {
        Self::from_vec(shape, filled(shape, T::default())?)
    }

    /// A tensor of this shape from its elements in row-major order.
    ///
    /// ```
    /// use featuremap::Tensor;
    ///
    /// let plane = Tensor::from_vec(&[2, 3], vec![1, 2, 3, 4, 5, 6])?;
    /// assert_eq!(plane.get(&[1, 0]), Some(&4));
    /// assert!(Tensor::from_vec(&[2, 3], vec![1, 2]).is_err());
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the number of elements is not that of the shape.
    pub fn from_vec(shape: &[usize], elements: Vec<T>) -> Result<Self> {
        let found = vec![elements.len()];
        match ArrayD::from_shape_vec(IxDyn(shape), elements) {
            Ok(array) => Ok(Self { array }),
            Err(_) => Err(Error::Shape { what: "a tensor made of its elements", expected: shape.to_vec(), found }),
        }
    }

    /// Lengths of the axes, outermost first.
    pub fn shape(&self) -> &[usize] {
        self.array.shape()
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.array.ndim()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// The element at an index, or `None` where the index has another rank or lies outside.
    pub fn get(&self, index: &[usize]) -> Option<&T> {
        self.view().get(index)
    }

    /// The element at an index, to write to, or `None` where the index has another rank or lies outside.
    pub fn get_mut(&mut self, index: &[usize]) -> Option<&mut T> {
        self.array.get_mut(index)
    }

    /// The elements in row-major order.
    pub fn iter(&self) -> ndarray::iter::Iter<'_, T, IxDyn> {
        self.array.iter()
    }

    /// The `ndarray` array inside.
    pub fn as_array(&self) -> &ArrayD<T> {
        &self.array
    }

    /// The `ndarray` array inside, to write to.
    pub fn as_array_mut(&mut self) -> &mut ArrayD<T> {
        &mut self.array
    }

    /// The `ndarray` array inside, which is moved out. For an array of fixed rank, use `try_into`.
    pub fn into_array(self) -> ArrayD<T> {
        self.array
    }

    /// A view of the whole tensor.
    pub fn view(&self) -> TensorView<'_, T> {
        self.into()
    }

    /// A view of the whole tensor, to write to.
    pub fn view_mut(&mut self) -> TensorViewMut<'_, T> {
        self.into()
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the number of elements differs.
    pub fn reshape(self, shape: &[usize]) -> Result<Self>
    where
        T: Clone,
    {
        let found = self.shape().to_vec();
        match self.array.into_shape_clone(IxDyn(shape)) {
            Ok(array) => Ok(Self { array }),
            Err(_) => Err(Error::Shape { what: "the elements of a reshaped tensor", expected: shape.to_vec(), found }),
        }
    }

    /// The tensor with every element replaced by `f` of it.
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Tensor<U> {
        Tensor { array: self.array.map(f) }
    }
}

/// A tensor without elements, of shape `[0]`.
impl<T> Default for Tensor<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<'a, T> IntoIterator for &'a Tensor<T> {
    type Item = &'a T;
    type IntoIter = ndarray::iter::Iter<'a, T, IxDyn>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The number of elements of a shape that an allocation can hold.
pub(crate) fn element_count<T>(shape: &[usize]) -> Result<usize> {
    // ndarray bounds the product of the axes that are not empty, so a shape must pass even where an axis is 0.
    let product = shape.iter().filter(|&&size| size > 0).try_fold(1_usize, |all, &size| all.checked_mul(size));
    let bytes = product.and_then(|count| count.checked_mul(size_of::<T>().max(1)));
    match (product, bytes) {
        (Some(count), Some(bytes)) if isize::try_from(bytes).is_ok() => Ok(if shape.contains(&0) { 0 } else { count }),
        _ => Err(Error::TooLarge { what: "a tensor", sizes: shape.to_vec() }),
    }
}

/// Memory for a shape, filled with one value; an error, not an abort, where there is none.
pub(crate) fn filled<T: Clone>(shape: &[usize], value: T) -> Result<Vec<T>> {
    // `vec!` takes zeroed pages from the system untouched, but aborts when it gets none: so ask first.
    Ok(vec![value; fits_memory::<T>(shape)?])
}

/// The count of elements of a tensor; an error where there is no memory for them. An allocation that is given back at once costs nothing
/// for sizes that could fail.
pub(crate) fn fits_memory<T>(shape: &[usize]) -> Result<usize> {
    let count = element_count::<T>(shape)?;
    match Vec::<T>::new().try_reserve_exact(count) {
        Ok(()) => Ok(count),
        Err(_) => Err(Error::OutOfMemory { bytes: count * size_of::<T>(), shape: shape.to_vec() }),
    }
}

/// The items as a vector; an error, not an abort, where there is no memory for them.
pub(crate) fn collected<T>(items: impl Iterator<Item = T>) -> Result<Vec<T>> {
    let mut vector = Vec::new();
    for item in items {
        if vector.len() == vector.capacity() {
            let shape = vec![vector.len() + 1];
            let refused = |_| Error::OutOfMemory { bytes: shape[0] * size_of::<T>(), shape };
            vector.try_reserve(1).map_err(refused)?;
        }
        vector.push(item);
    }
    Ok(vector)
}
