//! What the caches of processors are like, as far as kernels are written for it.

use std::hint::black_box;

/// Bytes that a cache loads at a time.
pub(crate) const LINE: usize = 64;

/// How many of some numbers lie before the first line of the cache that begins among them; a line's worth at most.
pub(crate) fn before_line<T>(numbers: &[T]) -> usize {
    // Numbers of no size lie nowhere.
    numbers.as_ptr().align_offset(LINE).min(LINE.checked_div(size_of::<T>()).unwrap_or(0))
}

/// Bytes of a page of memory. What is read in order is fetched before it is asked for, but no further than to the end of its page: what
/// comes after that may lie anywhere.
const PAGE: usize = 4096;

/// So many lines of a page are asked for before they are needed. They take as long as one; then the processor fetches ahead again.
const LINES: usize = 4;

/// So many bytes that are read for the second time do not come from a cache that a core has of its own.
const LARGE: usize = 1 << 20;

/// Asks for the first lines of each page while the page before it is read.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// The address of the page that has been asked for last; the largest of all where nothing is asked for.
    asked: usize,
}

impl Ahead {
    /// Before all these numbers are read, in order. Nothing is asked for where they are so few that they are likely to be close.
    pub(crate) fn of<T>(numbers: &[T]) -> Self {
        Self { asked: if size_of_val(numbers) < LARGE { usize::MAX } else { 0 } }
    }

    /// To be called where some numbers are read next, in order.
    #[inline(always)]
    pub(crate) fn read<T: Copy>(&mut self, numbers: &[T]) {
        let address = numbers.as_ptr().addr();
        if address < self.asked {
            return;
        }
        self.asked = (address / PAGE + 1) * PAGE;
        let first = (self.asked - address) / size_of::<T>();
        ask_for_lines(numbers.get(first..).unwrap_or_default());
    }
}

/// Asks for the first lines of each page of numbers that are read soon, page by page.
#[inline(always)]
pub(crate) fn ask_for_pages<T: Copy>(numbers: &[T]) {
    let mut at = 0;
    while at < numbers.len() {
        ask_for_lines(&numbers[at..]);
        at += PAGE / size_of::<T>();
    }
}

/// Asks for the first lines of some numbers.
#[inline(always)]
fn ask_for_lines<T: Copy>(numbers: &[T]) {
    ask_for(&numbers[..numbers.len().min(LINES * LINE / size_of::<T>())]);
}

/// Asks for some numbers: one for each line of the cache.
#[inline(always)]
pub(crate) fn ask_for<T: Copy>(numbers: &[T]) {
    const { assert!(size_of::<T>() <= LINE, "a step is a number at least") };
    let mut at = 0;
    while at < numbers.len() {
        black_box(numbers[at]);
        at += LINE / size_of::<T>();
    }
}
