//! The walk by tap over a whole plane against windows collected one by one.
//!
//! Edge cases, in the order of the tests:
//!
//! - **Every pixel once, in the order of the taps**, each with its own tap: with a step for which order matters, on one
//!   to three axes, for accumulators of 4 and of 8 bytes, rows shorter and longer than a block, every stride.
//! - **`accumulate` goes on** from what the outputs are; windows on padding alone keep it.
//! - **Slices of another length** than the geometry has are errors, and nothing is written.

mod common;

use common::{WindowCase, flat, numbers, on_each_rank, places, windows};
use featuremap::{Error, Window};

on_each_rank! {
    fold_sees_every_pixel_in_order: check_fold(case in windows);
}

/// Neither adding pixels in another order nor exchanging their taps gives the same.
fn stir(sum: i64, pixel: i64, tap: usize) -> i64 {
    sum.wrapping_mul(31).wrapping_add(pixel).wrapping_mul(tap.cast_signed() as i64 + 2)
}

fn check_fold<const N: usize>(case: &WindowCase<N>) {
    let naive = case.fitting();
    let geometry = case.window().geometry(case.input).unwrap();
    let plane: Vec<i64> = numbers::<i64>(7, &case.input).into_iter().collect();
    let stirred = |start: i64| -> Vec<i64> {
        let outputs = places(naive.output_size()).into_iter();
        outputs
            .map(|output| {
                places(case.size).into_iter().fold(start, |sum, tap| match naive.pixel(output, tap) {
                    Some(pixel) => stir(sum, plane[flat(pixel, case.input)], flat(tap, case.size)),
                    None => sum,
                })
            })
            .collect()
    };
    let mut outputs = vec![-1; geometry.outputs()];
    geometry.fold(&plane, &mut outputs, 5, stir).unwrap();
    assert_eq!(outputs, stirred(5));
    outputs.fill(9);
    geometry.accumulate(&plane, &mut outputs, stir).unwrap();
    assert_eq!(outputs, stirred(9));

    // In 4 bytes, the loops take other blocks.
    let narrow: Vec<u32> = (0_u32..).take(plane.len()).collect();
    let mut sums = vec![0_u32; geometry.outputs()];
    geometry.fold(&narrow, &mut sums, 0, |sum, pixel, _| sum.wrapping_mul(31).wrapping_add(pixel)).unwrap();
    let expected: Vec<u32> = places(naive.output_size())
        .into_iter()
        .map(|output| {
            let pixels = naive.pixels(output).into_iter().map(|pixel| narrow[flat(pixel, case.input)]);
            pixels.fold(0, |sum: u32, pixel| sum.wrapping_mul(31).wrapping_add(pixel))
        })
        .collect();
    assert_eq!(sums, expected);
}

#[test]
fn slices_of_another_length_are_refused() {
    let geometry = Window::new([2]).geometry([4]).unwrap();
    let (plane, longer) = ([1, 2, 3, 4], [1, 2, 3, 4, 5]);
    let mut outputs = [7; 3];
    for plane in [&plane[..3], &longer] {
        let error = geometry.fold(plane, &mut outputs, 0, |sum, pixel, _| sum + pixel).unwrap_err();
        assert!(matches!(error, Error::Shape { expected, found, .. } if expected == [4] && found == [plane.len()]));
    }
    for wrong in [&mut [7; 2][..], &mut [7; 4]] {
        let found = wrong.len();
        let error = geometry.accumulate(&plane, wrong, |sum, pixel, _| sum + pixel).unwrap_err();
        assert_eq!(error.to_string(), format!("the outputs of a window must have shape [3]; found [{found}]"));
        assert!(wrong.iter().all(|&output| output == 7));
    }
    assert_eq!(outputs, [7; 3]);
    geometry.accumulate(&plane, &mut outputs, |sum, pixel, _| sum + pixel).unwrap();
    assert_eq!(outputs, [10, 12, 14]);
}
