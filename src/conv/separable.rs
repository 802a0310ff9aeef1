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

use super::rows::{self, Rows, RowsLayout};
use crate::Float;
use crate::kernels::epilogue::Epilogue;
use crate::simd::{Lanes, Level};
use crate::window::{Axis, common_divisor};

/// The columns and rows that filters `[filter, row, column]` are the products of, as `[filter, column, row]`; `None` unless
/// all are products.
///
/// A filter of integers, or of integers times a power of two, is a product only if it is one of integers: what is exact in one pass
/// is then exact in two. Of others, each product may be off by a few units in the last place of its own weight, as it was when
/// somebody multiplied a column by a row; a zero is a zero.
pub(super) fn factors<A: Float>(weights: &[A], rows: usize, columns: usize) -> Option<Vec<A>> {
    let mut factors = Vec::with_capacity(weights.len() / (rows * columns) * (rows + columns));
    for filter in weights.chunks_exact(rows * columns) {
        let filter: Vec<f64> = filter.iter().map(num_traits::ToPrimitive::to_f64).collect::<Option<_>>()?;
        let (column, row) = factors_of_filter::<A>(&filter, columns)?;
        factors.extend(column);
        factors.extend(row);
    }
    Some(factors)
}

fn factors_of_filter<A: Float>(filter: &[f64], columns: usize) -> Option<(Vec<A>, Vec<A>)> {
    let largest = filter.iter().map(|weight| weight.abs()).fold(0.0, f64::max);
    // An infinite weight, or one that is not a number, has no factors.
    if filter.iter().any(|weight| !weight.is_finite()) {
        return None;
    }
    if largest == 0.0 {
        return Some((vec![A::ZERO; filter.len() / columns], vec![A::ZERO; columns]));
    }
    let place = filter.iter().position(|weight| weight.abs() >= largest)?;
    let pivot = [place / columns, place % columns];
    let digits = A::epsilon().to_f64()?.log2().abs() + 1.0;
    let integers = integers(filter);
    let (column, row, tolerance) =
        match integers.as_ref().and_then(|integers| integer_factors(integers, columns, pivot)) {
            Some((column, row)) => {
                // The power of two that the weights have in common.
                let unit = filter[place] / integers.as_ref()?[place] as f64;
                (
                    column.iter().map(|&factor| factor as f64 * unit).collect(),
                    row.iter().map(|&factor| factor as f64).collect(),
                    0.0,
                )
            }
            // Bytes under weights of so few digits give sums that are exact, but not in two passes.
            None if integers.is_some_and(|integers| {
                integers.iter().all(|integer| (integer.unsigned_abs() as f64).log2() < digits - 8.0)
            }) =>
            {
                return None;
            }
            None => {
                let column: Vec<f64> = filter.chunks_exact(columns).map(|row| row[pivot[1]] / filter[place]).collect();
                (column, filter[pivot[0] * columns..][..columns].to_vec(), 4.0 * A::epsilon().to_f64()?)
            }
        };
    let [column, row]: [Vec<A>; 2] = balanced(column, row);
    let of_row = |(weights, &factor): (&[f64], &A)| {
        weights.iter().zip(&row).all(|(&weight, &other)| is_product(weight, factor, other, tolerance))
    };
    filter.chunks_exact(columns).zip(&column).all(of_row).then_some((column, row))
}

/// Whether the exact product of two factors is a weight, but for so much of that weight.
fn is_product<A: Float>(weight: f64, factor: A, other: A, tolerance: f64) -> bool {
    let (Some(factor), Some(other)) = (factor.to_f64(), other.to_f64()) else { return false };
    let off = factor.mul_add(other, -weight).abs();
    (weight == 0.0) == (factor * other == 0.0) && off <= tolerance * weight.abs()
}

/// A column and a row, with the same product, of which the column takes the root of what all weights come to, but no more than 1: so
/// no number in between is larger than all pixels, or smaller than both pixels and outputs may be. Were one larger, it might be
/// infinite where the row has a zero. Powers of two change no digit.
///
/// The price is paid below the normal numbers. The column comes to more than a half of 1, and the row so to less than twice the filter;
/// each number in between is off by half the least number for each weight of the column, and an output by as many of these times all
/// weights: as if pixels were off by so much. A column that were to come to more would spare that, and make infinities of pixels that
/// mark missing data; denormal pixels mark nothing.
fn balanced<A: Float>(column: Vec<f64>, row: Vec<f64>) -> [Vec<A>; 2] {
    let size = |factors: &[f64]| factors.iter().map(|factor| factor.abs()).sum::<f64>().log2();
    let (of_column, of_row) = (size(&column), size(&row));
    let exponent = ((of_row - of_column) / 2.0).min(-of_column).floor();
    let scaled =
        |factors: Vec<f64>, power: f64| factors.into_iter().map(|factor| A::from_f64(factor * power)).collect();
    [scaled(column, exponent.exp2()), scaled(row, (-exponent).exp2())]
}

