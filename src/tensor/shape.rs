//! The rank rule: an operation over `N` spatial axes takes `[spatial…]`, `[channel, spatial…]` or
//! `[batch, channel, spatial…]`, told apart by rank alone and never by size.

use crate::{Error, Result};

/// A shape read by the rank rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MapShape<const N: usize> {
    pub(crate) batch: Option<usize>,
    pub(crate) channels: Option<usize>,
    pub(crate) spatial: [usize; N],
}

impl<const N: usize> MapShape<N> {
    /// Reads the shape of `what`, as in "the input of a 2-D convolution".
    pub(crate) fn read(shape: &[usize], what: &str) -> Result<Self> {
        let (batch, channels) = match shape.len().checked_sub(N) {
            Some(0) => (None, None),
            Some(1) => (None, Some(shape[0])),
            Some(2) => (Some(shape[0]), Some(shape[1])),
            _ => {
                return Err(Error::Rank {
                    what: what.into(),
                    expected: format!(
                        "of rank {N} [spatial], {} [channel, spatial] or {} [batch, channel, spatial]",
                        N + 1,
                        N + 2
                    ),
                    found: shape.to_vec(),
                });
            }
        };
        let mut spatial = [0; N];
        spatial.copy_from_slice(&shape[shape.len() - N..]);
        Ok(Self { batch, channels, spatial })
    }

    /// Channels of an image; 1 where there is no channel axis.
    pub(crate) fn channel_count(&self) -> usize {
        self.channels.unwrap_or(1)
    }

    /// The same batch and channels over another spatial size.
    pub(crate) fn over(self, spatial: [usize; N]) -> Self {
        Self { spatial, ..self }
    }

    /// The shape as a list, with the axes that were there.
    pub(crate) fn to_vec(self) -> Vec<usize> {
        self.batch.into_iter().chain(self.channels).chain(self.spatial).collect()
    }
}
