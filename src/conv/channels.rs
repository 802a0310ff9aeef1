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
use crate::simd::{Kernel, Lanes, Level, Simd, Vector, WIDEST_REGISTER, apart, lanes, load};

/// The blocks of filters of this kernel at a level: two registers, or one.
pub(super) fn widths<A: Lanes>(level: Level) -> Widths {
    Widths(match lanes::<A>(level) {
        16 => &[32, 16],
        8 => &[16, 8],
        4 => &[8, 4],
        _ => &[4, 2],
    })
}

/// Computes a band by this kernel.
pub(super) struct Channels<'a, A>(pub(super) Band<'a, A>);

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
    let widest = match A::Vector::<S>::LEN * size_of::<A>() {
        // Of 32 registers, 28 for sums.
        WIDEST_REGISTER => 14,
        // Of 16 registers, 12 for sums.
        _ => 6,
    };
    let length = block.rows.length;
    let tile = length.div_ceil(length.div_ceil(widest));
    for (from, to) in block.rows.each() {
        for done in (0..length).step_by(tile) {
            let pixels = tile.min(length - done);
            let (from, to) = (from + done, to + done);
            let block = &mut block;
            if widest == 14 && pixels > 6 {
                match pixels {
                    7 => tile_of::<S, A, 7, REGISTERS>(simd, block, from, to, pixels),
                    8 => tile_of::<S, A, 8, REGISTERS>(simd, block, from, to, pixels),
                    9..=10 => tile_of::<S, A, 10, REGISTERS>(simd, block, from, to, pixels),
                    11..=12 => tile_of::<S, A, 12, REGISTERS>(simd, block, from, to, pixels),
                    _ => tile_of::<S, A, 14, REGISTERS>(simd, block, from, to, pixels),
                }
            } else {
                match pixels {
                    1 => tile_of::<S, A, 1, REGISTERS>(simd, block, from, to, pixels),
                    2 => tile_of::<S, A, 2, REGISTERS>(simd, block, from, to, pixels),
                    3..=4 => tile_of::<S, A, 4, REGISTERS>(simd, block, from, to, pixels),
                    _ => tile_of::<S, A, 6, REGISTERS>(simd, block, from, to, pixels),
                }
            }
        }
    }
}

/// A tile of `PIXELS` pixels from a place of the packed input, of which the first `pixels` are stored at a place of the maps.
#[inline(always)]
fn tile_of<S: Simd, A: Lanes, const PIXELS: usize, const REGISTERS: usize>(
    simd: S,
    block: &mut Block<'_, '_, A>,
    from: usize,
    to: usize,
    pixels: usize,
) {
    apart(
        simd,
        #[inline(always)]
        || {
            let lanes = A::Vector::<S>::LEN;
            let width = REGISTERS * lanes;
            let packed = &block.packed[from..];
            let sums = block.sums::<S, PIXELS, REGISTERS>(
                simd,
                width,
                #[inline(always)]
                |offsets, weights| chain::<S, A, PIXELS, REGISTERS>(simd, packed, offsets, weights),
            );
            store_transposed::<S, A>(
                simd,
                #[inline(always)]
                |pixel, register| sums[pixel.min(PIXELS - 1)][register],
                pixels,
                block.planes,
                to,
                block.finish,
            );
        },
    );
}

/// The sums over a part of the taps.
#[inline(always)]
fn chain<S: Simd, A: Lanes, const PIXELS: usize, const REGISTERS: usize>(
    simd: S,
    packed: &[A],
    offsets: &[u32],
    weights: &[A],
) -> [[A::Vector<S>; REGISTERS]; PIXELS] {
    let lanes = A::Vector::<S>::LEN;
    let mut sums = [[A::Vector::<S>::splat(simd, A::default()); REGISTERS]; PIXELS];
    for (&offset, weights) in offsets.iter().zip(weights.chunks_exact(REGISTERS * lanes)) {
        let pixels = &packed[offset as usize..][..PIXELS];
        let weights = load::<S, A, REGISTERS>(simd, weights);
        for (sums, &pixel) in sums.iter_mut().zip(pixels) {
            let pixel = A::Vector::<S>::splat(simd, pixel);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = A::mul_add::<S>(pixel, weight, *sum);
            }
        }
    }
    sums
}
