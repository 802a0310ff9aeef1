//! Pooling by any reduction, of windows of 2×2 or 3×3 that lie on pixels alone: they are stepped over one by one, side by side in
//! vectors, whose accumulators stay in registers.
//!
//! Where the reduction merges, windows of 3×3 at stride 1 are taken four rows at a time. Each of the six rows of pixels under them
//! is stepped over once, and two rows of windows share a merged pair of them: 18 steps and 6 merges for four windows, instead of 36
//! steps.

use std::array::from_fn;
use std::ops::Range;

use super::Reduction;
use super::merged::{merge, merges};
use super::problem::Problem;
use super::walk::{BLOCK, Walk};
use crate::cache::Ahead;
use crate::tensor::collected;
use crate::{Element, Result};

/// Outputs of a row that are computed at once, in long rows and in short ones.
const MANY_AT_ONCE: usize = 64;
const FEW_AT_ONCE: usize = 16;

/// Rows of windows of 3×3 that are taken together, and the rows of pixels under them.
const TOGETHER: usize = 4;
const UNDER: usize = TOGETHER + 2;

/// Which outputs have such windows.
#[derive(Debug)]
pub(super) struct Squares {
    /// The outputs of a row, and the rows, with no tap on padding.
    columns: Range<usize>,
    rows: Range<usize>,
    /// The other outputs of a row: each with its first pixel and how many it has of a row.
    edges: Vec<(usize, usize, usize)>,
    /// Whether rows of windows of 3×3 are taken together.
    together: bool,
}

impl Squares {
    pub(super) fn new<T, R: Reduction<T>>(reduction: &R, problem: &Problem) -> Result<Option<Self>> {
        let [planes, rows, columns] = &problem.axes;
        let (size, whole) = (columns.size(), columns.whole_windows());
        let flat = (planes.length(), planes.outputs(), planes.size()) == (1, 1, 1);
        let fits = flat && rows.size() == size && (2..=3).contains(&size) && columns.dilation() == 1;
        if !fits || !(1..=2).contains(&columns.stride()) || whole.is_empty() {
            return Ok(None);
        }
        let edge = |output: usize| (output, columns.by_output(output).input, columns.by_output(output).range.len());
        let edges = collected((0..whole.start).chain(whole.end..columns.outputs()).map(edge))?;
        let together = rows.stride() == 1 && rows.dilation() == 1 && merges::<T, R>(reduction);
        Ok(Some(Self { columns: whole, rows: rows.whole_windows(), edges, together }))
    }
}

impl<R, const OWN: bool> Walk<R, OWN> {
    #[inline(always)]
    pub(super) fn squares<T: Element>(&self, squares: &Squares, pixels: &[T], first: usize, output: &mut [T])
    where
        R: Reduction<T>,
    {
        let columns = &self.taps.geometry.axes()[2];
        match (columns.size(), columns.stride()) {
            (2, 1) => self.sized::<T, 2, 1>(squares, pixels, first, output),
            (2, _) => self.sized::<T, 2, 2>(squares, pixels, first, output),
            (_, 1) => self.sized::<T, 3, 1>(squares, pixels, first, output),
            _ => self.sized::<T, 3, 2>(squares, pixels, first, output),
        }
    }

    #[inline(always)]
    fn sized<T: Element, const SIZE: usize, const STRIDE: usize>(
        &self,
        squares: &Squares,
        pixels: &[T],
        first: usize,
        mut output: &mut [T],
    ) where
        R: Reduction<T>,
    {
        let geometry = &self.taps.geometry;
        let (rows, length, plane) = (geometry.rows(), geometry.row_length(), geometry.pixels());
        let (mut unit, mut ahead) = (first, Ahead::of(pixels));
        while !output.is_empty() {
            let (all, row) = (&pixels[unit / rows * plane..], unit % rows);
            let (pixels, whole) = (&all[..plane], squares.rows.contains(&row));
            if whole {
                ahead.read(&all[self.starts::<1>(row)[0]..]);
            }
            let left = (output.len() / length).min(squares.rows.end.saturating_sub(row));
            let together = SIZE == 3 && STRIDE == 1 && whole && squares.together && left >= TOGETHER;
            let count = if together { TOGETHER } else { 1 };
            let (out, rest) = output.split_at_mut(count * length);
            match whole {
                true if together => self.rows_together(squares, pixels, row, out),
                true => self.whole_row::<T, SIZE, STRIDE>(squares, pixels, row, out),
                false => self.row(pixels, row, out),
            }
            (output, unit) = (rest, unit + count);
        }
    }

    /// Where the rows of pixels under a row of windows start.
    #[inline(always)]
    fn starts<const SIZE: usize>(&self, row: usize) -> [usize; SIZE] {
        let [_, rows, columns] = self.taps.geometry.axes();
        from_fn(|tap| rows.position(row, tap).cast_unsigned() * columns.length())
    }

    /// The first pixel of a row under the windows that have all their columns.
    #[inline(always)]
    fn first_pixel(&self, squares: &Squares) -> usize {
        self.taps.geometry.axes()[2].position(squares.columns.start, 0).cast_unsigned()
    }

