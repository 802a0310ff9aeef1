//! Why pooling: what a network costs with and without it.

use featuremap::{Conv2d, MaxPool2d, Module, Tensor};
use serde::Serialize;

use crate::settings::Settings;

/// What a layer gives, and what it takes.
#[derive(Debug, Serialize)]
pub(crate) struct Layer {
    name: String,
    /// `[channels, rows, columns]`.
    shape: Vec<usize>,
    parameters: usize,
    multiply_adds: u64,
    /// Of its output, for the whole batch, in 32-bit floats.
    bytes: u64,
}

/// A network.
#[derive(Debug, Serialize)]
pub(crate) struct Network {
    layers: Vec<Layer>,
    parameters: usize,
    multiply_adds: u64,
    bytes: u64,
}

/// The same network without and with pooling, and the layer of the notes.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    without: Network,
    with: Network,
    notes: Network,
}

/// Beyond it, weights of a dense layer would take more memory than a page should.
const LARGEST_SIDE: usize = 96;
const MOST_FILTERS: usize = 32;
const CLASSES: usize = 10;

pub(crate) fn costs(settings: &Settings) -> Result<Costs, String> {
    let [side, filters, batch] =
        [settings.number("cost-side")?, settings.number("cost-filters")?, settings.number("cost-batch")?];
    if side > LARGEST_SIDE || filters > MOST_FILTERS {
        return Err(format!("cost: pictures up to {LARGEST_SIDE} and filters up to {MOST_FILTERS} can be chosen"));
    }
    let compute = || -> featuremap::Result<Costs> {
        Ok(Costs {
            without: classifier(side, filters, batch, false)?,
            with: classifier(side, filters, batch, true)?,
            notes: notes(batch)?,
        })
    };
    compute().map_err(|error| error.to_string())
}

struct Builder {
    shape: Vec<usize>,
    batch: usize,
    layers: Vec<Layer>,
}

impl Builder {
    fn push(&mut self, name: &str, module: &dyn Module<f32>) -> featuremap::Result<()> {
        let multiply_adds = module.multiply_adds(&self.shape);
        self.shape = module.output_shape(&self.shape)?;
        let elements: usize = self.shape.iter().product();
        self.layers.push(Layer {
            name: name.to_owned(),
            shape: self.shape[1..].to_vec(),
            parameters: module.parameter_count(),
            multiply_adds,
            bytes: (elements * size_of::<f32>() * self.batch) as u64,
        });
        Ok(())
    }

    fn finish(self) -> Network {
        let layers = self.layers;
        Network {
            parameters: layers.iter().map(|layer| layer.parameters).sum(),
            multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
            bytes: layers.iter().map(|layer| layer.bytes).sum(),
            layers,
        }
    }
}

fn conv(filters: usize, channels: usize) -> featuremap::Result<Conv2d> {
    Ok(Conv2d::new(Tensor::zeros(&[filters, channels, 3, 3])?).bias(Tensor::zeros(&[filters])?))
}

/// Two convolutions, each pooled or not, and a dense layer.
fn classifier(side: usize, filters: usize, batch: usize, pooled: bool) -> featuremap::Result<Network> {
    let mut network = Builder { shape: vec![1, 1, side, side], batch, layers: Vec::new() };
    for (name, filters, channels) in [("Convolution 3×3", filters, 1), ("Convolution 3×3", 2 * filters, filters)] {
        network.push(name, &conv(filters, channels)?)?;
        if pooled {
            network.push("Max pooling 2×2", &MaxPool2d::new(2))?;
        }
    }
    // A dense layer is a convolution whose window is the whole map.
    let mut weights = vec![CLASSES];
    weights.extend_from_slice(&network.shape[1..]);
    let dense = Conv2d::new(Tensor::zeros(&weights)?).bias(Tensor::zeros(&[CLASSES])?);
    network.push("Dense, 10 classes", &dense)?;
    Ok(network.finish())
}

/// 228×228×3 through 100 filters, and pooled.
fn notes(batch: usize) -> featuremap::Result<Network> {
    let mut network = Builder { shape: vec![1, 3, 228, 228], batch, layers: Vec::new() };
    network.push("100 filters 3×3×3", &Conv2d::new(Tensor::zeros(&[100, 3, 3, 3])?))?;
    network.push("Max pooling 2×2", &MaxPool2d::new(2))?;
    Ok(network.finish())
}
