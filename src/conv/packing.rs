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

use ndarray::{ArrayView1, ArrayView4, Axis as ArrayAxis};

use super::problem::Problem;
use crate::simd::{Kernel, Lanes, Simd, Vector};
use crate::window::{Axis, PaddingMode};

/// How one axis of a band is packed.
#[derive(Debug, Clone)]
struct PackedAxis {
    axis: Axis,
    mode: PaddingMode,
    /// The distance of the pixels of one phase: the stride of the window.
    stride: usize,
    /// The phases that a tap meets, ascending.
    phases: Vec<usize>,
    /// Slots of one phase: the outputs of the band, and as many more as its last tap lies ahead of its first.
    phase_length: usize,
}

impl PackedAxis {
    /// `None` if the packed axis would be longer than can be counted.
    fn new(axis: Axis, mode: PaddingMode, outputs: usize) -> Option<Self> {
        let stride = axis.stride();
        let mut phases: Vec<usize> = (0..axis.size()).map(|tap| tap * axis.dilation() % stride).take(stride).collect();
        phases.sort_unstable();
        phases.dedup();
        let reach = (axis.size() - 1) * axis.dilation() / stride;
        Some(Self { axis, mode, stride, phases, phase_length: outputs.checked_add(reach)? })
    }

    fn slots(&self) -> Option<usize> {
        self.phases.len().checked_mul(self.phase_length)
    }

    /// The slot that a tap finds for the first output of the band.
    fn slot(&self, tap: usize) -> usize {
        let ahead = tap * self.axis.dilation();
        let phase = self.phases.partition_point(|&phase| phase < ahead % self.stride);
        phase * self.phase_length + ahead / self.stride
    }

    /// The place on the padded axis of the first slot of a phase, for a band that starts with this output.
    fn place(&self, first: usize, phase: usize) -> usize {
        first * self.stride + self.phases[phase]
    }

    /// The pixel that stands at a place of the padded axis. Places beyond it, where a band has fewer outputs than the
    /// packing, are never read.
    #[inline(always)]
    fn pixel(&self, place: usize) -> Option<usize> {
        if place >= self.axis.padded_length() {
            return None;
        }
        self.mode.source(place.cast_signed() - self.axis.before().cast_signed(), self.axis.length())
    }

    /// The pixel in a slot.
    #[inline(always)]
    fn source(&self, first: usize, slot: usize) -> Option<usize> {
        // Most layers have a stride of 1, and a division takes as long as copying a short row.
        let (phase, ahead) = match self.phases.len() {
            1 => (0, slot),
            _ => (slot / self.phase_length, slot % self.phase_length),
        };
        self.pixel(self.place(first, phase) + ahead * self.stride)
    }

    /// Whether a whole row of pixels is the packed row of a band that starts with this output.
    fn is_the_input(&self, first: usize) -> bool {
        first == 0 && self.stride == 1 && self.axis.before() == 0 && self.phase_length == self.axis.length()
    }

    /// Where the pixels of a row stand in one phase of a packed row, for a band that starts with the output `first`.
    fn segment(&self, first: usize, phase: usize) -> Segment {
        let (stride, before, length) = (self.stride, self.axis.before(), self.axis.length());
        let place = self.place(first, phase);
        let (here, end_of_phase) = (phase * self.phase_length, (phase + 1) * self.phase_length);
        let start = (here + before.saturating_sub(place).div_ceil(stride)).min(end_of_phase);
        let end = (here + (before + length).saturating_sub(place).div_ceil(stride)).clamp(start, end_of_phase);
        let pixel = (place + (start - here) * stride).saturating_sub(before);
        Segment { place, here, start, end, end_of_phase, pixel }
    }

    /// Fills a packed row from a row of pixels. What follows the row may be spoilt.
    #[inline(always)]
    fn pack_row<S: Simd, A: Lanes>(&self, simd: S, row: Row<'_, A>, segment: Segment, packed: &mut [A]) {
        let Segment { place, here, start, end, end_of_phase, pixel } = segment;
        let stride = self.stride;
        if self.mode == PaddingMode::Zeros {
            zeros(simd, start - here, &mut packed[here..]);
            row.copy(simd, pixel, stride, end - start, &mut packed[start..]);
            zeros(simd, end_of_phase - end, &mut packed[end..]);
            return;
        }
        row.copy(simd, pixel, stride, end - start, &mut packed[start..]);
        for slot in (here..start).chain(end..end_of_phase) {
            let pixel = self.pixel(place + (slot - here) * stride);
            packed[slot] = pixel.map_or(A::default(), |pixel| row.pixel(pixel));
        }
    }
}

/// One phase of a packed row.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// The place on the padded axis of its first slot.
    place: usize,
    /// Its first slot; the slot of its first pixel, the slot behind the last, and the slot behind its own last. Between
    /// them lies the padding.
    here: usize,
    start: usize,
    end: usize,
    end_of_phase: usize,
    /// The first pixel.
    pixel: usize,
}

