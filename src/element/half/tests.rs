use super::*;

#[test]
#[allow(clippy::float_cmp, reason = "the values are exact")]
fn halves_have_the_values_of_the_format() {
    let values = [
        (0x0000, 0.0),
        (0x0001, 2_f64.powi(-24)),
        (0x03ff, 1023.0 * 2_f64.powi(-24)),
        (0x0400, 2_f64.powi(-14)),
        (0x3555, 0.333_251_953_125),
        (0x3c00, 1.0),
        (0x3c01, 1.000_976_562_5),
        (0x4248, 3.140_625),
        (0x7bff, 65504.0),
        (0x7c00, f64::INFINITY),
        (0xc000, -2.0),
        (0xfc00, f64::NEG_INFINITY),
    ];
    for (bits, value) in values {
        assert_eq!(half(bits), value, "{bits:#x}");
    }
    assert!(half(0x8000).is_sign_negative() && half(0x8000) == 0.0);
    assert!(half(0x7c01).is_nan() && half(0xffff).is_nan());
    // Larger bits of one sign are larger numbers.
    assert!((0..0x7c00).all(|bits| half(bits) < half(bits + 1)));
}
