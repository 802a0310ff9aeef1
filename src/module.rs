//! [`Module`]: anything that turns a tensor into a tensor.

use crate::tensor::{Tensor, TensorView, TensorViewMut};
use crate::{Element, Error, Plan, Result};

/// The shape rule of a module: what comes out for what goes in, without any data.
pub trait OutputShape {
    /// The shape of the output for an input of this shape.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the module's parameters, or with this shape for it: the same errors that
    /// [`Module::forward`] gives, but for those that need the element type (the order of an Lp norm, the bytes of the
    /// output) or memory.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>>;
}

/// An operation on tensors of `T` that gives tensors of `U`: a convolution, a pooling, a ReLU, or your own.
///
/// A module of your own needs the shape rule, [`forward_into`](Self::forward_into), and [`plan`](Self::plan), which is one
/// line where there is nothing to prepare:
///
/// ```
/// use featuremap::{Module, OutputShape, Plan, Result, Tensor, TensorView, TensorViewMut};
/// use ndarray::array;
///
/// /// Multiplies every pixel by a factor.
/// #[derive(Clone)]
/// struct Scale(f32);
///
/// impl OutputShape for Scale {
///     fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
///         Ok(input.to_vec())
///     }
/// }
///
/// impl Module<f32> for Scale {
///     fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
///         self.check_output(&input, &output)?;
///         let mut output = output.into_array_view_mut();
///         output.assign(&input.into_array_view());
///         output *= self.0;
///         Ok(())
///     }
///
///     fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
///         Plan::of(self.clone(), input_shape)
///     }
/// }
///
/// let doubled = Scale(2.0).forward(&array![1.0, 2.0])?;
/// assert_eq!(doubled, Tensor::from(array![2.0, 4.0]));
///
/// // Modules of different types fit in one list.
/// let layers: Vec<Box<dyn Module<f32>>> = vec![Box::new(Scale(-1.0)), Box::new(featuremap::Relu)];
/// let mut map = doubled;
/// for layer in &layers {
///     map = layer.forward(&map)?;
/// }
/// assert_eq!(map, Tensor::from(array![0.0, 0.0]));
/// # Ok::<(), featuremap::Error>(())
/// ```
pub trait Module<T: Element, U: Element = T>: OutputShape + Send + Sync {
    /// Computes the output into memory of the caller, every element of it.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `output` has not the shape that [`output_shape`](OutputShape::output_shape) gives; whatever
    /// that gives; [`Error::OutOfMemory`] where a copy is needed (of a view with gaps, say) and there is no room.
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, U>) -> Result<()>;

    /// This module made ready for inputs of one shape: checked, its weights prepared, its memory taken. Where there is
    /// nothing to prepare, this is [`Plan::of(self.clone(), input_shape)`](Plan::of).
    ///
    /// # Errors
    ///
    /// Whatever [`output_shape`](OutputShape::output_shape) gives; [`Error::OutOfMemory`] for a workspace that memory cannot
    /// hold; what is wrong with the module for its element type.
    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T, U>>;

    /// Computes the output into a tensor of its own. Where the module's type is known, [`forward`](Self::forward) says
    /// the same with less typing.
    ///
    /// # Errors
    ///
    /// As [`forward_into`](Self::forward_into), and [`Error::TooLarge`] or [`Error::OutOfMemory`] for an output that
    /// memory cannot hold.
    fn forward_view(&self, input: TensorView<'_, T>) -> Result<Tensor<U>> {
        let mut output = Tensor::zeros(&self.output_shape(input.shape())?)?;
        self.forward_into(input, output.view_mut())?;
        Ok(output)
    }

    /// Computes the output for anything that can be viewed as a tensor: a reference to a [`Tensor`] or to an `ndarray`
    /// array or view, or a view itself.
    ///
    /// # Errors
    ///
    /// As [`forward_view`](Self::forward_view).
    fn forward<'a>(&self, input: impl Into<TensorView<'a, T>>) -> Result<Tensor<U>>
    where
        Self: Sized,
    {
        self.forward_view(input.into())
    }

    /// For implementations of [`forward_into`](Self::forward_into): whether the output has the right shape.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if not, and whatever [`output_shape`](OutputShape::output_shape) gives.
    fn check_output(&self, input: &TensorView<'_, T>, output: &TensorViewMut<'_, U>) -> Result<()> {
        check_shape(&self.output_shape(input.shape())?, output)
    }
}

impl<T: Element, U: Element> dyn Module<T, U> + '_ {
    /// As [`Module::forward`], for a module whose type is not known.
    ///
    /// # Errors
    ///
    /// As [`Module::forward`].
    pub fn forward<'a>(&self, input: impl Into<TensorView<'a, T>>) -> Result<Tensor<U>> {
        self.forward_view(input.into())
    }
}

/// Whether the caller's output has the shape that the module gives.
pub(crate) fn check_shape<U>(expected: &[usize], output: &TensorViewMut<'_, U>) -> Result<()> {
    if output.shape() == expected {
        return Ok(());
    }
    Err(Error::Shape { what: "the output", expected: expected.to_vec(), found: output.shape().to_vec() })
}

/// A pointer to a module is a module.
macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<M: OutputShape + ?Sized> OutputShape for $pointer {
            fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
                (**self).output_shape(input)
            }
        }

        impl<T: Element, U: Element, M: Module<T, U> + ?Sized> Module<T, U> for $pointer {
            fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, U>) -> Result<()> {
                (**self).forward_into(input, output)
            }

            fn plan(&self, input_shape: &[usize]) -> Result<Plan<T, U>> {
                (**self).plan(input_shape)
            }

            fn forward_view(&self, input: TensorView<'_, T>) -> Result<Tensor<U>> {
                (**self).forward_view(input)
            }
        }
    )*};
}

pointers!(&M, Box<M>, std::sync::Arc<M>);
