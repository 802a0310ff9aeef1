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
pub(crate) fn join(one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
    #[cfg(feature = "rayon")]
    rayon::join(one, other);
    #[cfg(not(feature = "rayon"))]
    {
        one();
        other();
    }
}
