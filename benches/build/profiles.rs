//! Times some layers, for as many profiles as it is built under: the median of a run in milliseconds, one line each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use featuremap::{AvgPool2d, Conv2d, Lp, LpPool2d, MaxPool2d, Module, Pad2d, Relu};
use ndarray::Array4;

const CHANNELS: usize = 64;
const SIDE: usize = 56;
/// A layer has the machine for so long in each round, but runs at least three times.
const TURN: Duration = Duration::from_millis(60);

/// A convolution of small weights between −1 and 1, in no order.
fn conv(filters: [usize; 4]) -> Conv2d {
    let mut last = 1_u32;
    let weights = Array4::from_shape_simple_fn(filters, || {
        last = last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (last >> 8) as f32 / (1 << 23) as f32 - 1.0
    });
    Conv2d::new(weights)
}

fn main() {
    let layers: [(&str, Box<dyn Module<f32>>); 10] = [
        ("3×3 convolution", Box::new(conv([CHANNELS, CHANNELS, 3, 3]).padding(1))),
        ("1×1", Box::new(conv([CHANNELS, CHANNELS, 1, 1]))),
        ("5×5 of stride 2", Box::new(conv([CHANNELS, CHANNELS, 5, 5]).stride(2).padding(2))),
        ("3×3 depthwise", Box::new(conv([CHANNELS, 1, 3, 3]).groups(CHANNELS).padding(1))),
        ("max 2×2", Box::new(MaxPool2d::new(2))),
        ("max 3×3 of stride 1", Box::new(MaxPool2d::new(3).stride(1).padding(1))),
        ("average 7×7 of stride 1", Box::new(AvgPool2d::new(7).stride(1).padding(3))),
        ("norm of order 3, 3×3", Box::new(LpPool2d::with(Lp(3.0), 3))),
        ("ReLU", Box::new(Relu)),
        ("border of 1", Box::new(Pad2d::new(1))),
    ];
    let input = Array4::from_shape_fn([1, CHANNELS, SIDE, SIDE], |(_, c, y, x)| ((c + 3 * y + 7 * x) % 17) as f32 - 8.0);
    for (name, layer) in layers {
        let mut plan = layer.plan(input.shape()).expect("the layer fits");
        let mut output = featuremap::Tensor::zeros(plan.output_shape()).expect("there is memory for it");
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