    /// Four rows of outputs whose windows of 3×3 have all their rows.
    #[inline(always)]
    fn rows_together<T: Element>(&self, squares: &Squares, plane: &[T], row: usize, output: &mut [T])
    where
        R: Reduction<T>,
    {
        let columns = &self.taps.geometry.axes()[2];
        let (pitch, length) = (columns.length(), columns.outputs());
        let [first] = self.starts::<1>(row);
        for &(edge, from, taps) in &squares.edges {
            let made = self.stacked(
                3 * self.counts[edge],
                #[inline(always)]
                |row| plane[first + row * pitch + from..][..taps].iter().copied(),
            );
            for row in 0..TOGETHER {
                output[row * length + edge] = made[row];
            }
        }
        let (from, count) = (first + self.first_pixel(squares), squares.columns.len());
        let under = from_fn(|row| &plane[from + row * pitch..][..count + 2]);
        let out = &mut output[squares.columns.start..];
        let many = count / MANY_AT_ONCE * MANY_AT_ONCE;
        self.together::<T, MANY_AT_ONCE>(under, 0..many, length, out);
        self.together::<T, FEW_AT_ONCE>(under, many..count, length, out);
    }

    /// Some outputs of four rows, which lie so far apart, from the six rows of pixels under the windows.
    #[inline(always)]
    fn together<T: Element, const AT_ONCE: usize>(
        &self,
        under: [&[T]; UNDER],
        columns: Range<usize>,
        length: usize,
        output: &mut [T],
    ) where
        R: Reduction<T>,
    {
        let blank = [T::ZERO; AT_ONCE];
        let Some(last) = columns.end.checked_sub(AT_ONCE) else {
            for column in columns {
                let made = self.stacked(
                    9,
                    #[inline(always)]
                    |row| under[row][column..column + 3].iter().copied(),
                );
                for row in 0..TOGETHER {
                    output[row * length + column] = made[row];
                }
            }
            return;
        };
        for column in columns.step_by(AT_ONCE) {
            // The last may lie over those before it.
            let column = column.min(last);
            let mut here = [[&blank; 3]; UNDER];
            for row in 0..UNDER {
                for tap in 0..3 {
                    here[row][tap] = under[row][column + tap..].first_chunk().unwrap_or(&blank);
                }
            }
            let mut made = [[T::ZERO; AT_ONCE]; TOGETHER];
            for at in 0..AT_ONCE {
                let stacked = self.stacked(
                    9,
                    #[inline(always)]
                    |row| here[row].map(|pixels| pixels[at]),
                );
                for row in 0..TOGETHER {
                    made[row][at] = stacked[row];
                }
            }
            for row in 0..TOGETHER {
                output[row * length + column..][..AT_ONCE].copy_from_slice(&made[row]);
            }
        }
    }

    /// What the pixels of six rows give for the four windows one below the other, of so many pixels each.
    #[inline(always)]
    fn stacked<T: Element, P: IntoIterator<Item = T>>(&self, count: usize, pixels: impl Fn(usize) -> P) -> [T; TOGETHER]
    where
        R: Reduction<T>,
    {
        let reduction = &self.reduction;
        let mut rows = [reduction.start(); UNDER];
        for row in 0..UNDER {
            for pixel in pixels(row) {
                rows[row] = reduction.step(rows[row], pixel);
            }
        }
        let mut made = [T::ZERO; TOGETHER];
        for row in (0..TOGETHER).step_by(2) {
            let shared = merge(reduction, rows[row + 1], rows[row + 2]);
            made[row] = reduction.finish(merge(reduction, rows[row], shared), count);
            made[row + 1] = reduction.finish(merge(reduction, shared, rows[row + 3]), count);
        }
        made
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
    fn whole_row<T: Element, const SIZE: usize, const STRIDE: usize>(
        &self,
        squares: &Squares,
        plane: &[T],
        row: usize,
        out: &mut [T],
    ) where
        R: Reduction<T>,
    {
        let starts = self.starts::<SIZE>(row);
        for &(output, from, length) in &squares.edges {
            out[output] = self.single(plane, starts, from..from + length, output);
        }

        // Pixels are taken in groups of a stride. The last group of a plane may lack some that no tap reads: its output is single.
        let from = self.first_pixel(squares);
        let reach = (SIZE - 1) / STRIDE * STRIDE;
        let count = ((plane.len() - starts[SIZE - 1] - from - reach) / STRIDE).min(squares.columns.len());
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
            let out = &mut out[squares.columns.start + block..][..length];
            match STRIDE == 1 && length < MANY_AT_ONCE {
                true => self.whole::<T, SIZE, STRIDE, FEW_AT_ONCE>(&taps, out),
                false => self.whole::<T, SIZE, STRIDE, MANY_AT_ONCE>(&taps, out),
            }
        }
        for output in squares.columns.start + count..squares.columns.end {
            let from = from + (output - squares.columns.start) * STRIDE;
            out[output] = self.single(plane, starts, from..from + SIZE, output);
        }
    }
}
