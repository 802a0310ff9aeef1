//! Small square windows: each row of pixels is merged by windows once, straight from the input, and the rows under a window then.
//!
//! ```text
//!     for each row of pixels under the band
//!         ring[…] ← pixels under one row of each window, merged
//!         if it is the last under a row of outputs
//!             outputs ← ring[…] ∘ ring[…] ∘ …
//! ```
//!
//! A row is taken a block at a time: as many neighbours as make a register of windows. What a window has of the next block slides in
//! from its registers. Rows are read in the order in which they lie, for so they come from memory the fastest.

use super::counts::Counts;
use super::kernels::Kernels;
use super::operation::Merge;
use super::outputs::Outputs;
use super::problem::Problem;
use super::tiles::MARGIN;
use crate::cache::LINE;
use crate::simd::{Outgrown, Select, Simd, SimdMask, Vector, load_pixels};

/// Windows of 2×2 or 3×3, and the memory that a thread needs for them.
#[derive(Debug, Clone)]
pub(super) struct Small {
    pub(super) problem: Problem,
    /// Where the memory has room for the pixels of a row, the padding before them included. Before that is a row of padding.
    copy: usize,
    /// Where it has the merged rows: the ring, and two rows that means are divided by.
    ring: usize,
    pitch: usize,
    pub(super) memory: usize,
}

impl Small {
    /// `None` for other windows.
    pub(super) fn new(problem: &Problem) -> Option<Self> {
        let [planes, rows, columns] = &problem.axes;
        let alike = |axis: &crate::window::Axis| (axis.size(), axis.stride(), axis.dilation());
        let fits = matches!(alike(columns), (2, 2, 1) | (3, 1 | 2, 1)) && alike(rows) == alike(columns);
        if !fits || planes.size() != 1 {
            return None;
        }
        let outputs = columns.outputs();
        // Kernels read up to the end of the block behind the last.
        let copy = outputs.checked_mul(columns.stride())?.checked_add(2 * MARGIN)?;
        let pitch = outputs.next_multiple_of(LINE) + LINE;
        let ring = 2 * copy;
        // The ring may have to be moved by a line of the cache, to begin with one.
        let memory = pitch.checked_mul(rows.size() + 2)?.checked_add(ring + LINE)?;
        Some(Self { problem: problem.clone(), copy, ring, pitch, memory })
    }
}

/// Some rows of outputs of one plane.
pub struct Rows<'a, T> {
    pub(super) small: &'a Small,
    /// The pixel that changes nothing, of which the memory is full at first.
    pub(super) start: T,
    pub(super) memory: &'a mut [T],
    /// All pixels, from the plane of the rows on.
    pub(super) pixels: &'a [T],
    pub(super) outputs: Outputs<'a, T>,
}

