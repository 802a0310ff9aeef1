//! Layers of several channels, computed band by band: what a plan knows for [`gemm`](crate::kernels::gemm).
//!
//! A band is some rows of the maps of an image, or whole maps of some images where they are small. Its pixels are copied with their
//! padding written out unless they can be read where they lie. Then they go to panels, block by block, or are read as rows where panels would
//! take longer to write than to use.

use std::ops::Range;

use arrayvec::ArrayVec;
use ndarray::{ArrayView5, ArrayViewMut5, Axis as ArrayAxis, Slice};

use super::algorithm::Algorithm;
use super::choose;
use super::fast::{Method, Piece, Settings};
use super::kernels::{Kernels, has_all_kernels};
use super::pack::{Pack, pack};
use super::pieces::Units;
use super::problem::Problem;
use super::source::{Reading, Source};
use crate::kernels::epilogue::{Epilogue, Target};
use crate::kernels::gemm::{self, Along, GemmBlock};
use crate::kernels::panels::{self, Aligned, Gather, Panels, PixelBlock, Widths};
use crate::kernels::rows::{self, RowBlock};
use crate::kernels::tile;
use crate::simd::cache;
use crate::simd::{Lanes, Level, lanes};

/// Where maps are small, a band has those of several images, of about so many pixels.
const PIXELS_TOGETHER: usize = 256;

/// The maps of the filters of a block, one for each image of a band, at most.
const MOST_MAPS: usize = 256;
/// The filters of the widest block.
const MOST_FILTERS: usize = 32;

/// What is read behind the copied pixels: registers are loaded as a whole.
const OVERREAD: usize = 32;

/// How the bands of a layer are computed.
#[derive(Debug)]
pub(super) struct ConvBands {
    along: Along,
    widths: Widths,
    copied: Source,
    /// Where pixels need not be copied if they lie in order: the input itself.
    in_place: Option<Source>,
    /// Images of a band.
    images: usize,
}

/// Where vectors lie for an algorithm.
pub(super) fn along(algorithm: Algorithm) -> Along {
    match algorithm {
        Algorithm::Channels => Along::Filters,
        Algorithm::Taps
        | Algorithm::Pixels
        | Algorithm::Rows
        | Algorithm::Separable
        | Algorithm::Winograd
        | Algorithm::Winograd2x2
        | Algorithm::Zones => Along::Pixels,
    }
}

/// Pixels of a panel, and filters of a block, widest first.
pub(super) fn sizes<A: Lanes>(along: Along, level: Level) -> (&'static [usize], Widths) {
    let registers: &[usize] = match lanes::<A>(level) {
        16 => &[32, 16],
        8 => &[16, 8],
        4 => &[8, 4],
        _ => &[4, 2],
    };
    match along {
        Along::Pixels => (registers, Widths(tile::heights::<A>(level))),
        Along::Filters => (tile::heights::<A>(level), Widths(registers)),
    }
}

/// The images of a band: several where maps are so small that one fills few registers.
pub(super) fn images_together(problem: &Problem, images: usize) -> usize {
    let maps = MOST_MAPS / MOST_FILTERS;
    (PIXELS_TOGETHER / problem.outputs().max(1)).clamp(1, maps).min(images)
}

impl ConvBands {
    /// `None` where the copied pixels would be out of all proportion: wide padding under windows far apart.
    pub(super) fn new<A: Kernels>(problem: &Problem, algorithm: Algorithm, level: Level) -> Option<Self> {
        let along = along(algorithm);
        let (tiles, widths) = sizes::<A>(along, level);
        let reads_rows = problem.quads.is_some() || choose::reads_rows::<A>(problem, along, level);
        let most_images = match along {
            Along::Pixels if reads_rows => 1,
            _ => images_together(problem, problem.images),
        };
        let (copied, images) = Source::copied::<A>(problem, most_images, tiles, reads_rows.then_some(along))?;
        let images_in_place = if problem.groups == 1 { images } else { 1 };
        let in_place = Source::in_place::<A>(problem, images_in_place, tiles, reads_rows.then_some(along));
        Some(Self { along, widths, copied, in_place, images })
    }

