//! What the fast algorithms have in common: bands that stay in cache, a share of the work for each thread, and weights that
//! are prepared once.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{ArrayView5, ArrayViewMut4, ArrayViewMut5, Axis, Slice};

use super::Means;
use super::algorithm::Algorithm;
use super::blocks::{Band, Widths};
use super::channels;
use super::finish::Finish;
use super::kernels::Kernels;
use super::packing::{Pack, Packing, Rows};
use super::pixels;
use super::problem::Problem;
use crate::Result;
use crate::parallel::join;
use crate::simd::{Level, lanes};
use crate::tensor::{TensorView, TensorViewMut, filled};

/// The packed input of a band stays within this, so that it and the weights of a block lie in the second-level cache.
const BAND_BYTES: usize = 256 * 1024;

/// A layer is divided among threads from this many multiply-adds on: what one thread does in the time that it takes to wake
/// another, ten times over.
pub(super) const WORTH_THREADS: f64 = 4e6;

/// Weights in the order of a kernel, kept with the module so that only its first call prepares them.
#[derive(Debug)]
pub(super) struct Prepared<A>(Mutex<Vec<(Key, Arc<Vec<A>>)>>);

/// What the order depends on: the algorithm, and how many lanes a register has.
type Key = (Algorithm, usize);

impl<A> Prepared<A> {
    fn get_or(&self, key: Key, prepare: impl FnOnce() -> Vec<A>) -> Arc<Vec<A>> {
        // Whatever panicked, the list is whole: it is only ever pushed to.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, weights)) = known.iter().find(|(known, _)| *known == key) {
            return weights.clone();
        }
        let weights = Arc::new(prepare());
        known.push((key, weights.clone()));
        weights
    }
}

impl<A> Default for Prepared<A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<A> Clone for Prepared<A> {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}

/// Layers with the same weights are equal, whether or not these have been prepared.
impl<A> PartialEq for Prepared<A> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The numbers of a layer.
pub(super) struct Parameters<'a, A> {
    /// `[filter, channel of its group, tap]`.
    pub(super) weights: TensorView<'a, A>,
    pub(super) bias: Option<Vec<A>>,
    pub(super) relu: bool,
    pub(super) prepared: &'a Prepared<A>,
}

/// A convolution by one of the fast algorithms, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Fast<A> {
    problem: Problem,
    algorithm: Algorithm,
    level: Level,
    weights: Arc<Vec<A>>,
    widths: Widths,
    bias: Option<Arc<Vec<A>>>,
    relu: bool,
    packing: Packing,
    offsets: Arc<Vec<u32>>,
    /// Outputs of a band along the band axis.
    band: usize,
    shares: Shares,
    /// Numbers that each thread needs to compute in, and room for that.
    scratch_length: usize,
    scratch: Vec<A>,
    /// Room for the output, taken for those that lie otherwise than row by row.
    staging: Vec<A>,
}

/// How the output is divided among threads: along one axis of `[image, filter, plane, row, column]`.
#[derive(Debug, Clone)]
struct Shares {
    axis: usize,
    /// Where each share starts, and the end.
    cuts: Vec<usize>,
}

impl Shares {
    /// At most so many shares: of whole images if there are enough, else along the band axis, else of whole blocks of
    /// filters; wherever the largest share is smallest.
    fn new(problem: &Problem, widest: usize, threads: usize) -> Self {
        let filters = match problem.groups {
            1 => (problem.filters, widest),
            groups => (problem.filters * groups, problem.filters),
        };
        let band_axis = problem.band_axis();
        let axes = [(0, (problem.images, 1)), (2 + band_axis, (problem.output_size()[band_axis], 1)), (1, filters)];
        let largest = |(length, unit): (usize, usize)| {
            let units = length.div_ceil(unit);
            units.div_ceil(threads.min(units)) as f64 / units as f64
        };
        let (axis, (length, unit)) = axes
            .into_iter()
            .min_by(|one, other| largest(one.1).total_cmp(&largest(other.1)))
            .expect("three axes are more than none");
        let units = length.div_ceil(unit);
        let shares = threads.min(units);
        let cuts = (0..=shares).map(|share| (units * share / shares * unit).min(length)).collect();
        Self { axis, cuts }
    }

