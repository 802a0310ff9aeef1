//! The tile: the one piece of code that multiplies.
//!
//! ```text
//!     for each step of the depth
//!         sums[row][register] += broadcast(rows[row]) · columns[register]
//! ```
//!
//! It knows no layer. Rows are pixels and columns filters, or the other way round: see [`gemm`](super::gemm). Its operands are
//! panels, one run of numbers each, so that a step is a load for each register of columns and a broadcast for each row.
//!
//! The tallest tile has 14 rows where there are 32 registers and 6 where there are 16, of two registers each: 28 and 12 sums, and what
//! is left for operands. A product of bytes (u8 × i8 → i32, as VNNI has it) would be another `step`, on panels whose steps are four
//! deep, and its sums would be `i32`.

use crate::simd::{Facts, Lanes, Level, Simd, Vector, has_many_registers, lanes, load, outline, unrolled};

outline!();

/// Sums of more terms than this are taken part by part, so that rounding errors do not grow with the whole depth, and so that the weights
/// of a part under the widest registers stay in the first-level cache while tile after tile reads them.
pub(crate) const CHAIN: usize = 256;

/// Registers of the widest tile.
pub(crate) const REGISTERS: usize = 2;

/// Registers of a tile of so few rows that its sums leave room for more of them: a step of a lower tile would wait for the one before, and
/// few pixels of a channel be read at a time.
pub(crate) const fn wide(rows: usize, many_registers: bool) -> usize {
    match (rows, many_registers) {
        (1 | 2, true) => 6,
        (1 | 2, false) | (3 | 4, true) => 4,
        _ => REGISTERS,
    }
}

/// The heights of tiles at a level, tallest first.
pub(crate) fn heights<A: Lanes>(level: Level) -> &'static [usize] {
    heights_of::<A>(has_many_registers::<A>(level))
}

/// The same with 32 registers, or with 16.
#[inline(always)]
pub(crate) const fn heights_of<A>(many_registers: bool) -> &'static [usize] {
    match (many_registers, has_all_heights::<A>()) {
        (true, true) => &[14, 10, 7, 4, 2, 1],
        (true, false) => &[14, 4, 1],
        (false, true) => &[6, 4, 3, 2, 1],
        (false, false) => &[6, 2, 1],
    }
}

/// Networks are of `f32`: for `f64` fewer heights are compiled, and more of the last tile is blank.
pub(crate) const fn has_all_heights<A>() -> bool {
    size_of::<A>() == size_of::<f32>()
}

/// The lowest height that holds so many rows, or the tallest.
pub(crate) const fn height_for(heights: &[usize], rows: usize) -> usize {
    let mut at = heights.len() - 1;
    while at > 0 && heights[at] < rows {
        at -= 1;
    }
    heights[at]
}

/// The tallest height of no more rows than these.
pub(crate) fn height_within(heights: &[usize], rows: usize) -> usize {
    heights.iter().copied().find(|&height| height <= rows).unwrap_or(1)
}

/// Numbers of the registers of the widest tile at a level.
pub(crate) fn width<A: Lanes>(level: Level) -> usize {
    REGISTERS * lanes::<A>(level)
}

/// Calls a function that is generic in the height of a tile, for a height that is known when it runs.
macro_rules! with_height {
    // Branches on constants, so that heights of another kind of level or number are not compiled.
    ($simd:ty, $number:ty, $height:expr, |$rows:ident| $call:expr) => {
        if $crate::simd::Facts::<$simd, $number>::MANY_REGISTERS {
            if const { $crate::kernels::tile::has_all_heights::<$number>() } {
                $crate::kernels::tile::with_height!(@match $height, $rows, $call, [14 10 7 4 2])
            } else {
                $crate::kernels::tile::with_height!(@match $height, $rows, $call, [14 4])
            }
        } else if const { $crate::kernels::tile::has_all_heights::<$number>() } {
            $crate::kernels::tile::with_height!(@match $height, $rows, $call, [6 4 3 2])
        } else {
            $crate::kernels::tile::with_height!(@match $height, $rows, $call, [6 2])
        }
    };
    (@match $height:expr, $rows:ident, $call:expr, [$($count:literal)*]) => {
        match $height {
            $($count => { const $rows: usize = $count; $call })*
            _ => { const $rows: usize = 1; $call }
        }
    };
}
pub(crate) use with_height;

