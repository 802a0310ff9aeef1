//! What is done to a value where it lies, while it is in cache.

use std::iter;

use arrayvec::ArrayVec;

use super::Join;
use crate::parallel::{share, workers};
use crate::tensor::{TensorView, TensorViewMut};
use crate::{Activation, ChannelScale, Element, Elementwise};

/// A function of a value in its own memory.
#[derive(Clone)]
pub(super) enum InPlace<T: Element> {
    Elementwise(Elementwise<T>),
    Scale(ChannelScale<T>),
}

impl<T: Element> InPlace<T> {
    pub(super) fn apply(&self, map: TensorViewMut<'_, T>) {
        match self {
            Self::Elementwise(function) => function.apply(map),
            Self::Scale(scale) => scale.apply(map),
        }
    }

    /// The axis of a value of this rank whose channels have numbers of their own, if any.
    pub(super) fn channel_axis(&self, rank: usize) -> Option<usize> {
        match self {
            Self::Elementwise(_) => None,
            Self::Scale(scale) => scale.axis(rank),
        }
    }

    /// How it is applied to some elements of a value of this shape that lie in order, if it can be.
    fn by_piece(&self, shape: &[usize]) -> Option<OfPiece<'_, T>> {
        match self {
            Self::Elementwise(function) => function.as_activation().map(OfPiece::Activation),
            Self::Scale(scale) => scale.plane(shape).map(|plane| OfPiece::Scale(scale, plane)),
        }
    }
}

/// A function of some elements of a value: an activation, or a scale whose channels have so many elements.
enum OfPiece<'a, T: Element> {
    Activation(Activation),
    Scale(&'a ChannelScale<T>, usize),
}

impl<T: Element> OfPiece<'_, T> {
    /// Applies it to elements from a place of the value on.
    fn apply(&self, elements: &mut [T], first: usize) {
        match self {
            Self::Activation(activation) => T::activate(*activation, elements),
            Self::Scale(scale, plane) => scale.apply_to(elements, first, *plane),
        }
    }
}

/// Applies all, in order: all of them to some elements before the next, where they can be.
pub(super) fn apply_all<T: Element>(functions: &[InPlace<T>], mut map: TensorViewMut<'_, T>) {
    let (pieces, mut after) = in_pieces(functions, map.shape());
    match map.as_slice_mut() {
        Some(elements) if pieces.len() > 1 => {
            let workers = workers::<T>(elements.len());
            share(iter::repeat_n((), workers), elements.chunks_mut(PIECE).enumerate(), |(), (number, elements)| {
                pieces.iter().for_each(|function| function.apply(elements, number * PIECE));
            });
        }
        _ => after = functions,
    }
    for function in after {
        function.apply(map.view_mut());
    }
}

/// The first of some functions, as they are applied to some elements at a time, and those after them.
fn in_pieces<'a, T: Element>(
    functions: &'a [InPlace<T>],
    shape: &[usize],
) -> (ArrayVec<OfPiece<'a, T>, MOST_IN_PIECES>, &'a [InPlace<T>]) {
    let pieces: ArrayVec<_, MOST_IN_PIECES> =
        functions.iter().take(MOST_IN_PIECES).map_while(|function| function.by_piece(shape)).collect();
    let count = pieces.len();
    (pieces, &functions[count..])
}

/// Elements that all functions are applied to before the next are read, so that they are still in the first-level cache.
const PIECE: usize = 1 << 12;

/// More functions in a row are applied one after the other: few networks have so many.
const MOST_IN_PIECES: usize = 8;

/// Adds or multiplies another value to one where it lies, and then applies functions.
pub(super) fn join<T: Element>(
    join: Join,
    mut map: TensorViewMut<'_, T>,
    other: &TensorView<'_, T>,
    functions: &[InPlace<T>],
) {
    let (first, after) = in_pieces(functions, map.shape());
    let (same, of_plane) = (other.shape() == map.shape(), plane_of_each(other.shape(), map.shape()));
    match (map.as_slice_mut(), other.to_slice()) {
        (Some(elements), Some(others)) if same => {
            let workers = workers::<T>(elements.len());
            let pieces = elements.chunks_mut(PIECE).zip(others.chunks(PIECE)).enumerate();
            share(iter::repeat_n((), workers), pieces, |(), (number, (elements, others))| {
                match join {
                    Join::Add => T::add(elements, others),
                    Join::Multiply | Join::Concat(_) => T::multiply(elements, others),
                }
                first.iter().for_each(|function| function.apply(elements, number * PIECE));
            });
            return apply_all(after, map);
        }
        (Some(elements), Some(others)) if of_plane > 0 => {
            for (plane, &other) in elements.chunks_exact_mut(of_plane).zip(others) {
                for element in plane {
                    *element = joined(join, *element, other);
                }
            }
        }
        _ => map.combine(other, |element, &other| *element = joined(join, *element, other)),
    }
    apply_all(functions, map);
}

/// The sum or the product of two elements.
fn joined<T: Element>(join: Join, one: T, other: T) -> T {
    match join {
        Join::Add => one.plus(other),
        Join::Multiply | Join::Concat(_) => one.times(other),
    }
}

/// How many elements of a value stand for each of another that has a number for each channel, as `[batch, channel, 1, 1]`; 0 where it
/// is repeated otherwise.
fn plane_of_each(part: &[usize], whole: &[usize]) -> usize {
    if part.len() != whole.len() || whole.contains(&0) {
        return 0;
    }
    let kept = part.iter().zip(whole).take_while(|(one, all)| one == all).count();
    if part[kept..].iter().all(|&length| length == 1) { whole[kept..].iter().product() } else { 0 }
}