    fn count(&self) -> usize {
        self.cuts.len() - 1
    }
}

impl<A: Kernels> Fast<A> {
    /// `None` where the packed input would be out of all proportion: wide padding under windows far apart.
    pub(super) fn new(
        problem: Problem,
        algorithm: Algorithm,
        means: Means,
        parameters: Parameters<'_, A>,
    ) -> Result<Option<Self>> {
        let Means { level, threads } = means;
        let Some(band) = band_outputs::<A>(&problem) else { return Ok(None) };
        let Some(packing) = Packing::new(&problem, problem.band_size(band)) else { return Ok(None) };
        let Some(offsets) = packing.offsets(problem.channels) else { return Ok(None) };
        let widths = match algorithm {
            Algorithm::Channels => channels::widths::<A>(level),
            _ => pixels::widths::<A>(level),
        };
        let weights = parameters.prepared.get_or((algorithm, lanes::<A>(level)), || {
            let weights: Vec<A> = parameters.weights.iter().copied().collect();
            widths.pack(&weights, problem.filters, problem.depth())
        });
        let shares = Shares::new(&problem, widths.0[0], threads);
        let scratch_length = problem.channels * packing.volume() + pixels::OVERREAD;
        let scratch = filled(&[shares.count(), scratch_length], A::default())?;
        Ok(Some(Self {
            problem,
            algorithm,
            level,
            weights,
            widths,
            bias: parameters.bias.map(Arc::new),
            relu: parameters.relu,
            packing,
            offsets: Arc::new(offsets),
            band,
            shares,
            scratch_length,
            scratch,
            staging: Vec::new(),
        }))
    }

    /// The same with room for an output that lies otherwise than row by row.
    pub(super) fn with_staging(mut self) -> Result<Self> {
        self.staging = filled(&self.output_size(), A::default())?;
        Ok(self)
    }

