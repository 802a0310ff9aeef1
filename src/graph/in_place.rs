//! What is done to a value where it lies, while it is in cache.

use std::iter;

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

    fn as_activation(&self) -> Option<Activation> {
        match self {
            Self::Elementwise(function) => function.as_activation(),
            Self::Scale(_) => None,
        }
    }
}

/// Applies all, in order.
pub(super) fn apply_all<T: Element>(functions: &[InPlace<T>], mut map: TensorViewMut<'_, T>) {
    for function in functions {
        function.apply(map.view_mut());
    }
}

/// Elements that are summed and activated before the next are, so that they are still in the first-level cache.
const PIECE: usize = 1 << 12;

/// Adds or multiplies another value to one where it lies, and then applies functions.
pub(super) fn join<T: Element>(
    join: Join,
    mut map: TensorViewMut<'_, T>,
    other: &TensorView<'_, T>,
    functions: &[InPlace<T>],
) {
    let activations = functions.iter().map_while(InPlace::as_activation).count();
    let (in_pieces, after) = functions.split_at(activations);
    let (same, of_plane) = (other.shape() == map.shape(), plane_of_each(other.shape(), map.shape()));
    match (map.as_slice_mut(), other.to_slice()) {
        (Some(elements), Some(others)) if same => {
            let workers = workers::<T>(elements.len());
            let pieces = elements.chunks_mut(PIECE).zip(others.chunks(PIECE));
            share(iter::repeat_n((), workers), pieces, |(), (elements, others)| {
                match join {
                    Join::Add => T::add(elements, others),
                    Join::Multiply | Join::Concat(_) => T::multiply(elements, others),
                }
                for activation in in_pieces.iter().filter_map(InPlace::as_activation) {
                    T::activate(activation, elements);
                }
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
