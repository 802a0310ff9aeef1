//! Pooling by any reduction: block after block of outputs, whose accumulators stay in cache while all taps are stepped over.
//!
//! ```text
//!     for each row of outputs, for each block of it
//!         accumulators ← start
//!         for each row of pixels under it, for each tap
//!             step_run(accumulators, block of pixels)
//!         outputs ← finish(accumulators)
//! ```
//!
//! Windows of 2×2 and 3×3 that lie on pixels alone are stepped over one by one instead, side by side in vectors.

use std::ops::Range;
use std::sync::Arc;

use super::Reduction;
use super::counts::count;
use super::planes::{Compute, OF_PASSES, OF_TAPS};
use crate::simd::{Kernel, Level, Simd, run};
use crate::tensor::collected;
use crate::window::{Geometry, Run};
use crate::{Element, Result};

/// Outputs of a block: enough for the steps to be long loops, and few enough that accumulators need no memory but the stack's.
pub(super) const BLOCK: usize = 128;

/// Outputs of small windows that are computed at once, in long rows and in short ones.
const MANY_AT_ONCE: usize = 64;
const FEW_AT_ONCE: usize = 16;

/// The windows of a layer, by tap, and a reduction of any kind.
#[derive(Debug, Clone)]
pub(super) struct Walk<R, const N: usize> {
    reduction: R,
    taps: Arc<Taps<N>>,
    /// How many pixels each window counts on the last axis.
    counts: Arc<Vec<usize>>,
    include_pad: bool,
    level: Level,
    small: Option<Arc<Small>>,
}

/// Windows of 2×2 or 3×3 whose accumulators stay in registers while all taps are stepped over, where all of them are on pixels.
#[derive(Debug)]
struct Small {
    /// The outputs of a row, and the rows, with no tap on padding.
    columns: Range<usize>,
    rows: Range<usize>,
    /// The other outputs of a row: each with its first pixel and how many it has of a row.
    edges: Vec<(usize, usize, usize)>,
}

impl Small {
    fn new<const N: usize>(geometry: &Geometry<N>) -> Result<Option<Self>> {
        let axes = geometry.axes();
        let [rows, columns] = [N.wrapping_sub(2), N - 1].map(|axis| axes.get(axis));
        let (Some(rows), Some(columns)) = (rows, columns) else { return Ok(None) };
        let (size, whole) = (columns.size(), columns.whole_windows());
        let fits = N == 2 && rows.size() == size && (2..=3).contains(&size) && columns.dilation() == 1;
        if !fits || !(1..=2).contains(&columns.stride()) || whole.is_empty() {
            return Ok(None);
        }
        let edge = |output: usize| (output, columns.by_output(output).input, columns.by_output(output).range.len());
        let edges = collected((0..whole.start).chain(whole.end..columns.outputs()).map(edge))?;
        Ok(Some(Self { columns: whole, rows: rows.whole_windows(), edges }))
    }
}

/// The taps of the last axis.
#[derive(Debug)]
pub(super) struct Taps<const N: usize> {
    pub(super) geometry: Geometry<N>,
    taps: Vec<(usize, Run)>,
}

impl<const N: usize> Taps<N> {
    pub(super) fn new(geometry: Geometry<N>) -> Result<Self> {
        let last = &geometry.axes()[N - 1];
        Ok(Self { taps: collected(last.tap_runs())?, geometry })
    }

    /// Calls `step` with what each tap reads under some outputs of a row: the outputs, counted from the first of them, the first
    /// pixel, and the distance from one pixel to the next.
    #[inline(always)]
    pub(super) fn each(&self, row: usize, block: &Range<usize>, mut step: impl FnMut(Range<usize>, usize, usize)) {
        for input in self.geometry.input_rows(self.geometry.row_position(row)) {
            for (_, run) in &self.taps {
                let run = run.within(block);
                if !run.range.is_empty() {
                    let outputs = run.range.start - block.start..run.range.end - block.start;
                    step(outputs, input.start + run.input, run.step);
                }
            }
        }
    }

    /// The blocks of a row.
    #[inline(always)]
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let length = self.geometry.row_length();
        (0..length).step_by(BLOCK).map(move |at| at..length.min(at + BLOCK))
    }
}

/// The pixels of a run as neighbours, at most a block of them.
#[inline(always)]
pub(super) fn neighbours<'a, T: Copy>(
    plane: &'a [T],
    from: usize,
    step: usize,
    count: usize,
    block: &'a mut [T; BLOCK],
) -> &'a [T] {
    match step {
        1 => &plane[from..from + count],
        2 => {
            // The last pixel has no right neighbour to be loaded with it.
            let (pairs, last) = plane[from..=from + 2 * (count - 1)].as_chunks::<2>();
            block.iter_mut().zip(pairs).for_each(|(place, pair)| *place = pair[0]);
            block[count - 1] = last[0];
            &block[..count]
        }
        _ => {
            let pixels = plane[from..].iter().step_by(step);
            block[..count].iter_mut().zip(pixels).for_each(|(place, &pixel)| *place = pixel);
            &block[..count]
        }
    }
}

