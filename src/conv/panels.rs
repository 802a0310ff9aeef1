//! Panels: the pixels under all taps of a tile of outputs, one tap after the other, as a kernel reads them.
//!
//! ```text
//!     packed     a b c d e f g h …                 two rows of pixels, under 2×2 taps
//!                i j k l m n o p …
//!     panels     a b c  b c d  i j k  j k l        outputs 0, 1, 2
//!                d e f  e f g  l m n  m n o        outputs 3, 4, 5
//! ```
//!
//! A kernel that looks for its pixels in the packed input finds each tap in another cache line, and takes some instructions to get
//! there, once for every block of filters. A panel is one run of numbers. Where 16 registers hold a tile, a step has so few
//! products that this is half of the time; where 32 do, it is not worth the copy.
//!
//! Outputs are counted through all the rows of a band: tiles do not end where rows do.

use std::ops::Range;

use super::packing::Rows;
use super::problem::Problem;
use crate::simd::{Kernel, Lanes, Level, Simd, Vector, has_many_registers, run};

/// Panels of so many bytes are written and used together: they should stay in the second-level cache, beside what they are
/// written from.
const BYTES: usize = 192 * 1024;

/// Room behind every panel for what is written beyond it: lanes too many of the widest register.
const OVERWRITE: usize = 16;

/// So many filters that read a panel are worth its copy.
const MANY_FILTERS: usize = 32;

/// Whether kernels read from panels.
pub(super) fn suit<A: Lanes>(problem: &Problem, level: Level) -> bool {
    !has_many_registers::<A>(level) && problem.filters >= MANY_FILTERS
}

/// How the panels of a layer lie.
#[derive(Debug)]
pub(super) struct Panels {
    /// Outputs of a tile.
    tile: usize,
    /// Tiles whose panels are written together.
    together: usize,
    /// From one panel to the next.
    distance: usize,
    /// Of all tiles of a band, one after the other.
    runs: Vec<Run>,
}

/// Neighbouring outputs of a tile that stand in one row.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The first of them, counted through the rows of the band.
    first: usize,
    length: usize,
    /// Where it reads, but for the offset of a tap.
    from: usize,
    /// Where it is written, but for the offset of a tap, among the panels that are written together.
    into: usize,
}

impl Panels {
    /// Of tiles of so many of the outputs of a band, under so many taps; `None` if they cannot be counted.
    pub(super) fn new<A>(tile: usize, rows: Rows, taps: usize) -> Option<Self> {
        let distance = taps.checked_mul(tile)?.checked_next_multiple_of(OVERWRITE)?.checked_add(OVERWRITE)?;
        let together = (BYTES / size_of::<A>() / distance).clamp(1, rows.outputs().div_ceil(tile));
        let (mut runs, mut first) = (Vec::new(), 0);
        while first < rows.outputs() {
            let (from, left) = rows.place(first);
            let length = left.min(tile - first % tile);
            runs.push(Run { first, length, from, into: first / tile % together * distance + first % tile });
            first += length;
        }
        Some(Self { tile, together, distance, runs })
    }

    /// Numbers of the panels that are written together.
    pub(super) fn numbers(&self) -> usize {
        self.together * self.distance
    }

    /// Bytes that it holds itself.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.runs[..])
    }

    /// So many outputs of a band, as many at a time as there are panels for.
    pub(super) fn each(&self, outputs: usize) -> impl Iterator<Item = Range<usize>> {
        let together = self.together * self.tile;
        (0..outputs).step_by(together).map(move |first| first..outputs.min(first + together))
    }

    /// How kernels find some outputs in their panels.
    pub(super) fn rows(&self, outputs: Range<usize>) -> Rows {
        Rows::of_tiles(outputs, self.tile, self.distance)
    }

    fn runs(&self, outputs: Range<usize>) -> &[Run] {
        let run_at = |output| self.runs.partition_point(|run| run.first < output);
        &self.runs[run_at(outputs.start)..run_at(outputs.end)]
    }
}

/// Writes the panels of some outputs.
pub struct Gather<'a, A> {
    pub(super) layout: &'a Panels,
    pub(super) packed: &'a [A],
    /// Of every tap of every channel into `packed`.
    pub(super) offsets: &'a [u32],
    pub(super) outputs: Range<usize>,
    pub(super) into: &'a mut [A],
}

/// Gathers panels with the instructions of a level.
#[inline(never)]
pub(super) fn gather<A: Lanes>(level: Level, gather: Gather<'_, A>) {
    run(level, gather);
}

impl<A: Lanes> Kernel for Gather<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let lanes = A::Vector::<S>::LEN;
        let runs = self.layout.runs(self.outputs);
        // Tap by tap, all panels grow together: what is read next lies close to what was read last. Registers are written as a whole:
        // lanes too many spoil what is written later.
        for (tap, &offset) in self.offsets.iter().enumerate() {
            let (packed, into) = (&self.packed[offset as usize..], &mut self.into[tap * self.layout.tile..]);
            for &Run { length, from, into: to, .. } in runs {
                let from = &packed[from..];
                let into = &mut into[to..];
                // Mostly one register or two.
                A::Vector::<S>::from_slice(simd, &from[..lanes]).store_slice(&mut into[..lanes]);
                for done in (lanes..length).step_by(lanes) {
                    A::Vector::<S>::from_slice(simd, &from[done..][..lanes]).store_slice(&mut into[done..][..lanes]);
                }
            }
        }
    }
}
