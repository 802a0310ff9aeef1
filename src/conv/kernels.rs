//! The kernels, compiled here for every number and level: a program that uses the crate need not compile them again.

use super::algorithm::Algorithm;
use super::blocks::Band;
use super::channels::Channels;
use super::pack::Pack;
use super::panels::Gather;
use super::pixels::Pixels;
use super::rows::Rows;
use super::separable::{self, Separable};
use super::winograd::{self, Mend, Tiling, Winograd};
use crate::simd::{self, Lanes, Level};
use crate::tensor::TensorView;

/// The sums of every [`Element`](crate::Element). Floats have kernels; integers are convolved by tap.
///
/// Its methods are not generic, so this crate has their code.
pub trait Kernels: Lanes {
    /// The algorithms that have a kernel for this number. Without any, none of the methods is called.
    const ALGORITHMS: &[Algorithm];

    fn pack(level: Level, pack: Pack<'_, Self>);
    fn gather(level: Level, gather: Gather<'_, Self>);
    fn pixels(level: Level, band: Band<'_, Self>);
    fn channels(level: Level, band: Band<'_, Self>);
    fn rows(level: Level, rows: Rows<'_, Self>);
    fn separable(level: Level, separable: Separable<'_, Self>);
    /// Whether they are all finite.
    fn are_finite(numbers: &TensorView<'_, Self>) -> bool;
    /// The weights `[filter, row, column]` for [`separable`](Self::separable), if they are.
    fn factors(weights: &[Self], rows: usize, columns: usize) -> Option<Vec<Self>>;
    /// Whether all outputs are right: else there are pixels for [`mend`](Self::mend).
    fn winograd(level: Level, winograd: Winograd<'_, Self>) -> bool;
    fn mend(mend: Mend<'_, Self>);
    /// Whether the fourth powers of all numbers are finite.
    fn are_moderate(numbers: &TensorView<'_, Self>) -> bool;
    /// The weights `[filter, channel, row, column]` of one group for [`winograd`](Self::winograd), which has so many filters,
    /// channels, and columns of taps.
    fn winograd_weights(level: Level, tiling: Tiling, weights: &[Self], sizes: [usize; 3]) -> Vec<Self>;
}

macro_rules! floats {
    ($($float:ident),*) => {$(
        impl Kernels for $float {
            const ALGORITHMS: &[Algorithm] = &[
                Algorithm::Pixels,
                Algorithm::Channels,
                Algorithm::Rows,
                Algorithm::Separable,
                Algorithm::Winograd,
                Algorithm::Winograd2x2,
            ];

            fn pack(level: Level, pack: Pack<'_, Self>) {
                simd::run(level, pack);
            }

            fn gather(level: Level, gather: Gather<'_, Self>) {
                simd::run(level, gather);
            }

            fn pixels(level: Level, band: Band<'_, Self>) {
                simd::run(level, Pixels(band));
            }

            fn channels(level: Level, band: Band<'_, Self>) {
                simd::run(level, Channels(band));
            }

            fn rows(level: Level, rows: Rows<'_, Self>) {
                simd::run(level, rows);
            }

            fn separable(level: Level, separable: Separable<'_, Self>) {
                simd::run(level, separable);
            }

            fn are_finite(numbers: &TensorView<'_, Self>) -> bool {
                numbers.iter().all(|number| number.is_finite())
            }

            fn factors(weights: &[Self], rows: usize, columns: usize) -> Option<Vec<Self>> {
                separable::factors(weights, rows, columns)
            }

            fn winograd(level: Level, winograd: Winograd<'_, Self>) -> bool {
                simd::run(level, winograd)
            }

            fn mend(mend: Mend<'_, Self>) {
                mend.run();
            }

            fn are_moderate(numbers: &TensorView<'_, Self>) -> bool {
                numbers.iter().all(|number| (number * number * number * number).is_finite())
            }

            fn winograd_weights(level: Level, tiling: Tiling, weights: &[Self], sizes: [usize; 3]) -> Vec<Self> {
                winograd::pack(level, tiling, weights, sizes)
            }
        }
    )*};
}

macro_rules! integers {
    ($($integer:ident),*) => {$(
        impl Kernels for $integer {
            const ALGORITHMS: &[Algorithm] = &[];

            fn pack(_: Level, _: Pack<'_, Self>) {}
            fn gather(_: Level, _: Gather<'_, Self>) {}
            fn pixels(_: Level, _: Band<'_, Self>) {}
            fn channels(_: Level, _: Band<'_, Self>) {}
            fn rows(_: Level, _: Rows<'_, Self>) {}
            fn separable(_: Level, _: Separable<'_, Self>) {}
            fn are_finite(_: &TensorView<'_, Self>) -> bool {
                true
            }
            fn factors(_: &[Self], _: usize, _: usize) -> Option<Vec<Self>> {
                None
            }
            fn winograd(_: Level, _: Winograd<'_, Self>) -> bool {
                true
            }
            fn mend(_: Mend<'_, Self>) {}
            fn are_moderate(_: &TensorView<'_, Self>) -> bool {
                true
            }
            fn winograd_weights(_: Level, _: Tiling, _: &[Self], _: [usize; 3]) -> Vec<Self> {
                Vec::new()
            }
        }
    )*};
}

floats!(f32, f64);
integers!(i32, i64);
