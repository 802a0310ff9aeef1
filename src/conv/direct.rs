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
use crate::Element;
use crate::window::{Geometry, TapRun};

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
    /// Fills `output`, `[image, filter, output]`.
    pub(super) fn run(&self, output: &mut [T::Sum], bias: impl Fn(usize) -> T::Sum) {
        if output.is_empty() {
            return;
        }
        let (filters, map) = (self.bank.outputs, self.geometry.outputs());
        let row_length = self.geometry.row_length();
        let image_pixels = self.bank.inputs * self.groups * self.geometry.pixels();
        let mut taps = Vec::with_capacity(self.geometry.taps());
        for (image, maps) in output.chunks_exact_mut(filters * map).enumerate() {
            let image = &self.pixels[image * image_pixels..][..image_pixels];
            for row in 0..self.geometry.rows() {
                taps.clear();
                taps.extend(self.geometry.row_taps(row));
                for (filter, map) in maps.chunks_exact_mut(map).enumerate() {
                    let out = &mut map[row * row_length..][..row_length];
                    out.fill(bias(filter));
                    self.add_row(image, filter, &taps, out);
                }
            }
        }
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
