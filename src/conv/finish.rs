//! The last step of every fast algorithm: bias and ReLU, and the way from registers into the output.

use crate::Quads;
use crate::simd::{Lanes, Simd, Vector, outline};

outline!();

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finish<'a, A> {
    /// A number for each filter of the block; none for zeros.
    pub(super) bias: Option<&'a [A]>,
    pub(super) relu: bool,
    /// What is made of each 2×2 sums first. Bias and ReLU keep the order of numbers: but for infinite biases, the bits are the
    /// same as if they came first.
    pub(super) quads: Option<Quads>,
}

impl<A: Lanes> Finish<'_, A> {
    /// The same for the filters from this one on.
    #[inline(always)]
    pub(super) fn from(self, filter: usize) -> Self {
        Self { bias: self.bias.map(|bias| &bias[filter..]), ..self }
    }

    /// The side of what is stored of a tile with sides of so many sums.
    #[inline(always)]
    pub(super) fn stored(self, side: usize) -> usize {
        if self.quads.is_some() { side / 2 } else { side }
    }

    /// Neighbours in two rows of sums, pooled.
    #[inline(always)]
    pub(super) fn pooled<S: Simd>(self, simd: S, [upper, lower]: [[A::Vector<S>; 2]; 2]) -> A::Vector<S> {
        if self.quads == Some(Quads::Min) {
            let rows = [A::minimum(simd, upper[0], upper[1]), A::minimum(simd, lower[0], lower[1])];
            return A::minimum(simd, rows[0], rows[1]);
        }
        let rows = [A::maximum(simd, upper[0], upper[1]), A::maximum(simd, lower[0], lower[1])];
        A::maximum(simd, rows[0], rows[1])
    }

    /// The sums of one filter, finished.
    #[inline(always)]
    pub(super) fn apply<S: Simd>(self, simd: S, filter: usize, sums: A::Vector<S>) -> A::Vector<S> {
        let sums = match self.bias {
            Some(bias) => sums + A::Vector::<S>::splat(simd, bias[filter]),
            None => sums,
        };
        match self.relu {
            true => A::rectified(simd, sums),
            false => sums,
        }
    }
}

/// Stores the first `count` lanes at `at`, and more where there is room: **the lanes after them spoil what they fall on**, so
/// stores must go from left to right and from top to bottom. A whole register is stored in one step, a part is not.
#[inline(always)]
pub(super) fn store_spilling<S: Simd, A: Lanes>(vector: A::Vector<S>, plane: &mut [A], at: usize, count: usize) {
    let lanes = A::Vector::<S>::LEN;
    match plane.get_mut(at..at + lanes) {
        Some(place) => vector.store_slice(place),
        None => plane[at..at + count].copy_from_slice(&vector.as_slice()[..count]),
    }
}

/// [`store_spilling`] of neighbouring registers. Most tiles lie inside their map: one test for all their registers leaves a loop
/// that the compiler unrolls, so that the sums never leave their registers.
#[inline(always)]
pub(super) fn store_run<S: Simd, A: Lanes, const WIDTH: usize>(
    sums: &[A::Vector<S>; WIDTH],
    plane: &mut [A],
    at: usize,
    count: usize,
) {
    let lanes = A::Vector::<S>::LEN;
    if let Some(place) = plane.get_mut(at..at + WIDTH * lanes) {
        for register in 0..WIDTH {
            sums[register].store_slice(&mut place[register * lanes..][..lanes]);
        }
        return;
    }
    let mut run = [A::default(); 4 * 16];
    for register in 0..WIDTH {
        sums[register].store_slice(&mut run[register * lanes..][..lanes]);
    }
    let count = count.min(WIDTH * lanes);
    plane[at..at + count].copy_from_slice(&run[..count]);
}

