//! The kernel that computes a band of output rows by the passes laid down for it.

use std::ops::Range;

use super::kernels::Kernels;
use super::operation::{Merge, by_operation, merge_each};
use super::outputs::Outputs;
use super::passes::{Doubled, Passes, Spread};
use super::short::LEAST_LANES;
use super::tiles::{Step, WIDEST};
use crate::simd::{Pixel, Simd, SimdMask, Vector, load_pixels, store_pixels};

by_operation!(Band);

/// Some rows of outputs of one plane.
pub struct Band<'a, T> {
    pub(super) passes: &'a Passes,
    /// The pixel that changes nothing.
    pub(super) start: T,
    pub(super) slab: &'a mut [T],
    /// All pixels of the plane.
    pub(super) pixels: &'a [T],
    pub(super) outputs: Outputs<'a, T>,
}

impl<T: Kernels> Band<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd, O: Merge<T>>(mut self, simd: S) {
        if O::EXACT && T::Pixels::<S>::LEN >= LEAST_LANES && self.is_short::<S>() {
            return self.short::<S, O>(simd);
        }
        let watched = self.stage::<S, O>(simd);
        match O::HAS_PLAIN && watched.simd_eq(watched).all_true() {
            true => self.passes::<S, O::Plain>(simd),
            false => self.passes::<S, O>(simd),
        }
    }

    /// All that comes after the staging.
    #[inline(always)]
    fn passes<S: Simd, O: Merge<T>>(mut self, simd: S) {
        let passes = self.passes;
        let needed = passes.needed(self.outputs.part);
        match &passes.doubled {
            Some(doubled) if O::EXACT && T::Pixels::<S>::LEN >= 8 => {
                merge_tiles::<S, T, O>(simd, doubled, &needed.across, self.slab);
                merge_step::<S, T, O>(simd, &doubled.windows, &needed.across, self.slab);
            }
            _ => {
                for step in &passes.across {
                    merge_step::<S, T, O>(simd, step, &needed.across, self.slab);
                }
            }
        }
        passes.pad(&needed, self.start, self.slab);
        passes.thin_out(self.slab);
        if O::EXACT && passes.halves {
            return self.halves::<S, O>(simd);
        }
        for step in &passes.down {
            merge_step::<S, T, O>(simd, step, &needed.down, self.slab);
        }
        self.finish::<S, O>(simd);
    }

    /// Spreads the rows under the windows over the slab, and blanks those outside the input. What is returned has NaN where a pixel
    /// is NaN, and perhaps where one is infinite.
    #[inline(always)]
    fn stage<S: Simd, O: Merge<T>>(&mut self, simd: S) -> T::Pixels<S> {
        let mut watched = T::Pixels::<S>::splat(simd, T::default());
        let spread = &self.passes.spread;
        self.passes.each_row(
            self.outputs.part,
            self.pixels,
            #[inline(always)]
            |place, pixels| match pixels {
                Some(pixels) => watched = spread_row::<S, T, O>(simd, spread, pixels, place, watched, self.slab),
                None => spread.blank(place, self.start, self.slab),
            },
        );
        watched
    }

    /// Merges the rows under each window, and writes the outputs.
    #[inline(always)]
    fn finish<S: Simd, O: Merge<T>>(&mut self, simd: S) {
        const WIDE: usize = 2;
        let lanes = T::Pixels::<S>::LEN;
        let Self { passes, slab, outputs, .. } = self;
        for row in 0..outputs.part.rows {
            let of_row = outputs.count_of_row::<S, O>(simd, row);
            for column in (0..outputs.length).step_by(WIDE * lanes) {
                let merged = merged::<S, T, O, WIDE>(simd, slab, &passes.last, row * passes.row_step + column);
                for register in 0..WIDE {
                    let column = column + register * lanes;
                    if column < outputs.length {
                        let finished = outputs.finished::<S, O>(simd, merged[register], column, of_row);
                        outputs.store::<S>(finished, row, column);
                    }
                }
            }
        }
    }
}

/// Merges what stands at all terms, some places on.
#[inline(always)]
fn merged<S: Simd, T: Pixel, O: Merge<T>, const WIDTH: usize>(
    simd: S,
    slab: &[T],
    terms: &[usize],
    at: usize,
) -> [T::Pixels<S>; WIDTH] {
    // The commonest: a tile of four, as a loop of known length.
    match <&[usize; 4]>::try_from(terms) {
        Ok(terms) => merged_terms::<S, T, O, WIDTH>(simd, slab, terms, at),
        Err(_) => merged_terms::<S, T, O, WIDTH>(simd, slab, terms, at),
    }
}

