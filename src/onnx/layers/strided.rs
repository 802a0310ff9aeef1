//! [`Strided`]: axes in another order, parts of axes, axes repeated: the same elements elsewhere.

use super::check_input;
use crate::module::{Module, Operator};
use crate::tensor::element_count;
use crate::{Error, Plan, Result, TensorView, TensorViewMut};

/// A tensor whose element at an index is that of its input at a place which moves by a fixed step along each axis:
/// `start + Σ step · index` in row-major order. Transposing, slicing, reversing and repeating are such, and so is one after the other.
///
/// Every place lies within the input: each method that makes one sees to it.
#[derive(Debug, Clone)]
pub(in crate::onnx) struct Strided {
    input: Vec<usize>,
    output: Vec<usize>,
    start: isize,
    steps: Vec<isize>,
}

impl Strided {
    /// The input as it is.
    pub(in crate::onnx) fn new(input: &[usize]) -> Result<Self> {
        element_count::<f32>(input)?;
        let mut step = 1_isize;
        let mut steps = vec![0; input.len()];
        for axis in (0..input.len()).rev() {
            steps[axis] = step;
            // Of an input that has no elements, no place is read.
            step = step.saturating_mul(input[axis].max(1).cast_signed());
        }
        Ok(Self { input: input.to_vec(), output: input.to_vec(), start: 0, steps })
    }

    /// So many elements of a row, from a place on, as a tensor of this shape.
    pub(in crate::onnx) fn part_of_row(row: usize, from: usize, shape: &[usize]) -> Result<Self> {
        let end = from.checked_add(element_count::<f32>(shape)?).filter(|&end| end <= row);
        match end {
            Some(_) => Ok(Self { input: vec![row], start: from.cast_signed(), ..Self::new(shape)? }),
            None => Err(Error::Shape { what: "a row of elements", expected: shape.to_vec(), found: vec![row] }),
        }
    }

    /// Axes in this order: of each new axis, which old one it is. All are named once.
    pub(in crate::onnx) fn permuted(self, order: &[usize]) -> Result<Self> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.output.len()) {
            return Err(Error::Shape {
                what: "the order of the axes",
                expected: (0..self.output.len()).collect(),
                found: order.to_vec(),
            });
        }
        let output = order.iter().map(|&axis| self.output[axis]).collect();
        let steps = order.iter().map(|&axis| self.steps[axis]).collect();
        Ok(Self { output, steps, ..self })
    }

    /// Of an axis, so many places, from one on in steps.
    pub(in crate::onnx) fn sliced(mut self, axis: usize, first: usize, step: isize, count: usize) -> Result<Self> {
        let &length = self.output.get(axis).ok_or_else(|| self.no_axis(axis))?;
        if count > 0 {
            let reach = (count - 1).try_into().ok().and_then(|reach: isize| reach.checked_mul(step));
            let last = reach.and_then(|reach| first.checked_add_signed(reach));
            if first >= length || last.is_none_or(|last| last >= length) {
                return Err(self.no_axis(axis));
            }
            self.start += self.steps[axis] * first.cast_signed();
        }
        self.output[axis] = count;
        self.steps[axis] = if count > 1 { self.steps[axis] * step } else { 0 };
        Ok(self)
    }

    /// Repeated to this shape along axes of one element, and along those before the first.
    pub(in crate::onnx) fn expanded(mut self, shape: &[usize]) -> Result<Self> {
        element_count::<f32>(shape)?;
        let new = shape.len().checked_sub(self.output.len()).ok_or_else(|| self.shape_error(shape))?;
        for axis in 0..self.output.len() {
            if self.output[axis] == 1 && shape[new + axis] != 1 {
                self.steps[axis] = 0;
            } else if self.output[axis] != shape[new + axis] {
                return Err(self.shape_error(shape));
            }
        }
        let steps = std::iter::repeat_n(0, new).chain(self.steps).collect();
        Ok(Self { output: shape.to_vec(), steps, ..self })
    }

    fn no_axis(&self, axis: usize) -> Error {
        Error::Axis { axis: axis.cast_signed(), shape: self.output.clone() }
    }

    fn shape_error(&self, shape: &[usize]) -> Error {
        Error::Shape { what: "what is repeated along axes", expected: shape.to_vec(), found: self.output.clone() }
    }

    /// Whether the output is the input, element for element.
    pub(in crate::onnx) fn is_identity(&self) -> bool {
        let identity = Self::new(&self.input);
        self.output == self.input && self.start == 0 && identity.is_ok_and(|identity| identity.steps == self.steps)
    }

    /// The shape of the output.
    pub(in crate::onnx) fn shape(&self) -> &[usize] {
        &self.output
    }

    /// Writes the elements in row-major order into `output`, which has as many as the shape; `input` has as many as the input's. No place is
    /// negative, as every index of the output lies in the input.
    pub(in crate::onnx) fn write<T: Copy>(&self, input: &[T], output: &mut [T]) {
        let (Some((&row, outer)), Some((&step, steps))) = (self.output.split_last(), self.steps.split_last()) else {
            output.copy_from_slice(&input[self.start.cast_unsigned()..][..output.len()]);
            return;
        };
        if output.is_empty() {
            return;
        }
        let mut index = vec![0; outer.len()];
        let mut place = self.start;
        for row in output.chunks_exact_mut(row) {
            let first = place.cast_unsigned();
            match step {
                1 => row.copy_from_slice(&input[first..first + row.len()]),
                0 => row.fill(input[first]),
                _ => {
                    let mut at = place;
                    for element in row {
                        *element = input[at.cast_unsigned()];
                        at += step;
                    }
                }
            }
            // The next row: as the digits of a number are counted up.
            for axis in (0..outer.len()).rev() {
                index[axis] += 1;
                place += steps[axis];
                if index[axis] < outer[axis] {
                    break;
                }
                place -= steps[axis] * outer[axis].cast_signed();
                index[axis] = 0;
            }
        }
    }
}

impl Operator for Strided {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.input, input)?;
        Ok(self.output.clone())
    }

    fn name(&self) -> String {
        "Strided".into()
    }
}

impl Module<f32> for Strided {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        if output.is_empty() {
            return Ok(());
        }
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

#[cfg(test)]
mod tests;
