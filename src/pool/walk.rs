//! Pooling by tap: every tap steps a row of accumulators over a shifted row of the input.

use super::Reduction;
use crate::tensor::{collected, filled};
use crate::window::{Axis, Geometry};
use crate::{Element, Result};

/// Fills `output`, `[plane, output]`, which is not empty, from `pixels`, `[plane, pixel]`.
pub(super) fn pool<T: Element, R: Reduction<T>, const N: usize>(
    reduction: &R,
    geometry: &Geometry<N>,
    pixels: &[T],
    output: &mut [T],
) -> Result<()> {
    let counts = Counts::new(geometry, reduction.count_include_pad())?;
    let mut accumulators = filled(&[geometry.row_length()], reduction.start())?;
    let taps = collected(geometry.axes()[N - 1].tap_runs())?;
    let mut scratch = Vec::new();
    let planes = output.chunks_exact_mut(geometry.outputs()).zip(pixels.chunks_exact(geometry.pixels()));
    for (map, plane) in planes {
        for (row, out) in map.chunks_exact_mut(geometry.row_length()).enumerate() {
            accumulators.fill(reduction.start());
            for input in geometry.input_rows(geometry.row_position(row)) {
                for (tap, run) in &taps {
                    let run = input.read(*tap, run.clone()).run;
                    reduction.step_run(&mut accumulators[run.range.clone()], run.pixels(plane, &mut scratch));
                }
            }
            let of_row = counts.of_row(row);
            for ((out, &accumulator), &count) in out.iter_mut().zip(&accumulators).zip(&counts.last) {
                *out = reduction.finish(accumulator, of_row * count);
            }
        }
    }
    Ok(())
}

/// How many pixels each window counts: a product over the axes.
pub(super) struct Counts<'g, const N: usize> {
    geometry: &'g Geometry<N>,
    include_pad: bool,
    /// For each output of the last axis.
    last: Vec<usize>,
}

impl<'g, const N: usize> Counts<'g, N> {
    pub(super) fn new(geometry: &'g Geometry<N>, include_pad: bool) -> Result<Self> {
        let last = &geometry.axes()[N - 1];
        let last = collected((0..last.outputs()).map(|output| count(last, output, include_pad)))?;
        Ok(Self { geometry, include_pad, last })
    }

    /// The product over all axes but the last, for a row of outputs.
    fn of_row(&self, row: usize) -> usize {
        let outer = self.geometry.axes()[..N - 1].iter().zip(self.geometry.row_position(row));
        outer.map(|(axis, output)| count(axis, output, self.include_pad)).product()
    }
}

fn count(axis: &Axis, output: usize, include_pad: bool) -> usize {
    if include_pad { axis.taps_within_padding(output) } else { axis.by_output(output).range.len() }
}
