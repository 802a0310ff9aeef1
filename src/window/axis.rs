//! One axis of a sliding window: the geometry, in both readings.

#![allow(clippy::inline_always, reason = "the window iterator depends on it; see there")]

use std::ops::Range;

use super::{Padding, Run};
use crate::{Error, Result};

/// A window laid over one axis of known length.
///
/// Tap `k` of output `o` lies at the position `o · stride + k · dilation − before`. A position
/// from 0 to `length − 1` is a pixel; any other is padding.
///
/// ```text
///     position   -2 -1  0  1  2  3  4  5  6  7  8      length 7, before 2, after 2
///                 ·  · [a  b  c  d  e  f  g] ·  ·
///     output 0    0  1  2                              size 3, stride 2, dilation 1
///     output 1          0  1  2                        (the numbers are taps)
///     output 2                0  1  2
///     output 3                      0  1  2
///     output 4                            0  1  2
/// ```
///
/// Read **by output**, a column of taps for each output: [`by_output`](Self::by_output). Read **by
/// tap**, a row of outputs for each tap: [`by_tap`](Self::by_tap). Both come from one formula, so they cannot disagree.
///
/// ```
/// use featuremap::Window;
///
/// let geometry = Window::new([3]).stride(2).padding(2).geometry([7])?;
/// let axis = geometry.axes()[0];
/// assert_eq!(axis.outputs(), 5);
/// // Output 0 sees one pixel, under its last tap.
/// assert_eq!(axis.by_output(0).range, 2..3);
/// // Tap 0 reads inside the input from output 1 on, starting at pixel 0.
/// assert_eq!(axis.by_tap(0).range, 1..5);
/// assert_eq!(axis.by_tap(0).input, 0);
/// # Ok::<(), featuremap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    length: usize,
    size: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
    outputs: usize,
}

/// No length, padding or window may exceed this, so that sums of a few of them cannot overflow.
const LARGEST: usize = isize::MAX as usize / 8;

/// The parameters of an axis before they are checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AxisSpec {
    /// Which spatial axis this is, for the errors.
    pub(crate) axis: usize,
    pub(crate) length: usize,
    pub(crate) size: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
}

impl AxisSpec {
    /// What the window covers, `dilation · (size − 1) + 1`, once all parameters are known to be sane.
    pub(crate) fn extent(&self) -> Result<usize> {
        for (value, what) in [(self.size, "window size"), (self.stride, "stride"), (self.dilation, "dilation")] {
            if value == 0 {
                return Err(Error::Zero { what, axis: self.axis });
            }
        }
        if self.length == 0 {
            return Err(Error::EmptyAxis { axis: self.axis });
        }
        self.dilation
            .checked_mul(self.size - 1)
            .filter(|&reach| reach < LARGEST && self.length <= LARGEST)
            .map(|reach| reach + 1)
            .ok_or_else(|| self.too_large())
    }

    fn too_large(&self) -> Error {
        Error::TooLarge {
            what: "window size, dilation or length of a spatial axis",
            sizes: vec![self.size, self.dilation, self.length],
        }
    }

    /// The axis with the given padding, its outputs counted by
    /// `(length + before + after − extent) / stride + 1`, rounded down, or up for `ceil`.
    ///
    /// Rounding up, a window larger than all of that has one output while it is larger by less than a stride, and the last
    /// window is dropped if it would start neither on a pixel nor on the padding before them (PyTorch's rule, and ONNX's
    /// since opset 19).
    pub(crate) fn with_padding(self, before: usize, after: usize, ceil: bool) -> Result<Axis> {
        let extent = self.extent()?;
        if before > LARGEST || after > LARGEST {
            return Err(Error::TooLarge { what: "padding of a spatial axis", sizes: vec![before, after] });
        }
        let padded = self.length + before + after;
        let steps = match padded.checked_sub(extent) {
            Some(room) if ceil => room.div_ceil(self.stride),
            Some(room) => room / self.stride,
            None if ceil && extent - padded < self.stride => 0,
            None => {
                return Err(Error::WindowTooLarge {
                    axis: self.axis,
                    extent,
                    size: self.size,
                    dilation: self.dilation,
                    length: self.length,
                    before,
                    after,
                });
            }
        };
        let last_starts_after_the_input = steps.saturating_mul(self.stride) >= self.length + before;
        let outputs = if ceil && last_starts_after_the_input { steps } else { steps + 1 };
        Ok(self.with_outputs(before, after, outputs))
    }

    /// The axis with padding such that `ceil(length / stride)` outputs come out. An odd pixel of
    /// padding goes after the input, or before it for `lower`.
    pub(crate) fn same(self, lower: bool) -> Result<Axis> {
        let extent = self.extent()?;
        let outputs = self.length.div_ceil(self.stride);
        let total = ((outputs - 1) * self.stride + extent).saturating_sub(self.length);
        let (before, after) = halves(total, lower);
        Ok(self.with_outputs(before, after, outputs))
    }

