//! Ways to hold a tensor in memory other than in row-major order without gaps.

use featuremap::Tensor;
use ndarray::{ArrayD, ArrayViewMutD, Axis, IxDyn, Slice};

/// A way to hold a tensor `[batch, channel, spatial…]`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    /// `[batch, spatial…, channel]`, seen with its channels in front.
    ChannelsLast,
    /// Every axis from its end to its start.
    Backwards,
    /// Every second element of every axis.
    Gaps,
}

impl Layout {
    pub(crate) const ALL: [Self; 3] = [Self::ChannelsLast, Self::Backwards, Self::Gaps];

    /// Memory for a tensor of this shape, filled with one value.
    pub(crate) fn memory<T: Clone>(self, shape: &[usize], fill: T) -> ArrayD<T> {
        let mut shape = shape.to_vec();
        match self {
            Self::ChannelsLast => shape[1..].rotate_left(1),
            Self::Backwards => {}
            Self::Gaps => shape.iter_mut().for_each(|length| *length *= 2),
        }
        ArrayD::from_elem(IxDyn(&shape), fill)
    }

    /// Memory that holds a copy of `tensor`, with `fill` in the gaps.
    pub(crate) fn hold<T: Clone>(self, tensor: &Tensor<T>, fill: T) -> ArrayD<T> {
        let mut memory = self.memory(tensor.shape(), fill);
        self.view(&mut memory).assign(tensor.as_array());
        memory
    }

    /// The tensor in such memory.
    pub(crate) fn view<T>(self, memory: &mut ArrayD<T>) -> ArrayViewMutD<'_, T> {
        match self {
            Self::ChannelsLast => {
                let mut axes: Vec<usize> = (0..memory.ndim()).collect();
                axes[1..].rotate_right(1);
                memory.view_mut().permuted_axes(IxDyn(&axes))
            }
            Self::Backwards => {
                let mut view = memory.view_mut();
                (0..view.ndim()).for_each(|axis| view.invert_axis(Axis(axis)));
                view
            }
            Self::Gaps => memory.slice_each_axis_mut(|_| Slice::new(1, None, 2)),
        }
    }
}
