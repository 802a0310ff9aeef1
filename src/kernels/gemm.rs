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

use super::epilogue::{Epilogue, SumRows, Target};
use super::tile::{self, CHAIN, with_height};
use crate::simd::{Kernel, Lanes, Level, Simd, Vector, outline, run, store, unrolled};

outline!();

/// What the lanes of a register are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Along {
    Pixels,
    Filters,
}

/// A block of pixels under a block of filters.
pub(crate) struct GemmBlock<'a, 'm, A> {
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
pub(crate) fn compute<A: Lanes>(level: Level, block: GemmBlock<'_, '_, A>) {
    run(level, block);
}

impl<A: Lanes> Kernel for GemmBlock<'_, '_, A> {
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

impl<A: Lanes> GemmBlock<'_, '_, A> {
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
            with_height!(S, A, self.tile, |ROWS| self.filter_tiles::<S, ROWS, REGISTERS>(simd, 0, whole));
        }
        if has_last {
            with_height!(S, A, self.last_tile, |ROWS| self.filter_tiles::<S, ROWS, REGISTERS>(simd, whole, 1));
        }
        let sums = SumRows { rows: self.sums, width, pixels: self.pixels, filters: self.filters };
        store_all(simd, sums, &mut self.target, self.epilogue);
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
                let width = REGISTERS * A::Vector::<S>::LEN;
                let weights = &self.weights[..self.depth * width];
                let into = &mut self.sums[first * self.tile * width..];
                // The parts of a long sum are added up in memory: all panels of one part are done before the next.
                for (part, weights) in weights.chunks(CHAIN * width).enumerate() {
                    let depth = weights.len() / width;
                    for (panel, into) in (first..first + count).zip(into.chunks_exact_mut(ROWS * width)) {
                        let from = panel * self.distance + part * CHAIN * ROWS;
                        let pixels = &self.panels[from..][..depth * ROWS];
                        let sums = tile::chain::<S, A, ROWS, REGISTERS>(simd, pixels, ROWS, weights);
                        store_sums::<S, A, ROWS, REGISTERS>(simd, sums, into, part > 0);
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn along_pixels<S: Simd>(&mut self, simd: S) {
        let (whole, has_last) = self.whole_panels();
        if whole > 0 {
            with_height!(S, A, self.width, |ROWS| self.pixel_tiles::<S, ROWS, 2>(simd, 0, whole));
        }
        if has_last {
            with_height!(S, A, self.width, |ROWS| self.pixel_tiles::<S, ROWS, 1>(simd, whole, 1));
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
                    let sums = tile::sums::<S, A, ROWS, REGISTERS>(simd, weights, ROWS, pixels);
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
pub(crate) fn finished<S: Simd, A: Lanes, const ROWS: usize, const REGISTERS: usize>(
    simd: S,
    mut sums: tile::Sums<S, A, ROWS, REGISTERS>,
    epilogue: Epilogue<'_, A>,
) -> tile::Sums<S, A, ROWS, REGISTERS> {
    if let Some(bias) = epilogue.bias {
        unrolled::<ROWS>(
            #[inline(always)]
            |row| {
                let bias = A::Vector::<S>::splat(simd, bias[row.min(bias.len() - 1)]);
                for register in 0..REGISTERS {
                    sums[row][register] += bias;
                }
            },
        );
    }
    match epilogue.activation {
        Some(activation) => activation.apply_to::<S, ROWS, REGISTERS>(simd, sums),
        None => sums,
    }
}

/// Finishes the sums of so many pixels of some filters, and stores them in the maps of these filters. They may spoil pixels that come
/// after them.
#[inline(always)]
pub(super) fn store_pixels<S: Simd, A: Lanes, const ROWS: usize, const REGISTERS: usize>(
    simd: S,
    sums: tile::Sums<S, A, ROWS, REGISTERS>,
    epilogue: Epilogue<'_, A>,
    (maps, filters): (&mut [&mut [A]], usize),
    [at, count]: [usize; 2],
) {
    let sums = finished::<S, A, ROWS, REGISTERS>(simd, sums, epilogue);
    if at + REGISTERS * A::Vector::<S>::LEN <= maps[0].len() {
        store_whole::<S, A, ROWS, REGISTERS>(sums, (maps, filters), at);
    } else {
        let mut rows = [[A::default(); MOST_WIDTH]; ROWS];
        unrolled::<ROWS>(
            #[inline(always)]
            |row| store::<S, A, REGISTERS>(sums[row], &mut rows[row]),
        );
        scatter(&rows, count, maps, filters, at);
    }
}

/// Stores the finished sums of some filters in their maps, which have room for whole registers.
#[inline(always)]
pub(super) fn store_whole<S: Simd, A: Lanes, const ROWS: usize, const REGISTERS: usize>(
    sums: tile::Sums<S, A, ROWS, REGISTERS>,
    (maps, filters): (&mut [&mut [A]], usize),
    at: usize,
) {
    unrolled::<ROWS>(
        #[inline(always)]
        |row| {
            if row < filters {
                store::<S, A, REGISTERS>(sums[row], &mut maps[row][at..]);
            }
        },
    );
}

/// Finishes the sums of a block, and stores them where they belong.
#[inline(always)]
pub(super) fn store_all<S: Simd, A: Lanes>(
    simd: S,
    sums: SumRows<'_, A>,
    target: &mut Target<'_, '_, A>,
    epilogue: Epilogue<'_, A>,
) {
    outlined(
        simd,
        #[inline(always)]
        || sums.store(simd, target, epilogue),
    );
}

/// Stores the sums of some pixels, `[pixel][filter]`, as many as there is room for; or adds them to what is there.
#[inline(always)]
pub(super) fn store_sums<S: Simd, A: Lanes, const ROWS: usize, const REGISTERS: usize>(
    simd: S,
    sums: tile::Sums<S, A, ROWS, REGISTERS>,
    into: &mut [A],
    adds: bool,
) {
    let lanes = A::Vector::<S>::LEN;
    unrolled::<ROWS>(
        #[inline(always)]
        |row| {
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
        },
    );
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
