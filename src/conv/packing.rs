//! The input as the kernels read it: padding written out, and pixels in the order in which neighbouring outputs want them.
//!
//! Neighbouring outputs read pixels a stride apart. So that a kernel finds them side by side whatever the stride, an
//! axis is dealt out like cards into as many phases as the stride has pixels, and only the phases that a tap meets are kept:
//!
//! ```text
//!     stride 2, size 3      · a b c d e f ·            two zeros of padding
//!     phase 0 (taps 0, 2)   · b d f
//!     phase 1 (tap 1)       a c e ·
//!     packed                · b d f a c e ·
//! ```
//!
//! A tap is then a constant offset into the packed pixels, on every axis at once, and an output adds its own position.
//!
//! Where windows meet no padding and columns lie side by side, the input can stay where it lies.

use std::array::from_fn;
use std::ops::Range;

use super::problem::Problem;
use crate::window::{Axis, PaddingMode};

/// How one axis of a band is packed.
#[derive(Debug, Clone)]
pub(super) struct PackedAxis {
    pub(super) axis: Axis,
    pub(super) mode: PaddingMode,
    /// The distance of the pixels of one phase: the stride of the window, 1 where there is one phase of all pixels, and in a phase
    /// of Winograd's tiles the stride times the dilation.
    pub(super) stride: usize,
    /// The distance of the pixels of neighbouring outputs.
    step: usize,
    /// Those that a tap meets, ascending.
    phases: Vec<PackedPhase>,
    /// Places of the padded axis up to the end of the last window.
    read: usize,
}

/// One phase of a packed axis.
#[derive(Debug, Clone)]
struct PackedPhase {
    /// Its first place on the padded axis, for the band that starts with the first output.
    first: usize,
    /// As many as the outputs of the band, and as its last tap lies ahead of its first.
    slots: Range<usize>,
}

impl PackedAxis {
    /// `None` if the packed axis would be longer than can be counted.
    pub(super) fn new(axis: Axis, mode: PaddingMode, outputs: usize) -> Option<Self> {
        let (stride, dilation) = (axis.stride(), axis.dilation());
        let mut met: Vec<_> = (0..axis.size()).take(stride).map(|tap| (tap * dilation % stride, tap)).collect();
        met.sort_unstable();
        met.dedup_by_key(|&mut (first, _)| first);
        // After so many taps the phases repeat.
        let period = met.len();
        let mut end = 0_usize;
        let phase = |(first, tap): (usize, usize)| {
            let last_tap = tap + (axis.size() - 1 - tap) / period * period;
            let start = end;
            end = end.checked_add(outputs)?.checked_add(last_tap * dilation / stride)?;
            Some(PackedPhase { first, slots: start..end })
        };
        let phases = met.into_iter().map(phase).collect::<Option<_>>()?;
        Some(Self { axis, mode, stride, step: stride, phases, read: axis.read_length() })
    }

    /// The pixels where they lie, without padding.
    fn in_place(axis: Axis, mode: PaddingMode) -> Self {
        let slots = 0..axis.length();
        let phases = vec![PackedPhase { first: 0, slots }];
        Self { axis, mode, stride: 1, step: axis.stride(), phases, read: axis.read_length() }
    }

    /// From the slot of an output to that of the next.
    fn ahead(&self) -> usize {
        self.step / self.stride
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.phases.last().map_or(0, |phase| phase.slots.end)
    }

    /// The slot that a tap finds for the first output of the band.
    pub(super) fn slot(&self, tap: usize) -> usize {
        let ahead = tap * self.axis.dilation();
        let phase = self.phases.partition_point(|phase| phase.first < ahead % self.stride);
        self.phases[phase].slots.start + ahead / self.stride
    }

    /// The pixel that stands at a place of the padded axis. Behind the last window there are zeros: a tile reaches there, whose sums
    /// are the same to the bit for a band that has no such pixels.
    #[inline(never)]
    pub(super) fn pixel(&self, place: usize) -> Option<usize> {
        if place >= self.read {
            return None;
        }
        self.mode.source(place.cast_signed() - self.axis.before().cast_signed(), self.axis.length())
    }

