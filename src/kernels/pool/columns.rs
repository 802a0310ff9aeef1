//! How the columns under windows are merged: in tiles, pass after pass.

use super::layout::{Last, Merging, Pass, Rule, Side};

/// No strip is longer than this many times what is read and written.
const OUT_OF_PROPORTION: usize = 16;

/// Memory that is handed out part by part, all of the same length.
pub(super) struct Arena {
    pub(super) end: usize,
    pub(super) part: usize,
}

impl Arena {
    fn take(&mut self) -> Option<usize> {
        let at = self.end;
        self.end = at.checked_add(self.part)?;
        Some(at)
    }
}

/// The columns of windows.
pub(super) struct Columns {
    lanes: usize,
    before: usize,
    pub(super) lead: usize,
    pub(super) used: usize,
    pub(super) pitch: usize,
    pub(super) shared_pitch: usize,
    /// Where windows stand side by side: the pitch at which the strips of rows follow one another as outputs do.
    pub(super) whole_pitch: Option<usize>,
    taps: TapPlaces,
}

enum TapPlaces {
    Rule {
        size: usize,
        stride: usize,
        dilation: usize,
        outputs: usize,
    },
    /// For each tap, its place in the strip.
    Table(Vec<Vec<u32>>),
}

impl Columns {
    pub(super) fn new(columns: &Side, merging: Merging) -> Option<Self> {
        let lanes = merging.lanes;
        let outputs = columns.outputs();
        let Some(Rule { before, size, stride, .. }) = columns.rule else {
            let used = columns.spans.iter().map(|span| span.first + (span.count - 1) * columns.step + 1).max()?;
            let most = columns.spans.iter().map(|span| span.count).max()?;
            let place = |output: usize, tap: usize| match columns.spans.get(output) {
                Some(span) if tap < span.count => u32::try_from(span.first + tap * columns.step).ok(),
                _ => u32::try_from(used.max(lanes)).ok(),
            };
            let padded = outputs.next_multiple_of(lanes);
            let taps = (0..most).map(|tap| (0..padded).map(|output| place(output, tap)).collect::<Option<Vec<_>>>());
            let taps = TapPlaces::Table(taps.collect::<Option<Vec<_>>>()?);
            let pitch = (used.max(lanes) + 1).next_multiple_of(lanes);
            return Some(Self { lanes, before: 0, lead: 0, used, pitch, shared_pitch: pitch, whole_pitch: None, taps });
        };
        let dilation = if size == 1 { 1 } else { columns.step };
        let stride = if outputs == 1 { 1 } else { stride };
        let extent = (size - 1).checked_mul(dilation)?.checked_add(1)?;
        let wide = (outputs - 1).checked_mul(stride)?.checked_add(extent)?;
        let in_proportion = (columns.length + outputs).saturating_mul(OUT_OF_PROPORTION).saturating_add(1 << 12);
        if wide > in_proportion {
            return None;
        }
        let used = columns.length.min(wide.checked_sub(before)?);
        // Blocks are loaded whole, and rows are no shorter than a block.
        let loaded = (outputs.next_multiple_of(lanes) * stride.min(2) + extent)
            .max(wide)
            .max(before.next_multiple_of(16) + columns.length + lanes);
        let pitch = (loaded + lanes).next_multiple_of(lanes.max(16));
        let shared_pitch = used + before.max(wide - before - used);
        let whole = before == 0 && extent <= stride;
        let whole_pitch = (whole && used <= outputs * stride).then_some(outputs * stride);
        let taps = TapPlaces::Rule { size, stride, dilation, outputs };
        let lead = before.next_multiple_of(16);
        Some(Self { lanes, before, lead, used, pitch, shared_pitch, whole_pitch, taps })
    }

    /// Lays down the passes. Where windows are merged down, too, there are so many taps, so far apart.
    pub(super) fn last(
        self,
        memory: &mut Arena,
        passes: &mut Vec<Pass>,
        merging: Merging,
        down: Option<(usize, usize)>,
        together: usize,
    ) -> Option<Last> {
        let mut from = memory.take()? + self.lead - self.before;
        if let Some((taps, pitch)) = down {
            let terms = tiled(from, taps, pitch, memory, passes, merging.idempotent)?;
            from = merged(terms, memory, passes)?;
        }
        let (size, stride, dilation, outputs) = match self.taps {
            TapPlaces::Table(taps) => return Some(Last::Gather { from, taps }),
            TapPlaces::Rule { size, stride, dilation, outputs } => (size, stride, dilation, outputs),
        };
        let terms = tiled(from, size, dilation, memory, passes, merging.idempotent)?;
        Some(match stride {
            1 => Last::Every(terms),
            2 => Last::Second(terms),
            _ => {
                let from = merged(terms, memory, passes)?;
                let outputs = together * outputs;
                let padded = outputs.next_multiple_of(self.lanes);
                let places = (0..padded).map(|output| u32::try_from(output.min(outputs - 1) * stride).ok());
                Last::Gather { from, taps: vec![places.collect::<Option<Vec<_>>>()?] }
            }
        })
    }
}

/// One place for what stands at all terms.
fn merged(terms: Vec<usize>, memory: &mut Arena, passes: &mut Vec<Pass>) -> Option<usize> {
    if let [place] = terms[..] {
        return Some(place);
    }
    let to = memory.take()?;
    passes.push(Pass { terms, to });
    Some(to)
}

/// The terms that make up windows of so many taps, no more than four: tiles of 4, 16, 64, … taps, which are merged of smaller ones
/// first. They may lie over one another where pixels may be merged twice.
fn tiled(
    from: usize,
    size: usize,
    step: usize,
    memory: &mut Arena,
    passes: &mut Vec<Pass>,
    idempotent: bool,
) -> Option<Vec<usize>> {
    let mut tiles = vec![(1, from)];
    while tiles[tiles.len() - 1].0 * 4 < size {
        let (tile, at) = tiles[tiles.len() - 1];
        let to = memory.take()?;
        passes.push(Pass { terms: (0..4).map(|number| at + number * tile * step).collect(), to });
        tiles.push((4 * tile, to));
    }
    let mut terms = Vec::new();
    let mut tap = 0;
    if idempotent {
        let (tile, at) = tiles[tiles.len() - 1];
        while tap < size {
            terms.push(at + tap.min(size - tile) * step);
            tap += tile;
        }
        return Some(terms);
    }
    for &(tile, at) in tiles.iter().rev() {
        while size - tap >= tile {
            if terms.len() == 4 {
                let to = memory.take()?;
                passes.push(Pass { terms: std::mem::take(&mut terms), to });
                terms.push(to);
            }
            terms.push(at + tap * step);
            tap += tile;
        }
    }
    Some(terms)
}
