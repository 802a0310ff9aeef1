//! Planes with a filter each, in vectors along the channels: a register has the same pixel of as many planes.
//!
//! ```text
//!     planes     a b c d …      transposed     a A      sums of an output     += pixel · weight
//!                A B C D …                     b B                            for each tap that it sees, in registers
//!                                              c C …
//! ```
//!
//! Every tap is a multiply-add of whole registers wherever its pixel lies, so that small maps, strides and dilations cost no more than
//! their products; what it takes is the way there and back. Columns of padding are zeros, taps on rows of padding are left out.

use super::epilogue::{Epilogue, SumRows, Target, transpose};
use super::gemm::store_all;
use crate::simd::{Kernel, Lanes, Level, MOST_LANES, Simd, Vector, run, unrolled, with_lanes};

/// Outputs of the widest tile.
const WIDEST: usize = 7;

/// Numbers of the largest square of registers.
const MOST_SQUARE: usize = MOST_LANES * MOST_LANES;

/// Copies as many pixels of each plane as a register has, or what is left of them. A call, as it is rare.
#[cold]
#[inline(never)]
fn copy_square<A: Copy, const LANES: usize>(planes: &[A], plane: usize, last: usize, copy: &mut [A]) {
    for (lane, copy) in copy.chunks_exact_mut(LANES).take(last + 1).enumerate() {
        copy.iter_mut().zip(&planes[lane * plane..]).for_each(|(place, pixel)| *place = *pixel);
    }
}

/// Which pixels the outputs of a plane see.
#[derive(Debug)]
pub(crate) struct PlaneWindows {
    /// Where each pixel lies among the transposed ones, row by row with its padding.
    pub(crate) slots: Vec<u32>,
    /// How many slots there are.
    pub(crate) length: usize,
    /// For each row of outputs, where its lines end.
    pub(crate) ends: Vec<u32>,
    /// A row of taps: the slot of the first output's pixel under the first of them, and the number of that tap.
    pub(crate) lines: Vec<[u32; 2]>,
    /// Outputs and taps of a row, and how far apart their pixels are.
    pub(crate) columns: usize,
    pub(crate) taps: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
}

/// As many planes as a register has lanes, or fewer.
pub(crate) struct Depthwise<'a, 'm, A> {
    pub(crate) windows: &'a PlaneWindows,
    /// The planes one after the other, and whatever follows them.
    pub(crate) planes: &'a [A],
    /// `[tap][lane]`
    pub(crate) weights: &'a [A],
    pub(crate) epilogue: Epilogue<'a, A>,
    /// One for each plane.
    pub(crate) maps: &'a mut [&'m mut [A]],
    /// Zeros wherever there is padding, and room for the sums: see [`scratch_lengths`].
    pub(crate) transposed: &'a mut [A],
    pub(crate) sums: &'a mut [A],
}

/// Numbers of the transposed pixels and of the sums.
pub(crate) fn scratch_lengths(windows: &PlaneWindows, lanes: usize) -> [usize; 2] {
    let outputs = windows.ends.len() * windows.columns;
    [(windows.length + 1) * lanes, (outputs + lanes) * lanes]
}

/// Computes planes with the instructions of a level.
#[inline(never)]
pub(crate) fn compute<A: Lanes>(level: Level, planes: Depthwise<'_, '_, A>) {
    run(level, planes);
}

impl<A: Lanes> Kernel for Depthwise<'_, '_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        with_lanes!(A::Vector::<S>::LEN, |LANES| self.transpose::<S, LANES>(simd));
        self.rows(simd);
        let pixels = self.windows.ends.len() * self.windows.columns;
        let sums = SumRows { rows: self.sums, width: A::Vector::<S>::LEN, pixels, filters: self.maps.len() };
        store_all(simd, sums, &mut Target::Maps { maps: self.maps, pixels, first: 0 }, self.epilogue);
    }
}

impl<A: Lanes> Depthwise<'_, '_, A> {
    /// Puts the same pixel of all planes side by side.
    #[inline(always)]
    fn transpose<S: Simd, const LANES: usize>(&mut self, simd: S) {
        let (plane, last) = (self.windows.slots.len(), self.maps.len() - 1);
        let mut copy = [A::default(); MOST_SQUARE];
        for (square, slots) in self.windows.slots.chunks(LANES).enumerate() {
            let planes = &self.planes[square * LANES..];
            // The end of the last planes, behind which there is nothing.
            let (pixels, distance) = if last * plane + LANES <= planes.len() {
                (planes, plane)
            } else {
                copy_square::<A, LANES>(planes, plane, last, &mut copy);
                (&copy[..], LANES)
            };
            let mut square = [A::Vector::<S>::splat(simd, A::default()); LANES];
            unrolled::<LANES>(
                #[inline(always)]
                |lane| {
                    square[lane] = A::Vector::<S>::from_slice(simd, &pixels[lane.min(last) * distance..][..LANES]);
                },
            );
            transpose::<S, A, LANES>(&mut square);
            unrolled::<LANES>(
                #[inline(always)]
                |pixel| {
                    if let Some(&slot) = slots.get(pixel) {
                        square[pixel].store_slice(&mut self.transposed[slot as usize * LANES..][..LANES]);
                    }
                },
            );
        }
    }

    /// The sums of all rows of outputs.
    #[inline(always)]
    fn rows<S: Simd>(&mut self, simd: S) {
        let PlaneWindows { ends, lines, columns, .. } = self.windows;
        let mut start = 0;
        for (row, &end) in ends.iter().enumerate() {
            let lines = &lines[start..end as usize];
            start = end as usize;
            let mut column = 0;
            while column < *columns {
                let left = columns - column;
                let at = [row * columns + column, column];
                column += match left {
                    WIDEST.. => self.tile::<S, WIDEST>(simd, lines, at),
                    4.. => self.tile::<S, 4>(simd, lines, at),
                    2.. => self.tile::<S, 2>(simd, lines, at),
                    _ => self.tile::<S, 1>(simd, lines, at),
                };
            }
        }
    }

    /// The sums of some neighbouring outputs, from this one and this column on; how many they are.
    #[inline(always)]
    fn tile<S: Simd, const OUTPUTS: usize>(
        &mut self,
        simd: S,
        lines: &[[u32; 2]],
        [output, column]: [usize; 2],
    ) -> usize {
        let lanes = A::Vector::<S>::LEN;
        let &PlaneWindows { taps, stride, dilation, .. } = self.windows;
        let mut sums = [A::Vector::<S>::splat(simd, A::default()); OUTPUTS];
        for &[slot, tap] in lines {
            let pixels = &self.transposed[(slot as usize + column * stride) * lanes..];
            let weights = &self.weights[tap as usize * lanes..][..taps * lanes];
            for (tap, weights) in weights.chunks_exact(lanes).enumerate() {
                let weights = A::Vector::<S>::from_slice(simd, weights);
                let pixels = &pixels[tap * dilation * lanes..][..((OUTPUTS - 1) * stride + 1) * lanes];
                unrolled::<OUTPUTS>(
                    #[inline(always)]
                    |output| {
                        let pixels = A::Vector::<S>::from_slice(simd, &pixels[output * stride * lanes..][..lanes]);
                        sums[output] = A::mul_add::<S>(pixels, weights, sums[output]);
                    },
                );
            }
        }
        let into = &mut self.sums[output * lanes..][..OUTPUTS * lanes];
        unrolled::<OUTPUTS>(
            #[inline(always)]
            |output| sums[output].store_slice(&mut into[output * lanes..][..lanes]),
        );
        OUTPUTS
    }
}
