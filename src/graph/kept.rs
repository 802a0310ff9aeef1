//! The plans that a network keeps from one call of `forward` to the next.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::parallel::threads;
use crate::{Element, Error, Plan, Result};

/// As many plans are kept: each holds the memory that it computes in.
const MOST: usize = 4;

/// Plans that wait for the next input of their shape, those used last at the end. A network that several threads call at once makes one
/// for each of them.
pub(crate) struct Kept<T: Element>(Mutex<Vec<Idle<T>>>);

struct Idle<T: Element> {
    /// Those that it shares its work among.
    threads: usize,
    plan: Plan<T>,
}

impl<T: Element> Kept<T> {
    /// Runs a plan for inputs of this shape: one that was kept, or else one that is made, and kept in its turn. One whose parameters have
    /// been given out to be written to is dropped. Both calls are given what is written to.
    pub(crate) fn run<O, R>(
        &self,
        shape: &[usize],
        mut output: O,
        make: impl FnOnce(&O) -> Result<Plan<T>>,
        mut run: impl FnMut(&mut Plan<T>, &mut O) -> Result<R>,
    ) -> Result<R> {
        let threads = threads();
        while let Some(mut plan) = self.take(shape, threads) {
            match run(&mut plan, &mut output) {
                Err(Error::Outdated) => {}
                Err(error) => return Err(error),
                Ok(result) => {
                    self.keep(Idle { threads, plan });
                    return Ok(result);
                }
            }
        }
        let mut plan = make(&output)?;
        let result = run(&mut plan, &mut output)?;
        self.keep(Idle { threads, plan });
        Ok(result)
    }

    /// How many are kept.
    #[cfg(all(test, feature = "onnx"))]
    pub(crate) fn plans(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self, shape: &[usize], threads: usize) -> Option<Plan<T>> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = idle.iter().rposition(|idle| idle.threads == threads && idle.plan.input_shape() == shape)?;
        Some(idle.remove(place).plan)
    }

    fn keep(&self, plan: Idle<T>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = (idle.len() == MOST).then(|| idle.remove(0));
        idle.push(plan);
        // What it holds is given back when nobody waits for the others.
        drop(idle);
        drop(oldest);
    }
}

impl<T: Element> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A copy keeps plans of its own.
impl<T: Element> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T: Element> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}
