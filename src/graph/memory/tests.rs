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
