//! Convolution of one channel with one filter: depthwise layers, and filters over a picture.
//!
//! A tile is a few rows of a few registers of neighbouring outputs. Every row of pixels under it is read once for each
//! column of the filter, and serves all the rows of outputs that it lies under:
//!
//! ```text
//!     for each row of pixels under the tile, for each column of the filter
//!         registers ← pixels
//!         for each row of outputs that has a tap there
//!             sums[row] += registers · weight of the tap
//! ```

use ndarray::ArrayViewMut4;

use super::finish::{Finish, store_run};
use crate::simd::{Kernel, Lanes, Simd, Vector, load};

/// Rows of the tallest tile.
pub(super) const TALLEST: usize = 4;

/// One band of the maps of some channels.
pub struct Rows<'a, A> {
    pub(super) packed: &'a [A],
    /// Numbers of one channel in `packed`.
    pub(super) volume: usize,
    /// For each plane of the filter and each of its rows, and `TALLEST − 1` rows more where `shared`: the offset of each
    /// column into the packed channel.
    pub(super) offsets: &'a [u32],
    /// Whether the rows of outputs lie as far apart as those of the filter, so that one serves the next.
    pub(super) shared: bool,
    /// Whether this is so for the columns, too.
    pub(super) neighbours: bool,
    /// Planes, rows and columns of a filter.
    pub(super) size: [usize; 3],
    /// From plane to plane of a packed channel, and from row to row.
    pub(super) strides: [usize; 2],
    /// `[filter, tap]`.
    pub(super) weights: &'a [A],
    /// Filters of each channel.
    pub(super) filters: usize,
    pub(super) finish: Finish<'a, A>,
    /// `[filter, plane, row, column]`; of each filter in one piece.
    pub(super) output: ArrayViewMut4<'a, A>,
}

impl<A: Lanes> Kernel for Rows<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let (_, _, rows, columns) = self.output.dim();
        let taps = self.size.iter().product();
        for (filter, (map, weights)) in self.output.outer_iter_mut().zip(self.weights.chunks_exact(taps)).enumerate() {
            let map = map.into_slice().expect("a band of a map lies in one piece");
            for (plane, map) in map.chunks_exact_mut(rows * columns).enumerate() {
                let plane = Plane {
                    packed: &self.packed[filter / self.filters * self.volume + plane * self.strides[0]..],
                    offsets: self.offsets,
                    size: self.size,
                    strides: self.strides,
                    weights,
                    finish: Some(self.finish.from(filter)),
                    map,
                    columns,
                };
                match self.shared && self.neighbours && self.size[1..] == [3, 3] && rows >= TALLEST {
                    true => plane.compute_by_three(simd),
                    false => plane.compute(simd, self.shared),
                }
            }
        }
    }
}

/// How many registers wide a tile is, of 1, 2 and 4: so that the tiles of a row, the last of which is moved to end where the
/// row ends, compute few outputs twice.
#[inline(always)]
fn width<S: Simd, A: Lanes>(columns: usize) -> usize {
    let lanes = A::Vector::<S>::LEN;
    // 16 sums and 4 registers of pixels need 32 registers.
    let widest = if lanes * size_of::<A>() == 64 { 4 } else { 2 };
    let cost = |width: usize| columns.div_ceil(width * lanes) * (2 * width + 1);
    [1, 2, 4]
        .into_iter()
        .filter(|&width| width == 1 || width <= widest && width * lanes <= columns)
        .min_by_key(|&width| cost(width))
        .unwrap_or(1)
}

/// How a tile takes its sums: each row alone, or a row of pixels at a time for all the rows that it serves, or the same with
/// the weights of a filter of 3×3 in registers.
const ALONE: usize = 0;
const SHARED: usize = 1;
const THREE: usize = 3;

/// One plane of the output of one filter.
pub(super) struct Plane<'a, A> {
    pub(super) packed: &'a [A],
    pub(super) offsets: &'a [u32],
    pub(super) size: [usize; 3],
    pub(super) strides: [usize; 2],
    pub(super) weights: &'a [A],
    /// None for a plane that is not the last.
    pub(super) finish: Option<Finish<'a, A>>,
    pub(super) map: &'a mut [A],
    pub(super) columns: usize,
}

