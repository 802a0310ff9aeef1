//! `Conv` and `ConvTranspose`.

use super::{by_rank, one};
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::constant::sizes;
use crate::onnx::node::Node;
use crate::onnx::refusal::{Outcome, refuse};
use crate::{Conv, ConvTranspose, Padding, Tensor};

pub(super) fn conv(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (input, filters, bias) = operands(builder, node)?;
    by_rank!(filters.rank().wrapping_sub(2), conv_over(builder, node, &input, filters, bias))
}

pub(super) fn conv_transpose(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (input, filters, bias) = operands(builder, node)?;
    by_rank!(filters.rank().wrapping_sub(2), conv_transpose_over(builder, node, &input, filters, bias))
}

/// The input, the filters and the bias of a convolution, checked against each other and against `kernel_shape`.
fn operands(builder: &mut Builder, node: &Node) -> Outcome<(Datum, Tensor<f32>, Option<Tensor<f32>>)> {
    let input = builder.required(node, 0)?;
    let Some(filters) = builder.weights(node, 1, "the filters")? else { return refuse("has no filters") };
    let bias = builder.weights(node, 2, "the bias")?;
    if builder.shape(&input).len() != filters.rank() {
        let (input, filters) = (builder.shape(&input), filters.shape());
        return refuse(format!("has an input of shape {input:?} for filters of shape {filters:?}"));
    }
    if let Some(kernel) = node.ints("kernel_shape")?
        && sizes(&kernel)? != filters.shape().get(2..).unwrap_or_default()
    {
        return refuse(format!("has kernel_shape {kernel:?} and filters of shape {:?}", filters.shape()));
    }
    Ok((input, filters, bias))
}

/// Padding by `auto_pad` and `pads`.
pub(super) fn padding<const N: usize>(node: &Node) -> Outcome<Padding<N>> {
    match node.one_of("auto_pad", "NOTSET", &["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])? {
        "SAME_UPPER" => Ok(Padding::Same),
        "SAME_LOWER" => Ok(Padding::SameLower),
        "VALID" => Ok(Padding::Explicit([(0, 0); N])),
        _ => Ok(Padding::Explicit(pads(node)?)),
    }
}

/// `pads`: all that come before, then all that come after.
fn pads<const N: usize>(node: &Node) -> Outcome<[(usize, usize); N]> {
    let Some(found) = node.ints("pads")? else { return Ok([(0, 0); N]) };
    let pads = sizes(&found)?;
    if pads.len() != 2 * N {
        return refuse(format!("has pads {found:?}, and {N} spatial axes"));
    }
    Ok(std::array::from_fn(|axis| (pads[axis], pads[N + axis])))
}

fn groups(node: &Node) -> Outcome<usize> {
    let groups = node.int_or("group", 1)?;
    match usize::try_from(groups) {
        Ok(groups) if groups > 0 => Ok(groups),
        _ => refuse(format!("has {groups} groups")),
    }
}

fn conv_over<const N: usize>(
    builder: &mut Builder,
    node: &Node,
    input: &Datum,
    filters: Tensor<f32>,
    bias: Option<Tensor<f32>>,
) -> Outcome<Vec<Datum>> {
    let mut conv = Conv::<f32, N>::new(filters)
        .stride(node.sizes_or("strides", 1)?)
        .dilation(node.sizes_or("dilations", 1)?)
        .padding(padding(node)?)
        .groups(groups(node)?);
    if let Some(bias) = bias {
        conv = conv.bias(bias);
    }
    one(builder.module(conv, input))
}

fn conv_transpose_over<const N: usize>(
    builder: &mut Builder,
    node: &Node,
    input: &Datum,
    filters: Tensor<f32>,
    bias: Option<Tensor<f32>>,
) -> Outcome<Vec<Datum>> {
    let mut geometry = TransposedSizes::<N> {
        size: spatial(builder.shape(input)),
        kernel: spatial(filters.shape()),
        strides: node.sizes_or("strides", 1)?,
        dilations: node.sizes_or("dilations", 1)?,
        output_padding: node.sizes_or("output_padding", 0)?,
    };
    let padding = match node.ints("output_shape")? {
        None => padding(node)?,
        Some(shape) => Padding::Explicit(geometry.pads_for(&sizes(&shape)?, node)?),
    };
    let mut conv = ConvTranspose::<f32, N>::new(filters)
        .stride(geometry.strides)
        .dilation(geometry.dilations)
        .padding(padding)
        .output_padding(geometry.output_padding)
        .groups(groups(node)?);
    if let Some(bias) = bias {
        conv = conv.bias(bias);
    }
    one(builder.module(conv, input))
}

/// The last axes of a shape, which has them.
fn spatial<const N: usize>(shape: &[usize]) -> [usize; N] {
    shape.last_chunk().copied().unwrap_or([0; N])
}

/// The numbers that the size of a transposed convolution depends on.
struct TransposedSizes<const N: usize> {
    size: [usize; N],
    kernel: [usize; N],
    strides: [usize; N],
    dilations: [usize; N],
    output_padding: [usize; N],
}

impl<const N: usize> TransposedSizes<N> {
    /// The pads that give an output of this size, by ONNX's rule for `output_shape`. Where the output is larger than it would be without
    /// any, the rest is output padding.
    fn pads_for(&mut self, shape: &[usize], node: &Node) -> Outcome<[(usize, usize); N]> {
        let Some(size) = shape.last_chunk::<N>().filter(|_| shape.len() == N || shape.len() == N + 2) else {
            return refuse(format!("has output_shape {shape:?}, and {N} spatial axes"));
        };
        let upper = node.text_or("auto_pad", "NOTSET")? == "SAME_UPPER";
        let mut pads = [(0, 0); N];
        for axis in 0..N {
            let Some(whole) = self.unpadded(axis) else { return refuse("makes an output that is too large") };
            match whole.checked_sub(size[axis]) {
                Some(total) => {
                    let (half, rest) = (total / 2, total - total / 2);
                    pads[axis] = if upper { (half, rest) } else { (rest, half) };
                }
                None => self.output_padding[axis] += size[axis] - whole,
            }
        }
        Ok(pads)
    }

    /// The size of the output without padding: `stride · (length − 1) + dilation · (size − 1) + 1 + output padding`.
    fn unpadded(&self, axis: usize) -> Option<usize> {
        let steps = self.strides[axis].checked_mul(self.size[axis].checked_sub(1)?)?;
        let window = self.dilations[axis].checked_mul(self.kernel[axis].checked_sub(1)?)?;
        steps.checked_add(window)?.checked_add(1)?.checked_add(self.output_padding[axis])
    }
}
