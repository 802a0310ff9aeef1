//! [`Module`]: anything that turns a tensor into a tensor.

use std::ops::Range;
use std::sync::Arc;

use crate::tensor::{Tensor, TensorView, TensorViewMut};
use crate::{AsView, Band, Element, Elementwise, Error, Plan, Quads, Result};

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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no module from `{T}` to `{U}`",
    label = "takes or gives another type of elements, or is no module",
    note = "a `Sequential` has layers that take and give one type; a convolution of `u8` gives `i32`, so bytes are converted first: `tensor.map(|&x| f32::from(x))`"
)]
pub trait Module<T: Element, U: Element = T>: OutputShape + Send + Sync {
    /// Computes the output into memory of the caller, every element of it.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `output` has not the shape that [`output_shape`](OutputShape::output_shape) gives; whatever
    /// that gives; [`Error::OutOfMemory`] where a copy is needed (of a view with gaps, say) and there is no room.
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, U>) -> Result<()>;

    /// This module made ready for inputs of one shape: checked, its weights prepared, its memory taken. The plan keeps the
    /// weights of this moment: one that was made before parameters are loaded is [outdated](Error::Outdated). Where there is
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
        fresh(self.output_shape(input.shape()), &mut |output| self.forward_into(input.clone(), output))
    }

    /// Computes the output for anything that can be viewed as a tensor: a reference to a [`Tensor`] or to an `ndarray`
    /// array or view, or a view itself.
    ///
    /// # Errors
    ///
    /// As [`forward_view`](Self::forward_view).
    fn forward(&self, input: impl AsView<T>) -> Result<Tensor<U>>
    where
        Self: Sized,
    {
        self.forward_view(input.as_view())
    }

    /// For implementations of [`forward_into`](Self::forward_into): whether the output has the right shape.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if not, and whatever [`output_shape`](OutputShape::output_shape) gives.
    fn check_output(&self, input: &TensorView<'_, T>, output: &TensorViewMut<'_, U>) -> Result<()> {
        self.output_shape(input.shape()).and_then(|shape| check_shape(&shape, output))
    }

    /// What a summary and errors call it: the name of its type, unless it says otherwise.
    fn name(&self) -> String {
        let whole = std::any::type_name::<Self>();
        let path = whole.split('<').next().unwrap_or(whole);
        path.rsplit("::").next().unwrap_or(path).into()
    }

    /// Its parameters with their names, those of PyTorch for the modules of this crate (`weight`, `bias`); none unless it has
    /// some. Their type is that of the output, as saved networks have it: modules of other types show none.
    fn parameters(&self) -> Vec<(String, TensorView<'_, U>)> {
        Vec::new()
    }

    /// The same, to write to. Plans that were made before are [outdated](Error::Outdated) from here on, whether or not something
    /// is written: they return that error instead of computing with other weights than the module has.
    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, U>)> {
        Vec::new()
    }

    /// How many numbers its parameters are.
    fn parameter_count(&self) -> usize {
        self.parameters().iter().fold(0, |count: usize, (_, values)| count.saturating_add(values.len()))
    }

    /// Multiplications by a parameter, each with its addition, for an input of this shape, by the definition of the module; 0 for
    /// a module that has none, and for an input that does not fit.
    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        let _ = input_shape;
        0
    }

    /// For a module that does the same to every element, wherever it lies: what. A [`Sequential`](crate::Sequential) then does
    /// it in place.
    fn elementwise(&self) -> Option<Elementwise<U>> {
        None
    }

    /// For a module that leaves the elements as they are, in row-major order, under another shape: whether it does.
    fn only_reshapes(&self) -> bool {
        false
    }

    /// This module with a ReLU after it, where it can apply one as it stores its results.
    fn with_relu(&self) -> Option<Box<dyn Module<T, U> + '_>> {
        None
    }

    /// For a pooling of windows of 2×2 that lie side by side, in an input of this shape: what it makes of each.
    fn quads(&self, input_shape: &[usize]) -> Option<Quads> {
        let _ = input_shape;
        None
    }

    /// A plan of this module with such a pooling after it, which gives to the bit what both give one after the other; `None`
    /// where it cannot pool its results before it stores them.
    fn plan_with_quads(&self, input_shape: &[usize], quads: Quads) -> Option<Plan<T, U>> {
        let _ = (input_shape, quads);
        None
    }

    /// For a module whose output rows come from some of its input rows alone: which, for these rows of the output, as far as it
    /// has them, or for more rows around them where it cannot compute them alone. `None`, too, where these rows cannot be
    /// computed alone, or the input does not fit. A [`Sequential`](crate::Sequential) then need not hold all rows at once: see
    /// [`Band`].
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        let _ = (input_shape, rows);
        None
    }

    /// A plan that computes the output rows of a band from its input rows, to the bit as the plan for the whole input does.
    /// Unless it says otherwise that is the plan for an input of so many rows, which serves modules without padding.
    ///
    /// # Errors
    ///
    /// [`Error::Band`] for a band that is none of this module for such an input, before any memory is taken; otherwise as
    /// [`plan`](Self::plan).
    fn plan_band(&self, input_shape: &[usize], band: &Band) -> Result<Plan<T, U>> {
        band.check(input_shape, &self.output_shape(input_shape)?)?;
        self.plan(&band.input_shape(input_shape))
    }
}

