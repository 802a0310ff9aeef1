//! Averages of integers, and what else is pooled as numbers of another type, held against a definition that counts.

use ndarray::ArrayD;
use proptest::prelude::*;

use super::super::operation::Operation;
use super::super::planes::Compute;
use super::super::staged::StagedPixel;
use super::super::{Average, Lp, Max, Min, Reduction, reference};
use super::{CASES, Case, Oracle, cases, pixels, run};
use crate::simd::{has_kernels, levels};
use crate::{Float, Tensor};

/// The nearest integer to the mean of integers, the even one of two that are as near, of those that are tried.
#[derive(Clone)]
struct Nearest {
    count_include_pad: bool,
}

impl Reduction<i64> for Nearest {
    type Accumulator = i128;

    fn start(&self) -> i128 {
        0
    }

    fn step(&self, sum: i128, pixel: i64) -> i128 {
        sum + i128::from(pixel)
    }

    fn finish(&self, sum: i128, count: usize) -> i64 {
        let count = count as i128;
        let near = sum / count;
        let nearest = (near - 1..=near + 1).min_by_key(|integer| ((sum - integer * count).abs(), integer % 2 != 0));
        nearest.and_then(|integer| i64::try_from(integer).ok()).expect("a mean is no larger than the pixels")
    }

    fn count_include_pad(&self) -> bool {
        self.count_include_pad
    }
}

/// The type of the numbers that pixels are made into.
fn stage<T: StagedPixel>(staged: &dyn Compute<T>) -> &'static str {
    let mut cells = staged.cells().expect("the case is small");
    match [cells.get::<u8>().is_empty(), cells.get::<f32>().is_empty(), cells.get::<f64>().is_empty()] {
        [false, true, true] => "u8",
        [true, false, true] => "f32",
        [true, true, false] => "f64",
        _ => "another",
    }
}

impl<const N: usize> Case<N> {
    /// At each level that has kernels, by one to three workers; what stages the pixels.
    fn each_stage<T: StagedPixel + Into<i64>, R: Reduction<T>>(
        &self,
        reduction: R,
        oracle: impl Reduction<i64>,
        input: &ArrayD<T>,
        expected_stage: &str,
    ) {
        let pool = self.pool(reduction);
        // Some of the drawn windows lie on padding alone, in ceil mode.
        let Ok(expected) = reference::forward(&self.pool(oracle), &input.mapv(Into::into)) else { return };
        let by_steps = reference::forward(&pool, input).expect("the case fits");
        assert_eq!(by_steps.map(|&pixel| pixel.into()), expected);
        assert_eq!(crate::Module::forward(&pool, input).expect("the case fits"), by_steps);
        let layer = pool.layer::<T>(input.shape()).expect("the case fits");
        let windows = layer.windows(None).expect("it has three axes at most");
        let operation = pool.reduction.operation().expect("it is of this crate");
        for level in levels() {
            let staged = T::staged(operation, &windows, level).expect("the case is small");
            assert_eq!(staged.is_some(), has_kernels(level), "{level:?}");
            let Some(staged) = staged else { continue };
            assert!(["any", stage(&*staged)].contains(&expected_stage), "{} at {level:?}", stage(&*staged));
            for workers in (1..=3).filter(|&workers| workers <= layer.sizes().planes * layer.sizes().units) {
                let mut found = vec![T::HIGHEST; expected.len()];
                let input = input.as_slice().expect("a fresh array is in order");
                run(staged.clone(), layer.sizes(), workers, input, &mut found);
                let found = Tensor::from_vec(expected.shape(), found).expect("as many as expected");
                assert_eq!(found.map(|&pixel| pixel.into()), expected, "{level:?} with {workers} workers");
            }
        }
    }

