//! Elements by their index, `image[[row, column]]`, as in `ndarray`.

use std::ops::{Index, IndexMut};

use super::{Tensor, TensorView, TensorViewMut};

/// The element at an index, one number for each axis.
///
/// # Panics
///
/// Where the index has another rank than the tensor, or lies outside; [`get`](Self::get) gives `None` there.
///
/// ```
/// use featuremap::Tensor;
///
/// let image = Tensor::from([[7., 2.], [4., 5.]]);
/// assert_eq!(image[[0, 1]], 2.);
/// assert_eq!(image.get(&[0, 2]), None);
/// ```
impl<T, const RANK: usize> Index<[usize; RANK]> for Tensor<T> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, index: [usize; RANK]) -> &T {
        self.array.get(&index[..]).unwrap_or_else(|| outside(&index, self.shape()))
    }
}

/// The element at an index, to write to.
///
/// # Panics
///
/// As where it is read; [`get_mut`](Self::get_mut) gives `None` there.
impl<T, const RANK: usize> IndexMut<[usize; RANK]> for Tensor<T> {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, index: [usize; RANK]) -> &mut T {
        if self.array.get(&index[..]).is_none() {
            outside(&index, self.shape())
        }
        &mut self.array[&index[..]]
    }
}

/// The element at an index, one number for each axis.
///
/// # Panics
///
/// Where the index has another rank than the view, or lies outside; [`get`](Self::get) gives `None` there.
impl<T, const RANK: usize> Index<[usize; RANK]> for TensorView<'_, T> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, index: [usize; RANK]) -> &T {
        self.get(&index).unwrap_or_else(|| outside(&index, self.shape()))
    }
}

/// The element at an index, one number for each axis.
///
/// # Panics
///
/// Where the index has another rank than the view, or lies outside.
impl<T, const RANK: usize> Index<[usize; RANK]> for TensorViewMut<'_, T> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, index: [usize; RANK]) -> &T {
        self.view().get(&index).unwrap_or_else(|| outside(&index, self.shape()))
    }
}

/// The element at an index, to write to.
///
/// # Panics
///
/// As where it is read; [`get_mut`](Self::get_mut) gives `None` there.
impl<T, const RANK: usize> IndexMut<[usize; RANK]> for TensorViewMut<'_, T> {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, index: [usize; RANK]) -> &mut T {
        if self.view().get(&index).is_none() {
            outside(&index, self.shape())
        }
        self.get_mut(&index).expect("it was there to read")
    }
}

/// The one panic of an index, of which programs need not each have a copy.
#[cold]
#[inline(never)]
#[track_caller]
fn outside(index: &[usize], shape: &[usize]) -> ! {
    match index.len() == shape.len() {
        true => panic!("index {index:?} lies outside a tensor of shape {shape:?}"),
        false => {
            panic!("index {index:?} has {} axes; the tensor, of shape {shape:?}, has {}", index.len(), shape.len())
        }
    }
}
