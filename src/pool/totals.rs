//! The kernel that reduces a box of pixels to one value, as many boxes at a time as a register has lanes.
//!
//! The pixels of a box are merged by lanes, in no order; then a square of registers, a box each, is folded into one register, a
//! lane each. A sum is taken in pairs of stretches, as `pairwise_sum` in `reduction.rs` takes it. Where the order decides, among
//! zeros of either sign and NaNs, the box is gone through once more.

use super::kernels::Kernels;
use super::operation::Merge;
use crate::simd::{Mask, Pixel, Select, Simd, Vector};

/// As many lanes as any register has.
pub(super) const MOST_LANES: usize = 64;

/// Stretches of a box that are summed pair by pair: more than any memory holds.
const STRETCHES: usize = 48;

/// Where the pixels of a box are: rows of so many neighbours, `[plane, row]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) rows: usize,
    pub(super) pitch: usize,
    pub(super) planes: usize,
    pub(super) plane_pitch: usize,
}

impl Rows {
    #[inline(always)]
    fn of<T>(self, pixels: &[T]) -> impl Iterator<Item = &[T]> {
        (0..self.planes * self.rows).map(move |row| {
            let (plane, row) = if self.planes == 1 { (0, row) } else { (row / self.rows, row % self.rows) };
            &pixels[self.start + plane * self.plane_pitch + row * self.pitch..][..self.length]
        })
    }
}

/// Some boxes, at most as many as a register has lanes.
pub struct Totals<'a, T> {
    pub(super) pixels: &'a [T],
    pub(super) boxes: &'a [Rows],
    /// The number of pixels of each.
    pub(super) counts: [T; MOST_LANES],
    pub(super) start: T,
    /// One value for each box.
    pub(super) output: &'a mut [T],
}

impl<T: Kernels> Totals<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd, O: Merge<T>>(self, simd: S) {
        let start = T::Pixels::<S>::splat(simd, self.start);
        let mut totals = [start; MOST_LANES];
        let mut nan = 0_u64;
        for (number, rows) in self.boxes.iter().enumerate() {
            let (total, watched) = total::<S, T, O>(simd, rows, self.pixels, start);
            totals[number] = total;
            if O::HAS_PLAIN && !watched.simd_eq(watched).all_true() {
                nan |= 1 << number;
            }
        }
        let folded = match T::Pixels::<S>::LEN {
            64 => fold::<S, T, O, 64>(simd, &mut totals),
            32 => fold::<S, T, O, 32>(simd, &mut totals),
            16 => fold::<S, T, O, 16>(simd, &mut totals),
            8 => fold::<S, T, O, 8>(simd, &mut totals),
            4 => fold::<S, T, O, 4>(simd, &mut totals),
            2 => fold::<S, T, O, 2>(simd, &mut totals),
            _ => totals[0],
        };
        let finished = match O::COUNTED {
            true => {
                let counts = T::Pixels::<S>::from_slice(simd, &self.counts[..T::Pixels::<S>::LEN]);
                let one = T::Pixels::<S>::splat(simd, T::number(1, false));
                O::divided::<S>(folded, counts, one, false)
            }
            false => O::finish::<S>(folded),
        };
        let values = finished.as_slice();
        for (number, (place, rows)) in self.output.iter_mut().zip(self.boxes).enumerate() {
            *place = values[number];
            let in_order = O::HAS_PLAIN && T::HAS_ORDER && (nan >> number & 1 == 1 || values[number] == T::default());
            if in_order {
                pick::<T, O>(rows, self.pixels, place);
            }
        }
    }
}

/// Picks a pixel in order.
#[cold]
#[inline(never)]
fn pick<T: Kernels, O: Merge<T>>(rows: &Rows, pixels: &[T], place: &mut T) {
    if let Some(picked) = O::pick(rows.of(pixels).flatten().copied()) {
        *place = picked;
    }
}

