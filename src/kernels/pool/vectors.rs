//! Pooling written with vectors: the largest or smallest pixel, sums of `f32`.

use super::{Operation, Terms};
use crate::simd::{Bytes, Flip, FloatPixel, Pixel, Simd, SimdMask, Vector};

/// The largest pixel, or the smallest: that is the largest of pixels whose bits are flipped so that their order is reversed. `R`
/// registers side by side.
#[derive(Clone, Copy)]
pub(crate) struct Largest<S: Simd, T: Flip, const R: usize> {
    pub(crate) simd: S,
    pub(crate) flip: T::Bits<S>,
    /// The value below all others.
    pub(crate) lowest: T,
}

/// The mean of floats, the sum of their magnitudes, or the root of the sum of their squares.
#[derive(Clone, Copy)]
pub(crate) struct Sum<S: Simd, const R: usize> {
    simd: S,
    squared: bool,
    /// A pixel is multiplied by the number that has these of its own bits, and those of one.
    of_pixel: S::u32s,
    of_one: S::u32s,
}

impl<S: Simd, const R: usize> Sum<S, R> {
    #[inline(always)]
    pub(crate) fn new(simd: S, terms: Terms) -> Self {
        let (of_pixel, of_one) = match terms {
            Terms::Pixels => (0, 1.0_f32.to_bits()),
            Terms::Magnitudes => ((-0.0_f32).to_bits(), 1.0_f32.to_bits()),
            Terms::Squares => (u32::MAX, 0),
        };
        Self {
            simd,
            squared: terms == Terms::Squares,
            of_pixel: S::u32s::splat(simd, of_pixel),
            of_one: S::u32s::splat(simd, of_one),
        }
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

impl<S: Simd, T: Flip, const R: usize, const N: usize> Operation<N> for Largest<S, T, R> {
    type Pixel = T;
    type Cell = T;
    type Block = [T::Pixels<S>; R];
    const COUNTED: bool = false;
    const PROBES: bool = T::HAS_ORDER;

    #[inline(always)]
    fn blank(self) -> T {
        self.lowest
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

    #[inline(always)]
    #[allow(clippy::eq_op, reason = "NaN differs from itself")]
    fn is_nan(pixel: T) -> bool {
        pixel != pixel
    }
}

impl<S: Simd, const R: usize, const N: usize> Operation<N> for Sum<S, R> {
    type Pixel = f32;
    type Cell = f32;
    type Block = [S::f32s; R];
    const COUNTED: bool = true;

    #[inline(always)]
    fn blank(self) -> f32 {
        0.0
    }

    #[inline(always)]
    fn enter(self, pixels: &[f32; N]) -> Self::Block {
        let mut cells = load::<S, f32, R>(self.simd, pixels);
        for register in 0..R {
            let by = (cells[register].bitcast::<S::u32s>() & self.of_pixel) | self.of_one;
            cells[register] *= by.bitcast::<S::f32s>();
        }
        cells
    }

    #[inline(always)]
    fn load(self, cells: &[f32; N]) -> Self::Block {
        load::<S, f32, R>(self.simd, cells)
    }

    #[inline(always)]
    fn store(self, block: Self::Block, cells: &mut [f32; N]) {
        store::<S, f32, R>(block, cells);
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
        every_second::<S, f32, R>(first, second)
    }

    #[inline(always)]
    #[allow(
        clippy::cast_possible_wrap,
        reason = "counts on an axis are less than 2^31, and signed numbers are made into floats faster"
    )]
    fn finish(self, mut cells: Self::Block, columns: &[u32; N], row: usize, _: usize, output: &mut [f32; N]) {
        let mut counts = [0.0; N];
        for lane in 0..N {
            counts[lane] = columns[lane] as i32 as f32 * row as f32;
        }
        let counts = load::<S, f32, R>(self.simd, &counts);
        for register in 0..R {
            cells[register] = f32::quotient::<S>(cells[register], counts[register]);
        }
        store::<S, f32, R>(cells, output);
    }

    #[inline(always)]
    fn close(self, output: &mut [f32]) {
        if self.squared {
            let (whole, rest) = output.as_chunks_mut::<N>();
            for block in whole {
                let mut sums = load::<S, f32, R>(self.simd, block);
                for register in 0..R {
                    sums[register] = f32::root::<S>(sums[register]);
                }
                store::<S, f32, R>(sums, block);
            }
            for sum in rest {
                *sum = sum.sqrt();
            }
        }
    }
}
