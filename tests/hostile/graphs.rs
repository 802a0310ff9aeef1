//! Networks that are more than a chain, as a tree of parts: built of the crate's blocks, and computed part by part, each sum, product and
//! join of values written out.

use std::sync::Arc;

use featuremap::{
    Activation, ChannelAxis, Concat, Error, Gate, Module, Operator, Residual, Result, Sequential, Tensor,
};
use ndarray::{ArrayD, Axis};

use super::layout::elements;

/// A part of a network.
#[derive(Clone)]
pub(crate) enum Part {
    Layer(Arc<dyn Module<f32>>),
    Inner(Vec<Part>),
    Residual { f: Vec<Part>, projection: Option<Vec<Part>>, activation: Option<Activation> },
    Concat { branches: Vec<Vec<Part>>, axis: ChannelAxis },
    Gate(Vec<Part>),
}

impl Part {
    pub(crate) fn layer(module: impl Module<f32> + 'static) -> Self {
        Self::Layer(Arc::new(module))
    }

    /// The map that comes out, if it has at most so many elements.
    fn compute(&self, map: &Tensor, most: u128) -> Result<Tensor> {
        match self {
            Self::Layer(layer) => {
                let shape = layer.output_shape(map.shape())?;
                if elements(&shape) > most {
                    return Err(Error::Outdated);
                }
                let mut output = Tensor::zeros(&shape)?;
                layer.plan(map.shape())?.run(map, &mut output)?;
                Ok(output)
            }
            Self::Inner(parts) => compute(parts, map, most),
            Self::Residual { f, projection, activation } => {
                let through = compute(f, map, most)?;
                let around = projection.as_ref().map_or_else(|| Ok(map.clone()), |parts| compute(parts, map, most))?;
                if through.shape() != around.shape() {
                    return Err(Error::Outdated);
                }
                let sum = Tensor::from(around.as_array() + through.as_array());
                activation.map_or(Ok(sum.clone()), |activation| Self::layer(activation).compute(&sum, most))
            }
            Self::Concat { branches, axis } => {
                let maps: Vec<Tensor> =
                    branches.iter().map(|parts| compute(parts, map, most)).collect::<Result<_>>()?;
                let views: Vec<_> = maps.iter().map(|map| map.as_array().view()).collect();
                let axis = maps.first().and_then(|map| axis.of(map.rank())).ok_or(Error::Outdated)?;
                ndarray::concatenate(Axis(axis), &views).map(Tensor::from).map_err(|_| Error::Outdated)
            }
            Self::Gate(g) => {
                let gate = compute(g, map, most)?;
                product(map.as_array(), gate.as_array()).map(Tensor::from).ok_or(Error::Outdated)
            }
        }
    }
}

/// Of two maps, one of which may be repeated along axes of length 1.
fn product(map: &ArrayD<f32>, gate: &ArrayD<f32>) -> Option<ArrayD<f32>> {
    let (large, small) = if gate.broadcast(map.raw_dim()).is_some() { (map, gate) } else { (gate, map) };
    Some(large * &small.broadcast(large.raw_dim())?)
}

/// The parts one after the other; [`Error::Outdated`] where there is no time for it, or the blocks would say more than is known here.
pub(crate) fn compute(parts: &[Part], map: &Tensor, most: u128) -> Result<Tensor> {
    parts.iter().try_fold(map.clone(), |map, part| part.compute(&map, most))
}

/// The network that parts are.
pub(crate) fn build(parts: &[Part]) -> Sequential {
    parts.iter().fold(Sequential::new(), |network, part| match part.clone() {
        Part::Layer(layer) => network.push(layer),
        Part::Inner(parts) => network.push(build(&parts)),
        Part::Residual { f, projection, activation } => {
            let mut block = Residual::new(build(&f));
            if let Some(parts) = projection {
                block = block.projection(build(&parts));
            }
            network.push(match activation {
                Some(activation) => block.activation(activation),
                None => block,
            })
        }
        Part::Concat { branches, axis } => {
            let named = branches.iter().enumerate();
            network.push(named.fold(Concat::new().axis(axis), |block, (number, parts)| {
                block.branch(number.to_string(), build(parts))
            }))
        }
        Part::Gate(g) => network.push(Gate::new(build(&g))),
    })
}

/// Whether the value that parts give comes of a layer that takes a scale into its weights, where one before them does or does not.
pub(crate) fn takes_scales(parts: &[Part], before: bool) -> bool {
    parts.iter().fold(before, |before, part| match part {
        Part::Layer(layer) if layer.name() == "Dropout" || layer.name() == "Flatten" => before,
        Part::Layer(layer) => layer.name().starts_with("Conv") || layer.name() == "Linear",
        Part::Inner(parts) => takes_scales(parts, before),
        Part::Residual { .. } | Part::Concat { .. } | Part::Gate(_) => false,
    })
}
