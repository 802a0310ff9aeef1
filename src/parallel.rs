//! The only file that names rayon: how many threads there are, work that they share, and what is a part of what.
//!
//! Without the feature `rayon` there is one thread.

use std::cell::Cell;
#[cfg(feature = "rayon")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::LocalKey;

/// Some images of a batch, that are planned or computed as they would be with all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchPart {
    images: usize,
    of: usize,
}

impl BatchPart {
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
    static PART: Cell<Option<BatchPart>> = const { Cell::new(None) };
    /// Threads are awake here, or will be when what is planned here runs.
    static AWAKE: Cell<bool> = const { Cell::new(false) };
}

/// Does some work while a thread's cell has another value.
fn with<T: Copy + 'static, R>(cell: &'static LocalKey<Cell<T>>, value: T, work: impl FnOnce() -> R) -> R {
    struct Restore<T: Copy + 'static>(&'static LocalKey<Cell<T>>, T);
    impl<T: Copy> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(cell, cell.replace(value));
    work()
}

/// Plans a part of a batch for one thread, or computes it on one.
pub(crate) fn alone<R>(part: BatchPart, plan: impl FnOnce() -> R) -> R {
    with(&PART, Some(part), plan)
}

/// Plans what will run while threads are [`awake`]; or not, unless it is a part of what will.
pub(crate) fn for_awake<R>(are_awake: bool, plan: impl FnOnce() -> R) -> R {
    with(&AWAKE, AWAKE.get() || are_awake, plan)
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

/// A thread that is awake finds its share so many times as soon as one that must be woken.
const SOONER: usize = 4;

/// The least work, of any kind, that is worth sharing out, where it is so much if threads must be woken for it.
pub(crate) fn worth(least: usize) -> usize {
    if AWAKE.get() { least / SOONER } else { least }
}

/// A thread that does a little with each element has at least so many bytes to read and write: below this, waking it costs more than it
/// saves.
const A_LITTLE: usize = 1 << 18;

/// As many workers to go through these elements, doing a little with each, as there are threads for and is worth it.
pub(crate) fn workers<T>(elements: usize) -> usize {
    workers_for(elements.saturating_mul(size_of::<T>()), A_LITTLE, elements)
}

/// As many workers as there are threads for, of so many shares, of which each has at least so much to do. Asking for the threads starts
/// them: what is small does not ask, nor what cannot be shared.
pub(crate) fn workers_for(work: usize, each: usize, shares: usize) -> usize {
    let count = (work / worth(each)).min(shares);
    if count < 2 { 1 } else { count.min(threads()) }
}

/// Pieces for each thread, where they cost nothing to cut.
pub(crate) const PIECES: usize = 16;

/// Does the work of all pieces: each worker, on a thread of its own, takes the next piece whenever it has done one. So a thread that
/// wakes late, or is held up by another program, has fewer to do, and nobody waits for it.
///
/// The first worker takes pieces from the front, the others from the back: then threads keep to their parts of memory, from run to
/// run.
pub(crate) fn share<W: Send, P>(
    workers: impl ExactSizeIterator<Item = W> + Send,
    mut pieces: impl DoubleEndedIterator<Item = P> + Send,
    work: impl Fn(&mut W, P) + Sync,
) {
    share_by(workers, |is_first| if is_first { pieces.next() } else { pieces.next_back() }, work);
}

/// [`share`] of pieces that a function gives: from the front, or from the back.
pub(crate) fn share_by<W: Send, P>(
    workers: impl ExactSizeIterator<Item = W> + Send,
    next: impl FnMut(bool) -> Option<P> + Send,
    work: impl Fn(&mut W, P) + Sync,
) {
    let count = workers.len();
    let left = Mutex::new((workers, next));
    let lock = || left.lock().unwrap_or_else(PoisonError::into_inner);
    on_threads(count, &|is_first| {
        let Some(mut worker) = lock().0.next() else { return };
        let next = || (lock().1)(is_first);
        while let Some(piece) = next() {
            work(&mut worker, piece);
        }
    });
}

/// Calls `work` on so many threads at once, with whether it is the thread of the caller. It is not generic, so that what it takes to
/// meet other threads is compiled once.
fn on_threads(count: usize, work: &(dyn Fn(bool) + Sync)) {
    match count {
        0 => {}
        1 => work(true),
        _ => both(&|| work(true), &|| others(count - 1, work)),
    }
}

/// The same for all threads but that of the caller.
fn others(count: usize, work: &(dyn Fn(bool) + Sync)) {
    match count {
        1 => work(false),
        _ => both(&|| work(false), &|| others(count - 1, work)),
    }
}

/// Does one thing and another, at once where there is a second thread.
///
/// A caller outside the pool does his half himself, which costs a small block of memory; `rayon::join` would take none, but
/// send him to sleep and wake two threads in turn. A scheduler likes to put these two on the core that he has left.
fn both(one: &(dyn Fn() + Sync), other: &(dyn Fn() + Sync)) {
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

/// Does some work of many parts, each of which may be shared, with all threads awake until it ends: between two parts they look for
/// something to do rather than go to sleep, from which they would wake later than a small part takes. The work moves to one of the pool's
/// threads: were it left to a caller from elsewhere, a thread too many would wake for each part.
pub(crate) fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    #[cfg(feature = "rayon")]
    if threads() > 1 {
        return with_helpers(threads() - 1, || for_awake(true, work));
    }
    work()
}

#[cfg(feature = "rayon")]
fn with_helpers<R: Send>(count: usize, work: impl FnOnce() -> R + Send) -> R {
    /// Lets the helpers go, even where the work panics.
    struct Ended<'a>(&'a AtomicBool);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let ended = AtomicBool::new(false);
    let work = || {
        let _ended = Ended(&ended);
        work()
    };
    let help = |_| {
        while !ended.load(Ordering::Acquire) {
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                // Whoever else wants the core may have it.
                std::thread::yield_now();
            }
        }
    };
    rayon::join(work, || on_threads(count, &help)).0
}

/// Runs a test on so many threads; on one where the machine has no others.
#[cfg(test)]
pub(crate) fn in_a_pool<R: Send>(threads: usize, test: impl FnOnce() -> R + Send) -> R {
    if cfg!(target_family = "wasm") {
        return test();
    }
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a few threads").install(test)
}
