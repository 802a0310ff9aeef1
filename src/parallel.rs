//! The only file that names rayon: how many threads there are, and two things done at once.
//!
//! Without the feature `rayon` there is one thread.

use std::cell::Cell;

thread_local! {
    /// Whether what is planned here is to run on one thread.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Plans for one thread: what is made ready in `plan` is a part of something that is shared among threads already.
pub(crate) fn alone<R>(plan: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _restore = Restore(ALONE.replace(true));
    plan()
}

/// Threads that a computation may use: those of the pool it is called from, or the one of [`alone`].
pub(crate) fn threads() -> usize {
    if ALONE.get() {
        return 1;
    }
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
