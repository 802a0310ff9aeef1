//! The product of weights and pixels that are read where they lie, without panels: LOOP 2 of [`gemm`](super::gemm) for rows of pixels.

use super::epilogue::{Epilogue, SumRows, Target};
use super::gemm::{Along, finished, store_all, store_pixels, store_sums, store_whole};
use super::tile::{self, CHAIN, REGISTERS, with_height};
use crate::simd::{Facts, Kernel, Lanes, Level, Simd, Vector, load, outline, run, unrolled};

outline!();

/// Rows of pixels that are read where they lie, under a block of filters: where panels would take longer to write than to use.
///
/// Along pixels, there is an image of them; where 2×2 sums are pooled, a tile has a register of two rows each, so that they meet in
/// registers.
pub(crate) struct RowBlock<'a, 'm, A> {
    pub(crate) along: Along,
    /// All that is read; and as much behind it as a tile is wide, unless it is the input itself: there, along pixels, no row is shorter
    /// than a register.
    pub(crate) source: &'a [A],
    pub(crate) in_place: bool,
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
    /// Room for the sums of all rows, as in a [`GemmBlock`](super::gemm::GemmBlock).
    pub(crate) sums: &'a mut [A],
}

/// Computes rows with the instructions of a level.
#[inline(never)]
pub(crate) fn compute<A: Lanes>(level: Level, rows: RowBlock<'_, '_, A>) {
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
                with_height!(S, A, self.width, |ROWS| self.along_pixels::<S, ROWS>(simd));
            }
        }
    }
}

impl<'m, A: Lanes> RowBlock<'_, 'm, A> {
    /// All rows are cut into tiles alike: those that begin after so many pixels are computed together. The last of the input itself has
    /// nothing behind it: rows end with lower tiles there, rather than with one that reaches beyond them.
    #[inline(always)]
    fn along_filters<S: Simd, const REGISTERS: usize>(&mut self, simd: S) {
        let width = REGISTERS * A::Vector::<S>::LEN;
        let longest = self.rows.iter().map(|&[_, length]| length).max().unwrap_or_default() as usize;
        let longest = longest.min(self.pixels);
        let heights = tile::heights_of::<A>(Facts::<S, A>::MANY_REGISTERS);
        let mut first = 0;
        while first < longest {
            let left = longest - first;
            let height =
                if self.in_place { tile::height_within(heights, left) } else { tile::height_for(heights, left) };
            with_height!(S, A, height, |ROWS| self.filter_tiles::<S, ROWS, REGISTERS>(simd, first));
            first += height;
        }
        let sums = SumRows { rows: self.sums, width, pixels: self.pixels, filters: self.filters };
        store_all(simd, sums, &mut self.target, self.epilogue);
    }

    /// The tile of every row that begins after its first so many pixels.
    #[inline(always)]
    fn filter_tiles<S: Simd, const ROWS: usize, const REGISTERS: usize>(&mut self, simd: S, first: usize) {
        outlined(
            simd,
            #[inline(always)]
            || {
                let width = REGISTERS * A::Vector::<S>::LEN;
                // The parts of a long sum are added up in memory: all rows of one part are done before the next.
                let parts = self.offsets.chunks(CHAIN).zip(self.weights.chunks(CHAIN * width));
                for (part, (offsets, weights)) in parts.enumerate() {
                    let mut at = 0;
                    for &[from, length] in self.rows {
                        let length = (length as usize).min(self.pixels - at);
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
                let wide = tile::wide(ROWS, Facts::<S, A>::MANY_REGISTERS);
                let (mut at, of_map) = (0, self.maps()[0].len());
                for &[from, length] in self.rows {
                    let (from, length) = (from as usize, (length as usize).min(of_map - at));
                    let mut done = 0;
                    while wide > REGISTERS && done + wide * lanes <= length {
                        match const { tile::wide(ROWS, Facts::<S, A>::MANY_REGISTERS) } {
                            6 => self.wide_tile::<S, ROWS, 6>(simd, from + done, at + done),
                            4 => self.wide_tile::<S, ROWS, 4>(simd, from + done, at + done),
                            _ => {}
                        }
                        done += wide * lanes;
                    }
                    while done < length {
                        // The last tile begins earlier rather than reach beyond its row.
                        let two = length - done > lanes && (length >= 2 * lanes || !self.in_place);
                        let width = if two { 2 * lanes } else { lanes };
                        let first = done.min(length.saturating_sub(width));
                        let pixels = [at + first, width.min(length)];
                        match two {
                            true => self.tile::<S, ROWS, 2>(simd, from + first, pixels),
                            false => self.tile::<S, ROWS, 1>(simd, from + first, pixels),
                        }
                        done = first + width;
                    }
                    at += length;
                    if at == of_map {
                        return;
                    }
                }
            },
        );
    }

    /// The sums of so many registers of neighbouring pixels.
    #[inline(always)]
    fn sums<S: Simd, const ROWS: usize, const REGISTERS: usize>(
        &self,
        simd: S,
        from: usize,
    ) -> tile::Sums<S, A, ROWS, REGISTERS> {
        let (source, width) = (&self.source[from..], REGISTERS * A::Vector::<S>::LEN);
        tile::sums_in_place::<S, A, ROWS, REGISTERS>(
            simd,
            self.weights,
            self.offsets,
            // One bounds check for all registers.
            #[inline(always)]
            |offset| load::<S, A, REGISTERS>(simd, &source[offset..offset + width]),
        )
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const REGISTERS: usize>(&mut self, simd: S, from: usize, pixels: [usize; 2]) {
        let sums = self.sums::<S, ROWS, REGISTERS>(simd, from);
        let (epilogue, filters) = (self.epilogue, self.filters);
        store_pixels::<S, A, ROWS, REGISTERS>(simd, sums, epilogue, (self.maps(), filters), pixels);
    }

    /// The same of few filters and more pixels, all of them within their row.
    #[inline(always)]
    fn wide_tile<S: Simd, const ROWS: usize, const REGISTERS: usize>(&mut self, simd: S, from: usize, at: usize) {
        let sums = self.sums::<S, ROWS, REGISTERS>(simd, from);
        let sums = finished::<S, A, ROWS, REGISTERS>(simd, sums, self.epilogue);
        let filters = self.filters;
        store_whole::<S, A, ROWS, REGISTERS>(sums, (self.maps(), filters), at);
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
                let [upper, lower] = [upper, lower].map(|from| &self.source[from as usize + 2 * done..]);
                let sums = tile::sums_in_place::<S, A, ROWS, 2>(
                    simd,
                    self.weights,
                    self.offsets,
                    #[inline(always)]
                    |offset| {
                        let of_row = |row: &[A]| A::Vector::<S>::from_slice(simd, &row[offset..offset + lanes]);
                        [of_row(upper), of_row(lower)]
                    },
                );
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
    unrolled::<ROWS>(
        #[inline(always)]
        |row| picked[row][0] = epilogue.pick(simd, sums[row][0], sums[row][1]),
    );
    let picked = finished::<S, A, ROWS, 1>(simd, picked, epilogue);
    let is_whole = at + half <= maps[0].len();
    unrolled::<ROWS>(
        #[inline(always)]
        |row| {
            if row % 2 == 1 || row >= maps.len() {
                return;
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
        },
    );
}
