//! The loops over blocks: everything that a pooling does is done here.
//!
//! All of them take whole blocks: rows have room behind them, and what is merged there comes to nothing.

use super::BlockOperation;

/// The rows that [`down`] merges onto nothing, onto what stands in the strip, or onto another strip.
pub(super) const FRESH: u8 = 0;
pub(super) const ONTO: u8 = 1;
pub(super) const FROM: u8 = 2;

/// So many whole blocks of each row. (`map` of an array is not always inlined.)
#[inline(always)]
fn in_blocks<T, const N: usize, const ROWS: usize>(rows: [&[T]; ROWS], blocks: usize) -> [&[[T; N]]; ROWS] {
    let mut blocks_of = [&[][..]; ROWS];
    for row in 0..ROWS {
        blocks_of[row] = &rows[row].as_chunks::<N>().0[..blocks];
    }
    blocks_of
}

/// Merges rows of pixels: `to[x] = (nothing, to[x] or from[x]) ∘ rows[0][x] ∘ rows[1][x] ∘ …`
#[inline(always)]
pub(super) fn down<O: BlockOperation<N>, const N: usize, const ROWS: usize, const HOW: u8>(
    op: O,
    from: &[O::Cell],
    rows: [&[O::Pixel]; ROWS],
    to: &mut [O::Cell],
) {
    let to = to.as_chunks_mut::<N>().0;
    let blocks = to.len();
    let from = if HOW == FROM { &from.as_chunks::<N>().0[..blocks] } else { &[] };
    let rows = in_blocks::<_, N, ROWS>(rows, blocks);
    for block in 0..blocks {
        let mut merged = match HOW {
            FRESH => op.enter(&rows[0][block]),
            ONTO => op.onto(op.load(&to[block]), &rows[0][block]),
            _ => op.onto(op.load(&from[block]), &rows[0][block]),
        };
        for row in 1..ROWS {
            merged = op.onto(merged, &rows[row][block]);
        }
        op.store(merged, &mut to[block]);
    }
}

/// Merges cells: `to[x] = terms[0][x] ∘ terms[1][x] ∘ …`
#[inline(always)]
pub(super) fn merge<O: BlockOperation<N>, const N: usize, const TERMS: usize>(
    op: O,
    terms: [&[O::Cell]; TERMS],
    to: &mut [O::Cell],
) {
    let to = to.as_chunks_mut::<N>().0;
    let blocks = to.len();
    let terms = in_blocks::<_, N, TERMS>(terms, blocks);
    for block in 0..blocks {
        op.store(merged(op, block, terms), &mut to[block]);
    }
}

#[inline(always)]
fn merged<O: BlockOperation<N>, const N: usize, const TERMS: usize>(
    op: O,
    block: usize,
    terms: [&[[O::Cell; N]]; TERMS],
) -> O::Block {
    let mut merged = op.load(&terms[0][block]);
    for term in 1..TERMS {
        merged = op.merge(merged, op.load(&terms[term][block]));
    }
    merged
}

/// A row of outputs, and what follows it: that is computed later, and may be spoilt.
pub(super) struct OutputRow<'a, P> {
    /// How many pixels windows count: so many columns, padded to whole blocks, times this.
    pub(super) columns: &'a [u32],
    pub(super) factor: usize,
    pub(super) outputs: usize,
    pub(super) output: &'a mut [P],
}

impl<P: Copy + Default> OutputRow<'_, P> {
    /// Finishes and writes the blocks of the outputs, of which `merged` gives each.
    #[inline(always)]
    fn write<O: BlockOperation<N, Pixel = P>, const N: usize>(&mut self, op: O, merged: impl Fn(usize) -> O::Block) {
        let blocks = self.outputs.div_ceil(N);
        let columns = if O::COUNTED { &self.columns.as_chunks::<N>().0[..blocks] } else { &[] };
        let columns = |block: usize| if O::COUNTED { &columns[block] } else { &[0; N] };
        // The last block may reach beyond the memory.
        let mut last = [P::default(); N];
        let output = self.output.as_chunks_mut::<N>().0;
        for block in 0..blocks {
            let windows = self.outputs - block * N;
            let output = output.get_mut(block).unwrap_or(&mut last);
            op.finish(merged(block), columns(block), self.factor, windows, output);
        }
        let roomy = self.output.len() / N * N;
        if let Some(output) = self.output[..self.outputs].get_mut(roomy..) {
            output.copy_from_slice(&last[..output.len()]);
        }
    }
}

/// Merges cells and finishes them: output `x` has what stands at column `x` of the terms, or at `2 · x` for every second.
#[inline(always)]
pub(super) fn last<O: BlockOperation<N>, const N: usize, const TERMS: usize, const SECOND: bool>(
    op: O,
    terms: [&[O::Cell]; TERMS],
    row: &mut OutputRow<'_, O::Pixel>,
) {
    let blocks = row.outputs.div_ceil(N) * if SECOND { 2 } else { 1 };
    let terms = in_blocks::<_, N, TERMS>(terms, blocks);
    row.write(
        op,
        #[inline(always)]
        |block| match SECOND {
            false => merged(op, block, terms),
            true => op.every_second(merged(op, 2 * block, terms), merged(op, 2 * block + 1, terms)),
        },
    );
}

/// The same for outputs whose taps stand anywhere.
#[inline(always)]
pub(super) fn gathered<O: BlockOperation<N>, const N: usize>(
    op: O,
    cells: &[O::Cell],
    taps: &[Vec<u32>],
    row: &mut OutputRow<'_, O::Pixel>,
) {
    row.write(
        op,
        #[inline(always)]
        |block| {
            let mut merged = gather(op, cells, &taps[0][block * N..]);
            for places in &taps[1..] {
                merged = op.merge(merged, gather(op, cells, &places[block * N..]));
            }
            merged
        },
    );
}

#[inline(always)]
fn gather<O: BlockOperation<N>, const N: usize>(op: O, cells: &[O::Cell], places: &[u32]) -> O::Block {
    let mut gathered = [op.blank(); N];
    let places = &places[..N];
    for cell in 0..N {
        gathered[cell] = cells[places[cell] as usize];
    }
    op.load(&gathered)
}

/// Enters narrow rows of pixels, `count` of them, each into a strip of its own, with blanks behind it to the end of the block.
#[inline(always)]
pub(super) fn stage<O: BlockOperation<N>, const N: usize>(
    op: O,
    pixels: &[O::Pixel],
    (row, used, count): (usize, usize, usize),
    (strips, pitch): (&mut [O::Cell], usize),
) {
    for number in 0..count {
        let mut at = 0;
        while at < used {
            let Some(pixels) = pixels[number * row + at..].first_chunk::<N>() else { return };
            let Some(strip) = strips[number * pitch + at..].first_chunk_mut::<N>() else { return };
            op.store(op.enter(pixels), strip);
            // Behind a row is padding.
            if used - at < N {
                strip[used - at..].fill(op.blank());
            }
            at += N;
        }
    }
}
