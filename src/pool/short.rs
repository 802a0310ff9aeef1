//! Rows of so few registers that their pixels are read once, straight from the input, and merged by windows in registers.

use super::across::{Across, RowSource};
use super::operation::{Merge, merge_each};
use super::problem::Outputs;
use super::small::SmallRows;
use crate::Element;
use crate::simd::{Simd, Vector, store_pixels};

/// Registers of the outputs of a row.
const MOST: usize = 2;

/// Registers of fewer lanes hold too little of a row for it to be compiled for them.
pub(super) const LEAST_LANES: usize = 8;

impl<T: Element> SmallRows<'_, T> {
    /// Windows of 3×3 at stride 1.
    #[inline(always)]
    pub(super) fn short<S: Simd, O: Merge<T>, const REGISTERS: usize>(&mut self, simd: S) -> T::Pixels<S> {
        let Self { small, start, memory, pixels, skipped, outputs, .. } = self;
        let columns = &small.problem.axes[2];
        let across = Across::<S, T, 1>::new(simd, columns, *start);
        let count = outputs.part.rows + 2;
        let (copy, spare) = memory[small.copy..].split_at_mut(small.ring - small.copy);
        let (mut source, first) =
            RowSource::new(&small.problem, outputs.part, count, across.reach, (*pixels, *skipped), copy);
        let mut places = Places::new(outputs, spare, REGISTERS * T::Pixels::<S>::LEN);
        let mut nans = T::Pixels::<S>::splat(simd, T::default());
        let mut above = [[across.start; REGISTERS]; 2];
        for row in first..count {
            let mut merged = [across.start; REGISTERS];
            if let Some(pixels) = source.next() {
                let blocks;
                (blocks, nans) = across.few::<O, REGISTERS>(pixels, nans);
                for register in 0..REGISTERS {
                    merged[register] = across.three::<O>(blocks[register], blocks[register + 1]);
                }
            }
            if row >= 2 {
                let above = merge_each::<S, T, O, REGISTERS>(simd, above[0], above[1]);
                let windows = merge_each::<S, T, O, REGISTERS>(simd, above, merged);
                store_pixels::<S, T, REGISTERS>(windows, places.next());
            }
            above = [above[1], merged];
        }
        places.end();
        nans
    }
}

/// Where rows of outputs go, in whole registers: what they spill falls on the rows below, which come later. Those that would spill
/// behind the last of all go elsewhere first: where that is done in between, all registers go to memory.
struct Places<'a, T> {
    output: &'a mut [T],
    spare: &'a mut [T],
    /// Where the next row goes, and all end; and where those begin that have no room.
    at: usize,
    end: usize,
    cramped: usize,
    length: usize,
    /// Of registers.
    width: usize,
}

impl<'a, T: Copy> Places<'a, T> {
    #[inline(always)]
    fn new(outputs: &'a mut Outputs<'_, T>, spare: &'a mut [T], width: usize) -> Self {
        let (rows, length, output) = (outputs.part.rows, outputs.length, &mut *outputs.output);
        let roomy = output.len().checked_sub(width).map_or(0, |last| rows.min(last / length + 1));
        Self { output, spare, at: 0, end: rows * length, cramped: roomy * length, length, width }
    }

    /// For the next row.
    #[inline(always)]
    fn next(&mut self) -> &mut [T] {
        let at = self.at;
        self.at += self.length;
        match self.output.get_mut(at..at + self.width) {
            Some(room) => room,
            None => &mut self.spare[at - self.cramped..][..self.width],
        }
    }

    #[inline(always)]
    fn end(self) {
        let elsewhere = &mut self.output[self.cramped..self.end];
        elsewhere.copy_from_slice(&self.spare[..elsewhere.len()]);
    }
}

impl<S: Simd, T: Element> Across<S, T, 1> {
    /// The pixels of a row of so many registers of windows, and of the one behind them.
    #[inline(always)]
    fn few<O: Merge<T>, const REGISTERS: usize>(
        &self,
        row: &[T],
        mut nans: T::Pixels<S>,
    ) -> ([T::Pixels<S>; MOST + 1], T::Pixels<S>) {
        let lanes = T::Pixels::<S>::LEN;
        let mut blocks = [self.start; MOST + 1];
        for register in 0..=REGISTERS {
            if let Some(pixels) = row.get(register * lanes..(register + 1) * lanes) {
                let end = if register == REGISTERS { 2 } else { register };
                let block;
                (block, nans) = self.block::<O>(pixels, Some(end), nans);
                blocks[register] = block[0];
            }
        }
        (blocks, nans)
    }
}
