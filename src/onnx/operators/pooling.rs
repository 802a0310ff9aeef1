//! Poolings over windows, and over whole maps.

use super::convolution::padding;
use super::{by_rank, one};
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::layers::Reshaped;
use crate::onnx::node::Node;
use crate::onnx::refusal::{Outcome, refuse};
use crate::{Average, GlobalPool, Lp, Max, Module, Pool, Reduction};

pub(super) fn max_pool(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    by_rank!(builder.shape(&input).len().wrapping_sub(2), pool_over(builder, node, &input, Max))
}

pub(super) fn average_pool(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    by_rank!(builder.shape(&input).len().wrapping_sub(2), average_over(builder, node, &input))
}

pub(super) fn lp_pool(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let order = order(node)?;
    by_rank!(builder.shape(&input).len().wrapping_sub(2), pool_over(builder, node, &input, order))
}

/// The order of a norm, an integer since the second version of the operator.
fn order(node: &Node) -> Outcome<Lp> {
    Ok(Lp(node.int_or("p", 2)? as f64))
}

fn pool<const N: usize, R: Copy>(node: &Node, reduction: R) -> Outcome<Pool<R, N>> {
    if !node.has("kernel_shape")? {
        return refuse("has no kernel_shape");
    }
    Ok(Pool::with(reduction, node.sizes_or::<N>("kernel_shape", 1)?)
        .stride(node.sizes_or::<N>("strides", 1)?)
        .dilation(node.sizes_or::<N>("dilations", 1)?)
        .ceil_mode(node.flag("ceil_mode")?)
        .padding(padding::<N>(node)?))
}

fn pool_over<const N: usize>(
    builder: &mut Builder,
    node: &Node,
    input: &Datum,
    reduction: impl Reduction<f32> + Copy,
) -> Outcome<Vec<Datum>> {
    let pool: Pool<_, N> = pool(node, reduction)?;
    one(builder.module(pool, input))
}

fn average_over<const N: usize>(builder: &mut Builder, node: &Node, input: &Datum) -> Outcome<Vec<Datum>> {
    let pool: Pool<Average, N> = pool(node, Average::default())?;
    one(builder.module(pool.count_include_pad(node.flag("count_include_pad")?), input))
}

pub(super) fn global_average_pool(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    one(global_pool(builder, &input, Average::default()))
}

pub(super) fn global_max_pool(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    one(global_pool(builder, &input, Max))
}

pub(super) fn global_lp_pool(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let order = order(node)?;
    one(global_pool(builder, &input, order))
}

/// One number for each map of `[batch, channel, spatial…]`, on as many axes.
fn global_pool(builder: &mut Builder, input: &Datum, reduction: impl Reduction<f32>) -> Outcome<Datum> {
    let shape = builder.shape(input).to_vec();
    match shape.len() {
        0..3 => refuse(format!("has an input of shape {shape:?}, which has no spatial axes")),
        3 => builder.module(GlobalPool::<_, 1>::with(reduction), input),
        4 => builder.module(GlobalPool::<_, 2>::with(reduction), input),
        5 => builder.module(GlobalPool::<_, 3>::with(reduction), input),
        _ => {
            let mut pooled = vec![1; shape.len()];
            pooled[..2].copy_from_slice(&shape[..2]);
            over_last(builder, input, 2, &pooled, GlobalPool::<_, 1>::with(reduction))
        }
    }
}

/// What a global pooling over one axis makes of all axes from one on, under a shape.
pub(super) fn over_last(
    builder: &mut Builder,
    input: &Datum,
    first: usize,
    pooled: &[usize],
    pool: impl Module<f32> + 'static,
) -> Outcome<Datum> {
    let shape = builder.shape(input).to_vec();
    let (kept, reduced) = shape.split_at(first);
    let rows = [1, kept.iter().product(), reduced.iter().product()];
    let row = builder.module(Reshaped::new(&shape, &rows)?, input)?;
    let row = builder.module(pool, &row)?;
    let reshaped = Reshaped::new(builder.shape(&row), pooled)?;
    builder.module(reshaped, &row)
}
