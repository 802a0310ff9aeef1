//! Every fast path against the reference: at every level, with one to three shares of the work, on odd sizes.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "drawn numbers are made into pixels of any type"
)]
#![allow(clippy::float_cmp, reason = "infinities are equal or not")]

use ndarray::{ArrayD, ArrayViewMutD, Axis, IxDyn, Slice};
use proptest::prelude::*;

use super::boxed::{Boxed, Layout, Stepped};
use super::merged::Merged;
use super::planes::{Compute, Planes, Sizes};
use super::walk::Walk;
use super::{Average, L2, Max, Min, Pool, Reduction, reference};
use crate::simd::levels;
use crate::window::Padding;
use crate::{Element, Float, Tensor};

/// Without an optimiser, which puts the kernels together, a case takes a hundred times as long.
const CASES: u32 = if cfg!(debug_assertions) { 4 } else { 300 };

/// A pooling, drawn small enough for the reference and odd enough for the kernels.
#[derive(Debug, Clone)]
struct Case<const N: usize> {
    planes: usize,
    input: [usize; N],
    size: [usize; N],
    stride: [usize; N],
    dilation: [usize; N],
    padding: [(usize, usize); N],
    ceil_mode: bool,
    count_include_pad: bool,
    /// One in so many pixels is a zero of either sign, NaN, or infinite; none for 0.
    odd: u64,
    seed: u64,
}

fn cases<const N: usize>() -> impl Strategy<Value = Case<N>> {
    let size = prop_oneof![4 => 1..=3_usize, 2 => 4..=8_usize, 1 => 9..=40 / N];
    let stride = prop_oneof![3 => Just(1_usize), 3 => Just(2), 1 => 3..=5_usize];
    let dilation = prop_oneof![4 => Just(1_usize), 1 => 2..=3_usize];
    let axis = (size, stride, dilation, 0..=70 / N, (0..=100_usize, 0..=100_usize));
    let odd = prop_oneof![Just(0), Just(2), Just(40)];
    let axes = proptest::collection::vec(axis, N);
    (axes, 1..=4_usize, odd, any::<[bool; 2]>(), any::<u64>()).prop_map(|(axes, planes, odd, flags, seed)| {
        let size: [usize; N] = std::array::from_fn(|axis| axes[axis].0);
        let dilation: [usize; N] = std::array::from_fn(|axis| axes[axis].2);
        let extent = |axis: usize| (size[axis] - 1) * dilation[axis] + 1;
        // No window may lie on padding alone, nor step over the input.
        let input: [usize; N] = std::array::from_fn(|axis| extent(axis).div_ceil(2) + dilation[axis] + axes[axis].3);
        let padding = std::array::from_fn(|axis| {
            let side = |percent: usize| percent * (extent(axis) / 2) / 100;
            let (before, after) = (side(axes[axis].4.0), side(axes[axis].4.1));
            let lacking = extent(axis).saturating_sub(input[axis] + before + after);
            (before, after + lacking)
        });
        let stride = std::array::from_fn(|axis| axes[axis].1);
        let [ceil_mode, count_include_pad] = flags;
        Case { planes, input, size, stride, dilation, padding, ceil_mode, count_include_pad, odd, seed }
    })
}

/// Pixels in no order, from −1 to 1 or over the whole range of bytes.
fn pixels<const N: usize>(case: &Case<N>) -> ArrayD<f64> {
    let mut state = case.seed | 1;
    let shape = [&[case.planes], &case.input[..]].concat();
    ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if case.odd > 0 && (state >> 33).is_multiple_of(case.odd) {
            return [0.0, -0.0, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN][(state >> 50) as usize % 7];
        }
        (state >> 40) as f64 / f64::from(1_u32 << 23) - 1.0
    })
}

impl<const N: usize> Case<N> {
    fn pool<R>(&self, reduction: R) -> Pool<R, N> {
        Pool::with(reduction, self.size)
            .stride(self.stride)
            .dilation(self.dilation)
            .padding(Padding::Explicit(self.padding))
            .ceil_mode(self.ceil_mode)
    }

