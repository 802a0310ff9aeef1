//! Pixels that do not lie row by row: the same bits as where they do.

use std::sync::Arc;

use ndarray::{Array, ArrayD, Axis, Ix5, Slice};
use proptest::prelude::*;

use super::super::planes::{PoolPlan, Pooled};
use super::super::{Average, L2, Max, Reduction};
use super::{CASES, Case, by_kernel, cases, pixels};
use crate::simd::{has_kernels, levels};
use crate::{Element, MaxPool3d, Module, Operator, Plan, Tensor};

/// What it is called, memory in another order, and how that is seen as `[image, channel, …]`.
type Otherwise<T> = (&'static str, ArrayD<T>, fn(&mut ArrayD<T>));

/// The same images in memory of other orders.
fn otherwise<T: Element>(images: &ArrayD<T>) -> Vec<Otherwise<T>> {
    let channels_last = |images: &ArrayD<T>| {
        let mut order: Vec<usize> = (0..images.ndim()).collect();
        order[1..].rotate_left(1);
        images.view().permuted_axes(order).as_standard_layout().into_owned()
    };
    let back: fn(&mut ArrayD<T>) = |images| {
        let mut order: Vec<usize> = (0..images.ndim()).collect();
        order[1..].rotate_right(1);
        *images = std::mem::take(images).permuted_axes(order);
    };
    let last = channels_last(images);
    // A column more on either side, or a channel more.
    let with_more = |axis: usize| {
        let mut shape = last.shape().to_vec();
        shape[axis] += 2;
        let mut more = ArrayD::from_elem(shape, T::HIGHEST);
        more.slice_axis_mut(Axis(axis), Slice::from(1..1 + last.len_of(Axis(axis)))).assign(&last);
        more
    };
    let (columns, channels) = (images.ndim() - 2, images.ndim() - 1);
    let mut mirrored = images.clone();
    mirrored.invert_axis(Axis(images.ndim() - 1));
    vec![
        ("channels last", last.clone(), back),
        ("a part of a picture", with_more(columns), |images| {
            let axis = Axis(images.ndim() - 2);
            images.slice_axis_inplace(axis, Slice::new(1, Some(-1), 1));
            let mut order: Vec<usize> = (0..images.ndim()).collect();
            order[1..].rotate_right(1);
            *images = std::mem::take(images).permuted_axes(order);
        }),
        ("some channels", with_more(channels), |images| {
            let axis = Axis(images.ndim() - 1);
            images.slice_axis_inplace(axis, Slice::new(1, Some(-1), 1));
            let mut order: Vec<usize> = (0..images.ndim()).collect();
            order[1..].rotate_right(1);
            *images = std::mem::take(images).permuted_axes(order);
        }),
        ("mirrored", mirrored.as_standard_layout().into_owned(), |images| {
            let axis = Axis(images.ndim() - 1);
            images.invert_axis(axis);
        }),
    ]
}

impl<const N: usize> Case<N> {
    fn check_order<T: Element, R: Reduction<T>>(
        &self,
        channels: usize,
        reduction: R,
        pixel: impl Fn(f64) -> T,
        bits: impl Fn(T) -> u64,
    ) {
        let pool = self.pool(reduction);
        let case = Self { planes: 2 * channels, ..self.clone() };
        let shape = [&[2, channels], &self.input[..]].concat();
        let images = pixels(&case).mapv(pixel).into_shape_with_order(shape.clone()).expect("as many as planes");
        let Ok(layer) = pool.layer::<T>(&shape) else { return };
        let output_shape = layer.output.to_vec();
        for level in levels() {
            let Some(kernel) = by_kernel(&pool, &layer, level) else { continue };
            let mut expected = vec![T::HIGHEST; output_shape.iter().product()];
            let mut planes = PoolPlan::new(Arc::clone(&kernel), layer.sizes(), 1).expect("the case is small");
            planes.run_dense(images.as_slice().expect("a fresh array is in order"), &mut expected);
            for (name, mut memory, seen) in otherwise(&images) {
                seen(&mut memory);
                assert_eq!(memory.shape(), images.shape(), "{name}");
                for (workers, bytes) in [(1, 1), (2, 2000), (3, 1 << 20)] {
                    let planes = PoolPlan::new(Arc::clone(&kernel), layer.sizes(), workers).expect("the case is small");
                    let mut plan: Plan<T> =
                        Box::new(planes.in_bands(bytes)).into_plan(&shape, &output_shape).expect("the case is small");
                    let mut found = Tensor::from_vec(&output_shape, vec![T::LOWEST; expected.len()]).expect("as many");
                    plan.run(&memory, &mut found).expect("the shapes fit");
                    let same = found.iter().zip(&expected).all(|(&one, &other)| bits(one) == bits(other));
                    assert!(same, "{name} at {level:?} by {workers} in {bytes} bytes, {}", kernel.algorithm());
                }
            }
        }
    }

    fn check_orders(&self, channels: usize) {
        let bits = |pixel: f32| if pixel.is_nan() { u64::MAX } else { pixel.to_bits().into() };
        self.check_order(channels, Max, |number| number as f32, bits);
        self.check_order(channels, Average { count_include_pad: self.count_include_pad }, |number| number as f32, bits);
        self.check_order(channels, L2, |number| number as f32, bits);
        self.check_order(channels, Max, |number| (number * 200.0) as u8, u64::from);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES / 4))]

    #[test]
    fn pixels_may_lie_in_any_order(
        volume in cases::<3>(),
        plane in cases::<2>(),
        row in cases::<1>(),
        channels in prop_oneof![1..=5_usize, 14..=40_usize],
    ) {
        volume.check_orders(channels.min(7));
        plane.check_orders(channels);
        row.check_orders(channels);
        let small = |size| Case { size: [size; 2], stride: [2; 2], dilation: [1; 2], padding: [(size - 2, 0); 2], ..plane.clone() };
        Case { input: plane.input.map(|length| length.max(3)), ..small(2) }.check_orders(channels);
        Case { input: plane.input.map(|length| length.max(3)), ..small(3) }.check_orders(channels);
    }
}

