//! A window laid over an input by trying every position, and random parameters for it.

use featuremap::{Padding, Window};
use proptest::prelude::*;

/// The parameters of a window and the size of the input under it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowCase<const N: usize> {
    pub(crate) input: [usize; N],
    pub(crate) size: [usize; N],
    pub(crate) stride: [usize; N],
    pub(crate) dilation: [usize; N],
    pub(crate) padding: Padding<N>,
    pub(crate) ceil: bool,
}

impl<const N: usize> WindowCase<N> {
    pub(crate) fn window(&self) -> Window<N> {
        Window::new(self.size).stride(self.stride).dilation(self.dilation).padding(self.padding).ceil_mode(self.ceil)
    }

    /// The window by trying, or `None` where it does not fit into the padded input.
    pub(crate) fn naive(&self) -> Option<Naive<N>> {
        let axes: Vec<NaiveAxis> = (0..N).map(|axis| NaiveAxis::new(self, axis)).collect::<Option<_>>()?;
        Some(Naive { axes: std::array::from_fn(|axis| axes[axis]) })
    }

    /// The same over an input that is as long as its windows need it.
    pub(crate) fn lengthened(mut self) -> Self {
        while self.naive().is_none() {
            for axis in 0..N {
                if NaiveAxis::new(&self, axis).is_none() {
                    self.input[axis] += 1;
                }
            }
        }
        self
    }

    pub(crate) fn fitting(&self) -> Naive<N> {
        self.naive().expect("the generator makes windows that fit")
    }
}

/// One axis of a window. Its outputs have been counted, not calculated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NaiveAxis {
    pub(crate) length: usize,
    pub(crate) size: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) before: usize,
    pub(crate) after: usize,
    pub(crate) outputs: usize,
}

impl NaiveAxis {
    fn new<const N: usize>(case: &WindowCase<N>, axis: usize) -> Option<Self> {
        let (length, size) = (case.input[axis], case.size[axis]);
        let (stride, dilation) = (case.stride[axis], case.dilation[axis]);
        let extent = (0..size).map(|tap| tap * dilation).max()? + 1;
        let (before, after, outputs) = match case.padding {
            Padding::Same | Padding::SameLower => {
                let outputs = (0..length).step_by(stride).count();
                let mut total = 0;
                while length + total < (outputs - 1) * stride + extent {
                    total += 1;
                }
                match case.padding {
                    Padding::SameLower => (total - total / 2, total / 2, outputs),
                    _ => (total / 2, total - total / 2, outputs),
                }
            }
            _ => {
                let (before, after) = match case.padding {
                    Padding::Explicit(sides) => sides[axis],
                    _ => (0, 0),
                };
                (before, after, count_outputs(length, before, after, extent, stride, case.ceil)?)
            }
        };
        Some(Self { length, size, stride, dilation, before, after, outputs })
    }

    /// Where a tap of an output lies: negative, or not below the length, on padding.
    pub(crate) fn position(&self, output: usize, tap: usize) -> isize {
        (output * self.stride + tap * self.dilation).cast_signed() - self.before.cast_signed()
    }

    pub(crate) fn pixel(&self, output: usize, tap: usize) -> Option<usize> {
        usize::try_from(self.position(output, tap)).ok().filter(|&pixel| pixel < self.length)
    }

    /// Taps on pixels or on the padding, which `ceil` can push the last of beyond.
    pub(crate) fn taps_within_padding(&self, output: usize) -> usize {
        let end = (self.length + self.after).cast_signed();
        (0..self.size).filter(|&tap| self.position(output, tap) < end).count()
    }
}

/// Slides a window along the padded axis until it fits no more.
fn count_outputs(
    length: usize,
    before: usize,
    after: usize,
    extent: usize,
    stride: usize,
    ceil: bool,
) -> Option<usize> {
    let padded = before + length + after;
    let mut starts: Vec<usize> = (0..).step_by(stride).take_while(|start| start + extent <= padded).collect();
    if ceil {
        // Rounding up, one more window takes what the others have left over: all of the input, where there are no others and a
        // window one stride before it would not reach its end.
        let next = starts.len() * stride;
        if next + extent < padded + stride {
            starts.push(next);
        }
        // PyTorch and ONNX take one window back, never two, that would start on the padding after the input.
        if starts.last().is_some_and(|&start| start >= before + length) {
            starts.pop();
        }
    }
    (!starts.is_empty()).then_some(starts.len())
}

