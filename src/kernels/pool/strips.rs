//! DOWN: strips, of the rows of pixels under them.

use super::BlockOperation;
use super::layout::{Down, Layout, Span};
use super::passes::{FRESH, FROM, ONTO, down, merge, stage};
use super::run::RowGroup;

/// The rows of pixels: each with as many pixels as are loaded, whatever the last of them are.
pub(super) struct LoadedRows<'a, P> {
    all: &'a [P],
    /// The end of the pixels, with room behind it, and where it begins.
    end: &'a [P],
    cut: usize,
    length: usize,
}

impl<'a, P: Copy + Default> LoadedRows<'a, P> {
    #[inline(always)]
    pub(super) fn new(layout: &Layout, pixels: &'a [P], spare: &'a mut [P]) -> Self {
        let length = layout.loaded;
        let cut = pixels.len().saturating_sub(length);
        if layout.used < length {
            let end = &pixels[cut..];
            spare[..end.len()].copy_from_slice(end);
        }
        Self { all: pixels, end: spare, cut, length }
    }

    #[inline(always)]
    fn row(&self, at: usize) -> &'a [P] {
        match self.all.get(at..at + self.length) {
            Some(row) => row,
            None => &self.end[at - self.cut..][..self.length],
        }
    }

    /// Rows under a strip, from the `first` on.
    #[inline(always)]
    fn under<const ROWS: usize>(&self, under: &RowsUnder, first: usize) -> [&'a [P]; ROWS] {
        let mut rows = [&[][..]; ROWS];
        for row in 0..ROWS {
            rows[row] = self.row(under.row(first + row));
        }
        rows
    }

    /// Calls `each` with all pixels between the first and the last under some rows of outputs, plane by plane.
    #[inline(always)]
    pub(super) fn each_plane(&self, layout: &Layout, group: RowGroup, mut each: impl FnMut(usize, &'a [P])) {
        let (begin, last) = layout.rows_under(group.first..group.first + group.rows);
        let under = RowsUnder::new(layout, group, Span { first: begin, count: 1 });
        let length = (last - begin) * layout.row + layout.used;
        for plane in 0..under.planes {
            let at = under.at + plane * under.plane_step;
            each(at, &self.all[at..][..length]);
        }
    }

    /// Calls `each` with every row of pixels under a row of outputs.
    #[inline(always)]
    pub(super) fn each_row(&self, layout: &Layout, group: RowGroup, row: usize, mut each: impl FnMut(&[P])) {
        let under = RowsUnder::new(layout, group, layout.rows.spans[row]);
        for number in 0..under.count() {
            each(self.row(under.row(number)));
        }
    }
}

/// Some rows of pixels: those of a span in each plane under a row of outputs.
#[derive(Clone, Copy)]
struct RowsUnder {
    at: usize,
    planes: usize,
    plane_step: usize,
    rows: usize,
    row_step: usize,
}

impl RowsUnder {
    #[inline(always)]
    fn new(layout: &Layout, group: RowGroup, rows: Span) -> Self {
        let planes = layout.planes.spans[group.plane];
        Self {
            at: group.start.wrapping_add((planes.first * layout.rows.length + rows.first) * layout.row),
            planes: planes.count,
            plane_step: layout.planes.step * layout.rows.length * layout.row,
            rows: rows.count,
            row_step: layout.rows.step * layout.row,
        }
    }

    #[inline(always)]
    fn count(&self) -> usize {
        self.planes * self.rows
    }

    #[inline(always)]
    fn row(&self, number: usize) -> usize {
        match self.planes {
            1 => self.at + number * self.row_step,
            _ => self.at + number / self.rows * self.plane_step + number % self.rows * self.row_step,
        }
    }
}

/// A strip for each row of outputs.
#[inline(always)]
pub(super) fn rows<O: BlockOperation<N>, const N: usize>(
    op: O,
    layout: &Layout,
    source: &LoadedRows<'_, O::Pixel>,
    group: RowGroup,
    cells: &mut [O::Cell],
) {
    for row in 0..group.rows {
        let under = RowsUnder::new(layout, group, layout.rows.spans[group.first + row]);
        strip::<O, N>(op, layout, source, under, &mut cells[row * layout.pitch + layout.lead..]);
    }
}

/// A strip for each row of pixels.
#[inline(always)]
pub(super) fn row_strips<O: BlockOperation<N>, const N: usize>(
    op: O,
    layout: &Layout,
    source: &LoadedRows<'_, O::Pixel>,
    group: RowGroup,
    cells: &mut [O::Cell],
) {
    let Down::EachRow { stride, before } = layout.down else {
        unreachable!("the caller has seen that each row has a strip")
    };
    let (mut number, count) = (0, layout.strips_of(group.rows));
    while number < count {
        let place = &mut cells[number * layout.pitch + layout.lead..];
        let row = (group.first * stride + number).checked_sub(before).filter(|&row| row < layout.rows.length);
        let mut done = 1;
        match row {
            Some(row) => {
                let under = RowsUnder::new(layout, group, Span { first: row, count: 1 });
                if under.planes == 1 {
                    // As many rows as can be loaded whole.
                    let room = source.all.len().saturating_sub(under.at + source.length) / layout.row + 1;
                    done = (count - number).min(layout.rows.length - row).min(room);
                    let pixels = source.all.get(under.at..).filter(|pixels| pixels.len() >= source.length);
                    let (pixels, shape) = match pixels {
                        Some(pixels) => (pixels, (layout.row, layout.used, done)),
                        None => (source.row(under.at), (layout.row, layout.used, 1)),
                    };
                    stage::<O, N>(op, pixels, shape, (place, layout.pitch));
                } else {
                    strip::<O, N>(op, layout, source, under, place);
                }
            }
            None => place[..layout.used].fill(op.blank()),
        }
        number += done;
    }
}

