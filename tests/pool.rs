//! Pooling against its definition: the crate's reference, and the pixels of every window collected one by one.
//!
//! Edge cases, in the order of the tests:
//!
//! - **Equal to the reference and to collected pixels** for every reduction, on one to three axes: strides, dilations,
//!   unequal paddings, `Same`, ceil mode with windows beyond the padding, averages over pixels and over the padding too.
//! - **Integers** of every type, extreme ones too.
//! - **Max and min are dual**, indices too.
//! - **Indices**: of a pixel with that value, the first of equal ones; of NaN; in windows of nothing but −∞.
//! - **NaN passes** through max, min and ReLU; ReLU at any rank.
//! - **Windows without a pixel** are errors that name the first, and nothing else is.
//! - **Any strides**, ranks, empty batches, no channels.
//! - **Global and adaptive pools**: against a window over everything, and against boxes by the formula; more outputs than
//!   pixels, as many, and one.
//! - **L2** of signs; **Lp** of its orders; **averages** of a million.
//! - **A reduction of the user's own**, with every method left alone and overridden; a selection too.

mod common;

use common::{
    Draw, PoolCase, Stored, WindowCase, assert_close, assert_same, numbers, odometer, on_each_rank, places, poolings,
    windows,
};
use featuremap::pool::reference;
use featuremap::{
    AdaptiveAvgPool2d, AdaptivePool, Average, AvgPool1d, AvgPool2d, Error, Float, GlobalAvgPool, GlobalAvgPool1d,
    GlobalMaxPool, GlobalPool, L2, L2Pool1d, Lp, LpPool1d, Max, MaxPool1d, MaxPool2d, Min, MinPool1d, Module, Operator,
    Pool, Reduction, Relu, Selection, Tensor, Window,
};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use proptest::prelude::*;

on_each_rank! {
    floats_equal_their_definition: check_floats(case in poolings);
    integers_equal_their_definition: check_integers(case in poolings);
    min_is_max_of_negatives: check_duality(case in poolings);
    indices_point_at_the_first: check_indices(case in poolings);
    nan_passes: check_nan(case in poolings);
    empty_windows_are_errors: check_empty_windows(window in windows);
    any_strides_give_the_same: check_strides(case in poolings);
    global_pools_are_one_window: check_global(case in poolings);
    adaptive_pools_share_out_the_input: check_adaptive(case in poolings, outputs in output_sizes);
    own_reductions_see_every_pixel: check_own_reduction(case in poolings);
}

fn output_sizes<const N: usize>() -> impl Strategy<Value = [usize; N]> {
    proptest::collection::vec(1..9_usize, N).prop_map(|sizes| sizes.try_into().expect("N sizes"))
}

fn sum<T: Float>(pixels: &[(usize, T)], term: impl Fn(T) -> T) -> T {
    pixels.iter().fold(T::ZERO, |sum, &(_, pixel)| sum + term(pixel))
}

/// Both oracles, of which neither may differ by more than rounding from what is computed.
fn check_reduction<T, R, const N: usize>(
    case: &PoolCase<N>,
    reduction: R,
    definition: impl Fn(&[(usize, T)], usize) -> T,
) where
    T: Float + Draw + approx::AbsDiffEq<Epsilon = T>,
    R: Reduction<T>,
{
    let (pool, input) = (case.pool(reduction), case.input::<T>());
    let output = pool.forward(&input).unwrap();
    assert_eq!(output.shape(), pool.output_shape(input.shape()).unwrap());
    let relative = T::epsilon() * T::from_count(200);
    let scale = case.by_collecting(&input, |pixels, _| sum(pixels, T::abs) + T::one());
    assert_close(&output, &reference::forward(&pool, &input).unwrap(), &scale, relative);
    assert_close(&output, &case.by_collecting(&input, definition), &scale, relative);
}

