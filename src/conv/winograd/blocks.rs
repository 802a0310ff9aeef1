//! What a plan knows of a layer for Winograd's algorithm.

use ndarray::Axis;

use super::{Block, POINTS, TILE, Winograd, packed_length, shallow};
use crate::conv::fast::{Method, Part, Settings};
use crate::conv::kernels::Kernels;
use crate::conv::packing::Packing;
use crate::conv::problem::Problem;
use crate::conv::shares::Units;
use crate::simd::{Level, lanes};

/// How a layer is computed in blocks of tiles.
#[derive(Debug)]
pub(in crate::conv) struct Blocks {
    level: Level,
    block: Block,
    dilation: [usize; 2],
    /// Of one channel of a block, for each phase of the dilation.
    packings: Vec<Packing>,
}

impl Blocks {
    /// `None` if the packed pixels of a block cannot be counted.
    pub(in crate::conv) fn new<A: Kernels>(problem: &Problem, level: Level) -> Option<Self> {
        let [_, rows, columns] = problem.output_size();
        let dilation @ [down, across] = [1, 2].map(|axis: usize| problem.axes[axis].dilation());
        let block =
            Block::new::<A>(level, problem.channels, [problem.images, rows.div_ceil(down), columns.div_ceil(across)]);
        let outputs = [1, block.rows * TILE, block.columns * TILE];
        let phases = (0..down * across).map(|phase| [0, phase / across, phase % across]);
        let packings = phases.map(|phase| Packing::of_phase(problem, outputs, phase)).collect::<Option<_>>()?;
        Some(Self { level, block, dilation, packings })
    }
}

impl<A: Kernels> Method<A> for Blocks {
    fn units(&self, problem: &Problem) -> Units {
        let dilation = problem.axes[problem.band_axis()].dilation();
        let filters = if shallow::suits(problem.channels) { shallow::FILTERS } else { 2 * lanes::<A>(self.level) };
        Units { filters, outputs: TILE * dilation / problem.pooled_by() }
    }

    fn prepare(&self, problem: &Problem, weights: &[A]) -> Vec<A> {
        let groups = weights.chunks_exact(problem.filters * problem.depth());
        groups.flat_map(|group| A::winograd_weights(self.level, group, problem.filters, problem.channels)).collect()
    }

    fn scratch_length(&self, problem: &Problem) -> usize {
        self.block.scratch_length::<A>(self.level, problem.channels)
    }

    fn compute(&self, settings: &Settings<A>, part: Part<'_, A>) {
        let problem = &settings.problem;
        part.each_group(problem, |part| {
            let (group, first) = (part.filters.start / problem.filters, part.filters.start % problem.filters);
            let weights = group * packed_length::<A>(self.level, problem.filters, problem.channels)
                + first * problem.channels * POINTS;
            let winograd = Winograd {
                block: self.block,
                packings: &self.packings,
                dilation: self.dilation,
                input: part.input,
                start: problem.band_start(part.outputs.start * problem.pooled_by()),
                weights: &settings.weights[weights..],
                output: part.output.index_axis_move(Axis(2), 0),
                finish: settings.finish(part.filters),
                scratch: part.scratch,
            };
            A::winograd(self.level, winograd);
        });
    }
}
