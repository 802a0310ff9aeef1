//! Pooling written with vectors: the largest or smallest pixel, sums of floats.

use super::BlockOperation;
use crate::simd::{Flip, FloatPixel, Pixel, Simd, SimdMask, Terms, Vector};

/// The largest pixel, or the smallest: that is the largest of pixels whose bits are flipped so that their order is reversed. `R`
/// registers side by side.
#[derive(Clone, Copy)]
pub(crate) struct VectorLargest<S: Simd, T: Flip, const R: usize> {
    simd: S,
    flip: T::Bits<S>,
}

impl<S: Simd, T: Flip, const R: usize> VectorLargest<S, T, R> {
    #[inline(always)]
    pub(crate) fn new(simd: S, is_smallest: bool) -> Self {
        Self { simd, flip: T::bits(simd, is_smallest) }
    }
}

/// The mean of floats, the sum of their magnitudes, or the root of the sum of their squares.
#[derive(Clone, Copy)]
pub(crate) struct VectorSum<S: Simd, T: FloatPixel, const R: usize> {
    simd: S,
    squared: bool,
    factors: [T::Bits<S>; 2],
}

impl<S: Simd, T: FloatPixel, const R: usize> VectorSum<S, T, R> {
    #[inline(always)]
    pub(crate) fn new(simd: S, terms: Terms) -> Self {
        Self { simd, squared: terms == Terms::Squares, factors: T::factors(simd, terms) }
    }
}

#[inline(always)]
fn load<S: Simd, T: Pixel, const R: usize>(simd: S, numbers: &[T]) -> [T::Pixels<S>; R] {
    let mut registers = [T::Pixels::<S>::splat(simd, T::default()); R];
    for register in 0..R {
        let lanes = T::Pixels::<S>::LEN;
        registers[register] = T::Pixels::<S>::from_slice(simd, &numbers[register * lanes..][..lanes]);
    }
    registers
}

#[inline(always)]
fn store<S: Simd, T: Pixel, const R: usize>(registers: [T::Pixels<S>; R], numbers: &mut [T]) {
    for register in 0..R {
        let lanes = T::Pixels::<S>::LEN;
        registers[register].store_slice(&mut numbers[register * lanes..][..lanes]);
    }
}

/// Adds up pixels, several sums side by side: NaN comes of it where one of them is NaN, and perhaps where some are infinite.
#[inline(always)]
#[allow(clippy::eq_op, reason = "NaN differs from itself")]
fn is_suspect<S: Simd, T: Pixel>(simd: S, pixels: &[T]) -> bool {
    const SUMS: usize = 4;
    let lanes = T::Pixels::<S>::LEN;
    let mut sums = [T::Pixels::<S>::splat(simd, T::default()); SUMS];
    let mut groups = pixels.chunks_exact(SUMS * lanes);
    for group in groups.by_ref() {
        for sum in 0..SUMS {
            let pixels = T::Pixels::<S>::from_slice(simd, &group[sum * lanes..][..lanes]);
            sums[sum] = T::nans::<S>(sums[sum], pixels);
        }
    }
    let all = T::nans::<S>(T::nans::<S>(sums[0], sums[1]), T::nans::<S>(sums[2], sums[3]));
    !all.simd_eq(all).all_true() || groups.remainder().iter().any(|pixel| pixel != pixel)
}

/// The even lanes of registers that follow one another.
#[inline(always)]
fn every_second<S: Simd, T: Pixel, const R: usize>(
    first: [T::Pixels<S>; R],
    second: [T::Pixels<S>; R],
) -> [T::Pixels<S>; R] {
    let mut even = first;
    for register in 0..R {
        let at = |number: usize| if number < R { first[number] } else { second[number - R] };
        even[register] = at(2 * register).unzip_low(at(2 * register + 1));
    }
    even
}

impl<S: Simd, T: Flip, const R: usize, const N: usize> BlockOperation<N> for VectorLargest<S, T, R> {
    type Pixel = T;
    type Cell = T;
    type Block = [T::Pixels<S>; R];
    const COUNTED: bool = false;
    const PROBES: bool = T::HAS_ORDER;

