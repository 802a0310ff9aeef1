//! Conversions from and to `ndarray` arrays, views, slices and vectors. Owned arrays move; views borrow.

use ndarray::{Array, ArrayBase, ArrayView, ArrayView1, ArrayViewMut, ArrayViewMut1, Data, Dimension};
use num_traits::Num;

use super::{Tensor, TensorView, TensorViewMut};
use crate::Error;

impl<T: Clone, S: Data<Elem = T>, D: Dimension> From<ArrayBase<S, D>> for Tensor<T> {
    /// Moves an owned array, whatever its memory order; copies the elements of a view.
    fn from(array: ArrayBase<S, D>) -> Self {
        Self { array: array.into_owned().into_dyn() }
    }
}

impl<T: Clone, S: Data<Elem = T>, D: Dimension> From<&ArrayBase<S, D>> for Tensor<T> {
    /// Copies the elements.
    fn from(array: &ArrayBase<S, D>) -> Self {
        TensorView::from(array).to_tensor()
    }
}

impl<T: Clone> From<TensorView<'_, T>> for Tensor<T> {
    fn from(view: TensorView<'_, T>) -> Self {
        view.to_tensor()
    }
}

impl<T> From<Vec<T>> for Tensor<T> {
    /// A tensor of rank 1.
    fn from(elements: Vec<T>) -> Self {
        Self { array: Array::from_vec(elements).into_dyn() }
    }
}

impl<T: Clone> From<&Tensor<T>> for Tensor<T> {
    fn from(tensor: &Tensor<T>) -> Self {
        tensor.clone()
    }
}

impl<T, D: Dimension> TryFrom<Tensor<T>> for Array<T, D> {
    type Error = Error;

    /// The array inside, at a rank known when compiling: nothing is copied.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] if the tensor has another rank.
    fn try_from(tensor: Tensor<T>) -> Result<Self, Error> {
        let found = tensor.shape().to_vec();
        tensor.array.into_dimensionality().map_err(|_| other_rank::<D>(found))
    }
}

impl<'a, T, D: Dimension> TryFrom<TensorView<'a, T>> for ArrayView<'a, T, D> {
    type Error = Error;

    /// The same view, at a rank known when compiling.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] if the view has another rank.
    fn try_from(view: TensorView<'a, T>) -> Result<Self, Error> {
        let found = view.shape().to_vec();
        view.into_array_view().into_dimensionality().map_err(|_| other_rank::<D>(found))
    }
}

impl<'a, T, D: Dimension> TryFrom<TensorViewMut<'a, T>> for ArrayViewMut<'a, T, D> {
    type Error = Error;

    /// The same view, at a rank known when compiling.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] if the view has another rank.
    fn try_from(view: TensorViewMut<'a, T>) -> Result<Self, Error> {
        let found = view.shape().to_vec();
        view.into_array_view_mut().into_dimensionality().map_err(|_| other_rank::<D>(found))
    }
}

fn other_rank<D: Dimension>(found: Vec<usize>) -> Error {
    Error::Rank {
        what: "a tensor turned into an array".into(),
        expected: D::NDIM.map_or_else(|| "of any rank".into(), |rank| format!("of rank {rank}")),
        found,
    }
}

impl<'a, T> From<&'a Tensor<T>> for TensorView<'a, T> {
    fn from(tensor: &'a Tensor<T>) -> Self {
        Self::from(&tensor.array)
    }
}

impl<'a, T> From<&TensorView<'a, T>> for TensorView<'a, T> {
    fn from(view: &TensorView<'a, T>) -> Self {
        view.clone()
    }
}

impl<'a, T, D: Dimension> From<ArrayView<'a, T, D>> for TensorView<'a, T> {
    fn from(view: ArrayView<'a, T, D>) -> Self {
        Self::new(view)
    }
}

impl<'a, T> From<&'a [T]> for TensorView<'a, T> {
    /// A view of rank 1.
    fn from(elements: &'a [T]) -> Self {
        Self::new(ArrayView1::from(elements))
    }
}

impl<'a, T> From<&'a Vec<T>> for TensorView<'a, T> {
    /// A view of rank 1.
    fn from(elements: &'a Vec<T>) -> Self {
        Self::from(elements.as_slice())
    }
}

/// Conversions from nested arrays: `$owned` flattens `$array`, and `$borrowed` a reference to it. The bound `Num` keeps the impls from
/// overlapping, as an array is no number.
macro_rules! nested {
    ($([$($length:ident),+] $source:ty, $array:ident, $owned:expr, $borrowed:expr;)*) => {$(
        impl<T: Num, $(const $length: usize),+> From<$source> for Tensor<T> {
            /// An axis for each level of the array, the outermost first.
            ///
            /// ```
            /// use featuremap::Tensor;
            ///
            /// let image = Tensor::from([[7., 2., 3.], [4., 5., 3.]]);
            /// assert_eq!(image.shape(), [2, 3]);
            /// ```
            fn from($array: $source) -> Self {
                Self::from_vec(&[$($length),+], $owned.collect()).expect("an array has as many elements as its axes say")
            }
        }

        impl<'a, T: Num, $(const $length: usize),+> From<&'a $source> for TensorView<'a, T> {
            /// An axis for each level of the array, the outermost first.
            fn from($array: &'a $source) -> Self {
                Self::from_slice(&[$($length),+], $borrowed).expect("an array has as many elements as its axes say")
            }
        }
    )*};
}

nested! {
    [A] [T; A], array, array.into_iter(), array;
    [A, B] [[T; B]; A], array, array.into_iter().flatten(), array.as_flattened();
    [A, B, C] [[[T; C]; B]; A], array, array.into_iter().flatten().flatten(), array.as_flattened().as_flattened();
    [A, B, C, D] [[[[T; D]; C]; B]; A], array, array.into_iter().flatten().flatten().flatten(),
        array.as_flattened().as_flattened().as_flattened();
}

impl<'a, T> From<&'a mut Tensor<T>> for TensorViewMut<'a, T> {
    fn from(tensor: &'a mut Tensor<T>) -> Self {
        Self::from(&mut tensor.array)
    }
}

impl<'a, T, D: Dimension> From<ArrayViewMut<'a, T, D>> for TensorViewMut<'a, T> {
    fn from(view: ArrayViewMut<'a, T, D>) -> Self {
        Self::new(view)
    }
}

impl<'a, T> From<&'a mut TensorViewMut<'_, T>> for TensorViewMut<'a, T> {
    fn from(view: &'a mut TensorViewMut<'_, T>) -> Self {
        view.reborrow()
    }
}

impl<'a, T> From<&'a mut [T]> for TensorViewMut<'a, T> {
    /// A view of rank 1.
    fn from(elements: &'a mut [T]) -> Self {
        Self::new(ArrayViewMut1::from(elements))
    }
}
