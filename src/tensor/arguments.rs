//! What operations take as arguments: everything that can be seen as a tensor, or becomes one.
//!
//! They are traits of this crate, where `Into` would do, for the sake of what the compiler says when a type does not fit: it names
//! the remedy.

use ndarray::{ArrayBase, Data, DataMut, Dimension};
use num_traits::Num;

use super::{Tensor, TensorView, TensorViewMut};

/// What can be read as a tensor of `T`: tensors, `ndarray` arrays, views of any strides, slices, nested arrays, and pictures with
/// the feature `image`; by reference, or by value where it is needed no more.
///
/// ```
/// use featuremap::{Module, Relu, Tensor};
/// use ndarray::array;
///
/// let expected = Tensor::from([[0., 2.]]);
/// assert_eq!(Relu.forward(array![[-1., 2.]])?, expected);
/// assert_eq!(Relu.forward(&array![[-1.], [2.]].t())?, expected);
/// assert_eq!(Relu.forward([[-1., 2.]])?, expected);
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// A type of your own that holds an image can be given to every operation, too:
///
/// ```
/// use featuremap::{AsView, MaxPool1d, Module, Tensor, TensorView};
///
/// struct Recording {
///     samples: Vec<f32>,
/// }
///
/// impl AsView<f32> for Recording {
///     fn as_view(&self) -> TensorView<'_, f32> {
///         self.samples.as_view()
///     }
/// }
///
/// let recording = Recording { samples: vec![1., 5., 2., 3.] };
/// assert_eq!(MaxPool1d::new(2).forward(&recording)?, Tensor::from([5., 3.]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read as a tensor of `{T}`",
    label = "not a tensor, an array or a picture of `{T}`",
    note = "all tensors of an operation have one element type; `map` converts: `tensor.map(|&x| f32::from(x))`, or `x as f32`",
    note = "a literal such as `array![[7., 2.]]` is of `f64`, and `array![[7, 2]]` of `i32`, unless a type is given: `array![[7_f32, 2.]]`"
)]
pub trait AsView<T> {
    /// The elements, where they lie.
    fn as_view(&self) -> TensorView<'_, T>;
}

impl<T, X: AsView<T> + ?Sized> AsView<T> for &X {
    fn as_view(&self) -> TensorView<'_, T> {
        (**self).as_view()
    }
}

impl<T, X: AsView<T> + ?Sized> AsView<T> for &mut X {
    fn as_view(&self) -> TensorView<'_, T> {
        (**self).as_view()
    }
}

impl<T> AsView<T> for Tensor<T> {
    fn as_view(&self) -> TensorView<'_, T> {
        self.view()
    }
}

impl<T> AsView<T> for TensorView<'_, T> {
    fn as_view(&self) -> TensorView<'_, T> {
        self.reborrow()
    }
}

impl<T> AsView<T> for TensorViewMut<'_, T> {
    fn as_view(&self) -> TensorView<'_, T> {
        self.view()
    }
}

// With the type of its elements in the array's own, so that a mismatch is said to be one.
impl<T, S: Data<Elem = T>, D: Dimension> AsView<T> for ArrayBase<S, D, T> {
    fn as_view(&self) -> TensorView<'_, T> {
        self.into()
    }
}

impl<T> AsView<T> for [T] {
    /// Of rank 1.
    fn as_view(&self) -> TensorView<'_, T> {
        self.into()
    }
}

impl<T> AsView<T> for Vec<T> {
    /// Of rank 1.
    fn as_view(&self) -> TensorView<'_, T> {
        self.into()
    }
}

/// What can be written to as a tensor of `T`: a mutable reference to a tensor, an `ndarray` array, a slice or a view, or a view to
/// write to.
///
/// ```
/// use featuremap::{MaxPool2d, Module, Tensor};
/// use ndarray::Array2;
///
/// let mut plan = MaxPool2d::new(2).plan(&[2, 2])?;
/// let mut array = Array2::zeros((1, 1));
/// plan.run([[1., 2.], [3., 4.]], &mut array)?;
/// assert_eq!(array[[0, 0]], 4.);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written to as a tensor of `{T}`",
    label = "not a mutable reference to a tensor or an array of `{T}`",
    note = "results are written into memory of the caller: pass `&mut output`, of elements of type `{T}`"
)]
pub trait AsViewMut<T> {
    /// The elements, where they lie, to write to.
    fn as_view_mut(&mut self) -> TensorViewMut<'_, T>;
}

impl<T> AsViewMut<T> for TensorViewMut<'_, T> {
    fn as_view_mut(&mut self) -> TensorViewMut<'_, T> {
        self.reborrow()
    }
}

impl<T> AsViewMut<T> for &mut TensorViewMut<'_, T> {
    fn as_view_mut(&mut self) -> TensorViewMut<'_, T> {
        self.reborrow()
    }
}

