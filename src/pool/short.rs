//! Rows of so few registers that their pixels are read once, straight from the input, and merged by windows in registers.
//!
//! Windows of 3×3 are merged with the rows above in registers, too. Taller ones are put together from two halves, as in
//! [`halves`](super::halves): of blocks of rows as tall as a window, the tails of one and the heads of the next.
//!
//! ```text
//!     for each block of rows
//!         for each row
//!             merged ← pixels under one row of each window, merged
//!             head ← head ∘ merged
//!             outputs ← tail of the block before ∘ head
//!         tails ← merged ∘ … ∘ merged of the last row, from below each row on
//! ```

use std::ops::RangeInclusive;

use super::across::{Across, Source};
use super::band::Band;
use super::kernels::Kernels;
use super::operation::{Merge, merge_each};
use super::outputs::Outputs;
use super::problem::Problem;
use super::small::Rows;
use super::tiles::WIDEST;
use crate::cache::LINE;
use crate::simd::{Simd, SimdMask, Vector, load_pixels, outline, store_pixels};
use crate::window::Axis;

outline!();

/// Registers of the outputs of a row.
const MOST: usize = 2;

/// Registers of fewer lanes hold too little of a row for it to be compiled for them.
pub(super) const LEAST_LANES: usize = 8;

impl<T: Kernels> Rows<'_, T> {
    /// Windows of 3×3 at stride 1.
    #[inline(always)]
    pub(super) fn short<S: Simd, O: Merge<T>, const REGISTERS: usize>(&mut self, simd: S) -> T::Pixels<S> {
        let Self { small, start, memory, pixels, outputs } = self;
        let columns = &small.problem.axes[2];
        let across = Across::<S, T, 1>::new(simd, columns, *start);
        let count = outputs.part.rows + 2;
        let (copy, spare) = memory[small.copy..].split_at_mut(small.ring - small.copy);
        let (mut source, first) = Source::new(&small.problem, outputs.part, count, across.reach, pixels, copy);
        let mut places = Places::new(outputs, spare, REGISTERS * T::Pixels::<S>::LEN);
        let mut watched = T::Pixels::<S>::splat(simd, T::default());
        let mut above = [[across.start; REGISTERS]; 2];
        for row in first..count {
            let mut merged = [across.start; REGISTERS];
            if let Some(pixels) = source.next() {
                let blocks;
                (blocks, watched) = across.few::<O, REGISTERS>(pixels, watched);
                for register in 0..REGISTERS {
                    merged[register] = across.three::<O>(blocks[register], blocks[register + 1]);
                }
            }
            if row >= 2 {
                let above = merge_each::<S, T, O, REGISTERS>(simd, above[0], above[1]);
                let windows = merge_each::<S, T, O, REGISTERS>(simd, above, merged);
                store_pixels::<S, T, REGISTERS>(windows, places.next());
            }
            above = [above[1], merged];
        }
        places.end();
        watched
    }
}

/// Windows of so many columns are merged in registers, of no more than so many rows.
const COLUMNS: RangeInclusive<usize> = 2..=16;
const ROWS: usize = 32;

/// The memory that rows take, for windows that may be merged so: it depends on the level whether they are.
pub(super) fn memory(problem: &Problem) -> Option<usize> {
    let [planes, rows, columns] = &problem.axes;
    let side_by_side = |axis: &Axis| axis.stride() == 1 && axis.dilation() == 1;
    let fits = planes.size() == 1 && COLUMNS.contains(&columns.size()) && rows.size() <= ROWS;
    // A row and what follows it; the tails, which begin with a line of the cache; and outputs that have no room.
    let registers = MOST + 1 + 1 + MOST * rows.size() + 2 * MOST;
    (fits && side_by_side(rows) && side_by_side(columns)).then_some(registers * WIDEST)
}

