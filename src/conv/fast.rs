//! What the fast algorithms have in common: weights that are prepared once, a share of the work for each thread, and bands
//! that stay in cache.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView5, ArrayViewMut4, ArrayViewMut5, Axis, Slice};

use super::Means;
use super::algorithm::Algorithm;
use super::blocks::{Band, Widths};
use super::finish::Finish;
use super::kernels::Kernels;
use super::packing::{Pack, Packing};
use super::prepared::Prepared;
use super::problem::Problem;
use super::rows::{self, Rows};
use super::separable::Separable;
use super::shares::{Shares, Units};
use super::winograd::{self, Block, Winograd};
use super::{channels, pixels};
use crate::Result;
use crate::simd::{Level, lanes};
use crate::tensor::{TensorView, TensorViewMut, filled};

/// A layer is divided among threads from this many multiply-adds on: what one thread does in the time that it takes to wake
/// another, ten times over.
pub(super) const WORTH_THREADS: f64 = 4e6;

/// The packed input of a band stays within this, so that it and the weights of a block lie in the second-level cache.
const BAND_BYTES: usize = 256 * 1024;

/// The same where a band is read once or twice only: it should not leave the first-level cache by much.
const ROWS_BAND_BYTES: usize = 128 * 1024;

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
    method: Method,
    weights: Arc<Vec<A>>,
    bias: Option<Arc<Vec<A>>>,
    relu: bool,
    /// How many groups are computed at once, where a kernel can.
    groups_together: usize,
    shares: Shares,
    /// What each thread computes in.
    scratch: Vec<A>,
    /// Room for the output, taken for those that lie otherwise than row by row.
    staging: Vec<A>,
}

/// How a share is computed.
#[derive(Debug, Clone)]
enum Method {
    /// Band by band, from a packed input.
    Bands {
        packing: Packing,
        offsets: Arc<Vec<u32>>,
        /// Outputs of a band along the band axis.
        outputs: usize,
        widths: Widths,
    },
    /// In blocks of tiles; the packing is that of one channel of a block.
    Winograd { packing: Packing, block: Block },
}

impl Method {
    /// `None` where the packed input would be out of all proportion: wide padding under windows far apart.
    fn new<A: Kernels>(problem: &Problem, algorithm: Algorithm, level: Level) -> Option<Self> {
        if algorithm == Algorithm::Winograd {
            let [_, rows, columns] = problem.output_size();
            let block = Block::new::<A>(level, problem.channels, [problem.images, rows, columns]);
            let packing = Packing::new(problem, [1, block.rows * winograd::TILE, block.columns * winograd::TILE])?;
            return Some(Self::Winograd { packing, block });
        }
        let (bytes, widths) = match algorithm {
            Algorithm::Rows | Algorithm::Separable => (ROWS_BAND_BYTES, Widths(&[1])),
            Algorithm::Channels => (BAND_BYTES, channels::widths::<A>(level)),
            _ => (BAND_BYTES, pixels::widths::<A>(level)),
        };
        let mut outputs = band_outputs(problem, bytes / size_of::<A>())?;
        if matches!(algorithm, Algorithm::Rows | Algorithm::Separable) {
            // Rows under the window of the next band are packed twice: not more of them than others. And whole tiles.
            let least = problem.axes[problem.band_axis()].size().next_multiple_of(rows::TALLEST);
            let whole = outputs / rows::TALLEST * rows::TALLEST;
            outputs = whole.max(least).min(problem.output_size()[problem.band_axis()]);
        }
        let packing = Packing::new(problem, problem.band_size(outputs))?;
        let more_rows = if algorithm == Algorithm::Rows && problem.is_dense(1) { rows::TALLEST - 1 } else { 0 };
        let mut offsets = packing.offsets(problem.channels, more_rows)?;
        if algorithm == Algorithm::Separable {
            let [_, rows, columns] = problem.axes.map(|axis| axis.size());
            offsets.truncate(columns);
            let row = u32::try_from(problem.output_size()[2]).ok()?;
            for below in 0..u32::try_from(rows + rows::TALLEST - 1).ok()? {
                offsets.push(row.checked_mul(below)?);
            }
        }
        let offsets = Arc::new(offsets);
        Some(Self::Bands { packing, offsets, outputs, widths })
    }