    fn check_means<T: StagedPixel + Into<i64>>(&self, pixel: impl Fn(f64) -> T, stage: &str) {
        for count_include_pad in [false, true] {
            let average = Average { count_include_pad };
            // Pixels of all values, and few values, whose means lie in the middle more often.
            for scale in [1.0, 0.01] {
                let input = pixels(self).mapv(|number| pixel(number * scale));
                self.each_stage(average, Nearest { count_include_pad }, &input, stage);
                if !count_include_pad {
                    let nearest = Nearest { count_include_pad };
                    let equal = |found: &Tensor<T>, expected: &Tensor<i64>| {
                        assert_eq!(found.map(|&pixel| pixel.into()), *expected);
                    };
                    self.each_box(
                        &average,
                        &Oracle(nearest, Into::into),
                        &input,
                        |pixel| pixel.into() as u64,
                        |found, expected, _| equal(found, expected),
                    );
                }
            }
        }
    }

    fn check_integers_as_other_numbers(&self) {
        let case = Self { odd: 0, ..self.clone() };
        case.check_means(|number| (number * 128.0 + 128.0) as u8, "f32");
        case.check_means(|number| (number * 200.0) as i8, "f32");
        let counted = case.size.iter().product::<usize>();
        // Large windows may be cut by the borders.
        case.check_means(|number| (number * 4e4) as i16, if counted < 512 { "f32" } else { "any" });
        case.check_means(|number| (number * 33e3 + 33e3) as u16, if counted < 256 { "f32" } else { "any" });
        case.check_means(|number| (number * 3e9) as i32, "f64");
        let input = pixels(&case).mapv(|number| (number * 200.0) as i8);
        case.each_stage(Max, Max, &input, "u8");
        case.each_stage(Min, Min, &input, "u8");
        let input = pixels(&case).mapv(|number| (number * 4e4) as i16);
        case.each_stage(Max, Max, &input, "f32");
        case.each_stage(Min, Min, &input, "f32");
        let input = pixels(&case).mapv(|number| (number * 33e3 + 33e3) as u16);
        case.each_stage(Max, Max, &input, "f32");
        case.each_stage(Min, Min, &input, "f32");
        let input = pixels(&case).mapv(|number| (number * 3e9) as i32);
        case.each_stage(Max, Max, &input, "f64");
        case.check_wide();
    }

    /// 64 bits have no stage: steps pool them.
    fn check_wide(&self) {
        let input = pixels(self).mapv(|number| (number * 1e19) as i64);
        for count_include_pad in [false, true] {
            let pool = self.pool(Average { count_include_pad });
            let nearest = self.pool(Nearest { count_include_pad });
            let Ok(expected) = reference::forward(&nearest, &input) else { return };
            assert_eq!(reference::forward(&pool, &input).expect("the case fits"), expected);
            assert_eq!(crate::Module::forward(&pool, &input).expect("the case fits"), expected);
        }
    }
}

impl<const N: usize> Case<N> {
    /// Norms of any order, as many digits as the powers have.
    fn check_norms<T: StagedPixel + Float>(&self, order: f64, tolerance: f64, expected_stage: &str) {
        let pool = self.pool(Lp(order));
        let input = pixels(self).mapv(|number| T::from_f64(number));
        let exact = input.mapv(|pixel| pixel.to_f64().expect("every float has an f64"));
        let Ok(expected) = reference::forward(&self.pool(Lp(order)), &exact) else { return };
        let layer = pool.layer::<T>(input.shape()).expect("the case fits");
        let windows = layer.windows(None).expect("it has three axes at most");
        for level in levels() {
            let staged = T::staged(Operation::Lp { order }, &windows, level).expect("the case is small");
            assert_eq!(staged.is_some(), has_kernels(level), "{level:?}");
            let Some(staged) = staged else { continue };
            assert_eq!(stage(&*staged), expected_stage, "{level:?}");
            for workers in (1..=3).filter(|&workers| workers <= layer.sizes().planes * layer.sizes().units) {
                let mut found = vec![T::HIGHEST; expected.len()];
                let input = input.as_slice().expect("a fresh array is in order");
                run(staged.clone(), layer.sizes(), workers, input, &mut found);
                for (&found, &expected) in found.iter().zip(&expected) {
                    let found = found.to_f64().expect("every float has an f64");
                    let same = found == expected || found.is_nan() && expected.is_nan();
                    let close = (found - expected).abs() <= tolerance * expected.abs();
                    assert!(same || close, "{found} instead of {expected} of order {order} at {level:?}");
                }
            }
        }
    }

