//! The only file that names rayon: how many threads there are, and two things done at once.
//!
//! Without the feature `rayon` there is one thread.

use std::cell::Cell;

/// What is planned as a part of something that is shared among threads already.
#[derive(Clone, Copy)]
struct Part {
    /// The images of the whole batch, where there is one.
    batch: Option<usize>,
}

thread_local! {
    /// What is planned here is a part of this; of nothing, where there is none.
    static PART: Cell<Option<Part>> = const { Cell::new(None) };
}

/// Plans for one thread: what is made ready in `plan` is a part of something that is shared among threads already. The images that it
/// is for are some of a batch, if there is one, and computed as the whole batch would be.
pub(crate) fn alone<R>(batch: Option<usize>, plan: impl FnOnce() -> R) -> R {
    struct Restore(Option<Part>);
    impl Drop for Restore {
        fn drop(&mut self) {
            PART.set(self.0);
        }
    }
    // A part of a part is one of the whole.
    let batch = PART.get().and_then(|whole| whole.batch).or(batch);
    let _restore = Restore(PART.replace(Some(Part { batch })));
    plan()
}

/// Images of the batch that these are all of, or a part of.
pub(crate) fn batch(images: usize) -> usize {
    PART.get().and_then(|part| part.batch).unwrap_or(images)
}

/// Threads that a computation may use: those of the pool it is called from, or the one of [`alone`].
pub(crate) fn threads() -> usize {
    if PART.get().is_some() {
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
