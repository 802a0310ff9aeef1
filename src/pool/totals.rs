//! The kernel that reduces a box of pixels to one value, as many boxes at a time as a register has lanes.
//!
//! The pixels of a box are merged by lanes, in no order; then a square of registers, a box each, is folded into one register, a
//! lane each. A sum is taken in pairs of stretches. Where the order decides, among
//! zeros of either sign and NaNs, the box is gone through once more.

use std::hint::black_box;
use std::ops::Range;

use super::boxed::BoxLayout;
use super::operation::{Merge, by_operation};
use super::stretches::{Stretches, halved};
use crate::Element;
use crate::simd::cache::Ahead;
use crate::simd::{Pixel, Select, Simd, SimdMask, Vector};

// It waits for memory.
by_operation!(Totals by run_narrow);

/// The registers of a stretch, and the sums that it is taken in.
pub(super) const STRETCH: usize = 64;
pub(super) const WIDE: usize = 8;

/// Planes of so few registers that a loop through them would take as long as what it does are unrolled, where registers have so many
/// lanes at most: planes of 7×7 pixels have three registers before the last, or six, and those of 8×8 have seven at most.
const UNROLLED: usize = 16;

/// Planes of any number of registers.
const ANY: usize = 0;

/// What pixels come to by lanes, and beside it [`Pixel::nans`], which remembers NaN where the merge would lose it.
type Sum<S, T> = (<T as Pixel>::Pixels<S>, <T as Pixel>::Pixels<S>);

/// Where the pixels of a box are: rows of so many neighbours, `[plane, row]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxRows {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) count: usize,
    pub(super) pitch: usize,
    pub(super) planes: usize,
    pub(super) plane_pitch: usize,
}

impl BoxRows {
    #[inline(always)]
    pub(super) fn of<T>(self, pixels: &[T]) -> impl Iterator<Item = &[T]> {
        self.ranges().map(move |row| &pixels[row])
    }

    #[inline(always)]
    pub(super) fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        (0..self.planes * self.count).map(move |row| {
            let (plane, row) = if self.planes == 1 { (0, row) } else { (row / self.count, row % self.count) };
            let start = self.start + plane * self.plane_pitch + row * self.pitch;
            start..start + self.length
        })
    }

    pub(super) fn pixels(&self) -> usize {
        self.length * self.count * self.planes
    }
}

/// Some boxes that follow each other.
pub(super) struct Totals<'a, T> {
    pub(super) pixels: &'a [T],
    pub(super) boxes: &'a BoxLayout,
    /// The number of the first box.
    pub(super) first: usize,
    pub(super) start: T,
    /// One value for each box.
    pub(super) output: &'a mut [T],
}

impl<T: Element> Totals<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd, O: Merge<T>>(self, simd: S) {
        match T::Pixels::<S>::LEN {
            64 => self.groups::<S, O, 64>(simd),
            32 => self.groups::<S, O, 32>(simd),
            16 => self.groups::<S, O, 16>(simd),
            8 => self.groups::<S, O, 8>(simd),
            4 => self.groups::<S, O, 4>(simd),
            2 => self.groups::<S, O, 2>(simd),
            _ => self.groups::<S, O, 1>(simd),
        }
    }

    #[inline(always)]
    fn groups<S: Simd, O: Merge<T>, const LANES: usize>(self, simd: S) {
        let start = T::Pixels::<S>::splat(simd, self.start);
        let one = T::Pixels::<S>::splat(simd, T::number(1, false));
        let mut totals = [start; LANES];
        let planes = self.boxes.whole_planes().and_then(|length| SmallPlanes::<S, T, LANES>::new(simd, length, start));
        let mut counts = [planes.as_ref().map_or(T::default(), |planes| T::number(planes.length, false)); LANES];
        let mut ahead = Ahead::of(self.pixels);
        for (group, output) in self.output.chunks_mut(LANES).enumerate() {
            let first = self.first + group * LANES;
            let mut nan = 0_u64;
            let folded = match &planes {
                Some(planes) if output.len() == LANES => {
                    planes.totals::<O>(simd, &self.pixels[first * planes.length..], &mut nan)
                }
                _ => {
                    for number in 0..output.len() {
                        let rows = self.boxes.rows(first + number);
                        if O::COUNTED {
                            counts[number] = T::number(rows.pixels(), false);
                        }
                        let (total, nans) = total::<S, T, O>(simd, &rows, self.pixels, start, &mut ahead);
                        totals[number] = total;
                        if O::HAS_PLAIN && !nans.simd_eq(nans).all_true() {
                            nan |= 1 << number;
                        }
                    }
                    fold::<S, T, O>(simd, &mut totals)
                }
            };
            // By a division, however many registers there are: an inverse in two parts gives other bits where sums are near the least number.
            let finished = match O::COUNTED {
                true => O::divided::<S>(folded, T::Pixels::<S>::from_slice(simd, &counts), one, false),
                false => O::finish::<S>(folded),
            };
            // A copy of a length that a compiler does not know is a call.
            match output.len() == LANES {
                true => finished.store_slice(output),
                false => output.copy_from_slice(&finished.as_slice()[..output.len()]),
            }
            if O::HAS_PLAIN && T::HAS_ORDER {
                for (number, place) in output.iter_mut().enumerate() {
                    if nan >> number & 1 == 1 || *place == T::default() {
                        pick::<T, O>(&self.boxes.rows(first + number), self.pixels, place);
                    }
                }
            }
        }
    }
}

