//! How the output of a layer is divided among threads.

use ndarray::{ArrayViewMut5, Axis};

use super::problem::Problem;
use crate::parallel::join;

/// Cuts along one axis of the output, `[image, filter, plane, row, column]`.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    pub(super) axis: usize,
    /// Where each share starts, and the end.
    cuts: Vec<usize>,
}

/// What a kernel cannot divide: so many filters, so many outputs along the band axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    pub(super) filters: usize,
    /// As they are stored.
    pub(super) outputs: usize,
}

impl Shares {
    /// So many shares at most, along the axis where the largest is smallest. Of equals, that of the filters where the
    /// weights are more than the pixels, since each share reads all of the others; and where there are groups, since each
    /// reads its own pixels.
    pub(super) fn new(problem: &Problem, units: Units, threads: usize) -> Self {
        let band_axis = problem.band_axis();
        let filters = match problem.groups {
            1 => (1, problem.filters, units.filters),
            groups => (1, problem.filters * groups, problem.filters),
        };
        let images = (0, problem.images, 1);
        let outputs = (2 + band_axis, problem.stored_size()[band_axis], units.outputs);
        let pixels = problem.images.saturating_mul(problem.pixels());
        let axes = match problem.filters * problem.taps() > pixels {
            true => [filters, images, outputs],
            false if problem.groups > 1 => [images, filters, outputs],
            false => [images, outputs, filters],
        };
        let largest = |(_, length, unit): (usize, usize, usize)| {
            let count = length.div_ceil(unit);
            count.div_ceil(threads.min(count)) as f64 / count as f64
        };
        let (axis, length, unit) = axes
            .into_iter()
            .reduce(|one, other| if largest(other) < largest(one) { other } else { one })
            .unwrap_or(images);
        let count = length.div_ceil(unit);
        let shares = threads.min(count);
        let cuts = (0..=shares).map(|share| (count * share / shares * unit).min(length)).collect();
        Self { axis, cuts }
    }

    pub(super) fn count(&self) -> usize {
        self.cuts.len() - 1
    }

    /// The part of an axis, of so many in all, that a share has.
    pub(super) fn part(&self, share: usize, axis: usize, whole: usize) -> std::ops::Range<usize> {
        if axis == self.axis { self.cuts[share]..self.cuts[share + 1] } else { 0..whole }
    }

    /// Calls `compute` with the number of each share, its part of the output and of the scratch memory; at once where there
    /// are threads for it.
    pub(super) fn each<A: Send>(
        &self,
        output: ArrayViewMut5<'_, A>,
        scratch: &mut [A],
        compute: &(impl Fn(usize, ArrayViewMut5<'_, A>, &mut [A]) + Sync),
    ) {
        self.some(0, self.count(), output, scratch, compute);
    }

    fn some<A: Send>(
        &self,
        first: usize,
        end: usize,
        output: ArrayViewMut5<'_, A>,
        scratch: &mut [A],
        compute: &(impl Fn(usize, ArrayViewMut5<'_, A>, &mut [A]) + Sync),
    ) {
        if end - first == 1 {
            return compute(first, output, scratch);
        }
        let half = first.midpoint(end);
        let (one, other) = output.split_at(Axis(self.axis), self.cuts[half] - self.cuts[first]);
        let (scratch_of_one, scratch_of_other) = scratch.split_at_mut(scratch.len() / (end - first) * (half - first));
        join(
            || self.some(first, half, one, scratch_of_one, compute),
            || self.some(half, end, other, scratch_of_other, compute),
        );
    }
}
