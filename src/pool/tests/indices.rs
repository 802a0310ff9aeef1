//! Which pixel of a window of 2×2 is picked.

use ndarray::Array3;

use super::super::{Max, MaxPool2d, Min, MinPool2d, Selection};
use crate::Tensor;

/// Pixels of few values, so that many are equal, and some of them NaN.
fn pixels(shape: (usize, usize, usize), mut state: u64) -> Array3<f32> {
    Array3::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        [f32::NAN, -1.0, 2.0, 0.0, 2.0, 3.0, -1.0, 0.5][(state >> 33) as usize % 8]
    })
}

/// The first of those that no later one is preferred to.
fn check(reduction: &impl Selection<f32>, input: &Array3<f32>, (values, indices): &(Tensor<f32>, Tensor<i64>)) {
    let (channels, height, width) = input.dim();
    let mut found = values.iter().zip(indices);
    for channel in 0..channels {
        for (row, column) in (0..height / 2).flat_map(|row| (0..width / 2).map(move |column| (row, column))) {
            let mut picked: Option<(f32, usize)> = None;
            for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(y, x)| (2 * row + y, 2 * column + x)) {
                let pixel = input[[channel, y, x]];
                if picked.is_none_or(|(picked, _)| reduction.prefers(pixel, picked)) {
                    picked = Some((pixel, y * width + x));
                }
            }
            let (value, place) = picked.expect("a window has pixels");
            let (&found_value, &index) = found.next().expect("as many as windows");
            assert!(found_value == value || found_value.is_nan() && value.is_nan(), "{found_value} instead of {value}");
            assert_eq!(usize::try_from(index), Ok(place), "of channel {channel} at {row}, {column}");
        }
    }
}

#[test]
fn pairs_are_picked_in_order() {
    for (number, shape) in [(3, 4, 4), (2, 7, 9), (1, 6, 260), (2, 3, 515)].into_iter().enumerate() {
        let input = pixels(shape, number as u64);
        check(&Max, &input, &MaxPool2d::new(2).forward_with_indices(&input).expect("it fits"));
        check(&Min, &input, &MinPool2d::new(2).forward_with_indices(&input).expect("it fits"));
    }
}