    /// How tiles read pixels, and whether in place where the input lies in order.
    #[cfg(test)]
    pub(super) fn reads(&self) -> (&'static str, bool) {
        let source = self.in_place.as_ref().unwrap_or(&self.copied);
        let reading = match source.reading {
            Reading::Panels(_) => "panels",
            Reading::Rows(_) => "rows",
        };
        (reading, self.in_place.is_some())
    }

    fn compute_group<A: Kernels>(&self, settings: &Settings<A>, piece: Piece<'_, A>) {
        let Piece { input, filters, outputs, mut output, scratch } = piece;
        let problem = &settings.problem;
        let (group, first) = (filters.start / problem.filters, filters.start % problem.filters);
        let weights = (group * self.widths.rounded(problem.filters) + first) * problem.depth();
        // Of the channels of a group, every image lies in one piece, but several do not.
        let is_whole = input.outer_iter().next().is_none_or(|image| image.is_standard_layout());
        let in_place = self.in_place.as_ref().filter(|_| is_whole);
        // Along pixels, a tile reads whole registers, and there need not be as much behind the input.
        let shortest = if self.along == Along::Pixels { lanes::<A>(settings.level) } else { 0 };
        let in_place = in_place.filter(|source| source.shortest_row(outputs.len(), problem) >= shortest);
        let source = in_place.unwrap_or(&self.copied);
        // Several images are listed with all their outputs, and where they lie one after the other.
        let whole = outputs.len() == problem.output_size()[problem.band_axis()];
        let apart = in_place.is_some() && !input.is_standard_layout();
        let images = if !whole || apart { 1 } else { self.images };
        // Registers of panels should not lie across two cache lines.
        let before = cache::before_line(scratch);
        let (copy, rest) = scratch[before..].split_at_mut(self.copy_length(problem));
        let (panels, sums) = rest.split_at_mut(self.panels_length());
        let (widths, along) = (self.widths, self.along);
        let mut group =
            OfGroup { settings, widths, along, source, in_place: in_place.is_some(), weights, filters, panels, sums };
        let all = input.len_of(ArrayAxis(0));
        for first_image in (0..all).step_by(images) {
            let images = first_image..all.min(first_image + images);
            let input = input.slice_axis(ArrayAxis(0), Slice::from(images.clone()));
            let mut output = output.slice_axis_mut(ArrayAxis(0), Slice::from(images));
            for band in source.each(outputs.clone()) {
                let pixels = match input.to_slice().filter(|_| in_place.is_some()) {
                    Some(pixels) => &pixels[source.packing.start(problem.band_start(band.start))..],
                    None => self.copy(settings, &input, band.start, copy),
                };
                let here = band.start - outputs.start..band.end - outputs.start;
                group.band(pixels, &mut output, here);
            }
        }
    }

    /// Copies the pixels of a band that begins with this output.
    fn copy<'a, A: Kernels>(
        &self,
        settings: &Settings<A>,
        input: &ArrayView5<'_, A>,
        first: usize,
        copy: &'a mut [A],
    ) -> &'a [A] {
        let (packing, problem) = (&self.copied.packing, &settings.problem);
        let of_image = packing.volume() * problem.channels;
        for (image, packed) in input.outer_iter().zip(copy.chunks_exact_mut(of_image)) {
            pack(settings.level, Pack { packing, image, first: problem.band_start(first), packed });
        }
        copy
    }

    /// The copied pixels of a band, and what is read behind them.
    fn copy_length(&self, problem: &Problem) -> usize {
        let of_image = self.copied.packing.volume() * problem.channels;
        (of_image * self.images + OVERREAD).next_multiple_of(OVERREAD)
    }

    fn panels_length(&self) -> usize {
        self.most(0).next_multiple_of(OVERREAD)
    }

    fn most_pixels(&self) -> usize {
        self.most(1)
    }

    /// The larger of a size of both sources' blocks.
    fn most(&self, number: usize) -> usize {
        let in_place = self.in_place.as_ref().map_or(0, |source| source.block_sizes()[number]);
        self.copied.block_sizes()[number].max(in_place)
    }
}

