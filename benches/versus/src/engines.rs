//! The rows, computed by both states of the crate: one macro writes the same code against each.

use std::error::Error;
use std::hint::black_box;

use ndarray::Array4;
use serde_json::{Value, json};

/// A row that one state of the crate computes into memory of its own.
pub trait Runner {
    fn run(&mut self);
    fn result(&mut self) -> Vec<f64>;
    fn algorithm(&self) -> String;
}

/// Rows beside those of the peers' lists: other pixels than `f32`, and a reduction that the crate does not know.
pub fn more_rows() -> Vec<Value> {
    let row = |id: &str, op: &str, of: &str, sizes: [usize; 6]| {
        let [channels, side, size, stride, padding, images] = sizes;
        json!({"id": id, "op": op, "of": of, "n": images, "c": channels, "h": side, "w": side, "k": size, "s": stride, "p": padding})
    };
    vec![
        row("max_3x3s1_256_20", "max", "f32", [256, 20, 3, 1, 1, 1]),
        row("max_2x2s2_100_8_28", "max", "f32", [8, 28, 2, 2, 0, 100]),
        row("max_2x2s2_100_16_14", "max", "f32", [16, 14, 2, 2, 0, 100]),
        row("max_3x3s1_64_112, u8", "max", "u8", [64, 112, 3, 1, 1, 1]),
        row("max_2x2s2_64_224, u8", "max", "u8", [64, 224, 2, 2, 0, 1]),
        row("max_2x2s2_64_224, f64", "max", "f64", [64, 224, 2, 2, 0, 1]),
        row("max_3x3s1_64_112, f64", "max", "f64", [64, 112, 3, 1, 1, 1]),
        row("max_3x3s1_64_112, i16", "max", "i16", [64, 112, 3, 1, 1, 1]),
        row("relu_64_224, u8", "relu", "u8", [64, 224, 1, 1, 0, 1]),
        row("range_13x13s1_256_20", "range", "f32", [256, 20, 13, 1, 6, 1]),
        row("range_3x3s1_64_112", "range", "f32", [64, 112, 3, 1, 1, 1]),
        row("range_3x3s2_64_112", "range", "f32", [64, 112, 3, 2, 1, 1]),
        row("range_2x2s2_64_224", "range", "f32", [64, 224, 2, 2, 0, 1]),
    ]
}

/// Numbers in no order, from −1 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }

    fn array(&mut self, shape: [usize; 4], scale: f32) -> Array4<f32> {
        Array4::from_shape_simple_fn(shape, || self.next() * scale)
    }
}

/// The numbers of a row: those that an operation does not have are 1, or none.
struct Sizes {
    input: [usize; 4],
    filters: usize,
    size: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: usize,
    groups: usize,
}

impl Sizes {
    fn of(row: &Value) -> Self {
        let number = |key: &str, otherwise: u64| {
            usize::try_from(row[key].as_u64().unwrap_or(otherwise)).expect("every number is small")
        };
        // A window that is not square has its columns under `kw`, `sw` and `pw`.
        let pair = |down: &str, across: &str, otherwise: u64| {
            let down = number(down, otherwise);
            [down, number(across, down as u64)]
        };
        Self {
            input: ["n", "c", "h", "w"].map(|key| number(key, 1)),
            filters: number("o", 0),
            size: pair("k", "kw", 1),
            stride: pair("s", "sw", 1),
            padding: pair("p", "pw", 0),
            dilation: number("d", 1),
            groups: number("g", 1),
        }
    }
}

