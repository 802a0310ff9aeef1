//! Why pooling: what changes in the maps when the input is moved.

use featuremap::{Conv2d, Module, Relu, Tensor};
use serde::Serialize;

use crate::inputs::{self, Pictures, REACH};
use crate::operation::{Kind, Operation, Pooling};
use crate::settings::Settings;

/// One map of an input at its place and moved, with their difference.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// `[channels, rows, columns]` each: at its place, moved, and the one less the other.
    pub(crate) maps: [Tensor; 3],
    pub(crate) summary: Summary,
}

/// How much a map changes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    /// Cells that differ, of how many.
    pub(crate) changed: usize,
    pub(crate) cells: usize,
    /// How unlike the maps are, in percent: 0 if they are equal, 100 if no cell has an answer in both.
    pub(crate) unlike: f64,
    /// The mean of that over the eight moves by one pixel.
    pub(crate) mean: f64,
}

const ONE_PIXEL: [[isize; 2]; 8] = [[-1, -1], [-1, 0], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 0], [1, 1]];

/// The input itself, its map, and that pooled once and, where enough is left for a window, twice.
pub(crate) fn stages(settings: &Settings, pictures: &Pictures) -> Result<Vec<Stage>, String> {
    let shift = settings.signed_pair("shift")?;
    if shift.iter().any(|by| by.unsigned_abs() > REACH) {
        return Err(format!("shift: the input can be moved by {REACH} pixels at most"));
    }
    let size = settings.number("shift-size")?;
    let kind = Kind::parse(settings.word("shift-pool"))?;
    let maps = |shift| maps_of(settings.word("shift-input"), shift, kind, size, pictures);
    let (place, moved) = (maps([0, 0])?, maps(shift)?);
    let around = ONE_PIXEL.iter().map(|&shift| maps(shift)).collect::<Result<Vec<_>, _>>()?;

    let window = format!("{size}×{size}");
    let names = ["Input".into(), "Edges".into(), format!("Pooled {window}"), "Pooled again".into()];
    let stages = names.into_iter().zip(place).zip(moved).enumerate().map(|(number, ((name, place), moved))| {
        let difference: Tensor = (moved.as_array() - place.as_array()).into();
        let mean = around.iter().map(|maps| unlikeness(&place, &maps[number])).sum::<f64>() / around.len() as f64;
        let summary = Summary {
            changed: difference.iter().filter(|&&difference| difference != 0.0).count(),
            cells: place.len(),
            unlike: unlikeness(&place, &moved),
            mean,
        };
        Stage { name, maps: [place, moved, difference], summary }
    });
    Ok(stages.collect())
}

fn maps_of(id: &str, shift: [isize; 2], kind: Kind, size: usize, pictures: &Pictures) -> Result<Vec<Tensor>, String> {
    let input = inputs::moved(id, shift, pictures)?;
    let compute = || -> featuremap::Result<Vec<Tensor>> {
        let edges = Conv2d::new([[1.0_f32, 0., -1.], [1., 0., -1.], [1., 0., -1.]]).forward(&input)?;
        let edges = Relu.forward(&edges)?;
        let (window, one) = ([size; 2], [1; 2]);
        let (padding, ceil, count_padding) = (featuremap::Padding::Valid, false, false);
        let pooling = Pooling { kind, size: window, stride: window, padding, dilation: one, ceil, count_padding };
        let pool = |map: &Tensor| match Operation::Pooling(pooling).module()? {
            Some(pool) => pool.forward_view(map.view()),
            None => Ok(map.clone()),
        };
        let once = pool(&edges)?;
        let twice = pool(&once).ok();
        Ok([input.clone(), edges, once].into_iter().chain(twice).collect())
    };
    compute().map_err(|error| error.to_string())
}

fn unlikeness(one: &Tensor, other: &Tensor) -> f64 {
    let (mut difference, mut sum) = (0.0, 0.0);
    for (&one, &other) in one.iter().zip(other) {
        difference += f64::from((one - other).abs());
        sum += f64::from(one.abs() + other.abs());
    }
    if sum == 0.0 { 0.0 } else { 100.0 * difference / sum }
}