    fn units<A: Kernels>(&self, level: Level) -> Units {
        match self {
            Self::Bands { widths, .. } => Units { filters: widths.0[0], outputs: 1 },
            Self::Winograd { .. } => Units { filters: 2 * lanes::<A>(level), outputs: winograd::TILE },
        }
    }

    /// The weights of all groups in the order of the kernel.
    fn prepare<A: Kernels>(&self, problem: &Problem, algorithm: Algorithm, level: Level, weights: &[A]) -> Vec<A> {
        match self {
            Self::Bands { .. } if algorithm == Algorithm::Rows => weights.to_vec(),
            Self::Bands { widths, .. } => widths.pack(weights, problem.filters, problem.depth()),
            Self::Winograd { .. } => {
                let groups = weights.chunks_exact(problem.filters * problem.depth());
                groups.flat_map(|group| A::winograd_weights(level, group, problem.filters, problem.channels)).collect()
            }
        }
    }

    /// As many groups as keep their packed inputs small, where the kernel takes several.
    fn groups_together<A>(&self, problem: &Problem, algorithm: Algorithm) -> usize {
        match self {
            Self::Bands { packing, .. } if algorithm == Algorithm::Rows => {
                (ROWS_BAND_BYTES / size_of::<A>() / packing.volume()).clamp(1, problem.groups)
            }
            _ => 1,
        }
    }

    fn scratch_length<A: Kernels>(
        &self,
        problem: &Problem,
        algorithm: Algorithm,
        groups: usize,
        level: Level,
    ) -> usize {
        match self {
            Self::Bands { packing, outputs, .. } => {
                let between = if algorithm == Algorithm::Separable { between(problem, *outputs) } else { 0 };
                packed_length(problem, packing, groups) + between
            }
            Self::Winograd { block, .. } => block.scratch_length::<A>(level, problem.channels),
        }
    }
}

impl<A: Kernels> Fast<A> {
    /// `None` where the packed input would be out of all proportion.
    pub(super) fn new(
        problem: Problem,
        algorithm: Algorithm,
        means: Means,
        parameters: Parameters<'_, A>,
    ) -> Result<Option<Self>> {
        let Means { level, threads } = means;
        let Some(method) = Method::new::<A>(&problem, algorithm, level) else { return Ok(None) };
        let weights = match algorithm {
            Algorithm::Separable => factors(&problem, &parameters.weights, parameters.prepared),
            _ => parameters.prepared.get_or((algorithm, lanes::<A>(level)), || {
                let weights: Vec<A> = parameters.weights.iter().copied().collect();
                method.prepare(&problem, algorithm, level, &weights)
            }),
        };
        let shares = Shares::new(&problem, method.units::<A>(level), threads);
        let groups_together = method.groups_together::<A>(&problem, algorithm);
        let scratch_length = method.scratch_length::<A>(&problem, algorithm, groups_together, level);
        let scratch = filled(&[shares.count(), scratch_length], A::default())?;
        Ok(Some(Self {
            problem,
            algorithm,
            level,
            method,
            weights,
            bias: parameters.bias.map(Arc::new),
            relu: parameters.relu,
            groups_together,
            shares,
            scratch,
            staging: Vec::new(),
        }))
    }

