//! ReLU, the rectified linear unit.

use std::iter;

use crate::kernels::rectify::{Rectify, relu};
use crate::kernels::transpose::transpose_tiles;
use crate::module::{Module, Operator, check_shape};
use crate::parallel::{PIECES, share, workers_for};
use crate::plan::Run;
use crate::simd::Level;
use crate::tensor::{TensorView, TensorViewMut, element_count};
use crate::{Activation, AsViewMut, Element, Elementwise, Lowering, Plan, Result};

/// `max(x, 0)` of every element, of a tensor of any rank. NaN stays NaN, as in PyTorch.
///
/// ```
/// use featuremap::{Module, Relu, Tensor};
/// use ndarray::array;
///
/// let map = Tensor::from(array![[6, -9, -8], [-3, -2, 3]]);
/// assert_eq!(Relu.forward(&map)?, Tensor::from(array![[6, 0, 0], [0, 0, 3]]));
///
/// let mut map = map; // or in place
/// Relu.apply(&mut map);
/// assert_eq!(map, Tensor::from(array![[6, 0, 0], [0, 0, 3]]));
/// # Ok::<(), featuremap::Error>(())
/// ```
#[doc(alias("rectifier", "clamp_min"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Relu;

impl Relu {
    /// Applies the ReLU in place.
    pub fn apply<T: Element>(self, mut map: impl AsViewMut<T>) {
        let mut map = map.as_view_mut();
        match map.as_slice_mut() {
            Some(elements) => rectify(Level::new(), workers::<T>(elements.len()), None, elements),
            None => map.map_in_place(|element| *element = relu(*element)),
        }
    }
}

impl Operator for Relu {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

/// A thread has at least so many bytes to go through.
const WORTH_A_THREAD: usize = 1 << 20;

/// As many workers for so many elements as there are threads for and is worth it.
fn workers<T>(elements: usize) -> usize {
    workers_for(elements.saturating_mul(size_of::<T>()), WORTH_A_THREAD, elements)
}

/// The ReLU of elements in order, by so many workers.
fn rectify<T: Element>(level: Level, workers: usize, input: Option<&[T]>, output: &mut [T]) {
    if workers <= 1 {
        return T::rectify(level, Rectify { input, output });
    }
    // Long enough that its end, which fills no register, is of no account.
    let length = output.len().div_ceil(workers * PIECES).max(1).next_multiple_of(1024);
    let (workers, pieces) = (iter::repeat_n((), workers), output.chunks_mut(length));
    match input {
        Some(input) => share(workers, pieces.zip(input.chunks(length)), |(), (output, input)| {
            T::rectify(level, Rectify { input: Some(input), output });
        }),
        None => share(workers, pieces, |(), output| T::rectify(level, Rectify { input: None, output })),
    }
}

/// What the plan of a ReLU has.
#[derive(Debug, Clone, Copy)]
struct Planned {
    level: Level,
    workers: usize,
}

impl<T: Element> Run<T> for Planned {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        match (input.to_slice(), output.as_slice_mut()) {
            (Some(input), Some(output)) => rectify(self.level, self.workers, Some(input), output),
            _ => {
                let tiles = |from: (&[T], usize), to: (&mut [T], usize), size| {
                    transpose_tiles(from, to, size, |&element| relu(element));
                };
                if !output.assign_channels(&input, tiles) {
                    output.assign_map(&input, |&element| relu(element));
                }
            }
        }
        Ok(())
    }

    fn algorithm(&self) -> String {
        "vectors".into()
    }
}

impl<T: Element> Module<T> for Relu {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T>) -> Result<()> {
        check_shape(input.shape(), &output)?;
        Planned { level: Level::new(), workers: workers::<T>(input.len()) }.run(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T>> {
        let elements = element_count::<T>(input_shape)?;
        let planned = Planned { level: Level::new(), workers: workers::<T>(elements) };
        Ok(Plan::new(input_shape, input_shape, planned))
    }

    fn lowering(&self) -> Lowering<'_, T> {
        Lowering::Elementwise(Elementwise::activation(Activation::Relu))
    }
}

#[cfg(test)]
mod tests;
