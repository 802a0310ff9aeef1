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
const ALIGNMENT: usize = 16;

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
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buffers_that_are_needed_at_once_lie_side_by_side(
            drawn in proptest::collection::vec((0..200_usize, 0..20_usize, 0..5_usize), 0..40),
        ) {
            let lifetime = |&(length, first, steps): &(usize, usize, usize)| Lifetime { length, first, last: first + steps };
            let buffers: Vec<_> = drawn.iter().map(lifetime).collect();
            let (places, whole) = places(&buffers);
            for (one, place) in buffers.iter().zip(&places) {
                prop_assert_eq!(place.len(), one.length);
                prop_assert!(place.end <= whole);
            }
            for (at, one) in buffers.iter().enumerate() {
                for (number, other) in buffers.iter().enumerate().skip(at + 1) {
                    let apart = places[at].end <= places[number].start || places[number].end <= places[at].start;
                    prop_assert!(apart || !one.meets(other) || one.length * other.length == 0);
                }
            }
            // Never more than without sharing.
            prop_assert!(whole <= buffers.iter().map(|one| one.length.next_multiple_of(ALIGNMENT)).sum());
        }
    }

    #[test]
    fn what_no_memory_holds_ends_where_numbers_do() {
        let vast = Lifetime { length: usize::MAX / 2, first: 0, last: 1 };
        assert_eq!(places(&[vast.clone(), vast.clone(), vast]).1, usize::MAX);
    }

    #[test]
    fn a_chain_takes_its_two_longest_neighbours() {
        let lengths = [16, 48, 32, 160, 64, 16];
        let chain: Vec<_> =
            lengths.iter().enumerate().map(|(first, &length)| Lifetime { length, first, last: first + 1 }).collect();
        assert_eq!(places(&chain).1, 224);
    }
}
