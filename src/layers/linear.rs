//! [`Linear`]: a dense layer, which is a convolution with windows of one pixel.

use std::borrow::Cow;

use ndarray::{ArrayBase, Axis, IxDyn, RawData};

use crate::conv::ReadyDense;
use crate::kernels::epilogue::Clamp;
use crate::module::{Module, Operator, RunPlan, check_shape};
use crate::tensor::{TensorView, TensorViewMut, element_count, filled};
use crate::{Activation, ChannelScale, Conv1d, Element, Error, Fusible, IntoTensor, Lowering, Plan, Result};

/// A dense (fully connected) layer: `output[…, o] = bias[o] + Σ weights[o, i] · input[…, i]`, as PyTorch's `Linear`.
///
/// The weights are `[outputs, inputs]`, the input is `[inputs]`, `[batch, inputs]`, or has more axes before the last. It is a
/// convolution whose channels are the inputs, whose filters are the rows of the weights, and whose pixels are the batch; the
/// kernels of convolution compute it.
///
/// ```
/// use featuremap::{Linear, Module, Tensor};
///
/// let layer = Linear::new([[1., 2., 3.], [0., 1., 0.]]).bias([0.5, 0.]);
/// assert_eq!(layer.forward([1., 1., 1.])?, Tensor::from([6.5, 1.]));
/// let batch = layer.forward([[1., 1., 1.], [0., 2., 0.]])?;
/// assert_eq!(batch, Tensor::from([[6.5, 1.], [4.5, 2.]]));
///
/// let error = layer.forward([1., 1.]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the input has 2 features on its last axis, but weights [2, 3] take 3"
/// );
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("Dense", "fully_connected", "InnerProduct", "Gemm"))]
#[derive(Debug, Clone, PartialEq)]
pub struct Linear<T: Element = f32> {
    /// `[outputs, inputs, 1]`.
    conv: Conv1d<T>,
}

impl<T: Element> Linear<T> {
    /// A dense layer with these weights, `[outputs, inputs]`, and no bias.
    pub fn new(weights: impl IntoTensor<T>) -> Self {
        let weights = weights.into_tensor().into_array();
        let last = Axis(weights.ndim());
        Self { conv: Conv1d::new(weights.insert_axis(last)) }
    }

    /// A number for each output, added to it. Of rank 1.
    pub fn bias(self, bias: impl IntoTensor<T::Sum>) -> Self {
        Self { conv: self.conv.bias(bias) }
    }

    /// This layer with its outputs scaled and shifted, in its weights and its bias.
    pub(crate) fn scaled(&self, scale: &ChannelScale<T::Sum>) -> Option<Self> {
        self.conv.scaled(scale).map(|conv| Self { conv })
    }

    /// The batch, counted over all axes but the last, and the shape of the output.
    fn layer(&self, input: &[usize]) -> Result<(usize, Vec<usize>)> {
        let weights = self.conv.filters().shape();
        let &[outputs, inputs, _] = weights else {
            let (what, found) = ("the weights of a linear layer".into(), weights[..weights.len() - 1].to_vec());
            return Err(Error::Rank { what, expected: "of rank 2 [outputs, inputs]".into(), found });
        };
        let Some((&found, batch)) = input.split_last() else {
            let what = "the input of a linear layer".into();
            return Err(Error::Rank { what, expected: "of rank 1 [inputs] or more".into(), found: input.to_vec() });
        };
        if found != inputs {
            return Err(Error::Features { expected: inputs, found, weights: vec![outputs, inputs] });
        }
        let output: Vec<_> = batch.iter().copied().chain([outputs]).collect();
        element_count::<T>(input)?;
        element_count::<T::Sum>(&output)?;
        let batch: usize = batch.iter().product();
        // What is left to check is the bias.
        self.conv.output_shape(&[inputs, batch.max(1)])?;
        Ok((batch, output))
    }