/// Planes of one box each, and of few pixels, but more than a register holds: as many as a register has lanes, side by side. Where
/// fewer are left, each is taken alone by [`few`], which merges the same lanes in the same order: how planes are shared among threads
/// changes no bit.
struct SmallPlanes<S: Simd, T: Pixel, const LANES: usize> {
    length: usize,
    start: T::Pixels<S>,
    /// The lanes that the last register of a plane has of it alone: it ends with the plane, over the one before it.
    last: <T::Pixels<S> as Vector<S>>::Mask,
}

impl<S: Simd, T: Pixel, const LANES: usize> SmallPlanes<S, T, LANES> {
    /// `None` where a plane is better read in stretches, or where registers have a single lane.
    #[inline(always)]
    fn new(simd: S, length: usize, start: T::Pixels<S>) -> Option<Self> {
        if LANES == 1 || !(LANES + 1..STRETCH * LANES).contains(&length) {
            return None;
        }
        let over = LANES - 1 - (length - 1) % LANES;
        let last = T::lane_numbers(simd).simd_ge(T::lane_number(simd, over));
        Some(Self { length, start, last })
    }

    /// What the next planes come to, a lane each, and which of them have NaN.
    #[inline(always)]
    fn totals<O: Merge<T>>(&self, simd: S, pixels: &[T], nan: &mut u64) -> T::Pixels<S> {
        if const { LANES > UNROLLED || !O::IS_COMMON } {
            return self.totals_of::<O, ANY>(simd, pixels, nan);
        }
        match (self.length - 1) / LANES {
            1 => self.totals_of::<O, 1>(simd, pixels, nan),
            2 => self.totals_of::<O, 2>(simd, pixels, nan),
            3 => self.totals_of::<O, 3>(simd, pixels, nan),
            4 => self.totals_of::<O, 4>(simd, pixels, nan),
            6 => self.totals_of::<O, 6>(simd, pixels, nan),
            7 => self.totals_of::<O, 7>(simd, pixels, nan),
            _ => self.totals_of::<O, ANY>(simd, pixels, nan),
        }
    }

    /// The same, where every plane has so many registers before the last. They are read in order, and the first step of [`fold`] is
    /// done as they come.
    #[inline(always)]
    fn totals_of<O: Merge<T>, const WHOLE: usize>(&self, simd: S, pixels: &[T], nan: &mut u64) -> T::Pixels<S> {
        let mut registers = [self.start; LANES];
        let pairs = pixels.chunks_exact(2 * self.length);
        for (number, (register, pair)) in registers[..LANES / 2].iter_mut().zip(pairs).enumerate() {
            let (one, nan_in_one) = self.total::<O, WHOLE>(simd, &pair[..self.length]);
            let (other, nan_in_other) = self.total::<O, WHOLE>(simd, &pair[self.length..]);
            *register = folded::<S, T, O>(simd, one, other);
            *nan |= (u64::from(nan_in_one) | u64::from(nan_in_other) << 1) << (2 * number);
        }
        fold::<S, T, O>(simd, &mut registers[..LANES / 2])
    }

    /// What one plane comes to by lanes, and whether one of its pixels is NaN, or perhaps infinite.
    #[inline(always)]
    fn total<O: Merge<T>, const WHOLE: usize>(&self, simd: S, plane: &[T]) -> (T::Pixels<S>, bool) {
        let mut sum = (self.start, T::Pixels::<S>::splat(simd, T::default()));
        let whole = if WHOLE == ANY { (plane.len() - 1) / LANES } else { WHOLE };
        for register in plane[..whole * LANES].chunks_exact(LANES) {
            sum = merged::<S, T, O>(simd, sum, T::Pixels::<S>::from_slice(simd, register));
        }
        let register = T::Pixels::<S>::from_slice(simd, &plane[plane.len() - LANES..]);
        let (sum, nans) = merged::<S, T, O>(simd, sum, self.last.select(register, self.start));
        (sum, O::HAS_PLAIN && !nans.simd_eq(nans).all_true())
    }
}

/// Picks a pixel in order.
#[cold]
#[inline(never)]
fn pick<T: Element, O: Merge<T>>(rows: &BoxRows, pixels: &[T], place: &mut T) {
    if let Some(picked) = O::pick(rows.of(pixels).flatten().copied()) {
        *place = picked;
    }
}