impl<R, const N: usize> Walk<R, N> {
    pub(super) fn new<T>(reduction: R, geometry: Geometry<N>, level: Level) -> Result<Self>
    where
        R: Reduction<T>,
    {
        let include_pad = reduction.count_include_pad();
        let last = &geometry.axes()[N - 1];
        let counts = collected((0..last.outputs()).map(|output| count(last, output, include_pad)))?;
        let small = Small::new(&geometry)?.map(Arc::new);
        Ok(Self {
            reduction,
            taps: Arc::new(Taps::new(geometry)?),
            counts: Arc::new(counts),
            include_pad,
            level,
            small,
        })
    }

    /// Whether it has a way for these windows that no other is faster than.
    pub(super) fn is_small(&self) -> bool {
        self.small.is_some() || self.taps.geometry.taps() <= 3
    }

    #[inline(always)]
    fn rows<T: Element>(&self, pixels: &[T], first: usize, output: &mut [T])
    where
        R: Reduction<T>,
    {
        let Some(small) = self.small.as_deref() else {
            return self.rows_by(
                pixels,
                first,
                output,
                #[inline(always)]
                |plane, row, out| self.row(plane, row, out),
            );
        };
        let columns = &self.taps.geometry.axes()[N - 1];
        match (columns.size(), columns.stride()) {
            (2, 1) => self.small_rows::<T, 2, 1>(small, pixels, first, output),
            (2, _) => self.small_rows::<T, 2, 2>(small, pixels, first, output),
            (_, 1) => self.small_rows::<T, 3, 1>(small, pixels, first, output),
            _ => self.small_rows::<T, 3, 2>(small, pixels, first, output),
        }
    }

    /// Calls `row` with the plane and the number of each row of outputs.
    #[inline(always)]
    fn rows_by<T>(&self, pixels: &[T], first: usize, output: &mut [T], mut row: impl FnMut(&[T], usize, &mut [T])) {
        let geometry = &self.taps.geometry;
        let (rows, plane) = (geometry.rows(), geometry.pixels());
        for (number, out) in output.chunks_exact_mut(geometry.row_length()).enumerate() {
            let unit = first + number;
            row(&pixels[unit / rows * plane..][..plane], unit % rows, out);
        }
    }

    #[inline(always)]
    fn small_rows<T: Element, const SIZE: usize, const STRIDE: usize>(
        &self,
        small: &Small,
        pixels: &[T],
        first: usize,
        output: &mut [T],
    ) where
        R: Reduction<T>,
    {
        self.rows_by(
            pixels,
            first,
            output,
            #[inline(always)]
            |plane, row, out| match small.rows.contains(&row) {
                true => self.small_row::<T, SIZE, STRIDE>(small, plane, row, out),
                false => self.row(plane, row, out),
            },
        );
    }

    /// Neighbouring outputs whose windows have all their pixels, in groups of a stride: for each row of windows, the groups from
    /// each on that they reach.
    ///
    /// They are made apart from the pixels, and as many at a time as a compiler knows of: else it asks, before each loop, whether
    /// one lies over the other, and leaves its end to single steps.
    #[inline(always)]
    fn whole<T: Element, const SIZE: usize, const STRIDE: usize, const AT_ONCE: usize>(
        &self,
        groups: &[[&[[T; STRIDE]]; SIZE]; SIZE],
        out: &mut [T],
    ) where
        R: Reduction<T>,
    {
        let blank = [[T::ZERO; STRIDE]; AT_ONCE];
        let Some(last) = out.len().checked_sub(AT_ONCE) else {
            for (at, place) in out.iter_mut().enumerate() {
                *place = self.under::<T, SIZE>(
                    #[inline(always)]
                    |row, tap| groups[row][tap / STRIDE][at][tap % STRIDE],
                );
            }
            return;
        };
        for at in (0..out.len()).step_by(AT_ONCE) {
            // The last may lie over those before it.
            let at = at.min(last);
            let mut here = [[&blank; SIZE]; SIZE];
            for row in 0..SIZE {
                for group in 0..=(SIZE - 1) / STRIDE {
                    here[row][group] = groups[row][group][at..].first_chunk().unwrap_or(&blank);
                }
            }
            let mut made = [T::ZERO; AT_ONCE];
            for (at, place) in made.iter_mut().enumerate() {
                *place = self.under::<T, SIZE>(
                    #[inline(always)]
                    |row, tap| here[row][tap / STRIDE][at][tap % STRIDE],
                );
            }
            out[at..][..AT_ONCE].copy_from_slice(&made);
        }
    }

    /// What the pixels at all taps of a window give.
    #[inline(always)]
    fn under<T: Element, const SIZE: usize>(&self, pixel: impl Fn(usize, usize) -> T) -> T
    where
        R: Reduction<T>,
    {
        let mut accumulator = self.reduction.start();
        for row in 0..SIZE {
            for tap in 0..SIZE {
                accumulator = self.reduction.step(accumulator, pixel(row, tap));
            }
        }
        self.reduction.finish(accumulator, SIZE * SIZE)
    }

