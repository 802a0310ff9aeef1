//! How planes of one geometry are computed: tiles, blocks, and the patch that a wide filter reads from.

use std::ops::Range;

use super::{BLOCK_BYTES, BLOCK_ROWS, MOST_OFFSETS, TALLEST, WIDEST};
use crate::conv::kernels::has_all_kernels;
use crate::conv::packing::{PackedAxis, Segment, Segments};
use crate::simd::{Lanes, Level, has_many_registers, has_two_halves, lanes, narrower};
use crate::window::{Axis, PaddingMode, common_divisor};

/// How planes of one geometry are computed.
#[derive(Debug, Clone)]
pub(in crate::conv) struct RowsLayout {
    pub(super) level: Level,
    pub(super) rows: Axis,
    pub(super) columns: Axis,
    /// Rows of outputs that are computed at once.
    pub(super) block: usize,
    /// The rows of a tile lie so many rows of outputs apart, which is so many rows of taps.
    pub(super) spread: usize,
    pub(super) apart: usize,
    pub(super) parts: Vec<TileRun>,
    /// For wide filters.
    pub(super) dealt: Option<Dealt>,
    /// Slots from one row to the next.
    pub(super) pitch: usize,
    /// Slots under a block.
    pub(super) slots: usize,
    /// Whether sums [roll](rolls_over_patches) down patches.
    pub(super) rolls: bool,
}

/// Tiles of one width, side by side.
#[derive(Debug, Clone)]
pub(super) struct TileRun {
    /// Registers of a tile.
    pub(super) width: usize,
    pub(super) tiles: usize,
    /// The column of the first output.
    pub(super) first: usize,
    /// The last column where a tile starts: rather than reach beyond the row, it computes some outputs once more.
    pub(super) last: usize,
    /// Which lanes of the registers under a tile are pixels, where some are not.
    pub(super) pixels: Vec<u64>,
}

/// How a patch is dealt out.
#[derive(Debug, Clone)]
pub(super) struct Dealt {
    pub(super) phases: Vec<DealtPhase>,
    /// The slot of every tap from the first slot under a tile on, for as many rows of taps as the tallest tile has.
    pub(super) offsets: Vec<u32>,
}

/// The pixels of one phase of a row, every `stride`-th from the first on, and the slots that they fill; what lies between
/// those of two phases is padding.
#[derive(Debug, Clone)]
pub(super) struct DealtPhase {
    pub(super) first: usize,
    pub(super) slots: Range<usize>,
}

/// Whether tiles keep rows of pixels in registers.
pub(in crate::conv) fn is_narrow<A: Lanes>(rows: &Axis, columns: &Axis, level: Level) -> bool {
    let registers = columns.outputs().div_ceil(lanes::<A>(level));
    has_all_kernels::<A>()
        && !rolls_over_patches::<A>(rows, columns, level)
        && columns.dilation() == 1
        && columns.before().max(columns.after()) < columns.size()
        && match (columns.size(), columns.stride()) {
            (1, 1) | (3, 1 | 2) => true,
            (5 | 7, 1) | (5, 2) => has_many_registers::<A>(level) || registers < WIDEST,
            _ => false,
        }
}

/// Whether sums roll down patches: under square windows of many columns, where a register has two halves, between which it takes several
/// instructions to slide a row of pixels. Rows of outputs fill some registers, and many rows of pixels stay in the first-level cache, as
/// copying them must be little beside the products.
fn rolls_over_patches<A: Lanes>(rows: &Axis, columns: &Axis, level: Level) -> bool {
    let [of_rows, of_columns] = [rows, columns].map(|axis| (axis.size(), axis.stride(), axis.dilation()));
    has_all_kernels::<A>()
        && has_two_halves::<A>(level)
        && of_rows == of_columns
        && matches!(of_rows, (5 | 7, 1, 1))
        && columns.outputs() >= 2 * lanes::<A>(level)
        && columns.padded_length() <= BLOCK_BYTES / size_of::<A>() / (BLOCK_ROWS + rows.size())
}

impl RowsLayout {
    /// For this level, or for one whose registers short rows fill better, unless the filter has so many columns that it needs
    /// more registers rather than narrower ones; `None` if a patch would have more than `room` numbers.
    pub(in crate::conv) fn new<A: Lanes>(level: Level, rows: Axis, columns: Axis, room: usize) -> Option<Self> {
        let fits = |level: &Level| columns.outputs() <= lanes::<A>(*level) && columns.size() <= 5;
        Self::at::<A>(narrower(level).filter(fits).unwrap_or(level), rows, columns, room)
    }

