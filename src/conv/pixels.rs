//! Convolution with vectors along the pixels: a tile is some registers of neighbouring pixels of a few filters.
//!
//! ```text
//!     for each tap of each channel
//!         registers of pixels, the weight of one filter after the other in all lanes:  sums[filter][pixel] += pixel · weight
//! ```
//!
//! A finished tile lies as the output does and is stored at once: best where few taps are summed, or where there are few
//! filters. Where a row ends inside a register, the lanes behind it compute blanks.

use super::blocks::{Band, Block, Widths};
use super::finish::store_run;
use crate::simd::{Kernel, Lanes, Level, Simd, Vector, WIDEST_REGISTER, apart, lanes, load, many_registers};

/// The blocks of filters of this kernel at a level: 32 registers hold the sums of 8 filters in 3 registers each, 16 those
/// of 6 filters in 2.
pub(super) fn widths<A: Lanes>(level: Level) -> Widths {
    Widths(match lanes::<A>(level) * size_of::<A>() {
        WIDEST_REGISTER => &[8, 4, 1],
        _ => &[6, 4, 1],
    })
}

/// How many numbers behind its last pixel a tile may read.
pub(super) const OVERREAD: usize = 3 * 16;

/// Computes a band by this kernel.
pub(super) struct Pixels<'a, A>(pub(super) Band<'a, A>);

impl<A: Lanes> Kernel for Pixels<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.each_block::<8>(
            #[inline(always)]
            |block, width| match width {
                1 => apart(
                    simd,
                    #[inline(always)]
                    || rows::<S, A, 1>(simd, block),
                ),
                4 => apart(
                    simd,
                    #[inline(always)]
                    || rows::<S, A, 4>(simd, block),
                ),
                _ if many_registers::<S, A>() => apart(
                    simd,
                    #[inline(always)]
                    || rows::<S, A, 8>(simd, block),
                ),
                _ => apart(
                    simd,
                    #[inline(always)]
                    || rows::<S, A, 6>(simd, block),
                ),
            },
        );
    }
}

/// Cuts the rows of a band into tiles of a few registers, as even as can be.
#[inline(always)]
fn rows<S: Simd, A: Lanes, const FILTERS: usize>(simd: S, mut block: Block<'_, '_, A>) {
    let lanes = A::Vector::<S>::LEN;
    let length = block.rows.length;
    let registers = length.div_ceil(lanes);
    // With 12 sums and 3 registers of pixels, the 16th is for the weight, and a compiler that wants to load the next early keeps a sum
    // in memory.
    let widest = if many_registers::<S, A>() || FILTERS == 1 { 3 } else { 2 };
    let tile = registers.div_ceil(registers.div_ceil(widest));
    for (from, to) in block.rows.each() {
        for done in (0..length).step_by(tile * lanes) {
            let (from, to, left) = (from + done, to + done, length - done);
            let block = &mut block;
            match tile.min(left.div_ceil(lanes)) {
                1 => tile_of::<S, A, FILTERS, 1>(simd, block, from, to, left),
                2 => tile_of::<S, A, FILTERS, 2>(simd, block, from, to, left),
                _ => tile_of::<S, A, FILTERS, 3>(simd, block, from, to, left),
            }
        }
    }
}

/// A tile from a place of the packed input, of which the first `pixels` are stored at a place of the maps.
#[inline(always)]
fn tile_of<S: Simd, A: Lanes, const FILTERS: usize, const REGISTERS: usize>(
    simd: S,
    block: &mut Block<'_, '_, A>,
    from: usize,
    to: usize,
    pixels: usize,
) {
    let packed = &block.packed[from..];
    let mut sums = block.sums::<S, FILTERS, REGISTERS>(
        simd,
        FILTERS,
        #[inline(always)]
        |offsets, weights| chain::<S, A, FILTERS, REGISTERS>(simd, packed, offsets, weights),
    );
    for filter in 0..FILTERS {
        // The last block may have blanks.
        if let Some(plane) = block.planes.get_mut(filter) {
            for register in 0..REGISTERS {
                sums[filter][register] = block.finish.apply(simd, filter, sums[filter][register]);
            }
            store_run::<S, A, REGISTERS>(&sums[filter], plane, to, pixels);
        }
    }
}

/// The sums over a part of the taps.
#[inline(always)]
fn chain<S: Simd, A: Lanes, const FILTERS: usize, const REGISTERS: usize>(
    simd: S,
    packed: &[A],
    offsets: &[u32],
    weights: &[A],
) -> [[A::Vector<S>; REGISTERS]; FILTERS] {
    let lanes = A::Vector::<S>::LEN;
    let mut sums = [[A::Vector::<S>::splat(simd, A::default()); REGISTERS]; FILTERS];
    for (&offset, weights) in offsets.iter().zip(weights.chunks_exact(FILTERS)) {
        let pixels = &packed[offset as usize..][..REGISTERS * lanes];
        let pixels = load::<S, A, REGISTERS>(simd, pixels);
        for (sums, &weight) in sums.iter_mut().zip(weights) {
            let weight = A::Vector::<S>::splat(simd, weight);
            for (sum, pixels) in sums.iter_mut().zip(pixels) {
                *sum = A::mul_add::<S>(pixels, weight, *sum);
            }
        }
    }
    sums
}
