//! What long stretches of pixels come to, merged in pairs, so that the error of a sum grows with the logarithm of their number, as
//! that of `pairwise_sum` in `element/average.rs` does.

/// More than any memory holds the pairs of pairs of.
const LEVELS: usize = 48;

/// Stretches that have been merged: one of number n with those before it as often as n ends in ones in binary.
pub(super) struct Stretches<A, M> {
    levels: [A; LEVELS],
    count: usize,
    merge: M,
}

impl<A: Copy, M: Fn(A, A) -> A> Stretches<A, M> {
    #[inline(always)]
    pub(super) fn new(start: A, merge: M) -> Self {
        Self { levels: [start; LEVELS], count: 0, merge }
    }

    /// Adds one: those that are complete on each level are merged.
    #[inline(always)]
    pub(super) fn push(&mut self, mut stretch: A) {
        let mut level = 0;
        while self.count >> level & 1 == 1 {
            stretch = (self.merge)(self.levels[level], stretch);
            level += 1;
        }
        self.levels[level] = stretch;
        self.count += 1;
    }

    /// Adds one that is in parts, a power of two of them.
    #[inline(always)]
    pub(super) fn push_parts(&mut self, parts: &mut [A]) {
        self.push(halved(parts, &self.merge));
    }

    /// All of them, merged with what was too little for a stretch, in parts.
    #[inline(always)]
    pub(super) fn with(self, rest: &mut [A]) -> A {
        let mut whole = halved(rest, &self.merge);
        for level in 0..LEVELS {
            if self.count >> level & 1 == 1 {
                whole = (self.merge)(whole, self.levels[level]);
            }
        }
        whole
    }
}

/// Merges parts, a power of two of them, each half with the other.
#[inline(always)]
pub(super) fn halved<A: Copy>(parts: &mut [A], merge: impl Fn(A, A) -> A) -> A {
    let mut half = parts.len() / 2;
    while half > 0 {
        for at in 0..half {
            parts[at] = merge(parts[at], parts[at + half]);
        }
        half /= 2;
    }
    parts[0]
}
