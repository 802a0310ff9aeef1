//! A pooling as the fast paths see it: planes of three spatial axes, each pooled alone.

use crate::Result;
use crate::window::{Axis, AxisSpec, Geometry};

/// Some rows of outputs of one plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) plane: usize,
    pub(super) first: usize,
    pub(super) rows: usize,
}

/// Windows over a plane, axes outermost first; axes that the layer lacks have one pixel and one output.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) axes: [Axis; 3],
}

impl Problem {
    /// `None` for more than three spatial axes.
    pub(super) fn new<const N: usize>(geometry: &Geometry<N>) -> Result<Option<Self>> {
        if N > 3 {
            return Ok(None);
        }
        let point = AxisSpec { axis: 0, length: 1, size: 1, stride: 1, dilation: 1 }.with_padding(0, 0, false)?;
        let mut axes = [point; 3];
        axes[3 - N..].copy_from_slice(geometry.axes());
        Ok(Some(Self { axes }))
    }

    /// Pixels of one plane.
    pub(super) fn pixels(&self) -> usize {
        self.axes.iter().map(Axis::length).fold(1, usize::saturating_mul)
    }

    /// Outputs of one plane.
    pub(super) fn outputs(&self) -> usize {
        self.axes.iter().map(Axis::outputs).product()
    }

    /// Rows of outputs of one plane.
    pub(super) fn rows(&self) -> usize {
        self.axes[0].outputs() * self.axes[1].outputs()
    }

    /// Whether windows are 2×2 and lie side by side, each whole.
    pub(super) fn is_pairs(&self) -> bool {
        let [planes, rows, columns] = &self.axes;
        let pairs = |axis: &Axis| {
            [axis.size(), axis.stride(), axis.dilation(), axis.before()] == [2, 2, 1, 0]
                && axis.outputs() * 2 <= axis.length()
        };
        let alone = [planes.size(), planes.stride(), planes.before()] == [1, 1, 0];
        pairs(rows) && pairs(columns) && alone
    }

    /// Walks through the outputs from the row `first` on, rows counted from the first plane of `pixels`, as many of a plane at a time as a band has at the
    /// most: calls
    /// `compute` with the pixels from the plane of the band on, the band, and the outputs from its first row on.
    pub(super) fn each_band<T>(
        &self,
        most: usize,
        mut pixels: &[T],
        first: usize,
        mut output: &mut [T],
        mut compute: impl FnMut(&[T], Part, &mut [T]),
    ) {
        let [_, rows, columns] = &self.axes;
        let mut unit = first;
        while !output.is_empty() {
            if unit == self.rows() {
                (unit, pixels) = (0, &pixels[self.pixels()..]);
            }
            let (plane, first) = (unit / rows.outputs(), unit % rows.outputs());
            let left = output.len() / columns.outputs();
            let rows = most.min(rows.outputs() - first).min(left);
            compute(pixels, Part { plane, first, rows }, output);
            output = &mut output[rows * columns.outputs()..];
            unit += rows;
        }
    }
}