impl<A: Lanes> Plane<'_, A> {
    /// Computes the plane for a filter of any size.
    #[inline(always)]
    pub(super) fn compute<S: Simd>(self, simd: S, shared: bool) {
        let tall = self.map.len() >= TALLEST * self.columns;
        match (tall, shared, width::<S, A>(self.columns)) {
            (true, true, 1) => self.tiles::<S, TALLEST, 1, SHARED>(simd),
            (true, true, 2) => self.tiles::<S, TALLEST, 2, SHARED>(simd),
            (true, true, _) => self.tiles::<S, TALLEST, 4, SHARED>(simd),
            (true, false, 1) => self.tiles::<S, TALLEST, 1, ALONE>(simd),
            (true, false, _) => self.tiles::<S, TALLEST, 2, ALONE>(simd),
            (false, _, 1) => self.tiles::<S, 1, 1, ALONE>(simd),
            (false, _, _) => self.tiles::<S, 1, 2, ALONE>(simd),
        }
    }

    /// The same for a filter of 3×3 whose rows and columns serve each other.
    #[inline(always)]
    fn compute_by_three<S: Simd>(self, simd: S) {
        match width::<S, A>(self.columns) {
            1 => self.tiles::<S, TALLEST, 1, THREE>(simd),
            2 => self.tiles::<S, TALLEST, 2, THREE>(simd),
            _ => self.tiles::<S, TALLEST, 4, THREE>(simd),
        }
    }

    /// Covers the plane with tiles. Where a row has several, the last ends with the row; where it has one that is wider,
    /// this spills into the next row, which comes after it.
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize, const WIDTH: usize, const WAY: usize>(mut self, simd: S) {
        let wide = WIDTH * A::Vector::<S>::LEN;
        let rows = self.map.len() / self.columns;
        for row in (0..rows).step_by(ROWS) {
            let row = row.min(rows - ROWS);
            for column in (0..self.columns).step_by(wide) {
                let column = column.min(self.columns.saturating_sub(wide));
                let packed = &self.packed[row * self.strides[1] + column..];
                let mut sums = match WAY {
                    ALONE => self.sums_alone::<S, ROWS, WIDTH>(simd, packed),
                    SHARED => self.sums_shared::<S, ROWS, WIDTH>(simd, packed),
                    _ => self.square_sums::<S, ROWS, WIDTH, WAY>(simd, packed),
                };
                self.store(simd, &mut sums, row, column);
            }
        }
    }

    /// The sums of a tile, whatever lies between its rows.
    #[inline(always)]
    fn sums_alone<S: Simd, const ROWS: usize, const WIDTH: usize>(
        &self,
        simd: S,
        packed: &[A],
    ) -> [[A::Vector<S>; WIDTH]; ROWS] {
        let [planes, rows, columns] = self.size;
        let mut sums = [[A::Vector::<S>::splat(simd, A::default()); WIDTH]; ROWS];
        let taps = self.offsets.chunks_exact(self.offsets.len() / planes);
        for (offsets, weights) in taps.zip(self.weights.chunks_exact(rows * columns)) {
            for (&offset, &weight) in offsets.iter().zip(weights) {
                let weight = A::Vector::<S>::splat(simd, weight);
                for row in 0..ROWS {
                    let pixels = load::<S, A, WIDTH>(simd, &packed[offset as usize + row * self.strides[1]..]);
                    for register in 0..WIDTH {
                        sums[row][register] = A::mul_add::<S>(pixels[register], weight, sums[row][register]);
                    }
                }
            }
        }
        sums
    }

    /// The sums of a tile for a filter of any size, where rows serve each other.
    #[inline(always)]
    fn sums_shared<S: Simd, const ROWS: usize, const WIDTH: usize>(
        &self,
        simd: S,
        packed: &[A],
    ) -> [[A::Vector<S>; WIDTH]; ROWS] {
        let [planes, rows, columns] = self.size;
        let mut sums = [[A::Vector::<S>::splat(simd, A::default()); WIDTH]; ROWS];
        let steps = self.offsets.chunks_exact(self.offsets.len() / planes);
        for (offsets, weights) in steps.zip(self.weights.chunks_exact(rows * columns)) {
            for (step, &offset) in offsets[..(rows + ROWS - 1) * columns].iter().enumerate() {
                let pixels = load::<S, A, WIDTH>(simd, &packed[offset as usize..]);
                for row in 0..ROWS {
                    // Rows of outputs that have no tap here have no weight either.
                    if let Some(&weight) = weights.get(step.wrapping_sub(row * columns)) {
                        let weight = A::Vector::<S>::splat(simd, weight);
                        for register in 0..WIDTH {
                            sums[row][register] = A::mul_add::<S>(pixels[register], weight, sums[row][register]);
                        }
                    }
                }
            }
        }
        sums
    }

    /// The same for a small square filter whose columns are neighbours: its weights stay in registers.
    #[inline(always)]
    fn square_sums<S: Simd, const ROWS: usize, const WIDTH: usize, const SIZE: usize>(
        &self,
        simd: S,
        packed: &[A],
    ) -> [[A::Vector<S>; WIDTH]; ROWS] {
        let lanes = A::Vector::<S>::LEN;
        let mut sums = [[A::Vector::<S>::splat(simd, A::default()); WIDTH]; ROWS];
        for (plane, weights) in self.weights.chunks_exact(SIZE * SIZE).enumerate() {
            let mut taps = [[sums[0][0]; SIZE]; SIZE];
            for row in 0..SIZE {
                for column in 0..SIZE {
                    taps[row][column] = A::Vector::<S>::splat(simd, weights[row * SIZE + column]);
                }
            }
            let packed = &packed[plane * self.strides[0]..];
            for under in 0..ROWS + SIZE - 1 {
                let slots = &packed[under * self.strides[1]..][..WIDTH * lanes + SIZE - 1];
                for column in 0..SIZE {
                    let pixels = load::<S, A, WIDTH>(simd, &slots[column..]);
                    for row in 0..ROWS {
                        if under >= row && under - row < SIZE {
                            for register in 0..WIDTH {
                                sums[row][register] =
                                    A::mul_add::<S>(pixels[register], taps[under - row][column], sums[row][register]);
                            }
                        }
                    }
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn store<S: Simd, const ROWS: usize, const WIDTH: usize>(
        &mut self,
        simd: S,
        sums: &mut [[A::Vector<S>; WIDTH]; ROWS],
        row: usize,
        column: usize,
    ) {
        if let Some(finish) = self.finish {
            for below in 0..ROWS {
                for register in 0..WIDTH {
                    sums[below][register] = finish.apply(simd, 0, sums[below][register]);
                }
            }
        }
        for below in 0..ROWS {
            let at = (row + below) * self.columns + column;
            store_run::<S, A, WIDTH>(&sums[below], self.map, at, self.columns - column);
        }
    }
}