/// Weights as integers times one power of two; `None` where these would be longer than can be counted with.
fn integers(filter: &[f64]) -> Option<Vec<i64>> {
    let exponent_of_last_digit = |weight: f64| {
        let (bits, biased) = (weight.to_bits(), weight.to_bits() >> 52 & 0x7ff);
        let mantissa = (bits & ((1 << 52) - 1)) | u64::from(biased > 0) << 52;
        biased.max(1).cast_signed() + i64::from(mantissa.trailing_zeros())
    };
    let nonzero = || filter.iter().filter(|&&weight| weight != 0.0);
    let least = nonzero().map(|&weight| exponent_of_last_digit(weight)).min()?;
    let most = nonzero().map(|&weight| (weight.to_bits() >> 52 & 0x7ff).max(1).cast_signed() + 53).max()?;
    if most - least > 62 {
        return None;
    }
    // Of a mantissa whose last digit counts 2^(exponent − 1075).
    let unit = |weight: f64| {
        let (bits, biased) = (weight.to_bits(), weight.to_bits() >> 52 & 0x7ff);
        let mantissa = (bits & ((1 << 52) - 1)) | u64::from(biased > 0) << 52;
        let shift = biased.max(1).cast_signed() - least;
        let size = if shift < 0 { mantissa >> -shift } else { mantissa << shift };
        size.cast_signed() * if weight < 0.0 { -1 } else { 1 }
    };
    Some(filter.iter().map(|&weight| if weight == 0.0 { 0 } else { unit(weight) }).collect())
}

/// A column and a row of integers whose products these are. By Gauss's lemma there are some if there are any of fractions: the row
/// has no divisor in common.
fn integer_factors(integers: &[i64], columns: usize, pivot: [usize; 2]) -> Option<(Vec<i64>, Vec<i64>)> {
    let pivot_row = &integers[pivot[0] * columns..][..columns];
    let divisor = pivot_row.iter().fold(0, |divisor, &integer| common_divisor(divisor, integer.unsigned_abs()));
    let row: Vec<i64> = pivot_row.iter().map(|integer| integer / divisor.cast_signed()).collect();
    let mut column = Vec::with_capacity(integers.len() / columns);
    for weights in integers.chunks_exact(columns) {
        let factor = weights[pivot[1]] / row[pivot[1]];
        if weights.iter().zip(&row).any(|(&weight, &other)| factor.checked_mul(other) != Some(weight)) {
            return None;
        }
        column.push(factor);
    }
    Some((column, row))
}

/// How planes of one geometry are computed.
#[derive(Debug, Clone)]
pub(super) struct Passes {
    /// With the column of a filter, and then with its row.
    columns: RowsLayout,
    rows: RowsLayout,
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
        let along_columns = RowsLayout::at::<A>(level, rows, Axis::still(columns.length()), room)?;
        let block = along_columns.block();
        let along_rows = RowsLayout::at::<A>(level, Axis::still(block), columns, room)?;
        // As much as lies under a block, so that it is read where it stands.
        let between = block.checked_mul(columns.length())?.max(along_rows.scratch_length());
        let between = between.checked_add(columns.before())?;
        (between <= room).then_some(Self {
            columns: along_columns,
            rows: along_rows,
            before: columns.before(),
            between,
            sizes: [rows.size(), columns.size()],
            level,
        })
    }

    /// How much scratch a kernel needs.
    pub(super) fn scratch_length(&self) -> usize {
        self.between + self.columns.scratch_length().max(self.rows.scratch_length())
    }

    /// The layout of the first pass.
    pub(super) fn along_columns(&self) -> &RowsLayout {
        &self.columns
    }
}

/// Computes planes, or a band of each, in two passes: `rows` has the [`factors`] of the filters for weights.
pub(super) struct Separable<'a, A> {
    pub(super) passes: &'a Passes,
    pub(super) rows: Rows<'a, A>,
}

impl<A: Lanes> Separable<'_, A> {
    /// Computes both passes, block by block.
    pub(super) fn compute(self) {
        let Self { passes, rows } = self;
        let level = passes.level;
        let Rows {
            pixels,
            first_pixel,
            first_row,
            weights,
            filters_of_a_channel,
            finish,
            band,
            mut output,
            scratch,
            ..
        } = rows;
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
                    first_row,
                    weights: column,
                    finite: true,
                    filters_of_a_channel: 1,
                    finish: Epilogue { bias: None, activation: None, quads: None },
                    band: first..first + block,
                    output: as_map(&mut slots[..block * width], width),
                    scratch: &mut *scratch,
                };
                rows::compute(level, down);
                let across = Rows {
                    layout: &passes.rows,
                    pixels: &*between,
                    first_pixel: passes.before,
                    first_row: 0,
                    weights: row,
                    finite: true,
                    filters_of_a_channel: 1,
                    finish: finish.from(filter),
                    band: 0..block,
                    output: as_map(&mut map[done * columns..][..block * columns], columns),
                    scratch: &mut *scratch,
                };
                rows::compute(level, across);
                done += block;
            }
        }
    }
}

/// Rows of a map of one filter.
fn as_map<A>(numbers: &mut [A], columns: usize) -> ArrayViewMut3<'_, A> {
    let shape = (1, numbers.len() / columns, columns);
    ArrayViewMut3::from_shape(shape, numbers).expect("whole rows were cut")
}