    /// Planned with a clamp or without.
    fn plan_with(&self, input_shape: &[usize], clamp: Option<Clamp<T::Sum>>) -> Result<Plan<T, T::Sum>> {
        let (batch, output_shape) = self.layer(input_shape)?;
        let [outputs, inputs] = [self.conv.filters().shape()[0], self.conv.filters().shape()[1]];
        let way = match self.conv.dense(batch, clamp)? {
            _ if batch * outputs == 0 => DenseWay::Nothing,
            Some(dense) => DenseWay::Rows(dense),
            None => DenseWay::Pixels(self.conv.clone().clamped(clamp).plan(&[inputs, batch])?),
        };
        let pixels = filled(&[inputs, batch], T::default())?;
        let sums = filled(&[outputs, batch], T::Sum::default())?;
        let planned = LinearPlan { way, inputs, outputs, batch, pixels, sums };
        Ok(Plan::new(input_shape, &output_shape, planned).of_version(self.conv.version()))
    }
}

impl<T: Element> Operator for Linear<T> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.layer(input)?.1)
    }

    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        let batch = self.layer(input_shape).map_or(0, |(batch, _)| batch as u64);
        batch.saturating_mul(self.conv.filters().len() as u64)
    }
}

impl<T: Element> Module<T, T::Sum> for Linear<T> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        check_shape(&self.output_shape(input.shape())?, &output)?;
        self.plan(input.shape())?.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T, T::Sum>> {
        self.plan_with(input_shape, None)
    }

    fn parameters(&self) -> Vec<(String, TensorView<'_, T::Sum>)> {
        let parameters = self.conv.parameters().into_iter();
        let parameters = parameters.map(|(name, values)| match &name[..] {
            "weight" => (name, without_pixels(values.into_array_view()).into()),
            _ => (name, values),
        });
        parameters.collect()
    }

    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, T::Sum>)> {
        let parameters = self.conv.parameters_mut().into_iter();
        let parameters = parameters.map(|(name, values)| match &name[..] {
            "weight" => (name, without_pixels(values.into_array_view_mut()).into()),
            _ => (name, values),
        });
        parameters.collect()
    }

    fn parameter_count(&self) -> usize {
        self.conv.parameter_count()
    }

    fn lowering(&self) -> Lowering<'_, T, T::Sum> {
        Lowering::Fusible(self)
    }
}

impl<T: Element> Fusible<T, T::Sum> for Linear<T> {
    fn with_activation(&self, activation: Activation) -> Option<Box<dyn Fusible<T, T::Sum> + '_>> {
        ClampedLinear { layer: Cow::Borrowed(self), clamp: None }.and(activation)
    }

    fn with_scale(
        &self,
        scale: &ChannelScale<T::Sum>,
        output_shape: &[usize],
    ) -> Option<Box<dyn Fusible<T, T::Sum> + '_>> {
        let axis = output_shape.len().checked_sub(1)?;
        let layer = (scale.axis(output_shape.len()) == Some(axis)).then(|| self.scaled(scale)).flatten()?;
        Some(Box::new(ClampedLinear { layer: Cow::Owned(layer), clamp: None }))
    }
}

/// The weights, of whatever rank, without the axis of the window, which is their last.
fn without_pixels<S: RawData>(weights: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
    let last = Axis(weights.ndim() - 1);
    weights.index_axis_move(last, 0)
}

/// A dense layer with a clamp after it.
#[derive(Clone)]
struct ClampedLinear<'a, T: Element> {
    layer: Cow<'a, Linear<T>>,
    clamp: Option<Clamp<T::Sum>>,
}

impl<'a, T: Element> ClampedLinear<'a, T> {
    /// The same with an activation after that; `None` for one that is no clamp.
    fn and(self, activation: Activation) -> Option<Box<dyn Fusible<T, T::Sum> + 'a>> {
        let next = Clamp::of(activation)?;
        let clamp = self.clamp.map_or(next, |clamp| clamp.then(next));
        Some(Box::new(Self { clamp: Some(clamp), ..self }))
    }
}

impl<T: Element> Operator for ClampedLinear<'_, T> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.layer.output_shape(input)
    }
}

