//! How the output of a layer is divided among threads.

use std::ops::Range;

use ndarray::{ArrayViewMut5, Axis};

use super::problem::Problem;
use crate::parallel::share;

/// Pieces of a share, at most: a kernel needs a moment to begin.
const PIECES: usize = 4;

/// An axis earlier in the order is taken unless another one makes the largest share smaller by more than this factor: what that saves is
/// spent on reading all weights twice.
const NEARLY: f64 = 1.1;

/// Cuts along one axis of the output, `[image, filter, plane, row, column]`.
#[derive(Debug, Clone)]
pub(super) struct Pieces {
    axis: usize,
    /// How much of the axis each piece has; but the last may have less.
    piece: usize,
    pub(super) workers: usize,
}

/// What a kernel cannot divide: so many filters, so many outputs along the band axis, as they are stored. And how many images, filters
/// and outputs it computes together: to divide these costs time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    pub(super) filters: usize,
    pub(super) outputs: usize,
    pub(super) together: [usize; 3],
}

/// An axis that may be cut: what cannot be divided, and what should not be.
#[derive(Debug, Clone, Copy)]
struct CutAxis {
    axis: usize,
    length: usize,
    unit: usize,
    together: usize,
}

impl Pieces {
    /// For so many threads at most, along the axis where the largest share is smallest. Of axes that are [`NEARLY`] as
    /// good it takes that of the filters where weights outnumber pixels, since each share reads all of the others; else that of the images,
    /// then that of the filters where there are groups, since each group reads its own pixels, and that of the outputs where there are none. Shares are in pieces where that costs nothing.
    pub(super) fn new(problem: &Problem, units: Units, threads: usize) -> Self {
        let band_axis = problem.band_axis();
        let [images_together, filters_together, outputs_together] = units.together;
        let images = CutAxis { axis: 0, length: problem.images, unit: 1, together: images_together };
        let (unit, together) = match problem.groups {
            1 => (units.filters, filters_together),
            _ if problem.filters == 1 => (units.filters, units.filters),
            _ => (problem.filters, problem.filters),
        };
        let filters = CutAxis { axis: 1, length: problem.filters * problem.groups, unit, together };
        let length = problem.stored_size()[band_axis];
        let outputs = CutAxis { axis: 2 + band_axis, length, unit: units.outputs, together: outputs_together };
        let pixels = problem.images.saturating_mul(problem.pixels());
        let axes = match problem.filters * problem.taps() > pixels {
            true => [filters, images, outputs],
            false if problem.groups > 1 => [images, filters, outputs],
            false => [images, outputs, filters],
        };
        let largest = |along: CutAxis| {
            let count = along.length.div_ceil(along.unit);
            count.div_ceil(threads.min(count)) as f64 / count as f64
        };
        let best =
            axes.into_iter().reduce(|one, other| if NEARLY * largest(other) < largest(one) { other } else { one });
        let CutAxis { axis, length, unit, together } = best.unwrap_or(images);
        let share = length.div_ceil(unit).div_ceil(threads);
        let pieces = if threads > 1 { (share * unit / together.max(1)).clamp(1, PIECES) } else { 1 };
        let piece = share.div_ceil(pieces) * unit;
        Self { axis, piece, workers: threads.min(length.div_ceil(piece)) }
    }

    /// The part of an axis, of so many in all, that a piece has.
    pub(super) fn part(&self, piece: usize, axis: usize, whole: usize) -> Range<usize> {
        if axis == self.axis { piece * self.piece..whole.min((piece + 1) * self.piece) } else { 0..whole }
    }

    /// Calls `compute` with the number of each piece, its part of the output and the scratch memory of a worker; at once where there
    /// are threads for it.
    pub(super) fn each<A: Send>(
        &self,
        mut output: ArrayViewMut5<'_, A>,
        mut scratch: &mut [A],
        compute: impl Fn(usize, ArrayViewMut5<'_, A>, &mut [A]) + Sync,
    ) {
        let of_each = scratch.len() / self.workers;
        let workers = (0..self.workers).map(move |_| scratch.split_off_mut(..of_each).unwrap_or_default());
        let pieces = output.axis_chunks_iter_mut(Axis(self.axis), self.piece).enumerate();
        share(workers, pieces, |scratch, (piece, output)| compute(piece, output, scratch));
    }
}
