//! [`MatrixProduct`]: products of matrices that a network computes.

use ndarray::{ArrayView2, ArrayViewMut2, linalg::general_mat_mul};

use super::{Strided, check_input};
use crate::module::{Module, Operator};
use crate::tensor::element_count;
use crate::{Error, Plan, Result, TensorView, TensorViewMut};

/// The products of the matrices on the last two axes of two tensors, whose other axes are repeated as NumPy does; both tensors come in
/// one row, the first and then the second.
#[derive(Debug, Clone)]
pub(in crate::onnx) struct MatrixProduct {
    rows: usize,
    inner: usize,
    columns: usize,
    /// Where the elements of the first matrices end in the row, and those of the second.
    ends: [usize; 2],
    /// Where each product finds its two matrices in the row.
    starts: [Strided; 2],
    output: Vec<usize>,
}

impl MatrixProduct {
    pub(in crate::onnx) fn new(one: &[usize], other: &[usize]) -> Result<Self> {
        let misfit = || Error::Shape {
            what: "what a product of matrices multiplies by",
            expected: one.to_vec(),
            found: other.to_vec(),
        };
        let (Some((outer_one, &[rows, inner])), Some((outer_other, &[same, columns]))) =
            (one.split_last_chunk::<2>(), other.split_last_chunk::<2>())
        else {
            return Err(misfit());
        };
        let rank = outer_one.len().max(outer_other.len());
        let at = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
        let length = |axis| match (at(outer_one, axis), at(outer_other, axis)) {
            // Where neither is 1 they must be the same, or cannot be repeated to it.
            (1, length) | (length, _) => length,
        };
        let mut output: Vec<usize> = (0..rank).map(length).collect();
        if inner != same {
            return Err(misfit());
        }
        let starts = [
            Strided::new(outer_one)?.expanded(&output).map_err(|_| misfit())?,
            Strided::new(outer_other)?.expanded(&output).map_err(|_| misfit())?,
        ];
        output.extend([rows, columns]);
        element_count::<f32>(&output)?;
        let first = element_count::<f32>(one)?;
        let too_large = || Error::TooLarge { what: "a product of matrices", sizes: output.clone() };
        let end = first.checked_add(element_count::<f32>(other)?).ok_or_else(too_large)?;
        Ok(Self { rows, inner, columns, ends: [first, end], starts, output })
    }

    /// How many elements both tensors have.
    pub(in crate::onnx) fn row(&self) -> usize {
        self.ends[1]
    }

    fn compute(&self, row: &[f32], output: &mut [f32]) {
        let Self { rows, inner, columns, ends, starts, .. } = self;
        let (rows, inner, columns) = (*rows, *inner, *columns);
        let (ones, others) = row.split_at(ends[0]);
        let count = output.len() / (rows * columns);
        let numbers = |strided: &Strided, whole: usize, area: usize| {
            let all: Vec<usize> = (0..whole.checked_div(area).unwrap_or(1)).collect();
            let mut found = vec![0; count];
            strided.write(&all, &mut found);
            found
        };
        let of_ones = numbers(&starts[0], ones.len(), rows * inner);
        let of_others = numbers(&starts[1], others.len(), inner * columns);
        for ((&one, &other), product) in of_ones.iter().zip(&of_others).zip(output.chunks_exact_mut(rows * columns)) {
            let (one, other) = (&ones[one * rows * inner..][..rows * inner], &others[other * inner * columns..]);
            let one = ArrayView2::from_shape((rows, inner), one);
            let other = ArrayView2::from_shape((inner, columns), &other[..inner * columns]);
            let product = ArrayViewMut2::from_shape((rows, columns), product);
            if let (Ok(one), Ok(other), Ok(mut product)) = (one, other, product) {
                general_mat_mul(1.0, &one, &other, 0.0, &mut product);
            }
        }
    }
}

impl Operator for MatrixProduct {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        check_input(&self.ends[1..], input)?;
        Ok(self.output.clone())
    }

    fn name(&self) -> String {
        "MatMul".into()
    }
}

impl Module<f32> for MatrixProduct {
    fn forward_into(&self, input: TensorView<'_, f32>, output: TensorViewMut<'_, f32>) -> Result<()> {
        self.check_output(&input, &output)?;
        let row = input.contiguous()?;
        output.write_with(&mut |output| {
            match self.inner {
                0 => output.fill(0.0),
                _ => self.compute(&row, output),
            }
            Ok(())
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan> {
        Plan::of(self.clone(), input_shape)
    }
}