    /// What the fast path gives at each level, and that it is the same to the bit for one, two and three shares.
    fn each_way<T: Element, R: Reduction<T>, U: Element>(
        &self,
        reduction: R,
        oracle: &Oracle<impl Reduction<U>, impl Fn(T) -> U>,
        input: &ArrayD<T>,
        bits: impl Fn(T) -> u64,
        mut check: impl FnMut(&Tensor<T>, &Tensor<U>),
    ) {
        let pool = self.pool(reduction);
        // Some of the drawn windows lie on padding alone, in ceil mode.
        let Ok(expected) = reference::forward(&self.pool(oracle.0.clone()), &input.mapv(&oracle.1)) else { return };
        let layer = pool.layer::<T>(input.shape()).expect("the case fits");
        let sizes: Sizes = layer.sizes();
        let input = input.as_slice().expect("a fresh array is in order");
        for level in levels() {
            let mut first: Option<Tensor<T>> = None;
            let fast = pool.fast::<T>(&layer, level).expect("the case is small").expect("the window is small");
            for shares in (1..=3).filter(|&shares| shares <= sizes.planes * sizes.units) {
                // Nothing may be left of what was there before.
                let mut found = vec![T::HIGHEST; expected.len()];
                Planes::new(fast.clone(), sizes, shares).expect("the case is small").run_dense(input, &mut found);
                let found = Tensor::from_vec(expected.shape(), found).expect("as many as expected");
                match &first {
                    None => check(&found, &expected),
                    Some(first) => {
                        let same = first.iter().zip(&found).all(|(&one, &other)| bits(one) == bits(other));
                        assert!(same, "{level:?} with {shares} shares: {first} and {found}");
                    }
                }
                first.get_or_insert(found);
            }
        }
    }

    /// The same for boxes: one for the whole plane, and boxes that overlap.
    fn each_box<T: Element, R: Reduction<T>, U: Element>(
        &self,
        reduction: &R,
        Oracle(oracle, of): &Oracle<impl Reduction<U>, impl Fn(T) -> U>,
        input: &ArrayD<T>,
        bits: impl Fn(T) -> u64,
        mut check: impl FnMut(&Tensor<T>, &Tensor<U>),
    ) {
        let mut plane = [1; 3];
        plane[3 - N..].copy_from_slice(&self.input);
        let halves = |length: usize| vec![0..length.div_ceil(2), length / 2..length, length - 1..length];
        for ranges in [plane.map(|length| std::iter::once(0..length).collect()), plane.map(halves)] {
            let [deep, down, across] = ranges.each_ref().map(Vec::len);
            let sizes = Sizes { planes: self.planes, plane, spatial_axes: N, units: deep * down * across, unit: 1 };
            let pixels = input.as_slice().expect("a fresh array is in order");
            let mut expected = Vec::new();
            for (number, output) in
                (0..self.planes).flat_map(|number| (0..sizes.units).map(move |output| (number, output)))
            {
                let at = [output / across / down, output / across % down, output % across];
                let [deep, down, across] = std::array::from_fn(|axis| ranges[axis][at[axis]].clone());
                let rows = deep.flat_map(|z| down.clone().map(move |y| z * plane[1] + y));
                let rows = rows.map(|row| (number * plane[0] * plane[1] + row) * plane[2]);
                let of_box: Vec<T> =
                    rows.flat_map(|row| pixels[row + across.start..row + across.end].iter().copied()).collect();
                let merged = of_box.iter().fold(oracle.start(), |merged, &pixel| oracle.step(merged, of(pixel)));
                expected.push(oracle.finish(merged, of_box.len()));
            }
            let expected = Tensor::from_vec(&[expected.len()], expected).expect("as many as there are");
            for level in levels() {
                let layout = Layout::new(plane, ranges.clone());
                let mut first: Option<Tensor<T>> = None;
                for shares in (1..=3).filter(|&shares| shares <= expected.len()) {
                    let mut found = vec![T::HIGHEST; expected.len()];
                    let layout = layout.clone();
                    match reduction.operation() {
                        Some(operation) => run(Boxed { operation, level, layout }, sizes, shares, pixels, &mut found),
                        None => {
                            let stepped = Stepped { reduction: reduction.clone(), level, layout };
                            run(stepped, sizes, shares, pixels, &mut found);
                        }
                    }
                    let found = Tensor::from_vec(expected.shape(), found).expect("as many as expected");
                    check(&found, &expected);
                    let first = first.get_or_insert_with(|| found.clone());
                    assert!(
                        first.iter().zip(&found).all(|(&one, &other)| bits(one) == bits(other)),
                        "{level:?}, {shares}"
                    );
                }
            }
        }
    }

