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
use crate::Element;
use crate::window::{Axis, PaddingMode};

/// How one axis of a band is packed.
#[derive(Debug, Clone)]
struct PackedAxis {
    axis: Axis,
    mode: PaddingMode,
    /// The phases that a tap meets, ascending.
    phases: Vec<usize>,
    /// Slots of one phase: the outputs of the band, and as many more as its last tap lies ahead of its first.
    phase_length: usize,
}

impl PackedAxis {
    /// `None` if the packed axis would be longer than can be counted.
    fn new(axis: Axis, mode: PaddingMode, outputs: usize) -> Option<Self> {
        // A stride beyond the input leaves one output; the phases of its taps are then the taps themselves.
        let mut phases: Vec<usize> =
            (0..axis.size()).map(|tap| tap * axis.dilation() % axis.stride()).take(axis.stride()).collect();
        phases.sort_unstable();
        phases.dedup();
        let reach = (axis.size() - 1) * axis.dilation() / axis.stride();
        Some(Self { axis, mode, phases, phase_length: outputs.checked_add(reach)? })
    }

    fn slots(&self) -> Option<usize> {
        self.phases.len().checked_mul(self.phase_length)
    }

    /// The slot that a tap finds for the first output of the band.
    fn slot(&self, tap: usize) -> usize {
        let ahead = tap * self.axis.dilation();
        let phase = self.phases.partition_point(|&phase| phase < ahead % self.axis.stride());
        phase * self.phase_length + ahead / self.axis.stride()
    }

    /// The place on the padded axis of the first slot of a phase, for a band that starts with this output.
    fn place(&self, first: usize, phase: usize) -> usize {
        first * self.axis.stride() + self.phases[phase]
    }

    /// The pixel that stands at a place of the padded axis. Places beyond it, where a band has fewer outputs than the
    /// packing, are never read.
    fn pixel(&self, place: usize) -> Option<usize> {
        if place >= self.axis.padded_length() {
            return None;
        }
        self.mode.source(place.cast_signed() - self.axis.before().cast_signed(), self.axis.length())
    }

    /// The pixel in a slot.
    fn source(&self, first: usize, slot: usize) -> Option<usize> {
        let (phase, ahead) = (slot / self.phase_length, slot % self.phase_length);
        self.pixel(self.place(first, phase) + ahead * self.axis.stride())
    }

    /// Fills a packed row from a row of pixels.
    #[inline(always)]
    fn pack_row<T: Element>(&self, row: Row<'_, T>, first: usize, packed: &mut [T::Sum]) {
        let (stride, before, length) = (self.axis.stride(), self.axis.before(), self.axis.length());
        for (phase, packed) in packed.chunks_exact_mut(self.phase_length).enumerate() {
            let place = self.place(first, phase);
            // Slots before this one lie on the padding before the input, slots from `end` on behind it.
            let start = before.saturating_sub(place).div_ceil(stride).min(packed.len());
            let end = (before + length).saturating_sub(place).div_ceil(stride).clamp(start, packed.len());
            if start < end {
                row.widen(place + start * stride - before, stride, &mut packed[start..end]);
            }
            if self.mode == PaddingMode::Zeros {
                packed[..start].fill(T::Sum::ZERO);
                packed[end..].fill(T::Sum::ZERO);
            } else {
                for slot in (0..start).chain(end..packed.len()) {
                    let pixel = self.pixel(place + slot * stride);
                    packed[slot] = pixel.map_or(T::Sum::ZERO, |pixel| row.pixel(pixel).widen());
                }
            }
        }
    }
}

/// A row of pixels, side by side or not.
#[derive(Clone, Copy)]
enum Row<'a, T> {
    Slice(&'a [T]),
    Strided(ArrayView1<'a, T>),
}

impl<T: Element> Row<'_, T> {
    #[inline(always)]
    fn pixel(&self, pixel: usize) -> T {
        match self {
            Self::Slice(row) => row[pixel],
            Self::Strided(row) => row[pixel],
        }
    }

    /// Copies every `stride`-th pixel from the first on.
    #[inline(always)]
    fn widen(self, first: usize, stride: usize, into: &mut [T::Sum]) {
        match (self, stride) {
            (Self::Slice(row), 1) => {
                into.iter_mut().zip(&row[first..]).for_each(|(slot, pixel)| *slot = pixel.widen());
            }
            (Self::Slice(row), 2) => {
                // The last pixel may lack the second of its pair.
                let pairs = row[first..].chunks_exact(2);
                if let (Some(last), [pixel]) = (into.get_mut(pairs.len()), pairs.remainder()) {
                    *last = pixel.widen();
                }
                into.iter_mut().zip(pairs).for_each(|(slot, pair)| *slot = pair[0].widen());
            }
            (Self::Slice(row), _) => {
                let pixels = row[first..].iter().step_by(stride);
                into.iter_mut().zip(pixels).for_each(|(slot, pixel)| *slot = pixel.widen());
            }
            (Self::Strided(row), _) => {
                let pixels = row.iter().skip(first).step_by(stride);
                into.iter_mut().zip(pixels).for_each(|(slot, pixel)| *slot = pixel.widen());
            }
        }
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
        let axes = [axis(0)?, axis(1)?, axis(2)?];
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

    /// Packs a band that starts with the output `first`: the channels in `image`, `[channel, plane, row, column]`.
    #[inline(always)]
    pub(super) fn pack<T: Element>(&self, image: &ArrayView4<'_, T>, first: [usize; 3], packed: &mut [T::Sum]) {
        let (_, planes, rows, columns) = image.dim();
        let in_order = image.to_slice();
        for (channel, volume) in packed.chunks_exact_mut(self.volume).enumerate().take(image.len_of(ArrayAxis(0))) {
            for (slot, packed_rows) in volume.chunks_exact_mut(self.slots[1] * self.slots[2]).enumerate() {
                let plane = self.axes[0].source(first[0], slot);
                for (slot, packed) in packed_rows.chunks_exact_mut(self.slots[2]).enumerate() {
                    let (Some(plane), Some(row)) = (plane, self.axes[1].source(first[1], slot)) else {
                        packed.fill(T::Sum::ZERO);
                        continue;
                    };
                    let row = match in_order {
                        Some(pixels) => {
                            Row::Slice(&pixels[((channel * planes + plane) * rows + row) * columns..][..columns])
                        }
                        None => {
                            let planes = image.index_axis_move(ArrayAxis(0), channel);
                            let row = planes.index_axis_move(ArrayAxis(0), plane).index_axis_move(ArrayAxis(0), row);
                            row.to_slice().map_or(Row::Strided(row), Row::Slice)
                        }
                    };
                    self.axes[2].pack_row(row, first[2], packed);
                }
            }
        }
    }
}
