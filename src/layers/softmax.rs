//! [`Softmax`] and [`LogSoftmax`] over an axis.

use crate::module::{Module, Operator, RunPlan};
use crate::tensor::{Staging, TensorView, TensorViewMut, element_count};
use crate::{Error, Float, Plan, Result};

macro_rules! softmaxes {
    ($($(#[$doc:meta])* $name:ident: $log:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name {
            axis: isize,
        }

        impl $name {
            /// Over this axis, counted from the end where it is negative: −1 is the last.
            pub fn over(axis: isize) -> Self {
                Self { axis }
            }
        }

        impl Operator for $name {
            /// # Errors
            ///
            /// [`Error::Axis`] for an axis that the input does not have.
            fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
                axis_of(self.axis, input)?;
                Ok(input.to_vec())
            }
        }

        impl<T: Float> Module<T> for $name {
            fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
                self.check_output(&input, &output)?;
                SoftmaxPlan::new(axis_of(self.axis, input.shape())?, $log).run(input, output)
            }

            fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
                element_count::<T>(input_shape)?;
                let planned = SoftmaxPlan::new(axis_of(self.axis, input_shape)?, $log);
                Ok(Plan::new(input_shape, input_shape, planned))
            }
        }
    )*};
}

softmaxes! {
    /// `exp(xᵢ) / Σ exp(xⱼ)` over an axis: what makes scores of a classifier numbers that add up to 1. The largest is taken off first,
    /// so that nothing overflows.
    ///
    /// ```
    /// use featuremap::{Module, Softmax, Tensor};
    ///
    /// let shares = Softmax::over(-1).forward([[1., 1.], [1000., 0.]])?;
    /// assert_eq!(shares, Tensor::from([[0.5, 0.5], [1., 0.]]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    Softmax: false;
    /// The logarithm of a [`Softmax`], without its rounding errors: `xᵢ − ln Σ exp(xⱼ)`.
    ///
    /// ```
    /// use featuremap::{LogSoftmax, Module};
    /// use ndarray::array;
    ///
    /// let logs = LogSoftmax::over(0).forward(&array![0.0_f32, 0.0])?;
    /// assert_eq!(logs.get(&[0]), Some(&-std::f32::consts::LN_2));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    LogSoftmax: true;
}

/// The axis, counted from the start.
fn axis_of(axis: isize, shape: &[usize]) -> Result<usize> {
    let from_start = if axis < 0 { shape.len().checked_add_signed(axis) } else { Some(axis.cast_unsigned()) };
    from_start.filter(|&axis| axis < shape.len()).ok_or_else(|| Error::Axis { axis, shape: shape.to_vec() })
}

/// What the plan of a softmax has.
#[derive(Debug, Clone)]
struct SoftmaxPlan<T> {
    axis: usize,
    log: bool,
    staging: Staging<T>,
}

impl<T: Float> SoftmaxPlan<T> {
    fn new(axis: usize, log: bool) -> Self {
        Self { axis, log, staging: Staging::default() }
    }
}

impl<T: Float> RunPlan<T> for SoftmaxPlan<T> {
    fn run(&mut self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        let (length, inner) = (input.shape()[self.axis], input.shape()[self.axis + 1..].iter().product());
        let Self { log, staging, .. } = self;
        staging.run(&input, output, &mut |input, output| {
            output.copy_from_slice(input);
            T::softmax(output, length, inner, *log);
            Ok(())
        })
    }

    fn workspace_bytes(&self) -> usize {
        self.staging.bytes()
    }

    fn algorithm(&self) -> String {
        "vectors".into()
    }
}
