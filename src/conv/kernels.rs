//! The kernels, compiled here for every number and level: a program that uses the crate need not compile them again.

use super::algorithm::Algorithm;
use super::blocks::Band;
use super::channels::Channels;
use super::packing::Pack;
use super::pixels::Pixels;
use crate::simd::{self, Lanes, Level};

/// Numbers that have kernels: the sums of every [`Element`](crate::Element).
///
/// Its methods are not generic, so this crate has their code.
pub trait Kernels: Lanes {
    /// The algorithms that have a kernel for this number. Integers have none: they are convolved by tap.
    const ALGORITHMS: &[Algorithm];

    /// Packs the input of a band.
    fn pack(level: Level, pack: Pack<'_, Self>);

    /// Computes a band by one of these algorithms.
    fn compute(algorithm: Algorithm, level: Level, band: Band<'_, Self>);
}

macro_rules! kernels {
    ($($number:ident: $($algorithm:ident),*;)*) => {$(
        impl Kernels for $number {
            const ALGORITHMS: &[Algorithm] = &[$(Algorithm::$algorithm),*];

            fn pack(level: Level, pack: Pack<'_, Self>) {
                simd::run(level, pack);
            }

            #[allow(unused_variables, reason = "without kernels there is nothing to run")]
            fn compute(algorithm: Algorithm, level: Level, band: Band<'_, Self>) {
                match algorithm {
                    $(Algorithm::$algorithm => simd::run(level, $algorithm(band)),)*
                    _ => unreachable!("{algorithm} has no kernel for {}", stringify!($number)),
                }
            }
        }
    )*};
}

kernels! {
    f32: Pixels, Channels;
    f64: Pixels, Channels;
    i32: ;
    i64: ;
}
