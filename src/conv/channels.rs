//! Convolution with vectors along the filters: a tile is some neighbouring pixels of two registers of filters.
//!
//! ```text
//!     for each tap of each channel
//!         two registers of weights, one pixel after the other in all lanes:  sums[pixel][filter] += pixel · weight
//! ```
//!
//! Maps of any width fill the lanes; the price is a transposition of the finished tile, small where many taps are summed.

use super::blocks::{Band, Block, Widths};
use super::finish::store_transposed;
use crate::simd::{Facts, Kernel, Lanes, Level, Simd, Vector, has_many_registers, lanes, load, outline, run};
use crate::window::Axis;

outline!();

/// The blocks of filters of this kernel at a level: two registers, or one.
pub(super) fn widths<A: Lanes>(level: Level) -> Widths {
    Widths(match lanes::<A>(level) {
        16 => &[32, 16],
        8 => &[16, 8],
        4 => &[8, 4],
        _ => &[4, 2],
    })
}

/// Outputs of the widest tile: of 32 registers 28 are for sums, of 16 registers 12.
const WIDEST_OF_MANY: usize = 14;
const WIDEST: usize = 6;

/// A tile of so many, such that all tiles are as even as can be.
#[inline(always)]
fn even(outputs: usize, widest: usize) -> usize {
    outputs.div_ceil(outputs.div_ceil(widest))
}

/// The tiles whose panels are written, where a band has so many outputs.
pub(super) fn tile_of_panels(outputs: usize) -> usize {
    match even(outputs, WIDEST) {
        tile @ 1..=2 => tile,
        tile => tile.next_multiple_of(2),
    }
}

/// Whether tiles read no pixels but those of their outputs, in rows of so many.
pub(super) fn reads_no_more(outputs: usize) -> bool {
    let tile = even(outputs, WIDEST_OF_MANY);
    let last = outputs - (outputs - 1) / tile * tile;
    [tile, last].iter().all(|pixels| [1, 2, 4, 6, 7, 8, 10, 12, 14].contains(pixels))
}

/// Whether there are tiles for rows of so many outputs whose pixels lie two apart, for so many filters: there are of two registers of
/// filters and few sizes, where there are many registers.
pub(super) fn reads_every_second<A: Lanes>(level: Level, outputs: usize, filters: usize) -> bool {
    let lanes = lanes::<A>(level);
    let wide = filters.is_multiple_of(2 * lanes) || filters % (2 * lanes) > lanes;
    let tile = even(outputs, WIDEST_OF_MANY);
    has_many_registers::<A>(level) && wide && outputs.is_multiple_of(tile) && matches!(tile, 7 | 14)
}

/// Columns of the windows whose tiles can do without a first pixel.
const BLANKED: usize = 3;

/// Whether the only padding that outputs read along the rows of a layer is one pixel ahead of them, for which tiles of every second
/// pixel take a zero.
pub(super) fn blanks_the_first(columns: &Axis) -> bool {
    let is_such = (columns.size(), columns.stride(), columns.before()) == (BLANKED, 2, 1);
    is_such && columns.whole_windows() == (1..columns.outputs())
}

/// A band to be computed by this kernel.
struct Channels<'a, A>(Band<'a, A>);

/// Computes a band with the instructions of a level.
#[inline(never)]
pub(super) fn compute_band<A: Lanes>(level: Level, band: Band<'_, A>) {
    run(level, Channels(band));
}

impl<A: Lanes> Kernel for Channels<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.each_block::<32>(
            #[inline(always)]
            |block, width| match width > A::Vector::<S>::LEN {
                true => rows::<S, A, 2>(simd, block),
                false => rows::<S, A, 1>(simd, block),
            },
        );
    }
}

