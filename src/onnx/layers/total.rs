//! [`Total`]: sums and products of all elements, which no pooling of this crate's own is.

use crate::Reduction;

/// Of the elements, their squares or their absolute values: the sum; or the product of the elements. Added up in `f64`, so that the order
/// of the elements does not matter to the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::onnx) enum Total {
    Sums,
    Squares,
    Absolutes,
    Products,
}

impl Reduction<f32> for Total {
    type Accumulator = f64;

    fn start(&self) -> f64 {
        if *self == Self::Products { 1.0 } else { 0.0 }
    }

    fn step(&self, total: f64, pixel: f32) -> f64 {
        let pixel = f64::from(pixel);
        match self {
            Self::Sums => total + pixel,
            Self::Squares => total + pixel * pixel,
            Self::Absolutes => total + pixel.abs(),
            Self::Products => total * pixel,
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the nearest f32 is meant")]
    fn finish(&self, total: f64, _: usize) -> f32 {
        total as f32
    }

    fn merge(&self, one: f64, other: f64) -> Option<f64> {
        Some(if *self == Self::Products { one * other } else { one + other })
    }
}
