use super::*;

/// Roots of sums of every magnitude, to the last digits.
#[test]
#[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest value is the point")]
fn roots_are_those_of_the_language() {
    for factors in FACTORS {
        let mut state = u64::from(factors);
        for exponent in -148..128 {
            let mut sums = [0.0_f32; BLOCK];
            let mut wide = [0.0_f64; BLOCK];
            for lane in 0..BLOCK {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let number = 1.0 + (state >> 12) as f64 / (1_u64 << 52) as f64;
                sums[lane] = (number * 2_f64.powi(exponent)) as f32;
                wide[lane] = number * 2_f64.powi(exponent * 6);
            }
            let root = 1.0 / f64::from(factors);
            let mut roots = [0.0; BLOCK];
            Powered::roots(&sums, factors, &mut roots);
            for (found, sum) in roots.into_iter().zip(sums) {
                let expected = f64::from(sum).powf(root);
                let error = (f64::from(found) - expected).abs() / expected;
                assert!(error < 3e-7, "{sum} to the 1/{factors}: {found} instead of {expected}");
            }
            let mut roots = [0.0; BLOCK];
            Powered::roots(&wide, factors, &mut roots);
            for (found, sum) in roots.into_iter().zip(wide) {
                // The inverse of the order is rounded, and what a language gives for it off by as much.
                let power = (0..factors).fold(1.0, |power, _| power * found);
                let error = (power / sum - 1.0).abs() / f64::from(factors);
                assert!(error < 1e-15, "{sum} to the 1/{factors}: {found}, off by {error}");
            }
        }
        let mut odd = [1.0_f32; BLOCK];
        odd[..3].copy_from_slice(&[0.0, f32::INFINITY, f32::NAN]);
        let mut roots = [0.0; BLOCK];
        Powered::roots(&odd, factors, &mut roots);
        assert!(roots[0] == 0.0 && roots[1] == f32::INFINITY && roots[2].is_nan() && (roots[3] - 1.0).abs() < 3e-7);
    }
}