#[inline(always)]
fn merged_terms<S: Simd, T: Pixel, O: Merge<T>, const WIDTH: usize>(
    simd: S,
    slab: &[T],
    terms: &[usize],
    at: usize,
) -> [T::Pixels<S>; WIDTH] {
    let mut merged = load_pixels::<S, T, WIDTH>(simd, &slab[terms[0] + at..]);
    for term in 1..terms.len() {
        let next = load_pixels::<S, T, WIDTH>(simd, &slab[terms[term] + at..]);
        merged = merge_each::<S, T, O, WIDTH>(simd, merged, next);
    }
    merged
}

/// Does one step for the places that are needed.
#[inline(always)]
fn merge_step<S: Simd, T: Pixel, O: Merge<T>>(simd: S, step: &Step, needed: &Range<usize>, slab: &mut [T]) {
    const WIDE: usize = 4;
    let lanes = T::Pixels::<S>::LEN;
    let (from, to) = slab.split_at_mut(step.to);
    for at in (needed.start..needed.end.min(step.count)).step_by(WIDE * lanes) {
        let merged = merged::<S, T, O, WIDE>(simd, from, &step.terms, at);
        store_pixels::<S, T, WIDE>(merged, &mut to[at..]);
    }
}

/// Merges tiles of eight pixels from each place on that is needed. They double in registers, by what slides in from the next.
#[inline(always)]
fn merge_tiles<S: Simd, T: Pixel, O: Merge<T>>(simd: S, doubled: &Doubled, needed: &Range<usize>, slab: &mut [T]) {
    const WIDE: usize = 4;
    let lanes = T::Pixels::<S>::LEN;
    let (pixels, tiles) = slab.split_at_mut(doubled.to);
    for at in (needed.start..needed.end.min(doubled.length)).step_by(WIDE * lanes) {
        // Of the register behind them, the first pixels are enough.
        let ones = load_pixels::<S, T, { WIDE + 1 }>(simd, &pixels[doubled.from + at..]);
        let pairs = doubled_tiles::<S, T, O, 1, { WIDE + 1 }>(simd, ones);
        let fours = doubled_tiles::<S, T, O, 2, { WIDE + 1 }>(simd, pairs);
        let [eights @ .., _] = doubled_tiles::<S, T, O, 4, { WIDE + 1 }>(simd, fours);
        store_pixels::<S, T, WIDE>(eights, &mut tiles[at..]);
    }
}

/// Tiles of so many pixels, merged with those as many pixels on. The last register has none behind it.
#[inline(always)]
fn doubled_tiles<S: Simd, T: Pixel, O: Merge<T>, const PIXELS: usize, const COUNT: usize>(
    simd: S,
    mut tiles: [T::Pixels<S>; COUNT],
) -> [T::Pixels<S>; COUNT] {
    for register in 0..COUNT {
        let next = tiles[(register + 1).min(COUNT - 1)];
        tiles[register] = O::merge(simd, tiles[register], tiles[register].slide::<PIXELS>(next));
    }
    tiles
}

/// Adds a row up, so that the sum is NaN if one of its pixels is. Infinities may make it so, too.
#[inline(always)]
fn watch<S: Simd, T: Pixel>(simd: S, mut watched: T::Pixels<S>, pixels: &[T]) -> T::Pixels<S> {
    let lanes = T::Pixels::<S>::LEN;
    match pixels.len().checked_sub(lanes) {
        Some(last) => {
            for at in (0..pixels.len()).step_by(lanes) {
                let at = at.min(last);
                watched = T::watched::<S>(watched, T::Pixels::<S>::from_slice(simd, &pixels[at..][..lanes]));
            }
        }
        None => {
            for &pixel in pixels {
                watched = T::watched::<S>(watched, T::Pixels::<S>::splat(simd, pixel));
            }
        }
    }
    watched
}

/// Spreads one row of pixels over the slab, as row `row` of each part.
#[inline(always)]
fn spread_row<S: Simd, T: Pixel, O: Merge<T>>(
    simd: S,
    spread: &Spread,
    pixels: &[T],
    row: usize,
    watched: T::Pixels<S>,
    slab: &mut [T],
) -> T::Pixels<S> {
    let Spread { stride, lead, pitch, parts, .. } = spread;
    if let (1, [Some(part), ..]) = (*stride, &parts[..]) {
        return copy::<S, T, O>(simd, pixels, watched, &mut slab[part + row * pitch + lead..][..pixels.len()]);
    }
    match (*stride, &parts[..]) {
        (2, [Some(even), Some(odd)]) => {
            // An odd pixel in front goes to the end of a pair.
            let (front, pairs) = pixels.split_at((lead & 1).min(pixels.len()));
            let (done, rest) = slab.split_at_mut(*odd);
            let even = &mut done[even + row * pitch..][..*pitch];
            let odd = &mut rest[row * pitch..][..*pitch];
            if let [first] = front {
                odd[lead / 2] = *first;
                O::enter_few(simd, &mut odd[lead / 2..=lead / 2]);
            }
            unzip::<S, T, O>(simd, pairs, &mut even[lead.div_ceil(2)..], &mut odd[lead.div_ceil(2)..]);
        }
        _ => {
            for (phase, part) in parts.iter().enumerate() {
                let Some(part) = part else { continue };
                let first = lead.saturating_sub(phase).div_ceil(*stride);
                let place = &mut slab[part + row * pitch + first..][..pitch - first];
                let from = pixels.get(first * stride + phase - lead..).unwrap_or_default();
                let count = from.len().div_ceil(*stride).min(place.len());
                place.iter_mut().zip(from.iter().step_by(*stride)).for_each(|(place, &pixel)| *place = pixel);
                O::enter_few(simd, &mut place[..count]);
            }
        }
    }
    if O::HAS_PLAIN { watch::<S, T>(simd, watched, pixels) } else { watched }
}

