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
use crate::simd::{Facts, Kernel, Lanes, Level, Simd, Vector, WIDEST_REGISTER, lanes, load, outline, run};

outline!();

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

/// Registers of the widest tile. With 12 sums and 3 registers of pixels, the last of 16 is for the weight, and a compiler that
/// wants to load the next early keeps a sum in memory.
const WIDEST_OF_MANY: usize = 3;
const WIDEST: usize = 2;

/// The tiles whose panels are written, where a band has so many outputs.
pub(super) fn tile_of_panels<A: Lanes>(level: Level, outputs: usize) -> usize {
    let lanes = lanes::<A>(level);
    outputs.min(WIDEST * lanes).next_multiple_of(lanes)
}

/// A band to be computed by this kernel.
struct Pixels<'a, A>(Band<'a, A>);

/// Computes a band with the instructions of a level.
#[inline(never)]
pub(super) fn compute_band<A: Lanes>(level: Level, band: Band<'_, A>) {
    run(level, Pixels(band));
}

impl<A: Lanes> Kernel for Pixels<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.each_block::<8>(
            #[inline(always)]
            |block, width| match width {
                1 => outlined(
                    simd,
                    #[inline(always)]
                    || rows::<S, A, 1>(simd, block),
                ),
                4 => outlined(
                    simd,
                    #[inline(always)]
                    || rows::<S, A, 4>(simd, block),
                ),
                _ if Facts::<S, A>::MANY_REGISTERS => outlined(
                    simd,
                    #[inline(always)]
                    || rows::<S, A, 8>(simd, block),
                ),
                _ => outlined(
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
    if !Facts::<S, A>::MANY_REGISTERS && block.in_panels {
        let tile = block.rows.length;
        for (from, to, pixels) in block.rows.each() {
            let block = &mut block;
            match tile == lanes {
                true => tile_of::<S, A, true, FILTERS, 1>(simd, block, from, to, pixels),
                false => tile_of::<S, A, true, FILTERS, WIDEST>(simd, block, from, to, pixels),
            }
        }
        return;
    }
    let widest = if Facts::<S, A>::MANY_REGISTERS { WIDEST_OF_MANY } else { WIDEST };
    let registers = block.rows.length.div_ceil(lanes);
    let tile = registers.div_ceil(registers.div_ceil(widest));
    for (from, to, length) in block.rows.each() {
        for done in (0..length).step_by(tile * lanes) {
            let (from, to, left) = (from + done, to + done, length - done);
            let block = &mut block;
            match tile.min(left.div_ceil(lanes)) {
                1 => tile_of::<S, A, false, FILTERS, 1>(simd, block, from, to, left),
                WIDEST_OF_MANY if Facts::<S, A>::MANY_REGISTERS => {
                    tile_of::<S, A, false, FILTERS, WIDEST_OF_MANY>(simd, block, from, to, left);
                }
                _ => tile_of::<S, A, false, FILTERS, 2>(simd, block, from, to, left),
            }
        }
    }
}

/// A tile from a place of the packed input, of which the first `pixels` are stored at a place of the maps.
#[inline(always)]
fn tile_of<S: Simd, A: Lanes, const IN_PANELS: bool, const FILTERS: usize, const REGISTERS: usize>(
    simd: S,
    block: &mut Block<'_, '_, A>,
    from: usize,
    to: usize,
    pixels: usize,
) {
    let mut sums = block.sums::<S, IN_PANELS, FILTERS, REGISTERS>(
        simd,
        from,
        [REGISTERS * A::Vector::<S>::LEN, FILTERS],
        #[inline(always)]
        |sums, _, pixels, weights| {
            let pixels = load::<S, A, REGISTERS>(simd, pixels);
            for (sums, &weight) in sums.iter_mut().zip(weights) {
                let weight = A::Vector::<S>::splat(simd, weight);
                for (sum, pixels) in sums.iter_mut().zip(pixels) {
                    *sum = A::mul_add::<S>(pixels, weight, *sum);
                }
            }
        },
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
