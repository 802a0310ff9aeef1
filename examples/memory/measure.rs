//! What a process that computes the block in one way measures of itself.

use std::fmt;
use std::fs;
use std::time::Instant;

use featuremap::{Conv2d, MaxPool2d, Module, Relu, Sequential, Tensor};
use ndarray::{Array1, Array4};

use crate::{ALLOCATOR, Result};

/// How the block is computed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the plan of a `Sequential`.
    Fused,
    /// Each layer by its own `forward`, the ReLU in place, and what a layer has read dropped.
    LayerByLayer,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fused => "fused",
            Self::LayerByLayer => "layer by layer",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self> {
        let way = [Self::Fused, Self::LayerByLayer].into_iter().find(|way| way.name() == name);
        way.ok_or_else(|| format!("no way is called {name:?}").into())
    }
}

/// What was found of one way. A process prints it for the one that has started it, as numbers in this order.
pub(crate) struct Measured {
    pub(crate) way: Way,
    /// The most bytes allocated at once, by the whole process.
    pub(crate) allocated: usize,
    /// The most bytes resident at once, where the system tells.
    pub(crate) resident: Option<usize>,
    /// From the input to the output, the plan included.
    pub(crate) seconds: f64,
    /// Of all elements of the output: whether all ways have computed the same.
    pub(crate) mean: f64,
    pub(crate) threads: usize,
}

impl Measured {
    pub(crate) fn parse(way: Way, text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let &[allocated, resident, seconds, mean, threads] = &words[..] else {
            return Err(format!("{} printed {text:?}, not five numbers", way.name()).into());
        };
        let (allocated, resident, threads) = (allocated.parse()?, resident.parse().ok(), threads.parse()?);
        Ok(Self { way, allocated, resident, seconds: seconds.parse()?, mean: mean.parse()?, threads })
    }

    /// Bytes allocated beside the input and the output.
    pub(crate) fn beside(&self, batch: usize) -> usize {
        let [input, output] = bytes(batch);
        self.allocated.saturating_sub(input + output)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resident = self.resident.map_or_else(|| "unknown".into(), |bytes| bytes.to_string());
        write!(f, "{} {resident} {} {} {}", self.allocated, self.seconds, self.mean, self.threads)
    }
}

pub(crate) fn input_shape(batch: usize) -> [usize; 4] {
    [batch, 3, 228, 228]
}

/// Bytes of the input and of the output.
pub(crate) fn bytes(batch: usize) -> [usize; 2] {
    [batch * 3 * 228 * 228, batch * 100 * 113 * 113].map(|elements| elements * size_of::<f32>())
}

fn conv() -> Conv2d {
    let filters = Array4::from_shape_fn((100, 3, 3, 3), |(filter, channel, row, column)| {
        ((filter * 7 + channel * 5 + row * 3 + column) % 11) as f32 / 11.0 - 0.5
    });
    Conv2d::new(filters).bias(Array1::from_shape_fn(100, |filter| filter as f32 / 100.0 - 0.5))
}

const POOL: usize = 2;

pub(crate) fn model() -> Sequential {
    Sequential::new().push(conv()).push(Relu).push(MaxPool2d::new(POOL))
}

/// Computes the block in this way, in this process.
pub(crate) fn run(way: Way, batch: usize) -> Result<Measured> {
    let [_, channels, height, width] = input_shape(batch);
    let input = Array4::from_shape_fn((batch, channels, height, width), |(image, channel, row, column)| {
        ((image * 31 + channel * 17 + row * 13 + column * 7) % 101) as f32 / 101.0
    });
    let start = Instant::now();
    let output = match way {
        Way::Fused => fused(&input)?,
        Way::LayerByLayer => layer_by_layer(&input)?,
    };
    let seconds = start.elapsed().as_secs_f64();
    let sum: f64 = output.iter().copied().map(f64::from).sum();
    Ok(Measured {
        way,
        allocated: ALLOCATOR.peak_usage(),
        resident: kibibytes("/proc/self/status", "VmHWM").map(|kibibytes| kibibytes * 1024),
        seconds,
        mean: sum / output.len() as f64,
        threads: if cfg!(feature = "rayon") { rayon::current_num_threads() } else { 1 },
    })
}

fn fused(input: &Array4<f32>) -> featuremap::Result<Tensor> {
    let mut plan = model().plan(input.shape())?;
    let mut output = Tensor::zeros(plan.output_shape())?;
    plan.run(input, &mut output)?;
    Ok(output)
}

fn layer_by_layer(input: &Array4<f32>) -> featuremap::Result<Tensor> {
    let mut map = conv().forward(input)?;
    Relu.apply(&mut map);
    MaxPool2d::new(POOL).forward(&map)
}

/// A number of kibibytes that Linux tells in a file of lines like `VmHWM:  1234 kB`; nothing on other systems.
pub(crate) fn kibibytes(file: &str, name: &str) -> Option<usize> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}
