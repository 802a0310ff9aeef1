//! featuremap itself, in two ways: by a plan, into memory that the caller keeps, and by `forward`, which prepares
//! everything anew and takes memory for each result.

use std::error::Error;
use std::hint::black_box;

use featuremap::{AvgPool2d, Conv2d, GlobalAvgPool, GlobalMaxPool, L2Pool2d, MaxPool2d, Module, Relu, Result, Tensor};

use super::{Prepared, Runner, fresh};
use crate::layer::{Case, Layer, Op};

fn convolution(case: &Case) -> Result<Conv2d> {
    let layer = &case.layer;
    let filters = Tensor::from_vec(&layer.filter_shape(), case.filters.clone())?;
    let conv = Conv2d::new(filters).bias(case.bias.clone()).groups(layer.groups);
    Ok(conv.stride(layer.stride).padding(layer.padding).dilation(layer.dilation))
}

/// The pooling that ends a block.
fn block_pool() -> MaxPool2d {
    MaxPool2d::new(2)
}

/// The only module of a layer, or the first of a block.
fn first_module(case: &Case) -> Result<Box<dyn Module<f32>>> {
    let &Layer { op, size, stride, padding, .. } = &case.layer;
    Ok(match op {
        Op::Conv | Op::Block => Box::new(convolution(case)?),
        Op::Max => Box::new(MaxPool2d::new(size).stride(stride).padding(padding)),
        Op::Average => Box::new(AvgPool2d::new(size).stride(stride).padding(padding).count_include_pad(true)),
        Op::L2 => Box::new(L2Pool2d::new(size).stride(stride).padding(padding)),
        Op::GlobalAverage => Box::new(GlobalAvgPool::default()),
        Op::GlobalMax => Box::new(GlobalMaxPool::default()),
        Op::Relu => Box::new(Relu),
    })
}

/// A runner that writes into the same memory every time.
struct IntoMemory<C> {
    compute: C,
    output: Tensor<f32>,
}

impl<C: FnMut(&mut Tensor<f32>)> Runner for IntoMemory<C> {
    fn run(&mut self) {
        (self.compute)(black_box(&mut self.output));
    }

    fn result(&mut self) -> Vec<f32> {
        self.run();
        self.output.iter().copied().collect()
    }
}

pub fn into_memory(case: &Case) -> Prepared {
    let input = Tensor::from_vec(&case.layer.input_shape(), case.input.clone())?;
    let mut first = first_module(case)?.plan(input.shape())?;
    let mut map = Tensor::zeros(first.output_shape())?;
    if case.layer.op != Op::Block {
        let compute = move |output: &mut Tensor<f32>| first.run(&input, output).expect("the plan is for these shapes");
        return Ok(Box::new(IntoMemory { compute, output: map }));
    }
    let mut pool = block_pool().plan(map.shape())?;
    let output = Tensor::zeros(pool.output_shape())?;
    let compute = move |output: &mut Tensor<f32>| {
        first.run(&input, &mut map).expect("the plan is for these shapes");
        Relu.apply(&mut map);
        pool.run(&map, output).expect("the plan is for these shapes");
    };
    Ok(Box::new(IntoMemory { compute, output }))
}

pub fn forward(case: &Case) -> Prepared {
    let input = Tensor::from_vec(&case.layer.input_shape(), case.input.clone())?;
    let first = first_module(case)?;
    first.output_shape(input.shape())?;
    let block = case.layer.op == Op::Block;
    let compute = move || {
        let mut map = first.forward(&input).expect("the shape was checked");
        if !block {
            return map;
        }
        Relu.apply(&mut map);
        block_pool().forward(&map).expect("a map has room for a window of two")
    };
    Ok(fresh(compute, |map| map.iter().copied().collect()))
}

/// What every engine must compute, rounding apart.
pub fn expected(case: &Case) -> std::result::Result<Vec<f32>, Box<dyn Error>> {
    Ok(forward(case)?.result())
}