macro_rules! state {
    ($state:ident) => {
        mod $state {
            use ::$state::{
                AdaptivePool, Average, AvgPool2d, Conv2d, Element, GlobalAvgPool, GlobalL2Pool, GlobalMaxPool,
                L2Pool2d, Lp, LpPool2d, MaxPool2d, Module, Plan, Pool, Reduction, Relu, Sequential, Tensor,
            };

            use super::*;

            /// The difference between the largest and the smallest pixel.
            #[derive(Clone)]
            struct Range;

            impl Reduction<f32> for Range {
                type Accumulator = (f32, f32);

                fn start(&self) -> (f32, f32) {
                    (f32::INFINITY, f32::NEG_INFINITY)
                }

                #[inline]
                fn step(&self, (low, high): (f32, f32), pixel: f32) -> (f32, f32) {
                    (if pixel < low { pixel } else { low }, if pixel > high { pixel } else { high })
                }

                fn finish(&self, (low, high): (f32, f32), _count: usize) -> f32 {
                    high - low
                }

                #[inline]
                fn merge(&self, one: (f32, f32), other: (f32, f32)) -> Option<(f32, f32)> {
                    Some((if other.0 < one.0 { other.0 } else { one.0 }, if other.1 > one.1 { other.1 } else { one.1 }))
                }
            }

            struct Planned<T: Element> {
                plan: Plan<T>,
                input: Array4<T>,
                output: Tensor<T>,
            }

            impl<T: Element> Runner for Planned<T> {
                fn run(&mut self) {
                    self.plan.run(&self.input, black_box(&mut self.output)).expect("the plan is for these shapes");
                }

                fn result(&mut self) -> Vec<f64> {
                    self.run();
                    let number = |number: &T| number.to_string().parse().expect("a number");
                    self.output.iter().map(number).collect()
                }

                fn algorithm(&self) -> String {
                    self.plan.algorithm()
                }
            }

            type Prepared = Result<Box<dyn Runner>, Box<dyn Error>>;

            fn planned<T: Element>(module: &dyn Module<T>, input: Array4<T>) -> Prepared {
                let plan = module.plan(input.shape())?;
                let output = Tensor::zeros(plan.output_shape())?;
                Ok(Box::new(Planned { plan, input, output }))
            }

            /// A convolution with bias.
            fn convolution(sizes: &Sizes, random: &mut Random) -> Conv2d {
                let [down, across] = sizes.size;
                let filters = random.array([sizes.filters, sizes.input[1] / sizes.groups, down, across], 0.05);
                let bias = ndarray::Array1::from_shape_simple_fn(sizes.filters, || random.next());
                Conv2d::new(filters)
                    .bias(bias)
                    .groups(sizes.groups)
                    .stride(sizes.stride)
                    .padding(sizes.padding)
                    .dilation(sizes.dilation)
            }

            /// `None` for an operation that this program does not know.
            pub fn prepare(row: &Value) -> Result<Option<Box<dyn Runner>>, Box<dyn Error>> {
                let (sizes, mut random) = (Sizes::of(row), Random(1));
                let input = random.array(sizes.input, 1.0);
                let op = row["op"].as_str().unwrap_or_default();
                if let Some(of @ ("u8" | "i16" | "f64")) = row["of"].as_str() {
                    return other_pixels(op, of, &sizes, &input).map(Some);
                }
                let (size, stride, padding) = (sizes.size, sizes.stride, sizes.padding);
                let module: Box<dyn Module<f32>> = match op {
                    "conv" => Box::new(convolution(&sizes, &mut random)),
                    "block" => {
                        let conv = convolution(&sizes, &mut random);
                        Box::new(Sequential::new().push(conv).push(Relu).push(MaxPool2d::new(2)))
                    }
                    "max" => Box::new(MaxPool2d::new(size).stride(stride).padding(padding).dilation(sizes.dilation)),
                    "avg" => Box::new(AvgPool2d::new(size).stride(stride).padding(padding).count_include_pad(true)),
                    "l2" => Box::new(L2Pool2d::new(size).stride(stride).padding(padding)),
                    "lp" => {
                        let norm = Lp(row["order"].as_f64().unwrap_or(2.0));
                        Box::new(LpPool2d::with(norm, size).stride(stride).padding(padding))
                    }
                    "gavg" => Box::new(GlobalAvgPool::default()),
                    "gmax" => Box::new(GlobalMaxPool::default()),
                    "gl2" => Box::new(GlobalL2Pool::default()),
                    "adaptive_avg" => Box::new(AdaptivePool::<Average, 2>::new(sizes.size)),
                    "relu" => Box::new(Relu),
                    "range" => Box::new(Pool::<_, 2>::with(Range, size).stride(stride).padding(padding)),
                    _ => return Ok(None),
                };
                planned(&*module, input).map(Some)
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels fit their type")]
            fn other_pixels(op: &str, of: &str, sizes: &Sizes, input: &Array4<f32>) -> Prepared {
                fn of_module<T: Element>(op: &str, sizes: &Sizes, input: Array4<T>) -> Prepared {
                    match op {
                        "relu" => planned(&Relu, input),
                        _ => {
                            let pool = MaxPool2d::new(sizes.size).stride(sizes.stride).padding(sizes.padding);
                            planned(&pool, input)
                        }
                    }
                }
                match of {
                    "u8" => of_module(op, sizes, input.mapv(|pixel| (pixel * 127.0 + 128.0) as u8)),
                    "i16" => of_module(op, sizes, input.mapv(|pixel| (pixel * 30_000.0) as i16)),
                    _ => of_module(op, sizes, input.mapv(f64::from)),
                }
            }
        }
    };
}

state!(before);
state!(after);

/// A row, computed by the earlier state and by this one; `None` for an operation that this program does not know.
pub fn both(row: &Value) -> Result<Option<[Box<dyn Runner>; 2]>, Box<dyn Error>> {
    Ok(before::prepare(row)?.zip(after::prepare(row)?).map(|(before, after)| [before, after]))
}
