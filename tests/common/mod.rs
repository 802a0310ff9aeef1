//! Generators and oracles that the property tests share.
//!
//! The oracles count and try where the crate calculates, so that one mistake cannot be in both.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "every test file is a crate of its own and uses its part of this"
)]

mod conv;
mod data;
mod pool;
mod window;

pub(crate) use conv::{ConvCase, convolutions, convolve_planes, mode_fits, modes, sides};
pub(crate) use data::{Draw, Memory, Stored, assert_close, assert_same, memories, numbers, odometer};
pub(crate) use pool::{PoolCase, poolings};
pub(crate) use window::{Naive, NaiveAxis, WindowCase, any_windows, flat, places, windows};

/// Runs one check as a property on one, two and three spatial axes.
macro_rules! on_each_rank {
    ($($(#[$doc:meta])* $name:ident: $check:ident($($argument:ident in $strategy:ident),+);)*) => {$(
        $(#[$doc])*
        mod $name {
            use proptest::prelude::*;

            proptest! {
                #[test]
                fn on_one_axis($($argument in super::$strategy::<1>()),+) {
                    super::$check($(&$argument),+);
                }

                #[test]
                fn on_two_axes($($argument in super::$strategy::<2>()),+) {
                    super::$check($(&$argument),+);
                }

                #[test]
                fn on_three_axes($($argument in super::$strategy::<3>()),+) {
                    super::$check($(&$argument),+);
                }
            }
        }
    )*};
}

pub(crate) use on_each_rank;
