//! Means of whole maps whose channels lie side by side at every pixel: sums of neighbours in memory, side by side.

use crate::simd::{Level, vectorized};

/// Numbers that are summed side by side, at most.
const LANES: usize = 512;

/// So many are summed one after the other as they are; sums of those are added up in doubles.
const STRETCH: usize = 16;

/// The means of some channels, from the `first` on, of all that there are.
#[inline(never)]
pub(super) fn means(level: Level, pixels: &[f32], (channels, first): (usize, usize), output: &mut [f32]) {
    let count = (pixels.len() / channels) as f64;
    // Few channels are summed as many pixels at a time as there is room for.
    let row = channels * (LANES / channels).max(1);
    let is_one_pixel = row == channels;
    for (number, output) in output.chunks_mut(LANES).enumerate() {
        let from = if is_one_pixel { first + number * LANES } else { 0 };
        let mut sums = [0.0; LANES];
        let sums = &mut sums[..if is_one_pixel { output.len() } else { row }];
        vectorized(
            level,
            #[inline(always)]
            || sum(pixels, row, from, sums),
        );
        for (channel, output) in output.iter_mut().enumerate() {
            let skipped = if is_one_pixel { channel } else { first + channel };
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest value is the point")]
            let mean = (sums[skipped..].iter().step_by(channels).sum::<f64>() / count) as f32;
            *output = mean;
        }
    }
}

/// The sums of neighbours from one on, as many as there are `sums`, over rows of so many numbers; the last row may be shorter.
#[inline(always)]
fn sum(pixels: &[f32], row: usize, from: usize, sums: &mut [f64]) {
    let mut few = [0.0; LANES];
    let few = &mut few[..sums.len()];
    for stretch in pixels.chunks(STRETCH * row) {
        few.fill(0.0);
        for row in stretch.chunks(row) {
            few.iter_mut().zip(&row[from.min(row.len())..]).for_each(|(sum, &number)| *sum += number);
        }
        sums.iter_mut().zip(&*few).for_each(|(sum, &few): (&mut f64, &f32)| *sum += f64::from(few));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::levels;

    #[test]
    fn channels_have_their_own_means() {
        for (pixels, channels) in
            [(1, 2), (7, 3), (1000, 3), (130, 4), (77, 31), (65, 32), (300, 33), (200, 70), (20, 600), (3, 1500)]
        {
            let numbers: Vec<f32> = (0..pixels * channels).map(|number| (number * 37 % 101) as f32 - 40.0).collect();
            for (first, count) in [(0, channels), (channels / 2, channels - channels / 2), (1, 1)] {
                for level in levels() {
                    let mut found = vec![f32::NAN; count];
                    means(level, &numbers, (channels, first), &mut found);
                    for (number, found) in found.into_iter().enumerate() {
                        let of_channel = numbers.iter().skip(first + number).step_by(channels);
                        let expected = of_channel.map(|&number| f64::from(number)).sum::<f64>() / pixels as f64;
                        assert!((f64::from(found) - expected).abs() < 1e-4, "{found} instead of {expected}, {level:?}");
                    }
                }
            }
        }
    }
}
