//! [`PRelu`]: a leaky ReLU whose slopes are trained.

use crate::module::{Module, Operator, RunPlan, Version};
use crate::tensor::{Tensor, TensorView, TensorViewMut, element_count};
use crate::{Activation, Error, Float, IntoTensor, Plan, Result};

/// x, or `slope · x` below 0, with a slope for each channel or one for all, as PyTorch's `PReLU`. Channels lie on the second axis;
/// what has no second axis has one channel.
///
/// ```
/// use featuremap::{Module, PRelu, Tensor};
///
/// let prelu = PRelu::new([0.5, 2.]);
/// let features = prelu.forward([[-2., -2.], [3., -1.]])?;
/// assert_eq!(features, Tensor::from([[-1., -4.], [3., -2.]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Clone)]
pub struct PRelu<T: Float = f32> {
    slopes: Tensor<T>,
    version: Version,
}

impl<T: Float> PRelu<T> {
    /// With these slopes, of rank 1: one for each channel, or one.
    pub fn new(slopes: impl IntoTensor<T>) -> Self {
        Self { slopes: slopes.into_tensor(), version: Version::default() }
    }

    fn check(&self, input: &[usize]) -> Result<()> {
        let (count, found) = (self.slopes.len(), input.get(1).copied().unwrap_or(1));
        if self.slopes.rank() != 1 {
            let (expected, found) = (vec![count], self.slopes.shape().to_vec());
            return Err(Error::Shape { what: "the slopes of a PReLU", expected, found });
        }
        if count != 1 && count != found {
            let shape = input.to_vec();
            return Err(Error::ChannelCount { what: "a PReLU", expected: count, found, axis: 1, shape });
        }
        Ok(())
    }
}

impl<T: Float> std::fmt::Debug for PRelu<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PRelu").field("slopes", &self.slopes).finish_non_exhaustive()
    }
}

impl<T: Float> Operator for PRelu<T> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.check(input)?;
        Ok(input.to_vec())
    }
}

impl<T: Float> Module<T> for PRelu<T> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        self.check_output(&input, &output)?;
        PReluPlan::new(&self.slopes).run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        self.check(input_shape)?;
        element_count::<T>(input_shape)?;
        Ok(Plan::new(input_shape, input_shape, PReluPlan::new(&self.slopes)).of_version(&self.version))
    }

    fn parameters(&self) -> Vec<(String, TensorView<'_, T>)> {
        vec![("weight".into(), self.slopes.view())]
    }

    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, T>)> {
        self.version.advance();
        vec![("weight".into(), self.slopes.view_mut())]
    }
}

/// What the plan of a [`PRelu`] has: its slopes.
#[derive(Clone)]
struct PReluPlan<T> {
    slopes: Vec<f64>,
    of: std::marker::PhantomData<T>,
}

impl<T: Float> PReluPlan<T> {
    fn new(slopes: &Tensor<T>) -> Self {
        let slopes = slopes.iter().map(|slope| slope.to_f64().unwrap_or(f64::NAN)).collect();
        Self { slopes, of: std::marker::PhantomData }
    }
}

impl<T: Float> RunPlan<T> for PReluPlan<T> {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        output.assign(&input);
        if output.is_empty() {
            return Ok(());
        }
        let plane: usize = output.shape().iter().skip(2).product();
        let whole = output.len();
        let length = if self.slopes.len() == 1 { whole } else { plane };
        let mut slopes = self.slopes.iter().cycle();
        if let Some(elements) = output.as_slice_mut() {
            for (plane, &slope) in elements.chunks_mut(length).zip(slopes) {
                T::activate(Activation::LeakyRelu { slope }, plane);
            }
            return Ok(());
        }
        let (mut left, mut slope) = (0, 1.0);
        output.each(|element| {
            if left == 0 {
                (left, slope) = (length, slopes.next().copied().unwrap_or(1.0));
            }
            left -= 1;
            T::activate(Activation::LeakyRelu { slope }, std::slice::from_mut(element));
        });
        Ok(())
    }

    fn algorithm(&self) -> String {
        "vectors".into()
    }
}
