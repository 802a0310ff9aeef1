//! Networks that people have, in the crate's own words, of any width: see `tests/cases/networks.py`, which has the same ones.
//!
//! Each is a function of some twenty lines. Their parameters are numbers from a formula, as no file of weights need be kept then.

use featuremap::{
    Activation, BatchNorm2d, Concat, Conv2d, ConvTranspose2d, Dropout, Flatten, GlobalAvgPool, Linear, MaxPool2d,
    Module, Relu, Residual, Sequential, Tensor,
};

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape).unwrap()
}

fn conv(filters: usize, channels: usize, size: usize) -> Conv2d {
    Conv2d::new(zeros(&[filters, channels, size, size])).bias(zeros(&[filters])).padding(size / 2)
}

fn conv_bn(filters: usize, channels: usize, size: usize, stride: usize, groups: usize) -> Sequential {
    let conv =
        Conv2d::new(zeros(&[filters, channels / groups, size, size])).padding(size / 2).stride(stride).groups(groups);
    let norm = BatchNorm2d::new(zeros(&[filters]), zeros(&[filters])).weight(zeros(&[filters])).bias(zeros(&[filters]));
    Sequential::new().push(conv).push(norm)
}

fn classifier(model: Sequential, channels: usize, classes: usize) -> Sequential {
    model
        .push(GlobalAvgPool::default())
        .push(Flatten::default())
        .push(Linear::new(zeros(&[classes, channels])).bias(zeros(&[classes])))
}

/// ResNet-18 of `w` filters in its first stage (He et al. 2016); usually 64.
pub(crate) fn resnet18(w: usize, classes: usize) -> Sequential {
    let block = |filters, channels, stride| {
        let f = Sequential::new().push(conv_bn(filters, channels, 3, stride, 1)).push(Relu);
        let block = Residual::new(f.push(conv_bn(filters, filters, 3, 1, 1))).activation(Activation::Relu);
        if stride == 1 && filters == channels {
            block
        } else {
            block.projection(conv_bn(filters, channels, 1, stride, 1))
        }
    };
    let stem = Sequential::new().push(conv_bn(w, 3, 7, 2, 1)).push(Relu).push(MaxPool2d::new(3).stride(2).padding(1));
    let (mut model, mut channels) = (stem, w);
    for stage in 0..4 {
        let filters = w << stage;
        model = model.push(block(filters, channels, if stage == 0 { 1 } else { 2 })).push(block(filters, filters, 1));
        channels = filters;
    }
    classifier(model, channels, classes)
}

/// `MobileNetV2` (Sandler et al. 2018), whose stem has `4 * w` filters; usually `w` is 8.
pub(crate) fn mobilenet_v2(w: usize, classes: usize) -> Sequential {
    let block = |filters, channels, stride, expand| {
        let wide = channels * expand;
        let f = Sequential::new();
        let f = if expand > 1 { f.push(conv_bn(wide, channels, 1, 1, 1)).push(Activation::RELU6) } else { f };
        let f =
            f.push(conv_bn(wide, wide, 3, stride, wide)).push(Activation::RELU6).push(conv_bn(filters, wide, 1, 1, 1));
        if stride == 1 && filters == channels { Sequential::new().push(Residual::new(f)) } else { f }
    };
    let mut model = Sequential::new().push(conv_bn(4 * w, 3, 3, 2, 1)).push(Activation::RELU6);
    let mut channels = 4 * w;
    let stages = [(1, 2, 1, 1), (6, 3, 2, 2), (6, 4, 3, 2), (6, 8, 4, 2), (6, 12, 3, 1), (6, 20, 3, 2), (6, 40, 1, 1)];
    for (expand, filters, count, stride) in stages {
        for number in 0..count {
            model = model.push(block(filters * w, channels, if number == 0 { stride } else { 1 }, expand));
            channels = filters * w;
        }
    }
    classifier(model.push(conv_bn(160 * w, channels, 1, 1, 1)).push(Activation::RELU6), 160 * w, classes)
}

/// `SqueezeNet` 1.1 (Iandola et al. 2016), whose first layer squeezes to `w` maps; usually 16.
pub(crate) fn squeezenet(w: usize, classes: usize) -> Sequential {
    let fire = |squeeze, channels, expand| {
        let branch = |size| Sequential::new().push(conv(expand, squeeze, size)).push(Relu);
        let branches = Concat::new().branch("1x1", branch(1)).branch("3x3", branch(3));
        Sequential::new().push(conv(squeeze, channels, 1)).push(Relu).push(branches)
    };
    let pool = || MaxPool2d::new(3).stride(2).ceil_mode(true);
    let stem = conv(4 * w, 3, 3).stride(2).padding(0);
    let (mut model, mut channels) = (Sequential::new().push(stem).push(Relu).push(pool()), 4 * w);
    let fires = [(1, 4), (1, 4), (2, 8), (2, 8), (3, 12), (3, 12), (4, 16), (4, 16)];
    for (number, (squeeze, expand)) in fires.into_iter().enumerate() {
        model = if number == 2 || number == 4 { model.push(pool()) } else { model };
        model = model.push(fire(squeeze * w, channels, expand * w));
        channels = 2 * expand * w;
    }
    let scores = model.push(Dropout).push(conv(classes, channels, 1)).push(Relu);
    scores.push(GlobalAvgPool::default()).push(Flatten::default())
}

/// A U-Net (Ronneberger et al. 2015) with padding and batch norms, of `w` filters and so many levels; usually 64 and 4.
pub(crate) fn unet(w: usize, levels: usize) -> Sequential {
    fn double(filters: usize, channels: usize) -> Sequential {
        let first = Sequential::new().push(conv_bn(filters, channels, 3, 1, 1)).push(Relu);
        first.push(conv_bn(filters, filters, 3, 1, 1)).push(Relu)
    }
    fn level(w: usize, depth: usize, levels: usize) -> Sequential {
        let filters = w << depth;
        if depth == levels {
            return double(filters, filters / 2);
        }
        let up = ConvTranspose2d::new(zeros(&[2 * filters, filters, 2, 2])).bias(zeros(&[filters])).stride(2);
        let inner = Sequential::new().push(MaxPool2d::new(2)).push(level(w, depth + 1, levels)).push(up);
        let around = Concat::new().branch("around", Sequential::new()).branch("inner", inner);
        let channels = if depth == 0 { 3 } else { filters / 2 };
        Sequential::new().push(double(filters, channels)).push(around).push(double(filters, 2 * filters))
    }
    Sequential::new().push(level(w, 0, levels)).push(conv(2, w, 1))
}

/// Numbers in [−1, 1) from the bits of a product.
pub(crate) fn wave(place: usize) -> f64 {
    (((place as u64 * 2_654_435_761) >> 8) & 0xff_ffff) as f64 / 8_388_608.0 - 1.0
}

/// Gives every parameter numbers that keep values of a moderate size.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn fill(network: &mut Sequential) {
    let mut place = 0;
    for (name, mut values) in network.parameters_mut() {
        let (rank, fan_in) = (values.rank(), values.len() / values.shape()[0]);
        let number = |wave: f64| match rank {
            1 if name.ends_with("running_var") => wave.abs() + 0.5,
            1 if name.ends_with("weight") => wave * 0.25 + 1.0,
            1 => wave * 0.125,
            _ => wave * (6.0 / fan_in as f64).sqrt(),
        };
        values.map_in_place(|value| {
            *value = number(wave(place)) as f32;
            place += 1;
        });
    }
}
