//! Quotients by the counts of windows, held against the division of the language, bit by bit.

use crate::Float;
use crate::simd::{FloatPixel, Kernel, Simd, Vector, kernel_levels, run_narrow};

/// Divides every number by a count.
struct Quotients<'a, T> {
    numbers: &'a mut [T],
    count: T,
}

impl<T: FloatPixel> Kernel for Quotients<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let divisor = T::divisor(simd, T::Pixels::<S>::splat(simd, self.count));
        for number in self.numbers {
            *number = T::divided::<S>(T::Pixels::<S>::splat(simd, *number), divisor).as_slice()[0];
        }
    }
}

/// Numbers of many magnitudes, as 64 bits in no order; their multiples by the count; and what has no quotient of its own.
fn check<T: Float + FloatPixel>(count: u32, from_bits: fn(u64) -> T, bits: fn(T) -> u64) {
    let divisor = T::from_f64(f64::from(count));
    let mut state = u64::from(count);
    let mut numbers = vec![T::ZERO, -T::ZERO, T::HIGHEST, T::LOWEST, T::HIGHEST / T::ZERO, T::LOWEST / T::ZERO];
    for _ in 0..if cfg!(debug_assertions) { 100 } else { 20_000 } {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = from_bits(state);
        numbers.extend([number, number * divisor]);
    }
    let small = T::from_f64(1e-30);
    numbers.retain(|&number| number == T::ZERO || number / divisor > small || number / divisor < -small);
    for level in kernel_levels() {
        let mut quotients = numbers.clone();
        run_narrow(level, Quotients { numbers: &mut quotients, count: divisor });
        for (&number, quotient) in numbers.iter().zip(quotients) {
            assert_eq!(bits(quotient), bits(number / divisor), "{number} / {count} at {level:?}: {quotient}");
        }
    }
}

#[test]
fn quotients_are_rounded_as_by_division() {
    for count in (1..=100).chain([121, 169, 1000, 1023, 4096, 65_535]) {
        check::<f32>(count, |bits| f32::from_bits((bits >> 32) as u32), |number| number.to_bits().into());
        check::<f64>(count, f64::from_bits, f64::to_bits);
    }
}