    #[inline(always)]
    fn blank(self) -> T {
        T::LEAST
    }

    #[inline(always)]
    fn enter(self, pixels: &[T; N]) -> Self::Block {
        let mut cells = load::<S, T, R>(self.simd, pixels);
        for register in 0..R {
            cells[register] = T::flipped::<S>(cells[register], self.flip);
        }
        cells
    }

    #[inline(always)]
    fn load(self, cells: &[T; N]) -> Self::Block {
        load::<S, T, R>(self.simd, cells)
    }

    #[inline(always)]
    fn store(self, block: Self::Block, cells: &mut [T; N]) {
        store::<S, T, R>(block, cells);
    }

    #[inline(always)]
    fn merge(self, mut earlier: Self::Block, later: Self::Block) -> Self::Block {
        for register in 0..R {
            earlier[register] = T::larger(self.simd, earlier[register], later[register]);
        }
        earlier
    }

    #[inline(always)]
    fn every_second(self, first: Self::Block, second: Self::Block) -> Self::Block {
        every_second::<S, T, R>(first, second)
    }

    #[inline(always)]
    fn finish(self, mut cells: Self::Block, _: &[u32; N], _: usize, _: usize, output: &mut [T; N]) {
        for register in 0..R {
            cells[register] = T::flipped::<S>(cells[register], self.flip);
        }
        store::<S, T, R>(cells, output);
    }

    #[inline(always)]
    fn is_suspect(self, pixels: &[T]) -> bool {
        is_suspect::<S, T>(self.simd, pixels)
    }
}

impl<S: Simd, T: FloatPixel, const R: usize, const N: usize> BlockOperation<N> for VectorSum<S, T, R> {
    type Pixel = T;
    type Cell = T;
    type Block = [T::Pixels<S>; R];
    const COUNTED: bool = true;

    #[inline(always)]
    fn blank(self) -> T {
        T::default()
    }

    #[inline(always)]
    fn enter(self, pixels: &[T; N]) -> Self::Block {
        let mut cells = load::<S, T, R>(self.simd, pixels);
        for register in 0..R {
            cells[register] = T::terms::<S>(cells[register], self.factors);
        }
        cells
    }

    #[inline(always)]
    fn load(self, cells: &[T; N]) -> Self::Block {
        load::<S, T, R>(self.simd, cells)
    }

    #[inline(always)]
    fn store(self, block: Self::Block, cells: &mut [T; N]) {
        store::<S, T, R>(block, cells);
    }

    #[inline(always)]
    fn merge(self, mut earlier: Self::Block, later: Self::Block) -> Self::Block {
        for register in 0..R {
            earlier[register] += later[register];
        }
        earlier
    }

    #[inline(always)]
    fn every_second(self, first: Self::Block, second: Self::Block) -> Self::Block {
        every_second::<S, T, R>(first, second)
    }

    #[inline(always)]
    fn finish(self, mut cells: Self::Block, columns: &[u32; N], row: usize, _: usize, output: &mut [T; N]) {
        let mut counts = [T::default(); N];
        for lane in 0..N {
            counts[lane] = T::count(columns[lane], row);
        }
        let counts = load::<S, T, R>(self.simd, &counts);
        for register in 0..R {
            cells[register] = T::quotient::<S>(cells[register], counts[register]);
        }
        store::<S, T, R>(cells, output);
    }

    #[inline(always)]
    fn close(self, output: &mut [T]) {
        if self.squared {
            let (whole, rest) = output.as_chunks_mut::<N>();
            for block in whole {
                let mut sums = load::<S, T, R>(self.simd, block);
                for register in 0..R {
                    sums[register] = T::root::<S>(sums[register]);
                }
                store::<S, T, R>(sums, block);
            }
            for sum in rest {
                *sum = sum.sqrt();
            }
        }
    }
}
