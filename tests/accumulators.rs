//! Reductions of a user's own with accumulators of every size: none, a byte, a thousand bytes; that merge and that do not.
//!
//! Each goes through every path of every pooling: small windows, large ones, dilated, strided, padded, in ceil mode, on one to four
//! axes; boxes and whole maps; planned, cloned, in bands, by several threads.

mod common;

use common::{Draw, numbers};
use featuremap::pool::reference;
use featuremap::{AdaptivePool, Bands, GlobalPool, MaxPool2d, Module, Padding, Pool, Reduction, Tensor};
use ndarray::{Array2, ArrayD};

/// Counts, in no memory at all.
#[derive(Debug, Clone, Copy)]
struct Count {
    merges: bool,
}

impl Reduction<i64> for Count {
    type Accumulator = ();

    fn start(&self) {}

    fn step(&self, (): (), _: i64) {}

    fn finish(&self, (): (), count: usize) -> i64 {
        i64::try_from(count).unwrap()
    }

    fn merge(&self, (): (), (): ()) -> Option<()> {
        self.merges.then_some(())
    }
}

/// The parity of all pixels, in a byte.
#[derive(Debug, Clone, Copy)]
struct Parity {
    merges: bool,
}

impl Reduction<i64> for Parity {
    type Accumulator = bool;

    fn start(&self) -> bool {
        false
    }

    fn step(&self, odd: bool, pixel: i64) -> bool {
        odd ^ (pixel % 2 != 0)
    }

    fn finish(&self, odd: bool, count: usize) -> i64 {
        2 * i64::try_from(count).unwrap() + i64::from(odd)
    }

    fn merge(&self, one: bool, other: bool) -> Option<bool> {
        self.merges.then_some(one ^ other)
    }
}

/// The wrapping sum, in the last eight of a thousand bytes.
#[derive(Debug, Clone, Copy)]
struct Bulky {
    merges: bool,
}

type Bytes = [u8; 1000];

fn total(bytes: &Bytes) -> i64 {
    i64::from_le_bytes(*bytes.last_chunk().unwrap())
}

impl Reduction<i64> for Bulky {
    type Accumulator = Bytes;

    fn start(&self) -> Bytes {
        [0; 1000]
    }

    fn step(&self, mut bytes: Bytes, pixel: i64) -> Bytes {
        let sum = total(&bytes).wrapping_add(pixel);
        *bytes.last_chunk_mut().unwrap() = sum.to_le_bytes();
        bytes
    }

    fn finish(&self, bytes: Bytes, count: usize) -> i64 {
        total(&bytes).wrapping_mul(1000).wrapping_add(i64::try_from(count).unwrap())
    }

    fn merge(&self, one: Bytes, other: Bytes) -> Option<Bytes> {
        self.merges.then(|| self.step(one, total(&other)))
    }
}

fn input(shape: &[usize]) -> ArrayD<i64> {
    numbers::<i16>(shape.iter().sum::<usize>() as u64, shape).mapv(i64::from)
}

/// The module, its plan and a clone of that.
#[track_caller]
fn check(module: &impl Module<i64>, input: &ArrayD<i64>, expected: &Tensor<i64>) {
    assert_eq!(module.forward(input).unwrap(), *expected);
    let mut plan = module.plan(input.shape()).unwrap();
    for plan in [&mut plan.clone(), &mut plan] {
        let mut output = Tensor::zeros(expected.shape()).unwrap();
        plan.run(input, &mut output).unwrap();
        assert_eq!(output, *expected);
    }
}

fn check_windows<R: Reduction<i64> + std::fmt::Debug, const N: usize>(reduction: &R, shape: &[usize], sizes: &[usize]) {
    let input = input(shape);
    for &size in sizes {
        for (stride, dilation, padding) in [(1, 1, 0), (1, 1, size / 2), (2, 1, size / 2), (size, 1, 0), (3, 2, 1)] {
            let pool = Pool::<R, N>::with(reduction.clone(), size).stride(stride).dilation(dilation);
            let pool = pool.padding(Padding::from(padding)).ceil_mode(size % 2 == 1);
            let Ok(expected) = reference::forward(&pool, &input) else { continue };
            check(&pool, &input, &expected);
            let rows = expected.shape()[expected.rank() - N];
            for row in [0, rows / 2, rows - 1] {
                let Some(band) = Bands::<i64>::band(&pool, shape, row..row + 1) else { continue };
                let mut plan = Bands::<i64>::plan_band(&pool, shape, &band).unwrap();
                let axis = ndarray::Axis(band.input_axis);
                let mut output = Tensor::zeros(plan.output_shape()).unwrap();
                plan.run(input.slice_axis(axis, band.input.clone().into()), &mut output).unwrap();
                let axis = ndarray::Axis(band.output_axis);
                assert_eq!(output.as_array(), &expected.as_array().slice_axis(axis, band.output.clone().into()));
            }
        }
    }
}