/// Merges the rows under a strip: four of them first, then three at a time or what is left.
#[inline(always)]
fn strip<O: BlockOperation<N>, const N: usize>(
    op: O,
    layout: &Layout,
    source: &LoadedRows<'_, O::Pixel>,
    under: RowsUnder,
    strip: &mut [O::Cell],
) {
    let to = &mut strip[..source.length];
    let count = under.count();
    match count {
        1 => down::<O, N, 1, FRESH>(op, &[], source.under(&under, 0), to),
        2 => down::<O, N, 2, FRESH>(op, &[], source.under(&under, 0), to),
        3 => down::<O, N, 3, FRESH>(op, &[], source.under(&under, 0), to),
        _ => down::<O, N, 4, FRESH>(op, &[], source.under(&under, 0), to),
    }
    let mut done = 4;
    while done < count {
        match count - done {
            1 => down::<O, N, 1, ONTO>(op, &[], source.under(&under, done), to),
            2 => down::<O, N, 2, ONTO>(op, &[], source.under(&under, done), to),
            _ => down::<O, N, 3, ONTO>(op, &[], source.under(&under, done), to),
        }
        done += 3;
    }
    to[layout.used..].fill(op.blank());
}

/// How far van Herk's way has come.
pub(super) struct Heads {
    /// The plane and the block of which the tails are there; which tail is the last of pixels.
    block: Option<(usize, usize, usize)>,
    /// Rows of the next block from here on are not in the head.
    next: usize,
    is_empty: bool,
}

impl Heads {
    pub(super) fn new() -> Self {
        Self { block: None, next: 0, is_empty: true }
    }
}

/// A strip for each row of outputs: the tail of one block and the head of the next. Rows are counted from the padding on, and blocks
/// are the same wherever a thread begins.
#[inline(always)]
pub(super) fn van_herk<O: BlockOperation<N>, const N: usize>(
    op: O,
    layout: &Layout,
    source: &LoadedRows<'_, O::Pixel>,
    heads: &mut Heads,
    group: RowGroup,
    cells: &mut [O::Cell],
) {
    let Down::VanHerk { size, stride, before, from } = layout.down else {
        unreachable!("the caller has seen that it is tall")
    };
    let width = source.length;
    let (strips, rest) = cells.split_at_mut(layout.partial);
    let (head, tails) = rest.split_at_mut(width);
    let plane = group.start.wrapping_add(layout.planes.spans[group.plane].first * layout.rows.length * layout.row);
    // Rows that are pixels.
    let (begin, end) = (before, before + layout.rows.length);
    let pixels = |row: usize| source.row(plane.wrapping_add((row - before) * layout.row));
    for row in 0..group.rows {
        let first = (from + group.first + row) * stride;
        let (block, after) = (first / size, (first / size + 1) * size);
        if heads.block.is_none_or(|(of, number, _)| (of, number) != (plane, block)) {
            let (top, to) = (first.max(begin), after.min(end));
            for row in (top..to).rev() {
                let (tail, below) = tails[(row - begin.max(block * size)) * width..].split_at_mut(width);
                match row + 1 == to {
                    true => down::<O, N, 1, FRESH>(op, &[], [pixels(row)], tail),
                    false => down::<O, N, 1, FROM>(op, below, [pixels(row)], tail),
                }
            }
            *heads = Heads { block: Some((plane, block, to)), next: after.max(begin), is_empty: true };
        }
        while heads.next < (first + size).min(end) {
            match heads.is_empty {
                true => down::<O, N, 1, FRESH>(op, &[], [pixels(heads.next)], head),
                false => down::<O, N, 1, ONTO>(op, &[], [pixels(heads.next)], head),
            }
            (heads.next, heads.is_empty) = (heads.next + 1, false);
        }
        let to = &mut strips[row * layout.pitch + layout.lead..][..width];
        let first = first.max(begin);
        let last = heads.block.map_or(0, |(_, _, last)| last);
        let tail = if first < last { Some(&tails[(first - begin.max(block * size)) * width..]) } else { None };
        match tail {
            Some(tail) if heads.is_empty => merge::<O, N, 1>(op, [tail], to),
            Some(tail) => merge::<O, N, 2>(op, [tail, head], to),
            None => merge::<O, N, 1>(op, [head], to),
        }
        to[layout.used..].fill(op.blank());
    }
}
