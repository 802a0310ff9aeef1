//! What a module tells a [`Sequential`](crate::Sequential) of itself, so that it can be run together with its neighbours.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::activate::rectify_all;
use crate::tensor::TensorViewMut;
use crate::{Activation, Element, Error, Result};

/// Some rows of a module's output, and the rows of its input that they are computed from.
///
/// A band of a map is the map of a band: the same module, on fewer rows, with other padding. Rows lie along the first spatial
/// axis, whose place in the shape is 2 for `[batch, channel, height, width]`, 1 for `[channel, height, width]` and 0 for
/// `[height, width]`. Where it is 2, axis 0 is taken for the batch, whose images are computed each alone.
///
/// A module of your own whose output rows depend on some input rows alone hands out [`Bands`](crate::Bands), and can then stand in
/// a fused group:
///
/// ```
/// use std::ops::Range;
///
/// use featuremap::{Band, Bands, Lowering, Module, Operator, Plan, Result};
/// use featuremap::{TensorView, TensorViewMut};
///
/// /// The sum of each pixel and the one below it, in `[batch, channel, height, width]`.
/// #[derive(Clone)]
/// struct PairSums;
///
/// impl Operator for PairSums {
///     fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
///         // A real one would check the rank and the height.
///         Ok(vec![input[0], input[1], input[2] - 1, input[3]])
///     }
/// }
///
/// impl Module<f32> for PairSums {
///     fn forward_into(
///         &self,
///         input: TensorView<'_, f32>,
///         output: TensorViewMut<'_, f32>,
///     ) -> Result<()> {
///         self.check_output(&input, &output)?;
///         let (input, mut output) = (input.into_array_view(), output.into_array_view_mut());
///         let rows = output.len_of(ndarray::Axis(2));
///         let from = |first| input.slice_axis(ndarray::Axis(2), (first..first + rows).into());
///         output.assign(&(&from(0) + &from(1)));
///         Ok(())
///     }
///
///     fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
///         Plan::of(self.clone(), input_shape)
///     }
///
///     fn lowering(&self) -> Lowering<'_, f32> {
///         Lowering::Bands(self)
///     }
/// }
///
/// impl Bands<f32> for PairSums {
///     fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
///         let rows = rows.start..rows.end.min(input_shape.get(2)?.checked_sub(1)?);
///         Some(Band::new(2, rows.start..rows.end + 1, rows))
///     }
/// }
///
/// let band = PairSums.band(&[1, 1, 5, 4], 2..4).expect("there are rows");
/// assert_eq!((band.input, band.output), (2..5, 2..4));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// The axis of the input that its rows lie along.
    pub input_axis: usize,
    /// Rows of the input.
    pub input: Range<usize>,
    /// The axis of the output that its rows lie along.
    pub output_axis: usize,
    /// Rows of the output.
    pub output: Range<usize>,
    /// Rows of padding before the input rows.
    pub before: usize,
    /// Rows of padding after the input rows.
    pub after: usize,
}

impl Band {
    /// A band without padding, of a module whose input and output have their rows along the same axis.
    pub fn new(axis: usize, input: Range<usize>, output: Range<usize>) -> Self {
        Self { input_axis: axis, input, output_axis: axis, output, before: 0, after: 0 }
    }

    /// The shape of the input rows, of an input of this shape.
    ///
    /// ```
    /// use featuremap::Band;
    ///
    /// assert_eq!(Band::new(1, 4..7, 4..6).input_shape(&[3, 32, 32]), [3, 3, 32]);
    /// ```
    pub fn input_shape(&self, whole: &[usize]) -> Vec<usize> {
        with_axis(whole, self.input_axis, self.input.len())
    }

    /// Refuses a band whose axes or rows are not there, before anything in proportion to it is done.
    pub(crate) fn check(&self, input: &[usize], output: &[usize]) -> Result<()> {
        self.check_each(input, output, |shape, axis, rows| {
            !rows.is_empty() && shape.get(axis).is_some_and(|&length| rows.end <= length)
        })
    }

