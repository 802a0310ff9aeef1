//! [`LocalResponseNorm`], of `AlexNet` and its time.

use crate::kernels::maps::LocalResponse;
use crate::module::{Module, Operator, RunPlan};
use crate::tensor::{Staging, TensorView, TensorViewMut, element_count};
use crate::{Error, Float, Plan, Result};

/// Each pixel divided by `(k + alpha · mean)^beta`, where the mean is of the squares of so many channels around it, those that are not
/// there counted as 0: PyTorch's `LocalResponseNorm`. Channels lie on the second axis.
///
/// ```
/// use featuremap::{LocalResponseNorm, Module, Tensor};
/// use ndarray::array;
///
/// let norm = LocalResponseNorm::new(1).alpha(1.0).beta(0.5).k(0.0);
/// assert_eq!(norm.forward(&array![[[3.0], [-4.0]]])?, Tensor::from(array![[[1.0], [-1.0]]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalResponseNorm {
    size: usize,
    alpha: f64,
    beta: f64,
    k: f64,
}

impl LocalResponseNorm {
    /// Over so many channels, with PyTorch's alpha of 1e-4, beta of 0.75 and k of 1.
    pub fn new(size: usize) -> Self {
        Self { size, alpha: 1e-4, beta: 0.75, k: 1.0 }
    }

    /// The factor of the mean; 1e-4 unless given.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// The exponent; 0.75 unless given.
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// What is added to `alpha` times the mean of squares; 1 unless given.
    pub fn k(mut self, k: f64) -> Self {
        self.k = k;
        self
    }
}

impl Operator for LocalResponseNorm {
    /// # Errors
    ///
    /// [`Error::Rank`] for an input of fewer than three axes, [`Error::Number`] for a size of 0.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        if input.len() < 3 {
            let (what, expected) = ("the input of a local response norm".into(), "of rank 3 or more".into());
            return Err(Error::Rank { what, expected, found: input.to_vec() });
        }
        if self.size == 0 {
            let (what, expected) = ("the size of a local response norm", "at least 1");
            return Err(Error::Number { what, expected, found: 0.0 });
        }
        Ok(input.to_vec())
    }
}

impl<T: Float> Module<T> for LocalResponseNorm {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        self.check_output(&input, &output)?;
        ResponsePlan { norm: *self, staging: Staging::default() }.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        self.output_shape(input_shape)?;
        element_count::<T>(input_shape)?;
        Ok(Plan::new(input_shape, input_shape, ResponsePlan { norm: *self, staging: Staging::default() }))
    }
}

/// What the plan of a local response norm has.
#[derive(Clone)]
struct ResponsePlan<T> {
    norm: LocalResponseNorm,
    staging: Staging<T>,
}

impl<T: Float> RunPlan<T> for ResponsePlan<T> {
    fn run(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        let (channels, plane) = (input.shape()[1], input.shape()[2..].iter().product());
        let LocalResponseNorm { size, alpha, beta, k } = self.norm;
        let (before, after, alpha) = (size / 2, (size - 1) / 2, alpha / size as f64);
        self.staging.run(&input, output, &mut |input, output| {
            T::local_response(LocalResponse { input, output, channels, plane, before, after, alpha, beta, k });
            Ok(())
        })
    }

    fn algorithm(&self) -> String {
        "vectors".into()
    }

    fn workspace_bytes(&self) -> usize {
        self.staging.bytes()
    }
}