impl<T: Kernels> Rows<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd, O: Merge<T>>(self, simd: S) {
        let columns = &self.small.problem.axes[2];
        match (columns.size(), columns.stride()) {
            (2, _) => self.sized::<S, O, 2, 2>(simd),
            (_, 1) => self.sized::<S, O, 3, 1>(simd),
            _ => self.sized::<S, O, 3, 2>(simd),
        }
    }

    /// Takes it that there is no NaN, and does it once more where there is.
    #[inline(always)]
    fn sized<S: Simd, O: Merge<T>, const SIZE: usize, const STRIDE: usize>(mut self, simd: S) {
        if Outgrown::<S>::BASELINE {
            let watched = self.rows::<S, O::Plain, SIZE, STRIDE>(simd);
            if O::HAS_PLAIN && !watched.simd_eq(watched).all_true() {
                self.rows::<S, O, SIZE, STRIDE>(simd);
            }
        } else {
            self.rows::<S, O, SIZE, STRIDE>(simd);
        }
    }

    /// What is returned has NaN where a pixel is NaN, and perhaps where one is infinite.
    #[inline(always)]
    fn rows<S: Simd, O: Merge<T>, const SIZE: usize, const STRIDE: usize>(&mut self, simd: S) -> T::Pixels<S> {
        let Self { small, start, memory, pixels, outputs } = self;
        let columns = &small.problem.axes[2];
        let (before, length, pitch) = (columns.before(), columns.length(), small.pitch);
        let under = small.problem.under(outputs.part, 0);
        let across = Across::<S, T, STRIDE>::new(simd, small, *start);
        let (source, ring) = memory.split_at_mut(small.ring);
        let (padding, copy) = source.split_at_mut(small.copy);
        // Registers that lie across two lines of the cache take twice as long to store.
        let line = ring.as_ptr().align_offset(LINE).min(LINE);
        let (ring, divisors) = ring[line..].split_at_mut(SIZE * pitch);
        let (one, other) = divisors.split_at_mut(pitch);
        let mut divisors = [one, other];
        // Where the merged rows stand, the first of them the first under a window.
        let mut places = [0; SIZE];
        for slot in 1..SIZE {
            places[slot] = slot * pitch;
        }
        let mut watched = T::Pixels::<S>::splat(simd, T::default());
        let (mut done, mut divided_by) = (0, 0);
        for row in 0..outputs.part.rows {
            while done < row * STRIDE + SIZE {
                let source = match under.start(done) {
                    None => &*padding,
                    Some(at) => match at.checked_sub(before).and_then(|at| pixels.get(at..at + across.reach)) {
                        Some(pixels) => pixels,
                        // The first pixels of all, or the last: there is none before or behind them.
                        None => {
                            copy[before..][..length].copy_from_slice(&pixels[at..][..length]);
                            &*copy
                        }
                    },
                };
                let place = places[0];
                for slot in 1..SIZE {
                    places[slot - 1] = places[slot];
                }
                places[SIZE - 1] = place;
                watched = across.merge::<O, SIZE>(source, watched, &mut ring[place..][..pitch]);
                done += 1;
            }
            if O::COUNTED && !outputs.counts.inverted && divided_by != outputs.of_row(row) {
                divided_by = outputs.of_row(row);
                divide_by::<S, T, O>(simd, outputs.counts, divided_by, &mut divisors);
            }
            let mut merged = [&[][..]; SIZE];
            for slot in 0..SIZE {
                merged[slot] = &ring[places[slot]..][..pitch];
            }
            down::<S, T, O, SIZE>(simd, merged, [&*divisors[0], &*divisors[1]], outputs, row);
        }
        watched
    }
}

/// Merges the rows under one row of outputs, and writes these.
#[inline(always)]
fn down<S: Simd, T: Kernels, O: Merge<T>, const SIZE: usize>(
    simd: S,
    under: [&[T]; SIZE],
    divisors: [&[T]; 2],
    outputs: &mut Outputs<'_, T>,
    row: usize,
) {
    if O::COUNTED && !outputs.counts.inverted {
        return each::<S, T, O, SIZE>(
            simd,
            under,
            outputs,
            row,
            #[inline(always)]
            |_, merged, column| {
                let mut divisor = [merged; 2];
                for part in 0..2 {
                    divisor[part] = T::Pixels::<S>::from_slice(simd, &divisors[part][column..][..T::Pixels::<S>::LEN]);
                }
                O::divided_by::<S>(merged, divisor)
            },
        );
    }
    let of_row = outputs.count_of_row::<S, O>(simd, row);
    each::<S, T, O, SIZE>(
        simd,
        under,
        outputs,
        row,
        #[inline(always)]
        |outputs, merged, column| outputs.finished::<S, O>(simd, merged, column, of_row),
    );
}