fn check_float<T: Float + Draw + approx::AbsDiffEq<Epsilon = T>, const N: usize>(case: &PoolCase<N>) {
    check_reduction::<T, _, N>(case, Max, |pixels, _| pixels.iter().map(|pixel| pixel.1).fold(T::LOWEST, T::max));
    check_reduction::<T, _, N>(case, Min, |pixels, _| pixels.iter().map(|pixel| pixel.1).fold(T::HIGHEST, T::min));
    check_reduction::<T, _, N>(case, Average::default(), |pixels, _| sum(pixels, |x| x) / T::from_count(pixels.len()));
    check_reduction::<T, _, N>(case, Average { count_include_pad: true }, |pixels, within| {
        sum(pixels, |x| x) / T::from_count(within)
    });
    check_reduction::<T, _, N>(case, L2, |pixels, _| sum(pixels, |x| x * x).sqrt());
    check_reduction::<T, _, N>(case, Lp(1.0), |pixels, _| sum(pixels, T::abs));
    check_reduction::<T, _, N>(case, Lp(3.0), |pixels, _| sum(pixels, |x| x.abs().powi(3)).cbrt());
}

fn check_floats<const N: usize>(case: &PoolCase<N>) {
    match case.seed % 2 {
        0 => check_float::<f64, N>(case),
        _ => check_float::<f32, N>(case),
    }
}

/// The nearest integer to the quotient of a sum, the even one of two that are as near: twice the distance is no more than the divisor.
fn nearest(sum: i128, divisor: i128) -> i128 {
    let near = |integer: &i128| {
        let twice = 2 * (sum - integer * divisor).abs();
        twice < divisor || twice == divisor && integer % 2 == 0
    };
    let about = sum / divisor;
    (about - 1..=about + 1).find(near).expect("one of them is the nearest")
}

fn check_averages<T: Draw + Ord + Into<i128>, const N: usize>(case: &PoolCase<N>) {
    let input = case.input::<T>();
    let wide = |map: &Tensor<T>| map.map(|&pixel| pixel.into());
    for count_include_pad in [false, true] {
        let expected = case.by_collecting(&input, |pixels, within| {
            let sum = pixels.iter().map(|&(_, pixel)| pixel.into()).sum();
            nearest(sum, if count_include_pad { within } else { pixels.len() } as i128)
        });
        let pool = case.pool(Average { count_include_pad });
        assert_eq!(wide(&pool.forward(&input).unwrap()), expected);
        assert_eq!(wide(&reference::forward(&pool, &input).unwrap()), expected);
    }
}

#[test]
fn integers_are_averaged_to_the_nearest_and_even() {
    let halves = array![[1_i8, 2, -1, -2, -128, -128], [1, 2, -1, -2, -128, -127]];
    assert_eq!(AvgPool2d::new(2).forward(&halves).unwrap(), Tensor::from(array![[2_i8, -2, -128]]));
    let ends = [[i64::MAX, i64::MAX, i64::MIN, i64::MIN], [i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 2]];
    let means = AvgPool2d::new(2).forward(ends).unwrap();
    assert_eq!(means, Tensor::from([[i64::MAX, i64::MIN]]));
    let picture = ndarray::Array3::from_elem((3, 1080, 1920), 200_u8);
    assert_eq!(GlobalAvgPool::default().forward(&picture).unwrap(), Tensor::from(array![[[200_u8]], [[200]], [[200]]]));
    let shares = AdaptiveAvgPool2d::new([1, 2]).forward([[1_u8, 2, 4], [1, 2, 4]]).unwrap();
    assert_eq!(shares, Tensor::from([[2_u8, 3]]));
}

