//! [`Module`]: anything that turns a tensor into a tensor, and what it says of itself to those that plan it. A plan, a graph and a
//! lowering hold modules and are what modules give: they are one room.

pub(crate) mod activate;
mod fusion;
mod graph;
mod lowering;
mod plan;
mod scale;
mod version;

pub(crate) use fusion::with_axis;
pub use fusion::{Band, Elementwise};
pub use graph::{Graph, Value};
pub(crate) use graph::{GraphNode, Join, Work};
pub use lowering::{Bands, Fusible, Lowering, Pooling};
pub(crate) use plan::RunInScratch;
pub use plan::{Plan, RunPlan};
pub use scale::{ChannelAxis, ChannelScale};
pub(crate) use version::{Seen, Version};

use std::sync::Arc;

use crate::tensor::{Tensor, TensorView, TensorViewMut};
use crate::{AsView, Element, Error, Result};

/// What can be said of a module without its element type: its name, its shape rule, and what it costs.
///
/// A pooling of maxima is one for every element, so that `MaxPool2d::new(2).name()` need not say which.
///
/// ```
/// use featuremap::{MaxPool2d, Operator};
///
/// let pool = MaxPool2d::new(2);
/// assert_eq!(pool.name(), "MaxPool2d");
/// assert_eq!(pool.output_shape(&[1, 3, 8, 9])?, [1, 3, 4, 4]);
/// # Ok::<(), featuremap::Error>(())
/// ```
pub trait Operator {
    /// The shape of the output for an input of this shape: what comes out for what goes in, without any data.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the module's parameters, or with this shape for it: the same errors that
    /// [`Module::forward`] gives, but for those that need the element type (the order of an Lp norm, the bytes of the
    /// output) or memory.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>>;

    /// What a summary and errors call it: the name of its type, unless it says otherwise.
    fn name(&self) -> String {
        let whole = std::any::type_name::<Self>();
        let path = whole.split('<').next().unwrap_or(whole);
        path.rsplit("::").next().unwrap_or(path).into()
    }

    /// Multiplications by a parameter, each with its addition, for an input of this shape, by the definition of the module; 0 for
    /// a module that has none, and for an input that does not fit.
    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        let _ = input_shape;
        0
    }
}

/// An operation on tensors of `T` that gives tensors of `U`: a convolution, a pooling, a ReLU, or your own.
///
/// A module of your own needs the shape rule, [`forward_into`](Self::forward_into), and [`plan`](Self::plan), which is one
/// line where there is nothing to prepare:
///
/// ```
/// use featuremap::{Module, Operator, Plan, Result, Tensor, TensorView, TensorViewMut};
/// use ndarray::array;
///
/// /// Multiplies every pixel by a factor.
/// #[derive(Clone)]
/// struct Scale(f32);
///
/// impl Operator for Scale {
///     fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
///         Ok(input.to_vec())
///     }
/// }
///
/// impl Module<f32> for Scale {
///     fn forward_into(
///         &self,
///         input: TensorView<'_, f32>,
///         output: TensorViewMut<'_, f32>,
///     ) -> Result<()> {
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
/// let layers: [Box<dyn Module<f32>>; 2] = [Box::new(Scale(-1.0)), Box::new(featuremap::Relu)];
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
pub trait Module<T: Element, U: Element = T>: Operator + Send + Sync {
    /// Computes the output into memory of the caller, every element of it.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `output` has not the shape that [`output_shape`](Operator::output_shape) gives; whatever
    /// that gives; [`Error::OutOfMemory`] where a copy is needed (of a view with gaps, say) and there is no room.
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, U>) -> Result<()>;

    /// This module made ready for inputs of one shape: checked, its weights prepared, its memory taken. The plan keeps the
    /// weights of this moment: one that was made before parameters are loaded is [outdated](Error::Outdated). Where there is
    /// nothing to prepare, this is [`Plan::of(self.clone(), input_shape)`](Plan::of).
    ///
    /// # Errors
    ///
    /// Whatever [`output_shape`](Operator::output_shape) gives; [`Error::OutOfMemory`] for a workspace that memory cannot
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
        let mut output = blank(self.output_shape(input.shape()))?;
        self.forward_into(input, output.view_mut())?;
        Ok(output)
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
    /// [`Error::Shape`] if not, and whatever [`output_shape`](Operator::output_shape) gives.
    fn check_output(&self, input: &TensorView<'_, T>, output: &TensorViewMut<'_, U>) -> Result<()> {
        check_found(self.output_shape(input.shape()), output)
    }

    /// Its parameters with their names, those of PyTorch for the modules of this crate (`weight`, `bias`); those of its nodes for a
    /// [graph](Lowering::Graph), and none for others that do not say more. Their type is that of the output, as saved networks have
    /// it: modules of other types show none.
    fn parameters(&self) -> Vec<(String, TensorView<'_, U>)> {
        match self.lowering() {
            Lowering::Graph(graph) => graph.parameters(),
            _ => Vec::new(),
        }
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

    /// What this module is to those that plan it together with its neighbours: [`Lowering::Opaque`] unless it says otherwise,
    /// which is planned alone.
    fn lowering(&self) -> Lowering<'_, T, U> {
        Lowering::Opaque
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

/// The same where the module may give none. It is not inlined, nor is the next: modules of one type of output need not each compile them.
#[inline(never)]
fn check_found<U>(expected: Result<Vec<usize>>, output: &TensorViewMut<'_, U>) -> Result<()> {
    check_shape(&expected?, output)
}

/// A tensor for the output of a module.
#[inline(never)]
fn blank<U: Element>(shape: Result<Vec<usize>>) -> Result<Tensor<U>> {
    Tensor::zeros(&shape?)
}

/// A pointer to a module is a module.
macro_rules! pointers {
    ($($pointer:ty, $parameters_mut:expr;)*) => {$(
        impl<M: Operator + ?Sized> Operator for $pointer {
            fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
                (**self).output_shape(input)
            }

            fn name(&self) -> String {
                (**self).name()
            }

            fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
                (**self).multiply_adds(input_shape)
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

            fn lowering(&self) -> Lowering<'_, T, U> {
                (**self).lowering()
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
