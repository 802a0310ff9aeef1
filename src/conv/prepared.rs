//! Weights in the order of a kernel, kept with the module so that only its first call prepares them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::algorithm::Algorithm;
use crate::kernels::panels::Aligned;

/// What the order depends on: the algorithm, and how many lanes a register has where that matters.
type Key = (Algorithm, usize);

/// The orders that have been asked for.
#[derive(Debug)]
pub(super) struct Prepared<A>(Mutex<Vec<(Key, Arc<Aligned<A>>)>>);

impl<A> Prepared<A> {
    pub(super) fn get_or(&self, key: Key, prepare: impl FnOnce() -> Aligned<A>) -> Arc<Aligned<A>> {
        let mut known = self.lock();
        if let Some((_, weights)) = known.iter().find(|(known, _)| *known == key) {
            return weights.clone();
        }
        let weights = Arc::new(prepare());
        known.push((key, weights.clone()));
        weights
    }

    /// Whatever panicked, the list is whole: it is only ever pushed to.
    fn lock(&self) -> MutexGuard<'_, Vec<(Key, Arc<Aligned<A>>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Default for Prepared<A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<A> Clone for Prepared<A> {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }
}

/// Layers with the same weights are equal, whether or not these have been prepared.
impl<A> PartialEq for Prepared<A> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
