//! The tiles of long windows.
//!
//! A long window at stride 1 is merged in steps of four: the windows of 4 pixels, of them the windows of 16, and so on; then
//! it is tiled by them, 13 = 4 + 4 + 4 + 1. The cost grows with the logarithm of its size. A sum taken so has a smaller error
//! than one taken pixel by pixel, for nothing is ever subtracted, and the order of the pixels is kept.

/// Pixels of the widest register.
pub(super) const WIDEST: usize = 64;

/// Pixels that kernels may read and merge, to no effect, behind the end of a part of the slab: five registers.
pub(super) const MARGIN: usize = 5 * WIDEST;

/// `slab[to + i] = slab[terms[0] + i] ∘ slab[terms[1] + i] ∘ …`, for as many `i`.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) terms: Vec<usize>,
    pub(super) to: usize,
    pub(super) count: usize,
}

/// How windows of so many taps are tiled: how many levels of tiles there are, each four times as long as the one before, and the
/// tiles in order, each with its level and first tap.
pub(super) fn tiles(taps: usize) -> (u32, Vec<(u32, usize)>) {
    let count = |levels: u32| {
        let largest = taps >> (2 * levels);
        let smaller: usize = (0..levels).map(|level| taps >> (2 * level) & 3).sum();
        largest + smaller
    };
    // A level takes four reads and a write.
    let cost = |levels: &u32| count(*levels).saturating_add(5 * *levels as usize);
    let levels = (0..=taps.ilog2() / 2).min_by_key(cost).unwrap_or(0);
    let mut tiles = Vec::with_capacity(count(levels));
    let mut tap = 0;
    for level in (0..=levels).rev() {
        while taps - tap >= 1 << (2 * level) {
            tiles.push((level, tap));
            tap += 1 << (2 * level);
        }
    }
    (levels, tiles)
}

/// Takes parts of the slab one after the other.
pub(super) struct Slab {
    pub(super) end: usize,
}

impl Slab {
    pub(super) fn take(&mut self, length: usize) -> Option<usize> {
        let start = self.end;
        self.end = start.checked_add(length)?.checked_add(MARGIN)?;
        Some(start)
    }
}

/// The steps that make all levels of tiles; the levels' places are returned, the first of them `from`.
pub(super) fn levels(
    slab: &mut Slab,
    from: usize,
    levels: u32,
    step: usize,
    length: usize,
) -> Option<(Vec<usize>, Vec<Step>)> {
    let (mut places, mut steps) = (vec![from], Vec::new());
    for level in 0..levels {
        let tile = step.checked_mul(1 << (2 * level))?;
        let from = *places.last()?;
        let to = slab.take(length)?;
        let terms = (0..4).map(|number| from + number * tile).collect();
        // A tile that does not end within the part is of no use.
        steps.push(Step { terms, to, count: length.saturating_sub(3 * tile) });
        places.push(to);
    }
    Some((places, steps))
}

#[cfg(test)]
mod tests {
    use super::tiles;

    #[test]
    fn tiles_cover_a_window_in_order_once() {
        for taps in 1..2000 {
            let (levels, tiles) = tiles(taps);
            let mut covered = 0;
            for &(level, tap) in &tiles {
                assert!(level <= levels && tap == covered, "{taps}");
                covered += 1 << (2 * level);
            }
            assert_eq!(covered, taps);
            assert!(tiles.len() < 20, "{taps} taps in {} tiles", tiles.len());
        }
    }
}
