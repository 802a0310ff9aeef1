//! [`BatchNorm`], with the statistics that it was trained with.

use crate::module::{Module, Operator, RunPlan, Version};
use crate::tensor::{Tensor, TensorView, TensorViewMut, element_count};
use crate::{ChannelAxis, ChannelScale, Conv, Error, Float, IntoTensor, Linear, Lowering, Plan, Result};

/// The batch norm of features, `[batch, channels]`, or of signals, `[batch, channels, length]`: a [`BatchNorm`]. The output has the
/// shape of the input.
///
/// ```text
/// output[b, c, …] = (input[b, c, …] − mean[c]) / √(variance[c] + epsilon) · weight[c] + bias[c]
/// ```
///
/// ```
/// use featuremap::{BatchNorm1d, Module, Tensor};
///
/// let norm = BatchNorm1d::new([1., 2.], [4., 16.]).epsilon(0.); // two channels
/// assert_eq!(norm.forward([[5., 6.], [1., 2.]])?, Tensor::from([[2., 1.], [0., 0.]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("BatchNormalization", "batch_norm"))]
pub type BatchNorm1d<T = f32> = BatchNorm<T, 1>;
/// The batch norm of maps, `[channels, height, width]` or `[batch, channels, height, width]`: a [`BatchNorm`]. The output has the
/// shape of the input.
///
/// ```text
/// output[b, c, …] = (input[b, c, …] − mean[c]) / √(variance[c] + epsilon) · weight[c] + bias[c]
/// ```
///
/// ```
/// use featuremap::{BatchNorm2d, Module, Tensor};
///
/// let norm = BatchNorm2d::new([1., 2.], [4., 9.]).weight([2., 3.]).bias([0., 1.]).epsilon(0.);
/// assert_eq!(norm.forward([[[5.]], [[5.]]])?, Tensor::from([[[4.]], [[4.]]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("BatchNormalization", "batch_norm"))]
pub type BatchNorm2d<T = f32> = BatchNorm<T, 2>;
/// The batch norm of volumes, `[channels, depth, height, width]` or `[batch, channels, depth, height, width]`: a [`BatchNorm`]. The
/// output has the shape of the input.
///
/// ```text
/// output[b, c, …] = (input[b, c, …] − mean[c]) / √(variance[c] + epsilon) · weight[c] + bias[c]
/// ```
///
/// ```
/// use featuremap::{BatchNorm3d, Module, Tensor};
///
/// let norm = BatchNorm3d::new([1.], [4.]).epsilon(0.);
/// assert_eq!(norm.forward([[[[5., 1.]]]])?, Tensor::from([[[[2., 0.]]]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("BatchNormalization", "batch_norm"))]
pub type BatchNorm3d<T = f32> = BatchNorm<T, 3>;

/// `(x − mean) / √(variance + epsilon) · weight + bias`, with numbers for each channel: a batch norm at inference, as PyTorch's
/// `BatchNorm1d` to `BatchNorm3d` in `eval` mode.
///
/// In a [`Sequential`](crate::Sequential), after a convolution or a [`Linear`] layer, it costs nothing: the plan takes it into the
/// weights, so that results differ from those of the two one after the other by rounding errors. Elsewhere it changes the elements
/// where they are.
///
/// ```
/// use featuremap::{BatchNorm2d, Module, Tensor};
///
/// let norm = BatchNorm2d::new([1., 2.], [4., 9.]).weight([2., 3.]).bias([0., 1.]).epsilon(0.);
/// assert_eq!(norm.forward([[[5.]], [[5.]]])?, Tensor::from([[[4.]], [[4.]]]));
///
/// let error = norm.forward([[[5.]], [[5.]], [[5.]]]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "a batch norm has numbers for 2 channels; found 3 on axis 0 of [3, 1, 1]"
/// );
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm<T: Float, const N: usize> {
    weight: Option<Tensor<T>>,
    bias: Option<Tensor<T>>,
    mean: Tensor<T>,
    variance: Tensor<T>,
    epsilon: f64,
    version: Hidden,
}