    fn check_floats<T: Float>(&self, bits: impl Fn(T) -> u64 + Copy, tolerance: f64) {
        let float = |number| T::from_f64(number);
        let exact = |number: T| number.to_f64().expect("every float has an f64");
        let input = pixels(self).mapv(float);
        let selected = |found: &Tensor<T>, expected: &Tensor<T>| {
            for (&found, &expected) in found.iter().zip(expected) {
                assert_eq!(bits(found), bits(expected), "{found} instead of {expected}");
            }
        };
        self.each_way(Max, &Oracle(Max, same), &input, bits, selected);
        self.each_way(Min, &Oracle(Min, same), &input, bits, selected);
        self.each_box(&Max, &Oracle(Max, same), &input, bits, selected);
        self.each_box(&Min, &Oracle(Min, same), &input, bits, selected);
        let close = |found: &Tensor<T>, expected: &Tensor<f64>| {
            for (&found, &expected) in found.iter().zip(expected) {
                let found = exact(found);
                let same = found == expected || found.is_nan() && expected.is_nan();
                assert!(
                    same || (found - expected).abs() <= tolerance * expected.abs().max(1.0),
                    "{found} instead of {expected}"
                );
            }
        };
        // Rust leaves open which NaN arithmetic gives.
        let bits = |number: T| if Element::is_nan(number) { u64::MAX } else { bits(number) };
        let include_pad = self.count_include_pad;
        let mean = |count_include_pad| Oracle(Exact { squared: false, count_include_pad }, exact);
        let norm = Oracle(Exact { squared: true, count_include_pad: false }, exact);
        self.each_way(Average { count_include_pad: include_pad }, &mean(include_pad), &input, bits, close);
        self.each_way(L2, &norm, &input, bits, close);
        self.each_box(&Average::default(), &mean(false), &input, bits, close);
        self.each_box(&L2, &norm, &input, bits, close);
    }

    fn check_integers<T: Element>(&self, pixel: impl Fn(f64) -> T, bits: impl Fn(T) -> u64 + Copy) {
        let input = pixels(self).mapv(pixel);
        let equal = |found: &Tensor<T>, expected: &Tensor<T>| assert_eq!(found, expected);
        self.each_way(Max, &Oracle(Max, same), &input, bits, equal);
        self.each_way(Min, &Oracle(Min, same), &input, bits, equal);
        self.each_box(&Max, &Oracle(Max, same), &input, bits, equal);
    }

