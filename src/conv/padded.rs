//! A copy of the input with its padding written out, for the paddings that are more than nothing.

use crate::tensor::filled;
use crate::window::{Axis, Geometry, PaddingMode, unravel};
use crate::{Element, Result};

/// The planes in `pixels` with their padding written out, and the geometry over them, which needs no padding.
/// `None` where there is no padding to write, or no plane to write it around.
pub(super) fn padded<T: Element, const N: usize>(
    pixels: &[T],
    geometry: &Geometry<N>,
    mode: PaddingMode,
) -> Result<Option<(Vec<T>, Geometry<N>)>> {
    let axes = geometry.axes();
    if pixels.is_empty() || axes.iter().all(|axis| axis.before() == 0 && axis.after() == 0) {
        return Ok(None);
    }
    let wide = Geometry::new(axes.map(Axis::with_padding_as_pixels))?;
    let planes = pixels.len() / geometry.pixels();
    let mut copy = filled(&[planes, wide.pixels()], T::ZERO)?;

    let (outer, last) = (&axes[..N - 1], &axes[N - 1]);
    let mut columns = filled(&[wide.axes()[N - 1].length()], None)?;
    columns.iter_mut().enumerate().for_each(|(at, column)| *column = source(last, mode, at));
    let mut rows = wide.input_size();
    rows[N - 1] = 1;
    for (wide_plane, plane) in copy.chunks_exact_mut(wide.pixels()).zip(pixels.chunks_exact(geometry.pixels())) {
        for (row, wide_row) in wide_plane.chunks_exact_mut(columns.len()).enumerate() {
            let at = unravel(row, rows);
            let row = outer
                .iter()
                .zip(at)
                .try_fold(0, |flat, (axis, at)| Some(flat * axis.length() + source(axis, mode, at)?));
            // A row of zero padding is all zeros already.
            let Some(row) = row else { continue };
            let pixels = &plane[row * last.length()..][..last.length()];
            for (place, column) in wide_row.iter_mut().zip(&columns) {
                *place = column.map_or(T::ZERO, |column| pixels[column]);
            }
        }
    }
    Ok(Some((copy, wide)))
}

/// The pixel that stands at a place of a padded axis, counted from the start of its padding.
fn source(axis: &Axis, mode: PaddingMode, at: usize) -> Option<usize> {
    mode.source(at.cast_signed() - axis.before().cast_signed(), axis.length())
}
