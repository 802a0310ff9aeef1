//! Some windows of an axis alone: the same window over fewer pixels, with other padding.

use std::ops::Range;

use super::{Axis, Geometry, Padding, Window};

impl Axis {
    /// The pixels under some of the outputs, and the axis that has these alone: output `i` of it is output `outputs.start + i`
    /// of the whole. `None` where there is no such output, or where its windows lie on padding alone.
    ///
    /// The first window starts at the place `outputs.start · stride` of the padded axis and the last ends at
    /// `(outputs.end − 1) · stride + extent`, or with the padding if it reaches beyond it:
    ///
    /// ```text
    ///     padded        · · [a b c d e f g] · ·      size 3, stride 2
    ///     outputs 0..2  · · [a b c]                  pixels 0..3, 2 before
    ///     outputs 2..4          [c d e f g]          pixels 2..7
    ///     outputs 3..5              [e f g] · ·      pixels 4..7, 2 after
    /// ```
    pub(crate) fn band(&self, outputs: Range<usize>) -> Option<(Range<usize>, Self)> {
        if outputs.is_empty() || outputs.end > self.outputs() {
            return None;
        }
        let end_of_input = self.before() + self.length();
        let start = outputs.start * self.stride();
        let end = self.end_of(outputs.end - 1);
        let pixels = start.max(self.before())..end.min(end_of_input);
        if pixels.is_empty() {
            return None;
        }
        let (before, after) = (pixels.start - start, end.saturating_sub(pixels.end));
        let axis = self.part(pixels.len(), before, after, outputs.len());
        Some((pixels.start - self.before()..pixels.end - self.before(), axis))
    }

    /// The place of the padded axis behind the last window: from there on, a stride may leave some that no window has.
    pub(crate) fn read_length(&self) -> usize {
        self.end_of(self.outputs().saturating_sub(1))
    }

    /// The place behind the window of an output, or behind the padding if the window reaches beyond it.
    fn end_of(&self, output: usize) -> usize {
        let reach = (self.size() - 1).saturating_mul(self.dilation()).saturating_add(1);
        output.saturating_mul(self.stride()).saturating_add(reach).min(self.padded_length())
    }
}

impl<const N: usize> Geometry<N> {
    /// Some outputs along the first axis, and the pixels that they are computed from.
    pub(crate) fn band(&self, outputs: Range<usize>) -> Option<(Range<usize>, Self)> {
        let mut axes = *self.axes();
        let (pixels, axis) = axes.first()?.band(outputs)?;
        axes[0] = axis;
        Some((pixels, Self { axes }))
    }
}

impl<const N: usize> Window<N> {
    /// The window that laid over an input gives this geometry, paddings written out; `None` where none does.
    pub(crate) fn of_geometry(self, geometry: &Geometry<N>) -> Option<Self> {
        let window = self.padding(Padding::Explicit(geometry.axes().map(|axis| (axis.before(), axis.after()))));
        (window.geometry(geometry.input_size()).as_ref() == Ok(geometry)).then_some(window)
    }
}
