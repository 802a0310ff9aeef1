//! Tiles with a pixel that is not finite, or so large that a sum of its products might not be: computed again, by the definition.
//!
//! The transforms add up all the pixels of a tile, so that one which is infinite, or no number, spoils outputs that do not see it.
//! The kernels add up the squares of the pixels as they read them, and say whether these have overflowed; which is rare. Weights are
//! so small that nothing else overflows ([`are_moderate`](crate::conv::fast::are_moderate)).

use ndarray::{ArrayView5, ArrayViewMut4};

use crate::conv::problem::Problem;
use crate::kernels::epilogue::Epilogue;
use crate::simd::Lanes;
use crate::window::Axis;
use crate::{Element, Quads};

/// What [`Winograd`](super::Winograd) has computed: some images, filters and rows of one group.
pub(in crate::conv) struct Mend<'a, A> {
    /// Outputs of a tile along an axis.
    pub(super) tile: usize,
    pub(super) problem: &'a Problem,
    /// `[image, channel, plane, row, column]`, of one plane.
    pub(super) input: ArrayView5<'a, A>,
    /// The place of the whole map, before it is pooled, that `output` starts with: one that a tile of the first phase starts with.
    pub(super) start: [usize; 2],
    /// `[filter, channel, tap]`.
    pub(super) weights: &'a [A],
    pub(super) finish: Epilogue<'a, A>,
    /// `[image, filter, row, column]`
    pub(super) output: ArrayViewMut4<'a, A>,
}

impl<A: Lanes + Element<Sum = A>> Mend<'_, A> {
    /// Computes the tiles that need it. A tile is looked at as a whole, so that no output depends on how a layer was cut.
    #[cold]
    #[inline(never)]
    pub(in crate::conv) fn run(mut self) {
        let (images, filters, ..) = self.output.dim();
        for image in 0..images {
            for row in self.tiles(0) {
                for column in self.tiles(1) {
                    if self.needs_mending(image, [row, column]) {
                        for filter in 0..filters {
                            self.compute(image, filter, [row, column]);
                        }
                    }
                }
            }
        }
    }

    fn axis(&self, axis: usize) -> &Axis {
        &self.problem.axes[1 + axis]
    }

    /// The outputs that there are along an axis, before they are pooled.
    fn outputs(&self, axis: usize) -> usize {
        self.output.shape()[2 + axis] * self.problem.pooled_by()
    }

    /// The first outputs of all tiles along an axis, those of every phase of a dilated window.
    fn tiles(&self, axis: usize) -> impl Iterator<Item = usize> + use<A> {
        let (tile, dilation) = (self.tile, self.axis(axis).dilation());
        (0..self.outputs(axis)).filter(move |output| (output / dilation).is_multiple_of(tile))
    }

    /// The pixel at a place of a padded axis, unless there is a zero. Behind the last window a tile may reach as well.
    fn pixel(&self, axis: usize, place: usize) -> Option<usize> {
        let along = self.axis(axis);
        let position = place.cast_signed() - along.before().cast_signed();
        let inside = place < along.read_length();
        self.problem.mode.source(position, along.length()).filter(|_| inside)
    }

    /// The place that a tap of an output reads.
    fn place(&self, axis: usize, output: usize, tap: usize) -> usize {
        (self.start[axis] + output) * self.axis(axis).stride() + tap * self.axis(axis).dilation()
    }

    /// Whether a tile has a pixel, in any channel, whose square is not finite.
    fn needs_mending(&self, image: usize, first: [usize; 2]) -> bool {
        let pixels = |axis: usize| {
            // As far apart as taps, so many as there are under all its outputs.
            let count = (self.tile - 1) * self.axis(axis).stride() + self.axis(axis).size();
            (0..count).filter_map(move |tap| self.pixel(axis, self.place(axis, first[axis], tap)))
        };
        let channels = self.input.shape()[1];
        pixels(0).any(|row| {
            (0..channels).any(|channel| {
                pixels(1).any(|column| {
                    let pixel = self.input[[image, channel, 0, row, column]];
                    !A::add_product(A::ZERO, pixel, pixel).is_finite()
                })
            })
        })
    }

    /// Computes the outputs of a tile in the map of one filter.
    fn compute(&mut self, image: usize, filter: usize, first: [usize; 2]) {
        let by = self.problem.pooled_by();
        let [rows, columns] = [0, 1].map(|axis| {
            let step = self.axis(axis).dilation() * by;
            (first[axis]..self.outputs(axis)).step_by(step).take(self.tile / by)
        });
        for row in rows {
            for column in columns.clone() {
                let sums = (0..by * by).map(|at| self.sum(image, filter, [row + at / by, column + at % by]));
                let picked = sums.reduce(|picked, sum| if self.wins(sum, picked) { sum } else { picked });
                self.output[[image, filter, row / by, column / by]] = picked.unwrap_or_default();
            }
        }
    }

    /// Whether a pooling picks one number over another that comes before it.
    fn wins(&self, later: A, earlier: A) -> bool {
        let beyond = match self.finish.quads {
            Some(Quads::Min) => later < earlier,
            _ => later > earlier,
        };
        beyond || later.is_nan()
    }

    /// The definition, for an output before it is pooled.
    fn sum(&self, image: usize, filter: usize, output: [usize; 2]) -> A {
        let [rows, columns] = [0, 1].map(|axis| self.axis(axis).size());
        let channels = self.input.shape()[1];
        let mut sum = self.finish.bias.map_or(A::ZERO, |bias| bias[filter]);
        for channel in 0..channels {
            let weights = &self.weights[(filter * channels + channel) * rows * columns..][..rows * columns];
            for (tap, &weight) in weights.iter().enumerate() {
                let row = self.pixel(0, self.place(0, output[0], tap / columns));
                let column = self.pixel(1, self.place(1, output[1], tap % columns));
                // Weights are finite, so that a zero of the padding adds nothing.
                if let (Some(row), Some(column)) = (row, column) {
                    sum = A::add_product(sum, self.input[[image, channel, 0, row, column]], weight);
                }
            }
        }
        self.finish.activation.map_or(sum, |activation| activation.apply(sum))
    }
}
