//! Panels: what a tile reads, one step of the depth after the other.
//!
//! ```text
//!     source     a b c d e f g h …                 two rows of pixels, under 2×2 taps
//!                i j k l m n o p …
//!     panels     a b c  b c d  i j k  j k l        outputs 0, 1, 2
//!                d e f  e f g  l m n  m n o        outputs 3, 4, 5
//! ```
//!
//! A kernel that looks for its pixels in the input finds each tap in another cache line, and takes some instructions to get there, once
//! for every block of filters. A panel is one run of numbers, and a layer of any stride, dilation or padding looks the same in it.
//!
//! Pixels are counted through all the rows of a map and all the images of a block: tiles do not end where rows or maps do.

use std::ops::{Deref, Range};

use super::epilogue::transpose;
use super::tile::height_for;
use crate::simd::cache;
use crate::simd::{Kernel, Lanes, Level, Simd, Vector, run, with_lanes};

/// Panels of so many bytes are written and used together: they should stay in the second-level cache, beside the weights of a block of
/// filters.
const BYTES: usize = 224 * 1024;

/// But of so many pixels in any case: all the weights are read for each block.
const FEW_PIXELS: usize = 64;

/// Room behind every panel for what is written beyond it: lanes too many of two of the widest registers.
const OVERWRITE: usize = 32;

/// Numbers that begin with a cache line, wherever memory was found for them.
#[derive(Debug)]
pub(crate) struct Aligned<A> {
    numbers: Vec<A>,
    start: usize,
    length: usize,
}

impl<A: Copy + Default> Aligned<A> {
    /// So many zeros.
    pub(crate) fn new(length: usize) -> Self {
        let spare = cache::LINE / size_of::<A>();
        let numbers = vec![A::default(); length + spare];
        let start = cache::before_line(&numbers);
        Self { numbers, start, length }
    }

    /// A copy of some numbers.
    pub(crate) fn copy_of(numbers: &[A]) -> Self {
        let mut copy = Self::new(numbers.len());
        copy.as_mut_slice().copy_from_slice(numbers);
        copy
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [A] {
        &mut self.numbers[self.start..][..self.length]
    }
}

impl<A> Deref for Aligned<A> {
    type Target = [A];

    fn deref(&self) -> &[A] {
        &self.numbers[self.start..][..self.length]
    }
}

/// The widths of blocks of filters, widest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Widths(pub(crate) &'static [usize]);

impl Widths {
    /// The width of the next block where so many filters are left.
    pub(crate) fn next(self, left: usize) -> usize {
        height_for(self.0, left)
    }

    /// Filters counted with the blanks of the last block.
    pub(crate) fn rounded(self, filters: usize) -> usize {
        let (widest, left) = (self.0[0], filters % self.0[0]);
        filters / widest * widest + if left == 0 { 0 } else { self.next(left) }
    }

    /// The weights `[group, filter, depth]`, block by block as `[depth, filter of the block]`; blanks are zeros.
    pub(crate) fn pack<A: Copy + Default>(self, weights: &[A], filters: usize, depth: usize) -> Aligned<A> {
        let groups = weights.len() / (filters * depth);
        let mut packed = Aligned::new(groups * self.rounded(filters) * depth);
        let mut rest = packed.as_mut_slice();
        for group in weights.chunks_exact(filters * depth) {
            let mut first = 0;
            while first < filters {
                let width = self.next(filters - first);
                let (block, after) = rest.split_at_mut(width * depth);
                let of_block = &group[first * depth..filters.min(first + width) * depth];
                pack_block(of_block, depth, width, block);
                (first, rest) = (first + width, after);
            }
        }
        packed
    }
}

/// Steps of the depth that are written together: those of a cache line of weights.
const TOGETHER: usize = 16;

/// Writes the weights of a block, `[filter, depth]`, as `[depth, filter]`.
fn pack_block<A: Copy>(filters: &[A], depth: usize, width: usize, block: &mut [A]) {
    for (number, steps) in block.chunks_mut(TOGETHER * width).enumerate() {
        for (filter, weights) in filters.chunks_exact(depth).enumerate() {
            let weights = &weights[number * TOGETHER..][..steps.len() / width];
            for (place, weight) in steps[filter..].iter_mut().step_by(width).zip(weights) {
                *place = *weight;
            }
        }
    }
}

/// Neighbouring pixels of a panel that stand side by side in the source.
#[derive(Debug, Clone, Copy)]
struct PixelRun {
    /// The first of them, counted through the whole band.
    first: u32,
    length: u32,
    /// Where it reads, but for the offset of a tap.
    from: u32,
    /// Where it is written, but for the tap, among the panels of its block.
    into: u32,
}

/// How the panels of a band lie.
#[derive(Debug)]
pub(crate) struct Panels {
    /// Pixels of a panel.
    tile: usize,
    /// What the last panel of a block may be of, where that is enough.
    tiles: &'static [usize],
    /// Panels of a block.
    together: usize,
    /// From one panel to the next.
    distance: usize,
    runs: Vec<PixelRun>,
    pixels: usize,
}

/// Some pixels of a band, whose panels are used together.
#[derive(Debug, Clone)]
pub(crate) struct PixelBlock {
    pub(crate) pixels: Range<usize>,
    pub(crate) tile: usize,
    pub(crate) last_tile: usize,
    pub(crate) distance: usize,
}

impl Panels {
    /// Of tiles of these sizes, for the pixels that `runs` has as a place in the source and how many there stand side by side, under so
    /// many taps, in blocks of so many pixels at most; `None` if they cannot be counted.
    pub(crate) fn new<A>(
        tiles: &'static [usize],
        most_pixels: usize,
        runs: impl Iterator<Item = (usize, usize)>,
        depth: usize,
    ) -> Option<Self> {
        let mut panels = Self { pixels: 0, ..Self::of_rows::<A>(tiles, most_pixels, usize::MAX, depth)? };
        for (from, length) in runs {
            panels.add(from, length)?;
        }
        panels.together = panels.together.min(panels.pixels.div_ceil(panels.tile));
        Some(panels)
    }

