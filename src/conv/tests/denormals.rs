//! Weights below the normal numbers, which some processors take a hundred times as long over.

use ndarray::Array1;

use super::cases::{Case, numbers, plain};
use crate::conv::kernels::Kernels;
use crate::conv::{Conv, reference};
use crate::{Float, Linear, Module, Tensor};

/// Layers for all algorithms.
fn layers() -> [Case<2>; 3] {
    let plain = Case { images: 1, channels: 8, input: [12, 13], bias: false, seed: 5, ..plain() };
    let mostly_padding = Case { input: [4, 5], dilation: [3, 3], padding: [(3, 3); 2], ..plain.clone() };
    [Case { groups: 8, channels: 1, filters: 1, ..plain.clone() }, plain, mostly_padding]
}

fn check<T: Kernels>(case: &Case<2>) {
    let float = |number| T::from_f64(number);
    let input = numbers(&case.input_shape(), case.seed).mapv(float);
    let conv = case.conv(float, float);
    let tiny = T::min_positive_value() * float(0.25);
    // The first filter has no other weights, and of the others every third is of this kind.
    let with = |small: T| {
        let (mut filters, mut place) = (conv.filters().clone(), 0);
        let of_filter = filters.len() / filters.shape()[0];
        filters.view_mut().map_in_place(|weight| {
            place += 1;
            *weight = match place {
                _ if place <= of_filter => tiny,
                _ if place % 3 == 0 => small,
                _ => *weight,
            };
        });
        Conv::<T, 2>::new(filters).padding(case.padding).dilation(case.dilation).groups(case.groups)
    };
    let exact = reference::forward(&with(tiny), &input).expect("it fits");
    let mut expected = Vec::new();
    case.each_way(&with(T::ZERO), &(&input).into(), |_, sums| expected.push(sums.clone()));
    let mut expected = expected.into_iter();
    case.each_way(&with(tiny), &(&input).into(), |algorithm, found| {
        assert_eq!(Some(found), expected.next().as_ref(), "{algorithm}");
        let of_map = case.input[0] * case.input[1];
        let sums = found.iter().zip(&exact).take(of_map);
        let off = sums.map(|(&one, &other)| (one - other).abs()).fold(T::ZERO, T::max);
        assert!(off <= tiny * float(1e-2), "{algorithm}: a filter that has no other weights keeps these");
    });
    // Beside a bias they are nothing, either.
    let bias = Tensor::from(Array1::from_elem(conv.filters().shape()[0], float(0.5)));
    case.each_way(&with(tiny).bias(bias), &(&input).into(), |algorithm, found| {
        assert_eq!(found.iter().next(), Some(&float(0.5)), "{algorithm}");
    });
}

#[test]
fn weights_below_the_normal_numbers_count_for_zeros_beside_others() {
    for case in layers() {
        check::<f32>(&case);
        check::<f64>(&case);
    }
}

#[test]
fn so_do_those_of_dense_layers() {
    let weights = |small: f32| {
        let mut weights = numbers(&[40, 70], 3).mapv(f32::from_f64);
        weights.iter_mut().step_by(2).for_each(|weight| *weight = small);
        Linear::new(weights)
    };
    let input = numbers(&[30, 70], 4).mapv(f32::from_f64);
    let [found, expected] = [1e-40, 0.0].map(|small| weights(small).forward(&input).expect("it fits"));
    assert_eq!(found, expected);
}
