//! Windows of 3×3: each row of pixels is merged by windows once, straight from the input, and with the rows above it then.
//!
//! ```text
//!     for each row of pixels under the band
//!         for each register of windows
//!             merged ← pixels under one row of each window, merged
//!             if it is the last row under a row of outputs
//!                 outputs ← ring[…] ∘ ring[…] ∘ merged
//!             ring[…] ← merged
//! ```
//!
//! A row is taken a block at a time: as many neighbours as make a register of windows. What a window has of the next block slides in
//! from its registers. Rows are read in the order in which they lie, for so they come from memory the fastest.

use std::array;

use super::across::{Across, RowSource};
use super::operation::MARGIN;
use super::operation::{Merge, by_operation};
use super::problem::{ColumnCounts, Outputs, PoolProblem};
use super::short::LEAST_LANES;
use crate::Element;
use crate::simd::cache::{self, LINE};
use crate::simd::{Simd, SimdMask, Vector};
use crate::window::Axis;

by_operation!(SmallRows by run);

/// Rows and columns of a window.
const SIZE: usize = 3;

/// Windows of 3×3 at strides of 1 or 2, and the memory that a thread needs for them.
#[derive(Debug, Clone)]
pub(super) struct Small {
    pub(super) problem: PoolProblem,
    /// Where the memory has room for the pixels of a row, the padding before them included. Before that is a row of padding.
    pub(super) copy: usize,
    /// Where it has the merged rows: the ring; two rows that means are divided by; and one for outputs that have no room.
    pub(super) ring: usize,
    pitch: usize,
    pub(super) memory: usize,
}

impl Small {
    /// `None` for other windows.
    pub(super) fn new(problem: &PoolProblem) -> Option<Self> {
        let [planes, rows, columns] = &problem.axes;
        let alike = |axis: &Axis| (axis.size(), axis.stride(), axis.dilation());
        let fits = matches!(alike(columns), (SIZE, 1 | 2, 1)) && alike(rows) == alike(columns);
        if !fits || planes.size() != 1 {
            return None;
        }
        let outputs = columns.outputs();
        // Kernels read up to the end of the block behind the last.
        let copy = outputs.checked_mul(columns.stride())?.checked_add(2 * MARGIN)?;
        let pitch = outputs.next_multiple_of(LINE) + LINE;
        let ring = 2 * copy;
        // The ring may have to be moved by a line of the cache, to begin with one.
        let memory = pitch.checked_mul(SIZE + 3)?.checked_add(ring + LINE)?;
        Some(Self { problem: problem.clone(), copy, ring, pitch, memory })
    }
}

/// Some rows of outputs of one plane.
pub(super) struct SmallRows<'a, T> {
    pub(super) small: &'a Small,
    /// The pixel that changes nothing, of which the memory is full at first.
    pub(super) start: T,
    pub(super) memory: &'a mut [T],
    /// All pixels, from the plane of the rows on, without so many of its first.
    pub(super) pixels: &'a [T],
    pub(super) skipped: usize,
    pub(super) outputs: Outputs<'a, T>,
    /// Whether a pixel may be NaN; windows with one in them then do not have it.
    pub(super) is_suspect: &'a mut bool,
}

impl<T: Element> SmallRows<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd, O: Merge<T>>(self, simd: S) {
        match self.small.problem.axes[2].stride() {
            1 => self.strided::<S, O, 1>(simd),
            _ => self.strided::<S, O, 2>(simd),
        }
    }

    /// Takes it that there is no NaN, and says where there may be.
    #[inline(always)]
    fn strided<S: Simd, O: Merge<T>, const STRIDE: usize>(mut self, simd: S) {
        let nans = self.rows::<S, O::Plain, STRIDE>(simd);
        *self.is_suspect = O::HAS_PLAIN && !nans.simd_eq(nans).all_true();
    }

    /// What is returned has NaN where a pixel is NaN, and perhaps where one is infinite.
    #[inline(always)]
    fn rows<S: Simd, O: Merge<T>, const STRIDE: usize>(&mut self, simd: S) -> T::Pixels<S> {
        if const { O::EXACT && STRIDE == 1 && T::Pixels::<S>::LEN >= LEAST_LANES } {
            match self.outputs.length.div_ceil(T::Pixels::<S>::LEN) {
                1 => return self.short::<S, O, 1>(simd),
                2 => return self.short::<S, O, 2>(simd),
                _ => {}
            }
        }
        let Self { small, start, memory, pixels, skipped, outputs, .. } = self;
        let (lanes, pitch) = (T::Pixels::<S>::LEN, small.pitch);
        let columns = &small.problem.axes[2];
        let across = Across::<S, T, STRIDE>::new(simd, columns, *start);
        let (source, ring) = memory.split_at_mut(small.ring);
        let (padding, copy) = source.split_at_mut(small.copy);
        let rows = (outputs.part.rows - 1) * STRIDE + SIZE;
        let given = (*pixels, *skipped);
        let (mut source, padded) = RowSource::new(&small.problem, outputs.part, rows, across.reach, given, copy);
        // Registers that lie across two lines of the cache take twice as long to store.
        let line = cache::before_line(ring);
        let (ring, divisors) = ring[line..].split_at_mut(SIZE * pitch);
        let (divisors, spare) = divisors.split_at_mut(2 * pitch);
        let (one, other) = divisors.split_at_mut(pitch);
        // The merged rows, the oldest first.
        let mut ring_rows = ring.chunks_exact_mut(pitch);
        let mut ring: [&mut [T]; SIZE] = array::from_fn(|_| ring_rows.next().unwrap_or_default());
        let length = outputs.length.next_multiple_of(lanes);
        let mut nans = T::Pixels::<S>::splat(simd, T::default());
        let (mut done, mut divided_by) = (0, 0);
        for row in 0..outputs.part.rows {
            if O::COUNTED && divided_by != outputs.of_row(row) {
                divided_by = outputs.of_row(row);
                divide_by::<S, T, O>(simd, outputs.counts, divided_by, [&mut *one, &mut *other]);
            }
            while done < row * STRIDE + SIZE {
                turn(&mut ring);
                let is_last = done == row * STRIDE + SIZE - 1;
                let at = row * outputs.length;
                let (output, is_spare) = match outputs.output.get_mut(at..at + length) {
                    Some(output) if is_last => (output, false),
                    // There is no room behind the last rows; and the others have no outputs yet.
                    _ => (&mut spare[..length], true),
                };
                let (merged, above) = ring.split_last_mut().expect("windows have rows");
                let above = [&above[0][..length], &above[1][..length]];
                let row = RowSlices {
                    above,
                    divisors: [&one[..length], &other[..length]],
                    merged: &mut merged[..length],
                    output,
                };
                let pixels = if done < padded { None } else { source.next() }.unwrap_or(padding);
                nans = match is_last {
                    true => across.merge::<O, true>(pixels, nans, row),
                    false => across.merge::<O, false>(pixels, nans, row),
                };
                if is_last && is_spare {
                    outputs.output[at..][..outputs.length].copy_from_slice(&spare[..outputs.length]);
                }
                done += 1;
            }
        }
        nans
    }
}