/// Merges the rows under one row of outputs register by register, and stores what `finish` makes of them and their column.
#[inline(always)]
fn each<S: Simd, T: Kernels, O: Merge<T>, const SIZE: usize>(
    simd: S,
    under: [&[T]; SIZE],
    outputs: &mut Outputs<'_, T>,
    row: usize,
    finish: impl Fn(&Outputs<'_, T>, T::Pixels<S>, usize) -> T::Pixels<S>,
) {
    let lanes = T::Pixels::<S>::LEN;
    for column in (0..outputs.length).step_by(lanes) {
        let mut merged = T::Pixels::<S>::from_slice(simd, &under[0][column..][..lanes]);
        for next in 1..SIZE {
            merged = O::merge(simd, merged, T::Pixels::<S>::from_slice(simd, &under[next][column..][..lanes]));
        }
        outputs.store::<S>(finish(outputs, merged, column), row, column);
    }
}

/// What the windows of a row are divided by.
#[inline(always)]
fn divide_by<S: Simd, T: Kernels, O: Merge<T>>(
    simd: S,
    counts: &Counts<T>,
    of_row: usize,
    divisors: &mut [&mut [T]; 2],
) {
    let lanes = T::Pixels::<S>::LEN;
    let one = T::Pixels::<S>::splat(simd, T::number(1, false));
    let factor = T::Pixels::<S>::splat(simd, T::number(of_row, false));
    for column in (0..counts.columns.len() - MARGIN).step_by(lanes) {
        let number = T::Pixels::<S>::from_slice(simd, &counts.columns[column..][..lanes]);
        let divisor = O::divisor(simd, O::divided::<S>(number, factor, one, true));
        for (part, parts) in divisor.into_iter().zip(&mut *divisors) {
            part.store_slice(&mut parts[column..][..lanes]);
        }
    }
}

/// The lanes of a block that are pixels of a row, not padding.
type Within<S, T> = <<T as crate::simd::Pixel>::Pixels<S> as Vector<S>>::Mask;

/// How the rows of pixels are merged.
struct Across<S: Simd, T: Kernels, const STRIDE: usize> {
    simd: S,
    start: T::Pixels<S>,
    /// Registers of windows.
    registers: usize,
    /// Blocks that have pixels, and how far they reach.
    blocks: usize,
    reach: usize,
    /// Of the first block, the last register's and the one behind it; all others lie within the row.
    within: [[Within<S, T>; STRIDE]; 3],
}

impl<S: Simd, T: Kernels, const STRIDE: usize> Across<S, T, STRIDE> {
    #[inline(always)]
    fn new(simd: S, small: &Small, start: T) -> Self {
        let columns = &small.problem.axes[2];
        let lanes = T::Pixels::<S>::LEN;
        let registers = columns.outputs().div_ceil(lanes);
        let end = columns.before() + columns.length();
        // Windows of no more than a stride have nothing of the next block.
        let behind = usize::from(columns.size() > STRIDE);
        let blocks = end.div_ceil(lanes * STRIDE).min(registers + behind);
        let mut within = [[Within::<S, T>::splat(simd, false); STRIDE]; 3];
        for (within, block) in within.iter_mut().zip([0, registers - 1, registers]) {
            for (register, within) in within.iter_mut().enumerate() {
                let first = (block * STRIDE + register) * lanes;
                let below = |end: usize| match end.saturating_sub(first) {
                    0 => 0,
                    count => u64::MAX >> (64 - count.min(lanes)),
                };
                *within = Within::<S, T>::from_bitmask(simd, below(end) & !below(columns.before()));
            }
        }
        let start = T::Pixels::<S>::splat(simd, start);
        Self { simd, start, registers, blocks, reach: blocks * lanes * STRIDE, within }
    }

    /// Merges a row; `source` begins with the padding before it, or what stands in its place.
    #[inline(always)]
    fn merge<O: Merge<T>, const SIZE: usize>(
        &self,
        source: &[T],
        mut watched: T::Pixels<S>,
        merged: &mut [T],
    ) -> T::Pixels<S> {
        let Self { simd, start, registers, .. } = *self;
        let lanes = T::Pixels::<S>::LEN;
        let mut here = [start; 2];
        let behind = usize::from(SIZE > STRIDE);
        for block in 0..registers + behind {
            let mut next = [start; STRIDE];
            if block < self.blocks {
                next = load_pixels::<S, T, STRIDE>(simd, &source[block * STRIDE * lanes..]);
                for register in 0..STRIDE {
                    watched = T::watched::<S>(watched, next[register]);
                }
                if block == 0 || block + 1 >= registers {
                    let within = if block == 0 { 0 } else { block + 2 - registers };
                    for register in 0..STRIDE {
                        next[register] = self.within[within][register].select(next[register], start);
                    }
                }
            }
            let (low, high) = (O::enter::<S>(next[0]), O::enter::<S>(next[STRIDE - 1]));
            let next = if STRIDE == 1 { [low, low] } else { [low.unzip_low(high), low.unzip_high(high)] };
            if block >= behind {
                let result = match (SIZE, STRIDE) {
                    (2, _) => O::merge(simd, next[0], next[1]),
                    (_, 1) => {
                        let two = O::merge(simd, here[0], here[0].slide::<1>(next[0]));
                        O::merge(simd, two, here[0].slide::<2>(next[0]))
                    }
                    _ => O::merge(simd, O::merge(simd, here[0], here[1]), here[0].slide::<1>(next[0])),
                };
                result.store_slice(&mut merged[(block - behind) * lanes..][..lanes]);
            }
            here = next;
        }
        watched
    }
}