/// Merges the pixels of a box by lanes.
#[inline(always)]
fn total<S: Simd, T: Pixel, O: Merge<T>>(
    simd: S,
    rows: &BoxRows,
    pixels: &[T],
    start: T::Pixels<S>,
    ahead: &mut Ahead,
) -> Sum<S, T> {
    let nothing = T::Pixels::<S>::splat(simd, T::default());
    let mut sum = (start, nothing);
    if rows.count * rows.planes == 1 && rows.length < STRETCH * T::Pixels::<S>::LEN {
        return few::<S, T, O>(simd, &pixels[rows.start..][..rows.length], start, sum);
    }
    let mut stretches = Stretches::new(
        start,
        #[inline(always)]
        |one, other| O::Plain::merge(simd, one, other),
    );
    for (row, mut pixels) in rows.of(pixels).enumerate() {
        let stretch = STRETCH * T::Pixels::<S>::LEN;
        while pixels.len() >= stretch {
            // What rounds nothing needs no pairs.
            let length = if O::Plain::EXACT { pixels.len() / stretch * stretch } else { stretch };
            let (merged, nans) = whole_stretch::<S, T, O>(simd, pixels, length, start, ahead);
            sum.1 = T::nans::<S>(sum.1, nans);
            stretches.push(merged);
            pixels = &pixels[length..];
        }
        sum = few::<S, T, O>(simd, pixels, start, sum);
        if row % 16 == 15 {
            stretches.push(sum.0);
            sum.0 = start;
        }
    }
    (stretches.with(&mut [sum.0]), sum.1)
}

/// A stretch of so many pixels, in several sums side by side, so that none waits for the one before.
#[inline(always)]
fn whole_stretch<S: Simd, T: Pixel, O: Merge<T>>(
    simd: S,
    pixels: &[T],
    length: usize,
    start: T::Pixels<S>,
    ahead: &mut Ahead,
) -> Sum<S, T> {
    let lanes = T::Pixels::<S>::LEN;
    let mut sums = [start; WIDE];
    let mut nans = [T::Pixels::<S>::splat(simd, T::default()); WIDE];
    // A compiler that knew how many steps there are would put them in another order, and memory is read the fastest in its own.
    for at in (0..black_box(length)).step_by(WIDE * lanes) {
        let pixels = &pixels[at..];
        ahead.read(pixels);
        for register in 0..WIDE {
            let pixels = T::Pixels::<S>::from_slice(simd, &pixels[register * lanes..][..lanes]);
            sums[register] = O::Plain::merge(simd, sums[register], O::enter::<S>(pixels));
            nans[register] = T::nans::<S>(nans[register], pixels);
        }
    }
    let sum = halved(
        &mut sums,
        #[inline(always)]
        |one, other| O::Plain::merge(simd, one, other),
    );
    (sum, halved(&mut nans, T::nans::<S>))
}

/// Merges the rest of a row, shorter than a stretch, register by register.
#[inline(always)]
fn few<S: Simd, T: Pixel, O: Merge<T>>(simd: S, row: &[T], start: T::Pixels<S>, mut sum: Sum<S, T>) -> Sum<S, T> {
    let mut registers = row.chunks_exact(T::Pixels::<S>::LEN);
    for register in registers.by_ref() {
        sum = merged::<S, T, O>(simd, sum, T::Pixels::<S>::from_slice(simd, register));
    }
    if !registers.remainder().is_empty() {
        sum = merged::<S, T, O>(simd, sum, last::<S, T>(simd, row, registers.remainder().len(), start));
    }
    sum
}

/// Merges one more register of pixels: `enter` makes of a pixel what is merged (its square, its power).
#[inline(always)]
fn merged<S: Simd, T: Pixel, O: Merge<T>>(simd: S, (sum, nans): Sum<S, T>, register: T::Pixels<S>) -> Sum<S, T> {
    (O::Plain::merge(simd, sum, O::enter::<S>(register)), T::nans::<S>(nans, register))
}

/// A register with the last `count` pixels of a row, and in all other lanes `start`, which changes nothing. Where the row fills a register,
/// it is loaded over pixels that were merged before, whose lanes are then blanked; otherwise the `count` pixels are the row.
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

/// Folds a square of registers into one: lane `i` has what register `i` comes to.
#[inline(always)]
fn fold<S: Simd, T: Pixel, O: Merge<T>>(simd: S, registers: &mut [T::Pixels<S>]) -> T::Pixels<S> {
    let mut count = registers.len() / 2;
    while count > 0 {
        for pair in 0..count {
            registers[pair] = folded::<S, T, O>(simd, registers[2 * pair], registers[2 * pair + 1]);
        }
        count /= 2;
    }
    registers[0]
}

/// Two registers whose neighbouring lanes are merged: those of the one, and behind them those of the other.
#[inline(always)]
fn folded<S: Simd, T: Pixel, O: Merge<T>>(simd: S, one: T::Pixels<S>, other: T::Pixels<S>) -> T::Pixels<S> {
    O::Plain::merge(simd, one.unzip_low(other), one.unzip_high(other))
}