/// The version, which has nothing to show.
#[derive(Clone, PartialEq, Default)]
struct Hidden(Version);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl<T: Float, const N: usize> BatchNorm<T, N> {
    /// With the running mean and variance of each channel, both of rank 1; PyTorch's epsilon of 1e-5; no weight and no bias.
    pub fn new(mean: impl IntoTensor<T>, variance: impl IntoTensor<T>) -> Self {
        let (mean, variance) = (mean.into_tensor(), variance.into_tensor());
        Self { weight: None, bias: None, mean, variance, epsilon: 1e-5, version: Hidden::default() }
    }

    /// A factor for each channel; 1 unless given. Of rank 1.
    pub fn weight(mut self, weight: impl IntoTensor<T>) -> Self {
        self.weight = Some(weight.into_tensor());
        self
    }

    /// A number for each channel, added at the end; 0 unless given. Of rank 1.
    pub fn bias(mut self, bias: impl IntoTensor<T>) -> Self {
        self.bias = Some(bias.into_tensor());
        self
    }

    /// What is added to variances so that none is 0; 1e-5 unless given.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    const CHANNELS: ChannelAxis = if N == 1 { ChannelAxis::Second } else { ChannelAxis::Before(N) };

    /// What it comes to: a factor and an offset for each channel, computed in `f64`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] where the parameters are not one number for each channel.
    pub fn scale(&self) -> Result<ChannelScale<T>> {
        let count = self.mean.len();
        let given = [&self.weight, &self.bias].into_iter().flatten();
        for parameter in given.chain([&self.mean, &self.variance]) {
            if parameter.shape() != [count] {
                let (expected, found) = (vec![count], parameter.shape().to_vec());
                return Err(Error::Shape { what: "each parameter of a batch norm", expected, found });
            }
        }
        let numbers = |tensor: &Tensor<T>| -> Vec<f64> {
            tensor.iter().map(|number| number.to_f64().unwrap_or(f64::NAN)).collect()
        };
        let or = |tensor: &Option<Tensor<T>>, other: f64| tensor.as_ref().map_or_else(|| vec![other; count], numbers);
        let (weights, biases) = (or(&self.weight, 1.0), or(&self.bias, 0.0));
        let statistics = numbers(&self.mean).into_iter().zip(numbers(&self.variance));
        let (factors, offsets) = statistics
            .zip(weights.into_iter().zip(biases))
            .map(|((mean, variance), (weight, bias))| {
                let factor = weight / (variance + self.epsilon).sqrt();
                (T::from_f64(factor), T::from_f64(bias - mean * factor))
            })
            .unzip();
        Ok(ChannelScale::new(factors, offsets, Self::CHANNELS).of_version(&self.version.0))
    }

    fn check(&self, input: &[usize]) -> Result<()> {
        let ranks = [N + 1, N + 2];
        if !ranks.contains(&input.len()) {
            return Err(Error::Rank {
                what: format!("the input of a {N}-D batch norm"),
                expected: match N {
                    1 => "of rank 2 [batch, channel] or 3 [batch, channel, length]".into(),
                    _ => format!("of rank {} [channel, spatial] or {} [batch, channel, spatial]", ranks[0], ranks[1]),
                },
                found: input.to_vec(),
            });
        }
        let axis = Self::CHANNELS.of(input.len()).unwrap_or(0);
        let scale = self.scale()?;
        if input[axis] != scale.len() {
            let shape = input.to_vec();
            return Err(Error::ChannelCount {
                what: "a batch norm",
                expected: scale.len(),
                found: input[axis],
                axis,
                shape,
            });
        }
        Ok(())
    }
}

impl<T: Float, const N: usize> Operator for BatchNorm<T, N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.check(input)?;
        Ok(input.to_vec())
    }

    fn name(&self) -> String {
        format!("BatchNorm{N}d")
    }
}

