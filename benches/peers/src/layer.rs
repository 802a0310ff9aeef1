//! The layers of `layers.json`, and the data that all engines compute them on.

use std::error::Error;
use std::fs;
use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;
use serde_json::Value;

/// What a layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Op {
    #[serde(rename = "conv")]
    Conv,
    /// Convolution, bias, ReLU, and max pooling 2×2 at stride 2.
    #[serde(rename = "block")]
    Block,
    #[serde(rename = "max")]
    Max,
    /// The average that counts padding.
    #[serde(rename = "avg")]
    Average,
    /// The root of the sum of squares.
    #[serde(rename = "l2")]
    L2,
    #[serde(rename = "gavg")]
    GlobalAverage,
    #[serde(rename = "gmax")]
    GlobalMax,
    #[serde(rename = "relu")]
    Relu,
    /// One of `networks.json`.
    #[serde(rename = "network")]
    Network,
}

/// One line of `layers.json`: square windows, the same on both spatial axes.
#[derive(Debug, Clone, Deserialize)]
pub struct Layer {
    pub id: String,
    pub op: Op,
    #[serde(rename = "n")]
    pub batch: usize,
    #[serde(rename = "c")]
    pub channels: usize,
    #[serde(rename = "h")]
    pub height: usize,
    #[serde(rename = "w")]
    pub width: usize,
    #[serde(rename = "o", default)]
    pub filters: usize,
    #[serde(rename = "k", default)]
    pub size: usize,
    #[serde(rename = "s", default)]
    pub stride: usize,
    #[serde(rename = "p", default)]
    pub padding: usize,
    #[serde(rename = "d", default = "one")]
    pub dilation: usize,
    #[serde(rename = "g", default = "one")]
    pub groups: usize,
}

fn one() -> usize {
    1
}

impl Layer {
    pub fn convolves(&self) -> bool {
        matches!(self.op, Op::Conv | Op::Block)
    }

    pub fn input_shape(&self) -> [usize; 4] {
        [self.batch, self.channels, self.height, self.width]
    }

    pub fn filter_shape(&self) -> [usize; 4] {
        [self.filters, self.channels / self.groups, self.size, self.size]
    }
}

/// A layer with its data, row by row.
#[derive(Debug)]
pub struct Case {
    pub layer: Layer,
    pub input: Vec<f32>,
    /// Empty, as is the bias, where nothing is convolved.
    pub filters: Vec<f32>,
    pub bias: Vec<f32>,
    /// Of a network its ONNX model, and what comes out of it: `networks.py` has written both.
    pub model: Vec<u8>,
    pub expected: Vec<f32>,
}

impl Case {
    /// The layer of this id, with data that is the same in every process; that of a network comes from a folder in this one.
    pub fn find(id: &str, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let mut lines: Vec<Value> = serde_json::from_str(include_str!("../layers.json"))?;
        lines.extend(serde_json::from_str::<Vec<Value>>(include_str!("../layers_more.json"))?);
        lines.extend(serde_json::from_str::<Vec<Value>>(include_str!("../networks.json"))?);
        let line = lines.into_iter().find(|line| line["id"] == id).ok_or_else(|| format!("no layer {id}"))?;
        let layer: Layer = serde_json::from_value(line)?;
        if matches!(layer.op, Op::Network) {
            let folder = folder.join(id);
            let numbers = |name: &str| -> Result<Vec<f32>, Box<dyn Error>> {
                let bytes = fs::read(folder.join(name))?;
                Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
            };
            let (input, expected) = (numbers("input.f32")?, numbers("expected.f32")?);
            let model = fs::read(folder.join("model.onnx"))?;
            return Ok(Self { layer, input, filters: Vec::new(), bias: Vec::new(), model, expected });
        }
        let mut random = StdRng::seed_from_u64(0);
        let mut normal = |count: usize, deviation: f32| -> Vec<f32> {
            let numbers = StandardNormal.sample_iter(&mut random);
            numbers.take(count).map(|number: f32| number * deviation).collect()
        };
        let input = normal(layer.input_shape().iter().product(), 1.0);
        let (filters, bias) = match layer.convolves() {
            true => (normal(layer.filter_shape().iter().product(), 0.05), normal(layer.filters, 1.0)),
            false => (Vec::new(), Vec::new()),
        };
        Ok(Self { layer, input, filters, bias, model: Vec::new(), expected: Vec::new() })
    }
}
