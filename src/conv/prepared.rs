//! Weights in the order of a kernel, kept with the module so that only its first call prepares them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::algorithm::Algorithm;
use crate::Float;
use crate::kernels::panels::Aligned;

/// What the order depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) algorithm: Algorithm,
    /// Lanes of a register, where these matter.
    pub(super) lanes: usize,
    /// The taps of each axis, if they are not those of whole windows.
    pub(super) taps: [Range<usize>; 3],
}

impl Order {
    /// Of whole windows.
    pub(super) fn new(algorithm: Algorithm, lanes: usize) -> Self {
        Self { algorithm, lanes, taps: [0..0, 0..0, 0..0] }
    }
}

/// The orders that have been asked for, shared by all layers with the same weights.
#[derive(Debug)]
pub(super) struct Prepared<A>(Arc<Mutex<Known<A>>>);

type Known<A> = Vec<(Order, Arc<Aligned<A>>)>;

impl<A> Prepared<A> {
    /// The weights in an order, prepared where nobody has asked for it before.
    pub(super) fn get_or(&self, order: Order, prepare: &mut dyn FnMut() -> Aligned<A>) -> Arc<Aligned<A>> {
        let mut known = self.lock();
        if let Some((_, weights)) = known.iter().find(|(known, _)| *known == order) {
            return weights.clone();
        }
        let weights = Arc::new(prepare());
        known.push((order, weights.clone()));
        weights
    }

    /// Whatever panicked, the list is whole: it is only ever pushed to.
    fn lock(&self) -> MutexGuard<'_, Known<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Default for Prepared<A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<A> Clone for Prepared<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Filters of so many weights, and those below the normal numbers as zeros: some processors take a hundred times as long over them. A filter
/// keeps them unless it has a weight, or a bias, so much larger that no output changes by more than its rounding, of pixels that are no
/// giants themselves.
pub(super) fn without_denormals<'a, A: Float>(weights: &'a [A], bias: Option<&[A]>, depth: usize) -> Cow<'a, [A]> {
    let least = A::min_positive_value();
    let is_denormal = |weight: A| weight.abs() < least && weight != A::ZERO;
    // Without a branch, several numbers at a time.
    if !weights.iter().fold(false, |any, &weight| any | is_denormal(weight)) {
        return weights.into();
    }
    let mut weights = weights.to_vec();
    for (filter, weights) in weights.chunks_exact_mut(depth).enumerate() {
        let bias = bias.map_or(A::ZERO, |bias| bias[filter].abs());
        let largest = weights.iter().fold(bias, |largest, weight| largest.max(weight.abs()));
        if largest * A::epsilon().powi(3) >= least {
            weights.iter_mut().filter(|weight| is_denormal(**weight)).for_each(|weight| *weight = A::ZERO);
        }
    }
    weights.into()
}

/// Layers with the same weights are equal, whether or not these have been prepared.
impl<A> PartialEq for Prepared<A> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