fn check_integer<T: Draw + Ord + Into<i128>, const N: usize>(case: &PoolCase<N>) {
    check_averages::<T, N>(case);
    let input = case.input::<T>();
    let largest = case.by_collecting(&input, |pixels, _| pixels.iter().map(|pixel| pixel.1).max().unwrap());
    assert_eq!(case.pool(Max).forward(&input).unwrap(), largest);
    assert_eq!(reference::forward(&case.pool(Max), &input).unwrap(), largest);
    assert_eq!(case.pool(Max).forward_with_indices(&input).unwrap().0, largest);
    let smallest = case.by_collecting(&input, |pixels, _| pixels.iter().map(|pixel| pixel.1).min().unwrap());
    assert_eq!(case.pool(Min).forward(&input).unwrap(), smallest);
    assert_eq!(reference::forward(&case.pool(Min), &input).unwrap(), smallest);
    assert_eq!(case.pool(Min).forward_with_indices(&input).unwrap().0, smallest);
}

fn check_integers<const N: usize>(case: &PoolCase<N>) {
    match case.seed % 6 {
        0 => check_integer::<i8, N>(case),
        1 => check_integer::<u8, N>(case),
        2 => check_integer::<i16, N>(case),
        3 => check_integer::<u16, N>(case),
        4 => check_integer::<i32, N>(case),
        _ => check_integer::<i64, N>(case),
    }
}

#[test]
fn an_average_divides_by_pixels_or_by_what_padding_there_is() {
    // Windows at −1, 1 and 3; the last reaches over the padding to 5, where nothing is.
    let pool = AvgPool1d::new(3).stride(2).padding(1).ceil_mode(true);
    let signal = array![2.0, 4.0, 6.0, 8.0];
    assert_eq!(pool.forward(&signal).unwrap(), Tensor::from(array![3.0, 6.0, 8.0]));
    let with_padding = pool.count_include_pad(true).forward(&signal).unwrap();
    assert_eq!(with_padding, Tensor::from(array![2.0, 6.0, 4.0]));
}

fn check_duality<const N: usize>(case: &PoolCase<N>) {
    let input = case.input::<f32>().mapv(f32::round);
    let (largest, at_largest) = case.pool(Max).forward_with_indices(&input).unwrap();
    let (smallest, at_smallest) = case.pool(Min).forward_with_indices(&input.mapv(|pixel| -pixel)).unwrap();
    assert_eq!(largest, smallest.map(|value| -value));
    assert_eq!(at_largest, at_smallest);
    assert_eq!(case.pool(Max).forward(&input).unwrap(), largest);
}

fn check_indices<const N: usize>(case: &PoolCase<N>) {
    // Few values, so that many are equal; −∞ among them.
    let input = case.input::<f64>().mapv(|pixel| if pixel < -1.0 { f64::NEG_INFINITY } else { pixel.trunc() });
    let first = |wins: fn(&f64, &f64) -> bool| {
        case.by_collecting(&input, |pixels, _| {
            let best = pixels.iter().map(|pixel| pixel.1).reduce(|a, b| if wins(&b, &a) { b } else { a }).unwrap();
            i64::try_from(pixels.iter().find(|pixel| !wins(&best, &pixel.1)).unwrap().0).unwrap()
        })
    };
    let (values, indices) = case.pool(Max).forward_with_indices(&input).unwrap();
    assert_eq!(indices, first(f64::gt));
    assert_eq!(values, case.pool(Max).forward(&input).unwrap());
    let (values, indices) = case.pool(Min).forward_with_indices(&input).unwrap();
    assert_eq!(indices, first(f64::lt));
    assert_eq!(values, case.pool(Min).forward(&input).unwrap());
}

