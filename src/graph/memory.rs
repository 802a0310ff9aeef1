//! Where buffers lie in one block of memory: those that are needed at the same time side by side, others one over the other.

use std::ops::Range;

/// A buffer: how long it is, and from which step up to which it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) length: usize,
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Lifetime {
    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Buffers begin at a multiple of this, so that two threads do not write to one line of the cache.
pub(super) const ALIGNMENT: usize = 16;

/// Where each buffer lies, and how long the block is.
///
/// The longest is placed first, and each at the lowest place that is free for as long as it is needed: the way of TensorFlow Lite (Y.
/// Pisarchyk, J. Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020), which comes near the least memory that any
/// way could do with, and reaches it for a chain, where two neighbours at most are needed at once.
pub(super) fn places(buffers: &[Lifetime]) -> (Vec<Range<usize>>, usize) {
    let mut placed: Vec<(Range<usize>, usize)> = Vec::new();
    let mut places = vec![0..0; buffers.len()];
    let mut whole = 0;
    let mut left: Vec<usize> = (0..buffers.len()).collect();
    // There are as many as a network has layers: a sort would be more code, and no faster.
    while let Some(longest) = (0..left.len()).max_by_key(|&at| (buffers[left[at]].length, std::cmp::Reverse(left[at])))
    {
        let number = left.swap_remove(longest);
        let buffer = &buffers[number];
        // What is empty lies at the start, where it overlaps nothing.
        if buffer.length == 0 {
            continue;
        }
        let mut start = 0_usize;
        for (taken, _) in placed.iter().filter(|(_, other)| buffers[*other].meets(buffer)) {
            if taken.start < start.saturating_add(buffer.length) && start < taken.end {
                // What is beyond all memory stays there, and is refused when memory is asked for.
                start = taken.end.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX);
            }
        }
        let place = start..start.saturating_add(buffer.length);
        whole = whole.max(place.end);
        let at = placed.partition_point(|(other, _)| other.start <= place.start);
        placed.insert(at, (place.clone(), number));
        places[number] = place;
    }
    (places, whole)
}

#[cfg(test)]
mod tests;