impl<T: Element, U: Element> dyn Module<T, U> + '_ {
    /// As [`Module::forward`], for a module whose type is not known.
    ///
    /// # Errors
    ///
    /// As [`Module::forward`].
    pub fn forward(&self, input: impl AsView<T>) -> Result<Tensor<U>> {
        self.forward_view(input.as_view())
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
/// A tensor of its own, filled by a module: what modules of one type of output need not each compile.
fn fresh<U: Element>(
    shape: Result<Vec<usize>>,
    fill: &mut dyn FnMut(TensorViewMut<'_, U>) -> Result<()>,
) -> Result<Tensor<U>> {
    let mut output = Tensor::zeros(&shape?)?;
    fill(output.view_mut())?;
    Ok(output)
}

macro_rules! pointers {
    ($($pointer:ty, $parameters_mut:expr;)*) => {$(
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

            fn name(&self) -> String {
                (**self).name()
            }

            fn parameters(&self) -> Vec<(String, TensorView<'_, U>)> {
                (**self).parameters()
            }

            fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, U>)> {
                let parameters_mut: fn(&mut Self) -> Vec<(String, TensorViewMut<'_, U>)> = $parameters_mut;
                parameters_mut(self)
            }

            fn parameter_count(&self) -> usize {
                (**self).parameter_count()
            }

            fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
                (**self).multiply_adds(input_shape)
            }

            fn elementwise(&self) -> Option<Elementwise<U>> {
                (**self).elementwise()
            }

            fn only_reshapes(&self) -> bool {
                (**self).only_reshapes()
            }

            fn with_relu(&self) -> Option<Box<dyn Module<T, U> + '_>> {
                (**self).with_relu()
            }

            fn quads(&self, input_shape: &[usize]) -> Option<Quads> {
                (**self).quads(input_shape)
            }

            fn plan_with_quads(&self, input_shape: &[usize], quads: Quads) -> Option<Plan<T, U>> {
                (**self).plan_with_quads(input_shape, quads)
            }

            fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
                (**self).band(input_shape, rows)
            }

            fn plan_band(&self, input_shape: &[usize], band: &Band) -> Result<Plan<T, U>> {
                (**self).plan_band(input_shape, band)
            }
        }
    )*};
}

// What others see, too, is not to be written to.
pointers! {
    &M, |_| Vec::new();
    Box<M>, |module| (**module).parameters_mut();
    Arc<M>, |module| Arc::get_mut(module).map_or_else(Vec::new, M::parameters_mut);
}