fn check_nan<const N: usize>(case: &PoolCase<N>) {
    let input = case.input::<f32>().mapv(|pixel| if pixel > 3.0 { f32::NAN } else { pixel });
    let largest = case.by_collecting(&input, |pixels, _| {
        // Unlike `f32::max`, which drops NaN.
        pixels
            .iter()
            .map(|pixel| pixel.1)
            .reduce(|a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) })
            .unwrap()
    });
    assert_same(&case.pool(Max).forward(&input).unwrap(), &largest);
    assert_same(&reference::forward(&case.pool(Max), &input).unwrap(), &largest);
    let (values, indices) = case.pool(Max).forward_with_indices(&input).unwrap();
    assert_same(&values, &largest);
    let last_nan = case.by_collecting(&input, |pixels, _| {
        pixels.iter().rev().find(|pixel| pixel.1.is_nan()).map(|pixel| i64::try_from(pixel.0).unwrap())
    });
    assert!(indices.iter().zip(&last_nan).all(|(index, last_nan)| last_nan.is_none_or(|last_nan| *index == last_nan)));

    let negated = input.mapv(|pixel| -pixel);
    assert_same(&case.pool(Min).forward(&negated).unwrap(), &largest.map(|value| -value));
    let rectified = Relu.forward(&input).unwrap();
    let expected = Tensor::from(input.mapv(|pixel| if pixel.is_nan() { pixel } else { pixel.max(0.0) }));
    assert_same(&rectified, &expected);
}

#[test]
fn nothing_but_the_lowest_value_wins_where_there_is_nothing_else() {
    let lowest = Array1::from_elem(4, f32::NEG_INFINITY);
    let (values, indices) = MaxPool1d::new(2).padding(1).forward_with_indices(&lowest).unwrap();
    assert_eq!(values, Tensor::from(Array1::from_elem(3, f32::NEG_INFINITY)));
    assert_eq!(indices, Tensor::from(array![0_i64, 1, 3]));
    let highest = Array1::from_elem(4, i8::MAX);
    let (values, indices) = MinPool1d::new(2).forward_with_indices(&highest).unwrap();
    assert_eq!((values, indices), (Tensor::from(array![i8::MAX, i8::MAX]), Tensor::from(array![0_i64, 2])));
}

#[test]
fn relu_of_any_rank_and_strides() {
    for rank in 0..8 {
        let shape = vec![2; rank];
        let map = numbers::<i16>(rank as u64, &shape);
        let expected = Tensor::from(map.mapv(|element| element.max(0)));
        assert_eq!(Relu.forward(&map).unwrap(), expected);
        for memory in common::Memory::ALL {
            let mut stored = Stored::new(&map, memory, -1);
            assert_eq!(Relu.forward(stored.view()).unwrap(), expected);
            Relu.apply(stored.view_mut());
            assert_eq!(stored.view(), expected.as_array());
            let others = stored.array().iter().filter(|&&element| element == -1).count();
            assert_eq!(others, stored.array().len() - map.len(), "what lies between is left alone");
        }
    }
    assert_eq!(Relu.forward(&array![0_u8, 255]).unwrap(), Tensor::from(array![0_u8, 255]));
}

fn check_empty_windows<const N: usize>(window: &WindowCase<N>) {
    let naive = window.fitting();
    let pool = PoolCase { window: *window, outer: vec![], memory: common::Memory::RowMajor, seed: 0 }.pool(Max);
    let input = ArrayD::from_elem(IxDyn(&window.input), 1_i32);
    match pool.forward(&input) {
        Ok(map) => {
            assert!(!naive.has_an_empty_window());
            assert!(map.iter().all(|&value| value == 1));
        }
        Err(error @ Error::EmptyWindow { axis, output, start, .. }) => {
            let on_axis = naive.axes[axis];
            let is_empty = |output| (0..on_axis.size).all(|tap| on_axis.pixel(output, tap).is_none());
            assert_eq!((0..on_axis.outputs).find(|&output| is_empty(output)), Some(output), "{error}");
            assert_eq!(start, on_axis.position(output, 0));
            assert_eq!(pool.output_shape(&window.input).unwrap_err(), error);
            assert_eq!(reference::forward(&pool, &input).unwrap_err(), error);
            assert_eq!(pool.forward_with_indices(&input).unwrap_err(), error);
        }
        Err(error) => panic!("{error}"),
    }
}

