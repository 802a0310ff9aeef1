//! [`ChannelScale`]: a factor and an offset for each channel, which is what a batch norm is once it is trained.

use std::sync::Arc;

use crate::Element;
use crate::module::{Seen, Version};
use crate::parallel::{share, workers};
use crate::tensor::TensorViewMut;

/// Where the channels of a tensor lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelAxis {
    /// On the second axis, whatever the rank: `[batch, channel, …]`.
    Second,
    /// Before so many spatial axes: `[channel, spatial…]` or `[batch, channel, spatial…]`.
    Before(usize),
}

impl ChannelAxis {
    /// The axis of a tensor of this rank, if it has it.
    pub fn of(self, rank: usize) -> Option<usize> {
        match self {
            Self::Second => Some(1).filter(|&axis| axis < rank),
            Self::Before(spatial) => rank.checked_sub(spatial)?.checked_sub(1),
        }
    }
}

/// Elements that a thread takes at once.
const PIECE: usize = 1 << 13;

/// `factor · x + offset`, with a factor and an offset for each channel.
#[derive(Clone)]
pub struct ChannelScale<T> {
    factors: Arc<[T]>,
    offsets: Arc<[T]>,
    channels: ChannelAxis,
    /// Of the parameters that it was made of.
    seen: Option<Seen>,
}

impl<T: Element> ChannelScale<T> {
    /// With a factor and an offset for each channel. Where one list is longer, its end does not count.
    pub fn new(factors: Vec<T>, offsets: Vec<T>, channels: ChannelAxis) -> Self {
        let count = factors.len().min(offsets.len());
        let cut = |mut numbers: Vec<T>| -> Arc<[T]> {
            numbers.truncate(count);
            numbers.into()
        };
        Self { factors: cut(factors), offsets: cut(offsets), channels, seen: None }
    }

    /// The same, which plans refuse to run with once the parameters have been given out to be written to.
    pub(crate) fn of_version(self, version: &Version) -> Self {
        Self { seen: Some(version.seen()), ..self }
    }

    pub(crate) fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// How many channels there are.
    pub fn len(&self) -> usize {
        self.factors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.factors.is_empty()
    }

    /// The factor of each channel.
    pub fn factors(&self) -> &[T] {
        &self.factors
    }

    /// The offset of each channel.
    pub fn offsets(&self) -> &[T] {
        &self.offsets
    }

    /// The axis of the channels in a tensor of this rank, if it has it.
    pub fn axis(&self, rank: usize) -> Option<usize> {
        self.channels.of(rank)
    }

    /// Whether it can be applied to a tensor of this shape.
    pub(crate) fn fits(&self, shape: &[usize]) -> bool {
        self.axis(shape.len()).is_some_and(|axis| shape[axis] == self.len())
    }

    /// How many elements of a tensor that it [fits](Self::fits) lie next to each other for one channel, if there are any.
    pub(crate) fn plane(&self, shape: &[usize]) -> Option<usize> {
        let axis = self.axis(shape.len())?;
        (!shape.contains(&0)).then(|| shape[axis + 1..].iter().product())
    }

    /// Applies it to some elements of a tensor in row-major order, from a place on, with so many for one channel.
    pub(crate) fn apply_to(&self, mut elements: &mut [T], first: usize, plane: usize) {
        let (mut channel, mut left) = (first / plane % self.len(), plane - first % plane);
        while !elements.is_empty() {
            let of_channel = elements.split_off_mut(..left.min(elements.len())).unwrap_or_default();
            T::scale(of_channel, self.factors[channel], self.offsets[channel]);
            channel = if channel + 1 < self.len() { channel + 1 } else { 0 };
            left = plane;
        }
    }

    /// Applies it in place, to a tensor that it [fits](Self::fits).
    pub(crate) fn apply(&self, mut map: TensorViewMut<'_, T>) {
        let Some(plane) = self.plane(map.shape()) else { return };
        if let Some(elements) = map.as_slice_mut() {
            let workers = workers::<T>(elements.len());
            let pieces = elements.chunks_mut(PIECE).enumerate();
            share(std::iter::repeat_n((), workers), pieces, |(), (piece, elements)| {
                self.apply_to(elements, piece * PIECE, plane);
            });
            return;
        }
        let mut numbers = self.factors.iter().zip(self.offsets.iter()).cycle();
        let mut left = 0;
        let mut current = (T::ZERO, T::ZERO);
        map.each(|element| {
            if left == 0 {
                left = plane;
                current = numbers.next().map_or(current, |(&factor, &offset)| (factor, offset));
            }
            left -= 1;
            T::scale(std::slice::from_mut(element), current.0, current.1);
        });
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for ChannelScale<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChannelScale({} channels)", self.factors.len())
    }
}
