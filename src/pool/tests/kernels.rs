//! The kernels.

use std::sync::Arc;

use ndarray::ArrayD;
use proptest::prelude::*;

use super::super::planes::Sizes;
use super::super::walk::Walk;
use super::super::{Average, L2, Max, Min, Reduction, reference};
use super::{CASES, Case, Oracle, by_kernel, cases, pixels, run, same};
use crate::simd::levels;
use crate::{Element, Float, Tensor};

impl<const N: usize> Case<N> {
    /// What the fast path gives at each level, and that it is the same to the bit for one, two and three workers.
    fn each_way<T: Element, R: Reduction<T>, U: Element>(
        &self,
        reduction: R,
        oracle: &Oracle<impl Reduction<U>, impl Fn(T) -> U>,
        input: &ArrayD<T>,
        bits: impl Fn(T) -> u64,
        mut check: impl FnMut(&Tensor<T>, &Tensor<U>),
    ) {
        let pool = self.pool(reduction);
        // Some of the drawn windows lie on padding alone, in ceil mode.
        let Ok(expected) = reference::forward(&self.pool(oracle.0.clone()), &input.mapv(&oracle.1)) else { return };
        let layer = pool.layer::<T>(input.shape()).expect("the case fits");
        let sizes: Sizes = layer.sizes();
        let input = input.as_slice().expect("a fresh array is in order");
        for level in levels() {
            let mut first: Option<Tensor<T>> = None;
            let Some(kernel) = by_kernel(&pool, &layer, level) else { continue };
            for workers in (1..=3).filter(|&workers| workers <= sizes.planes * sizes.units) {
                // Nothing may be left of what was there before.
                let mut found = vec![T::HIGHEST; expected.len()];
                run(kernel.clone(), sizes, workers, input, &mut found);
                let found = Tensor::from_vec(expected.shape(), found).expect("as many as expected");
                match &first {
                    None => check(&found, &expected),
                    Some(first) => {
                        let same = first.iter().zip(&found).all(|(&one, &other)| bits(one) == bits(other));
                        assert!(same, "{level:?} with {workers} workers: {first} and {found}");
                    }
                }
                first.get_or_insert(found);
            }
        }
    }

    /// By steps, as a reduction of this crate takes windows that are out of all proportion, or where a level has no kernels.
    fn by_steps<T: Element, U: Element, R: Reduction<T>>(
        &self,
        reduction: R,
        oracle: &Oracle<impl Reduction<U>, impl Fn(T) -> U>,
        input: &ArrayD<T>,
        check: impl Fn(&Tensor<T>, &Tensor<U>),
    ) {
        let pool = self.pool(reduction);
        let Ok(expected) = reference::forward(&self.pool(oracle.0.clone()), &input.mapv(&oracle.1)) else { return };
        let layer = pool.layer::<T>(input.shape()).expect("the case fits");
        let windows = layer.windows(None).expect("it has three axes at most");
        let walk = Arc::new(Walk::windows(pool.reduction.clone(), &windows.problem).expect("the case is small"));
        let mut found = vec![T::HIGHEST; expected.len()];
        run(walk, layer.sizes(), 1, input.as_slice().expect("a fresh array is in order"), &mut found);
        check(&Tensor::from_vec(expected.shape(), found).expect("as many as expected"), &expected);
    }

    fn check_selections<T: Float>(&self, bits: impl Fn(T) -> u64 + Copy) {
        let input = pixels(self).mapv(|number| T::from_f64(number));
        let selected = |found: &Tensor<T>, expected: &Tensor<T>| {
            for (&found, &expected) in found.iter().zip(expected) {
                // Which of two zeros of unlike sign comes out is left open. It is the same in every run: `each_way` compares bits.
                let same = bits(found) == bits(expected) || found == expected;
                assert!(same, "{found} instead of {expected}");
            }
        };
        self.each_way(Max, &Oracle(Max, same), &input, bits, selected);
        self.each_way(Min, &Oracle(Min, same), &input, bits, selected);
        self.each_box(&Max, &Oracle(Max, same), &input, bits, |found, expected, _| selected(found, expected));
        self.each_box(&Min, &Oracle(Min, same), &input, bits, |found, expected, _| selected(found, expected));
        self.by_steps(Max, &Oracle(Max, same), &input, selected);
        self.by_steps(Min, &Oracle(Min, same), &input, selected);
    }

