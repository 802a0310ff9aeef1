//! A reduction of a user's own, for tests and benches of all kinds: whoever includes this file has `Reduction` in scope.

use super::Reduction;

/// The difference between the largest and the smallest pixel, NaN apart.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Range;

impl Reduction<f32> for Range {
    type Accumulator = (f32, f32);

    #[inline]
    fn start(&self) -> (f32, f32) {
        (f32::INFINITY, f32::NEG_INFINITY)
    }

    #[inline]
    fn step(&self, (low, high): (f32, f32), pixel: f32) -> (f32, f32) {
        (if pixel < low { pixel } else { low }, if pixel > high { pixel } else { high })
    }

    #[inline]
    fn finish(&self, (low, high): (f32, f32), _count: usize) -> f32 {
        high - low
    }

    #[inline]
    fn step_run(&self, accumulators: &mut [(f32, f32)], pixels: &[f32]) {
        debug_assert_eq!(accumulators.len(), pixels.len());
        for ((low, high), &pixel) in accumulators.iter_mut().zip(pixels) {
            *low = if pixel < *low { pixel } else { *low };
            *high = if pixel > *high { pixel } else { *high };
        }
    }

    #[inline]
    fn merge(&self, one: (f32, f32), other: (f32, f32)) -> Option<(f32, f32)> {
        let low = if other.0 < one.0 { other.0 } else { one.0 };
        Some((low, if other.1 > one.1 { other.1 } else { one.1 }))
    }
}
