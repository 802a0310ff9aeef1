//! The ReLU.

use crate::simd::{Kernel, Level, Pixel, Simd, Vector, has_kernels, run_narrow};

/// Written so that a NaN, for which every comparison is false, passes through.
#[inline]
pub(crate) fn relu<T: Pixel>(element: T) -> T {
    if element < T::default() { T::default() } else { element }
}

/// The kernel: from `input`, or in place where there is none.
pub struct Rectify<'a, T> {
    pub(crate) input: Option<&'a [T]>,
    pub(crate) output: &'a mut [T],
}

/// Applies it with the instructions of a level.
#[inline(never)]
pub(super) fn compute<T: Pixel>(level: Level, rectify: Rectify<'_, T>) {
    if has_kernels(level) {
        return run_narrow(level, rectify);
    }
    match rectify {
        Rectify { input: Some(input), output } => {
            output.iter_mut().zip(input).for_each(|(place, &pixel)| *place = relu(pixel));
        }
        Rectify { input: None, output } => output.iter_mut().for_each(|pixel| *pixel = relu(*pixel)),
    }
}

impl<T: Pixel> Kernel for Rectify<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let step = REGISTERS * T::Pixels::<S>::LEN;
        let one = |pixel: T| T::rectified(simd, T::Pixels::<S>::splat(simd, pixel)).as_slice()[0];
        match self.input {
            Some(input) => {
                let (mut blocks, mut pixels) = (self.output.chunks_exact_mut(step), input.chunks_exact(step));
                for (block, pixels) in blocks.by_ref().zip(pixels.by_ref()) {
                    store_rectified(simd, read(simd, pixels), block);
                }
                let rest = blocks.into_remainder().iter_mut().zip(pixels.remainder());
                rest.for_each(|(place, &pixel)| *place = one(pixel));
            }
            None => {
                let mut blocks = self.output.chunks_exact_mut(step);
                for block in blocks.by_ref() {
                    store_rectified(simd, read(simd, block), block);
                }
                for pixel in blocks.into_remainder() {
                    *pixel = one(*pixel);
                }
            }
        }
    }
}

/// So many registers are read before any is stored: memory likes runs, and registers that lie across two lines of the cache then cost
/// no more than others.
const REGISTERS: usize = 4;

#[inline(always)]
fn read<S: Simd, T: Pixel>(simd: S, pixels: &[T]) -> [T::Pixels<S>; REGISTERS] {
    let mut registers = [T::Pixels::<S>::splat(simd, pixels[0]); REGISTERS];
    for register in 0..REGISTERS {
        let lanes = T::Pixels::<S>::LEN;
        registers[register] = T::Pixels::<S>::from_slice(simd, &pixels[register * lanes..][..lanes]);
    }
    registers
}

#[inline(always)]
fn store_rectified<S: Simd, T: Pixel>(simd: S, registers: [T::Pixels<S>; REGISTERS], block: &mut [T]) {
    for register in 0..REGISTERS {
        let lanes = T::Pixels::<S>::LEN;
        T::rectified(simd, registers[register]).store_slice(&mut block[register * lanes..][..lanes]);
    }
}