impl<T: Float, const N: usize> Module<T> for BatchNorm<T, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        self.check_output(&input, &output)?;
        BatchNormPlan(self.scale()?).run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        self.check(input_shape)?;
        element_count::<T>(input_shape)?;
        Ok(Plan::new(input_shape, input_shape, BatchNormPlan(self.scale()?)).of_version(&self.version.0))
    }

    fn parameters(&self) -> Vec<(String, TensorView<'_, T>)> {
        let trained = [("weight", &self.weight), ("bias", &self.bias)];
        let trained = trained.into_iter().filter_map(|(name, tensor)| Some((name, tensor.as_ref()?)));
        let statistics = [("running_mean", &self.mean), ("running_var", &self.variance)];
        trained.chain(statistics).map(|(name, tensor)| (name.into(), tensor.view())).collect()
    }

    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, T>)> {
        self.version.0.advance();
        let trained = [("weight", &mut self.weight), ("bias", &mut self.bias)];
        let trained = trained.into_iter().filter_map(|(name, tensor)| Some((name, tensor.as_mut()?)));
        let statistics = [("running_mean", &mut self.mean), ("running_var", &mut self.variance)];
        trained.chain(statistics).map(|(name, tensor)| (name.into(), tensor.view_mut())).collect()
    }

    fn lowering(&self) -> Lowering<'_, T> {
        self.scale().map_or(Lowering::Opaque, Lowering::Scale)
    }
}

/// What the plan of a batch norm has.
#[derive(Clone)]
struct BatchNormPlan<T>(ChannelScale<T>);

impl<T: Float> RunPlan<T> for BatchNormPlan<T> {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        output.assign(&input);
        self.0.apply(output);
        Ok(())
    }

    fn algorithm(&self) -> String {
        "vectors".into()
    }
}

impl<T: Float, const N: usize> Conv<T, N> {
    /// This convolution with a batch norm in its filters and its bias, before any ReLU that it [applies](Conv::relu): what the plan
    /// of a [`Sequential`](crate::Sequential) makes of the two, for those who fold themselves.
    ///
    /// ```
    /// use featuremap::{BatchNorm1d, Conv1d, Module};
    /// use ndarray::{Array1, array};
    ///
    /// let norm = BatchNorm1d::new(array![1.0], array![4.0]).epsilon(0.0);
    /// let conv = Conv1d::new(array![[[1.0, 1.0]]]).with_batch_norm(&norm)?;
    /// assert_eq!(conv.forward(&array![[[2.0, 3.0]]])?.get(&[0, 0, 0]), Some(&2.0));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] and [`Error::ChannelCount`] where the batch norm has not one number for each filter.
    pub fn with_batch_norm(self, norm: &BatchNorm<T, N>) -> Result<Self> {
        let scale = norm.scale()?;
        let (plain, activation) = self.without_activation();
        let scaled = plain.scaled(&scale).ok_or_else(|| count_error(&scale, plain.filters().shape()))?;
        Ok(scaled.with_fused(activation))
    }
}

impl<T: Float> Linear<T> {
    /// This layer with a batch norm in its weights and its bias.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] and [`Error::ChannelCount`] where the batch norm has not one number for each output.
    pub fn with_batch_norm(self, norm: &BatchNorm1d<T>) -> Result<Self> {
        let scale = norm.scale()?;
        self.scaled(&scale)
            .ok_or_else(|| count_error(&scale, self.parameters().first().map_or(&[], |(_, weights)| weights.shape())))
    }
}

fn count_error<T: Float>(scale: &ChannelScale<T>, filters: &[usize]) -> Error {
    let (found, shape) = (filters.first().copied().unwrap_or(0), filters.to_vec());
    Error::ChannelCount { what: "a batch norm", expected: scale.len(), found, axis: 0, shape }
}
