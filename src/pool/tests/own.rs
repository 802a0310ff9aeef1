//! Reductions of a user's own.

use std::sync::Arc;

use ndarray::ArrayD;
use proptest::prelude::*;

use super::super::planes::Sizes;
use super::super::stepped::SteppedStrips;
use super::super::walk::OwnWalk;
use super::super::{Reduction, reference};
use super::range::Range;
use super::{CASES, Case, Oracle, cases, pixels, run, same};
use crate::simd::levels;
use crate::{Element, Tensor};

impl<const N: usize> Case<N> {
    /// A reduction of a user's own, which merges, in every way that there is for one.
    fn each_own_way<T: Element, R: Reduction<T>>(
        &self,
        reduction: &R,
        input: &ArrayD<T>,
        check: impl Fn(&Tensor<T>, &Tensor<T>),
    ) {
        let pool = self.pool(reduction.clone());
        let Ok(expected) = reference::forward(&pool, input) else { return };
        let layer = pool.layer::<T>(input.shape()).expect("the case fits");
        let windows = layer.windows(None).expect("it has three axes at most");
        let sizes: Sizes = layer.sizes();
        let pixels = input.as_slice().expect("a fresh array is in order");
        for level in levels() {
            let walk = OwnWalk::new(reduction.clone(), &windows.problem, level).expect("the case is small");
            let strips = SteppedStrips::new(reduction, &windows, level).expect("the case is small");
            let (walk, strips) = (Arc::new(walk), Arc::new(strips.expect("strips are in proportion")));
            for workers in (1..=3).filter(|&workers| workers <= sizes.planes * sizes.units) {
                // Nothing may be left of what was there before.
                let mut found = [vec![T::HIGHEST; expected.len()], vec![T::LOWEST; expected.len()]];
                run(walk.clone(), sizes, workers, pixels, &mut found[0]);
                run(strips.clone(), sizes, workers, pixels, &mut found[1]);
                for found in found {
                    check(&Tensor::from_vec(expected.shape(), found).expect("as many as expected"), &expected);
                }
            }
        }
        self.each_box(
            reduction,
            &Oracle(reduction.clone(), same),
            input,
            |_| 0,
            |found, expected, _| check(found, expected),
        );
    }

    fn check_own(&self) {
        let input = pixels(self).mapv(|pixel| pixel as f32);
        self.each_own_way(&Range, &input, |found, expected| {
            for (&found, &expected) in found.iter().zip(expected) {
                assert!(found == expected || found.is_nan() && expected.is_nan(), "{found} instead of {expected}");
            }
        });
        let input = pixels(self).mapv(|pixel| (pixel * 1e9) as i32);
        self.each_own_way(&SumLessCount, &input, |found, expected| assert_eq!(found, expected));
    }
}

/// Pixels that are taken twice, or not at all, are missed by no sum; a wrong count neither.
#[derive(Clone)]
struct SumLessCount;

impl Reduction<i32> for SumLessCount {
    type Accumulator = i32;

    fn start(&self) -> i32 {
        0
    }

    fn step(&self, sum: i32, pixel: i32) -> i32 {
        sum.wrapping_add(pixel)
    }

    fn finish(&self, sum: i32, count: usize) -> i32 {
        sum.wrapping_sub(i32::try_from(count).expect("windows are small"))
    }

    fn merge(&self, one: i32, other: i32) -> Option<i32> {
        Some(one.wrapping_add(other))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn own_reductions_are_the_reference_in_every_way(
        volume in cases::<3>(),
        plane in cases::<2>(),
        row in cases::<1>(),
        wide in cases::<2>(),
        (size, stride, columns) in (2..=3_usize, 1..=2_usize, 0..=300_usize),
    ) {
        volume.check_own();
        plane.check_own();
        row.check_own();
        // Small windows in long rows, most of which have no padding.
        let input = [wide.input[0] + 3, columns + 3];
        let padding = [(1, 0), (size - 1, 1)];
        Case { input, size: [size; 2], stride: [stride; 2], dilation: [1; 2], padding, ..wide }.check_own();
    }
}