    /// A reduction of a user's own, which merges, in every way that there is for one.
    fn each_own_way<T: Element, R: Reduction<T>>(
        &self,
        reduction: &R,
        input: &ArrayD<T>,
        check: impl Fn(&Tensor<T>, &Tensor<T>),
    ) {
        let pool = self.pool(reduction.clone());
        let Ok(expected) = reference::forward(&pool, input) else { return };
        let layer = pool.layer::<T>(input.shape()).expect("the case fits");
        let sizes: Sizes = layer.sizes();
        let pixels = input.as_slice().expect("a fresh array is in order");
        for level in levels() {
            let walk = Walk::new(reduction.clone(), layer.geometry, level).expect("the case is small");
            let merged = Merged::new(reduction, &layer.geometry, level).expect("the case is small").expect("it merges");
            for shares in (1..=3).filter(|&shares| shares <= sizes.planes * sizes.units) {
                // Nothing may be left of what was there before.
                let mut found = [vec![T::HIGHEST; expected.len()], vec![T::LOWEST; expected.len()]];
                run(walk.clone(), sizes, shares, pixels, &mut found[0]);
                run(merged.clone(), sizes, shares, pixels, &mut found[1]);
                for found in found {
                    check(&Tensor::from_vec(expected.shape(), found).expect("as many as expected"), &expected);
                }
            }
        }
        self.each_box(reduction, &Oracle(reduction.clone(), same), input, |_| 0, check);
    }

    fn check_own(&self) {
        let input = pixels(self).mapv(|pixel| pixel as f32);
        self.each_own_way(&Contrast, &input, |found, expected| {
            for (&found, &expected) in found.iter().zip(expected) {
                assert!(found == expected || found.is_nan() && expected.is_nan(), "{found} instead of {expected}");
            }
        });
        let input = pixels(self).mapv(|pixel| (pixel * 1e9) as i32);
        self.each_own_way(&SumLessCount, &input, |found, expected| assert_eq!(found, expected));
    }

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
        for level in levels() {
            for (shares, step, reversed) in
                (1..=3).flat_map(|shares| [(shares, 1, false), (shares, 2, false), (shares, 1, true)])
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
                let fast = pool.fast::<f32>(&layer, level).expect("the case is small").expect("the window is small");
                let planes = Planes::new(fast, sizes, shares).expect("the case is small").with_staging();
                let mut planes = planes.expect("the case is small");
                place(&mut maps, &mut |maps| {
                    assert!(planes.run_apart(&(&input).into(), maps.into()), "rows lie in order");
                });
                place(&mut maps, &mut |mut maps| {
                    for (place, &expected) in maps.iter_mut().zip(&expected) {
                        assert_eq!(place.to_bits(), expected.to_bits(), "{level:?} with {shares} shares");
                        *place = -7.0;
                    }
                });
                assert!(maps.iter().all(|&other| other == -7.0), "what lies between is left alone");
            }
        }
    }

    fn check(&self) {
        self.check_floats::<f32>(|number| u64::from(number.to_bits()), 1e-6);
        self.check_floats::<f64>(f64::to_bits, 1e-15);
        self.check_integers(|number| (number * 200.0) as u8, u64::from);
        self.check_integers(|number| (number * 200.0) as i8, |number| number as u64);
        self.check_integers(|number| (number * 4e4) as i16, |number| number as u64);
        self.check_integers(|number| (number * 3e9) as i32, |number| number as u64);
        self.check_integers(|number| (number * 1e19) as i64, |number| number as u64);
    }
}

/// Twice, so that what a run leaves in its memory is seen.
fn run<T: Element>(compute: impl Compute<T>, sizes: Sizes, shares: usize, pixels: &[T], found: &mut [T]) {
    let mut planes = Planes::new(compute, sizes, shares).expect("the case is small");
    planes.run_dense(pixels, found);
    found.fill(T::LOWEST);
    planes.run_dense(pixels, found);
}

/// What a pooling is held against: a reduction whose own error is of no account, of pixels that are made into its own.
struct Oracle<R, F>(R, F);

fn same<T>(pixel: T) -> T {
    pixel
}

/// The mean, or the root of the sum of squares, of a sum with twice the digits: a number and what rounding has left of it
/// (T. Dekker, "A floating-point technique for extending the available precision", 1971).
#[derive(Clone)]
struct Exact {
    squared: bool,
    count_include_pad: bool,
}

impl Reduction<f64> for Exact {
    type Accumulator = (f64, f64);

