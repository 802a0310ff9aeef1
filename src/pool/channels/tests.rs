use std::sync::Arc;

use super::super::boxed::{BoxLayout, Boxed};
use super::super::operation::Operation;
use super::super::planes::Sizes;
use super::super::tests::run;
use super::*;
use crate::simd::kernel_levels;

#[test]
fn channels_have_the_bits_of_channels_that_lie_by_themselves() {
    for (pixels, channels) in [
        (1, 2),
        (7, 3),
        (8, 5),
        (49, 31),
        (1000, 3),
        (130, 4),
        (77, 31),
        (65, 65),
        (300, 33),
        (200, 70),
        (20, 600),
        (3, 1500),
        (511, 129),
        (512, 7),
        (5000, 3),
        (9001, 17),
        (4096, 140),
    ] {
        // Of a few units, or near the least number.
        let scale = if channels % 2 == 1 { 1.0 } else { 1e-40 };
        let numbers: Vec<f32> =
            (0..pixels * channels).map(|number| ((number * 37 % 1013) as f32 / 7.0 - 40.0) * scale).collect();
        let apart: Vec<f32> =
            (0..channels).flat_map(|channel| numbers.iter().skip(channel).step_by(channels).copied()).collect();
        for level in kernel_levels() {
            let plane = [1, 1, pixels];
            let sizes = Sizes { planes: channels, plane, spatial_axes: 1, units: 1, unit: 1 };
            let operation = Operation::Average { count_include_pad: false };
            let boxed = Boxed::new::<f32>(operation, BoxLayout::of_maps(plane), level).expect("it has kernels");
            let mut expected = vec![f32::NAN; channels];
            run(Arc::new(boxed), sizes, 1, &apart, &mut expected);
            for (first, count) in [(0, channels), (channels / 2, channels - channels / 2), (1, 1)] {
                let mut found = vec![f32::NAN; count];
                means(level, &numbers, (channels, first), &mut found);
                assert_eq!(found, expected[first..][..count], "{pixels} pixels, {channels} channels, {level:?}");
            }
        }
    }
}
