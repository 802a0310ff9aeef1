//! How many threads compute: those of rayon's own pool, unless a number is given.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Pools that have been asked for, by their number of threads.
static POOLS: Mutex<Vec<(usize, Arc<ThreadPool>)>> = Mutex::new(Vec::new());

/// Threads where a call does not say; 0 for those of rayon's own pool, which a call from outside of it need not enter.
static DEFAULT: AtomicUsize = AtomicUsize::new(0);

const VARIABLE: &str = "FEATUREMAP_NUM_THREADS";

fn failed(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(format!("threads could not be started: {error}"))
}

/// The number of threads that a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Threads(usize);

impl Threads {
    pub(crate) fn new(asked: Option<isize>) -> PyResult<Self> {
        match asked {
            None => Ok(Self(DEFAULT.load(Ordering::Relaxed))),
            Some(count) => match usize::try_from(count) {
                Ok(count) if count > 0 => Ok(Self(count)),
                _ => Err(PyValueError::new_err(format!("threads must be at least 1; found {count}"))),
            },
        }
    }

    /// Computes on so many threads.
    pub(crate) fn run<R: Send>(self, compute: impl FnOnce() -> R + Send) -> PyResult<R> {
        match self.0 {
            0 => Ok(compute()),
            count => Ok(pool(count)?.install(compute)),
        }
    }
}

fn pool(count: usize) -> PyResult<Arc<ThreadPool>> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, pool)) = pools.iter().find(|(threads, _)| *threads == count) {
        return Ok(pool.clone());
    }
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(count).build().map_err(failed)?);
    pools.push((count, pool.clone()));
    Ok(pool)
}

/// How many threads compute where a call does not say.
#[pyfunction]
pub(crate) fn get_num_threads() -> usize {
    match DEFAULT.load(Ordering::Relaxed) {
        0 => rayon::current_num_threads(),
        count => count,
    }
}

#[pyfunction]
pub(crate) fn set_num_threads(threads: isize) -> PyResult<()> {
    DEFAULT.store(Threads::new(Some(threads))?.0, Ordering::Relaxed);
    Ok(())
}

/// In a process that was forked, where the threads of the other are not: new ones are started when they are needed.
#[pyfunction]
pub(crate) fn after_fork() {
    DEFAULT.store(get_num_threads(), Ordering::Relaxed);
    // Ending them would wait for threads that are not there.
    std::mem::forget(std::mem::take(&mut *POOLS.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// Takes the number of threads from the environment.
pub(crate) fn from_environment() -> PyResult<()> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    match text.trim().parse() {
        // A program that has started rayon's own pool before keeps it.
        Ok(count) if count > 0 => {
            if ThreadPoolBuilder::new().num_threads(count).build_global().is_err() {
                DEFAULT.store(count, Ordering::Relaxed);
            }
            Ok(())
        }
        _ => Err(PyValueError::new_err(format!("{VARIABLE} must be a number of at least 1; found {text:?}"))),
    }
}