    /// For just this level.
    pub(in crate::conv) fn at<A: Lanes>(level: Level, rows: Axis, columns: Axis, room: usize) -> Option<Self> {
        let lanes = lanes::<A>(level);
        let many_registers = has_many_registers::<A>(level);
        let is_narrow = is_narrow::<A>(&rows, &columns, level);
        let rolls = rolls_over_patches::<A>(&rows, &columns, level);
        // The widths of tiles that there are: see `OutputRows::compute`.
        let widths: &[usize] = match (is_narrow, many_registers, columns.size()) {
            (.., 7) if rolls => &[1],
            _ if rolls => &[2, 1],
            (true, true, 1 | 3) => &[4, 2, 1],
            (true, false, 1 | 3) => &[2, 1],
            (true, true, _) if columns.stride() == 1 => &[2, 1],
            (true, ..) => &[1],
            (false, true, _) => &[4, 1],
            (false, false, _) => &[3, 1],
        };
        let common = common_divisor(rows.stride(), rows.dilation());
        let mut layout = Self {
            level,
            rows,
            columns,
            block: rows.outputs(),
            spread: rows.dilation() / common,
            apart: rows.stride() / common,
            parts: parts(columns, lanes, widths, is_narrow),
            dealt: None,
            pitch: columns.length(),
            slots: 0,
            rolls,
        };
        if !is_narrow {
            layout.deal(room)?;
        }
        let in_cache = BLOCK_BYTES / size_of::<A>() / layout.pitch;
        let most = (in_cache.saturating_sub(layout.rows_under(1)?) / rows.stride() + 1).max(BLOCK_ROWS);
        let even = rows.outputs().div_ceil(rows.outputs().div_ceil(most));
        layout.block = even.next_multiple_of(BLOCK_ROWS).min(rows.outputs());
        layout.slots = layout.slots_under(layout.block, lanes)?;
        (layout.slots <= room).then_some(layout)
    }

