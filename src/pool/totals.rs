//! The kernel that reduces a box of pixels to one value, as many boxes at a time as a register has lanes.
//!
//! The pixels of a box are merged by lanes, in no order; then a square of registers, a box each, is folded into one register, a
//! lane each. A sum is taken in pairs of stretches. Where the order decides, among
//! zeros of either sign and NaNs, the box is gone through once more.

use std::hint::black_box;

use super::boxed::Layout;
use super::kernels::Kernels;
use super::operation::Merge;
use super::stretches::{Stretches, halved};
use crate::cache::Ahead;
use crate::simd::{Pixel, Select, Simd, SimdMask, Vector};

/// The registers of a stretch.
const STRETCH: usize = 64;

/// Where the pixels of a box are: rows of so many neighbours, `[plane, row]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) count: usize,
    pub(super) pitch: usize,
    pub(super) planes: usize,
    pub(super) plane_pitch: usize,
}

impl Rows {
    #[inline(always)]
    pub(super) fn of<T>(self, pixels: &[T]) -> impl Iterator<Item = &[T]> {
        (0..self.planes * self.count).map(move |row| {
            let (plane, row) = if self.planes == 1 { (0, row) } else { (row / self.count, row % self.count) };
            &pixels[self.start + plane * self.plane_pitch + row * self.pitch..][..self.length]
        })
    }
}

/// Some boxes that follow each other.
pub struct Totals<'a, T> {
    pub(super) pixels: &'a [T],
    pub(super) boxes: &'a Layout,
    /// The number of the first box.
    pub(super) first: usize,
    pub(super) start: T,
    /// One value for each box.
    pub(super) output: &'a mut [T],
}

impl<T: Kernels> Totals<'_, T> {
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
        let (mut totals, mut counts) = ([start; LANES], [T::default(); LANES]);
        let planes = self.boxes.whole_planes().and_then(|length| Planes::<S, T>::new(simd, length));
        if let Some(planes) = &planes {
            counts = [T::number(planes.length, false); LANES];
        }
        let mut ahead = Ahead::of(self.pixels);
        for (group, output) in self.output.chunks_mut(LANES).enumerate() {
            let first = self.first + group * LANES;
            let mut nan = 0_u64;
            for number in 0..output.len() {
                let (total, watched) = match &planes {
                    Some(planes) => {
                        let plane = &self.pixels[(first + number) * planes.length..][..planes.length];
                        planes.total::<O>(simd, plane, start)
                    }
                    None => {
                        let rows = self.boxes.rows(first + number);
                        if O::COUNTED {
                            counts[number] = T::number(rows.length * rows.count * rows.planes, false);
                        }
                        total::<S, T, O>(simd, &rows, self.pixels, start, &mut ahead)
                    }
                };
                totals[number] = total;
                if O::HAS_PLAIN && !watched.simd_eq(watched).all_true() {
                    nan |= 1 << number;
                }
            }
            let folded = fold::<S, T, O, LANES>(simd, &mut totals);
            let finished = match O::COUNTED {
                true => O::divided::<S>(folded, T::Pixels::<S>::from_slice(simd, &counts), one, false),
                false => O::finish::<S>(folded),
            };
            output.copy_from_slice(&finished.as_slice()[..output.len()]);
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

/// Planes of one box each, and of few pixels, but no fewer than a register holds: what is the same for all of them.
struct Planes<S: Simd, T: Pixel> {
    length: usize,
    /// The lanes that the last register of a plane has of it alone, where it lies over the one before it.
    last: Option<<T::Pixels<S> as Vector<S>>::Mask>,
}

impl<S: Simd, T: Pixel> Planes<S, T> {
    #[inline(always)]
    fn new(simd: S, length: usize) -> Option<Self> {
        let lanes = T::Pixels::<S>::LEN;
        if !(lanes..STRETCH * lanes).contains(&length) {
            return None;
        }
        let over = lanes - length % lanes;
        let last = (over < lanes).then(|| T::lane_numbers(simd).simd_ge(T::lane_number(simd, over)));
        Some(Self { length, last })
    }

    /// As [`total`].
    #[inline(always)]
    fn total<O: Merge<T>>(&self, simd: S, plane: &[T], start: T::Pixels<S>) -> (T::Pixels<S>, T::Pixels<S>) {
        let lanes = T::Pixels::<S>::LEN;
        let (mut merged, mut watched) = (start, T::Pixels::<S>::splat(simd, T::default()));
        for register in plane.chunks_exact(lanes) {
            let register = T::Pixels::<S>::from_slice(simd, register);
            merged = O::Plain::merge(simd, merged, O::enter::<S>(register));
            watched = T::watched::<S>(watched, register);
        }
        if let Some(own) = self.last {
            let register = own.select(T::Pixels::<S>::from_slice(simd, &plane[plane.len() - lanes..]), start);
            merged = O::Plain::merge(simd, merged, O::enter::<S>(register));
            watched = T::watched::<S>(watched, register);
        }
        (merged, watched)
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
    ahead: &mut Ahead,
) -> (T::Pixels<S>, T::Pixels<S>) {
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
            let (merged, watched) = whole_stretch::<S, T, O>(simd, pixels, length, start, ahead);
            sum.1 = T::watched::<S>(sum.1, watched);
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
) -> (T::Pixels<S>, T::Pixels<S>) {
    const WIDE: usize = 8;
    let lanes = T::Pixels::<S>::LEN;
    let mut sums = [start; WIDE];
    let mut watched = [T::Pixels::<S>::splat(simd, T::default()); WIDE];
    // A compiler that knew how many steps there are would put them in another order, and memory is read the fastest in its own.
    for at in (0..black_box(length)).step_by(WIDE * lanes) {
        let pixels = &pixels[at..];
        ahead.read(pixels);
        for register in 0..WIDE {
            let pixels = T::Pixels::<S>::from_slice(simd, &pixels[register * lanes..][..lanes]);
            sums[register] = O::Plain::merge(simd, sums[register], O::enter::<S>(pixels));
            watched[register] = T::watched::<S>(watched[register], pixels);
        }
    }
    let sum = halved(
        &mut sums,
        #[inline(always)]
        |one, other| O::Plain::merge(simd, one, other),
    );
    (sum, halved(&mut watched, T::watched::<S>))
}

/// Fewer pixels than a stretch, added to a sum.
#[inline(always)]
fn few<S: Simd, T: Pixel, O: Merge<T>>(
    simd: S,
    row: &[T],
    start: T::Pixels<S>,
    (mut merged, mut watched): (T::Pixels<S>, T::Pixels<S>),
) -> (T::Pixels<S>, T::Pixels<S>) {
    let lanes = T::Pixels::<S>::LEN;
    let mut registers = row.chunks_exact(lanes);
    for register in registers.by_ref() {
        let register = T::Pixels::<S>::from_slice(simd, register);
        merged = O::Plain::merge(simd, merged, O::enter::<S>(register));
        watched = T::watched::<S>(watched, register);
    }
    if !registers.remainder().is_empty() {
        let last = last::<S, T>(simd, row, registers.remainder().len(), start);
        merged = O::Plain::merge(simd, merged, O::enter::<S>(last));
        watched = T::watched::<S>(watched, last);
    }
    (merged, watched)
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
    registers: &mut [T::Pixels<S>; LANES],
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
