//! The definition of a pooling, as a loop over windows: the oracle that every faster way is held against.

use super::{Pool, PoolLayer, Reduction};
use crate::tensor::{Tensor, TensorView};
use crate::{AsView, Element, Result};

/// What `pool` gives for `input`, computed one window at a time with the public window iterator.
///
/// ```
/// use featuremap::pool::reference;
/// use featuremap::{L2Pool2d, Module};
/// use ndarray::Array;
///
/// let maps = Array::from_shape_fn((2, 8, 9), |(c, y, x)| (c * y + x) as f64);
/// let pool = L2Pool2d::new(3).stride(2).padding(1);
/// approx::assert_relative_eq!(pool.forward(&maps)?, reference::forward(&pool, &maps)?);
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// # Errors
///
/// As [`Module::forward`](crate::Module::forward) of the same pooling.
pub fn forward<T: Element, R: Reduction<T>, const N: usize>(
    pool: &Pool<R, N>,
    input: impl AsView<T>,
) -> Result<Tensor<T>> {
    let input = input.as_view();
    let layer = pool.layer::<T>(input.shape())?;
    pool.reduction.validate()?;
    let mut output = Tensor::zeros(&layer.output.to_vec())?;
    let pixels = input.contiguous()?;
    output.view_mut().write_with(&mut |output| write(pool, &layer, &pixels, output))?;
    Ok(output)
}

/// The same for a layer that is known to fit, into memory in row-major order.
pub(super) fn write<T: Element, R: Reduction<T>, const N: usize>(
    pool: &Pool<R, N>,
    layer: &PoolLayer<N>,
    pixels: &[T],
    output: &mut [T],
) -> Result<()> {
    let reduction = &pool.reduction;
    let maps = output.chunks_exact_mut(layer.geometry.outputs().max(1));
    for (plane, map) in pixels.chunks_exact(layer.geometry.pixels().max(1)).zip(maps) {
        let plane = TensorView::from_slice(&layer.geometry.input_size(), plane)?;
        for (window, place) in pool.window.over(plane)?.zip(map) {
            let accumulator = window.iter().fold(reduction.start(), |seen, &pixel| reduction.step(seen, pixel));
            let count = match reduction.count_include_pad() {
                false => window.len(),
                true => window.len_with_padding(),
            };
            *place = reduction.finish(accumulator, count);
        }
    }
    Ok(())
}