    fn check_sums<T: Float>(&self, bits: impl Fn(T) -> u64 + Copy, tolerance: f64) {
        let input = pixels(self).mapv(|number| T::from_f64(number));
        let exact = |number: T| number.to_f64().expect("every float has an f64");
        let within = |tolerance: f64, found: &Tensor<T>, expected: &Tensor<f64>| {
            for (&found, &expected) in found.iter().zip(expected) {
                let found = exact(found);
                let same = found == expected || found.is_nan() && expected.is_nan();
                assert!(
                    same || (found - expected).abs() <= tolerance * expected.abs().max(1.0),
                    "{found} instead of {expected}"
                );
            }
        };
        let close = |found: &Tensor<T>, expected: &Tensor<f64>| within(tolerance, found, expected);
        // Rust leaves open which NaN arithmetic gives.
        let bits = |number: T| if Element::is_nan(number) { u64::MAX } else { bits(number) };
        let include_pad = self.count_include_pad;
        let mean = |count_include_pad| Oracle(Exact { squared: false, count_include_pad }, exact);
        let norm = Oracle(Exact { squared: true, count_include_pad: false }, exact);
        self.each_way(Average { count_include_pad: include_pad }, &mean(include_pad), &input, bits, close);
        self.each_way(L2, &norm, &input, bits, close);
        // The error of one term added after the other grows with their number.
        let summed =
            |found: &Tensor<T>, expected: &Tensor<f64>, growth: f64| within(tolerance * growth, found, expected);
        self.each_box(&Average::default(), &mean(false), &input, bits, summed);
        self.each_box(&L2, &norm, &input, bits, summed);
        let terms = self.size.iter().product::<usize>() as f64;
        let direct = |found: &Tensor<T>, expected: &Tensor<f64>| summed(found, expected, terms);
        self.by_steps(Average { count_include_pad: include_pad }, &mean(include_pad), &input, direct);
        self.by_steps(L2, &norm, &input, direct);
    }

    fn check_integers<T: Element>(&self, pixel: impl Fn(f64) -> T, bits: impl Fn(T) -> u64 + Copy) {
        let input = pixels(self).mapv(pixel);
        let equal = |found: &Tensor<T>, expected: &Tensor<T>| assert_eq!(found, expected);
        self.each_way(Max, &Oracle(Max, same), &input, bits, equal);
        self.each_way(Min, &Oracle(Min, same), &input, bits, equal);
        self.each_box(&Max, &Oracle(Max, same), &input, bits, |found, expected, _| equal(found, expected));
        self.by_steps(Max, &Oracle(Max, same), &input, equal);
        self.by_steps(Min, &Oracle(Min, same), &input, equal);
    }

    fn check(&self) {
        self.check_selections::<f32>(|number| u64::from(number.to_bits()));
        self.check_selections::<f64>(f64::to_bits);
        self.check_sums::<f32>(|number| u64::from(number.to_bits()), 1e-6);
        self.check_sums::<f64>(f64::to_bits, 1e-15);
        self.check_integers(|number| (number * 200.0) as u8, u64::from);
        self.check_integers(|number| (number * 200.0) as i8, |number| number as u64);
        self.check_integers(|number| (number * 4e4) as i16, |number| number as u64);
        self.check_integers(|number| (number * 33e3 + 33e3) as u16, u64::from);
        self.check_integers(|number| (number * 3e9) as i32, |number| number as u64);
        self.check_integers(|number| (number * 1e19) as i64, |number| number as u64);
    }
}

/// The mean, or the root of the sum of squares, of a sum with twice the digits: a number and what rounding has left of it
/// (T. Dekker, "A floating-point technique for extending the available precision", 1971).
#[derive(Clone)]
struct Exact {
    squared: bool,
    count_include_pad: bool,
}

impl Reduction<f64> for Exact {
    type Accumulator = (f64, f64);

    fn start(&self) -> (f64, f64) {
        (0.0, 0.0)
    }

