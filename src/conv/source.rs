//! Where the pixels of a band are read from: pixels that are copied with their padding, or the input itself.

use std::ops::Range;

use super::packing::Packing;
use super::problem::Problem;
use crate::kernels::gemm::Along;
use crate::kernels::panels::Panels;

/// The copied pixels of a band stay within this, so that they and the panels of a block lie in the second-level cache.
const BAND_BYTES: usize = 384 * 1024;

/// A band that is not copied has so many outputs at most: they are listed, run by run.
const MOST_OUTPUTS: usize = 1 << 14;

/// Rows of so many tiles of pixels are computed together where their sums wait to be transposed: beside the weights of a part of the depth
/// and the pixels of a tile, they should stay in the first-level cache.
const TILES_OF_ROWS: usize = 16;

/// How tiles read the pixels of a band.
#[derive(Debug)]
pub(super) enum Reading {
    /// From panels, which are gathered.
    Panels(Panels),
    /// As they lie: where rows begin, and how many pixels stand side by side.
    Rows(Vec<[u32; 2]>),
}

/// Where the pixels of a band are read from.
#[derive(Debug)]
pub(super) struct Source {
    /// Of one image.
    pub(super) packing: Packing,
    /// Of every tap of every channel.
    pub(super) offsets: Vec<u32>,
    pub(super) reading: Reading,
    /// Where sums wait to be transposed, rows of so many pixels, or a row of more, are computed together.
    pub(super) together: usize,
    /// Outputs of a band along the band axis, as they are stored.
    pub(super) outputs: usize,
}

impl Source {
    /// Of so many outputs along the band axis, of so many images, that lie so far apart.
    fn new<A>(
        problem: &Problem,
        packing: Packing,
        outputs: usize,
        (images, distance): (usize, usize),
        tiles: &'static [usize],
        rows: Option<Along>,
    ) -> Option<Self> {
        let offsets = packing.offsets(problem.channels)?;
        let of_image = packing.rows(problem.band_size(outputs));
        let runs =
            (0..images).flat_map(|image| of_image.each().map(move |(from, length)| (image * distance + from, length)));
        let together = if rows == Some(Along::Filters) { TILES_OF_ROWS * tiles[0] } else { 0 };
        let reading = match rows {
            Some(along) => Reading::Rows(cut(problem, (along, together), runs)?),
            None => Reading::Panels(Panels::new::<A>(tiles, usize::MAX, runs, problem.depth())?),
        };
        Some(Self { packing, offsets, reading, together, outputs })
    }

    /// Where pixels are copied, to panels or to be read as rows, along which registers lie or not.
    pub(super) fn copied<A>(
        problem: &Problem,
        most_images: usize,
        tiles: &'static [usize],
        rows: Option<Along>,
    ) -> Option<(Self, usize)> {
        let outputs = outputs_of_a_band(problem, BAND_BYTES / size_of::<A>())?;
        let packing = Packing::new(problem, problem.band_size(outputs))?;
        let whole = outputs == problem.stored_size()[problem.band_axis()];
        let images = if whole { most_images } else { 1 };
        let distance = packing.volume().checked_mul(problem.channels)?;
        Some((Self::new::<A>(problem, packing, outputs, (images, distance), tiles, rows)?, images))
    }

    /// The same where they stay where they are: see [`Problem::is_in_place`].
    pub(super) fn in_place<A>(
        problem: &Problem,
        images: usize,
        tiles: &'static [usize],
        rows: Option<Along>,
    ) -> Option<Self> {
        // Tiles over pairs of rows, which are pooled, reach behind them.
        if !problem.is_in_place() || problem.quads.is_some() {
            return None;
        }
        let whole = problem.output_size()[problem.band_axis()];
        let most = match rows {
            // One block of filters after the other reads all of them.
            Some(Along::Pixels) => BAND_BYTES / size_of::<A>() / problem.channels,
            _ => MOST_OUTPUTS,
        };
        let most = (most / (problem.outputs() / whole)).clamp(1, whole);
        let outputs = whole.div_ceil(whole.div_ceil(most));
        let distance = problem.pixels().checked_mul(problem.channels)?;
        Self::new::<A>(problem, Packing::in_place(problem)?, outputs, (images, distance), tiles, rows)
    }

    /// The fewest pixels that stand side by side where so many outputs along the band axis are cut into bands, and where none is a row:
    /// all that can be counted.
    pub(super) fn shortest_row(&self, outputs: usize, problem: &Problem) -> usize {
        let Reading::Rows(rows) = &self.reading else { return usize::MAX };
        let of_output = problem.outputs() / problem.output_size()[problem.band_axis()];
        let row = rows.first().map_or(0, |&[_, length]| length as usize);
        // The last row of a band may end earlier.
        let last = [self.outputs.min(outputs), outputs % self.outputs].map(|outputs| outputs * of_output % row.max(1));
        last.into_iter().filter(|&last| last > 0).fold(row, usize::min)
    }

    /// Numbers of the panels of a block, and the most pixels whose sums wait together.
    pub(super) fn block_sizes(&self) -> [usize; 2] {
        match &self.reading {
            Reading::Panels(panels) => [panels.numbers(), panels.most_pixels()],
            Reading::Rows(_) => [0, self.together],
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let of_reading = match &self.reading {
            Reading::Panels(panels) => panels.bytes(),
            Reading::Rows(rows) => size_of_val(&rows[..]),
        };
        size_of_val(&self.offsets[..]) + of_reading
    }

    /// Cuts outputs along the band axis into bands.
    pub(super) fn each(&self, outputs: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let end = outputs.end;
        outputs.step_by(self.outputs).map(move |first| first..end.min(first + self.outputs))
    }
}

/// Runs of pixels that stand side by side as rows: one for each row of outputs if these are pooled, however they follow each other.
fn cut(
    problem: &Problem,
    (along, together): (Along, usize),
    runs: impl Iterator<Item = (usize, usize)>,
) -> Option<Vec<[u32; 2]>> {
    let number = |number: usize| u32::try_from(number).ok();
    let most = match along {
        Along::Filters => together,
        Along::Pixels if problem.quads.is_some() => problem.axes[2].outputs(),
        Along::Pixels => usize::MAX,
    };
    let cut = |(from, length): (usize, usize)| {
        (0..length).step_by(most).map(move |done| Some([number(from + done)?, number(most.min(length - done))?]))
    };
    runs.flat_map(cut).collect()
}

/// How many outputs along the band axis a band has, as they are stored: as many as keep its packed
/// input within so many numbers. `None` where even one would need a packed input out of all proportion to the layer.
fn outputs_of_a_band(problem: &Problem, room: usize) -> Option<usize> {
    let outputs = problem.stored_size()[problem.band_axis()];
    let band = |outputs: usize| {
        let packing = Packing::new(problem, problem.band_size(outputs))?;
        packing.volume().checked_mul(problem.channels)
    };
    let (one, two) = (band(1)?, band(2)?);
    if one > problem.proportionate() {
        return None;
    }
    // A band is as long as its outputs and a constant more.
    let more = (two - one).max(1);
    // What windows of neighbouring bands share is copied for each of them: no band has fewer outputs than it shares rows.
    let most = (1 + room.saturating_sub(one) / more).max(one / more).min(outputs);
    Some(outputs.div_ceil(outputs.div_ceil(most)))
}
