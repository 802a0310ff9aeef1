//! [`Resampled`]: tensors brought to another size, axis by axis.

use std::sync::Arc;

use super::check_input;
use crate::module::{Module, Operator};
use crate::tensor::{element_count, filled};
use crate::{Plan, Result, TensorView, TensorViewMut};

/// What one place of a resized axis is made of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::onnx) enum Sample {
    /// Places of the input, each with its weight.
    Of(Vec<(usize, f32)>),
    /// A number, as the place lies outside.
    Outside(f32),
}

/// An axis, and what each place of it is made of.
pub(in crate::onnx) type AxisSamples = (usize, Vec<Sample>);

/// Every place of some axes made of weighted places of the input, one axis after the other.
#[derive(Debug, Clone)]
pub(in crate::onnx) struct Resampled {
    input: Vec<usize>,
    output: Vec<usize>,
    axes: Arc<Vec<AxisSamples>>,
}

impl Resampled {
    /// The axes are those of the shape, and all places lie within it.
    pub(in crate::onnx) fn new(input: &[usize], mut axes: Vec<AxisSamples>) -> Result<Self> {
        // Axes that become shorter come first, so that nothing in between is larger than both the input and the output.
        axes.sort_by_key(|(axis, places)| places.len() > input[*axis]);
        let mut output = input.to_vec();
        for (axis, taps) in &axes {
            output[*axis] = taps.len();
        }
        element_count::<f32>(&output)?;
        Ok(Self { input: input.to_vec(), output, axes: axes.into() })
    }
}

/// One axis of a tensor of this shape.
fn resample(input: &[f32], shape: &[usize], (axis, places): &AxisSamples, output: &mut [f32]) {
    let (length, inner) = (shape[*axis], shape[*axis + 1..].iter().product::<usize>());
    if output.is_empty() {
        return;
    }
    for (image, result) in input.chunks_exact(length * inner).zip(output.chunks_exact_mut(places.len() * inner)) {
        for (taps, row) in places.iter().zip(result.chunks_exact_mut(inner)) {
            let taps = match taps {
                Sample::Outside(number) => {
                    row.fill(*number);
                    continue;
                }
                Sample::Of(taps) => taps,
            };
            if let &[(place, 1.0)] = &taps[..] {
                row.copy_from_slice(&image[place * inner..][..inner]);
                continue;
            }
            row.fill(0.0);
            for &(place, weight) in taps {
                for (sum, &pixel) in row.iter_mut().zip(&image[place * inner..]) {
                    *sum += weight * pixel;
                }
            }
        }
    }
}

impl Operator for Resampled {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.input, input)?;
        Ok(self.output.clone())
    }

    fn name(&self) -> String {
        "Resize".into()
    }
}

impl Module<f32> for Resampled {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        let mut shape = self.input.clone();
        let mut current = input.contiguous()?;
        let Some((last, before)) = self.axes.split_last() else {
            return output.write_with(&mut |output| {
                output.copy_from_slice(&current);
                Ok(())
            });
        };
        for axis in before {
            let next_shape = crate::module::with_axis(&shape, axis.0, axis.1.len());
            let mut next = filled(&next_shape, 0.0)?;
            resample(&current, &shape, axis, &mut next);
            (current, shape) = (next.into(), next_shape);
        }
        output.write_with(&mut |output| {
            resample(&current, &shape, last, output);
            Ok(())
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }
}

#[cfg(test)]
mod tests {
    use super::{Resampled, Sample};

    #[test]
    fn axes_that_become_shorter_come_first() {
        let first = |count| vec![Sample::Of(vec![(0, 1.0)]); count];
        let resampled = Resampled::new(&[1, 1, 60], vec![(1, first(9)), (2, first(1))]).expect("it is small");
        assert_eq!(resampled.axes.iter().map(|(axis, _)| *axis).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(resampled.output, [1, 9, 1]);
    }
}
