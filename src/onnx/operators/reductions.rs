//! Means, sums, extremes and norms over axes.

use super::arithmetic::{Binary, combined};
use super::one;
use super::pooling::over_last;
use super::rearranging::transposed;
use super::shapes::{axes, reshaped};
use crate::onnx::builder::{Builder, Datum};
use crate::onnx::constant::{Constant, Numbers};
use crate::onnx::layers::{Map, Total};
use crate::onnx::node::{Node, axes_of};
use crate::onnx::refusal::{Outcome, refuse};
use crate::{Average, GlobalPool, L2, Max, Min};

/// Over the axes that are named, or all.
pub(super) fn reduce(builder: &mut Builder, node: &Node) -> Outcome<Vec<Datum>> {
    let input = builder.required(node, 0)?;
    let shape = builder.shape(&input).to_vec();
    // `ReduceSum` has its axes as an input five versions earlier.
    let since = if node.operator == "ReduceSum" { 13 } else { 18 };
    let named = axes(builder, node, 1, since)?.unwrap_or_default();
    if named.is_empty() && node.flag("noop_with_empty_axes")? {
        return match &node.operator[..] {
            "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" => Ok(vec![input]),
            _ => refuse("with noop_with_empty_axes is not supported"),
        };
    }
    let reduced = match named.is_empty() {
        true => (0..shape.len()).collect(),
        false => axes_of(&named, shape.len())?,
    };
    let keeps = node.int_or("keepdims", 1)? != 0;
    let result = match &input {
        Datum::Known(Constant { numbers: Numbers::Integers(_), .. }) => {
            Datum::Known(of_integers(builder, &node.operator, &input, &reduced)?)
        }
        _ => of_floats(builder, &node.operator, &input, &reduced)?,
    };
    let kept = |axis: usize| match reduced.contains(&axis) {
        true => keeps.then_some(1),
        false => Some(shape[axis]),
    };
    let output: Vec<usize> = (0..shape.len()).filter_map(kept).collect();
    one(reshaped(builder, &result, &output))
}

/// The axes that stay first, and then those that are reduced.
fn order(rank: usize, reduced: &[usize]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..rank).filter(|axis| !reduced.contains(axis)).collect();
    let kept = order.len();
    order.extend(reduced);
    (order, kept)
}

/// The results in a row of the axes that stay.
pub(super) fn of_floats(builder: &mut Builder, operator: &str, input: &Datum, reduced: &[usize]) -> Outcome<Datum> {
    let shape = builder.shape(input).to_vec();
    if shape.contains(&0) {
        return of_nothing(builder, operator, &shape, reduced);
    }
    let is_maps = shape.len() == 4 && reduced == [2, 3];
    let (order, first) = order(shape.len(), reduced);
    if operator == "ReduceMean" && is_maps {
        return builder.module(GlobalPool::<_, 2>::with(Average::default()), input);
    }
    if operator == "ReduceMax" && is_maps {
        return builder.module(GlobalPool::<_, 2>::with(Max), input);
    }
    let value = transposed(builder, input, &order)?;
    let kept = builder.shape(&value)[..first].to_vec();
    if operator == "ReduceLogSumExp" {
        // The largest is taken off first, so that nothing overflows: but not an infinity, as the difference of two is no number.
        let largest = of_floats(builder, "ReduceMax", input, reduced)?;
        let finite = |x: f32| if x.is_finite() { x } else { 0.0 };
        let largest = builder.module(Map::new("Finite", finite), &largest)?;
        let mut kept: Vec<usize> = shape.clone();
        for &axis in reduced {
            kept[axis] = 1;
        }
        let spread = reshaped(builder, &largest, &kept)?;
        let less = combined(builder, Binary::Sub, input, &spread)?;
        let powers = builder.module(Map::new("Exp", f32::exp), &less)?;
        let sum = of_floats(builder, "ReduceLogSum", &powers, reduced)?;
        let results = builder.shape(&sum).to_vec();
        let flat = reshaped(builder, &largest, &results)?;
        return combined(builder, Binary::Add, &sum, &flat);
    }
    let pool = |builder: &mut Builder, value: &Datum| match operator {
        "ReduceMean" => over_last(builder, value, first, &kept, GlobalPool::<_, 1>::with(Average::default())),
        "ReduceMax" => over_last(builder, value, first, &kept, GlobalPool::<_, 1>::with(Max)),
        "ReduceMin" => over_last(builder, value, first, &kept, GlobalPool::<_, 1>::with(Min)),
        "ReduceL2" => over_last(builder, value, first, &kept, GlobalPool::<_, 1>::with(L2)),
        "ReduceProd" => over_last(builder, value, first, &kept, GlobalPool::<_, 1>::with(Total::Products)),
        "ReduceSumSquare" => over_last(builder, value, first, &kept, GlobalPool::<_, 1>::with(Total::Squares)),
        "ReduceL1" => over_last(builder, value, first, &kept, GlobalPool::<_, 1>::with(Total::Absolutes)),
        "ReduceSum" | "ReduceLogSum" => over_last(builder, value, first, &kept, GlobalPool::<_, 1>::with(Total::Sums)),
        _ => refuse("is not supported"),
    };
    let result = pool(builder, &value)?;
    match operator {
        "ReduceLogSum" => builder.module(Map::new("Log", f32::ln), &result),
        _ => Ok(result),
    }
}

/// What each operator gives of no elements, wherever there is a result at all.
fn of_nothing(builder: &mut Builder, operator: &str, shape: &[usize], reduced: &[usize]) -> Outcome<Datum> {
    let result = match operator {
        "ReduceSum" | "ReduceSumSquare" | "ReduceL1" | "ReduceL2" => 0.0,
        "ReduceProd" => 1.0,
        "ReduceMax" | "ReduceLogSum" | "ReduceLogSumExp" => f32::NEG_INFINITY,
        "ReduceMin" => f32::INFINITY,
        _ => f32::NAN,
    };
    let kept: Vec<usize> = (0..shape.len()).filter(|axis| !reduced.contains(axis)).map(|axis| shape[axis]).collect();
    let count = builder.spend_on(&kept, size_of::<f32>())?;
    Ok(Datum::Known(Constant::floats(&kept, vec![result; count])))
}

fn of_integers(builder: &mut Builder, operator: &str, input: &Datum, reduced: &[usize]) -> Outcome<Constant> {
    let (order, first) = order(builder.shape(input).len(), reduced);
    let Datum::Known(constant) = transposed(builder, input, &order)? else { return refuse("is not constant") };
    let (kept, joined) = constant.shape.split_at(first);
    let (count, integers) = (joined.iter().product::<usize>(), constant.as_integers()?);
    if count == 0 {
        return refuse("of no elements is not supported");
    }
    let of = |row: &[i64]| {
        let mut row = row.iter().copied();
        match operator {
            "ReduceSum" => row.try_fold(0, i64::checked_add),
            "ReduceProd" => row.try_fold(1, i64::checked_mul),
            "ReduceMax" => row.max(),
            "ReduceMin" => row.min(),
            _ => None,
        }
    };
    match integers.chunks_exact(count).map(of).collect::<Option<Vec<i64>>>() {
        Some(results) => Ok(Constant::integers(kept, results)),
        None => refuse("of integers is not supported, or has no result"),
    }
}
