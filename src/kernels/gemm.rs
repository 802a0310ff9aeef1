//! The product of weights and pixels, in the loops that the papers on BLIS number from the outermost (5) to the innermost (1).
//!
//! ```text
//!     LOOP 5    blocks of pixels: as many panels as stay in the second-level cache       the caller
//!               their panels are packed once                                             panels
//!     LOOP 4    the depth is not cut: sums of more terms are taken part by part in the tile
//!     LOOP 3    blocks of filters, whose weights have been packed when the plan was made  the caller
//!     LOOP 2    panels of pixels                                                          here
//!     LOOP 1    steps of the depth                                                        tile
//! ```
//!
//! (F. Van Zee, R. van de Geijn, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality", 2015.) What the caller does is
//! compiled once; there is one call into code of a level for each block of filters and block of pixels.
//!
//! Vectors lie along the pixels or along the filters. Along pixels, a tile is stored where it belongs straight from its registers,
//! which is what counts where few terms are summed; along filters, no lane is wasted on a map of any width, but the sums are
//! transposed on their way.

use super::epilogue::{self, Epilogue, Target};
use super::tile::{self, CHAIN, with_height};
use crate::simd::{Facts, Kernel, Lanes, Level, Simd, Vector, outline, run};

outline!();

/// What the lanes of a register are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Along {
    Pixels,
    Filters,
}

/// A block of pixels under a block of filters.
pub struct Block<'a, 'm, A> {
    pub(crate) along: Along,
    /// Panels of pixels, from one to the next so far, of so many pixels each; the last may be of fewer.
    pub(crate) panels: &'a [A],
    pub(crate) distance: usize,
    pub(crate) tile: usize,
    pub(crate) last_tile: usize,
    /// Pixels of the block.
    pub(crate) pixels: usize,
    pub(crate) depth: usize,
    /// The panel of weights, of so many filters with blanks, and how many of them count.
    pub(crate) weights: &'a [A],
    pub(crate) width: usize,
    pub(crate) filters: usize,
    pub(crate) epilogue: Epilogue<'a, A>,
    pub(crate) target: Target<'a, 'm, A>,
    /// Room for the sums of the block, with a square more: only used where vectors lie along filters.
    pub(crate) sums: &'a mut [A],
}

/// How many numbers of sums a block needs.
pub(crate) fn sums_length<A: Lanes>(level: Level, pixels: usize) -> usize {
    let width = tile::width::<A>(level);
    (pixels + tile::heights::<A>(level)[0] + width) * width
}

/// Computes a block with the instructions of a level.
#[inline(never)]
pub(crate) fn compute<A: Lanes>(level: Level, block: Block<'_, '_, A>) {
    run(level, block);
}

impl<A: Lanes> Kernel for Block<'_, '_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        match self.along {
            Along::Filters if self.width > A::Vector::<S>::LEN => self.along_filters::<S, 2>(simd),
            Along::Filters => self.along_filters::<S, 1>(simd),
            Along::Pixels => self.along_pixels(simd),
        }
    }
}

impl<A: Lanes> Block<'_, '_, A> {
    /// Panels but the last, and the last if it is of fewer pixels.
    #[inline(always)]
    fn whole_panels(&self) -> (usize, bool) {
        let panels = self.pixels.div_ceil(self.tile);
        if self.last_tile == self.tile { (panels, false) } else { (panels - 1, true) }
    }

    #[inline(always)]
    fn along_filters<S: Simd, const REGISTERS: usize>(&mut self, simd: S) {
        let (whole, has_last) = self.whole_panels();
        let width = REGISTERS * A::Vector::<S>::LEN;
        if whole > 0 {
            with_height!(Facts::<S, A>::MANY_REGISTERS, self.tile, |ROWS| self
                .filter_tiles::<S, ROWS, REGISTERS>(simd, 0, whole));
        }
        if has_last {
            with_height!(Facts::<S, A>::MANY_REGISTERS, self.last_tile, |ROWS| self
                .filter_tiles::<S, ROWS, REGISTERS>(simd, whole, 1));
        }
        let (pixels, filters) = (self.pixels, self.filters);
        outlined(
            simd,
            #[inline(always)]
            || {
                epilogue::Sums { rows: self.sums, width, pixels, filters }.store(simd, &mut self.target, self.epilogue);
            },
        );
    }

