//! Maps that lie apart.

use ndarray::{ArrayD, ArrayViewMutD, Axis, Slice};
use proptest::prelude::*;

use super::super::planes::PoolPlan;
use super::super::{Max, reference};
use super::{CASES, Case, by_kernel, cases, pixels};
use crate::simd::kernel_levels;

impl<const N: usize> Case<N> {
    /// Into rows of larger maps, with gaps between images or without, from pixels in order and not.
    fn check_apart(&self) {
        let pool = self.pool(Max);
        let one = pixels(self).mapv(|pixel| pixel as f32);
        let mut input = ndarray::stack(Axis(0), &[one.view(), one.view(), one.view()]).expect("three alike");
        input.indexed_iter_mut().for_each(|(at, pixel)| *pixel += at[0] as f32);
        let Ok(expected) = reference::forward(&pool, &input) else { return };
        let layer = pool.layer::<f32>(input.shape()).expect("the case fits");
        let (sizes, rows) = (layer.sizes(), expected.shape()[2]);
        let mut larger = expected.shape().to_vec();
        (larger[0], larger[2]) = (6, rows + 3);
        for level in kernel_levels() {
            for (workers, step, reversed) in
                (1..=3).flat_map(|workers| [(workers, 1, false), (workers, 2, false), (workers, 1, true)])
            {
                let mut input = input.clone();
                if reversed {
                    // What lies the other way round is put in order, plane by plane.
                    input.invert_axis(Axis(2));
                    input = input.as_standard_layout().into_owned();
                    input.invert_axis(Axis(2));
                }
                let mut maps = ArrayD::from_elem(larger.clone(), -7.0);
                let place = |maps: &mut ArrayD<f32>, write: &mut dyn FnMut(ArrayViewMutD<'_, f32>)| {
                    let mut images = maps.slice_axis_mut(Axis(0), Slice::new(0, None, step));
                    let mut images = images.slice_axis_mut(Axis(0), Slice::from(0..3));
                    write(images.slice_axis_mut(Axis(2), Slice::from(1..=rows)));
                };
                let kernel = by_kernel::<f32, _, N>(&pool, &layer, level).expect("it has kernels for f32");
                let planes = PoolPlan::new(kernel, sizes, workers)
                    .expect("the case is small")
                    .in_pieces(1 + workers)
                    .with_staging();
                let mut planes = planes.expect("the case is small");
                place(&mut maps, &mut |maps| {
                    assert!(planes.run_apart(&(&input).into(), maps.into()), "rows lie in order");
                });
                place(&mut maps, &mut |mut maps| {
                    for (place, &expected) in maps.iter_mut().zip(&expected) {
                        // Which of two zeros comes out is left open.
                        let same = *place == expected || place.is_nan() && expected.is_nan();
                        assert!(same, "{level:?} with {workers} workers: {place} instead of {expected}");
                        *place = -7.0;
                    }
                });
                assert!(maps.iter().all(|&other| other == -7.0), "what lies between is left alone");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn maps_may_lie_apart(volume in cases::<3>(), plane in cases::<2>(), row in cases::<1>()) {
        volume.check_apart();
        plane.check_apart();
        row.check_apart();
    }
}
