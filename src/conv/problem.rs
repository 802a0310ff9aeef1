//! A layer as the fast algorithms see it: three spatial axes.

use super::ConvLayer;
use crate::Quads;
use crate::window::{Axis, PaddingMode};

/// Scratch of so many numbers is in proportion to any layer.
pub(super) const LITTLE_SCRATCH: usize = 1 << 16;

/// A convolution over three spatial axes, outermost first; axes that the layer lacks have one pixel and one output.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) images: usize,
    pub(super) groups: usize,
    /// Channels of one group.
    pub(super) channels: usize,
    /// Filters of one group.
    pub(super) filters: usize,
    pub(super) axes: [Axis; 3],
    /// How many of the axes the layer has.
    pub(super) spatial_axes: usize,
    pub(super) mode: PaddingMode,
    /// What is made of each 2×2 pixels of the maps, before they are stored.
    pub(super) quads: Option<Quads>,
}

/// No address space holds more numbers: a layer with more of them as its output is never computed.
const MOST_OUTPUTS: u64 = 1 << 47;

impl Problem {
    /// `None` for layers with more spatial axes, with nothing to compute or to compute it from, or with an output that cannot exist: not
    /// even a band of that should be laid down.
    pub(super) fn new<const N: usize>(layer: &ConvLayer<N>, groups: usize, mode: PaddingMode) -> Option<Self> {
        let images = layer.output.batch.unwrap_or(1);
        let (channels, filters) = (layer.bank.inputs, layer.bank.outputs / groups);
        let outputs = layer.output.to_vec().into_iter().fold(1, usize::saturating_mul);
        let is_impossible = outputs as u64 > MOST_OUTPUTS.min(isize::MAX as u64);
        if images == 0 || channels == 0 || filters == 0 || is_impossible {
            return None;
        }
        let axes = layer.geometry.in_three()?.map(Axis::without_idle_steps);
        Some(Self { images, groups, channels, filters, axes, spatial_axes: N, mode, quads: None })
    }

    pub(super) fn input_size(&self) -> [usize; 3] {
        self.axes.map(|axis| axis.length())
    }

    /// Pixels of one channel; the most that can be counted, if there are more.
    pub(super) fn pixels(&self) -> usize {
        self.input_size().into_iter().fold(1, usize::saturating_mul)
    }

    pub(super) fn output_size(&self) -> [usize; 3] {
        self.axes.map(|axis| axis.outputs())
    }

    /// The size of the maps as they are stored.
    pub(super) fn stored_size(&self) -> [usize; 3] {
        let [planes, rows, columns] = self.output_size();
        [planes, rows / self.pooled_by(), columns / self.pooled_by()]
    }

    /// Pixels of the maps for one that is stored, along rows and columns.
    pub(super) fn pooled_by(&self) -> usize {
        if self.quads.is_some() { 2 } else { 1 }
    }

    pub(super) fn outputs(&self) -> usize {
        self.output_size().iter().product()
    }

    /// Taps of one filter in one channel.
    pub(super) fn taps(&self) -> usize {
        self.axes.iter().map(Axis::size).product()
    }

    /// Whether it has two axes at most: one plane of pixels, under one of taps.
    pub(super) fn is_flat(&self) -> bool {
        let planes = &self.axes[0];
        (planes.length(), planes.size(), planes.outputs(), planes.before()) == (1, 1, 1, 0)
    }

    /// Whether pixels can be read where they lie: windows meet no padding, and neighbouring outputs find theirs side by side in a row.
    pub(super) fn is_in_place(&self) -> bool {
        self.axes.iter().all(|axis| axis.whole_windows().len() == axis.outputs()) && self.axes[2].stride() == 1
    }

    /// Numbers that a packed input of one group may have without being out of all proportion: a few times those that are read, however
    /// many lie between them, and a few that any layer may have.
    pub(super) fn proportionate(&self) -> usize {
        let read = self.outputs().saturating_mul(self.taps()).saturating_mul(self.channels);
        read.saturating_mul(4).max(LITTLE_SCRATCH)
    }

    /// Products that one output is the sum of.
    pub(super) fn depth(&self) -> usize {
        self.channels * self.taps()
    }

    /// Multiply-adds of the definition.
    pub(super) fn products(&self) -> f64 {
        [self.images, self.groups, self.filters, self.outputs(), self.channels, self.taps()]
            .iter()
            .map(|&factor| factor as f64)
            .product()
    }

    /// The axis along which maps are cut into bands: the outermost with more than one output. A band of a map that lies
    /// in order lies in one piece.
    pub(super) fn band_axis(&self) -> usize {
        self.axes.iter().position(|axis| axis.outputs() > 1).unwrap_or(2)
    }

    /// The outputs of a band, before they are pooled, with so many of them along the band axis as they are stored.
    pub(super) fn band_size(&self, outputs: usize) -> [usize; 3] {
        let mut size = self.output_size();
        size[self.band_axis()] = outputs * self.pooled_by();
        size
    }

    /// The first output of a band, before it is pooled, which begins with so many-th along the band axis as they are stored.
    pub(super) fn band_start(&self, first: usize) -> [usize; 3] {
        let mut start = [0; 3];
        start[self.band_axis()] = first * self.pooled_by();
        start
    }
}