/// A row of pixels.
#[derive(Clone, Copy)]
enum Row<'a, A> {
    /// Side by side; what follows the row may be seen.
    Slice(&'a [A]),
    Strided(ArrayView1<'a, A>),
}

impl<A: Lanes> Row<'_, A> {
    #[inline(always)]
    fn pixel(&self, pixel: usize) -> A {
        match self {
            Self::Slice(row) => row[pixel],
            Self::Strided(row) => row[pixel],
        }
    }

    /// Copies `count` pixels, every `stride`-th from the first on. What follows them in `into` may be spoilt.
    #[inline(always)]
    fn copy<S: Simd>(self, simd: S, first: usize, stride: usize, count: usize, into: &mut [A]) {
        if count == 0 {
            // There may be no such pixel as the first.
            return;
        }
        match (self, stride) {
            (Self::Slice(row), 1) => side_by_side(simd, &row[first..], count, into),
            (Self::Slice(row), 2) => every_second(simd, &row[first..], count, into),
            (Self::Slice(row), _) => {
                let pixels = row[first..].iter().step_by(stride);
                into[..count].iter_mut().zip(pixels).for_each(|(slot, pixel)| *slot = *pixel);
            }
            (Self::Strided(row), _) => {
                let pixels = row.iter().skip(first).step_by(stride);
                into[..count].iter_mut().zip(pixels).for_each(|(slot, pixel)| *slot = *pixel);
            }
        }
    }
}

/// Writes `count` zeros, as [`every_second`] writes numbers.
#[inline(always)]
fn zeros<S: Simd, A: Lanes>(simd: S, count: usize, into: &mut [A]) {
    let lanes = A::Vector::<S>::LEN;
    for done in (0..count).step_by(lanes) {
        match into.get_mut(done..done + lanes) {
            Some(place) => A::Vector::<S>::splat(simd, A::default()).store_slice(place),
            None => return into[done..count].fill(A::default()),
        }
    }
}

/// Copies `count` numbers, as [`every_second`] does. (The string move that `copy_from_slice` makes of long rows is slow where
/// they do not start on equal places of a cache line: a row of padding shifts them.)
#[inline(always)]
fn side_by_side<S: Simd, A: Lanes>(simd: S, from: &[A], count: usize, into: &mut [A]) {
    let lanes = A::Vector::<S>::LEN;
    for done in (0..count).step_by(lanes) {
        match (from.get(done..done + lanes), into.get_mut(done..done + lanes)) {
            (Some(register), Some(place)) => A::Vector::<S>::from_slice(simd, register).store_slice(place),
            _ => return into[done..count].copy_from_slice(&from[done..count]),
        }
    }
}

/// Copies `count` numbers, every second one. A register at a time, as long as there is room on both sides to read and to
/// write a whole one; what follows in `into` is spoilt.
#[inline(always)]
fn every_second<S: Simd, A: Lanes>(simd: S, from: &[A], count: usize, into: &mut [A]) {
    let lanes = A::Vector::<S>::LEN;
    let mut done = 0;
    while done < count {
        let (Some(pairs), Some(place)) = (from.get(2 * done..2 * (done + lanes)), into.get_mut(done..done + lanes))
        else {
            for at in done..count {
                into[at] = from[2 * at];
            }
            return;
        };
        let (low, high) = pairs.split_at(lanes);
        let (low, high) = (A::Vector::<S>::from_slice(simd, low), A::Vector::<S>::from_slice(simd, high));
        low.unzip_low(high).store_slice(place);
        done += lanes;
    }
}

/// How the bands of a layer are packed: `[channel, slot, slot, slot]`.
#[derive(Debug, Clone)]
pub(super) struct Packing {
    axes: [PackedAxis; 3],
    slots: [usize; 3],
    volume: usize,
}

/// The rows of a band, as one run or as several: outputs whose pixels lie side by side in the packed input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    counts: [usize; 2],
    strides: [usize; 2],
    /// Outputs of a row.
    pub(super) length: usize,
}

impl Rows {
    /// For each row, where its first output reads (add the offset of a tap) and where it stands in the band.
    #[inline(always)]
    pub(super) fn each(self) -> impl Iterator<Item = (usize, usize)> {
        let Self { counts, strides, length } = self;
        (0..counts[0] * counts[1]).map(move |row| {
            let at = row / counts[1] * strides[0] + row % counts[1] * strides[1];
            (at, row * length)
        })
    }
}

impl Packing {
    /// The packing of bands with this many outputs on each axis; `None` if it cannot be counted.
    pub(super) fn new(problem: &Problem, outputs: [usize; 3]) -> Option<Self> {
        let axis = |number: usize| PackedAxis::new(problem.axes[number], problem.mode, outputs[number]);
        Self::with_axes([axis(0)?, axis(1)?, axis(2)?])
    }