    /// The same for a module of so many spatial axes, whose rows lie along the first of them.
    pub(crate) fn check_over(&self, spatial_axes: usize, input: &[usize], output: &[usize]) -> Result<()> {
        self.check_each(input, output, |shape, axis, _| shape.len().checked_sub(spatial_axes) == Some(axis))?;
        self.check(input, output)
    }

    /// Asks of the shape, the axis and the rows of the output, then of the input, whether they are right.
    fn check_each(
        &self,
        input: &[usize],
        output: &[usize],
        is_right: impl Fn(&[usize], usize, &Range<usize>) -> bool,
    ) -> Result<()> {
        for (what, shape, axis, rows) in
            [("output", output, self.output_axis, &self.output), ("input", input, self.input_axis, &self.input)]
        {
            if !is_right(shape, axis, rows) {
                return Err(Error::Band { what, rows: rows.clone(), axis, shape: shape.to_vec() });
            }
        }
        Ok(())
    }

    /// The error of input rows that are not those which its output rows are computed from.
    pub(crate) fn misfit(&self, input: &[usize]) -> Error {
        let (rows, axis) = (self.input.clone(), self.input_axis);
        Error::Band { what: "input", rows, axis, shape: input.to_vec() }
    }

    /// Whether its axes and rows are there, in an input and an output of these shapes.
    pub(crate) fn lies_within(&self, input: &[usize], output: &[usize]) -> bool {
        self.check(input, output).is_ok()
    }

    /// Whether one plan serves both: their rows are as many, on as much padding.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let measures = |band: &Self| (band.input.len(), band.output.len(), band.before, band.after);
        measures(self) == measures(other)
    }
}

/// The shape with another length on one axis.
pub(crate) fn with_axis(shape: &[usize], axis: usize, length: usize) -> Vec<usize> {
    shape.iter().enumerate().map(|(number, &whole)| if number == axis { length } else { whole }).collect()
}

/// A function of every element alone, whatever its place: what a [`Sequential`](crate::Sequential) applies where the elements
/// are, without memory for the result.
///
/// ```
/// use featuremap::{Elementwise, Tensor};
/// use ndarray::array;
///
/// let double = Elementwise::new(|mut map| map.map_in_place(|element| *element *= 2.0));
/// let mut map = Tensor::from(array![1.0, -2.0]);
/// double.apply(map.view_mut());
/// assert_eq!(map, Tensor::from(array![2.0, -4.0]));
/// ```
#[derive(Clone)]
pub struct Elementwise<T>(Function<T>);

#[derive(Clone)]
enum Function<T> {
    /// Known by name, as a convolution can apply some before it stores a result.
    Activation(Activation),
    Other(Arc<Apply<T>>),
}

type Apply<T> = dyn Fn(TensorViewMut<'_, T>) + Send + Sync;

impl<T: Element> Elementwise<T> {
    /// What `apply` does to the elements of a view of any shape. It must do the same to an element wherever it lies.
    pub fn new(apply: impl Fn(TensorViewMut<'_, T>) + Send + Sync + 'static) -> Self {
        Self(Function::Other(Arc::new(apply)))
    }

    /// An activation, which a convolution before it may apply as it stores its results.
    pub fn activation(activation: Activation) -> Self {
        Self(Function::Activation(activation))
    }

    /// The activation that it is, where it is known by name.
    pub(crate) fn as_activation(&self) -> Option<Activation> {
        match self.0 {
            Function::Activation(activation) => Some(activation),
            Function::Other(_) => None,
        }
    }

    /// Applies it to every element, in place.
    pub fn apply(&self, map: TensorViewMut<'_, T>) {
        match &self.0 {
            Function::Activation(Activation::Relu) => rectify_all(map),
            Function::Activation(activation) => activation.apply(map),
            Function::Other(apply) => apply(map),
        }
    }
}

impl<T> fmt::Debug for Elementwise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Function::Activation(activation) => write!(f, "Elementwise({activation:?})"),
            Function::Other(_) => f.write_str("Elementwise(…)"),
        }
    }
}
