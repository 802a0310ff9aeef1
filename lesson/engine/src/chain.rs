//! All maps, from the input through one operation after the other.

use featuremap::{Conv2d, Geometry, Module, Operator, Tensor};
use serde::Serialize;

use crate::operation::Operation;

/// A map, and how it was made.
#[derive(Debug)]
pub(crate) struct Map {
    /// `[channels, rows, columns]`.
    pub(crate) values: Tensor,
    /// The place of each value in the map before it, where it was picked there.
    pub(crate) indices: Option<Tensor<i64>>,
    /// The windows of the operation that comes next.
    pub(crate) windows: Option<Geometry<2>>,
    /// These values with what that operation finds on the padding, if it finds numbers there.
    pub(crate) padded: Option<Tensor>,
    pub(crate) cost: Cost,
}

/// What it took to make a map.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Cost {
    pub(crate) parameters: usize,
    pub(crate) multiply_adds: u64,
}

/// Why an operation could not be done.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// Its number.
    pub(crate) operation: usize,
    /// In the words of the crate.
    pub(crate) text: String,
}

/// The maps that there are: fewer than operations where one of them failed.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) operations: Vec<Operation>,
    pub(crate) maps: Vec<Map>,
    pub(crate) failure: Option<Failure>,
}

impl Map {
    fn new(values: Tensor) -> Self {
        Self { values, indices: None, windows: None, padded: None, cost: Cost::default() }
    }

    pub(crate) fn shape(&self) -> [usize; 3] {
        self.values.shape().try_into().unwrap_or_default()
    }

    pub(crate) fn value(&self, [channel, row, column]: [usize; 3]) -> Option<f32> {
        self.values.get(&[channel, row, column]).copied()
    }
}

impl Chain {
    pub(crate) fn new(operations: Vec<Operation>, input: Tensor) -> Self {
        let mut chain = Self { operations: Vec::new(), maps: vec![Map::new(input)], failure: None };
        for (number, operation) in operations.iter().enumerate() {
            match chain.extend(operation) {
                Ok(map) => chain.maps.push(map),
                Err(error) => {
                    chain.failure = Some(Failure { operation: number, text: error.to_string() });
                    break;
                }
            }
        }
        chain.operations = operations;
        chain
    }

    /// The next map. What the operation needs to know of the last is kept there.
    fn extend(&mut self, operation: &Operation) -> featuremap::Result<Map> {
        let last = self.maps.len() - 1;
        let [_, rows, columns] = self.maps[last].shape();
        let mut map = match operation {
            Operation::Unpooling(pooling) => {
                let [_, rows, columns] = self.maps[last - 1].shape();
                let (pooled, indices) = pooling.forward_with_indices(&self.maps[last - 1].values)?;
                let unpooled = pooling.undo(&pooled, &indices, [rows, columns])?;
                self.maps[last].indices = Some(indices);
                Map::new(unpooled)
            }
            _ => match operation.module()? {
                Some(module) => {
                    let input = self.maps[last].values.view();
                    let multiply_adds = module.multiply_adds(input.shape());
                    let cost = Cost { parameters: module.parameter_count(), multiply_adds };
                    Map { cost, ..Map::new(module.forward_view(input)?) }
                }
                None => Map::new(Tensor::default()),
            },
        };
        self.maps[last].windows = operation.geometry([rows, columns])?;
        if let Operation::Convolution(convolution) = operation {
            self.maps[last].padded = self.maps[last].padded_for(convolution.mode)?;
        }
        // Channels that a map has none of would leave nothing to look at.
        if map.values.rank() == 2 {
            let [rows, columns] = [map.values.shape()[0], map.values.shape()[1]];
            map.values = map.values.reshape(&[1, rows, columns])?;
        }
        Ok(map)
    }
}

impl Map {
    /// The values with what stands on the padding: a filter with a single weight of 1 copies both.
    fn padded_for(&self, mode: featuremap::PaddingMode) -> featuremap::Result<Option<Tensor>> {
        let Some(windows) = &self.windows else { return Ok(None) };
        let sides = windows.axes().map(|axis| (axis.before(), axis.after()));
        if sides == [(0, 0); 2] {
            return Ok(None);
        }
        let [channels, rows, columns] = self.shape();
        let planes = self.values.clone().reshape(&[channels, 1, rows, columns])?;
        let copy = Conv2d::new([[1.0_f32]]).padding(sides).padding_mode(mode);
        let shape = copy.output_shape(planes.shape())?;
        copy.forward(&planes)?.reshape(&[channels, shape[2], shape[3]]).map(Some)
    }
}