    /// The same with room for an output that lies otherwise than row by row.
    pub(super) fn with_staging(mut self) -> Result<Self> {
        self.staging = filled(&self.output_size(), A::default())?;
        Ok(self)
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn workspace_bytes(&self) -> usize {
        let offsets = match &self.method {
            Method::Bands { offsets, .. } => offsets.len() * size_of::<u32>(),
            Method::Winograd { .. } => 0,
        };
        (self.scratch.len() + self.staging.len()) * size_of::<A>() + offsets
    }

    fn output_size(&self) -> [usize; 5] {
        let [planes, rows, columns] = self.problem.output_size();
        [self.problem.images, self.problem.groups * self.problem.filters, planes, rows, columns]
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

    /// Computes the output as a slice in row-major order.
    pub(super) fn run_into(&mut self, input: &TensorView<'_, A>, output: &mut [A]) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let output = ArrayViewMut5::from_shape(self.output_size(), output).expect("the plan has checked the shape");
        let input = input.as_volumes(self.problem.spatial_axes);
        self.shares.each(output, &mut scratch, &|share, output, scratch| self.compute(&input, share, output, scratch));
        self.scratch = scratch;
    }

    /// Computes one share: the images, the filters of each group, and the part of the maps that it has.
    fn compute(&self, input: &ArrayView5<'_, A>, share: usize, mut output: ArrayViewMut5<'_, A>, scratch: &mut [A]) {
        let problem = &self.problem;
        let band_axis = problem.band_axis();
        let images = self.shares.part(share, 0, problem.images);
        let filters = self.shares.part(share, 1, problem.groups * problem.filters);
        let outputs = self.shares.part(share, 2 + band_axis, problem.output_size()[band_axis]);
        let input = input.slice_axis(Axis(0), Slice::from(images));

        let groups = filters.start / problem.filters..filters.end.div_ceil(problem.filters);
        for first in groups.clone().step_by(self.groups_together) {
            let end = groups.end.min(first + self.groups_together);
            let input = input.slice_axis(Axis(1), Slice::from(first * problem.channels..end * problem.channels));
            let of_groups = filters.start.max(first * problem.filters)..filters.end.min(end * problem.filters);
            let here = Slice::from(of_groups.start - filters.start..of_groups.end - filters.start);
            let part = Part { filters: of_groups, outputs: outputs.clone() };
            self.compute_groups(&input, part, output.slice_axis_mut(Axis(1), here), scratch);
        }
    }

    /// The part of a share that lies in one group, or in some whole ones.
    fn compute_groups(
        &self,
        input: &ArrayView5<'_, A>,
        part: Part,
        mut output: ArrayViewMut5<'_, A>,
        scratch: &mut [A],
    ) {
        let Part { filters, outputs } = part;
        let problem = &self.problem;
        let (group, first) = (filters.start / problem.filters, filters.start % problem.filters);
        let finish = Finish { bias: self.bias.as_ref().map(|bias| &bias[filters]), relu: self.relu };
        match &self.method {
            Method::Bands { packing, outputs: most, widths, .. } => {
                let depth = match self.algorithm {
                    Algorithm::Separable => problem.axes[1].size() + problem.axes[2].size(),
                    _ => problem.depth(),
                };
                let weights = &self.weights[(group * widths.rounded(problem.filters) + first) * depth..];
                let axis = Axis(1 + problem.band_axis());
                for (image, mut maps) in input.outer_iter().zip(output.outer_iter_mut()) {
                    for start in outputs.clone().step_by(*most) {
                        let end = outputs.end.min(start + most);
                        let volume = &mut scratch[..input.len_of(Axis(1)) * packing.volume()];
                        let first = problem.band_start(start);
                        A::pack(self.level, Pack { packing, image, first, packed: volume });
                        let here = Slice::from(start - outputs.start..end - outputs.start);
                        self.band(scratch, weights, finish, maps.slice_axis_mut(axis, here));
                    }
                }
            }
            Method::Winograd { packing, block } => {
                let group_weights = winograd::packed_length::<A>(self.level, problem.filters, problem.channels);
                let weights = group * group_weights + first * problem.channels * winograd::POINTS;
                let winograd = Winograd {
                    block: *block,
                    packing,
                    input: input.view(),
                    start: problem.band_start(outputs.start),
                    weights: &self.weights[weights..],
                    output: output.index_axis_move(Axis(2), 0),
                    finish,
                    scratch,
                };
                A::winograd(self.level, winograd);
            }
        }
    }

    /// Computes one band of the maps of some filters from its packed input.
    fn band(&self, scratch: &mut [A], weights: &[A], finish: Finish<'_, A>, output: ArrayViewMut4<'_, A>) {
        let Method::Bands { packing, offsets, widths, .. } = &self.method else {
            unreachable!("only these methods have bands")
        };
        let (_, planes, rows, columns) = output.dim();
        if matches!(self.algorithm, Algorithm::Rows | Algorithm::Separable) {
            let end = packed_length(&self.problem, packing, self.groups_together);
            let (packed, between) = scratch.split_at_mut(end);
            let packed = &*packed;
            let shared = self.problem.is_dense(1);
            let size = self.problem.axes.map(|axis| axis.size());
            let strides = packing.strides();
            let (volume, filters, neighbours) = (packing.volume(), self.problem.filters, self.problem.is_dense(2));
            let rows =
                Rows { packed, volume, offsets, shared, neighbours, size, strides, weights, filters, finish, output };
            return match self.algorithm {
                Algorithm::Separable => A::separable(self.level, Separable { rows, between }),
                _ => A::rows(self.level, rows),
            };
        }
        let rows = packing.rows([planes, rows, columns]);
        let band = Band { packed: scratch, offsets, rows, weights, widths: *widths, finish, output };
        match self.algorithm {
            Algorithm::Channels => A::channels(self.level, band),
            _ => A::pixels(self.level, band),
        }
    }
}

/// The factors of separable filters; none where they are not separable.
fn factors<A: Kernels>(problem: &Problem, weights: &TensorView<'_, A>, prepared: &Prepared<A>) -> Arc<Vec<A>> {
    prepared.get_or((Algorithm::Separable, 0), || {
        let weights: Vec<A> = weights.iter().copied().collect();
        A::factors(&weights, problem.axes[1].size(), problem.axes[2].size()).unwrap_or_default()
    })
}

/// Whether every filter is a column times a row.
pub(super) fn is_separable<A: Kernels>(problem: &Problem, weights: &TensorView<'_, A>, prepared: &Prepared<A>) -> bool {
    !factors(problem, weights, prepared).is_empty()
}

/// Room for the packed input of a band of so many groups, and for what kernels read behind it.
fn packed_length(problem: &Problem, packing: &Packing, groups: usize) -> usize {
    groups * problem.channels * packing.volume() + pixels::OVERREAD
}

/// Room for what the first of two passes gives for a band.
fn between(problem: &Problem, outputs: usize) -> usize {
    let [_, rows, columns] = problem.band_size(outputs);
    (rows + problem.axes[1].size() - 1) * columns + pixels::OVERREAD
}

/// Some filters, and outputs along the band axis.
struct Part {
    filters: Range<usize>,
    outputs: Range<usize>,
}

/// How many outputs along the band axis a band has: as many as keep its packed input within so many numbers. `None` where even
/// one would need a packed input out of all proportion to the layer.
fn band_outputs(problem: &Problem, room: usize) -> Option<usize> {
    let outputs = problem.output_size()[problem.band_axis()];
    let volume = |outputs: usize| {
        let packing = Packing::new(problem, problem.band_size(outputs))?;
        packing.volume().checked_mul(problem.channels)
    };
    let read = problem.pixels().saturating_add(problem.outputs().saturating_mul(problem.taps()));
    let in_proportion = read.saturating_mul(problem.channels).saturating_mul(4);
    let (one, two) = (volume(1)?, volume(2)?);
    if one > in_proportion {
        return None;
    }
    // A band is as long as its outputs and a constant more.
    let most = 1 + room.saturating_sub(one) / (two - one).max(1);
    Some(outputs.div_ceil(outputs.div_ceil(most.min(outputs))))
}
