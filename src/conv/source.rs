//! Where the panels of a band are gathered from: pixels that are copied with their padding, or the input itself.

use std::ops::Range;

use super::bands::PIXELS_OF_ROWS;
use super::packing::Packing;
use super::problem::Problem;
use crate::kernels::gemm::Along;
use crate::kernels::panels::Panels;

/// The copied pixels of a band stay within this, so that they and the panels of a block lie in the second-level cache.
const BAND_BYTES: usize = 384 * 1024;

/// A band that is not copied has so many outputs at most: they are listed, run by run.
const MOST_OUTPUTS: usize = 1 << 14;

/// Where panels are gathered from.
#[derive(Debug)]
pub(super) struct Source {
    /// Of one image.
    pub(super) packing: Packing,
    /// Of every tap of every channel.
    pub(super) offsets: Vec<u32>,
    pub(super) panels: Panels,
    /// The rows of a band, where they are read as they lie: then there are no panels, and a band is of one image.
    pub(super) rows: Option<Vec<[u32; 2]>>,
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
    ) -> Option<Self> {
        let offsets = packing.offsets(problem.channels)?;
        let rows = packing.rows(problem.band_size(outputs));
        let runs =
            (0..images).flat_map(|image| rows.each().map(move |(from, length)| (image * distance + from, length)));
        let panels = Panels::new::<A>(tiles, usize::MAX, runs, problem.depth())?;
        Some(Self { packing, offsets, panels, rows: None, outputs })
    }

    /// The same with rows that are read as they lie: one for each row of outputs if these are pooled, however they follow each other.
    pub(super) fn with_rows(self, problem: &Problem, along: Along, images: usize) -> Option<Self> {
        let number = |number: usize| u32::try_from(number).ok();
        let rows = self.packing.rows(problem.band_size(self.outputs));
        let most = match along {
            Along::Filters => PIXELS_OF_ROWS,
            Along::Pixels if problem.quads.is_some() => problem.axes[2].outputs(),
            Along::Pixels => usize::MAX,
        };
        let cut = |(from, length): (usize, usize)| {
            (0..length).step_by(most).map(move |done| Some([number(from + done)?, number(most.min(length - done))?]))
        };
        let distance = self.packing.volume() * problem.channels;
        let of_image = |image| rows.each().map(move |(from, length)| (image * distance + from, length));
        let rows = (0..images).flat_map(of_image).flat_map(cut).collect::<Option<_>>()?;
        Some(Self { rows: Some(rows), ..self })
    }

    /// The same where pixels are copied.
    pub(super) fn copied<A>(problem: &Problem, most_images: usize, tiles: &'static [usize]) -> Option<(Self, usize)> {
        let outputs = outputs_of_a_band(problem, BAND_BYTES / size_of::<A>())?;
        let packing = Packing::new(problem, problem.band_size(outputs))?;
        let whole = outputs == problem.stored_size()[problem.band_axis()];
        let images = if whole { most_images } else { 1 };
        let distance = packing.volume().checked_mul(problem.channels)?;
        Some((Self::new::<A>(problem, packing, outputs, (images, distance), tiles)?, images))
    }

    /// The same where they stay where they are: they meet no padding, and lie side by side in a row.
    pub(super) fn in_place<A>(problem: &Problem, images: usize, tiles: &'static [usize]) -> Option<Self> {
        let is_bare = problem.axes.iter().all(|axis| axis.whole_windows().len() == axis.outputs());
        if !is_bare || problem.axes[2].stride() != 1 {
            return None;
        }
        let whole = problem.output_size()[problem.band_axis()];
        let most = (MOST_OUTPUTS / (problem.outputs() / whole)).clamp(1, whole);
        let outputs = whole.div_ceil(whole.div_ceil(most));
        let distance = problem.pixels().checked_mul(problem.channels)?;
        Self::new::<A>(problem, Packing::in_place(problem)?, outputs, (images, distance), tiles)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.offsets[..]) + self.panels.bytes()
    }

    /// Cuts outputs along the band axis into bands.
    pub(super) fn each(&self, outputs: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let end = outputs.end;
        outputs.step_by(self.outputs).map(move |first| first..end.min(first + self.outputs))
    }
}

/// How many outputs along the band axis a band has, as they are stored: as many as keep its packed input within so many numbers. `None` where even one
/// would need a packed input out of all proportion to the layer.
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
