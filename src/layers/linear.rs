//! [`Linear`]: a dense layer, which is a convolution with windows of one pixel.

use ndarray::{ArrayBase, Axis, IxDyn, RawData};

use crate::conv::ReadyDense;
use crate::kernels::transpose::transpose;
use crate::module::{Module, Operator, RunInScratch, check_shape};
use crate::tensor::{Staging, TensorView, TensorViewMut, element_count, filled};
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
        let (batch, output_shape) = self.layer(input_shape)?;
        let [outputs, inputs] = [self.conv.filters().shape()[0], self.conv.filters().shape()[1]];
        let way = match self.conv.dense(batch)? {
            _ if batch * outputs == 0 => DenseWay::Nothing,
            Some(dense) => DenseWay::Rows(dense),
            None => DenseWay::Pixels {
                conv: self.conv.plan(&[inputs, batch])?,
                pixels: filled(&[inputs, batch], T::ZERO)?,
                sums: filled(&[outputs, batch], T::Sum::ZERO)?,
            },
        };
        let planned = LinearPlan { way, staging: Staging::default() };
        Ok(Plan::in_scratch(input_shape, &output_shape, planned)?.of_version(self.conv.version()))
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
        Some(Box::new(Self { conv: self.conv.activated(activation)? }))
    }

    fn with_scale(
        &self,
        scale: &ChannelScale<T::Sum>,
        output_shape: &[usize],
    ) -> Option<Box<dyn Fusible<T, T::Sum> + '_>> {
        let axis = output_shape.len().checked_sub(1)?;
        let fits = scale.axis(output_shape.len()) == Some(axis);
        Some(Box::new(fits.then(|| self.scaled(scale)).flatten()?))
    }
}

/// The weights, of whatever rank, without the axis of the window, which is their last.
fn without_pixels<S: RawData>(weights: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
    let last = Axis(weights.ndim() - 1);
    weights.index_axis_move(last, 0)
}

/// How a dense layer is computed.
#[derive(Clone)]
enum DenseWay<T: Element> {
    /// There is nothing to compute.
    Nothing,
    /// Row by row.
    Rows(ReadyDense<T>),
    /// As a convolution from `[inputs, batch]` to `[outputs, batch]`, for numbers that have no kernels.
    Pixels { conv: Plan<T, T::Sum>, pixels: Vec<T>, sums: Vec<T::Sum> },
}

/// What the plan of a dense layer holds.
#[derive(Clone)]
struct LinearPlan<T: Element> {
    way: DenseWay<T>,
    staging: Staging<T, T::Sum>,
}

impl<T: Element> RunInScratch<T, T::Sum> for LinearPlan<T> {
    fn scratch_length(&self) -> usize {
        match &self.way {
            DenseWay::Rows(dense) => dense.scratch_length(),
            DenseWay::Nothing | DenseWay::Pixels { .. } => 0,
        }
    }

    fn run_in(
        &mut self,
        input: TensorView<'_, T>,
        output: TensorViewMut<'_, T::Sum>,
        scratch: &mut [T::Sum],
    ) -> Result<()> {
        let Self { way, staging } = self;
        staging.run(&input, output, &mut |rows, output| {
            match way {
                DenseWay::Nothing => {}
                DenseWay::Rows(dense) => dense.run(rows, output, scratch),
                DenseWay::Pixels { conv, pixels, sums } => {
                    let [inputs, batch] = [conv.input_shape()[0], conv.input_shape()[1]];
                    let outputs = conv.output_shape()[0];
                    transpose((rows, inputs), (pixels, batch), (batch, inputs), |&pixel| pixel);
                    let pixels = TensorView::from_slice(&[inputs, batch], pixels)?;
                    conv.run(pixels, TensorViewMut::from_slice(&[outputs, batch], sums)?)?;
                    transpose((sums, batch), (output, outputs), (outputs, batch), |&sum| sum);
                }
            }
            Ok(())
        })
    }

    fn algorithm(&self) -> String {
        match &self.way {
            DenseWay::Nothing => "nothing".into(),
            DenseWay::Rows(_) => "channels".into(),
            DenseWay::Pixels { conv, .. } => conv.algorithm(),
        }
    }

    fn own_bytes(&self) -> usize {
        let of_way = match &self.way {
            DenseWay::Nothing | DenseWay::Rows(_) => 0,
            DenseWay::Pixels { conv, pixels, sums } => {
                conv.workspace_bytes() + size_of_val(&pixels[..]) + size_of_val(&sums[..])
            }
        };
        of_way + self.staging.bytes()
    }
}
