//! featuremap itself, in two ways: by a plan, into memory that the caller keeps, and by `forward`, which prepares
//! everything anew and takes memory for each result.

use std::error::Error;
use std::hint::black_box;

use featuremap::onnx::Model;
use featuremap::{
    AvgPool2d, Conv2d, GlobalAvgPool, GlobalMaxPool, L2Pool2d, MaxPool2d, Module, Plan, Relu, Result, Sequential,
    Tensor,
};

#[path = "../../../../tests/networks/models.rs"]
mod models;

use super::{Prepared, Runner, fresh};
use crate::layer::{Case, Layer, Op};

fn convolution(case: &Case) -> Result<Conv2d> {
    let layer = &case.layer;
    let filters = Tensor::from_vec(&layer.filter_shape(), case.filters.clone())?;
    let conv = Conv2d::new(filters).bias(case.bias.clone()).groups(layer.groups);
    Ok(conv.stride(layer.stride).padding(layer.padding).dilation(layer.dilation))
}

/// What computes a layer; a block is a network of three modules.
fn module(case: &Case) -> Result<Box<dyn Module<f32>>> {
    let &Layer { op, size, stride, padding, .. } = &case.layer;
    Ok(match op {
        Op::Conv => Box::new(convolution(case)?),
        Op::Block => Box::new(Sequential::new().push(convolution(case)?).push(Relu).push(MaxPool2d::new(2))),
        Op::Max => Box::new(MaxPool2d::new(size).stride(stride).padding(padding)),
        Op::Average => Box::new(AvgPool2d::new(size).stride(stride).padding(padding).count_include_pad(true)),
        Op::L2 => Box::new(L2Pool2d::new(size).stride(stride).padding(padding)),
        Op::GlobalAverage => Box::new(GlobalAvgPool::default()),
        Op::GlobalMax => Box::new(GlobalMaxPool::default()),
        Op::Relu => Box::new(Relu),
        // There as a file alone.
        Op::Network if case.layer.id == "ppocr_det" => {
            Box::new(Model::from_bytes(case.model.clone())?.network(&[&case.layer.input_shape()])?)
        }
        Op::Network => Box::new(network(&case.layer.id)),
    })
}

/// A network of `networks.json`, at its usual width.
fn network(id: &str) -> Sequential {
    let mut network = match id {
        "resnet18" => models::resnet18(64, 1000),
        "mobilenet_v2" => models::mobilenet_v2(8, 1000),
        "squeezenet" => models::squeezenet(16, 1000),
        "unet" => models::unet(64, 4),
        other => unreachable!("{other} is in networks.json, and not here"),
    };
    models::fill(&mut network);
    network
}

/// A plan that writes into the same memory every time.
struct IntoMemory {
    plan: Plan,
    input: Tensor<f32>,
    output: Tensor<f32>,
}

impl Runner for IntoMemory {
    fn run(&mut self) {
        self.plan.run(&self.input, black_box(&mut self.output)).expect("the plan is for these shapes");
    }

    fn result(&mut self) -> Vec<f32> {
        self.run();
        self.output.iter().copied().collect()
    }
}

pub fn into_memory(case: &Case) -> Prepared {
    let input = Tensor::from_vec(&case.layer.input_shape(), case.input.clone())?;
    let plan = module(case)?.plan(input.shape())?;
    let output = Tensor::zeros(plan.output_shape())?;
    Ok(Box::new(IntoMemory { plan, input, output }))
}

pub fn forward(case: &Case) -> Prepared {
    let input = Tensor::from_vec(&case.layer.input_shape(), case.input.clone())?;
    let module = module(case)?;
    module.output_shape(input.shape())?;
    let compute = move || module.forward(&input).expect("the shape was checked");
    Ok(fresh(compute, |map| map.iter().copied().collect()))
}

/// What every engine must compute, rounding apart.
pub fn expected(case: &Case) -> std::result::Result<Vec<f32>, Box<dyn Error>> {
    if matches!(case.layer.op, Op::Network) {
        return Ok(case.expected.clone());
    }
    Ok(forward(case)?.result())
}