fn check_everywhere<R: Reduction<i64> + std::fmt::Debug>(reduction: &R) {
    check_windows::<R, 1>(reduction, &[2, 300], &[2, 3, 5, 9, 40]);
    check_windows::<R, 2>(reduction, &[2, 23, 30], &[1, 2, 3, 5, 7, 11]);
    check_windows::<R, 3>(reduction, &[8, 9, 10], &[2, 3, 5]);
    check_windows::<R, 4>(reduction, &[5, 4, 6, 5], &[2, 3]);

    let map = input(&[1, 3, 24, 60]);
    let whole = reference::forward(&Pool::<R, 2>::with(reduction.clone(), [24, 60]), &map).unwrap();
    check(&GlobalPool::<R, 2>::with(reduction.clone()), &map, &whole);
    let boxes = reference::forward(&Pool::<R, 2>::with(reduction.clone(), [6, 12]), &map).unwrap();
    check(&AdaptivePool::<R, 2>::with(reduction.clone(), [4, 5]), &map, &boxes);
    let row = input(&[5, 2000]);
    let whole = reference::forward(&Pool::<R, 1>::with(reduction.clone(), 2000), &row).unwrap();
    check(&GlobalPool::<R, 1>::with(reduction.clone()), &row, &whole);
}

#[test]
fn accumulators_of_no_size() {
    check_everywhere(&Count { merges: true });
    check_everywhere(&Count { merges: false });
}

#[test]
fn accumulators_of_a_byte() {
    check_everywhere(&Parity { merges: true });
    check_everywhere(&Parity { merges: false });
}

#[test]
fn accumulators_of_a_thousand_bytes() {
    check_everywhere(&Bulky { merges: true });
    check_everywhere(&Bulky { merges: false });
}

/// What a user would write first: a reduction that counts the pixels under large windows.
#[test]
fn a_reduction_that_only_counts() {
    let pool = Pool::<Count, 2>::with(Count { merges: true }, 5).stride(1).padding(2);
    let counts = pool.forward(&ArrayD::from_elem(vec![7, 7], i64::draw(3))).unwrap();
    assert_eq!([counts.get(&[0, 0]), counts.get(&[3, 3]), counts.get(&[0, 6])], [Some(&9), Some(&25), Some(&9)]);
}

/// A maximum that insists on having seen a pixel.
#[derive(Clone)]
struct Insists;

impl Reduction<i32> for Insists {
    type Accumulator = Option<i32>;

    fn start(&self) -> Option<i32> {
        None
    }

    fn step(&self, seen: Option<i32>, pixel: i32) -> Option<i32> {
        Some(seen.map_or(pixel, |seen| seen.max(pixel)))
    }

    fn finish(&self, seen: Option<i32>, _: usize) -> i32 {
        seen.expect("a window has pixels")
    }

    fn merge(&self, one: Option<i32>, other: Option<i32>) -> Option<Option<i32>> {
        Some(one.max(other))
    }
}

/// The kernels compute in blocks, and may have more cells than there are windows: these are not finished.
#[test]
fn only_windows_are_finished() {
    for (size, stride) in [(1, 1), (2, 2), (3, 1), (3, 2), (5, 1), (9, 4), (13, 1)] {
        for shape in [[1, 14], [13, 15], [40, 17], [15, 70]] {
            let input = Array2::from_shape_fn(shape, |(row, column)| {
                i32::try_from((row * 37 + column * 101) % 89).expect("it is small") - 40
            });
            let padding = size / 2;
            let own = Pool::<_, 2>::with(Insists, size).stride(stride).padding(padding).forward(&input).unwrap();
            let expected = MaxPool2d::new(size).stride(stride).padding(padding).forward(&input).unwrap();
            assert_eq!(own, expected, "{size} by {stride} of {shape:?}");
        }
    }
}
