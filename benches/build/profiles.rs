//! Times some layers, for as many profiles as it is built under: the median of a run in milliseconds, one line each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use featuremap::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, Conv2d, ConvTranspose2d, GlobalAvgPool2d, Interpolation, L2Pool2d, Linear, Lp,
    LpPool2d, MaxPool2d, Module, Pad2d, Relu, Softmax, Tensor, Upsample2d,
};
use ndarray::{Array2, Array4};

const CHANNELS: usize = 64;
const SIDE: usize = 56;
/// A layer has the machine for so long in each round, but runs at least three times.
const TURN: Duration = Duration::from_millis(30);

/// A convolution of small weights between −1 and 1, in no order.
fn conv(filters: [usize; 4]) -> Conv2d {
    let mut last = 1_u32;
    let weights = Array4::from_shape_simple_fn(filters, || {
        last = last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (last >> 8) as f32 / (1 << 23) as f32 - 1.0
    });
    Conv2d::new(weights)
}

/// What is timed, on one image of many maps.
fn layers() -> Vec<(&'static str, Box<dyn Module<f32>>)> {
    let stamp = Array4::from_elem([CHANNELS, 8, 4, 4], 0.1);
    let dense = Array2::from_elem([64, SIDE], 0.1);
    vec![
        ("3×3 convolution", Box::new(conv([CHANNELS, CHANNELS, 3, 3]).padding(1))),
        ("3×3 of stride 2", Box::new(conv([CHANNELS, CHANNELS, 3, 3]).stride(2).padding(1))),
        ("1×1", Box::new(conv([CHANNELS, CHANNELS, 1, 1]))),
        ("1×1 of stride 2", Box::new(conv([CHANNELS, CHANNELS, 1, 1]).stride(2))),
        ("5×5 of stride 2", Box::new(conv([CHANNELS, CHANNELS, 5, 5]).stride(2).padding(2))),
        ("5×5 dilated, 8 filters", Box::new(conv([8, CHANNELS, 5, 5]).dilation(2))),
        ("3×3 in 8 groups", Box::new(conv([CHANNELS, 8, 3, 3]).groups(8).padding(1))),
        ("3×3 depthwise", Box::new(conv([CHANNELS, 1, 3, 3]).groups(CHANNELS).padding(1))),
        ("9×9 depthwise", Box::new(conv([CHANNELS, 1, 9, 9]).groups(CHANNELS).padding(4))),
        ("transposed 4×4 of stride 2", Box::new(ConvTranspose2d::new(stamp).stride(2).padding(1))),
        ("dense", Box::new(Linear::new(dense))),
        ("max 2×2", Box::new(MaxPool2d::new(2))),
        ("max 3×3 of stride 1", Box::new(MaxPool2d::new(3).stride(1).padding(1))),
        ("max 3×3 of stride 2", Box::new(MaxPool2d::new(3).stride(2).padding(1))),
        ("max 5×5 of stride 1", Box::new(MaxPool2d::new(5).stride(1).padding(2))),
        ("average 2×2", Box::new(AvgPool2d::new(2))),
        ("average 7×7 of stride 1", Box::new(AvgPool2d::new(7).stride(1).padding(3))),
        ("global average", Box::new(GlobalAvgPool2d::new())),
        ("adaptive average", Box::new(AdaptiveAvgPool2d::new(5))),
        ("L2 3×3", Box::new(L2Pool2d::new(3))),
        ("norm of order 3, 3×3", Box::new(LpPool2d::with(Lp(3.0), 3))),
        ("ReLU", Box::new(Relu)),
        ("sigmoid", Box::new(Activation::Sigmoid)),
        ("softmax", Box::new(Softmax::over(1))),
        ("border of 1", Box::new(Pad2d::new(1))),
        ("bilinear, twice as large", Box::new(Upsample2d::by(2).interpolation(Interpolation::Linear))),
    ]
}

fn main() {
    let input = Array4::from_shape_fn([1, CHANNELS, SIDE, SIDE], |(_, c, y, x)| ((c + 3 * y + 7 * x) % 17) as f32 - 8.0);
    for (name, layer) in layers() {
        let mut plan = layer.plan(input.shape()).expect("the layer fits");
        let mut output = Tensor::zeros(plan.output_shape()).expect("there is memory for it");
        let (start, mut times) = (Instant::now(), Vec::new());
        while times.len() < 3 || start.elapsed() < TURN {
            let run = Instant::now();
            plan.run(black_box(&input), &mut output).expect("the shapes fit");
            times.push(run.elapsed());
        }
        times.sort_unstable();
        println!("{name}|{:.4}", times[times.len() / 2].as_secs_f64() * 1e3);
    }
}