#[test]
fn whole_maps_may_lie_in_any_order() {
    let images = Array::from_shape_fn(Ix5(1, 1, 40, 9, 11), |(.., c, y, x)| (c * 100 + y * 12 + x) as f32);
    let images = images.into_shape_with_order((1, 40, 9, 11)).expect("as many pixels");
    let last = images.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
    let seen = last.view().permuted_axes([0, 3, 1, 2]);
    let expected = crate::Module::forward(&crate::GlobalAvgPool, &images).expect("it fits");
    assert_eq!(crate::Module::forward(&crate::GlobalAvgPool, &seen).expect("it fits"), expected);
    let mut plan = crate::Module::<f32>::plan(&crate::GlobalAvgPool, &[1, 40, 9, 11]).expect("it fits");
    let mut found = Tensor::zeros(&[1, 40, 1, 1]).expect("it is small");
    plan.run(&seen, &mut found).expect("it fits");
    assert_eq!(found, expected);
}

#[test]
fn maxima_are_computed_of_channels_as_they_lie() {
    for ([size, stride, padding], [height, width, channels]) in
        [([2, 2, 0], [9, 13, 19]), ([2, 2, 0], [8, 70, 40]), ([3, 2, 1], [9, 13, 33]), ([3, 2, 1], [30, 30, 16])]
    {
        let case = Case {
            planes: channels,
            input: [height, width],
            size: [size; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            padding: [(padding, padding); 2],
            ceil_mode: false,
            count_include_pad: false,
            odd: 5,
            seed: 7,
        };
        let pool = case.pool(Max);
        let shape = [1, channels, height, width];
        let images = pixels(&case).mapv(|number| number as f32).into_shape_with_order(shape).expect("as many pixels");
        let layer = pool.layer::<f32>(&shape).expect("the case fits");
        let last = images.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
        for level in levels().into_iter().filter(|&level| has_kernels(level)) {
            let kernel = by_kernel(&pool, &layer, level).expect("there is a kernel");
            let mut expected = vec![0.0; layer.output.to_vec().iter().product()];
            let mut planes = PoolPlan::new(Arc::clone(&kernel), layer.sizes(), 1).expect("the case is small");
            planes.run_dense(images.as_slice().expect("a fresh array is in order"), &mut expected);
            for first in [0, channels - 16] {
                let map = expected.len() / channels;
                let mut found = vec![0.0; (channels - first) * map];
                let (pixels, mut tile) = (last.as_slice().expect("it is in order"), vec![0.0; 4000]);
                assert!(kernel.channels_last((pixels, channels, first), &mut tile, &mut found), "{level:?}");
                let bits = |pixel: &f32| if pixel.is_nan() { u32::MAX } else { pixel.to_bits() };
                let same = found.iter().map(bits).eq(expected[first * map..].iter().map(bits));
                assert!(same, "{size}×{size} over {channels} channels from {first} on at {level:?}");
            }
        }
    }
}

/// Windows of one plane over volumes, whose channels lie side by side as well, have planes that are nobody's channels.
#[test]
fn volumes_whose_channels_lie_side_by_side_are_pooled_plane_by_plane() {
    let ways = [([1, 2, 2], [1, 2, 2], [0, 0, 0]), ([1, 3, 3], [1, 2, 2], [0, 1, 1])];
    for (size, stride, padding) in ways {
        let (channels, [depth, height, width]) = (16, [2, 6, 8]);
        let count = channels * depth * height * width;
        let pixels = (0..count).map(|place| (place * 7919 % 1013) as f32).collect();
        let last = ndarray::Array5::from_shape_vec([1, depth, height, width, channels], pixels).expect("as many");
        let volumes = last.view().permuted_axes([0, 4, 1, 2, 3]);
        let pool = MaxPool3d::new(size).stride(stride).padding(padding);
        let mut found =
            Tensor::<f32>::zeros(&pool.output_shape(volumes.shape()).expect("it fits")).expect("it is small");
        let mut plan = Module::<f32>::plan(&pool, volumes.shape()).expect("it fits");
        plan.run(&volumes, &mut found).expect("the shapes are those of the plan");
        let expected = pool.forward(&volumes.as_standard_layout().into_owned()).expect("it fits");
        assert_eq!(found, expected, "{size:?}");
    }
}