    /// Some panels of `ROWS` pixels under the filters: a function for each height.
    #[inline(always)]
    fn filter_tiles<S: Simd, const ROWS: usize, const REGISTERS: usize>(
        &mut self,
        simd: S,
        first: usize,
        count: usize,
    ) {
        outlined(
            simd,
            #[inline(always)]
            || {
                let lanes = A::Vector::<S>::LEN;
                let width = REGISTERS * lanes;
                let weights = &self.weights[..self.depth * width];
                let into = &mut self.sums[first * self.tile * width..];
                for (panel, into) in (first..first + count).zip(into.chunks_exact_mut(ROWS * width)) {
                    let pixels = &self.panels[panel * self.distance..][..self.depth * ROWS];
                    let sums = tile::sums::<S, A, ROWS, REGISTERS>(simd, pixels, weights);
                    for row in 0..ROWS {
                        for register in 0..REGISTERS {
                            sums[row][register].store_slice(&mut into[row * width + register * lanes..][..lanes]);
                        }
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn along_pixels<S: Simd>(&mut self, simd: S) {
        let (whole, has_last) = self.whole_panels();
        if whole > 0 {
            with_height!(Facts::<S, A>::MANY_REGISTERS, self.width, |ROWS| self
                .pixel_tiles::<S, ROWS, 2>(simd, 0, whole));
        }
        if has_last {
            with_height!(Facts::<S, A>::MANY_REGISTERS, self.width, |ROWS| self
                .pixel_tiles::<S, ROWS, 1>(simd, whole, 1));
        }
    }

    /// The panels of so many registers of pixels under `ROWS` filters: a function for each height.
    #[inline(always)]
    fn pixel_tiles<S: Simd, const ROWS: usize, const REGISTERS: usize>(&mut self, simd: S, first: usize, count: usize) {
        outlined(
            simd,
            #[inline(always)]
            || {
                let width = REGISTERS * A::Vector::<S>::LEN;
                let weights = &self.weights[..self.depth * ROWS];
                let Target::Maps { maps, pixels: of_map, first: start } = &mut self.target else { return };
                let (of_map, filters) = (*of_map, self.filters);
                let (mut image, mut at) = place(*start + first * self.tile, of_map);
                for panel in first..first + count {
                    let pixels = &self.panels[panel * self.distance..][..self.depth * width];
                    let sums = tile::sums::<S, A, ROWS, REGISTERS>(simd, weights, pixels);
                    let maps = &mut maps[image * filters..];
                    let count = width.min(self.pixels - panel * self.tile);
                    store_pixels::<S, A, ROWS, REGISTERS>(simd, sums, self.epilogue, (maps, filters), [at, count]);
                    at += width;
                    if at >= of_map {
                        (image, at) = place(image * of_map + at, of_map);
                    }
                }
            },
        );
    }
}

/// Bias and activation of sums whose rows are filters. What holds for all rows is asked once, not for each.
#[inline(always)]
fn finished<S: Simd, A: Lanes, const ROWS: usize, const REGISTERS: usize>(
    simd: S,
    mut sums: tile::Sums<S, A, ROWS, REGISTERS>,
    epilogue: Epilogue<'_, A>,
) -> tile::Sums<S, A, ROWS, REGISTERS> {
    if let Some(bias) = epilogue.bias {
        for row in 0..ROWS {
            let bias = A::Vector::<S>::splat(simd, bias[row.min(bias.len() - 1)]);
            for register in 0..REGISTERS {
                sums[row][register] += bias;
            }
        }
    }
    if let Some(clamp) = epilogue.clamp {
        for row in 0..ROWS {
            for register in 0..REGISTERS {
                sums[row][register] = clamp.apply_to(simd, sums[row][register]);
            }
        }
    }
    sums
}

/// Finishes the sums of so many pixels of some filters, and stores them in the maps of these filters. They may spoil pixels that come
/// after them.
#[inline(always)]
fn store_pixels<S: Simd, A: Lanes, const ROWS: usize, const REGISTERS: usize>(
    simd: S,
    sums: tile::Sums<S, A, ROWS, REGISTERS>,
    epilogue: Epilogue<'_, A>,
    (maps, filters): (&mut [&mut [A]], usize),
    [at, count]: [usize; 2],
) {
    let lanes = A::Vector::<S>::LEN;
    let width = REGISTERS * lanes;
    let sums = finished::<S, A, ROWS, REGISTERS>(simd, sums, epilogue);
    if at + width <= maps[0].len() {
        for row in 0..ROWS {
            if row < filters {
                let place = &mut maps[row][at..][..width];
                for register in 0..REGISTERS {
                    sums[row][register].store_slice(&mut place[register * lanes..][..lanes]);
                }
            }
        }
    } else {
        let mut rows = [[A::default(); MOST_WIDTH]; ROWS];
        for row in 0..ROWS {
            for register in 0..REGISTERS {
                sums[row][register].store_slice(&mut rows[row][register * lanes..][..lanes]);
            }
        }
        scatter(&rows, count, maps, filters, at);
    }
}

/// Rows of pixels that are read where they lie, under a block of filters: where panels would take longer to write than to use.
///
/// Along pixels, there is an image of them; where 2×2 sums are pooled, a tile has a register of two rows each, so that they meet in
/// registers.
pub struct RowBlock<'a, 'm, A> {
    pub(crate) along: Along,
    /// All that is read, and as much behind it as a tile is wide.
    pub(crate) source: &'a [A],
    /// Of every step of the depth into the source.
    pub(crate) offsets: &'a [u32],
    /// Where pixels begin, but for the offset, and how many stand side by side.
    pub(crate) rows: &'a [[u32; 2]],
    /// How many of the pixels in these rows are stored.
    pub(crate) pixels: usize,
    pub(crate) weights: &'a [A],
    pub(crate) width: usize,
    pub(crate) filters: usize,
    pub(crate) epilogue: Epilogue<'a, A>,
    pub(crate) target: Target<'a, 'm, A>,
    /// Room for the sums of all rows, as in a [`Block`].
    pub(crate) sums: &'a mut [A],
}

/// Computes rows with the instructions of a level.
#[inline(never)]
pub(crate) fn compute_rows<A: Lanes>(level: Level, rows: RowBlock<'_, '_, A>) {
    run(level, rows);
}

impl<A: Lanes> Kernel for RowBlock<'_, '_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        match self.along {
            Along::Filters if self.width > A::Vector::<S>::LEN => self.along_filters::<S, 2>(simd),
            Along::Filters => self.along_filters::<S, 1>(simd),
            Along::Pixels => {
                with_height!(Facts::<S, A>::MANY_REGISTERS, self.width, |ROWS| self.along_pixels::<S, ROWS>(simd));
            }
        }
    }
}

impl<'m, A: Lanes> RowBlock<'_, 'm, A> {
    /// All rows are cut into tiles alike: those that begin after so many pixels are computed together.
    #[inline(always)]
    fn along_filters<S: Simd, const REGISTERS: usize>(&mut self, simd: S) {
        let width = REGISTERS * A::Vector::<S>::LEN;
        let longest = self.rows.iter().map(|&[_, length]| length).max().unwrap_or_default() as usize;
        let heights = tile::heights_of(Facts::<S, A>::MANY_REGISTERS);
        let mut first = 0;
        while first < longest {
            let height = tile::height_for(heights, longest - first);
            with_height!(Facts::<S, A>::MANY_REGISTERS, height, |ROWS| self
                .filter_tiles::<S, ROWS, REGISTERS>(simd, first));
            first += height;
        }
        let (pixels, filters) = (self.pixels, self.filters);
        outlined(
            simd,
            #[inline(always)]
            || {
                epilogue::Sums { rows: self.sums, width, pixels, filters }.store(simd, &mut self.target, self.epilogue);
            },
        );
    }

    /// The tile of every row that begins after its first so many pixels. A tile may read beyond the end of its row.
    #[inline(always)]
    fn filter_tiles<S: Simd, const ROWS: usize, const REGISTERS: usize>(&mut self, simd: S, first: usize) {
        outlined(
            simd,
            #[inline(always)]
            || {
                let lanes = A::Vector::<S>::LEN;
                let width = REGISTERS * lanes;
                // The parts of a long sum are added up in memory: all rows of one part are done before the next.
                let parts = self.offsets.chunks(CHAIN).zip(self.weights.chunks(CHAIN * width));
                for (part, (offsets, weights)) in parts.enumerate() {
                    let mut at = 0;
                    for &[from, length] in self.rows {
                        let length = length as usize;
                        let count = ROWS.min(length.saturating_sub(first));
                        if count > 0 {
                            let source = &self.source[from as usize + first..];
                            let sums =
                                tile::sums_under_filters::<S, A, ROWS, REGISTERS>(simd, source, offsets, weights);
                            let into = &mut self.sums[(at + first) * width..][..count * width];
                            store_sums::<S, A, ROWS, REGISTERS>(simd, sums, into, part > 0);
                        }
                        at += length;
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn along_pixels<S: Simd, const ROWS: usize>(&mut self, simd: S) {
        outlined(
            simd,
            #[inline(always)]
            || {
                if self.epilogue.quads.is_some() {
                    return self.pooled_tiles::<S, ROWS>(simd);
                }
                let lanes = A::Vector::<S>::LEN;
                let (mut at, of_map) = (0, self.maps()[0].len());
                for &[from, length] in self.rows {
                    let (from, length) = (from as usize, (length as usize).min(of_map - at));
                    let mut done = 0;
                    while length - done > lanes {
                        let count = (length - done).min(2 * lanes);
                        self.tile::<S, ROWS, 2>(simd, from + done, [at + done, count]);
                        done += count;
                    }
                    if done < length {
                        self.tile::<S, ROWS, 1>(simd, from + done, [at + done, length - done]);
                    }
                    at += length;
                    if at == of_map {
                        return;
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const REGISTERS: usize>(&mut self, simd: S, from: usize, pixels: [usize; 2]) {
        let mut sources = [self.source; REGISTERS];
        for register in 0..REGISTERS {
            sources[register] = &self.source[from + register * A::Vector::<S>::LEN..];
        }
        let sums = tile::sums_in_place::<S, A, ROWS, REGISTERS>(simd, self.weights, sources, self.offsets);
        let (epilogue, filters) = (self.epilogue, self.filters);
        store_pixels::<S, A, ROWS, REGISTERS>(simd, sums, epilogue, (self.maps(), filters), pixels);
    }

    /// The maps of the only image.
    #[inline(always)]
    fn maps(&mut self) -> &mut [&'m mut [A]] {
        match &mut self.target {
            Target::Maps { maps, .. } => maps,
            Target::Rows { .. } => &mut [],
        }
    }

    /// The same for pairs of rows, whose sums are pooled.
    #[inline(always)]
    fn pooled_tiles<S: Simd, const ROWS: usize>(&mut self, simd: S) {
        let lanes = A::Vector::<S>::LEN;
        let (mut at, of_map, epilogue) = (0, self.maps()[0].len(), self.epilogue);
        for &[[upper, length], [lower, _]] in self.rows.as_chunks::<2>().0 {
            let length = length as usize / 2;
            if at == of_map {
                return;
            }
            for done in (0..length).step_by(lanes / 2) {
                let sources = [upper, lower].map(|from| &self.source[from as usize + 2 * done..]);
                let sums = tile::sums_in_place::<S, A, ROWS, 2>(simd, self.weights, sources, self.offsets);
                let count = (length - done).min(lanes / 2);
                store_pooled::<S, A, ROWS>(simd, sums, epilogue, self.maps(), [at + done, count]);
            }
            at += length;
        }
    }
}

/// Pools the sums of two rows of pixels, finishes them, and stores so many in the maps of their filters. They may spoil pixels that come
/// after them.
#[inline(always)]
fn store_pooled<S: Simd, A: Lanes, const ROWS: usize>(
    simd: S,
    sums: tile::Sums<S, A, ROWS, 2>,
    epilogue: Epilogue<'_, A>,
    maps: &mut [&mut [A]],
    [at, count]: [usize; 2],
) {
    let half = A::Vector::<S>::LEN / 2;
    let mut picked = [[sums[0][0]; 1]; ROWS];
    for row in 0..ROWS {
        picked[row][0] = epilogue.pick(simd, sums[row][0], sums[row][1]);
    }
    let picked = finished::<S, A, ROWS, 1>(simd, picked, epilogue);
    let is_whole = at + half <= maps[0].len();
    for row in 0..ROWS {
        if row % 2 == 1 || row >= maps.len() {
            continue;
        }
        // Neighbours of two filters at a time: the first half of what is picked is of one, the second of the other.
        let ([one], [other]) = (picked[row], picked[(row + 1).min(ROWS - 1)]);
        let pooled = epilogue.pick(simd, one.unzip_low(other), one.unzip_high(other));
        let pooled = pooled.as_slice();
        for (map, pooled) in maps[row..].iter_mut().zip([&pooled[..half], &pooled[half..2 * half]]) {
            match is_whole {
                true => map[at..at + half].copy_from_slice(pooled),
                false => map[at..at + count].copy_from_slice(&pooled[..count]),
            }
        }
    }
}

/// Stores the sums of some pixels, `[pixel][filter]`, as many as there is room for; or adds them to what is there.
#[inline(always)]
fn store_sums<S: Simd, A: Lanes, const ROWS: usize, const REGISTERS: usize>(
    simd: S,
    sums: tile::Sums<S, A, ROWS, REGISTERS>,
    into: &mut [A],
    adds: bool,
) {
    let lanes = A::Vector::<S>::LEN;
    for row in 0..ROWS {
        for register in 0..REGISTERS {
            let at = (row * REGISTERS + register) * lanes;
            if let Some(place) = into.get_mut(at..at + lanes) {
                let mut sum = sums[row][register];
                if adds {
                    sum = A::Vector::<S>::from_slice(simd, place) + sum;
                }
                sum.store_slice(place);
            }
        }
    }
}

/// Numbers of two of the widest registers.
const MOST_WIDTH: usize = 32;

/// The image of a pixel, and where it stands in its map.
fn place(pixel: usize, of_map: usize) -> (usize, usize) {
    (pixel / of_map, pixel % of_map)
}

/// Stores so many pixels of each filter, which may end in the map of one image and go on in the next.
///
/// Called rather than inlined, and marked as rare, so that no tile keeps its sums in memory for its sake.
#[cold]
#[inline(never)]
fn scatter<A: Copy>(rows: &[[A; MOST_WIDTH]], count: usize, maps: &mut [&mut [A]], filters: usize, at: usize) {
    for (filter, row) in rows.iter().enumerate().take(filters) {
        let (mut done, mut at) = (0, at);
        for map in maps[filter..].iter_mut().step_by(filters) {
            let here = (count - done).min(map.len() - at);
            map[at..at + here].copy_from_slice(&row[done..done + here]);
            (done, at) = (done + here, 0);
            if done == count {
                break;
            }
        }
    }
}