impl<T: Kernels> Band<'_, T> {
    /// Whether rows of outputs have no more than two registers, and windows across no more lanes than one has.
    #[inline(always)]
    pub(super) fn is_short<S: Simd>(&self) -> bool {
        let lanes = T::Pixels::<S>::LEN;
        self.passes.may_be_short && self.passes.problem.axes[2].size() <= lanes && self.outputs.length <= MOST * lanes
    }

    /// Takes it that there is no NaN, and does it once more where there is.
    #[inline(always)]
    pub(super) fn short<S: Simd, O: Merge<T>>(mut self, simd: S) {
        if O::HAS_PLAIN {
            let watched = self.short_by::<S, O::Plain>(simd);
            if watched.simd_eq(watched).all_true() {
                return;
            }
        }
        self.short_by::<S, O>(simd);
    }

    #[inline(always)]
    fn short_by<S: Simd, O: Merge<T>>(&mut self, simd: S) -> T::Pixels<S> {
        match self.outputs.length <= T::Pixels::<S>::LEN {
            true => outlined(
                simd,
                #[inline(always)]
                || self.short_rows::<S, O, 1>(simd),
            ),
            false => outlined(
                simd,
                #[inline(always)]
                || self.short_rows::<S, O, 2>(simd),
            ),
        }
    }

    #[inline(always)]
    fn short_rows<S: Simd, O: Merge<T>, const REGISTERS: usize>(&mut self, simd: S) -> T::Pixels<S> {
        let Self { passes, start, slab, pixels, outputs } = self;
        let [_, rows, columns] = &passes.problem.axes;
        let (lanes, tall) = (T::Pixels::<S>::LEN, rows.size());
        let across = Across::<S, T, 1>::new(simd, columns, *start);
        let (copy, tails) = slab.split_at_mut(across.reach);
        let count = outputs.part.rows + tall - 1;
        let (mut source, first) = Source::new(&passes.problem, outputs.part, count, across.reach, pixels, copy);
        let line = tails.as_ptr().align_offset(LINE).min(LINE);
        let width = REGISTERS * lanes;
        let (tails, spare) = tails[line..].split_at_mut(tall * width);
        let mut places = Places::new(outputs, spare, width);
        let mut watched = T::Pixels::<S>::splat(simd, T::default());
        for block in (first..count).step_by(tall) {
            let is_last = block + tall >= count;
            let mut head = [across.start; REGISTERS];
            for (row, tail) in (block..count).zip(tails.chunks_exact_mut(width)) {
                let mut merged = [across.start; REGISTERS];
                if let Some(pixels) = source.next() {
                    let blocks;
                    (blocks, watched) = across.few::<O, REGISTERS>(pixels, watched);
                    merged = across.windows::<O, REGISTERS>(blocks, columns.size());
                    head = merge_each::<S, T, O, REGISTERS>(simd, head, merged);
                }
                if row + 1 >= tall {
                    let mut windows = head;
                    // There is nothing before the first block.
                    if block > first {
                        windows = merge_each::<S, T, O, REGISTERS>(simd, load_pixels(simd, tail), head);
                    }
                    store_pixels::<S, T, REGISTERS>(windows, places.next());
                }
                if !is_last {
                    store_pixels::<S, T, REGISTERS>(merged, tail);
                }
            }
            if !is_last {
                // What is below each row, for the window that ends as far down in the next block.
                let mut below = [across.start; REGISTERS];
                for tail in tails.chunks_exact_mut(width).rev() {
                    let merged = load_pixels::<S, T, REGISTERS>(simd, tail);
                    store_pixels::<S, T, REGISTERS>(below, tail);
                    below = merge_each::<S, T, O, REGISTERS>(simd, merged, below);
                }
            }
        }
        places.end();
        watched
    }
}

/// Where rows of outputs go, in whole registers: what they spill falls on the rows below, which come later. Those that would spill
/// behind the last of all go elsewhere first: where that is done in between, all registers go to memory.
struct Places<'a, T> {
    output: &'a mut [T],
    spare: &'a mut [T],
    /// Where the next row goes, and all end; and where those begin that have no room.
    at: usize,
    end: usize,
    cramped: usize,
    length: usize,
    /// Of registers.
    width: usize,
}

impl<'a, T: Copy> Places<'a, T> {
    #[inline(always)]
    fn new(outputs: &'a mut Outputs<'_, T>, spare: &'a mut [T], width: usize) -> Self {
        let (rows, length, output) = (outputs.part.rows, outputs.length, &mut *outputs.output);
        let roomy = output.len().checked_sub(width).map_or(0, |last| rows.min(last / length + 1));
        Self { output, spare, at: 0, end: rows * length, cramped: roomy * length, length, width }
    }