    /// The packing of one phase of the pixels. Where the window is dilated it has those under every so many-th output, whose taps
    /// lie side by side in it; where the stride is not 1, those under every so many-th tap, and neighbouring outputs lie side by
    /// side. Not both; and a phase has so many taps on rows and columns.
    pub(super) fn of_phase(problem: &Problem, outputs: [usize; 3], taps: usize, phase: [usize; 3]) -> Option<Self> {
        let axis = |number: usize| {
            let axis = problem.axes[number];
            let phase_length = outputs[number].checked_add(axis.size().min(taps) - 1)?;
            let (stride, phases) = (axis.stride() * axis.dilation(), vec![phase[number]]);
            Some(PackedAxis { axis, mode: problem.mode, stride, phases, phase_length })
        };
        Self::with_axes([axis(0)?, axis(1)?, axis(2)?])
    }

    fn with_axes(axes: [PackedAxis; 3]) -> Option<Self> {
        let slots = [axes[0].slots()?, axes[1].slots()?, axes[2].slots()?];
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

    /// The rows of a band with these outputs, which are those of the packing or fewer. Where rows follow each other without
    /// a gap they are one.
    pub(super) fn rows(&self, outputs: [usize; 3]) -> Rows {
        let [_, rows, columns] = self.slots;
        if columns > outputs[2] {
            return Rows { counts: [outputs[0], outputs[1]], strides: [rows * columns, columns], length: outputs[2] };
        }
        if rows > outputs[1] {
            return Rows { counts: [outputs[0], 1], strides: [rows * columns, 0], length: outputs[1] * columns };
        }
        Rows { counts: [1, 1], strides: [0, 0], length: outputs.iter().product() }
    }
}

/// Packs a band.
pub struct Pack<'a, A> {
    pub(super) packing: &'a Packing,
    /// `[channel, plane, row, column]`.
    pub(super) image: ArrayView4<'a, A>,
    /// The first output of the band.
    pub(super) first: [usize; 3],
    pub(super) packed: &'a mut [A],
}

impl<A: Lanes> Kernel for Pack<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { packing, image, first, packed } = self;
        let Packing { axes, slots, volume } = packing;
        let (channels, planes, rows, columns) = image.dim();
        let in_order = image.to_slice();
        let down = &axes[1];
        let rows_are_the_input =
            (down.stride, down.axis.before(), down.axis.after()) == (1, 0, 0) && axes[2].is_the_input(first[2]);
        // Planes, rows and registers are written in order, as each spoils what follows it.
        for channel in 0..channels {
            for slot in 0..slots[0] {
                let packed = &mut packed[channel * volume + slot * slots[1] * slots[2]..];
                let Some(plane) = axes[0].source(first[0], slot) else {
                    zeros(simd, slots[1] * slots[2], packed);
                    continue;
                };
                if let Some(pixels) = in_order {
                    let start = (channel * planes + plane) * rows * columns;
                    if rows_are_the_input {
                        // In a short band, rows behind the input are not read.
                        let count = (slots[1] * slots[2]).min((rows - first[1]) * columns);
                        side_by_side(simd, &pixels[start + first[1] * columns..], count, packed);
                        continue;
                    }
                    packing.pack_plane(simd, first, packed, |row| Row::Slice(&pixels[start + row * columns..]));
                } else {
                    let plane = image.index_axis(ArrayAxis(0), channel).index_axis_move(ArrayAxis(0), plane);
                    packing.pack_plane(simd, first, packed, |row| {
                        let row = plane.index_axis_move(ArrayAxis(0), row);
                        row.to_slice().map_or(Row::Strided(row), Row::Slice)
                    });
                }
            }
        }
    }
}

impl Packing {
    /// Packs the rows of one plane.
    #[inline(always)]
    fn pack_plane<'a, S: Simd, A: Lanes>(
        &self,
        simd: S,
        first: [usize; 3],
        packed: &mut [A],
        pixels: impl Fn(usize) -> Row<'a, A>,
    ) {
        let (rows, columns) = (&self.axes[1], &self.axes[2]);
        // The segments of all rows are the same. Most layers have one or two.
        let phases = columns.phases.len();
        let segments = [columns.segment(first[2], 0), columns.segment(first[2], 1.min(phases - 1))];
        for slot in 0..self.slots[1] {
            let packed = &mut packed[slot * self.slots[2]..];
            let Some(row) = rows.source(first[1], slot) else {
                zeros(simd, self.slots[2], packed);
                continue;
            };
            let row = pixels(row);
            for phase in 0..phases {
                let segment = segments.get(phase).copied().unwrap_or_else(|| columns.segment(first[2], phase));
                columns.pack_row(simd, row, segment, packed);
            }
        }
    }
}