    fn step(&self, (sum, left): (f64, f64), pixel: f64) -> (f64, f64) {
        let (term, left_of_term) = match self.squared {
            true => (pixel * pixel, pixel.mul_add(pixel, -(pixel * pixel))),
            false => (pixel, 0.0),
        };
        let whole = sum + term;
        if !whole.is_finite() {
            return (whole, 0.0);
        }
        let of_term = whole - sum;
        (whole, left + left_of_term + (sum - (whole - of_term)) + (term - of_term))
    }

    fn finish(&self, (sum, left): (f64, f64), count: usize) -> f64 {
        if self.squared { (sum + left).sqrt() } else { (sum + left) / count as f64 }
    }

    fn count_include_pad(&self) -> bool {
        self.count_include_pad
    }
}

#[test]
fn every_way_is_the_reference_for_pairs_in_volumes() {
    for input in [[2, 13, 2], [3, 5, 7], [2, 7, 70], [4, 6, 9]] {
        for odd in [0, 2] {
            let (size, stride, dilation, padding) = ([1, 2, 2], [1, 2, 2], [1; 3], [(0, 0); 3]);
            let (planes, ceil_mode, count_include_pad, seed) = (2, false, false, 0);
            Case { planes, input, size, stride, dilation, padding, ceil_mode, count_include_pad, odd, seed }.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn every_way_is_the_reference_on_one_axis(case in cases::<1>()) {
        case.check();
    }

    #[test]
    fn every_way_is_the_reference_on_two_axes(case in cases::<2>()) {
        case.check();
    }

    #[test]
    fn every_way_is_the_reference_on_three_axes(case in cases::<3>()) {
        case.check();
    }

    #[test]
    fn every_way_is_the_reference_for_pairs(case in cases::<2>()) {
        let case = Case { size: [2; 2], stride: [2; 2], dilation: [1; 2], padding: [(0, 0); 2], ..case };
        case.check();
        // Rows of fewer outputs than a register has lanes, with a pixel left over or not.
        let [rows, columns] = case.input;
        Case { input: [rows.max(2), 2 + columns % 29], ..case }.check();
    }

    #[test]
    fn every_way_is_the_reference_for_many_planes(case in cases::<1>(), planes in 5..=140_usize, length in 1..=100_usize) {
        // As many as a register has lanes are reduced together.
        Case { planes, input: [length], size: [1], stride: [1], dilation: [1], padding: [(0, 0)], ..case }.check();
    }

    #[test]
    fn every_way_is_the_reference_for_small_squares(case in cases::<2>(), size in 2..=3_usize, stride in 1..=2_usize, wide in 4..=160_usize) {
        // Rows of any number of registers, most of them not full, with padding on either side, or not.
        let padding = case.padding.map(|(before, after)| (before.min(1), after.min(1)));
        let stride = if size == 2 { 2 } else { stride };
        let input = [case.input[0].clamp(size, 9), wide];
        Case { size: [size; 2], stride: [stride; 2], dilation: [1; 2], padding, input, ..case }.check();
    }

    #[test]
    fn every_way_is_the_reference_for_large_windows_over_short_rows(
        case in cases::<2>(),
        size in [1..=33_usize, 2..=17_usize],
        input in [1..=40_usize, 1..=130_usize],
        padding in [0..=16_usize, 0..=16_usize],
    ) {
        // Windows that are put together in registers, or hardly not; with less padding than they have taps, or more than rows have
        // pixels. Less than a window of them is left over.
        let padding = [0, 1].map(|axis| (padding[axis].min(size[axis] - 1), case.padding[axis].1.min(size[axis] - 1)));
        let input = [0, 1].map(|axis| input[axis].max(size[axis].saturating_sub(padding[axis].0 + padding[axis].1)));
        let planes = case.planes.min(3);
        let case = Case { planes, size, stride: [1; 2], dilation: [1; 2], padding, input, ..case };
        case.check_selections::<f32>(|number| u64::from(number.to_bits()));
        case.check_selections::<f64>(f64::to_bits);
        case.check_integers(|number| (number * 200.0) as u8, u64::from);
    }
}