    /// For the next row.
    #[inline(always)]
    fn next(&mut self) -> &mut [T] {
        let at = self.at;
        self.at += self.length;
        match self.output.get_mut(at..at + self.width) {
            Some(room) => room,
            None => &mut self.spare[at - self.cramped..][..self.width],
        }
    }

    #[inline(always)]
    fn end(self) {
        let elsewhere = &mut self.output[self.cramped..self.end];
        elsewhere.copy_from_slice(&self.spare[..elsewhere.len()]);
    }
}

impl<S: Simd, T: Kernels> Across<S, T, 1> {
    /// The pixels of a row of so many registers of windows, and of the one behind them.
    #[inline(always)]
    fn few<O: Merge<T>, const REGISTERS: usize>(
        &self,
        row: &[T],
        mut watched: T::Pixels<S>,
    ) -> ([T::Pixels<S>; MOST + 1], T::Pixels<S>) {
        let lanes = T::Pixels::<S>::LEN;
        let mut blocks = [self.start; MOST + 1];
        for register in 0..=REGISTERS {
            if let Some(pixels) = row.get(register * lanes..(register + 1) * lanes) {
                let end = if register == REGISTERS { 2 } else { register };
                let block;
                (block, watched) = self.block::<O>(pixels, Some(end), watched);
                blocks[register] = block[0];
            }
        }
        (blocks, watched)
    }

    /// Merges each pixel with those behind it that a window has, no more than there are lanes. Tiles of a power of two pixels double,
    /// by what slides in from the next register; the last register has nothing behind it, and what is wrong there lies under no window.
    /// Two of them, one over the other, are a window.
    #[inline(always)]
    fn windows<O: Merge<T>, const REGISTERS: usize>(
        &self,
        mut tiles: [T::Pixels<S>; MOST + 1],
        size: usize,
    ) -> [T::Pixels<S>; REGISTERS] {
        let mut tile = 1;
        if size >= 2 {
            (tiles, tile) = (self.doubled::<O, REGISTERS, 1>(tiles), 2);
        }
        if size >= 4 {
            (tiles, tile) = (self.doubled::<O, REGISTERS, 2>(tiles), 4);
        }
        if size >= 8 {
            (tiles, tile) = (self.doubled::<O, REGISTERS, 4>(tiles), 8);
        }
        if size >= 16 {
            (tiles, tile) = (self.doubled::<O, REGISTERS, 8>(tiles), 16);
        }
        match size - tile {
            1 => self.overlapped::<O, REGISTERS, 1>(tiles),
            2 => self.overlapped::<O, REGISTERS, 2>(tiles),
            3 => self.overlapped::<O, REGISTERS, 3>(tiles),
            4 => self.overlapped::<O, REGISTERS, 4>(tiles),
            5 => self.overlapped::<O, REGISTERS, 5>(tiles),
            6 => self.overlapped::<O, REGISTERS, 6>(tiles),
            7 => self.overlapped::<O, REGISTERS, 7>(tiles),
            _ => self.overlapped::<O, REGISTERS, 0>(tiles),
        }
    }

    /// Tiles of so many pixels, merged with those as many pixels on.
    #[inline(always)]
    fn doubled<O: Merge<T>, const REGISTERS: usize, const PIXELS: usize>(
        &self,
        mut tiles: [T::Pixels<S>; MOST + 1],
    ) -> [T::Pixels<S>; MOST + 1] {
        for register in 0..REGISTERS {
            tiles[register] =
                O::merge(self.simd, tiles[register], tiles[register].slide::<PIXELS>(tiles[register + 1]));
        }
        // Behind a row is often nothing.
        if self.blocks > REGISTERS {
            let last = tiles[REGISTERS];
            tiles[REGISTERS] = O::merge(self.simd, last, last.slide::<PIXELS>(last));
        }
        tiles
    }

    /// Windows of tiles and those so many pixels on.
    #[inline(always)]
    fn overlapped<O: Merge<T>, const REGISTERS: usize, const PIXELS: usize>(
        &self,
        tiles: [T::Pixels<S>; MOST + 1],
    ) -> [T::Pixels<S>; REGISTERS] {
        let mut windows = [self.start; REGISTERS];
        for register in 0..REGISTERS {
            windows[register] = match PIXELS {
                0 => tiles[register],
                _ => O::merge(self.simd, tiles[register], tiles[register].slide::<PIXELS>(tiles[register + 1])),
            };
        }
        windows
    }
}
