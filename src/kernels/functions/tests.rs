use super::*;

/// The distance in units of the last place of what is expected, or of the smallest normal number.
fn ulps(found: f32, expected: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, reason = "that is where the units are")]
    let nearest = (expected as f32).abs().max(f32::MIN_POSITIVE);
    let unit = f64::from(f32::from_bits(nearest.to_bits() + 1)) - f64::from(nearest);
    (f64::from(found) - expected).abs() / unit
}

/// A function, its definition in `f64`, and how far they may be apart.
type Row = (&'static str, fn(f32) -> f32, fn(f64) -> f64, f64);

#[test]
fn functions_are_those_of_f64_to_a_few_units_in_the_last_place() {
    let rows: [Row; 5] = [
        ("exp", |x| Exponential::exp(x), f64::exp, 1.5),
        ("exp_m1", |x| Exponential::exp_m1(x), |x| x.min(44.0).exp_m1(), 2.5),
        (
            "sigmoid",
            |x| Exponential::sigmoid(x),
            |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) },
            3.0,
        ),
        ("tanh", |x| Exponential::tanh(x), f64::tanh, 4.0),
        ("softplus", |x| Exponential::softplus(x), |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), 4.0),
    ];
    for (name, function, definition, most) in rows {
        let mut worst = (0.0, 0.0);
        for step in -400_000..400_000 {
            // Dense around 0, and beyond where results overflow.
            let x = (step as f32 / 400_000.0).powi(3) * 110.0;
            let expected = definition(f64::from(x));
            if expected > f64::from(f32::MAX) {
                assert_eq!(function(x), f32::INFINITY, "{name}({x})");
                continue;
            }
            let off = ulps(function(x), expected);
            if off > worst.0 {
                worst = (off, x);
            }
        }
        assert!(worst.0 <= most, "{name}: off by {} units at {}", worst.0, worst.1);
        assert!(function(f32::NAN).is_nan(), "{name}");
    }
    assert_eq!(Exponential::exp(f32::NEG_INFINITY), 0.0);
    assert_eq!(Exponential::exp(f64::INFINITY), f64::INFINITY);
    assert_eq!((Exponential::tanh(f32::INFINITY), Exponential::tanh(-0.0_f32).to_bits()), (1.0, (-0.0_f32).to_bits()));
    assert_eq!((Exponential::sigmoid(f64::NEG_INFINITY), Exponential::softplus(f64::INFINITY)), (0.0, f64::INFINITY));
}

#[test]
fn doubles_are_those_of_the_standard_library() {
    for step in -20_000..20_000 {
        let x = (f64::from(step) / 20_000.0).powi(3) * 700.0;
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        approx::assert_relative_eq!(Exponential::sigmoid(x), sigmoid, max_relative = 8e-16);
        approx::assert_relative_eq!(
            Exponential::softplus(x.min(30.0)),
            x.min(30.0).exp().ln_1p(),
            max_relative = 8e-16
        );
    }
}

#[test]
fn normal_numbers_lie_where_tables_have_them() {
    // From a table of 20 digits.
    for (x, below) in [
        (0.0, 0.5),
        (1.0, 0.841_344_746_068_542_9),
        (-1.0, 0.158_655_253_931_457_05),
        (-3.0, 0.001_349_898_031_630_094_6),
        (-6.0, 9.865_876_450_376_98e-10),
        (-10.0, 7.619_853_024_160_527e-24),
        (-20.0, 2.753_624_118_606_233_7e-89),
    ] {
        approx::assert_relative_eq!(normal_distribution(x, f64::exp(-0.5 * x * x)), below, max_relative = 1e-13);
        #[allow(clippy::cast_possible_truncation)]
        let single = x as f32;
        if x > -13.0 {
            assert!(ulps(Exponential::gelu(single), f64::from(single) * below) < 3.0, "{x}");
        }
    }
    assert!(Exponential::gelu(f32::NAN).is_nan());
}
