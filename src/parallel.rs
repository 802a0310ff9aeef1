//! The only file that names rayon: how many threads there are, and two things done at once.
//!
//! Without the feature `rayon` there is one thread.

/// Threads that a computation may use: those of the pool it is called from.
pub(crate) fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    1
}

/// Does both, at once where there is a second thread.
///
/// A caller outside the pool does its half himself, which costs a small block of memory; `rayon::join` would take none, but
/// send him to sleep and wake two threads in turn. A scheduler likes to put these two on the core that he has left.
pub(crate) fn join(one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
    #[cfg(feature = "rayon")]
    if rayon::current_thread_index().is_some() {
        rayon::join(one, other);
    } else {
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| other());
            one();
        });
    }
    #[cfg(not(feature = "rayon"))]
    {
        one();
        other();
    }
}
