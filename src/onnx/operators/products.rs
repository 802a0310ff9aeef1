//! `Gemm` and `MatMul`.

use super::arithmetic::{Binary, combined};
use super::one;
use super::rearranging::transposed;
use super::shapes::reshaped;
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::constant::Constant;
use crate::onnx::layers::MatrixProduct;
use crate::onnx::node::Node;
use crate::onnx::refusal::{Outcome, refuse};
use crate::onnx::{layers::Reshaped, network::PartWork};
use crate::{ChannelAxis, Linear};

/// `alpha · A · B + beta · C`, where A or B may be transposed: a dense layer where B is known.
pub(super) fn gemm(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (mut a, mut b) = (builder.required(node, 0)?, builder.required(node, 1)?);
    if builder.shape(&a).len() != 2 || builder.shape(&b).len() != 2 {
        let (a, b) = (builder.shape(&a), builder.shape(&b));
        return refuse(format!("has inputs of shapes {a:?} and {b:?}: both must be of rank 2"));
    }
    if node.flag("transA")? {
        a = transposed(builder, &a, &[1, 0])?;
    }
    let mut rows = node.flag("transB")?;
    if rows && let Datum::Made(_) = b {
        b = transposed(builder, &b, &[1, 0])?;
        rows = false;
    }
    let times = |builder: &mut Builder, value: Datum, factor: f64| match factor {
        1.0 => Ok(value),
        #[allow(clippy::cast_possible_truncation, reason = "it was an f32")]
        factor => {
            let factor = Datum::Known(Constant::floats(&[], vec![factor as f32]));
            combined(builder, Binary::Mul, &value, &factor)
        }
    };
    // Of a constant, once for all.
    let alpha = node.float_or("alpha", 1.0)?;
    match &b {
        Datum::Known(_) => b = times(builder, b, alpha)?,
        Datum::Made(_) => a = times(builder, a, alpha)?,
    }
    let beta = node.float_or("beta", 1.0)?;
    let bias = match builder.optional(node, 2)? {
        Some(bias) if beta != 0.0 => Some(times(builder, bias, beta)?),
        _ => None,
    };
    match &b {
        Datum::Known(weights) if rows => one(dense(builder, &a, weights, bias)),
        _ => one(product(builder, &a, &b, bias)),
    }
}

/// NumPy's product: matrices on the last two axes, of which a vector has one.
pub(super) fn matmul(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let (a, b) = (builder.required(node, 0)?, builder.required(node, 1)?);
    let (of_a, of_b) = (builder.shape(&a).to_vec(), builder.shape(&b).to_vec());
    if of_a.is_empty() || of_b.is_empty() {
        return refuse("has an input without axes");
    }
    // A vector becomes a matrix of one row, or of one column, and that axis is taken off again.
    let a = if of_a.len() == 1 { reshaped(builder, &a, &[1, of_a[0]])? } else { a };
    let b = if of_b.len() == 1 { reshaped(builder, &b, &[of_b[0], 1])? } else { b };
    let product = product(builder, &a, &b, None)?;
    let mut shape = builder.shape(&product).to_vec();
    if of_b.len() == 1 {
        shape.pop();
    }
    if of_a.len() == 1 {
        let row = shape.len() - if of_b.len() == 1 { 1 } else { 2 };
        shape.remove(row);
    }
    one(reshaped(builder, &product, &shape))
}

/// The product of two tensors of at least two axes, and a bias that is repeated to its shape.
fn product(builder: &mut Builder, a: &Datum, b: &Datum, bias: Option<Datum>) -> Outcome<Datum> {
    let (of_a, of_b) = (builder.shape(a).to_vec(), builder.shape(b).to_vec());
    if of_a.last() != of_b.get(of_b.len() - 2) {
        return refuse(format!("has inputs of shapes {of_a:?} and {of_b:?}, which do not go together"));
    }
    let weights = match b {
        Datum::Known(constant) if of_b.len() == 2 => constant,
        _ => {
            let product = of_values(builder, a, b)?;
            return plus(builder, product, bias);
        }
    };
    // A dense layer has a row of weights for each output.
    match transposed(builder, &Datum::Known(weights.clone()), &[1, 0])? {
        Datum::Known(rows) => dense(builder, a, &rows, bias),
        Datum::Made(_) => refuse("is not constant"),
    }
}

/// A dense layer, with a row of weights for each output.
fn dense(builder: &mut Builder, a: &Datum, rows: &Constant, bias: Option<Datum>) -> Outcome<Datum> {
    builder.spend(rows.bytes())?;
    rows.as_floats()?;
    let outputs = rows.shape[0];
    let mut linear = Linear::new(rows.to_tensor()?);
    let mut rest = bias;
    if let Some(Datum::Known(bias)) = &rest
        && bias.len() == outputs
        && bias.shape.last() == Some(&outputs)
    {
        bias.as_floats()?;
        linear = linear.bias(bias.reshaped(&[outputs]).to_tensor()?);
        rest = None;
    }
    let product = builder.module(linear, a)?;
    plus(builder, product, rest)
}

fn plus(builder: &mut Builder, product: Datum, bias: Option<Datum>) -> Outcome<Datum> {
    let Some(bias) = bias else { return Ok(product) };
    let shape = builder.shape(&product).to_vec();
    let sum = combined(builder, Binary::Add, &product, &bias)?;
    match builder.shape(&sum) == shape {
        true => Ok(sum),
        false => refuse(format!("has a bias of shape {:?} for a product of {shape:?}", builder.shape(&bias))),
    }
}

/// The product of values of which neither is a matrix of weights: both in one row.
fn of_values(builder: &mut Builder, a: &Datum, b: &Datum) -> Outcome<Datum> {
    let module = MatrixProduct::new(builder.shape(a), builder.shape(b))?;
    let mut rows = Vec::new();
    for value in [a, b] {
        let as_row = Reshaped::as_row(builder.shape(value))?;
        rows.push(builder.module(as_row, value)?);
    }
    if let [Datum::Known(_), Datum::Known(_)] = rows[..] {
        let row = super::rearranging::concatenated(builder, &rows, 0)?;
        return builder.module(module, &row);
    }
    let made = rows.iter().map(|row| builder.made(row)).collect::<Outcome<Vec<_>>>()?;
    let length = module.row();
    let row = builder.push(PartWork::Concat(ChannelAxis::Before(0)), made, vec![length])?;
    builder.module(module, &row)
}
