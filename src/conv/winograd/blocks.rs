//! What a plan knows of a layer for Winograd's algorithm.

use ndarray::Axis;

use super::weights::packed_length;
use super::{Block, GroupWeights, Mend, Tiling, Winograd, compute};
use crate::conv::algorithm::Algorithm;
use crate::conv::fast::{Method, Piece, Settings};
use crate::conv::kernels::Kernels;
use crate::conv::packing::Packing;
use crate::conv::pieces::Units;
use crate::conv::problem::Problem;
use crate::kernels::panels::Aligned;
use crate::simd::{Level, lanes};

/// How a layer is computed in blocks of tiles.
#[derive(Debug)]
pub(in crate::conv) struct TileBlocks {
    level: Level,
    tiling: Tiling,
    block: Block,
    /// Of one channel of a block, for each phase of the pixels.
    packings: Vec<Packing>,
}

impl TileBlocks {
    /// `None` if the layer does not suit, is pooled in tiles that are not, or the packed pixels of a block cannot be counted.
    pub(in crate::conv) fn new<A: Kernels>(problem: &Problem, algorithm: Algorithm, level: Level) -> Option<Self> {
        let [_, rows, columns] = problem.output_size();
        let tiling = Tiling::of(algorithm, problem)?;
        if problem.quads.is_some() && algorithm != Algorithm::Winograd {
            return None;
        }
        let [down, across] = tiling.dilation;
        let outputs = [problem.images, rows.div_ceil(down), columns.div_ceil(across)];
        let block = Block::new::<A>(level, tiling, problem.channels, outputs);
        let outputs = [1, block.rows * tiling.tile, block.columns * tiling.tile];
        let packing = |[row, column]: [usize; 2]| Packing::of_phase(problem, outputs, tiling.taps, [0, row, column]);
        let dilated = (0..down * across).map(|phase| [phase / across, phase % across]);
        let packings = match tiling.stride {
            1 => dilated.map(packing).collect::<Option<_>>()?,
            _ => tiling.phases().iter().copied().map(packing).collect::<Option<_>>()?,
        };
        Some(Self { level, tiling, block, packings })
    }
}

impl<A: Kernels> Method<A> for TileBlocks {
    fn units(&self, problem: &Problem) -> Units {
        let dilation = problem.axes[problem.band_axis()].dilation();
        let filters = 2 * lanes::<A>(self.level);
        let outputs = self.tiling.tile * dilation / problem.pooled_by();
        Units { filters, outputs, together: [self.block.images, usize::MAX, self.block.rows * outputs] }
    }

    fn prepare(&self, problem: &Problem, weights: &[A]) -> Aligned<A> {
        let &Problem { filters, channels, groups, .. } = problem;
        let length = packed_length::<A>(self.level, self.tiling, filters, channels);
        let mut packed = Aligned::new(groups * length);
        let of_groups = packed.as_mut_slice().chunks_exact_mut(length);
        for (taps, packed) in weights.chunks_exact(filters * problem.depth()).zip(of_groups) {
            let columns = problem.axes[2].size();
            let weights = GroupWeights { tiling: self.tiling, filters, channels, columns, taps };
            weights.pack(self.level, packed);
        }
        packed
    }

    fn scratch_length(&self, problem: &Problem, _: Level) -> usize {
        self.block.scratch_length::<A>(self.level, self.tiling, problem.channels)
    }

    fn compute(&self, settings: &Settings<A>, piece: Piece<'_, A>) {
        let problem = &settings.problem;
        piece.each_group(problem, |mut piece| {
            let (group, first) = (piece.filters.start / problem.filters, piece.filters.start % problem.filters);
            let weights = group * packed_length::<A>(self.level, self.tiling, problem.filters, problem.channels)
                + first * self.tiling.channels(problem.channels) * self.tiling.points();
            let winograd = Winograd {
                block: self.block,
                packings: &self.packings,
                tiling: self.tiling,
                input: piece.input,
                start: problem.band_start(piece.outputs.start),
                weights: &settings.weights[weights..],
                output: piece.output.view_mut().index_axis_move(Axis(2), 0),
                finish: settings.finish(piece.filters.clone()),
                scratch: &mut *piece.scratch,
                finite: true,
            };
            if compute(self.level, winograd) {
                return;
            }
            let [_, row, column] = problem.band_start(piece.outputs.start);
            Mend {
                tile: self.tiling.tile,
                problem,
                input: piece.input,
                start: [row, column],
                weights: settings.plain(piece.filters.start),
                output: piece.output.index_axis_move(Axis(2), 0),
                finish: settings.finish(piece.filters),
            }
            .run();
        });
    }
}