/// Merges the pixels of a box by lanes. The second value has NaN where one of the pixels is NaN, and perhaps where one is infinite.
#[inline(always)]
fn total<S: Simd, T: Pixel, O: Merge<T>>(
    simd: S,
    rows: &Rows,
    pixels: &[T],
    start: T::Pixels<S>,
) -> (T::Pixels<S>, T::Pixels<S>) {
    const WIDE: usize = 8;
    const STRETCH: usize = 8;
    let lanes = T::Pixels::<S>::LEN;
    let nothing = T::Pixels::<S>::splat(simd, T::default());
    let (mut merged, mut watched) = (start, nothing);
    // A stretch of number n is merged with those before it as often as n ends in ones in binary.
    let mut stretches = [start; STRETCHES];
    let mut count = 0_usize;
    for (row, pixels) in rows.of(pixels).enumerate() {
        let mut rest = pixels;
        while rest.len() >= WIDE * STRETCH * lanes {
            let (stretch, behind) = rest.split_at(WIDE * STRETCH * lanes);
            let mut sums = [start; WIDE];
            for pixels in stretch.chunks_exact(WIDE * lanes) {
                for register in 0..WIDE {
                    let pixels = T::Pixels::<S>::from_slice(simd, &pixels[register * lanes..][..lanes]);
                    sums[register] = O::Plain::merge(simd, sums[register], O::enter::<S>(pixels));
                    watched = T::watched::<S>(watched, pixels);
                }
            }
            let mut sum = sums[0];
            for register in 1..WIDE {
                sum = O::Plain::merge(simd, sum, sums[register]);
            }
            push::<S, T, O>(simd, &mut stretches, &mut count, sum);
            rest = behind;
        }
        while let Some((register, behind)) = rest.split_at_checked(lanes) {
            let register = T::Pixels::<S>::from_slice(simd, register);
            merged = O::Plain::merge(simd, merged, O::enter::<S>(register));
            watched = T::watched::<S>(watched, register);
            rest = behind;
        }
        if !rest.is_empty() {
            let last = last::<S, T>(simd, pixels, rest.len(), start);
            merged = O::Plain::merge(simd, merged, O::enter::<S>(last));
            watched = T::watched::<S>(watched, last);
        }
        if row % 16 == 15 {
            push::<S, T, O>(simd, &mut stretches, &mut count, merged);
            merged = start;
        }
    }
    for level in 0..STRETCHES {
        if count >> level & 1 == 1 {
            merged = O::Plain::merge(simd, merged, stretches[level]);
        }
    }
    (merged, watched)
}

/// Adds one stretch: those that are complete on each level are merged in pairs.
#[inline(always)]
fn push<S: Simd, T: Pixel, O: Merge<T>>(
    simd: S,
    stretches: &mut [T::Pixels<S>; STRETCHES],
    count: &mut usize,
    mut stretch: T::Pixels<S>,
) {
    let mut level = 0;
    while *count >> level & 1 == 1 {
        stretch = O::Plain::merge(simd, stretches[level], stretch);
        level += 1;
    }
    stretches[level] = stretch;
    *count += 1;
}

/// The last pixels of a row, fewer than a register has lanes; `start` in the other lanes.
#[inline(always)]
fn last<S: Simd, T: Pixel>(simd: S, row: &[T], count: usize, start: T::Pixels<S>) -> T::Pixels<S> {
    let lanes = T::Pixels::<S>::LEN;
    match row.len().checked_sub(lanes) {
        Some(at) => {
            let pixels = T::Pixels::<S>::from_slice(simd, &row[at..]);
            T::lane_numbers(simd).simd_lt(T::lane_number(simd, lanes - count)).select(start, pixels)
        }
        None => {
            let mut pixels = start;
            pixels.as_mut_slice()[..count].copy_from_slice(row);
            pixels
        }
    }
}

/// Folds a square of registers into one: lane `i` has what register `i` comes to. Zipping the first half of the registers with the
/// second halves the lanes that each has; the pairs are such that the lanes end in order.
#[inline(always)]
fn fold<S: Simd, T: Pixel, O: Merge<T>, const LANES: usize>(
    simd: S,
    registers: &mut [T::Pixels<S>; MOST_LANES],
) -> T::Pixels<S> {
    let mut half = LANES / 2;
    while half > 0 {
        for register in 0..half {
            let (one, other) = (registers[register], registers[register + half]);
            registers[register] = O::Plain::merge(simd, one.zip_low(other), one.zip_high(other));
        }
        half /= 2;
    }
    registers[0]
}