impl<T> AsViewMut<T> for &mut Tensor<T> {
    fn as_view_mut(&mut self) -> TensorViewMut<'_, T> {
        self.view_mut()
    }
}

impl<T, S: DataMut<Elem = T>, D: Dimension> AsViewMut<T> for &mut ArrayBase<S, D, T> {
    fn as_view_mut(&mut self) -> TensorViewMut<'_, T> {
        (&mut **self).into()
    }
}

impl<T, D: Dimension> AsViewMut<T> for ndarray::ArrayViewMut<'_, T, D> {
    fn as_view_mut(&mut self) -> TensorViewMut<'_, T> {
        self.into()
    }
}

impl<T> AsViewMut<T> for &mut [T] {
    /// Of rank 1.
    fn as_view_mut(&mut self) -> TensorViewMut<'_, T> {
        (&mut **self).into()
    }
}

impl<T> AsViewMut<T> for &mut Vec<T> {
    /// Of rank 1.
    fn as_view_mut(&mut self) -> TensorViewMut<'_, T> {
        self.as_mut_slice().into()
    }
}

/// What becomes a tensor of `T`, for parameters that a module keeps: whatever [`Tensor::from`] takes. An owned array or tensor moves,
/// and all else is copied.
///
/// ```
/// use featuremap::{Conv2d, Module, Tensor};
///
/// let sobel = Conv2d::new([[1., 0., -1.], [2., 0., -2.], [1., 0., -1.]]);
/// assert_eq!(sobel.forward([[3., 2., 1.]; 3])?, Tensor::from([[8.]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot become a tensor of `{T}`",
    label = "not a tensor or an array of `{T}`",
    note = "filters, weights and biases have the element type of their layer; `map` converts: `tensor.map(|&x| x as f32)`",
    note = "a literal such as `array![0.1, 0.2]` is of `f64` unless a type is given: `array![0.1_f32, 0.2]`",
    note = "a shape alone is no tensor: `Tensor::zeros(&[16, 3, 3, 3])?` holds zeros in that shape"
)]
pub trait IntoTensor<T> {
    /// The tensor.
    fn into_tensor(self) -> Tensor<T>;
}

macro_rules! into_tensor {
    ($([$($generics:tt)*] $source:ty,)*) => {$(
        impl<T, $($generics)*> IntoTensor<T> for $source {
            fn into_tensor(self) -> Tensor<T> {
                self.into()
            }
        }
    )*};
}

into_tensor! {
    [] Tensor<T>,
    [] Vec<T>,
}

macro_rules! copied_into_tensor {
    ($([$($generics:tt)*] $source:ty,)*) => {$(
        impl<T: Clone, $($generics)*> IntoTensor<T> for $source {
            fn into_tensor(self) -> Tensor<T> {
                self.into()
            }
        }
    )*};
}

copied_into_tensor! {
    [] &Tensor<T>,
    [] TensorView<'_, T>,
    [S: Data<Elem = T>, D: Dimension] ArrayBase<S, D, T>,
    [S: Data<Elem = T>, D: Dimension] &ArrayBase<S, D, T>,
}

/// Nested arrays, whose elements are told from the arrays by being numbers.
macro_rules! nested {
    ($([$($length:ident),+] $source:ty,)*) => {$(
        impl<T: Num, $(const $length: usize),+> IntoTensor<T> for $source {
            fn into_tensor(self) -> Tensor<T> {
                self.into()
            }
        }

        impl<T: Num, $(const $length: usize),+> AsView<T> for $source {
            fn as_view(&self) -> TensorView<'_, T> {
                self.into()
            }
        }
    )*};
}

nested! {
    [A] [T; A],
    [A, B] [[T; B]; A],
    [A, B, C] [[[T; C]; B]; A],
    [A, B, C, D] [[[[T; D]; C]; B]; A],
}

#[cfg(feature = "image")]
mod pictures {
    use std::ops::Deref;

    use image::{DynamicImage, ImageBuffer, Pixel};

    use super::{AsView, IntoTensor};
    use crate::tensor::{Tensor, TensorView};

    impl<P: Pixel, C: Deref<Target = [P::Subpixel]>> AsView<P::Subpixel> for ImageBuffer<P, C> {
        fn as_view(&self) -> TensorView<'_, P::Subpixel> {
            self.into()
        }
    }

    impl<P: Pixel, C: Deref<Target = [P::Subpixel]>> IntoTensor<P::Subpixel> for &ImageBuffer<P, C> {
        fn into_tensor(self) -> Tensor<P::Subpixel> {
            self.into()
        }
    }

    impl<P: Pixel> IntoTensor<P::Subpixel> for ImageBuffer<P, Vec<P::Subpixel>> {
        fn into_tensor(self) -> Tensor<P::Subpixel> {
            self.into()
        }
    }

    impl IntoTensor<f32> for &DynamicImage {
        fn into_tensor(self) -> Tensor<f32> {
            self.into()
        }
    }
}