    /// One output, whose window has all its rows.
    #[inline(always)]
    fn single<T: Element, const SIZE: usize>(
        &self,
        plane: &[T],
        starts: [usize; SIZE],
        columns: Range<usize>,
        output: usize,
    ) -> T
    where
        R: Reduction<T>,
    {
        let mut accumulator = self.reduction.start();
        for start in starts {
            for &pixel in &plane[start..][columns.clone()] {
                accumulator = self.reduction.step(accumulator, pixel);
            }
        }
        self.reduction.finish(accumulator, SIZE * self.counts[output])
    }

    /// A row of outputs whose windows have all their rows.
    #[inline(always)]
    fn small_row<T: Element, const SIZE: usize, const STRIDE: usize>(
        &self,
        small: &Small,
        plane: &[T],
        row: usize,
        out: &mut [T],
    ) where
        R: Reduction<T>,
    {
        let [rows, columns] = [N - 2, N - 1].map(|axis| &self.taps.geometry.axes()[axis]);
        let mut starts = [0; SIZE];
        for tap in 0..SIZE {
            starts[tap] = rows.position(row, tap).cast_unsigned() * columns.length();
        }
        for &(output, from, length) in &small.edges {
            out[output] = self.single(plane, starts, from..from + length, output);
        }

        // Pixels are taken in groups of a stride. The last group of a plane may lack some that no tap reads: its output is single.
        let from = columns.position(small.columns.start, 0).cast_unsigned();
        let reach = (SIZE - 1) / STRIDE * STRIDE;
        let count = ((plane.len() - starts[SIZE - 1] - from - reach) / STRIDE).min(small.columns.len());
        let mut first_row = [[T::ZERO; STRIDE]; BLOCK];
        for block in (0..count).step_by(BLOCK) {
            let length = BLOCK.min(count - block);
            let mut taps = [[&[][..]; SIZE]; SIZE];
            for (taps, start) in taps.iter_mut().zip(starts) {
                for group in 0..=(SIZE - 1) / STRIDE {
                    let pixels = &plane[start + from + (block + group) * STRIDE..];
                    taps[group] = &pixels.as_chunks::<STRIDE>().0[..length];
                }
            }
            // Where no row was read before, two at once come from memory more slowly than one after the other.
            if SIZE == 2 && STRIDE == 2 {
                first_row[..length].copy_from_slice(taps[0][0]);
                taps[0][0] = &first_row[..length];
            }
            let out = &mut out[small.columns.start + block..][..length];
            match STRIDE == 1 && length < MANY_AT_ONCE {
                true => self.whole::<T, SIZE, STRIDE, FEW_AT_ONCE>(&taps, out),
                false => self.whole::<T, SIZE, STRIDE, MANY_AT_ONCE>(&taps, out),
            }
        }
        for output in small.columns.start + count..small.columns.end {
            let from = from + (output - small.columns.start) * STRIDE;
            out[output] = self.single(plane, starts, from..from + SIZE, output);
        }
    }

    #[inline(always)]
    fn row<T: Element>(&self, plane: &[T], row: usize, out: &mut [T])
    where
        R: Reduction<T>,
    {
        let reduction = &self.reduction;
        let geometry = &self.taps.geometry;
        let outer = geometry.axes()[..N - 1].iter().zip(geometry.row_position(row));
        let of_row: usize = outer.map(|(axis, output)| count(axis, output, self.include_pad)).product();
        let mut pixels = [T::ZERO; BLOCK];
        for block in self.taps.blocks() {
            let mut accumulators = [reduction.start(); BLOCK];
            self.taps.each(
                row,
                &block,
                #[inline(always)]
                |outputs, from, step| {
                    let pixels = neighbours(plane, from, step, outputs.len(), &mut pixels);
                    reduction.step_run(&mut accumulators[outputs], pixels);
                },
            );
            let out = out[block.clone()].iter_mut().zip(&self.counts[block]);
            for ((out, &count), &accumulator) in out.zip(&accumulators) {
                *out = reduction.finish(accumulator, of_row * count);
            }
        }
    }
}

/// Some rows of outputs.
struct Rows<'a, R, T, const N: usize> {
    walk: &'a Walk<R, N>,
    pixels: &'a [T],
    first: usize,
    output: &'a mut [T],
}

impl<T: Element, R: Reduction<T>, const N: usize> Kernel for Rows<'_, R, T, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.walk.rows(self.pixels, self.first, self.output);
    }
}

impl<T: Element, R: Reduction<T>, const N: usize> Compute<T> for Walk<R, N> {
    type Cell = T;

    fn compute(&self, pixels: &[T], first: usize, output: &mut [T], _: &mut [T]) {
        run(self.level, Rows { walk: self, pixels, first, output });
    }

    fn algorithm(&self) -> &'static str {
        if self.small.is_some() { "small windows" } else { "taps" }
    }

    fn weight(&self) -> usize {
        if self.small.is_some() { OF_PASSES } else { OF_TAPS }
    }

    fn blank(&self) -> T {
        T::ZERO
    }
}
