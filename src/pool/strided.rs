//! Pixels that do not lie row by row are put in order, some rows of some planes at a time: channels that lie side by side, as those of
//! pictures do, are put in order together.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayView4, ArrayView5, Axis};

use super::kernels;
use super::planes::{Compute, Described, Input, Sizes, Worker};
use crate::Element;
use crate::kernels::transpose::SideBySide;
use crate::simd::Level;

/// Bytes that are put in order at a time: they stay in the second-level cache.
pub(super) const STAGED_BYTES: usize = 512 * 1024;

/// Bytes of neighbouring channels that are read together: two lines of the cache, which processors fetch in pairs.
const TOGETHER_BYTES: usize = 128;

/// How planes are cut for that.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneBands {
    /// Planes that are put in order together, and units at a time.
    pub(super) planes: usize,
    units: usize,
    /// Rows of pixels under them, at most.
    pub(super) rows: usize,
}

impl PlaneBands {
    /// No more than so many bytes are put in order at a time, unless a unit needs more.
    pub(super) fn new(way: &dyn Described, sizes: &Sizes, bytes_of_a_pixel: usize, most: usize) -> Self {
        let planes = (TOGETHER_BYTES / bytes_of_a_pixel).min(sizes.planes).max(1);
        let row = sizes.plane[2].max(1);
        let bytes = |pixels: usize| pixels.saturating_mul(planes * bytes_of_a_pixel);
        let units = sizes.units.max(1);
        let mut bands = Self { planes, units, rows: sizes.plane[0].saturating_mul(sizes.plane[1]) };
        if bytes(sizes.pixels()) > most && way.under(0..units).is_some() {
            let of_unit = bytes(sizes.pixels().div_ceil(units)).max(1);
            bands.units = (most / of_unit).max(way.least_units()).clamp(1, units);
            let under = (0..units).step_by(bands.units).map(|first| bands.rows_under(way, sizes, first).len());
            bands.rows = under.max().unwrap_or(0);
        }
        let staged = bytes(bands.rows.saturating_mul(row));
        Self { planes: (planes.saturating_mul(2).saturating_mul(most) / staged.max(1)).clamp(1, planes), ..bands }
    }

    /// The rows of pixels under the units from one on.
    fn rows_under(&self, way: &dyn Described, sizes: &Sizes, first: usize) -> Range<usize> {
        let row = sizes.plane[2].max(1);
        match way.under(first..sizes.units.min(first + self.units)) {
            Some(under) if self.units < sizes.units => under.start / row..under.end.div_ceil(row),
            _ => 0..sizes.plane[0] * sizes.plane[1],
        }
    }

    /// Computes planes, those of an image from the `first` on, of no more than are put in order together.
    pub(super) fn each<T: Element>(
        &self,
        compute: &dyn Compute<T>,
        sizes: &Sizes,
        (image, first): (&ArrayView4<'_, T>, usize),
        worker: &mut Worker<T>,
        output: &mut [T],
    ) {
        let Worker { cells, spare, turned } = worker;
        let (map, row) = (sizes.units * sizes.unit, sizes.plane[2]);
        if let (true, Some(pixels)) = (output.len() == map, image.index_axis(Axis(0), first).to_slice()) {
            return compute.compute(Input { pixels, skipped: 0, first: 0 }, output, cells, spare);
        }
        if let Some(pixels) = pixel_by_pixel(image)
            && compute.channels_last((pixels, image.len_of(Axis(0)), first), turned, output)
        {
            return;
        }
        for unit in (0..sizes.units).step_by(self.units) {
            let rows = self.rows_under(compute, sizes, unit);
            let units = self.units.min(sizes.units - unit);
            let band = rows.len() * row;
            let planes = output.len() / map;
            put_in_order(image, first..first + planes, &rows, (turned, band));
            if self.units == sizes.units {
                let given = Input { pixels: &turned[..planes * band], skipped: 0, first: 0 };
                return compute.compute(given, output, cells, spare);
            }
            for (number, output) in output.chunks_exact_mut(map).enumerate() {
                let given = Input { pixels: &turned[number * band..][..band], skipped: rows.start * row, first: unit };
                let output = &mut output[unit * sizes.unit..][..units * sizes.unit];
                compute.compute(given, output, cells, spare);
            }
        }
    }
}

/// Whether channels are neighbours in memory at every pixel.
pub(super) fn lie_side_by_side<T>(input: &ArrayView5<'_, T>) -> bool {
    input.len_of(Axis(1)) > 1 && input.strides()[1] == 1
}

/// The pixels of an image in the order in which they lie, where all channels of one are followed by all of the next.
pub(super) fn pixel_by_pixel<'a, T>(image: &ArrayView4<'a, T>) -> Option<&'a [T]> {
    (*image).permuted_axes([1, 2, 3, 0]).to_slice()
}

/// Copies some rows of some planes, so many pixels to a plane.
fn put_in_order<T: Element>(
    image: &ArrayView4<'_, T>,
    planes: Range<usize>,
    rows: &Range<usize>,
    (to, band): (&mut [T], usize),
) {
    let (height, width) = (image.len_of(Axis(2)).max(1), image.len_of(Axis(3)));
    for (number, row) in rows.clone().enumerate() {
        let of_row = image.view().index_axis_move(Axis(1), row / height).index_axis_move(Axis(1), row % height);
        let to = &mut to[number * width..];
        if !transposed(&of_row, &planes, to, band) {
            for (number, plane) in planes.clone().enumerate() {
                let to = &mut to[number * band..][..width];
                match of_row.index_axis(Axis(0), plane).to_slice() {
                    Some(row) => to.copy_from_slice(row),
                    None => to.iter_mut().zip(of_row.index_axis(Axis(0), plane)).for_each(|(to, &pixel)| *to = pixel),
                }
            }
        }
    }
}

/// The same of one row, whose channels lie side by side without gaps between pixels; says whether they do.
fn transposed<T: Element>(row: &ArrayView2<'_, T>, planes: &Range<usize>, to: &mut [T], band: usize) -> bool {
    let (channels, width) = row.dim();
    let Some(pixels) = row.reversed_axes().to_slice().filter(|_| channels > 1) else { return false };
    let (first, count) = (planes.start, planes.len());
    let task = SideBySide { from: pixels, pitch: channels, row: band, places: width, first, channels: count, to };
    kernels::of::<T>().transpose(Level::new(), task)
}