fn check_strides<const N: usize>(case: &PoolCase<N>) {
    let input = case.input::<i32>();
    let pool = case.pool(Max);
    let expected = pool.forward(&input).unwrap();
    let stored = Stored::new(&input, case.memory, i32::MAX);
    assert_eq!(pool.forward(stored.view()).unwrap(), expected);
    assert_eq!(reference::forward(&pool, stored.view()).unwrap(), expected);
    assert_eq!(pool.forward_with_indices(stored.view()).unwrap(), pool.forward_with_indices(&input).unwrap());
    let global = GlobalPool::<Max, N>::default();
    assert_eq!(global.forward(stored.view()).unwrap(), global.forward(&input).unwrap());

    let mut output = Stored::new(&ArrayD::zeros(expected.shape()), case.memory, 7);
    pool.forward_into(stored.view().into(), output.view_mut().into()).unwrap();
    assert_eq!(output.view(), expected.as_array());
}

#[test]
fn ranks_and_empty_batches() {
    let pool = MaxPool2d::new(2);
    for (shape, pooled) in [
        (&[4, 6][..], &[2, 3][..]),
        (&[3, 4, 6], &[3, 2, 3]),
        (&[0, 3, 4, 6], &[0, 3, 2, 3]),
        (&[2, 0, 4, 6], &[2, 0, 2, 3]),
    ] {
        let input = ArrayD::<f32>::zeros(IxDyn(shape));
        assert_eq!(pool.forward(&input).unwrap().shape(), pooled);
        assert_eq!(reference::forward(&pool, &input).unwrap().shape(), pooled);
        assert_eq!(pool.forward_with_indices(&input).unwrap().1.shape(), pooled);
        let mut one = pooled.to_vec();
        one[pooled.len() - 2..].fill(1);
        assert_eq!(GlobalMaxPool::default().forward(&input).unwrap().shape(), one);
    }
    for shape in [&[4][..], &[1, 1, 1, 4, 4]] {
        assert!(matches!(pool.output_shape(shape), Err(Error::Rank { .. })));
    }
    assert!(matches!(pool.output_shape(&[0, 1, 0, 4]), Err(Error::EmptyAxis { axis: 0 })));
    assert_eq!(pool.window(), &Window::new([2, 2]).stride(2), "the stride is the size unless given");
}

fn check_global<const N: usize>(case: &PoolCase<N>) {
    let input = case.input::<f64>();
    let whole = |window: Pool<Max, N>| window.forward(&input).unwrap();
    assert_eq!(GlobalPool::<Max, N>::default().forward(&input).unwrap(), whole(Pool::new(case.window.input)));
    // The window's sum goes tap by tap: its rounding error is bounded by ε for each of the terms, of at most 4 here.
    let terms = places(case.window.input).len() as f64;
    let close = |left: Tensor<f64>, right: Tensor<f64>| {
        assert_close(&left, &right, &left.map(|_| 4.0 * terms), terms * f64::EPSILON);
    };
    let global = GlobalPool::<Average, N>::default().forward(&input).unwrap();
    close(global, Pool::<Average, N>::new(case.window.input).forward(&input).unwrap());
    let global = GlobalPool::<L2, N>::default().forward(&input).unwrap();
    close(global, Pool::<L2, N>::new(case.window.input).forward(&input).unwrap());
    let global = GlobalPool::<_, N>::with(Lp(1.0)).forward(&input).unwrap();
    close(global, Pool::<_, N>::with(Lp(1.0), case.window.input).forward(&input).unwrap());
    let one = AdaptivePool::<Min, N>::new(1).forward(&input).unwrap();
    assert_eq!(one, GlobalPool::<Min, N>::default().forward(&input).unwrap());
}

