use super::*;
use crate::simd::levels;
use crate::window::Window;

/// Windows over rows that end in every part of a block, at the strides that have blocks of their own and one that has
/// not.
fn geometries() -> Vec<Geometry<2>> {
    let windows = [
        Window::new([3, 3]).padding(1),
        Window::new([3, 3]).stride(2).padding([(0, 2), (3, 1)]),
        Window::new([2, 5]).stride([1, 2]).dilation([2, 1]),
        Window::new([1, 4]).stride([2, 3]).padding([0, 2]),
    ];
    let widths = (9..60).chain([64, 65, 96, 97, 128, 191]);
    let over = widths.flat_map(|width| windows.map(|window| window.geometry([4, width])));
    over.collect::<Result<_>>().expect("every window fits")
}

/// Sums of products, an output and a tap at a time.
fn by_output(geometry: &Geometry<2>, plane: &[f32], weights: &[f32], mut sums: Vec<f32>) -> Vec<f32> {
    for (row, out) in sums.chunks_exact_mut(geometry.row_length()).enumerate() {
        for tap in geometry.row_taps(row) {
            tap.run.pair(out, plane, |sum, pixel| *sum += pixel * weights[tap.tap]);
        }
    }
    sums
}

#[test]
fn every_level_gives_the_same_bits() {
    for geometry in geometries() {
        let plane: Vec<f32> = (0..geometry.pixels()).map(|pixel| (pixel as f32 * 0.7).sin()).collect();
        let weights: Vec<f32> = (0..geometry.taps()).map(|tap| (tap as f32 * 1.3).cos()).collect();
        let before: Vec<f32> = (0..geometry.outputs()).map(|output| output as f32 * 0.1).collect();
        let step = |sum: f32, pixel: f32, tap: usize| sum + pixel * weights[tap];
        for level in levels() {
            let mut sums = vec![f32::NAN; geometry.outputs()];
            geometry.walk(level, &plane, &mut sums, Some(0.5), step).expect("the slices fit");
            let started = vec![0.5; geometry.outputs()];
            assert_eq!(sums, by_output(&geometry, &plane, &weights, started), "fold, {level:?}, {geometry:?}");

            let mut sums = before.clone();
            geometry.walk(level, &plane, &mut sums, None, step).expect("the slices fit");
            let expected = by_output(&geometry, &plane, &weights, before.clone());
            assert_eq!(sums, expected, "accumulate, {level:?}, {geometry:?}");
        }
    }
}