/// Stores sums whose lanes are filters, in so many registers a pixel, into the planes of these filters, from `at` on:
/// `row(pixel, register)` gives those of one pixel, of `PIXELS` at most, and anything for a pixel from `pixels` on. It spills, as
/// [`store_spilling`] does.
#[inline(always)]
pub(super) fn store_transposed<S: Simd, A: Lanes, const PIXELS: usize, const REGISTERS: usize>(
    simd: S,
    row: impl Fn(usize, usize) -> A::Vector<S>,
    pixels: usize,
    planes: &mut [&mut [A]],
    at: usize,
    finish: Finish<'_, A>,
) {
    match A::Vector::<S>::LEN {
        16 => store_squares::<S, A, PIXELS, REGISTERS, 16>(simd, row, pixels, planes, at, finish),
        8 => store_squares::<S, A, PIXELS, REGISTERS, 8>(simd, row, pixels, planes, at, finish),
        4 => store_squares::<S, A, PIXELS, REGISTERS, 4>(simd, row, pixels, planes, at, finish),
        _ => store_squares::<S, A, PIXELS, REGISTERS, 2>(simd, row, pixels, planes, at, finish),
    }
}

/// [`store_transposed`] where registers have this many lanes, so that a square of them stays in registers.
#[inline(always)]
fn store_squares<S: Simd, A: Lanes, const PIXELS: usize, const REGISTERS: usize, const LANES: usize>(
    simd: S,
    row: impl Fn(usize, usize) -> A::Vector<S>,
    pixels: usize,
    mut planes: &mut [&mut [A]],
    at: usize,
    finish: Finish<'_, A>,
) {
    for register in 0..REGISTERS {
        let (here, rest) = planes.split_at_mut(LANES.min(planes.len()));
        planes = rest;
        if here.is_empty() {
            return;
        }
        let finish = finish.from(register * LANES);
        for first in (0..PIXELS).step_by(LANES) {
            if first >= pixels {
                break;
            }
            let mut square = [A::Vector::<S>::splat(simd, A::default()); LANES];
            for pixel in 0..LANES {
                square[pixel] = row(first + pixel, register);
            }
            if !store_whole::<S, A, LANES>(simd, &mut square, here, at + first, finish) {
                store_part::<S, A, LANES>(simd, square, (pixels - first).min(LANES), here, at + first, finish);
            }
        }
    }
}

/// Stores a square in as many planes, if it ends in none of them, and says whether it does. Nothing leaves the registers then.
#[inline(always)]
fn store_whole<S: Simd, A: Lanes, const LANES: usize>(
    simd: S,
    square: &mut [A::Vector<S>; LANES],
    planes: &mut [&mut [A]],
    at: usize,
    finish: Finish<'_, A>,
) -> bool {
    let Some(planes) = planes.first_chunk_mut::<LANES>() else { return false };
    for plane in planes.iter() {
        if plane.len() < at + LANES {
            return false;
        }
    }
    // The lanes are still filters.
    if let Some(bias) = finish.bias {
        let bias = A::Vector::<S>::from_slice(simd, &bias[..LANES]);
        for pixel in 0..LANES {
            square[pixel] += bias;
        }
    }
    if finish.relu {
        for pixel in 0..LANES {
            square[pixel] = A::rectified(simd, square[pixel]);
        }
    }
    transpose::<S, A, LANES>(square);
    for filter in 0..LANES {
        square[filter].store_slice(&mut planes[filter][at..][..LANES]);
    }
    true
}

/// Stores the first `count` columns of a square in some planes, apart: this is rare.
#[inline(always)]
fn store_part<S: Simd, A: Lanes, const LANES: usize>(
    simd: S,
    mut square: [A::Vector<S>; LANES],
    count: usize,
    planes: &mut [&mut [A]],
    at: usize,
    finish: Finish<'_, A>,
) {
    outlined(
        simd,
        #[inline(always)]
        || {
            transpose::<S, A, LANES>(&mut square);
            for (filter, (plane, sums)) in planes.iter_mut().zip(&square).enumerate() {
                let sums = finish.apply(simd, filter, *sums);
                store_spilling::<S, A>(sums, plane, at, count);
            }
        },
    );
}

/// Transposes a square of registers. Zipping the first half of the rows with the second moves one bit of the row's number
/// into the lane's number; as many times as there are bits, and they have changed places.
#[inline(always)]
fn transpose<S: Simd, A: Lanes, const LANES: usize>(square: &mut [A::Vector<S>; LANES]) {
    for _ in 0..LANES.ilog2() {
        let rows = *square;
        for row in 0..LANES / 2 {
            square[2 * row] = rows[row].zip_low(rows[row + LANES / 2]);
            square[2 * row + 1] = rows[row].zip_high(rows[row + LANES / 2]);
        }
    }
}