fn check_adaptive<const N: usize>(case: &PoolCase<N>, outputs: &[usize; N]) {
    let input = case.input::<i32>();
    let maps = AdaptivePool::<Max, N>::new(*outputs).forward(&input).unwrap();
    assert_eq!(maps.shape(), [case.outer.as_slice(), outputs].concat());
    for place in odometer(maps.shape()) {
        let (outer, output) = place.split_at(case.outer.len());
        let in_box = places(case.window.input).into_iter().filter(|pixel| {
            // From ⌊i·n/m⌋ up to ⌈(i+1)·n/m⌉, with the fractions multiplied out.
            (0..N).all(|axis| {
                let (n, m) = (case.window.input[axis], outputs[axis]);
                (pixel[axis] + 1) * m > output[axis] * n && pixel[axis] * m < (output[axis] + 1) * n
            })
        });
        let largest = in_box.map(|pixel| input[[outer, &pixel].concat().as_slice()]).max();
        assert_eq!(maps.get(&place).copied(), largest);
    }
    let same = AdaptivePool::<Max, N>::new(case.window.input).forward(&input).unwrap();
    assert_eq!(same, Tensor::from(input.clone()));
    let floats = case.input::<f64>();
    let same = AdaptivePool::<Average, N>::new(case.window.input).forward(&floats).unwrap();
    assert_eq!(same, Tensor::from(floats));
}

proptest! {
    #[test]
    fn norms_do_not_see_signs(case in poolings::<2>(), order in 0.5..4.0_f64) {
        let input = case.input::<f64>();
        let absolute = input.mapv(f64::abs);
        prop_assert_eq!(case.pool(L2).forward(&input).unwrap(), case.pool(L2).forward(&absolute).unwrap());
        let norm = case.pool(Lp(order));
        prop_assert_eq!(norm.forward(&input).unwrap(), norm.forward(&absolute).unwrap());
    }
}

#[test]
fn norms_of_known_triangles() {
    let sides = array![3.0, -4.0];
    assert_eq!(L2Pool1d::new(2).forward(&sides).unwrap(), Tensor::from(array![5.0]));
    assert_eq!(LpPool1d::with(Lp(1.0), 2).forward(&sides).unwrap(), Tensor::from(array![7.0]));
    for order in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let pool = LpPool1d::with(Lp(order), 2);
        assert!(matches!(pool.forward(&sides), Err(Error::NormOrder { .. })), "{order}");
        assert!(matches!(reference::forward(&pool, &sides), Err(Error::NormOrder { .. })), "{order}");
        assert!(matches!(GlobalPool::<_, 1>::with(Lp(order)).forward(&sides), Err(Error::NormOrder { .. })), "{order}");
    }
    // Sound as an f64, but not as an f32: the order itself, or its inverse.
    for order in [1e300, 1e-300] {
        let pool = LpPool1d::with(Lp(order), 2);
        assert!(matches!(pool.forward(&array![3.0_f32, -4.0]), Err(Error::NormOrder { .. })), "{order}");
    }
}

#[test]
fn the_average_of_a_million_keeps_its_digits() {
    // One sum after the other would be wrong in the third digit.
    let tenths = Array2::from_elem((1000, 1000), 0.1_f32);
    let average = GlobalAvgPool::default().forward(&tenths).unwrap();
    approx::assert_relative_eq!(average, Tensor::from(array![[0.1_f32]]), max_relative = 1e-6);
    let column = tenths.to_shape((1_000_000, 1)).unwrap();
    let average = GlobalAvgPool::default().forward(&column).unwrap();
    approx::assert_relative_eq!(average, Tensor::from(array![[0.1_f32]]), max_relative = 1e-6);
    // Boxes of one column each, of two.
    let columns = tenths.to_shape((500_000, 2)).unwrap();
    let averages = AdaptiveAvgPool2d::new([1, 2]).forward(&columns).unwrap();
    approx::assert_relative_eq!(averages, Tensor::from(array![[0.1_f32, 0.1]]), max_relative = 1e-6);
    let row = tenths.into_shape_with_order(1_000_000).unwrap();
    let average = GlobalAvgPool1d::default().forward(&row).unwrap();
    approx::assert_relative_eq!(average, Tensor::from(array![0.1_f32]), max_relative = 1e-6);
    let planes = AvgPool2d::new(2).forward(&array![[1.0, 2.0], [3.0, 6.0]]).unwrap();
    assert_eq!(planes, Tensor::from(array![[3.0]]));
}