/// Makes the oldest row of the ring the last, for a new one.
#[inline(always)]
fn turn<T>(ring: &mut [&mut [T]; SIZE]) {
    for slot in 1..SIZE {
        ring.swap(slot - 1, slot);
    }
}

/// What goes with a row of pixels, in whole registers of windows.
struct RowSlices<'a, T> {
    /// The merged rows above it.
    above: [&'a [T]; 2],
    /// What windows are divided by, if they are.
    divisors: [&'a [T]; 2],
    /// Where it goes itself, merged; and the outputs whose last row it is, if it is that.
    merged: &'a mut [T],
    output: &'a mut [T],
}

/// What the windows of a row are divided by.
#[inline(always)]
fn divide_by<S: Simd, T: Element, O: Merge<T>>(
    simd: S,
    counts: &ColumnCounts<T>,
    of_row: usize,
    divisors: [&mut [T]; 2],
) {
    let lanes = T::Pixels::<S>::LEN;
    let factor = T::Pixels::<S>::splat(simd, T::number(of_row, false));
    let one = T::Pixels::<S>::splat(simd, T::number(1, false));
    let [first, second] = divisors;
    for column in (0..counts.columns.len() - MARGIN).step_by(lanes) {
        let number = T::Pixels::<S>::from_slice(simd, &counts.columns[column..][..lanes]);
        let [one, other] = O::divisor(simd, O::divided::<S>(number, factor, one, true));
        one.store_slice(&mut first[column..][..lanes]);
        other.store_slice(&mut second[column..][..lanes]);
    }
}

impl<S: Simd, T: Element, const STRIDE: usize> Across<S, T, STRIDE> {
    /// Merges a row, which begins with the padding before it, or what stands in its place; and where it is the last of its windows,
    /// writes the outputs.
    #[inline(always)]
    fn merge<O: Merge<T>, const IS_LAST: bool>(
        &self,
        source: &[T],
        nans: T::Pixels<S>,
        mut row: RowSlices<'_, T>,
    ) -> T::Pixels<S> {
        let Self { start, registers, .. } = *self;
        let step = STRIDE * T::Pixels::<S>::LEN;
        // Blocks between the ends lie within the row.
        let inner = 1..registers.max(2) - 1;
        let (mut here, mut nans) = self.block::<O>(&source[..step], Some(0), nans);
        for block in inner {
            let next;
            (next, nans) = self.block::<O>(&source[block * step..][..step], None, nans);
            self.put::<O, IS_LAST>(&mut row, block - 1, here, next);
            here = next;
        }
        for (within, block) in [(1, registers - 1), (2, registers)] {
            if block == 0 || block > registers {
                continue;
            }
            let mut next = [start; 2];
            if block < self.blocks {
                (next, nans) = self.block::<O>(&source[block * step..][..step], Some(within), nans);
            }
            self.put::<O, IS_LAST>(&mut row, block - 1, here, next);
            here = next;
        }
        nans
    }

    /// Merges the pixels of a register of windows, of a block and the next, and writes what comes of them.
    #[inline(always)]
    fn put<O: Merge<T>, const IS_LAST: bool>(
        &self,
        row: &mut RowSlices<'_, T>,
        register: usize,
        here: [T::Pixels<S>; 2],
        next: [T::Pixels<S>; 2],
    ) {
        let (simd, lanes) = (self.simd, T::Pixels::<S>::LEN);
        let at = register * lanes;
        let result = match STRIDE {
            1 => self.three::<O>(here[0], next[0]),
            _ => O::merge(simd, O::merge(simd, here[0], here[1]), here[0].slide::<1>(next[0])),
        };
        result.store_slice(&mut row.merged[at..][..lanes]);
        if IS_LAST {
            let load = |numbers: &[T]| T::Pixels::<S>::from_slice(simd, &numbers[at..][..lanes]);
            let [first, last] = row.above;
            let above = O::merge(simd, load(first), load(last));
            let whole = O::merge(simd, above, result);
            let finished = match O::COUNTED {
                true => O::divided_by::<S>(whole, [load(row.divisors[0]), load(row.divisors[1])]),
                false => O::finish::<S>(whole),
            };
            finished.store_slice(&mut row.output[at..][..lanes]);
        }
    }
}
