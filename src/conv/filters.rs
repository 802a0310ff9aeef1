//! What the filters of a convolution say by their shape; filters and bias as parameters, whose type is that of the sums, as saved networks
//! have it.

use std::any::Any;

use crate::tensor::{MapShape, Tensor, TensorView, TensorViewMut};
use crate::window::Geometry;
use crate::{Element, Error, Result};

/// The filters of a convolution, whatever rank they were given with, seen as a bank
/// `[outputs, inputs, size…]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bank<const N: usize> {
    /// Filters, and so output channels.
    pub(super) outputs: usize,
    /// Channels that one filter takes: the input's channels divided by the groups.
    pub(super) inputs: usize,
    pub(super) size: [usize; N],
    given_as: GivenAs,
}

/// A layer of fewer products than this is computed by tap.
const SMALL: usize = 2000;

/// Which row of the rank rule the filters belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenAs {
    /// `[size…]`: one filter for one channel.
    Plane,
    /// `[channels, size…]`: one filter over a volume.
    Volume,
    /// `[outputs, channels / groups, size…]`.
    Bank,
}

impl<const N: usize> Bank<N> {
    pub(super) fn read(filters: &[usize]) -> Result<Self> {
        let (outputs, inputs, given_as) = match filters.len().checked_sub(N) {
            Some(0) => (1, 1, GivenAs::Plane),
            Some(1) => (1, filters[0], GivenAs::Volume),
            Some(2) => (filters[0], filters[1], GivenAs::Bank),
            _ => {
                return Err(Error::Rank {
                    what: format!("filters of a {N}-D convolution"),
                    expected: format!(
                        "of rank {N} [size], {} [channels, size] or {} [filters, channels / groups, size]",
                        N + 1,
                        N + 2
                    ),
                    found: filters.to_vec(),
                });
            }
        };
        let mut size = [0; N];
        size.copy_from_slice(&filters[filters.len() - N..]);
        Ok(Self { outputs, inputs, size, given_as })
    }

    /// The bank of a transposed convolution, whose filters `[channels, outputs / groups, size…]` have been read as those
    /// of the convolution that it transposes.
    pub(super) fn transposed(self, groups: usize) -> Result<Self> {
        let (channels, outputs_of_group) = (self.outputs, self.inputs);
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::Groups { what: "input channels", count: channels, groups });
        }
        let outputs = outputs_of_group.checked_mul(groups).ok_or_else(|| Error::TooLarge {
            what: "the output channels of all groups",
            sizes: vec![outputs_of_group, groups],
        })?;
        Ok(Self { outputs, inputs: channels / groups, ..self })
    }

    /// Refuses groups that do not divide the filters, and inputs with other channels than they take.
    pub(super) fn check(&self, filters: &[usize], groups: usize, input: &MapShape<N>) -> Result<()> {
        let found = input.channel_count();
        if groups == 0 || !self.outputs.is_multiple_of(groups) {
            return Err(Error::Groups { what: "filters", count: self.outputs, groups });
        }
        let expected = self.inputs.checked_mul(groups).ok_or_else(|| Error::TooLarge {
            what: "the input channels of all groups",
            sizes: vec![self.inputs, groups],
        })?;
        if found == expected {
            return Ok(());
        }
        let hint = match self.given_as {
            GivenAs::Plane => {
                format!("; to filter each channel alone, use groups({found}) with filters of shape [{found}, 1, size]")
            }
            GivenAs::Bank if self.inputs > 0 && found.is_multiple_of(self.inputs) && found > 0 => {
                format!("; groups({}) would fit", found / self.inputs)
            }
            _ => String::new(),
        };
        Err(Error::Channels { expected, found, filters: filters.to_vec(), groups, hint })
    }

    /// The output shape by the rank rule: a channel axis appears where the input has one or the filters
    /// are a bank.
    pub(super) fn output(&self, input: &MapShape<N>, spatial: [usize; N]) -> MapShape<N> {
        let has_channels = input.channels.is_some() || self.given_as == GivenAs::Bank;
        MapShape { batch: input.batch, channels: has_channels.then_some(self.outputs), spatial }
    }

    /// Whether preparing anything for one call would take longer than the call: few products, of all images, whichever way they go.
    pub(super) fn is_small(&self, geometry: &Geometry<N>, output: &MapShape<N>) -> bool {
        let factors = [output.batch.unwrap_or(1), self.outputs, self.inputs, geometry.outputs(), geometry.taps()];
        factors.into_iter().fold(1, usize::saturating_mul) < SMALL
    }

    /// Refuses a bias that is not one number an output channel.
    pub(super) fn check_bias(&self, bias: Option<&[usize]>) -> Result<()> {
        match bias {
            Some(shape) if shape != [self.outputs] => {
                Err(Error::Bias { expected: self.outputs, found: shape.to_vec() })
            }
            _ => Ok(()),
        }
    }
}

/// A tensor of the type of sums, where this is one.
pub(super) fn of_sums<T: Element>(tensor: &Tensor<T>) -> Option<&Tensor<T::Sum>> {
    (tensor as &dyn Any).downcast_ref()
}

/// Filters, where their type is that of the sums, and the bias, with their names.
pub(super) fn parameters<'a, T: Element>(
    filters: &'a Tensor<T>,
    bias: Option<&'a Tensor<T::Sum>>,
) -> Vec<(String, TensorView<'a, T::Sum>)> {
    let named = [("weight", of_sums(filters)), ("bias", bias)];
    named.into_iter().filter_map(|(name, tensor)| Some((name.into(), tensor?.view()))).collect()
}

/// The same, to write to.
pub(super) fn parameters_mut<'a, T: Element>(
    filters: &'a mut Tensor<T>,
    bias: Option<&'a mut Tensor<T::Sum>>,
) -> Vec<(String, TensorViewMut<'a, T::Sum>)> {
    let named = [("weight", (filters as &mut dyn Any).downcast_mut::<Tensor<T::Sum>>()), ("bias", bias)];
    named.into_iter().filter_map(|(name, tensor)| Some((name.into(), tensor?.view_mut()))).collect()
}