    /// The place of the padded axis behind the last pixel that a window reads.
    pub(super) fn pixels_end(&self) -> usize {
        (self.axis.before() + self.axis.length()).min(self.read)
    }

    /// Calls `pack` with each slot and the pixel in it, for a band that starts with the output `first`.
    #[inline(always)]
    pub(super) fn each_slot(&self, first: usize, mut pack: impl FnMut(usize, Option<usize>)) {
        for phase in &self.phases {
            let place = first * self.step + phase.first;
            for (ahead, slot) in phase.slots.clone().enumerate() {
                pack(slot, self.pixel(place + ahead * self.stride));
            }
        }
    }

    /// Whether a whole row of pixels is the packed row of a band that starts with this output.
    pub(super) fn is_the_input(&self, first: usize) -> bool {
        let length = self.axis.length();
        (first, self.stride, self.axis.before()) == (0, 1, 0) && (self.slots(), self.pixels_end()) == (length, length)
    }

    /// Where the pixels of a row stand in one phase of a packed row, for a band that starts with the output `first`.
    fn segment(&self, first: usize, phase: &PackedPhase) -> Segment {
        let (stride, before, pixels_end) = (self.stride, self.axis.before(), self.pixels_end());
        let place = first * self.step + phase.first;
        let (here, end_of_phase) = (phase.slots.start, phase.slots.end);
        let start = (here + before.saturating_sub(place).div_ceil(stride)).min(end_of_phase);
        let end = (here + pixels_end.saturating_sub(place).div_ceil(stride)).clamp(start, end_of_phase);
        let pixel = (place + (start - here) * stride).saturating_sub(before);
        Segment { place, here, start, end, end_of_phase, pixel }
    }
}

/// The segments of all phases, for a band that starts with an output. Most layers have one, two or four, which are known once for all
/// rows.
#[derive(Clone, Copy)]
pub(super) struct Segments<'a> {
    pub(super) axis: &'a PackedAxis,
    first: usize,
    pub(super) known: [Segment; 4],
}

impl<'a> Segments<'a> {
    pub(super) fn new(axis: &'a PackedAxis, first: usize) -> Self {
        let segment = |phase| axis.segment(first, phase);
        Self { axis, first, known: from_fn(|number| axis.phases.get(number).map(segment).unwrap_or_default()) }
    }

    /// Whether taps meet all of so many phases, and padding is zeros.
    pub(super) fn are_all(&self, stride: usize) -> bool {
        self.axis.stride == stride && self.axis.phases.len() == stride && self.axis.mode == PaddingMode::Zeros
    }

    #[inline(always)]
    pub(super) fn each(&self) -> impl Iterator<Item = Segment> {
        let Self { axis, first, known } = *self;
        let phases = axis.phases.iter().enumerate();
        phases.map(move |(number, phase)| known.get(number).copied().unwrap_or_else(|| axis.segment(first, phase)))
    }
}

/// One phase of a packed axis in a band.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Segment {
    /// The place on the padded axis of its first slot.
    pub(super) place: usize,
    /// Its first slot; the slot of its first pixel, the slot behind the last, and the slot behind its own last. Between
    /// them lies the padding.
    pub(super) here: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) end_of_phase: usize,
    /// The first pixel.
    pub(super) pixel: usize,
}

/// How the bands of a layer are packed: `[channel, slot, slot, slot]`.
#[derive(Debug, Clone)]
pub(super) struct Packing {
    pub(super) axes: [PackedAxis; 3],
    pub(super) slots: [usize; 3],
    volume: usize,
}

/// The rows of a band, as one run or as several: outputs whose pixels lie side by side where they are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct BandRows {
    counts: [usize; 2],
    strides: [usize; 2],
    /// Outputs of a row.
    length: usize,
}

impl BandRows {
    /// For each row, where its first output reads (add the offset of a tap), and how many outputs there are.
    pub(super) fn each(self) -> impl Iterator<Item = (usize, usize)> {
        let Self { counts, strides, length } = self;
        let row = move |row| (row / counts[1] * strides[0] + row % counts[1] * strides[1], length);
        (0..counts[0] * counts[1]).map(row)
    }
}

