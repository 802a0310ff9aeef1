//! Means of whole maps whose channels lie side by side at every pixel: neighbours in memory are summed side by side, each in the order
//! in which [`Totals`](super::totals::Totals) sums a channel that lies by itself. So the order of memory changes no bit.

use std::ops::Range;

use super::totals::{STRETCH, WIDE};
use crate::simd::{Kernel, Level, Pixel, Simd, Vector, run_narrow, vectorized_with_kernels};

/// Sums side by side, at most: those of some channels, as many of each as a register has lanes in which a channel that lies by itself is summed.
const SUMS: usize = 512;

/// Those of few channels, for which so much memory need not be cleared.
const FEW_SUMS: usize = 64;

/// The means of some channels, from the `first` on, of all that there are.
#[inline(never)]
pub(super) fn means(level: Level, pixels: &[f32], (channels, first): (usize, usize), output: &mut [f32]) {
    let lanes = run_narrow(level, LanesOfTotals);
    let count = pixels.len() / channels;
    let divisor = count as f32;
    for (number, output) in output.chunks_mut(SUMS / lanes).enumerate() {
        let first = first + number * (SUMS / lanes);
        let maps = Maps { level, pixels, channels, lanes, first, width: output.len() };
        let mut sums = maps.sums(count);
        let mut half = lanes / 2;
        while half > 0 {
            for lane in 0..half {
                for channel in 0..maps.width {
                    let at = |lane: usize| lane * maps.width + channel;
                    sums[at(lane)] = sums[at(2 * lane)] + sums[at(2 * lane + 1)];
                }
            }
            half /= 2;
        }
        output.iter_mut().zip(sums).for_each(|(output, sum)| *output = sum / divisor);
    }
}

/// The lanes of the registers in which a channel that lies by itself is summed.
struct LanesOfTotals;

impl Kernel for LanesOfTotals {
    type Output = usize;
    /// As of those.
    const SCALAR: bool = false;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        <f32 as Pixel>::Pixels::<S>::LEN
    }
}

/// Some channels of an image, `width` of them from the `first` on.
struct Maps<'a> {
    level: Level,
    pixels: &'a [f32],
    channels: usize,
    lanes: usize,
    first: usize,
    width: usize,
}

impl Maps<'_> {
    /// Sums that are used.
    #[inline(always)]
    fn used(&self) -> usize {
        self.lanes * self.width
    }

    /// What so many pixels come to, `[lane, channel]`.
    fn sums(&self, count: usize) -> [f32; SUMS] {
        let stretches = count / (STRETCH * self.lanes);
        let mut sums = [0.0; SUMS];
        vectorized_with_kernels(
            self.level,
            #[inline(always)]
            || self.few(stretches * STRETCH, count, &mut sums),
        );
        // Stretches are merged in pairs of pairs: those of the highest power of two are the first in memory.
        for power in (0..usize::BITS).filter(|power| stretches >> power & 1 == 1) {
            let mut merged = [0.0; SUMS];
            self.power(stretches >> power >> 1 << power << 1, power, &mut merged);
            add(&mut sums[..self.used()], &merged);
        }
        sums
    }

    /// What a power of two of stretches comes to, from one on, each half by itself.
    fn power(&self, first: usize, power: u32, sums: &mut [f32; SUMS]) {
        if power == 0 {
            return vectorized_with_kernels(
                self.level,
                #[inline(always)]
                || match self.used() <= FEW_SUMS {
                    true => self.stretch::<FEW_SUMS>(first, sums),
                    false => self.stretch::<SUMS>(first, sums),
                },
            );
        }
        let mut later = [0.0; SUMS];
        self.power(first, power - 1, sums);
        self.power(first + (1 << (power - 1)), power - 1, &mut later);
        add(&mut sums[..self.used()], &later);
    }

    /// What one stretch comes to: several sums of each channel and lane, so that none waits for the one before.
    #[inline(always)]
    fn stretch<const MOST: usize>(&self, number: usize, sums: &mut [f32; SUMS]) {
        let mut wide = [[0.0; MOST]; WIDE];
        for register in 0..STRETCH {
            self.add(&mut wide[register % WIDE], (number * STRETCH + register) * self.lanes, 0..self.lanes);
        }
        // The sums are added up as a tree.
        const { assert!(WIDE.is_power_of_two()) };
        let mut half = WIDE / 2;
        while half > 0 {
            let (earlier, later) = wide.split_at_mut(half);
            earlier.iter_mut().zip(later).for_each(|(sums, later)| add(&mut sums[..self.used()], later));
            half /= 2;
        }
        sums[..self.used()].copy_from_slice(&wide[0][..self.used()]);
    }

    /// The tail, which is no whole stretch: registers from this one on, and then the pixels that fill none. These are read by a register that
    /// ends with the last pixel and overlaps the one before; only its new lanes are added.
    #[inline(always)]
    fn few(&self, from: usize, count: usize, sums: &mut [f32; SUMS]) {
        for register in from..count / self.lanes {
            self.add(sums, register * self.lanes, 0..self.lanes);
        }
        match (count % self.lanes, count.checked_sub(self.lanes)) {
            (0, _) => {}
            (rest, Some(last)) => self.add(sums, last, self.lanes - rest..self.lanes),
            (rest, None) => self.add(sums, 0, 0..rest),
        }
    }

    /// Adds a register of each channel, which begins at a pixel: some lanes of it.
    #[inline(always)]
    fn add(&self, sums: &mut [f32], pixel: usize, lanes: Range<usize>) {
        let place = |lane: usize| (pixel + lane) * self.channels + self.first;
        if self.width == self.channels {
            let sums = &mut sums[lanes.start * self.width..lanes.end * self.width];
            return add(sums, &self.pixels[place(lanes.start)..]);
        }
        for lane in lanes {
            add(&mut sums[lane * self.width..][..self.width], &self.pixels[place(lane)..]);
        }
    }
}

/// Adds numbers to as many sums.
#[inline(always)]
fn add(sums: &mut [f32], numbers: &[f32]) {
    sums.iter_mut().zip(numbers).for_each(|(sum, &number)| *sum += number);
}

#[cfg(test)]
mod tests;
