//! Maxima of small windows where channels lie side by side at every pixel: vectors lie along the channels, and what is put in order is
//! the outputs, which are fewer than the pixels.
//!
//! ```text
//!     for some rows of outputs
//!         tile[place][channel] ← the largest pixel of the channel under each window
//!         outputs[channel][place] ← tile, transposed
//! ```

use super::kernels;
use super::operation::{Largest, Merge, by_operation};
use super::problem::PoolProblem;
use crate::Element;
use crate::kernels::transpose::SideBySide;
use crate::simd::{Level, Pixel, Simd, Vector};
use crate::window::Run;

by_operation!(ChannelWindows by run_narrow);

/// The most pixels of a window.
const MOST_TAPS: usize = 9;

/// Fewer channels are better put in order first.
const LEAST_CHANNELS: usize = 16;

/// A tile of so many bytes stays in the first-level cache.
const TILE_BYTES: usize = 16 * 1024;

/// Computes the maps of some channels, from the `first` on, of an image; says whether it did, which it does for images of one plane alone.
/// A window has [`MOST_TAPS`] pixels at most.
pub(super) fn maxima<T: Element>(
    level: Level,
    problem: &PoolProblem,
    (pixels, channels, first): (&[T], usize, usize),
    tile: &mut [T],
    output: &mut [T],
) -> bool {
    let [planes, rows, columns] = &problem.axes;
    let (height, width) = (rows.outputs(), columns.outputs());
    let count = output.len() / (height * width);
    let of_row = width * count;
    // Of as many outputs as pixels, the latter are better put in order.
    if planes.length() > 1 || rows.stride() == 1 || count < LEAST_CHANNELS || tile.len() < of_row {
        return false;
    }
    let together = (tile.len().min(TILE_BYTES / size_of::<T>()) / of_row).clamp(1, height);
    for top in (0..height).step_by(together) {
        let some = together.min(height - top);
        let tile = &mut tile[..some * of_row];
        compute(
            level,
            ChannelWindows { problem, pixels: &pixels[first..], channels, count, top, tile: &mut *tile },
            Largest,
        );
        let (places, to) = (some * width, &mut output[top * width..]);
        let task = SideBySide { from: tile, pitch: count, row: height * width, places, first: 0, channels: count, to };
        if !kernels::of::<T>().transpose(level, task) {
            return false;
        }
    }
    true
}

/// Some rows of windows, in some channels.
pub(super) struct ChannelWindows<'a, T> {
    problem: &'a PoolProblem,
    pixels: &'a [T],
    /// All channels, and those that are computed: from the first of the pixels on.
    channels: usize,
    count: usize,
    /// The first row.
    top: usize,
    /// `[row, column, channel]`
    tile: &'a mut [T],
}

impl<T: Pixel> ChannelWindows<'_, T> {
    #[inline(always)]
    fn run<S: Simd, O: Merge<T>>(self, simd: S) {
        let Self { problem, pixels, channels, count, top, tile } = self;
        let [_, rows, columns] = &problem.axes;
        for (row, tile) in tile.chunks_exact_mut(columns.outputs() * count).enumerate() {
            let down = rows.by_output(top + row);
            for (column, outputs) in tile.chunks_exact_mut(count).enumerate() {
                let across = columns.by_output(column);
                let place = |row: usize, column: usize| (row * columns.length() + column) * channels;
                window::<S, T, O>(simd, pixels, place, [&down, &across], outputs);
            }
        }
    }
}

/// A window in all channels: its taps are merged in order.
#[inline(always)]
fn window<S: Simd, T: Pixel, O: Merge<T>>(
    simd: S,
    pixels: &[T],
    place: impl Fn(usize, usize) -> usize,
    [down, across]: [&Run; 2],
    outputs: &mut [T],
) {
    let (lanes, count) = (T::Pixels::<S>::LEN, outputs.len());
    let mut taps = [&pixels[..0]; MOST_TAPS];
    let mut used = 0;
    for row in 0..down.range.len() {
        for column in 0..across.range.len() {
            let at = place(down.input + row * down.step, across.input + column * across.step);
            taps[used] = &pixels[at..][..count];
            used += 1;
        }
    }
    let Some((first, others)) = taps[..used].split_first() else { return };
    for at in (0..count).step_by(lanes) {
        // The last register may lie over the one before it.
        let at = at.min(count - lanes);
        let mut merged = T::Pixels::<S>::from_slice(simd, &first[at..][..lanes]);
        for tap in others {
            merged = O::merge(simd, merged, T::Pixels::<S>::from_slice(simd, &tap[at..][..lanes]));
        }
        merged.store_slice(&mut outputs[at..][..lanes]);
    }
}
