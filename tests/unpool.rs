//! Max unpooling: every value back to the place that its index names.
//!
//! Edge cases, in the order of the tests:
//!
//! - **Unpooling what was pooled**: the maxima stand at their places and all else is zero, on one to three axes, with
//!   windows that overlap (several values for one place) and that leave pixels out; pooled again, the same values.
//! - **The size of the output**: worked out where the pooling lost nothing, else given; larger than need be.
//! - **Indices** out of range, negative, extreme; of another shape; the last of two values for one place stays.
//! - **Any strides**, batches, empty batches, wrong ranks, outputs of no size.

mod common;

use common::{Memory, PoolCase, Stored, numbers, on_each_rank, poolings};
use featuremap::{
    Error, Max, MaxPool1d, MaxPool2d, MaxUnpool, MaxUnpool1d, MaxUnpool2d, Module, Padding, Pool, Tensor,
};
use ndarray::{ArrayD, IxDyn, array};

on_each_rank! {
    maxima_go_back_to_their_places: check_places(case in poolings);
    pooled_again_gives_the_same: check_round_trip(case in poolings);
}

/// Every pixel that was the maximum of a window stays, all others are zero.
fn check_places<const N: usize>(case: &PoolCase<N>) {
    let input = case.input::<i32>();
    let (values, indices) = case.pool(Max).forward_with_indices(&input).unwrap();
    let unpool = MaxUnpool::<N>::new(case.window.size).output_size(case.window.input);
    let map = unpool.forward(&values, &indices).unwrap();

    let plane: usize = case.window.input.iter().product();
    let pooled: usize = values.shape()[case.outer.len()..].iter().product();
    let kept: Vec<usize> = indices
        .iter()
        .enumerate()
        .map(|(place, &index)| place / pooled * plane + usize::try_from(index).unwrap())
        .collect();
    let expected: Vec<i32> =
        input.iter().enumerate().map(|(place, &pixel)| if kept.contains(&place) { pixel } else { 0 }).collect();
    assert_eq!(map, Tensor::from_vec(input.shape(), expected).unwrap());

    let (values, indices) = (values.into_array(), indices.into_array());
    let (values, indices) = (Stored::new(&values, case.memory, 7), Stored::new(&indices, case.memory, -1));
    assert_eq!(unpool.forward(values.view(), indices.view()).unwrap(), map, "in memory of another order");
}

/// Windows side by side over a whole number of them: the size of the output follows, and no maximum is lost.
fn check_round_trip<const N: usize>(case: &PoolCase<N>) {
    let whole = std::array::from_fn(|axis| case.window.input[axis].next_multiple_of(case.window.size[axis]));
    let mut case = case.clone();
    case.window.input = whole;
    let pool = Pool::<Max, N>::new(case.window.size);
    // Zeros, which fill the rest of the output, must not win.
    let input = case.input::<i32>().mapv(|pixel| pixel.saturating_abs().max(1));
    let (values, indices) = pool.forward_with_indices(&input).unwrap();
    let map = MaxUnpool::<N>::new(case.window.size).forward(&values, &indices).unwrap();
    assert_eq!(map.shape(), input.shape());
    assert_eq!(map.iter().filter(|&&pixel| pixel != 0).count(), values.len());
    assert_eq!(pool.forward_with_indices(&map).unwrap(), (values, indices));
}

#[test]
fn the_size_follows_from_the_pooling_or_is_given() {
    let signal = array![5, 1, 2, 9, 3];
    let pool = MaxPool1d::new(2);
    let (values, indices) = pool.forward_with_indices(&signal).unwrap();
    let unpool = MaxUnpool1d::new(2);
    assert_eq!(unpool.forward(&values, &indices).unwrap(), Tensor::from(array![5, 0, 0, 9]));
    assert_eq!(unpool.output_size(5).forward(&values, &indices).unwrap(), Tensor::from(array![5, 0, 0, 9, 0]));
    // (3 − 1) · 2 + 3 − 1 − 1 pixels.
    let pool = MaxPool1d::new(3).stride(2).padding(1);
    let (values, indices) = pool.forward_with_indices(&signal).unwrap();
    let unpool = MaxUnpool1d::new(3).stride(2).padding(1);
    assert_eq!(unpool.forward(&values, &indices).unwrap(), Tensor::from(array![5, 0, 0, 9, 0]));
    let same = MaxUnpool1d::new(3).stride(2).padding(Padding::Same);
    assert_eq!(same.forward(&values, &indices).unwrap().shape(), [6]);
}

