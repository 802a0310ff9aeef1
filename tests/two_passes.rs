//! Filters that are a column times a row, and are convolved with one after the other, where that may be.
//!
//! - **Integers stay exact**: Sobel, Scharr, binomial and box filters of every size, over flat pictures and random bytes, in `f32`
//!   and `f64`, alone and depthwise.
//! - **Nothing is lost**: weights that are small beside others; zeros.
//! - **Nothing overflows** that the definition holds: means of the largest pixels.
//! - **Which filters are products**: of integers to the bit, of others to the last digits of each weight.

#![allow(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "weights are rounded to what f32 has, and zeros are zeros"
)]

mod common;

use common::numbers;
use featuremap::conv::reference;
use featuremap::{Conv, Conv2d, Float, Module, Tensor};
use ndarray::{Array2, ArrayD, Axis};

/// `(1 + x)^n`, and its derivative as a central difference.
fn binomial(size: usize) -> Vec<f64> {
    (1..size).fold(vec![1.0], |row, _| {
        let shifted = [&[0.0], &row[..]].concat();
        row.into_iter().chain([0.0]).zip(shifted).map(|(one, other)| one + other).collect()
    })
}

fn derivative(size: usize) -> Vec<f64> {
    let smooth = binomial(size - 2);
    let ahead = [&smooth[..], &[0.0, 0.0]].concat();
    let behind = [&[0.0, 0.0], &smooth[..]].concat();
    ahead.into_iter().zip(behind).map(|(one, other)| other - one).collect()
}

fn product(column: &[f64], row: &[f64]) -> Array2<f64> {
    Array2::from_shape_fn((column.len(), row.len()), |(at, across)| column[at] * row[across])
}

fn exact_filters() -> Vec<Array2<f64>> {
    let mut filters = vec![product(&[3.0, 10.0, 3.0], &[-1.0, 0.0, 1.0])];
    for size in [3, 5, 7, 9, 11] {
        filters.push(product(&binomial(size), &derivative(size)));
        filters.push(product(&derivative(size), &binomial(size)));
        filters.push(product(&vec![1.0; size], &vec![1.0; size]));
        if size <= 7 {
            filters.push(product(&binomial(size), &binomial(size)) / 64.0);
        }
    }
    filters
}

fn check_exact<T: Float<Sum = T>>() {
    let bytes = numbers::<u8>(5, &[30, 67]);
    let flat = ArrayD::from_elem(vec![30, 67], 255_u8);
    for filter in exact_filters() {
        // Larger sums round, one way or the other.
        if filter.mapv(f64::abs).sum() * 255.0 > T::epsilon().to_f64().unwrap().recip() {
            continue;
        }
        for picture in [&bytes, &flat] {
            let picture = picture.mapv(f64::from);
            let conv = Conv2d::new(filter.clone()).padding(filter.nrows() / 2);
            let expected = reference::forward(&conv, &picture).unwrap();
            let conv = Conv2d::new(filter.mapv(T::from_f64)).padding(filter.nrows() / 2);
            let found = conv.forward(&picture.mapv(T::from_f64)).unwrap();
            let way = conv.plan(&[30, 67]).unwrap().algorithm();
            assert_eq!(found, expected.map(|&sum| T::from_f64(sum)), "{way}, {filter}");
        }
    }
}

#[test]
fn integers_stay_exact() {
    check_exact::<f32>();
    check_exact::<f64>();
    // The paths are there to be tested.
    let seven = Conv2d::new(product(&binomial(7), &derivative(7)).mapv(|weight| weight as f32));
    assert_eq!(seven.plan(&[30, 67]).unwrap().algorithm(), "separable");
}

/// Depthwise, each channel with a filter of its own, as a stack of derivatives is.
#[test]
fn integers_stay_exact_for_each_channel() {
    let filters = [product(&binomial(7), &derivative(7)), product(&derivative(7), &binomial(7))];
    let bank = ndarray::stack(Axis(0), &[filters[0].view(), filters[1].view()]).unwrap().insert_axis(Axis(1));
    let input = numbers::<u8>(9, &[2, 80, 100]).mapv(f32::from);
    let conv = Conv::<f32, 2>::new(bank.mapv(|weight| weight as f32)).groups(2);
    assert_eq!(conv.forward(&input).unwrap(), reference::forward(&conv, &input).unwrap());
}

#[test]
fn small_weights_are_not_lost() {
    // A pixel of 1e7 under the weight of 3e-7 gives 3.
    let mut filter = Array2::<f32>::zeros((7, 7));
    (filter[[0, 0]], filter[[6, 6]]) = (1.0, 3e-7);
    let mut picture = Array2::<f32>::zeros((90, 131));
    picture[[50, 60]] = 1e7;
    let found = Conv2d::new(filter).forward(&picture).unwrap();
    approx::assert_relative_eq!(*found.get(&[44, 54]).unwrap(), 3.0, max_relative = 1e-6);
    assert_eq!(found.iter().filter(|&&sum| sum != 0.0).count(), 2);

    // The same where it is a product: of a column and a row that fall off fast.
    let falling: Vec<f64> = (0..9).map(|at| (-1.7 * f64::from(at * at)).exp()).collect();
    let filter = product(&falling, &falling).mapv(|weight| weight as f32);
    for place in [[0, 0], [8, 8], [4, 8], [0, 7]] {
        let mut picture = Array2::<f32>::zeros((90, 131));
        picture[[50, 60]] = 1e9;
        let found = Conv2d::new(filter.clone()).forward(&picture).unwrap();
        let sum = *found.get(&[50 - place[0], 60 - place[1]]).unwrap();
        approx::assert_relative_eq!(sum, filter[place] * 1e9, max_relative = 2e-6);
    }
}