    /// The same for so many rows of a matrix, which are [transposed](Transpose) rather than gathered.
    pub(crate) fn of_rows<A>(tiles: &'static [usize], most_rows: usize, rows: usize, depth: usize) -> Option<Self> {
        let tile = tiles[0];
        let distance = depth.checked_mul(tile)?.checked_next_multiple_of(OVERWRITE)?.checked_add(OVERWRITE)?;
        let together = (BYTES / size_of::<A>() / distance).max(FEW_PIXELS.div_ceil(tile)).min(most_rows / tile);
        let together = together.min(rows.div_ceil(tile));
        Some(Self { tile, tiles, together, distance, runs: Vec::new(), pixels: rows })
    }

    /// Cuts pixels that stand side by side where tiles end.
    fn add(&mut self, mut from: usize, mut length: usize) -> Option<()> {
        let number = |number: usize| u32::try_from(number).ok();
        while length > 0 {
            let (panel, within) = (self.pixels / self.tile % self.together, self.pixels % self.tile);
            let here = length.min(self.tile - within);
            self.runs.push(PixelRun {
                first: number(self.pixels)?,
                length: number(here)?,
                from: number(from)?,
                into: number(panel * self.distance + within)?,
            });
            (self.pixels, from, length) = (self.pixels + here, from + here, length - here);
        }
        Some(())
    }

    /// Numbers of the panels of a block.
    pub(crate) fn numbers(&self) -> usize {
        self.together * self.distance + OVERWRITE
    }

    /// The most pixels of a block, counted in whole panels.
    pub(crate) fn most_pixels(&self) -> usize {
        self.together * self.tile
    }

    /// Bytes that it holds itself.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.runs[..])
    }

    /// So many pixels of a band, in blocks.
    pub(crate) fn blocks(&self, pixels: usize) -> impl Iterator<Item = PixelBlock> {
        let together = self.together * self.tile;
        (0..pixels).step_by(together).map(move |first| {
            let pixels = first..pixels.min(first + together);
            let left = pixels.len() % self.tile;
            let last_tile = if left == 0 { self.tile } else { height_for(self.tiles, left) };
            PixelBlock { pixels, tile: self.tile, last_tile, distance: self.distance }
        })
    }

    /// The runs that begin among some pixels.
    fn runs(&self, pixels: Range<usize>) -> &[PixelRun] {
        let run_at = |pixel| self.runs.partition_point(|run| (run.first as usize) < pixel);
        &self.runs[run_at(pixels.start)..run_at(pixels.end)]
    }
}

/// Writes the panels of a block.
pub(crate) struct Gather<'a, A> {
    pub(crate) panels: &'a Panels,
    pub(crate) block: &'a PixelBlock,
    pub(crate) source: &'a [A],
    /// Of every tap of every channel into the source.
    pub(crate) offsets: &'a [u32],
    pub(crate) into: &'a mut [A],
}

/// Gathers panels with the instructions of a level.
#[inline(never)]
pub(crate) fn gather<A: Lanes>(level: Level, gather: Gather<'_, A>) {
    run(level, gather);
}

