//! Numbers that lie channel by channel at each place, put into a row for each channel.

use super::epilogue;
use crate::simd::{Kernel, Level, Simd, Vector, has_kernels, run, vectorized_narrow};

/// Places that are taken together: what is written of a channel fills a line of the cache, or most of it.
const TILE: usize = 16;

/// `to[channel · row + place] = convert(from[place · pitch + channel])`
#[inline(always)]
pub(crate) fn transpose<T, U>(
    (from, pitch): (&[T], usize),
    (to, row): (&mut [U], usize),
    (places, channels): (usize, usize),
    mut convert: impl FnMut(&T) -> U,
) {
    match (channels, pitch) {
        (3, 3) => return few::<T, U, 3>(from, (to, row), places, convert),
        (4, 4) => return few::<T, U, 4>(from, (to, row), places, convert),
        _ => {}
    }
    for first in (0..places).step_by(TILE) {
        let count = TILE.min(places - first);
        for channel in 0..channels {
            let to = &mut to[channel * row + first..][..count];
            for (to, from) in to.iter_mut().zip(from[first * pitch + channel..].iter().step_by(pitch)) {
                *to = convert(from);
            }
        }
    }
}

/// The channels of colours, one after the other: a compiler knows how to read every third number.
#[inline(always)]
fn few<T, U, const CHANNELS: usize>(
    from: &[T],
    (to, row): (&mut [U], usize),
    places: usize,
    mut convert: impl FnMut(&T) -> U,
) {
    let from = &from.as_chunks::<CHANNELS>().0[..places];
    for channel in 0..CHANNELS {
        let to = &mut to[channel * row..][..places];
        for (to, from) in to.iter_mut().zip(from) {
            *to = convert(&from[channel]);
        }
    }
}

/// The same in tiles whose loops are unrolled: larger, and faster.
#[inline(always)]
pub(crate) fn transpose_tiles<T, U>(
    (from, pitch): (&[T], usize),
    (to, row): (&mut [U], usize),
    (places, channels): (usize, usize),
    mut convert: impl FnMut(&T) -> U,
) {
    let whole = (places / TILE * TILE, channels / TILE * TILE);
    for first in (0..whole.0).step_by(TILE) {
        for channel in (0..whole.1).step_by(TILE) {
            for channel in channel..channel + TILE {
                let Some(to) = to[channel * row + first..].first_chunk_mut::<TILE>() else { return };
                let from = &from[first * pitch + channel..];
                for place in 0..TILE {
                    to[place] = convert(&from[place * pitch]);
                }
            }
        }
    }
    // What fills no tile: places of the whole channels, and the other channels.
    if whole.0 < places && whole.1 > 0 {
        let size = (places - whole.0, whole.1);
        transpose((&from[whole.0 * pitch..], pitch), (&mut to[whole.0..], row), size, &mut convert);
    }
    if whole.1 < channels {
        let size = (places, channels - whole.1);
        transpose((&from[whole.1..], pitch), (&mut to[whole.1 * row..], row), size, convert);
    }
}

/// Channels that lie side by side at each of some places.
pub(crate) struct SideBySide<'a, T> {
    pub(crate) from: &'a [T],
    /// From place to place, and from channel to channel of what is written.
    pub(crate) pitch: usize,
    pub(crate) row: usize,
    pub(crate) places: usize,
    /// The first of the channels, and how many.
    pub(crate) first: usize,
    pub(crate) channels: usize,
    pub(crate) to: &'a mut [T],
}

impl<T: Copy> SideBySide<'_, T> {
    /// By plain loops.
    #[inline(always)]
    pub(crate) fn plain(self) {
        let Self { from, pitch, row, places, first, channels, to } = self;
        transpose_tiles((&from[first..], pitch), (to, row), (places, channels), |&number| number);
    }
}

/// Squares of as many registers as a register has lanes.
impl Kernel for SideBySide<'_, f32> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match S::f32s::LEN {
            16 => self.squares::<S, 16>(simd),
            8 => self.squares::<S, 8>(simd),
            _ => self.plain(),
        }
    }
}

impl SideBySide<'_, f32> {
    #[inline(always)]
    fn squares<S: Simd, const LANES: usize>(self, simd: S) {
        let Self { from, pitch, row, places, first, channels, to } = self;
        let from = &from[first..];
        let whole = (places / LANES * LANES, channels / LANES * LANES);
        for channel in (0..whole.1).step_by(LANES) {
            for place in (0..whole.0).step_by(LANES) {
                let mut square = [S::f32s::splat(simd, 0.0); LANES];
                for at in 0..LANES {
                    let from = &from[(place + at) * pitch + channel..][..LANES];
                    square[at] = S::f32s::from_slice(simd, from);
                }
                epilogue::transpose::<S, f32, LANES>(&mut square);
                for at in 0..LANES {
                    square[at].store_slice(&mut to[(channel + at) * row + place..][..LANES]);
                }
            }
        }
        // What fills no square: places of the whole channels, and the other channels.
        if whole.0 < places && whole.1 > 0 {
            rest((&from[whole.0 * pitch..], pitch), (&mut to[whole.0..], row), (places - whole.0, whole.1));
        }
        if whole.1 < channels {
            rest((&from[whole.1..], pitch), (&mut to[whole.1 * row..], row), (places, channels - whole.1));
        }
    }
}

/// [`transpose`] of a few numbers, compiled once for all levels.
#[inline(never)]
fn rest(from: (&[f32], usize), to: (&mut [f32], usize), size: (usize, usize)) {
    transpose(from, to, size, |&number| number);
}

/// With the instructions of a level.
#[inline(never)]
pub(crate) fn transpose_f32(level: Level, task: SideBySide<'_, f32>) {
    match has_kernels(level) && task.channels >= TILE {
        true => run(level, task),
        false => {
            let SideBySide { from, pitch, row, places, first, channels, to } = task;
            vectorized_narrow(
                level,
                #[inline(always)]
                || transpose((&from[first..], pitch), (to, row), (places, channels), |&number| number),
            );
        }
    }
}

#[cfg(test)]
mod tests;
