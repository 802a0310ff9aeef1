use super::*;
use crate::simd::levels;

#[test]
fn every_number_finds_its_row() {
    for (places, channels, more) in
        [(1, 1, 0), (5, 2, 0), (40, 3, 0), (9, 3, 2), (17, 4, 0), (16, 16, 0), (33, 40, 1), (70, 17, 3), (50, 64, 0)]
    {
        let (pitch, row, first) = (channels + more, places + 2 * more, more / 2);
        let from: Vec<f32> = (0..places * pitch).map(|number| number as f32).collect();
        let mut expected = vec![-1.0; channels * row];
        for place in 0..places {
            for channel in 0..channels {
                expected[channel * row + place] = from[place * pitch + first + channel];
            }
        }
        for level in levels() {
            let mut to = vec![-1.0; channels * row];
            transpose_f32(level, SideBySide { from: &from, pitch, row, places, first, channels, to: &mut to });
            assert_eq!(to, expected, "{places} places of {channels} channels at {level:?}");
        }
        let mut to = vec![-1.0; channels * row];
        SideBySide { from: &from, pitch, row, places, first, channels, to: &mut to }.plain();
        assert_eq!(to, expected, "{places} places of {channels} channels");
    }
}