impl<A: Lanes> Kernel for Gather<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let PixelBlock { pixels, tile, last_tile, .. } = self.block.clone();
        let last = pixels.start + (pixels.len() - 1) / tile * tile;
        let whole = if last_tile == tile { pixels.end } else { last };
        for (pixels, tile) in [(pixels.start..whole, tile), (whole..pixels.end, last_tile)] {
            let runs = self.panels.runs(pixels.clone());
            let Some((last, runs)) = runs.split_last() else { continue };
            // Tap by tap, all panels grow together: what is read next lies close to what was read last. Registers are written as a
            // whole: lanes too many spoil what is written later.
            for (tap, &offset) in self.offsets.iter().enumerate() {
                let (source, into) = (&self.source[offset as usize..], &mut self.into[tap * tile..]);
                for run in runs {
                    copy::<S, A>(simd, source, run, run.length as usize, into);
                }
                // In a short band it may end earlier.
                copy::<S, A>(simd, source, last, (last.length as usize).min(pixels.end - last.first as usize), into);
            }
        }
    }
}

/// Copies a run in one register or two; in three where registers hold two numbers, as the tallest tile has six.
#[inline(always)]
fn copy<S: Simd, A: Lanes>(simd: S, source: &[A], run: &PixelRun, length: usize, into: &mut [A]) {
    let lanes = A::Vector::<S>::LEN;
    let copied = if length <= lanes {
        copy_registers::<S, A, 1>(simd, source, run, into)
    } else if lanes > 2 || length <= 2 * lanes {
        copy_registers::<S, A, 2>(simd, source, run, into)
    } else {
        copy_registers::<S, A, 3>(simd, source, run, into)
    };
    if !copied {
        copy_end(source, run, length, into);
    }
}

/// Whether there is so much in the source, and it has been copied.
#[inline(always)]
fn copy_registers<S: Simd, A: Lanes, const COUNT: usize>(
    simd: S,
    source: &[A],
    run: &PixelRun,
    into: &mut [A],
) -> bool {
    let lanes = A::Vector::<S>::LEN;
    let (from, to) = (run.from as usize, run.into as usize);
    let Some(source) = source.get(from..from + COUNT * lanes) else { return false };
    let into = &mut into[to..to + COUNT * lanes];
    for register in 0..COUNT {
        let pixels = A::Vector::<S>::from_slice(simd, &source[register * lanes..][..lanes]);
        pixels.store_slice(&mut into[register * lanes..][..lanes]);
    }
    true
}

/// Copies the last pixels of a source, which have no register of numbers behind them.
#[cold]
#[inline(never)]
fn copy_end<A: Copy>(source: &[A], run: &PixelRun, length: usize, into: &mut [A]) {
    into[run.into as usize..][..length].copy_from_slice(&source[run.from as usize..][..length]);
}

/// Writes the panels of some pixels whose channels lie side by side: `[pixel][depth]` becomes `[panel][depth][pixel]`.
pub(crate) struct Transpose<'a, A> {
    pub(crate) block: &'a PixelBlock,
    /// Of the first pixel of the block on.
    pub(crate) rows: &'a [A],
    pub(crate) depth: usize,
    pub(crate) into: &'a mut [A],
}

/// Gathers panels from rows with the instructions of a level.
#[inline(never)]
pub(crate) fn transpose_rows<A: Lanes>(level: Level, rows: Transpose<'_, A>) {
    run(level, rows);
}

impl<A: Lanes> Kernel for Transpose<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        with_lanes!(A::Vector::<S>::LEN, |LANES| self.squares::<S, LANES>(simd));
    }
}

impl<A: Lanes> Transpose<'_, A> {
    #[inline(always)]
    fn squares<S: Simd, const LANES: usize>(self, simd: S) {
        let PixelBlock { pixels, tile, last_tile, distance } = self.block.clone();
        let rows = self.rows.chunks(tile * self.depth).take(pixels.len().div_ceil(tile));
        for (panel, rows) in rows.enumerate() {
            let count = tile.min(pixels.len() - panel * tile);
            let tile = if count == tile { tile } else { last_tile };
            let into = &mut self.into[panel * distance..][..distance];
            let whole = self.depth / LANES * LANES;
            // From right to left, as registers spill into the next step of the depth.
            for first in (0..count).step_by(LANES).rev() {
                for at in (0..whole).step_by(LANES) {
                    let mut square = [A::Vector::<S>::splat(simd, A::default()); LANES];
                    for row in 0..LANES {
                        let row_of = (first + row).min(count - 1);
                        square[row] = A::Vector::<S>::from_slice(simd, &rows[row_of * self.depth + at..][..LANES]);
                    }
                    transpose::<S, A, LANES>(&mut square);
                    for step in 0..LANES {
                        square[step].store_slice(&mut into[(at + step) * tile + first..][..LANES]);
                    }
                }
            }
            for at in whole..self.depth {
                for pixel in 0..count {
                    into[at * tile + pixel] = rows[pixel * self.depth + at];
                }
            }
        }
    }
}