/// A window over all its axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Naive<const N: usize> {
    pub(crate) axes: [NaiveAxis; N],
}

impl<const N: usize> Naive<N> {
    pub(crate) fn output_size(&self) -> [usize; N] {
        self.axes.map(|axis| axis.outputs)
    }

    pub(crate) fn input_size(&self) -> [usize; N] {
        self.axes.map(|axis| axis.length)
    }

    pub(crate) fn size(&self) -> [usize; N] {
        self.axes.map(|axis| axis.size)
    }

    /// The pixel under a tap of an output, unless it is on padding on any axis.
    pub(crate) fn pixel(&self, output: [usize; N], tap: [usize; N]) -> Option<[usize; N]> {
        let mut pixel = [0; N];
        for axis in 0..N {
            pixel[axis] = self.axes[axis].pixel(output[axis], tap[axis])?;
        }
        Some(pixel)
    }

    /// The pixels that exist under an output, in row-major order.
    pub(crate) fn pixels(&self, output: [usize; N]) -> Vec<[usize; N]> {
        places(self.size()).into_iter().filter_map(|tap| self.pixel(output, tap)).collect()
    }

    /// Whether a window has no pixel at all.
    pub(crate) fn has_an_empty_window(&self) -> bool {
        places(self.output_size()).into_iter().any(|output| self.pixels(output).is_empty())
    }
}

/// All places of a box of these sizes in row-major order, counted like an odometer.
pub(crate) fn places<const N: usize>(sizes: [usize; N]) -> Vec<[usize; N]> {
    super::odometer(&sizes).into_iter().map(|place| place.try_into().expect("one number for each axis")).collect()
}

/// A place counted flat in row-major order.
pub(crate) fn flat<const N: usize>(place: [usize; N], sizes: [usize; N]) -> usize {
    (0..N).fold(0, |flat, axis| flat * sizes[axis] + place[axis])
}

/// Windows that may or may not fit into their input. With more axes they are smaller, to spare time; but some rows
/// are longer than any block of outputs that a loop may take at once.
pub(crate) fn any_windows<const N: usize>() -> impl Strategy<Value = WindowCase<N>> {
    let (longest, largest, longest_row) = match N {
        1 => (12_usize, 4_usize, 400_usize),
        2 => (7, 4, 250),
        _ => (4, 3, 40),
    };
    let axis = (1..=longest, 1..=largest, 1..=4_usize, 1..=3_usize, (0..=3_usize, 0..=4_usize));
    let row = prop_oneof![7 => 1..=longest, 1 => 1..=longest_row];
    let kind = prop_oneof![1 => Just(0), 1 => Just(1), 1 => Just(2), 4 => Just(3)];
    (proptest::collection::vec(axis, N), row, kind, any::<bool>()).prop_map(|(axes, row, kind, ceil)| WindowCase {
        input: std::array::from_fn(|axis| if axis == N - 1 { row } else { axes[axis].0 }),
        size: std::array::from_fn(|axis| axes[axis].1),
        stride: std::array::from_fn(|axis| axes[axis].2),
        dilation: std::array::from_fn(|axis| axes[axis].3),
        padding: match kind {
            0 => Padding::Valid,
            1 => Padding::Same,
            2 => Padding::SameLower,
            _ => Padding::Explicit(std::array::from_fn(|axis| axes[axis].4)),
        },
        ceil,
    })
}

/// Windows that fit: an input that is too short for its window is made longer.
pub(crate) fn windows<const N: usize>() -> impl Strategy<Value = WindowCase<N>> {
    any_windows().prop_map(WindowCase::lengthened)
}
