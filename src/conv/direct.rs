//! Convolution by tap: every tap adds a shifted row of the input, times its weight, to a row of outputs.
//!
//! ```text
//!     for each image, for each row of outputs
//!         for each filter
//!             row ← bias
//!             for each channel of its group, for each tap that reaches the row
//!                 row[run of the tap] += weight · pixels of the run
//! ```
//!
//! The border costs nothing inside the loops: a tap's run ends where the input does.

use super::filters::Bank;
use crate::tensor::collected;
use crate::window::{Geometry, TapRun};
use crate::{Element, Result};

/// All that the loops read.
pub(super) struct Direct<'a, T, const N: usize> {
    pub(super) geometry: &'a Geometry<N>,
    pub(super) bank: &'a Bank<N>,
    pub(super) groups: usize,
    /// `[filter, channel of its group, tap]`.
    pub(super) weights: &'a [T],
    /// `[image, channel, pixel]`.
    pub(super) pixels: &'a [T],
}

impl<T: Element, const N: usize> Direct<'_, T, N> {
    /// Fills `output`, `[image, filter, output]`, which is not empty.
    pub(super) fn run(&self, output: &mut [T::Sum], bias: impl Fn(usize) -> T::Sum) -> Result<()> {
        let (filters, map) = (self.bank.outputs, self.geometry.outputs());
        if self.bank.inputs == 0 {
            // Without channels there are no weights, and the taps of a window may be more than memory holds.
            output.chunks_exact_mut(map).enumerate().for_each(|(number, map)| map.fill(bias(number % filters)));
            return Ok(());
        }
        let row_length = self.geometry.row_length();
        let image_pixels = self.bank.inputs * self.groups * self.geometry.pixels();
        let last = collected(self.geometry.axes()[N - 1].tap_runs())?;
        let mut taps = Vec::new();
        for (image, maps) in output.chunks_exact_mut(filters * map).enumerate() {
            let image = &self.pixels[image * image_pixels..][..image_pixels];
            for row in 0..self.geometry.rows() {
                taps.clear();
                for input in self.geometry.input_rows(self.geometry.row_position(row)) {
                    taps.extend(last.iter().map(|(tap, run)| input.read(*tap, run.clone())));
                }
                for (filter, map) in maps.chunks_exact_mut(map).enumerate() {
                    let out = &mut map[row * row_length..][..row_length];
                    out.fill(bias(filter));
                    self.add_row(image, filter, &taps, out);
                }
            }
        }
        Ok(())
    }

    /// Adds to one row of outputs all that lies under it.
    fn add_row(&self, image: &[T], filter: usize, taps: &[TapRun], out: &mut [T::Sum]) {
        let plane = self.geometry.pixels();
        let first_channel = filter / (self.bank.outputs / self.groups) * self.bank.inputs;
        for channel in 0..self.bank.inputs {
            let pixels = &image[(first_channel + channel) * plane..][..plane];
            let weights = &self.weights[(filter * self.bank.inputs + channel) * self.geometry.taps()..];
            for TapRun { tap, run } in taps {
                let weight = weights[*tap];
                run.pair(out, pixels, |sum, pixel| *sum = T::add_product(*sum, pixel, weight));
            }
        }
    }
}