impl<T: Element> Module<T, T::Sum> for ClampedLinear<'_, T> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        self.plan(input.shape())?.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T, T::Sum>> {
        self.layer.plan_with(input_shape, self.clamp)
    }

    fn lowering(&self) -> Lowering<'_, T, T::Sum> {
        Lowering::Fusible(self)
    }
}

impl<T: Element> Fusible<T, T::Sum> for ClampedLinear<'_, T> {
    fn with_activation(&self, activation: Activation) -> Option<Box<dyn Fusible<T, T::Sum> + '_>> {
        self.clone().and(activation)
    }
}

/// How a dense layer is computed.
#[derive(Clone)]
enum DenseWay<T: Element> {
    /// There is nothing to compute.
    Nothing,
    /// Row by row.
    Rows(ReadyDense<T>),
    /// As a convolution from `[inputs, batch]` to `[outputs, batch]`, for numbers that have no kernels.
    Pixels(Plan<T, T::Sum>),
}

/// What the plan of a dense layer holds.
#[derive(Clone)]
struct LinearPlan<T: Element> {
    way: DenseWay<T>,
    inputs: usize,
    outputs: usize,
    batch: usize,
    /// The input, where it lies otherwise than row by row, or its batch made pixels.
    pixels: Vec<T>,
    /// The output before it goes where it belongs.
    sums: Vec<T::Sum>,
}

impl<T: Element> RunPlan<T, T::Sum> for LinearPlan<T> {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        let Self { way, inputs, outputs, batch, pixels, sums } = self;
        match way {
            DenseWay::Nothing => Ok(()),
            DenseWay::Rows(dense) => {
                let rows = if let Some(rows) = input.to_slice() {
                    rows
                } else {
                    let mut places = pixels.iter_mut();
                    input.each(|element| *places.next().expect("there is one for each") = *element);
                    pixels
                };
                if let Some(output) = output.as_slice_mut() {
                    dense.run(rows, output);
                } else {
                    dense.run(rows, sums);
                    output.assign_elements(sums);
                }
                Ok(())
            }
            DenseWay::Pixels(conv) => {
                if let Some(rows) = input.to_slice() {
                    transpose(rows, *inputs, pixels);
                } else {
                    let mut flat = 0;
                    input.each(|&element| {
                        pixels[flat % *inputs * *batch + flat / *inputs] = element;
                        flat += 1;
                    });
                }
                conv.run(
                    TensorView::from_slice(&[*inputs, *batch], pixels)?,
                    TensorViewMut::from_slice(&[*outputs, *batch], sums)?,
                )?;
                let mut flat = 0;
                output.each(|element| {
                    *element = sums[flat % *outputs * *batch + flat / *outputs];
                    flat += 1;
                });
                Ok(())
            }
        }
    }

    fn algorithm(&self) -> String {
        match &self.way {
            DenseWay::Nothing => "nothing".into(),
            DenseWay::Rows(_) => "channels".into(),
            DenseWay::Pixels(conv) => conv.algorithm(),
        }
    }

    fn workspace_bytes(&self) -> usize {
        let own = self.pixels.len() * size_of::<T>() + self.sums.len() * size_of::<T::Sum>();
        own + match &self.way {
            DenseWay::Nothing => 0,
            DenseWay::Rows(dense) => dense.workspace_bytes(),
            DenseWay::Pixels(conv) => conv.workspace_bytes(),
        }
    }
}

/// Rows and columns that are transposed at once: a cache line of each row, so that it is read and written once.
const TILE: usize = 16;

/// Writes the transpose of a matrix with so many columns.
fn transpose<T: Copy>(matrix: &[T], columns: usize, transposed: &mut [T]) {
    if matrix.is_empty() {
        return;
    }
    let rows = matrix.len() / columns;
    for first_row in (0..rows).step_by(TILE) {
        let end_row = rows.min(first_row + TILE);
        for first in (0..columns).step_by(TILE) {
            for column in first..columns.min(first + TILE) {
                for (row, place) in (first_row..end_row).zip(&mut transposed[column * rows + first_row..]) {
                    *place = matrix[row * columns + column];
                }
            }
        }
    }
}
