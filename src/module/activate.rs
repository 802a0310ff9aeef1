//! Activations applied to elements where they are, by as many threads as it is worth.

use std::iter;

use crate::kernels::rectify::{Rectify, relu};
use crate::parallel::{self, PIECES, share, workers_for};
use crate::simd::Level;
use crate::tensor::TensorViewMut;
use crate::{Activation, AsViewMut, Element};

impl Activation {
    /// Applies it in place.
    pub fn apply<T: Element>(self, mut map: impl AsViewMut<T>) {
        let mut map = map.as_view_mut();
        if let Some(elements) = map.as_slice_mut() {
            return activate(self, parallel::workers::<T>(elements.len()), elements);
        }
        map.map_in_place(|element| T::activate(self, std::slice::from_mut(element)));
    }
}

/// In place, by so many workers.
pub(crate) fn activate<T: Element>(activation: Activation, workers: usize, elements: &mut [T]) {
    if workers <= 1 {
        return T::activate(activation, elements);
    }
    let length = elements.len().div_ceil(workers * PIECES).max(1).next_multiple_of(1024);
    share(iter::repeat_n((), workers), elements.chunks_mut(length), |(), piece| T::activate(activation, piece));
}

/// The ReLU of all elements.
pub(crate) fn rectify_all<T: Element>(mut map: TensorViewMut<'_, T>) {
    match map.as_slice_mut() {
        Some(elements) => rectify(Level::new(), rectifiers::<T>(elements.len()), None, elements),
        None => map.map_in_place(|element| *element = relu(*element)),
    }
}

/// A thread has at least so many bytes to go through.
const WORTH_A_THREAD: usize = 1 << 20;

/// As many workers for the ReLU of so many elements as there are threads for and is worth it.
pub(crate) fn rectifiers<T>(elements: usize) -> usize {
    workers_for(elements.saturating_mul(size_of::<T>()), WORTH_A_THREAD, elements)
}

/// The ReLU of elements in order, by so many workers.
pub(crate) fn rectify<T: Element>(level: Level, workers: usize, input: Option<&[T]>, output: &mut [T]) {
    if workers <= 1 {
        return T::rectify(level, Rectify { input, output });
    }
    // Long enough that its end, which fills no register, is of no account.
    let length = output.len().div_ceil(workers * PIECES).max(1).next_multiple_of(1024);
    let (workers, pieces) = (iter::repeat_n((), workers), output.chunks_mut(length));
    match input {
        Some(input) => share(workers, pieces.zip(input.chunks(length)), |(), (output, input)| {
            T::rectify(level, Rectify { input: Some(input), output });
        }),
        None => share(workers, pieces, |(), output| T::rectify(level, Rectify { input: None, output })),
    }
}