#[test]
fn indices_must_lie_in_the_plane() {
    let unpool = MaxUnpool1d::new(2);
    for index in [4, -1, i64::MAX, i64::MIN] {
        let error = unpool.forward(&array![1, 2], &array![3, index]).unwrap_err();
        assert_eq!(error, Error::IndexOutOfRange { index, position: 1, pixels: 4 });
        // Into its own plane, not into that of the next channel.
        let error = unpool.forward(&array![[1], [2]], &array![[1], [index.max(2)]]).unwrap_err();
        assert_eq!(error, Error::IndexOutOfRange { index: index.max(2), position: 1, pixels: 2 });
    }
    let error = unpool.forward(&array![1, 2], &array![[0, 1]]).unwrap_err();
    assert!(matches!(error, Error::Shape { expected, found, .. } if expected == [2] && found == [1, 2]));
    let error = unpool.output_size(0).forward(&array![1], &array![0]).unwrap_err();
    assert_eq!(error, Error::IndexOutOfRange { index: 0, position: 0, pixels: 0 });
}

#[test]
fn the_last_value_for_a_place_stays() {
    let map = MaxUnpool1d::new(2).forward(&array![1, 2], &array![3, 3]).unwrap();
    assert_eq!(map, Tensor::from(array![0, 0, 0, 2]));
    let unpool = MaxUnpool2d::new(2);
    let batch = unpool.forward(&array![[[[1]]], [[[2]]]], &array![[[[3]]], [[[0]]]]).unwrap();
    assert_eq!(batch, Tensor::from(array![[[[0, 0], [0, 1]]], [[[2, 0], [0, 0]]]]));
}

#[test]
fn nothing_to_unpool() {
    let unpool = MaxUnpool2d::new(2);
    let nothing = |shape: &[usize]| (ArrayD::<f32>::zeros(IxDyn(shape)), ArrayD::<i64>::zeros(IxDyn(shape)));
    let (values, indices) = nothing(&[0, 3, 2, 2]);
    assert_eq!(unpool.forward(&values, &indices).unwrap().shape(), [0, 3, 4, 4]);
    let (values, indices) = nothing(&[1, 0, 2]);
    assert!(matches!(unpool.forward(&values, &indices), Err(Error::EmptyAxis { axis: 0 })));
    assert_eq!(unpool.output_size(2).forward(&values, &indices).unwrap(), Tensor::zeros(&[1, 2, 2]).unwrap());
    let (values, indices) = nothing(&[3]);
    assert!(matches!(unpool.forward(&values, &indices), Err(Error::Rank { .. })));
    let (values, indices) = nothing(&[2, 2]);
    assert!(matches!(unpool.padding(2).forward(&values, &indices), Err(Error::TransposedSize { size: 0, .. })));
}

#[test]
fn a_pooled_picture_comes_back_in_any_order_of_memory() {
    let picture = numbers::<f32>(3, &[2, 6, 4]).mapv(f32::abs);
    let (values, indices) = MaxPool2d::new([3, 2]).forward_with_indices(&picture).unwrap();
    let map = MaxUnpool2d::new([3, 2]).forward(&values, &indices).unwrap();
    for memory in Memory::ALL {
        let stored = Stored::new(map.as_array(), memory, f32::INFINITY);
        assert_eq!(MaxPool2d::new([3, 2]).forward(stored.view()).unwrap(), values);
    }
}
