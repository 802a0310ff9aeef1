//! [`Taken`]: places of an axis, in any order.

use std::sync::Arc;

use super::check_input;
use crate::module::{Module, Operator};
use crate::tensor::element_count;
use crate::{Error, Plan, Result, TensorView, TensorViewMut};

/// What lies at some places of an axis, one after the other.
#[derive(Debug, Clone)]
pub(in crate::onnx) struct Taken {
    input: Vec<usize>,
    axis: usize,
    places: Arc<Vec<usize>>,
}

impl Taken {
    /// Of an axis that the shape has, places that the axis has.
    pub(in crate::onnx) fn new(input: &[usize], axis: usize, places: Vec<usize>) -> Result<Self> {
        match input.get(axis) {
            Some(&length) if places.iter().all(|&place| place < length) => {
                Ok(Self { input: input.to_vec(), axis, places: places.into() })
            }
            _ => Err(Error::Axis { axis: axis.cast_signed(), shape: input.to_vec() }),
        }
    }

    /// The shape that it gives.
    pub(in crate::onnx) fn shape(&self) -> Vec<usize> {
        crate::module::with_axis(&self.input, self.axis, self.places.len())
    }

    /// Writes all elements, as many as the shapes of both have, in row-major order.
    pub(in crate::onnx) fn write<T: Copy>(&self, input: &[T], output: &mut [T]) {
        let (length, inner) = (self.input[self.axis], self.input[self.axis + 1..].iter().product::<usize>());
        if output.is_empty() {
            return;
        }
        let images = input.chunks_exact(length * inner).zip(output.chunks_exact_mut(self.places.len() * inner));
        for (image, taken) in images {
            for (&place, part) in self.places.iter().zip(taken.chunks_exact_mut(inner)) {
                part.copy_from_slice(&image[place * inner..(place + 1) * inner]);
            }
        }
    }
}

impl Operator for Taken {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.input, input)?;
        let shape = self.shape();
        element_count::<f32>(&shape)?;
        Ok(shape)
    }

    fn name(&self) -> String {
        "Gather".into()
    }
}

impl Module<f32> for Taken {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        let input = input.contiguous()?;
        output.write_with(&mut |output| {
            self.write(&input, output);
            Ok(())
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }
}