/// Copies a row, and watches it; its last register may lie over the one before it.
#[inline(always)]
fn copy<S: Simd, T: Pixel, O: Merge<T>>(
    simd: S,
    pixels: &[T],
    mut watched: T::Pixels<S>,
    place: &mut [T],
) -> T::Pixels<S> {
    let lanes = T::Pixels::<S>::LEN;
    let Some(last) = pixels.len().checked_sub(lanes) else {
        place.copy_from_slice(pixels);
        O::enter_few(simd, place);
        return watch::<S, T>(simd, watched, pixels);
    };
    for at in (0..pixels.len()).step_by(lanes) {
        let at = at.min(last);
        let vector = T::Pixels::<S>::from_slice(simd, &pixels[at..][..lanes]);
        watched = T::watched::<S>(watched, vector);
        O::enter::<S>(vector).store_slice(&mut place[at..][..lanes]);
    }
    watched
}

/// Parts the pixels of even and odd number, in the same way.
#[inline(always)]
fn unzip<S: Simd, T: Pixel, O: Merge<T>>(simd: S, pixels: &[T], even: &mut [T], odd: &mut [T]) {
    let lanes = T::Pixels::<S>::LEN;
    let pairs = pixels.len() / 2;
    if pairs < lanes {
        if size_of::<T>() == 1 && pairs >= BYTES {
            return unzip_bytes(pixels, even, odd);
        }
        return unzip_few::<S, T, O>(simd, pixels, even, odd);
    }
    let last = pairs - lanes;
    for at in (0..pairs).step_by(lanes) {
        let at = at.min(last);
        let [low, high] = load_pixels::<S, T, 2>(simd, &pixels[2 * at..]);
        let (low, high) = (O::enter::<S>(low), O::enter::<S>(high));
        low.unzip_low(high).store_slice(&mut even[at..][..lanes]);
        low.unzip_high(high).store_slice(&mut odd[at..][..lanes]);
    }
    if let [.., pixel] = pixels
        && pixels.len() % 2 == 1
    {
        even[pairs] = *pixel;
        O::enter_few(simd, &mut even[pairs..=pairs]);
    }
}

/// Pairs of bytes that are parted at a time.
const BYTES: usize = 16;

/// The same for bytes, of which a register may hold more than a row; no operation does anything to them first. Every compiler makes
/// vectors of these loops.
#[inline(always)]
fn unzip_bytes<T: Pixel>(pixels: &[T], even: &mut [T], odd: &mut [T]) {
    let (pairs, last) = pixels.as_chunks::<2>();
    for at in (0..pairs.len()).step_by(BYTES) {
        // The last block may lie over the one before it.
        let at = at.min(pairs.len() - BYTES);
        let (mut first, mut second) = ([T::default(); BYTES], [T::default(); BYTES]);
        if let Some(block) = pairs[at..].first_chunk::<BYTES>() {
            for place in 0..BYTES {
                [first[place], second[place]] = block[place];
            }
        }
        even[at..][..BYTES].copy_from_slice(&first);
        odd[at..][..BYTES].copy_from_slice(&second);
    }
    if let [pixel] = last {
        even[pairs.len()] = *pixel;
    }
}

/// The same for fewer pairs than a register holds.
#[inline(always)]
fn unzip_few<S: Simd, T: Pixel, O: Merge<T>>(simd: S, pixels: &[T], even: &mut [T], odd: &mut [T]) {
    let lanes = T::Pixels::<S>::LEN;
    let pairs = pixels.len() / 2;
    let mut padded = [T::default(); 2 * WIDEST];
    padded[..pixels.len()].copy_from_slice(pixels);
    let [low, high] = load_pixels::<S, T, 2>(simd, &padded[..2 * lanes]);
    let (low, high) = (O::enter::<S>(low), O::enter::<S>(high));
    even[..pixels.len() - pairs].copy_from_slice(&low.unzip_low(high).as_slice()[..pixels.len() - pairs]);
    odd[..pairs].copy_from_slice(&low.unzip_high(high).as_slice()[..pairs]);
}