    /// Computes the output, by way of the staging memory if it lies otherwise than row by row.
    pub(super) fn run(&mut self, input: &TensorView<'_, A>, mut output: TensorViewMut<'_, A>) {
        if let Some(output) = output.as_slice_mut() {
            return self.run_into(input, output);
        }
        let mut staging = std::mem::take(&mut self.staging);
        self.run_into(input, &mut staging);
        output.assign_elements(&staging);
        self.staging = staging;
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn workspace_bytes(&self) -> usize {
        (self.scratch.len() + self.staging.len()) * size_of::<A>() + self.offsets.len() * size_of::<u32>()
    }

    fn output_size(&self) -> [usize; 5] {
        let [planes, rows, columns] = self.problem.output_size();
        [self.problem.images, self.problem.groups * self.problem.filters, planes, rows, columns]
    }

    /// Computes the output as a slice in row-major order.
    pub(super) fn run_into(&mut self, input: &TensorView<'_, A>, output: &mut [A]) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let output = ArrayViewMut5::from_shape(self.output_size(), output).expect("the plan has checked the shape");
        self.share(&input.as_volumes(self.problem.spatial_axes), output, &self.shares.cuts, &mut scratch);
        self.scratch = scratch;
    }

    /// Divides the output between the first half of the shares and the second, until one is left.
    fn share(&self, input: &ArrayView5<'_, A>, output: ArrayViewMut5<'_, A>, cuts: &[usize], scratch: &mut [A]) {
        if cuts.len() == 2 {
            return self.compute(input, output, cuts[0]..cuts[1], scratch);
        }
        let half = cuts.len() / 2;
        let (one, other) = output.split_at(Axis(self.shares.axis), cuts[half] - cuts[0]);
        let (scratch_of_one, scratch_of_other) = scratch.split_at_mut(half * self.scratch_length);
        join(
            || self.share(input, one, &cuts[..=half], scratch_of_one),
            || self.share(input, other, &cuts[half..], scratch_of_other),
        );
    }

    /// Computes one share: `output` is that range of the whole along the axis of the shares.
    fn compute(
        &self,
        input: &ArrayView5<'_, A>,
        mut output: ArrayViewMut5<'_, A>,
        share: Range<usize>,
        packed: &mut [A],
    ) {
        let problem = &self.problem;
        let along = |axis: usize, whole: usize| if self.shares.axis == axis { share.clone() } else { 0..whole };
        let band_axis = problem.band_axis();
        let images = along(0, problem.images);
        let filters = along(1, problem.groups * problem.filters);
        let band_outputs = along(2 + band_axis, problem.output_size()[band_axis]);

        let groups = filters.start / problem.filters..filters.end.div_ceil(problem.filters);
        for (image, mut maps) in images.zip(output.outer_iter_mut()) {
            let image = input.index_axis(Axis(0), image);
            for group in groups.clone() {
                let channels = group * problem.channels..(group + 1) * problem.channels;
                let image = image.slice_axis(Axis(0), Slice::from(channels));
                let of_group =
                    filters.start.max(group * problem.filters)..filters.end.min((group + 1) * problem.filters);
                let here = Slice::from(of_group.start - filters.start..of_group.end - filters.start);
                let mut maps = maps.slice_axis_mut(Axis(0), here);
                for first in band_outputs.clone().step_by(self.band) {
                    let end = (first + self.band).min(band_outputs.end);
                    let here = Slice::from(first - band_outputs.start..end - band_outputs.start);
                    let start = problem.band_start(first);
                    let rows = self.packing.rows(problem.band_size(end - first));
                    let volume = &mut packed[..problem.channels * self.packing.volume()];
                    A::pack(self.level, Pack { packing: &self.packing, image, first: start, packed: volume });
                    self.band(packed, of_group.clone(), rows, maps.slice_axis_mut(Axis(1 + band_axis), here));
                }
            }
        }
    }

    /// Computes one band of the maps of some filters, all of one group, from its packed input.
    fn band(&self, packed: &[A], filters: Range<usize>, rows: Rows, output: ArrayViewMut4<'_, A>) {
        let problem = &self.problem;
        let (group, first) = (filters.start / problem.filters, filters.start % problem.filters);
        let blocks = group * self.widths.rounded(problem.filters) + first;
        let bias = self.bias.as_ref().map(|bias| &bias[filters]);
        let band = Band {
            packed,
            offsets: &self.offsets,
            rows,
            weights: &self.weights[blocks * problem.depth()..],
            widths: self.widths,
            finish: Finish { bias, relu: self.relu },
            output,
        };
        A::compute(self.algorithm, self.level, band);
    }
}

/// How many outputs along the band axis a band has: as many as keep its packed input small. `None` where even one would
/// need a packed input out of all proportion to the layer.
fn band_outputs<A>(problem: &Problem) -> Option<usize> {
    let outputs = problem.output_size()[problem.band_axis()];
    let volume = |outputs: usize| {
        let packing = Packing::new(problem, problem.band_size(outputs))?;
        packing.volume().checked_mul(problem.channels)
    };
    let pixels: usize = problem.input_size().iter().product();
    let in_proportion = (pixels + problem.outputs() * problem.taps()).saturating_mul(4 * problem.channels);
    let (one, two) = (volume(1)?, volume(2)?);
    if one > in_proportion {
        return None;
    }
    // A band is as long as its outputs and a constant more.
    let room = BAND_BYTES / size_of::<A>();
    Some(1 + room.saturating_sub(one) / (two - one).max(1)).map(|most| {
        let bands = outputs.div_ceil(most.clamp(1, outputs));
        outputs.div_ceil(bands)
    })
}
