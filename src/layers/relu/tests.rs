use super::*;
use crate::simd::levels;

#[test]
fn every_level_and_worker_gives_the_same_bits() {
    for length in (0..200).chain([1000, 4099, 40_000]) {
        let odd = [f32::NAN, -0.0, 0.0, f32::INFINITY, f32::NEG_INFINITY, -1.5, 2.5];
        let input: Vec<f32> = (0..length).map(|place| odd[place * 5 % 7]).collect();
        let bits = |elements: &[f32]| elements.iter().map(|element| element.to_bits()).collect::<Vec<_>>();
        let expected: Vec<_> = input.iter().map(|&element| relu(element)).collect();
        for level in levels() {
            for workers in 1..=3 {
                let mut output = vec![7.0; length];
                rectify(level, workers, Some(&input), &mut output);
                assert_eq!(bits(&output), bits(&expected), "{level:?}, {length} by {workers}");
                let mut output = input.clone();
                rectify(level, workers, None, &mut output);
                assert_eq!(bits(&output), bits(&expected), "{level:?}, {length} in place");
            }
        }
        let bytes: Vec<i8> = (-128..=127).cycle().take(length).collect();
        let mut output = bytes.clone();
        for level in levels() {
            rectify(level, 1, None, &mut output);
        }
        assert!(bytes.iter().zip(output).all(|(&byte, found)| relu(byte) == found));
    }
}