/// The wrapping sum, less the count: a reduction with what it must have, and no more.
#[derive(Clone)]
struct SumLessCount;

impl Reduction<i64> for SumLessCount {
    type Accumulator = i64;

    fn start(&self) -> i64 {
        0
    }

    fn step(&self, sum: i64, pixel: i64) -> i64 {
        sum.wrapping_add(pixel)
    }

    fn finish(&self, sum: i64, count: usize) -> i64 {
        sum.wrapping_sub(count.cast_signed() as i64)
    }
}

/// The same with every other method overridden.
#[derive(Clone)]
struct SumLessPaddedCount;

impl Reduction<i64> for SumLessPaddedCount {
    type Accumulator = i64;

    fn start(&self) -> i64 {
        0
    }

    fn step(&self, sum: i64, pixel: i64) -> i64 {
        sum.wrapping_add(pixel)
    }

    fn finish(&self, sum: i64, count: usize) -> i64 {
        sum.wrapping_sub(count.cast_signed() as i64)
    }

    fn step_run(&self, sums: &mut [i64], pixels: &[i64]) {
        assert_eq!(sums.len(), pixels.len());
        sums.iter_mut().zip(pixels).for_each(|(sum, &pixel)| *sum = sum.wrapping_add(pixel));
    }

    fn step_all(&self, sum: i64, pixels: &[i64]) -> i64 {
        pixels.iter().rev().fold(sum, |sum, &pixel| sum.wrapping_add(pixel))
    }

    fn count_include_pad(&self) -> bool {
        true
    }
}

/// The pixel nearest to zero.
#[derive(Clone)]
struct Faintest;

impl Reduction<i64> for Faintest {
    type Accumulator = i64;

    fn start(&self) -> i64 {
        i64::MAX
    }

    fn step(&self, picked: i64, pixel: i64) -> i64 {
        if self.prefers(pixel, picked) { pixel } else { picked }
    }

    fn finish(&self, picked: i64, _count: usize) -> i64 {
        picked
    }
}

impl Selection<i64> for Faintest {
    fn prefers(&self, candidate: i64, picked: i64) -> bool {
        candidate.unsigned_abs() < picked.unsigned_abs()
    }
}

fn check_own_reduction<const N: usize>(case: &PoolCase<N>) {
    let input = case.input::<i64>();
    let less = |pixels: &[(usize, i64)], count: usize| {
        pixels.iter().fold(0_i64, |sum, pixel| sum.wrapping_add(pixel.1)).wrapping_sub(i64::try_from(count).unwrap())
    };
    let of_pixels = case.by_collecting(&input, |pixels, _| less(pixels, pixels.len()));
    assert_eq!(case.pool(SumLessCount).forward(&input).unwrap(), of_pixels);
    assert_eq!(reference::forward(&case.pool(SumLessCount), &input).unwrap(), of_pixels);
    let of_padding = case.by_collecting(&input, less);
    assert_eq!(case.pool(SumLessPaddedCount).forward(&input).unwrap(), of_padding);
    assert_eq!(reference::forward(&case.pool(SumLessPaddedCount), &input).unwrap(), of_padding);
    let global = GlobalPool::<_, N>::with(SumLessCount).forward(&input).unwrap();
    assert_eq!(GlobalPool::<_, N>::with(SumLessPaddedCount).forward(&input).unwrap(), global);

    let faintest =
        case.by_collecting(&input, |pixels, _| *pixels.iter().min_by_key(|pixel| pixel.1.unsigned_abs()).unwrap());
    let (values, indices) = case.pool(Faintest).forward_with_indices(&input).unwrap();
    assert_eq!(values, faintest.map(|pixel| pixel.1));
    assert_eq!(indices, faintest.map(|pixel| i64::try_from(pixel.0).unwrap()));
}