#[test]
fn nothing_overflows_that_the_definition_holds() {
    for size in [7, 9, 15] {
        let mean = Array2::from_elem((size, size), 1.0 / (size * size) as f32);
        let found = Conv2d::new(mean).forward(&Array2::from_elem((90, 131), 3e38_f32)).unwrap();
        approx::assert_relative_eq!(found, found.map(|_| 3e38), max_relative = 1e-5);
        let mean = Array2::from_elem((size, size), 1.0 / (size * size) as f64);
        let found = Conv2d::new(mean).forward(&Array2::from_elem((90, 131), 1.7e308)).unwrap();
        approx::assert_relative_eq!(found, found.map(|_| 1.7e308), max_relative = 1e-14);
    }
    // Nor vanishes.
    let faint = Array2::from_elem((9, 9), 1e-36_f32);
    let found = Conv2d::new(faint).forward(&Array2::from_elem((90, 131), 1e30_f32)).unwrap();
    approx::assert_relative_eq!(found, found.map(|_| 81e-6), max_relative = 1e-5);
}

/// Found by the generator of `tests/hostile`: a column that adds up to more than 1 made the largest pixel infinite, and the zero of the
/// row made that NaN.
#[test]
fn the_largest_pixel_is_finite_in_between() {
    let falls: Vec<f64> = (0..7).map(|at| 4.0 * (-f64::from(at)).exp2()).collect();
    for filter in
        [product(&binomial(7), &derivative(7)), product(&derivative(7), &binomial(7)), product(&falls, &falls)]
    {
        let conv = Conv2d::new(filter.mapv(|weight| weight as f32));
        assert_eq!(conv.plan(&[30, 67]).unwrap().algorithm(), "separable");
        let mut picture = Array2::<f32>::zeros((30, 67));
        picture[[14, 33]] = f32::MAX;
        let expected = reference::forward(&conv, &picture).unwrap();
        assert!(expected.iter().all(|sum| !sum.is_nan()) && expected.iter().any(|sum| sum.is_infinite()));
        assert_eq!(conv.forward(&picture).unwrap(), expected);
    }
}

/// Found by the generator of `tests/hostile`: what lies in between may be denormal where neither pixels nor outputs are small for it.
/// Results are those of pixels that are off by half the least number for each weight of the column; among normal pixels, those of
/// rounding alone.
#[test]
fn faint_pixels_are_off_by_a_few_of_the_least_number() {
    let least = f64::from(f32::MIN_POSITIVE * f32::EPSILON);
    for filter in [product(&binomial(7), &derivative(7)), product(&derivative(9), &binomial(9))] {
        let size = filter.mapv(f64::abs).sum();
        let conv = Conv2d::new(filter.mapv(|weight| weight as f32));
        assert_eq!(conv.plan(&[30, 67]).unwrap().algorithm(), "separable");
        for scale in [1e-44, 1e-42, 1e-40, 1e-38, 1e-36, 1e-30] {
            let picture = numbers::<f32>(9, &[30, 67]).mapv(|pixel| (f64::from(pixel) * scale) as f32);
            let largest = picture.iter().fold(0.0, |all: f64, &pixel| all.max(f64::from(pixel).abs()));
            let exact = Conv2d::new(filter.clone());
            let expected = reference::forward(&exact, &picture.mapv(f64::from)).unwrap();
            let found = conv.forward(&picture).unwrap();
            let rounding = (filter.nrows() + filter.ncols()) as f64 * f64::from(f32::EPSILON) * largest * size;
            let most = filter.nrows() as f64 * least * size + rounding;
            for (&found, &expected) in found.iter().zip(expected.iter()) {
                assert!((f64::from(found) - expected).abs() <= most, "{found:e} for {expected:e} at {scale:e}");
            }
        }
    }
}

#[test]
fn a_filter_is_a_product_or_not() {
    let way = |filter: &Array2<f32>| Conv2d::new(filter.clone()).plan(&[200, 300]).unwrap().algorithm();
    let gauss = |size: i32, sigma: f64| {
        let row: Vec<f64> =
            (0..size).map(|at| (-f64::from((at - size / 2).pow(2)) / (2.0 * sigma * sigma)).exp()).collect();
        let filter = product(&row, &row);
        let sum = filter.sum();
        filter.mapv(|weight| weight as f32).mapv(|weight| weight / sum as f32)
    };
    for (size, sigma) in [(7, 1.0), (9, 1.5), (11, 2.0), (15, 3.0)] {
        assert_eq!(way(&gauss(size, sigma)), "separable", "{size}");
    }
    // One weight off by one in its last digits, of integers and of others.
    let integers = product(&binomial(7), &derivative(7)).mapv(|weight| weight as f32);
    assert_eq!(way(&integers), "separable");
    let mut off = integers.clone();
    off[[2, 5]] += 1.0;
    assert_eq!(way(&off), "rows");
    let mut off = gauss(7, 1.0);
    off[[0, 0]] *= 1.0001;
    assert_eq!(way(&off), "rows", "small as it is beside the largest");
    // A product that does not come out even, of few digits: 0.3 · 3 of tenths, say.
    let mut off = integers;
    off[[0, 0]] = 0.0;
    assert_eq!(way(&off), "rows", "a zero where there is none in the product");
    assert_eq!(Tensor::from(off).shape(), [7, 7]);
}