    /// The axis of a transposed operation: what a window axis makes of its outputs, run backwards. Here
    /// `length` counts the small side, and the axis that comes back has it for its outputs; its input is the large side,
    /// of `(length − 1) · stride + extent + output_padding − before − after` pixels.
    ///
    /// With [`Padding::Same`](super::Padding::Same) the large side has `length · stride` pixels, as in Keras and ONNX.
    pub(crate) fn transposed<const N: usize>(self, padding: &Padding<N>, output_padding: usize) -> Result<Axis> {
        let extent = self.extent()?;
        let whole = (self.length - 1)
            .checked_mul(self.stride)
            .and_then(|reach| reach.checked_add(extent)?.checked_add(output_padding))
            .filter(|&whole| whole <= LARGEST)
            .ok_or_else(|| Error::TooLarge {
                what: "transposed output, of length, stride, window and output padding",
                sizes: vec![self.length, self.stride, extent, output_padding],
            })?;
        let split = |lower| {
            let total = whole.saturating_sub(self.length * self.stride);
            let (before, after) = halves(total, lower);
            (before, after, self.length * self.stride)
        };
        let (before, after, large) = match padding {
            Padding::Valid => (0, 0, whole),
            Padding::Same => split(false),
            Padding::SameLower => split(true),
            Padding::Explicit(sides) => {
                let (before, after) = sides[self.axis];
                (before, after, whole.saturating_sub(before.saturating_add(after)))
            }
        };
        if large == 0 {
            let taken = before.saturating_add(after).min(LARGEST).cast_signed();
            return Err(Error::TransposedSize {
                axis: self.axis,
                size: whole.cast_signed() - taken,
                length: self.length,
                stride: self.stride,
                extent,
                output_padding,
                before,
                after,
            });
        }
        let outputs = self.length;
        Ok(Self { length: large, ..self }.with_outputs(before, after, outputs))
    }

    /// The axis with a number of outputs that the caller vouches for.
    pub(crate) fn with_outputs(self, before: usize, after: usize, outputs: usize) -> Axis {
        let Self { length, size, stride, dilation, .. } = self;
        Axis { length, size, stride, dilation, before, after, outputs }
    }
}

/// A total padding in two halves, before and after; an odd pixel goes after, or before for `lower`.
fn halves(total: usize, lower: bool) -> (usize, usize) {
    let (smaller, larger) = (total / 2, total - total / 2);
    if lower { (larger, smaller) } else { (smaller, larger) }
}

impl Axis {
    /// Pixels of the input.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Taps of the window.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Distance between the windows of two outputs.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Distance between two taps.
    pub fn dilation(&self) -> usize {
        self.dilation
    }

    /// Padding before the first pixel.
    pub fn before(&self) -> usize {
        self.before
    }