    fn start(&self) -> (f64, f64) {
        (0.0, 0.0)
    }

    fn step(&self, (sum, left): (f64, f64), pixel: f64) -> (f64, f64) {
        let (term, left_of_term) = match self.squared {
            true => (pixel * pixel, pixel.mul_add(pixel, -(pixel * pixel))),
            false => (pixel, 0.0),
        };
        let whole = sum + term;
        if !whole.is_finite() {
            return (whole, 0.0);
        }
        let of_term = whole - sum;
        (whole, left + left_of_term + (sum - (whole - of_term)) + (term - of_term))
    }

    fn finish(&self, (sum, left): (f64, f64), count: usize) -> f64 {
        if self.squared { (sum + left).sqrt() } else { (sum + left) / count as f64 }
    }

    fn count_include_pad(&self) -> bool {
        self.count_include_pad
    }
}

/// The difference between the largest and the smallest pixel, NaN apart.
#[derive(Clone)]
struct Contrast;

impl Reduction<f32> for Contrast {
    type Accumulator = (f32, f32);

    fn start(&self) -> (f32, f32) {
        (f32::INFINITY, f32::NEG_INFINITY)
    }

    fn step(&self, (low, high): (f32, f32), pixel: f32) -> (f32, f32) {
        (low.min(pixel), high.max(pixel))
    }

    fn finish(&self, (low, high): (f32, f32), _count: usize) -> f32 {
        high - low
    }

    fn merge(&self, one: (f32, f32), other: (f32, f32)) -> Option<(f32, f32)> {
        Some((one.0.min(other.0), one.1.max(other.1)))
    }
}

/// Pixels that are taken twice, or not at all, are missed by no sum; a wrong count neither.
#[derive(Clone)]
struct SumLessCount;

impl Reduction<i32> for SumLessCount {
    type Accumulator = i32;

    fn start(&self) -> i32 {
        0
    }

    fn step(&self, sum: i32, pixel: i32) -> i32 {
        sum.wrapping_add(pixel)
    }

    fn finish(&self, sum: i32, count: usize) -> i32 {
        sum.wrapping_sub(i32::try_from(count).expect("windows are small"))
    }

    fn merge(&self, one: i32, other: i32) -> Option<i32> {
        Some(one.wrapping_add(other))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn own_reductions_are_the_reference_in_every_way(
        volume in cases::<3>(),
        plane in cases::<2>(),
        row in cases::<1>(),
        wide in cases::<2>(),
        (size, stride, columns) in (2..=3_usize, 1..=2_usize, 0..=300_usize),
    ) {
        volume.check_own();
        plane.check_own();
        row.check_own();
        // Small windows in long rows, most of which have no padding.
        let input = [wide.input[0] + 3, columns + 3];
        let padding = [(1, 0), (size - 1, 1)];
        Case { input, size: [size; 2], stride: [stride; 2], dilation: [1; 2], padding, ..wide }.check_own();
    }

    #[test]
    fn maps_may_lie_apart(volume in cases::<3>(), plane in cases::<2>(), row in cases::<1>()) {
        volume.check_apart();
        plane.check_apart();
        row.check_apart();
    }

    #[test]
    fn every_way_is_the_reference_on_one_axis(case in cases::<1>()) {
        case.check();
    }

    #[test]
    fn every_way_is_the_reference_on_two_axes(case in cases::<2>()) {
        case.check();
    }

    #[test]
    fn every_way_is_the_reference_on_three_axes(case in cases::<3>()) {
        case.check();
    }

    #[test]
    fn every_way_is_the_reference_for_pairs(case in cases::<2>()) {
        let case = Case { size: [2; 2], stride: [2; 2], dilation: [1; 2], padding: [(0, 0); 2], ..case };
        case.check();
        // Rows of fewer outputs than a register has lanes, with a pixel left over or not.
        let [rows, columns] = case.input;
        Case { input: [rows.max(2), 2 + columns % 29], ..case }.check();
    }
}
