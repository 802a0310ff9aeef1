//! The only file that names rayon: how many threads there are, two things done at once, and what is a part of what.
//!
//! Without the feature `rayon` there is one thread.

use std::cell::Cell;

/// Some images of a batch, that are planned or computed as they would be with all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    images: usize,
    of: usize,
}

impl Part {
    /// The part that is planned here: all, unless it is within [`alone`].
    pub(crate) fn here() -> Self {
        PART.get().unwrap_or(Self { images: 1, of: 1 })
    }

    /// So many of the images of this part, which has `of`.
    pub(crate) fn some(self, images: usize, of: usize) -> Self {
        Self { images, of: self.all(of) }
    }

    /// How many images there are in all, where this part has so many.
    pub(crate) fn all(self, images: usize) -> usize {
        images.saturating_mul(self.of) / self.images.max(1)
    }
}

thread_local! {
    /// What is planned here is a part of something that is shared among threads already.
    static PART: Cell<Option<Part>> = const { Cell::new(None) };
}

/// Plans a part of a batch for one thread, or computes it on one.
pub(crate) fn alone<R>(part: Part, plan: impl FnOnce() -> R) -> R {
    struct Restore(Option<Part>);
    impl Drop for Restore {
        fn drop(&mut self) {
            PART.set(self.0);
        }
    }
    let _restore = Restore(PART.replace(Some(part)));
    plan()
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