/// Cuts the rows of a band into tiles, as even as can be.
#[inline(always)]
fn rows<S: Simd, A: Lanes, const REGISTERS: usize>(simd: S, mut block: Block<'_, '_, A>) {
    if !Facts::<S, A>::MANY_REGISTERS && block.in_panels {
        let tile = block.rows.length;
        for (from, to, pixels) in block.rows.each() {
            let block = &mut block;
            match tile {
                1 => tile_of::<S, A, true, 1, REGISTERS>(simd, block, from, to, pixels),
                2 => tile_of::<S, A, true, 2, REGISTERS>(simd, block, from, to, pixels),
                4 => tile_of::<S, A, true, 4, REGISTERS>(simd, block, from, to, pixels),
                _ => tile_of::<S, A, true, 6, REGISTERS>(simd, block, from, to, pixels),
            }
        }
        return;
    }
    let tile = even(block.rows.length, if Facts::<S, A>::MANY_REGISTERS { WIDEST_OF_MANY } else { WIDEST });
    if Facts::<S, A>::MANY_REGISTERS && block.rows.step == 2 {
        for (from, to, length) in block.rows.each() {
            for done in (0..length).step_by(tile) {
                let (from, to, block) = (from + 2 * done, to + done, &mut block);
                match (tile, block.rows.lacks_the_first && done == 0) {
                    (7, false) => every_second::<S, A, false, 7>(simd, block, from, to),
                    (7, true) => every_second::<S, A, true, 7>(simd, block, from, to),
                    (_, false) => every_second::<S, A, false, 14>(simd, block, from, to),
                    (_, true) => every_second::<S, A, true, 14>(simd, block, from, to),
                }
            }
        }
        return;
    }
    for (from, to, length) in block.rows.each() {
        for done in (0..length).step_by(tile) {
            let pixels = tile.min(length - done);
            let (from, to, block) = (from + done, to + done, &mut block);
            match pixels {
                1 => tile_of::<S, A, false, 1, REGISTERS>(simd, block, from, to, pixels),
                2 => tile_of::<S, A, false, 2, REGISTERS>(simd, block, from, to, pixels),
                3..=4 => tile_of::<S, A, false, 4, REGISTERS>(simd, block, from, to, pixels),
                7 if Facts::<S, A>::MANY_REGISTERS => {
                    tile_of::<S, A, false, 7, REGISTERS>(simd, block, from, to, pixels);
                }
                8 if Facts::<S, A>::MANY_REGISTERS => {
                    tile_of::<S, A, false, 8, REGISTERS>(simd, block, from, to, pixels);
                }
                9..=10 if Facts::<S, A>::MANY_REGISTERS => {
                    tile_of::<S, A, false, 10, REGISTERS>(simd, block, from, to, pixels);
                }
                11..=12 if Facts::<S, A>::MANY_REGISTERS => {
                    tile_of::<S, A, false, 12, REGISTERS>(simd, block, from, to, pixels);
                }
                13..=14 if Facts::<S, A>::MANY_REGISTERS => {
                    tile_of::<S, A, false, 14, REGISTERS>(simd, block, from, to, pixels);
                }
                _ => tile_of::<S, A, false, 6, REGISTERS>(simd, block, from, to, pixels),
            }
        }
    }
}

/// A tile of `PIXELS` pixels from a place of the packed input, of which the first `pixels` are stored at a place of the maps.
#[inline(always)]
fn tile_of<S: Simd, A: Lanes, const IN_PANELS: bool, const PIXELS: usize, const REGISTERS: usize>(
    simd: S,
    block: &mut Block<'_, '_, A>,
    from: usize,
    to: usize,
    pixels: usize,
) {
    compute::<S, A, IN_PANELS, PIXELS, REGISTERS>(
        simd,
        block,
        [from, PIXELS],
        [to, pixels],
        #[inline(always)]
        |_, pixels, number| pixels[number],
    );
}

/// A tile whose pixels lie two apart, the first of which may be missing.
#[inline(always)]
fn every_second<S: Simd, A: Lanes, const LACKS_THE_FIRST: bool, const PIXELS: usize>(
    simd: S,
    block: &mut Block<'_, '_, A>,
    from: usize,
    to: usize,
) {
    compute::<S, A, false, PIXELS, 2>(
        simd,
        block,
        [from, 2 * PIXELS - 1],
        [to, PIXELS],
        #[inline(always)]
        |tap, pixels, number| match LACKS_THE_FIRST && number == 0 && tap % BLANKED == 0 {
            true => A::default(),
            false => pixels[2 * number],
        },
    );
}

/// Computes a tile from so many numbers of the packed input, from a place on, and stores so many outputs at a place of the maps;
/// `pixel` is one of the tile's under a tap, among these numbers.
#[inline(always)]
fn compute<S: Simd, A: Lanes, const IN_PANELS: bool, const PIXELS: usize, const REGISTERS: usize>(
    simd: S,
    block: &mut Block<'_, '_, A>,
    [from, reach]: [usize; 2],
    [to, stored]: [usize; 2],
    pixel: impl Fn(usize, &[A], usize) -> A,
) {
    outlined(
        simd,
        #[inline(always)]
        || {
            let lanes = A::Vector::<S>::LEN;
            let width = REGISTERS * lanes;
            let sums = block.sums::<S, IN_PANELS, PIXELS, REGISTERS>(
                simd,
                from,
                [reach, width],
                #[inline(always)]
                |sums, tap, pixels, weights| {
                    let weights = load::<S, A, REGISTERS>(simd, weights);
                    for (number, sums) in sums.iter_mut().enumerate() {
                        let pixel = A::Vector::<S>::splat(simd, pixel(tap, pixels, number));
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum = A::mul_add::<S>(pixel, weight, *sum);
                        }
                    }
                },
            );
            store_transposed::<S, A, PIXELS, REGISTERS>(
                simd,
                #[inline(always)]
                |pixel, register| sums[pixel.min(PIXELS - 1)][register],
                stored,
                block.planes,
                to,
                block.finish,
            );
        },
    );
}