impl Packing {
    /// The packing of bands with this many outputs on each axis; `None` if it cannot be counted.
    pub(super) fn new(problem: &Problem, outputs: [usize; 3]) -> Option<Self> {
        let axis = |number: usize| PackedAxis::new(problem.axes[number], problem.mode, outputs[number]);
        Self::with_axes([axis(0)?, axis(1)?, axis(2)?])
    }

    /// The input itself, as if it were packed, but for padding.
    pub(super) fn in_place(problem: &Problem) -> Option<Self> {
        Self::with_axes(problem.axes.map(|axis| PackedAxis::in_place(axis, problem.mode)))
    }

    /// Where the first output of a band reads that is in place, and meets no padding.
    pub(super) fn start(&self, first: [usize; 3]) -> usize {
        let [plane, row, column]: [usize; 3] = std::array::from_fn(|axis| first[axis] * self.axes[axis].step);
        (plane * self.slots[1] + row) * self.slots[2] + column
    }

    /// The packing of one phase of the pixels. Where the window is dilated it has those under every so many-th output, whose taps
    /// lie side by side in it; where the stride is not 1, those under every so many-th tap, and neighbouring outputs lie side by
    /// side. Not both; and a phase has so many taps on rows and columns.
    pub(super) fn of_phase(problem: &Problem, outputs: [usize; 3], taps: usize, phase: [usize; 3]) -> Option<Self> {
        let axis = |number: usize| {
            let axis = problem.axes[number];
            let slots = 0..outputs[number].checked_add(axis.size().min(taps) - 1)?;
            let phases = vec![PackedPhase { first: phase[number], slots }];
            let stride = axis.stride() * axis.dilation();
            Some(PackedAxis { axis, mode: problem.mode, stride, step: stride, phases, read: axis.read_length() })
        };
        Self::with_axes([axis(0)?, axis(1)?, axis(2)?])
    }

    fn with_axes(axes: [PackedAxis; 3]) -> Option<Self> {
        let slots = [axes[0].slots(), axes[1].slots(), axes[2].slots()];
        let volume = slots.iter().try_fold(1_usize, |volume, &slots| volume.checked_mul(slots))?;
        Some(Self { axes, slots, volume })
    }

    /// Numbers of one packed channel.
    pub(super) fn volume(&self) -> usize {
        self.volume
    }

    /// The offset of every tap of every channel, in the order of the weights; `None` where one has more than 32 bits.
    pub(super) fn offsets(&self, channels: usize) -> Option<Vec<u32>> {
        u32::try_from(self.volume.checked_mul(channels)?).ok()?;
        let [_, rows, columns] = self.slots;
        let sizes = [0, 1, 2].map(|axis: usize| self.axes[axis].axis.size());
        let mut offsets = Vec::with_capacity(channels * sizes.iter().product::<usize>());
        #[allow(clippy::cast_possible_truncation, reason = "the largest has been tried")]
        for channel in 0..channels {
            for plane in 0..sizes[0] {
                for row in 0..sizes[1] {
                    let row = (self.axes[0].slot(plane) * rows + self.axes[1].slot(row)) * columns;
                    let taps = (0..sizes[2]).map(|column| channel * self.volume + row + self.axes[2].slot(column));
                    offsets.extend(taps.map(|offset| offset as u32));
                }
            }
        }
        Some(offsets)
    }

    /// The rows of a band with these outputs, whose columns lie side by side. Where rows follow each other without a gap they are one.
    pub(super) fn rows(&self, outputs: [usize; 3]) -> BandRows {
        let [_, rows, columns] = self.slots;
        let [planes_ahead, rows_ahead, _] = [0, 1, 2].map(|axis: usize| self.axes[axis].ahead());
        let strides = [rows * columns * planes_ahead, columns * rows_ahead];
        if columns > outputs[2] || rows_ahead > 1 {
            return BandRows { counts: [outputs[0], outputs[1]], strides, length: outputs[2] };
        }
        if rows > outputs[1] || planes_ahead > 1 {
            return BandRows { counts: [outputs[0], 1], strides, length: outputs[1] * columns };
        }
        BandRows { counts: [1, 1], strides: [0, 0], length: outputs.iter().product() }
    }
}
