use super::*;

#[test]
fn the_first_multiple_is_the_one_found_by_trying() {
    for modulus in 1_u128..20 {
        for (step, low) in (0..25).flat_map(|step| (0..modulus).map(move |low| (step, low))) {
            for high in low..modulus {
                let tried = (0..modulus).find(|x| (low..=high).contains(&(step * x % modulus)));
                let found = first_multiple_within(step, modulus, low, high);
                assert_eq!(found, tried, "{step} · x mod {modulus} in {low}..={high}");
            }
        }
    }
}

#[test]
fn a_gap_of_any_width_is_found_at_once() {
    // Of stride 2 over an even gap, no window starts on the one odd place that the input leaves free.
    let gap = 1 << (usize::BITS - 24);
    let spec = AxisSpec { axis: 0, length: gap - 1, size: 3, stride: 2, dilation: gap };
    let whole = spec.with_padding(2 * gap, 2 * gap, false).expect("the sizes are sane");
    assert_eq!(whole.first_empty_window(), None);
    // A shorter input leaves an even place free as well, the second last before the next tap.
    let spec = AxisSpec { length: gap - 2, ..spec };
    let axis = spec.with_padding(2 * gap, 2 * gap, false).expect("the sizes are sane");
    let output = axis.first_empty_window().expect("a window that steps over the input");
    assert_eq!(output, (gap - 2) / 2);
    assert!(axis.by_output(output).range.is_empty());
}
