//! Filters that are the product of a column and a row, as a Gaussian is: convolved with the one and then with the other.
//!
//! ```text
//!     1 2 1     1
//!     2 4 2  =  2 · [1 2 1]          6 products an output, and not 9; of an 11×11 filter 22, and not 121
//!     1 2 1     1
//! ```
//!
//! Some rows at a time are convolved with the column, into a patch from which they are convolved with the row.

use ndarray::ArrayViewMut3;

use super::rows::{Layout, Rows};
use crate::Float;
use crate::kernels::epilogue::Epilogue;
use crate::simd::{Kernel, Lanes, Level, Simd, run};
use crate::window::{Axis, AxisSpec};

/// The columns and rows that filters `[filter, row, column]` are the products of, as `[filter, column, row]`; `None` unless
/// all are products, to a few units in the last place of their largest weight.
pub(super) fn factors<A: Float>(weights: &[A], rows: usize, columns: usize) -> Option<Vec<A>> {
    let mut factors = Vec::with_capacity(weights.len() / (rows * columns) * (rows + columns));
    for filter in weights.chunks_exact(rows * columns) {
        let exact = |row: usize, column: usize| filter[row * columns + column].to_f64();
        let mut largest = (0, 0);
        for (place, weight) in filter.iter().enumerate() {
            if weight.abs() > filter[largest.0 * columns + largest.1].abs() {
                largest = (place / columns, place % columns);
            }
        }
        let pivot = exact(largest.0, largest.1)?;
        // A filter of zeros is the product of anything with zeros.
        let divisor = if pivot == 0.0 { 1.0 } else { pivot };
        let tolerance = 4.0 * A::epsilon().to_f64()? * pivot.abs();
        let column: Vec<A> =
            (0..rows).map(|row| Some(A::from_f64(exact(row, largest.1)? / divisor))).collect::<Option<_>>()?;
        let row = &filter[largest.0 * columns..][..columns];
        for (weights, factor) in filter.chunks_exact(columns).zip(&column) {
            for (weight, other) in weights.iter().zip(row) {
                let difference = weight.to_f64()? - factor.to_f64()? * other.to_f64()?;
                // An infinite weight, or one that is not a number, has no factors.
                if difference.is_nan() || difference.abs() > tolerance {
                    return None;
                }
            }
        }
        factors.extend(column);
        factors.extend_from_slice(row);
    }
    Some(factors)
}

/// How planes of one geometry are computed.
#[derive(Debug, Clone)]
pub(super) struct Passes {
    /// With the column of a filter, and then with its row.
    columns: Layout,
    rows: Layout,
    /// Numbers in between that stand before the first.
    before: usize,
    /// Numbers in between.
    between: usize,
    sizes: [usize; 2],
    level: Level,
}

impl Passes {
    /// `None` if there would be more than `room` numbers in between, or in a patch.
    pub(super) fn new<A: Lanes>(level: Level, rows: Axis, columns: Axis, room: usize) -> Option<Self> {
        let along_columns = Layout::at::<A>(level, rows, still(columns.length()), room)?;
        let block = along_columns.block();
        let along_rows = Layout::at::<A>(level, still(block), columns, room)?;
        let between = block.checked_mul(columns.length())?.checked_add(along_rows.scratch_length())?;
        let between = between.checked_add(along_columns.scratch_length())?.checked_add(columns.before())?;
        (between <= room).then_some(Self {
            columns: along_columns,
            rows: along_rows,
            before: columns.before(),
            between,
            sizes: [rows.size(), columns.size()],
            level,
        })
    }

    /// The level to run kernels at.
    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// How much scratch a kernel needs.
    pub(super) fn scratch_length(&self) -> usize {
        self.between + self.columns.scratch_length().max(self.rows.scratch_length())
    }

    /// The layout of the first pass.
    pub(super) fn along_columns(&self) -> &Layout {
        &self.columns
    }
}

/// An axis along which nothing happens.
fn still(length: usize) -> Axis {
    AxisSpec { axis: 0, length, size: 1, stride: 1, dilation: 1 }.with_outputs(0, 0, length)
}

/// Computes planes, or a band of each, in two passes: `rows` has the [`factors`] of the filters for weights.
pub struct Separable<'a, A> {
    pub(super) passes: &'a Passes,
    pub(super) rows: Rows<'a, A>,
}

/// Computes both passes with the instructions of a level.
#[inline(never)]
pub(super) fn compute<A: Lanes>(level: Level, separable: Separable<'_, A>) {
    run(level, separable);
}

impl<A: Lanes> Kernel for Separable<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { passes, rows } = self;
        let Rows { pixels, first_pixel, weights, filters_of_a_channel, finish, band, mut output, scratch, .. } = rows;
        let (columns, plane) = (passes.rows.outputs(), passes.columns.plane());
        let (between, scratch) = scratch.split_at_mut(passes.between);
        let [taps_down, taps_across] = passes.sizes;
        let factors = weights.chunks_exact(taps_down + taps_across);
        for (filter, (map, factors)) in output.outer_iter_mut().zip(factors).enumerate() {
            let map = map.into_slice().expect("a band of a map lies in one piece");
            let (column, row) = factors.split_at(taps_down);
            let mut done = 0;
            while done < band.len() {
                let block = passes.columns.block().min(band.len() - done);
                let first = band.start + done;
                let width = passes.columns.outputs();
                let slots = &mut between[passes.before..];
                let down = Rows {
                    layout: &passes.columns,
                    pixels,
                    first_pixel: first_pixel + filter / filters_of_a_channel * plane,
                    weights: column,
                    finite: true,
                    filters_of_a_channel: 1,
                    finish: Epilogue { bias: None, relu: false, quads: None },
                    band: first..first + block,
                    output: as_map(&mut slots[..block * width], width),
                    scratch: &mut *scratch,
                };
                down.run(simd);
                let across = Rows {
                    layout: &passes.rows,
                    pixels: &*between,
                    first_pixel: passes.before,
                    weights: row,
                    finite: true,
                    filters_of_a_channel: 1,
                    finish: finish.from(filter),
                    band: 0..block,
                    output: as_map(&mut map[done * columns..][..block * columns], columns),
                    scratch: &mut *scratch,
                };
                across.run(simd);
                done += block;
            }
        }
    }
}

/// Rows of a map of one filter.
#[inline(always)]
fn as_map<A>(numbers: &mut [A], columns: usize) -> ArrayViewMut3<'_, A> {
    let shape = (1, numbers.len() / columns, columns);
    ArrayViewMut3::from_shape(shape, numbers).expect("whole rows were cut")
}