/// The filters of one group, or some of them, over one band after the other.
struct OfGroup<'a, A> {
    settings: &'a Settings<A>,
    widths: Widths,
    along: Along,
    source: &'a Source,
    /// Whether that is the input itself.
    in_place: bool,
    /// Where their weights begin.
    weights: usize,
    filters: Range<usize>,
    panels: &'a mut [A],
    sums: &'a mut [A],
}

impl<A: Kernels> OfGroup<'_, A> {
    /// LOOP 5: blocks of pixels.
    fn band(&mut self, pixels: &[A], output: &mut ArrayViewMut5<'_, A>, band: Range<usize>) {
        let axis = ArrayAxis(2 + self.settings.problem.band_axis());
        let mut output = output.slice_axis_mut(axis, Slice::from(band));
        let (_, _, planes, rows, columns) = output.dim();
        let of_map = planes * rows * columns;
        match &self.source.reading {
            // First the constant, so that nothing is compiled for numbers whose rows are never read in place.
            Reading::Rows(rows) if const { has_all_kernels::<A>() } => self.rows(pixels, rows, of_map, &mut output),
            Reading::Rows(_) => unreachable!("these numbers have no such kernel"),
            Reading::Panels(panels) => self.panels(pixels, panels, of_map, &mut output),
        }
    }

    /// The blocks of a band whose pixels go to panels.
    fn panels(&mut self, source: &[A], panels: &Panels, of_map: usize, output: &mut ArrayViewMut5<'_, A>) {
        let offsets = &self.source.offsets[..];
        for block in panels.blocks(output.dim().0 * of_map) {
            panels::gather(
                self.settings.level,
                Gather { panels, block: &block, source, offsets, into: &mut *self.panels },
            );
            let PixelBlock { ref pixels, tile, last_tile, distance } = block;
            self.filters(pixels, of_map, output, |group, of_filters| {
                let OfFilters { weights, width, filters, epilogue, target } = of_filters;
                let (pixels, depth) = (pixels.len(), offsets.len());
                let (along, panels, sums) = (group.along, &group.panels[..], &mut group.sums[..]);
                gemm::compute(
                    group.settings.level,
                    GemmBlock {
                        along,
                        panels,
                        distance,
                        tile,
                        last_tile,
                        pixels,
                        depth,
                        weights,
                        width,
                        filters,
                        epilogue,
                        target,
                        sums,
                    },
                );
            });
        }
    }

    /// The same of a band whose rows are read as they lie.
    fn rows(&mut self, source: &[A], rows: &[[u32; 2]], of_map: usize, output: &mut ArrayViewMut5<'_, A>) {
        let (mut rest, mut done, all) = (rows, 0, output.dim().0 * of_map);
        while done < all {
            let (count, pixels) = self.rows_of_a_block(rest, all - done);
            let rows;
            (rows, rest) = rest.split_at(count);
            self.filters(&(done..done + pixels), of_map, output, |group, of_filters| {
                let OfFilters { weights, width, filters, epilogue, target } = of_filters;
                let (along, in_place) = (group.along, group.in_place);
                let (offsets, sums) = (&group.source.offsets[..], &mut group.sums[..]);
                rows::compute(
                    group.settings.level,
                    RowBlock {
                        along,
                        source,
                        in_place,
                        offsets,
                        rows,
                        pixels,
                        weights,
                        width,
                        filters,
                        epilogue,
                        target,
                        sums,
                    },
                );
            });
            done += pixels;
        }
    }

    /// How many rows there are in the next block, and how many of the `left` pixels, as they are stored: all where tiles are stored
    /// straight away, otherwise as many as there is room for sums.
    fn rows_of_a_block(&self, rows: &[[u32; 2]], left: usize) -> (usize, usize) {
        if self.along == Along::Pixels {
            return (rows.len(), left);
        }
        let (mut count, mut pixels) = (0, 0);
        for &[_, length] in rows {
            let more = pixels + length as usize;
            if count > 0 && more > self.source.together || pixels == left {
                break;
            }
            // The last row of a short band may end earlier.
            (count, pixels) = (count + 1, more.min(left));
        }
        (count, pixels)
    }

    /// LOOP 3: blocks of filters, for some pixels.
    fn filters(
        &mut self,
        pixels: &Range<usize>,
        of_map: usize,
        output: &mut ArrayViewMut5<'_, A>,
        mut compute: impl FnMut(&mut Self, OfFilters<'_, '_, A>),
    ) {
        let (settings, all) = (self.settings, self.filters.len());
        let (first_image, last_image) = (pixels.start / of_map, (pixels.end - 1) / of_map);
        let (mut first, mut rest) = (0, &settings.weights[self.weights..]);
        while first < all {
            let width = self.widths.next(all - first);
            let filters = width.min(all - first);
            let weights;
            (weights, rest) = rest.split_at(self.source.offsets.len() * width);
            let maps = &mut ArrayVec::<_, MOST_MAPS>::new();
            let images = first_image..last_image + 1;
            each_map(output, images, first..first + filters, of_map, &mut |map| maps.push(map));
            let start = self.filters.start + first;
            let epilogue = settings.finish(start..start + filters);
            let first_pixel = pixels.start - first_image * of_map;
            let target = Target::Maps { maps, pixels: of_map, first: first_pixel };
            compute(self, OfFilters { weights, width, filters, epilogue, target });
            first += width;
        }
    }
}