/// The sums of a tile.
pub(crate) type Sums<S, A, const ROWS: usize, const COLUMNS: usize> = [[<A as Lanes>::Vector<S>; COLUMNS]; ROWS];

/// The sums of a tile over the whole depth, from rows, those of a step so far behind those of the step before, and a panel of columns,
/// `[depth, column]`. Of a panel of rows, `[depth, row]`, the distance is `ROWS`.
///
/// They are returned by value and must never be borrowed by whoever stores them: a sum that has an address is written to it after every
/// step.
#[inline(always)]
pub(crate) fn sums<S: Simd, A: Lanes, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    rows: &[A],
    distance: usize,
    columns: &[A],
) -> Sums<S, A, ROWS, COLUMNS> {
    let width = COLUMNS * A::Vector::<S>::LEN;
    let (mut rows, mut columns) = (rows, columns);
    in_parts::<S, A, ROWS, COLUMNS>(
        simd,
        columns.len().div_ceil(CHAIN * width),
        #[inline(always)]
        || {
            let of_part;
            (of_part, columns) = columns.split_at((CHAIN * width).min(columns.len()));
            let sums = chain::<S, A, ROWS, COLUMNS>(simd, rows, distance, of_part);
            rows = rows.get(CHAIN * distance..).unwrap_or_default();
            sums
        },
    )
}

/// The sums of so many parts, of one at least: those of the first, and the sum of all others.
#[inline(always)]
fn in_parts<S: Simd, A: Lanes, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    parts: usize,
    mut next: impl FnMut() -> Sums<S, A, ROWS, COLUMNS>,
) -> Sums<S, A, ROWS, COLUMNS> {
    let sums = next();
    if parts <= 1 {
        return sums;
    }
    // Where registers are few, in a function of its own: within this one, they would be dealt out among two loops, and some sums of the
    // first be written to memory at every step.
    let others = if Facts::<S, A>::MANY_REGISTERS {
        further_parts::<S, A, ROWS, COLUMNS>(simd, parts - 1, &mut next)
    } else {
        outlined(
            simd,
            #[inline(always)]
            || further_parts::<S, A, ROWS, COLUMNS>(simd, parts - 1, &mut next),
        )
    };
    added::<S, A, ROWS, COLUMNS>(sums, others)
}

/// The sums of so many further parts.
#[inline(always)]
fn further_parts<S: Simd, A: Lanes, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    parts: usize,
    next: &mut impl FnMut() -> Sums<S, A, ROWS, COLUMNS>,
) -> Sums<S, A, ROWS, COLUMNS> {
    let mut sums = [[A::Vector::<S>::splat(simd, A::default()); COLUMNS]; ROWS];
    for _ in 0..parts {
        sums = added::<S, A, ROWS, COLUMNS>(sums, next());
    }
    sums
}

/// The sums of two parts.
#[inline(always)]
fn added<S: Simd, A: Lanes, const ROWS: usize, const COLUMNS: usize>(
    mut sums: Sums<S, A, ROWS, COLUMNS>,
    more: Sums<S, A, ROWS, COLUMNS>,
) -> Sums<S, A, ROWS, COLUMNS> {
    unrolled::<ROWS>(
        #[inline(always)]
        |row| {
            for column in 0..COLUMNS {
                sums[row][column] += more[row][column];
            }
        },
    );
    sums
}

/// What is read at each step: so many numbers of either operand.
///
/// It is what `windows`, `chunks_exact` and `zip` give. But these are called where neither LTO nor the borders between codegen units let
/// them be inlined, and a call between two steps writes all sums to memory.
struct DepthSteps<'a, R, C> {
    rows: &'a [R],
    /// How many of the rows are read, and how far behind them the next ones are.
    height: usize,
    distance: usize,
    columns: &'a [C],
    width: usize,
}

