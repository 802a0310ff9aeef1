//! The definition of a convolution, as loops over windows: the oracle that every faster way is held against.

use crate::tensor::{Tensor, TensorView, filled};
use crate::window::unravel;
use crate::{AsView, Element, Result};

use super::{Conv, ConvLayer, bias_of};

/// What `conv` gives for `input`, computed one output at a time, straight from the definition.
///
/// It is slow and says so: read it to know what a convolution is, and test against it.
///
/// ```
/// use featuremap::conv::reference;
/// use featuremap::{Conv2d, Module};
/// use ndarray::Array;
///
/// let filters = Array::from_shape_fn((4, 2, 3, 3), |(o, c, i, j)| o + 2 * c + 3 * i + 5 * j);
/// let filters = filters.mapv(|weight| weight as i32);
/// let image = Array::from_shape_fn((2, 8, 9), |(c, y, x)| (c * y + x) as i32);
/// let conv = Conv2d::new(filters).stride(2).padding(1);
/// assert_eq!(conv.forward(&image)?, reference::forward(&conv, &image)?);
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// # Errors
///
/// As [`Module::forward`](crate::Module::forward) of the same convolution.
pub fn forward<T: Element, const N: usize>(conv: &Conv<T, N>, input: impl AsView<T>) -> Result<Tensor<T::Sum>> {
    let input = input.as_view();
    let layer = conv.layer(input.shape())?;
    let shape = layer.output.to_vec();
    let mut output = filled(&shape, T::Sum::ZERO)?;
    write(conv, &layer, &input, &mut output);
    Tensor::from_vec(&shape, output)
}

/// Fills `output`, `[image, filter, output]`, for an input that the layer was made for.
pub(super) fn write<T: Element, const N: usize>(
    conv: &Conv<T, N>,
    layer: &ConvLayer<N>,
    input: &TensorView<'_, T>,
    output: &mut [T::Sum],
) {
    let (bank, geometry) = (&layer.bank, &layer.geometry);
    let axes = geometry.axes();
    let filters: Vec<T> = conv.filters.iter().copied().collect();
    let outputs_of_group = bank.outputs / conv.groups;
    let mut index = Vec::with_capacity(2 + N);
    for (flat, out) in output.iter_mut().enumerate() {
        let position = unravel(flat % geometry.outputs(), geometry.output_size());
        let filter = flat / geometry.outputs() % bank.outputs;
        let image = flat / geometry.outputs() / bank.outputs;
        let first_channel = filter / outputs_of_group * bank.inputs;

        *out = bias_of::<T>(conv.bias.as_ref(), filter);
        for channel in 0..bank.inputs {
            for tap in 0..geometry.taps() {
                let at = unravel(tap, bank.size);
                let weight = filters[(filter * bank.inputs + channel) * geometry.taps() + tap];
                index.clear();
                index.extend([image, first_channel + channel]);
                let mut on_zeros = false;
                for axis in 0..N {
                    let under = axes[axis].position(position[axis], at[axis]);
                    match conv.padding_mode.source(under, axes[axis].length()) {
                        Some(pixel) => index.push(pixel),
                        None => on_zeros = true,
                    }
                }
                let pixel = match on_zeros {
                    true => T::ZERO,
                    // An input without batch or channel axis has one image or channel, 0.
                    false => *input.pixel(&index[index.len() - input.rank()..]),
                };
                *out = T::add_product(*out, pixel, weight);
            }
        }
        if let Some(activation) = conv.activation {
            *out = activation.apply(*out);
        }
    }
}
