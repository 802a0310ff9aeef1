//! [`Normed`]: rows brought to a mean of 0 and a variance of 1.

use super::check_input;
use crate::module::{Module, Operator};
use crate::{Plan, Result, TensorView, TensorViewMut};

/// Makes of each `x` in a row `(x − mean) / √(variance + epsilon)`, with the mean and the variance (of all, not of a sample) of that row.
/// Rows are elements that lie one after the other in memory, so many of them each: layer, instance and group norm have that in common.
#[derive(Debug, Clone)]
pub(in crate::onnx) struct Normed {
    name: &'static str,
    shape: Vec<usize>,
    row: usize,
    epsilon: f64,
}

impl Normed {
    /// The length of a row divides the number of elements of the shape.
    pub(in crate::onnx) fn new(name: &'static str, shape: &[usize], row: usize, epsilon: f64) -> Self {
        Self { name, shape: shape.to_vec(), row, epsilon }
    }
}

impl Operator for Normed {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.shape, input)?;
        Ok(input.to_vec())
    }

    fn name(&self) -> String {
        self.name.into()
    }
}

impl Module<f32> for Normed {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        if output.is_empty() {
            return Ok(());
        }
        let input = input.contiguous()?;
        output.write_with(&mut |output| {
            for (row, normed) in input.chunks_exact(self.row).zip(output.chunks_exact_mut(self.row)) {
                norm(row, normed, self.epsilon);
            }
            Ok(())
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }
}

/// In two passes, so that a large mean does not swallow the variance.
#[allow(clippy::cast_possible_truncation, reason = "the nearest f32 is meant")]
fn norm(row: &[f32], normed: &mut [f32], epsilon: f64) {
    let count = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    let factor = 1.0 / (variance + epsilon).sqrt();
    for (place, &x) in normed.iter_mut().zip(row) {
        *place = ((f64::from(x) - mean) * factor) as f32;
    }
}