    /// Plans how a patch is dealt out, for a wide filter.
    fn deal(&mut self, room: usize) -> Option<()> {
        let packed = PackedAxis::new(self.columns, PaddingMode::Zeros, self.columns.outputs())?;
        self.pitch = packed.slots();

        // A patch under rows far apart is mostly unread.
        let (tap_rows, columns) = (self.taps_under(TALLEST.min(self.rows.outputs())), self.columns.size());
        if tap_rows.checked_mul(columns)? > MOST_OFFSETS || self.rows_under(1)?.checked_mul(self.pitch)? > room {
            return None;
        }
        let offset = |(row, column): (usize, usize)| {
            let row = row.checked_mul(self.rows.dilation())?.checked_mul(self.pitch)?;
            u32::try_from(row.checked_add(packed.slot(column))?).ok()
        };
        let taps = (0..tap_rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let offsets = taps.map(offset).collect::<Option<_>>()?;
        let phases = Segments::new(&packed, 0);
        let phases = phases.each().map(|Segment { pixel, start, end, .. }| DealtPhase {
            first: pixel.min(self.columns.length()),
            slots: start..end,
        });
        self.dealt = Some(Dealt { phases: phases.collect(), offsets });
        Some(())
    }

    /// The level to run kernels at.
    pub(in crate::conv) fn level(&self) -> Level {
        self.level
    }

    /// How many rows of outputs are best computed at once.
    pub(in crate::conv) fn block(&self) -> usize {
        self.block
    }

    /// Pixels of a plane.
    pub(in crate::conv) fn plane(&self) -> usize {
        self.rows.length() * self.columns.length()
    }

    /// Taps of a filter.
    pub(super) fn taps(&self) -> usize {
        self.rows.size() * self.columns.size()
    }

    /// Outputs of a row.
    pub(in crate::conv) fn outputs(&self) -> usize {
        self.columns.outputs()
    }

    /// How much scratch a kernel needs.
    pub(in crate::conv) fn scratch_length(&self) -> usize {
        self.slots
    }

    /// Writes the padding before, between and after the pixels of a dealt patch, to which nothing else is written.
    #[inline(always)]
    pub(super) fn pad<A: Lanes>(&self, patch: &mut [A]) {
        let Some(Dealt { phases, .. }) = &self.dealt else { return };
        for slots in patch.chunks_mut(self.pitch) {
            let mut done = 0;
            for phase in phases {
                let padding = slots.get_mut(done..phase.slots.start).unwrap_or_default();
                padding.fill(A::default());
                done = phase.slots.end;
            }
            slots.get_mut(done..).unwrap_or_default().fill(A::default());
        }
    }

    /// The rows of taps under so many rows of a tile.
    #[inline(always)]
    pub(super) fn taps_under(&self, rows: usize) -> usize {
        (rows - 1) * self.apart + self.rows.size()
    }

    /// The rows of slots under so many rows of outputs.
    #[inline(always)]
    pub(in crate::conv) fn rows_under(&self, outputs: usize) -> Option<usize> {
        let extent = (self.rows.size() - 1).checked_mul(self.rows.dilation())?.checked_add(1)?;
        (outputs - 1).checked_mul(self.rows.stride())?.checked_add(extent)
    }

    /// The first row of a plane under a row of outputs.
    pub(in crate::conv) fn first_row_under(&self, output: usize) -> usize {
        (output * self.rows.stride()).saturating_sub(self.rows.before()).min(self.rows.length())
    }

    /// The slots under so many rows of outputs, with those that tiles only blank or overwrite.
    #[inline(always)]
    pub(super) fn slots_under(&self, outputs: usize, lanes: usize) -> Option<usize> {
        let (stride, size) = (self.columns.stride(), self.columns.size());
        let end = match (&self.dealt, self.parts.last()) {
            (None, Some(part)) => part.last * stride + registers_under(part.width, size, stride, lanes) * lanes,
            _ => self.pitch + WIDEST * lanes,
        };
        let last_row = (self.rows_under(outputs)? - 1).checked_mul(self.pitch)?;
        last_row.checked_add(end.max(self.columns.before() + self.pitch))
    }
}

/// Cuts rows of outputs into tiles of these widths, the widest first.
fn parts(columns: Axis, lanes: usize, widths: &[usize], is_narrow: bool) -> Vec<TileRun> {
    let outputs = columns.outputs();
    let (mut parts, mut done) = (Vec::new(), 0);
    for &width in widths {
        let registers = (outputs - done).div_ceil(lanes);
        // Rather than leave all but one register of a tile to several narrower ones, it computes some outputs once more.
        let lacks_one = outputs >= width * lanes && width > 2 && registers % width == width - 1;
        let tiles = registers / width + usize::from(lacks_one);
        let last = outputs.saturating_sub(width * lanes);
        let part = |tiles: Range<usize>| {
            let first = done + tiles.start * width * lanes;
            let pixels = if is_narrow { pixels_under(columns, lanes, first.min(last), width) } else { Vec::new() };
            TileRun { width, tiles: tiles.len(), first, last, pixels }
        };
        // Of a narrow filter, tiles at either end have blanks of their own. There are few, as the padding is narrow, too.
        let inner = match is_narrow {
            true => {
                let pixels = columns.before()..columns.before() + columns.length();
                let reach = registers_under(width, columns.size(), columns.stride(), lanes) * lanes;
                let step = width * lanes * columns.stride();
                let first = done * columns.stride();
                let start = pixels.start.saturating_sub(first).div_ceil(step).min(tiles);
                let end = match (pixels.end + step).checked_sub(first + reach) {
                    Some(room) => (room / step).clamp(start, tiles),
                    None => start,
                };
                start..end
            }
            false => 0..tiles,
        };
        parts.extend((0..inner.start).map(|tile| part(tile..tile + 1)));
        if !inner.is_empty() {
            parts.push(part(inner.clone()));
        }
        parts.extend((inner.end..tiles).map(|tile| part(tile..tile + 1)));
        done = (done + tiles * width * lanes).min(outputs);
    }
    parts
}

/// Which lanes under a tile that starts with this output are pixels; nothing if all are.
fn pixels_under(columns: Axis, lanes: usize, output: usize, width: usize) -> Vec<u64> {
    let pixels = columns.before()..columns.before() + columns.length();
    let first = output * columns.stride();
    let registers = (0..registers_under(width, columns.size(), columns.stride(), lanes)).map(|register| {
        let places = first + register * lanes..first + (register + 1) * lanes;
        places.enumerate().filter(|(_, place)| pixels.contains(place)).map(|(lane, _)| 1 << lane).sum()
    });
    let registers: Vec<u64> = registers.collect();
    match registers.iter().all(|bits| bits.count_ones() as usize == lanes) {
        true => Vec::new(),
        false => registers,
    }
}

/// The registers of pixels under a tile of a narrow filter.
#[inline(always)]
pub(super) fn registers_under(width: usize, columns: usize, stride: usize, lanes: usize) -> usize {
    stride * (width + ((columns - 1) / stride).div_ceil(lanes))
}
