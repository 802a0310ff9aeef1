//! burn, on its CPU backend Flex. It prepares nothing.

use burn::tensor::activation::relu;
use burn::tensor::module::{adaptive_avg_pool2d, avg_pool2d, conv2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Runner, fresh};
use crate::layer::{Case, Layer, Op};

pub fn prepare(case: &Case) -> Box<dyn Runner> {
    let device = Device::flex();
    let input = Tensor::<4>::from_data(TensorData::new(case.input.clone(), case.layer.input_shape()), &device);
    let compute: Box<dyn Fn() -> Tensor<4>> = match case.layer.convolves() {
        true => convolution(case, input, &device),
        false => pool(&case.layer, input),
    };
    fresh(compute, |map| map.into_data().try_to_vec().expect("the result is of f32"))
}

fn convolution(case: &Case, input: Tensor<4>, device: &Device) -> Box<dyn Fn() -> Tensor<4>> {
    let layer = &case.layer;
    let filters = Tensor::<4>::from_data(TensorData::new(case.filters.clone(), layer.filter_shape()), device);
    let bias = Tensor::<1>::from_data(TensorData::new(case.bias.clone(), [layer.filters]), device);
    let both = |value| [value; 2];
    let options = ConvOptions::new(both(layer.stride), both(layer.padding), both(layer.dilation), layer.groups);
    let block = layer.op == Op::Block;
    Box::new(move || {
        let map = conv2d(input.clone(), filters.clone(), Some(bias.clone()), options.clone());
        match block {
            true => max_pool2d(relu(map), MaxPoolOptions::new([2, 2])),
            false => map,
        }
    })
}

fn pool(layer: &Layer, input: Tensor<4>) -> Box<dyn Fn() -> Tensor<4>> {
    let &Layer { op, batch, channels, size, stride, padding, .. } = layer;
    let max = MaxPoolOptions::new([size; 2]).with_stride([stride; 2]).with_padding([padding; 2]);
    // Padding counts unless said otherwise.
    let average = AvgPoolOptions::new([size; 2]).with_stride([stride; 2]).with_padding([padding; 2]);
    Box::new(move || {
        let input = input.clone();
        match op {
            Op::Max => max_pool2d(input, max.clone()),
            Op::Average => avg_pool2d(input, average.clone()),
            #[expect(clippy::cast_precision_loss, reason = "windows are small")]
            Op::L2 => (avg_pool2d(input.square(), average.clone()) * (size * size) as f32).sqrt(),
            Op::GlobalAverage => adaptive_avg_pool2d(input, [1, 1]),
            Op::GlobalMax => input.flatten::<3>(2, 3).max_dim(2).reshape([batch, channels, 1, 1]),
            Op::Relu => relu(input),
            Op::Conv | Op::Block | Op::Network => unreachable!("it is no pool"),
        }
    })
}
