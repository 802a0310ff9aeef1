//! Filters of one channel that are a column times a row: convolved with the row, then with the column.
//!
//! ```text
//!     1 2 1     1
//!     2 4 2  =  2 · [1 2 1]          6 products an output, and not 9; of an 11×11 filter 22, and not 121
//!     1 2 1     1
//! ```

use super::rows::{Plane, Rows};
use crate::Float;
use crate::simd::{Kernel, Lanes, Simd};

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

/// Computes a band in two passes. The weights of `rows` are those of [`factors`], its offsets those of the columns of the
/// first row of taps, and then from row to row of `between`.
pub struct Separable<'a, A> {
    pub(super) rows: Rows<'a, A>,
    /// Room for what the first pass gives: as many rows as lie under the band, each as long as a row of outputs.
    pub(super) between: &'a mut [A],
}

impl<A: Lanes> Kernel for Separable<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { rows: mut band, between } = self;
        let [_, rows, columns] = band.size;
        let (_, _, height, width) = band.output.dim();
        let (across, down) = band.offsets.split_at(columns);
        let under = (height + rows - 1) * width;
        let weights = band.weights.chunks_exact(rows + columns);
        for (filter, (map, factors)) in band.output.outer_iter_mut().zip(weights).enumerate() {
            let (column, row) = factors.split_at(rows);
            let first = Plane {
                packed: &band.packed[filter / band.filters * band.volume..],
                offsets: across,
                size: [1, 1, columns],
                strides: band.strides,
                weights: row,
                finish: None,
                map: &mut between[..under],
                columns: width,
            };
            first.compute(simd, false);
            let second = Plane {
                packed: between,
                offsets: down,
                size: [1, rows, 1],
                strides: [0, width],
                weights: column,
                finish: Some(band.finish.from(filter)),
                map: map.into_slice().expect("a band of a map lies in one piece"),
                columns: width,
            };
            second.compute(simd, true);
        }
    }
}