    fn check_norms_of_many_orders(&self) {
        for order in [1.0, 2.5, 3.0, 4.0, 7.0] {
            self.check_norms::<f32>(order, 2e-6, "f32");
            self.check_norms::<f64>(order, 1e-14, "f64");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn norms_have_any_order(volume in cases::<3>(), plane in cases::<2>(), row in cases::<1>()) {
        volume.check_norms_of_many_orders();
        plane.check_norms_of_many_orders();
        row.check_norms_of_many_orders();
    }

    #[test]
    fn integers_are_averaged_on_one_axis(case in cases::<1>()) {
        case.check_integers_as_other_numbers();
    }

    #[test]
    fn integers_are_averaged_on_two_axes(case in cases::<2>()) {
        case.check_integers_as_other_numbers();
    }

    #[test]
    fn integers_are_averaged_on_three_axes(case in cases::<3>()) {
        case.check_integers_as_other_numbers();
    }
}

/// A square window over a square map.
fn square(side: usize, size: usize) -> Case<2> {
    let padding = [(size / 2, size - 1 - size / 2); 2];
    let (input, size, stride, dilation) = ([side; 2], [size; 2], [1; 2], [1; 2]);
    let (planes, ceil_mode, count_include_pad, odd, seed) = (1, false, false, 0, 5);
    Case { planes, input, size, stride, dilation, padding, ceil_mode, count_include_pad, odd, seed }
}

#[test]
fn rows_are_staged_a_few_at_a_time() {
    let case = Case { planes: 2, input: [300, 450], ..square(300, 3) };
    case.each_stage(Average::default(), Nearest { count_include_pad: false }, &bytes(&case), "f32");
    let case = Case { dilation: [40, 3], padding: [(40, 40), (3, 3)], ..case };
    case.each_stage(Average::default(), Nearest { count_include_pad: false }, &bytes(&case), "f32");
}

#[test]
fn windows_of_many_pixels_are_summed_in_wider_floats() {
    let nearest = Nearest { count_include_pad: true };
    let average = Average { count_include_pad: true };
    for (size, stage) in [(22, "f32"), (23, "f64")] {
        let case = square(24, size);
        // The largest magnitude there is, but for a few: sums come as near the limit as they can.
        let input = pixels(&case).mapv(|number| if number > 0.9 { i16::MAX } else { i16::MIN });
        case.each_stage(average, nearest.clone(), &input, stage);
    }
    for (size, stage) in [(15, "f32"), (16, "f64")] {
        let case = square(17, size);
        let input = pixels(&case).mapv(|number| if number > 0.9 { u16::MAX - 1 } else { u16::MAX });
        case.each_stage(average, nearest.clone(), &input, stage);
    }
    if cfg!(not(debug_assertions)) {
        for (size, stage) in [(255, "f32"), (257, "f64")] {
            let case = Case { padding: [(1, 1); 2], ..square(size, size) };
            let input = pixels(&case).mapv(|number| if number > 0.9 { 254_u8 } else { 255 });
            case.each_stage(average, nearest.clone(), &input, stage);
        }
    }
}

fn bytes<const N: usize>(case: &Case<N>) -> ArrayD<u8> {
    pixels(case).mapv(|number| (number * 128.0 + 128.0) as u8)
}

#[test]
fn integers_are_averaged_as_no_operation_of_theirs() {
    assert!(!Operation::Average { count_include_pad: false }.is_of::<u8>());
    assert!(Operation::Average { count_include_pad: false }.is_of::<f32>());
    let case = square(9, 3);
    let layer = case.pool(Average::default()).layer::<u8>(&[1, 9, 9]).expect("the case fits");
    let windows = layer.windows(None).expect("it has two axes");
    for level in levels() {
        let kernel = windows.kernel::<u8>(Operation::Average { count_include_pad: false }, level);
        assert!(kernel.expect("the case is small").is_none(), "{level:?}");
    }
}
