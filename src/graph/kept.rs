//! The plans that a network keeps from one call of `forward` to the next.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::parallel::threads;
use crate::{Element, Error, Plan, Result};

/// Plans for so many shapes are kept, each of which holds the memory that it computes in; and of each shape so many, or as many as there are
/// threads where these are more, for calls at the same time.
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
        let place = idle.iter().rposition(|idle| idle.serves(shape, threads))?;
        Some(idle.remove(place).plan)
    }

    fn keep(&self, plan: Idle<T>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = idle.iter().filter(|other| other.is_like(&plan)).count();
        if alike == MOST.max(plan.threads) {
            return;
        }
        let kinds = (0..idle.len()).filter(|&at| !idle[..at].iter().any(|other| other.is_like(&idle[at]))).count();
        let mut oldest = Vec::new();
        if alike == 0 && kinds == MOST {
            let all = std::mem::take(&mut *idle);
            let kind = all[0].plan.input_shape().to_vec();
            let threads = all[0].threads;
            (oldest, *idle) = all.into_iter().partition(|idle| idle.serves(&kind, threads));
        }
        idle.push(plan);
        // What they hold is given back when nobody waits for the others.
        drop(idle);
        drop(oldest);
    }
}

impl<T: Element> Idle<T> {
    fn serves(&self, shape: &[usize], threads: usize) -> bool {
        self.threads == threads && self.plan.input_shape() == shape
    }

    fn is_like(&self, other: &Self) -> bool {
        self.serves(other.plan.input_shape(), other.threads)
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Kept, MOST};
    use crate::{Plan, Relu, Result};

    /// Calls for a shape, each made while the one before it runs.
    fn calls(kept: &Kept<f32>, shape: &[usize], together: usize, made: &Cell<usize>) -> Result<()> {
        let make = |&(): &()| {
            made.set(made.get() + 1);
            Plan::of(Relu, shape)
        };
        kept.run(shape, (), make, |_, ()| if together > 1 { calls(kept, shape, together - 1, made) } else { Ok(()) })
    }

    #[test]
    fn calls_at_the_same_time_are_planned_once_each() {
        let (kept, made) = (Kept::default(), Cell::new(0));
        for _ in 0..3 {
            calls(&kept, &[2, 3], MOST, &made).expect("a ReLU takes any shape");
            assert_eq!(made.get(), MOST);
        }
        // Others of their kind do not drive out those of another shape.
        calls(&kept, &[1], 1, &made).expect("a ReLU takes any shape");
        calls(&kept, &[2, 3], MOST, &made).expect("a ReLU takes any shape");
        assert_eq!(made.get(), MOST + 1);
    }

    #[test]
    fn the_shapes_used_last_are_kept() {
        let (kept, made) = (Kept::default(), Cell::new(0));
        let call = |length| {
            calls(&kept, &[length], 2, &made).expect("a ReLU takes any shape");
            made.replace(0)
        };
        for length in 1..=MOST {
            assert_eq!(call(length), 2);
        }
        assert_eq!(call(1), 0);
        assert_eq!(call(MOST + 1), 2);
        // 2 was used longest ago, and 1 was not.
        assert_eq!((call(1), call(2)), (0, 2));
    }
}