    /// Padding after the last pixel.
    pub fn after(&self) -> usize {
        self.after
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The position under a tap of an output: a pixel, or padding where it is negative or not below
    /// [`length`](Self::length).
    pub fn position(&self, output: usize, tap: usize) -> isize {
        let from_the_padding = output.saturating_mul(self.stride).saturating_add(tap.saturating_mul(self.dilation));
        isize::try_from(from_the_padding).unwrap_or(isize::MAX) - self.before.cast_signed()
    }

    /// By output ("gather"): the taps of `output` that lie on pixels, and which. There are none for an
    /// output that does not exist.
    #[inline(always)]
    pub fn by_output(&self, output: usize) -> Run {
        if output >= self.outputs {
            return Run { range: 0..0, input: 0, step: self.dilation };
        }
        self.run(output * self.stride, self.dilation, self.size)
    }

    /// By tap ("shift"): the outputs whose tap `tap` lies on a pixel, and which. There are none for a tap
    /// that does not exist.
    #[inline(always)]
    pub fn by_tap(&self, tap: usize) -> Run {
        if tap >= self.size {
            return Run { range: 0..0, input: 0, step: self.stride };
        }
        self.run(tap * self.dilation, self.stride, self.outputs)
    }

    /// Both readings: of the members `i` in `0..members`, at positions `offset + i · step − before`,
    /// those that lie on a pixel. That is
    ///
    /// ```text
    ///     i ≥ (before − offset) / step,   rounded up
    ///     i < (before + length − offset) / step,   rounded up
    /// ```
    ///
    /// and where a border is out of reach the division is spared: in the middle of an image,
    /// nothing is divided at all.
    #[inline(always)]
    fn run(&self, offset: usize, step: usize, members: usize) -> Run {
        let end_of_input = self.before + self.length;
        let first = if offset >= self.before { 0 } else { (self.before - offset).div_ceil(step) };
        let end = if members == 0 || offset + (members - 1) * step < end_of_input {
            members
        } else {
            end_of_input.saturating_sub(offset).div_ceil(step)
        };
        if first < end {
            Run { range: first..end, input: offset + first * step - self.before, step }
        } else {
            Run { range: 0..0, input: 0, step }
        }
    }

    /// How many taps of `output` lie within the padded input, that is, on a pixel or on padding. It is
    /// less than the size only where `ceil_mode` lets the last window reach beyond the padding.
    pub fn taps_within_padding(&self, output: usize) -> usize {
        self.padded_length().saturating_sub(output.saturating_mul(self.stride)).div_ceil(self.dilation).min(self.size)
    }

    /// Pixels and padding together.
    pub(crate) fn padded_length(&self) -> usize {
        self.before + self.length + self.after
    }

    /// The same window over another number of pixels, with so much padding and so many outputs.
    pub(super) fn part(self, length: usize, before: usize, after: usize, outputs: usize) -> Self {
        Self { length, before, after, outputs, ..self }
    }

    /// Of so many pixels, along which nothing happens.
    pub(crate) fn still(length: usize) -> Self {
        AxisSpec { axis: 0, length, size: 1, stride: 1, dilation: 1 }.with_outputs(0, 0, length)
    }

    /// The same windows over an input that has its padding written out as pixels.
    pub(crate) fn with_padding_as_pixels(self) -> Self {
        Self { length: self.padded_length(), before: 0, after: 0, ..self }
    }

    /// The same windows, with steps of 1 where none is taken: from the only output to the next, or from the only tap.
    pub(crate) fn without_idle_steps(self) -> Self {
        let stride = if self.outputs == 1 { 1 } else { self.stride };
        let dilation = if self.size == 1 { 1 } else { self.dilation };
        Self { stride, dilation, ..self }
    }

    /// The taps that lie on a pixel for some output, each with its run of outputs; in order.
    ///
    /// It tries the taps between the first and the last that can meet a pixel, or, where they are fewer, goes through the
    /// outputs that can, from the last to the first, each of which adds the taps beyond those of its successor. So a window
    /// that is mostly on padding takes no longer than the smaller of the two.
    pub fn tap_runs(&self) -> impl Iterator<Item = (usize, Run)> {
        let reach = (self.size - 1) * self.dilation;
        let first = self.before.saturating_sub(reach).div_ceil(self.stride);
        let end = (self.before + self.length).div_ceil(self.stride).min(self.outputs);
        let last_start = self.outputs.saturating_sub(1) * self.stride;
        let taps = self.before.saturating_sub(last_start).div_ceil(self.dilation)
            ..(self.before + self.length).div_ceil(self.dilation).min(self.size);
        let (taps, outputs) = match taps.len() <= end.saturating_sub(first) {
            true => (taps, 0..0),
            false => (0..0, first..end),
        };
        let mut next = 0;
        let of_outputs = outputs.rev().flat_map(move |output| {
            let taps = self.by_output(output).range;
            let new = taps.start.max(next)..taps.end;
            next = next.max(taps.end);
            new
        });
        taps.chain(of_outputs).map(|tap| (tap, self.by_tap(tap))).filter(|(_, run)| !run.range.is_empty())
    }

    /// The outputs all of whose taps lie on pixels.
    pub(crate) fn whole_windows(&self) -> Range<usize> {
        let (first, last) = (self.by_tap(0).range, self.by_tap(self.size - 1).range);
        first.start.max(last.start)..first.end.min(last.end)
    }

    /// The first output whose window lies on no pixel at all, if there is one.
    ///
    /// Only three outputs can be the first: output 0, whose last tap reaches least far; one whose taps step over the
    /// whole input, which is shorter than the gap between two of them; and the first that starts after the input.
    pub(crate) fn first_empty_window(&self) -> Option<usize> {
        let after_the_input = (self.before + self.length).div_ceil(self.stride);
        [Some(0), self.first_step_over(), Some(after_the_input)]
            .into_iter()
            .flatten()
            .find(|&output| output < self.outputs && self.by_output(output).range.is_empty())
    }

    /// The first output whose taps, were there enough of them, would step over the input: the first `o` for which
    /// `(o · stride − before) mod dilation`, where its first tap at or after position 0 lies, is not below the length.
    fn first_step_over(&self) -> Option<usize> {
        if self.length >= self.dilation {
            return None;
        }
        let [stride, dilation, before, length] =
            [self.stride, self.dilation, self.before, self.length].map(|size| size as u128);
        let (low, high) = ((length + before) % dilation, (dilation - 1 + before) % dilation);
        // An interval that wraps around holds 0, the multiple of output 0.
        let output = if low > high { Some(0) } else { first_multiple_within(stride, dilation, low, high) };
        output.and_then(|output| usize::try_from(output).ok())
    }
}

/// The least `x` for which `step · x mod modulus` lies in `low..=high`, where `high < modulus`.
///
/// If no multiple of the step lies there in the first round, a round is sought whose start is off by the right
/// amount, which is the same question modulo the step; as in Euclid's algorithm, the numbers halve every other time.
fn first_multiple_within(step: u128, modulus: u128, low: u128, high: u128) -> Option<u128> {
    let step = step % modulus;
    if low == 0 {
        return Some(0);
    }
    if step == 0 {
        return None;
    }
    let in_the_first_round = low.div_ceil(step);
    if in_the_first_round * step <= high {
        return Some(in_the_first_round);
    }
    // round · modulus + low..=high holds a multiple of the step if −round · modulus mod step lies in low..=high mod step.
    let shift = (step - modulus % step) % step;
    let round = first_multiple_within(shift, step, low % step, high % step)?;
    Some((round * modulus + low).div_ceil(step))
}

#[cfg(test)]
mod tests;