impl<'a, R, C> Iterator for DepthSteps<'a, R, C> {
    type Item = (&'a [R], &'a [C]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.len() < self.height || self.columns.len() < self.width {
            return None;
        }
        let rows = &self.rows[..self.height];
        self.rows = self.rows.get(self.distance..).unwrap_or_default();
        let columns;
        (columns, self.columns) = self.columns.split_at(self.width);
        Some((rows, columns))
    }
}

/// The sums over a part of the depth, [`CHAIN`] steps at most: two at a time, as the compiler does not unroll the loop itself.
#[inline(always)]
pub(crate) fn chain<S: Simd, A: Lanes, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    rows: &[A],
    distance: usize,
    columns: &[A],
) -> Sums<S, A, ROWS, COLUMNS> {
    let width = COLUMNS * A::Vector::<S>::LEN;
    let mut sums = [[A::Vector::<S>::splat(simd, A::default()); COLUMNS]; ROWS];
    let mut pairs = DepthSteps { rows, height: distance + ROWS, distance: 2 * distance, columns, width: 2 * width };
    for (rows, columns) in &mut pairs {
        sums = step::<S, A, ROWS, COLUMNS>(simd, sums, &rows[..ROWS], load(simd, &columns[..width]));
        sums = step::<S, A, ROWS, COLUMNS>(simd, sums, &rows[distance..], load(simd, &columns[width..]));
    }
    if !pairs.columns.is_empty() {
        sums = step::<S, A, ROWS, COLUMNS>(simd, sums, pairs.rows, load(simd, pairs.columns));
    }
    sums
}

/// [`sums`], where the registers of columns of a step are loaded by its offset.
#[inline(always)]
pub(crate) fn sums_in_place<S: Simd, A: Lanes, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    rows: &[A],
    offsets: &[u32],
    columns: impl Fn(usize) -> [A::Vector<S>; COLUMNS],
) -> Sums<S, A, ROWS, COLUMNS> {
    let (mut rows, mut offsets) = (rows, offsets);
    in_parts::<S, A, ROWS, COLUMNS>(
        simd,
        offsets.len().div_ceil(CHAIN),
        #[inline(always)]
        || {
            let of_part;
            (of_part, offsets) = offsets.split_at(CHAIN.min(offsets.len()));
            let mut sums = [[A::Vector::<S>::splat(simd, A::default()); COLUMNS]; ROWS];
            for (rows, offset) in (DepthSteps { rows, height: ROWS, distance: ROWS, columns: of_part, width: 1 }) {
                sums = step::<S, A, ROWS, COLUMNS>(simd, sums, rows, columns(offset[0] as usize));
            }
            rows = rows.get(CHAIN * ROWS..).unwrap_or_default();
            sums
        },
    )
}

/// A [`chain`] with filters as columns, which lie in a panel, and neighbouring pixels as rows, which lie so far from the start of a source
/// at every step.
#[inline(always)]
pub(crate) fn sums_under_filters<S: Simd, A: Lanes, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    source: &[A],
    offsets: &[u32],
    columns: &[A],
) -> Sums<S, A, ROWS, COLUMNS> {
    let width = COLUMNS * A::Vector::<S>::LEN;
    let mut sums = [[A::Vector::<S>::splat(simd, A::default()); COLUMNS]; ROWS];
    for (offset, columns) in (DepthSteps { rows: offsets, height: 1, distance: 1, columns, width }) {
        let first = offset[0] as usize;
        // One bounds check for all of them.
        let rows = &source[first..first + ROWS];
        sums = step::<S, A, ROWS, COLUMNS>(simd, sums, rows, load(simd, columns));
    }
    sums
}

#[inline(always)]
fn step<S: Simd, A: Lanes, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    mut sums: Sums<S, A, ROWS, COLUMNS>,
    rows: &[A],
    columns: [A::Vector<S>; COLUMNS],
) -> Sums<S, A, ROWS, COLUMNS> {
    let rows = &rows[..ROWS];
    unrolled::<ROWS>(
        #[inline(always)]
        |row| {
            let broadcast = A::Vector::<S>::splat(simd, rows[row]);
            for column in 0..COLUMNS {
                sums[row][column] = A::mul_add::<S>(broadcast, columns[column], sums[row][column]);
            }
        },
    );
    sums
}