/// A block of filters.
struct OfFilters<'a, 'm, A> {
    weights: &'a [A],
    width: usize,
    filters: usize,
    epilogue: Epilogue<'a, A>,
    target: Target<'a, 'm, A>,
}

/// Hands out the maps of some filters, image by image.
pub(super) fn each_map<'a, A>(
    output: &'a mut ArrayViewMut5<'_, A>,
    images: Range<usize>,
    filters: Range<usize>,
    of_map: usize,
    take: &mut dyn FnMut(&'a mut [A]),
) {
    let (_, of_image, ..) = output.dim();
    if output.is_standard_layout() {
        let output = output.as_slice_mut().expect("it lies in order");
        for image in output.chunks_exact_mut(of_image * of_map).skip(images.start).take(images.len()) {
            let of_filters = &mut image[filters.start * of_map..filters.end * of_map];
            of_filters.chunks_exact_mut(of_map).for_each(&mut *take);
        }
        return;
    }
    let output = output.slice_axis_mut(ArrayAxis(0), Slice::from(images));
    for image in output.into_outer_iter_mut() {
        let of_filters = image.slice_axis_move(ArrayAxis(0), Slice::from(filters.clone())).into_outer_iter_mut();
        of_filters.for_each(|map| take(map.into_slice().expect("a band of a map lies in one piece")));
    }
}

impl<A: Kernels> Method<A> for ConvBands {
    fn units(&self, _: &Problem) -> Units {
        Units { filters: self.widths.0[0], outputs: 1, together: [self.images, usize::MAX, self.copied.outputs] }
    }

    fn prepare(&self, problem: &Problem, weights: &[A]) -> Aligned<A> {
        self.widths.pack(weights, problem.filters, problem.depth())
    }

    fn scratch_length(&self, settings: &Problem, level: Level) -> usize {
        let sums = match self.along {
            Along::Filters => gemm::sums_length::<A>(level, self.most_pixels()),
            Along::Pixels => 0,
        };
        cache::LINE / size_of::<A>() + self.copy_length(settings) + self.panels_length() + sums
    }

    fn bytes(&self) -> usize {
        self.copied.bytes() + self.in_place.as_ref().map_or(0, Source::bytes)
    }

    fn compute(&self, settings: &Settings<A>, piece: Piece<'_, A>) {
        piece.each_group(&settings.problem, |piece| self.compute_group(settings, piece));
    }
}
