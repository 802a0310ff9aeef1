//! A convolution with an activation or a batch norm after it: what is done to its sums before they are stored.

use std::any::Any;
use std::sync::Arc;

use super::Conv;
use super::filters::{Bank, of_sums};
use super::prepared::Prepared;
use crate::kernels::activation::FusedActivation;
use crate::tensor::Tensor;
use crate::{Activation, ChannelScale, Element};

impl<T: Element, const N: usize> Conv<T, N> {
    /// The same without its activation, and that.
    pub(crate) fn without_activation(mut self) -> (Self, Option<FusedActivation<T::Sum>>) {
        let activation = self.activation.take();
        (self, activation)
    }

    /// The same with another activation.
    pub(crate) fn with_fused(self, activation: Option<FusedActivation<T::Sum>>) -> Self {
        Self { activation, ..self }
    }

    /// This convolution with an activation after it; `None` where it cannot be fused.
    pub(crate) fn activated(&self, activation: Activation) -> Option<Self> {
        let next = FusedActivation::of(activation)?;
        let activation = match self.activation {
            Some(activation) => activation.then(next)?,
            None => next,
        };
        Some(Self { activation: Some(activation), version: self.version.shared(), ..self.clone() })
    }

    /// This convolution with its output channels scaled and shifted, in its filters and its bias: `None` where it has an activation
    /// first, where its weights are of another type than its sums, and where there is not a number for each of its filters.
    pub(crate) fn scaled(&self, scale: &ChannelScale<T::Sum>) -> Option<Self> {
        let outputs = Bank::<N>::read(self.filters.shape()).ok()?.outputs;
        let bias = self.bias.as_ref().map(|bias| bias.iter().copied().collect::<Vec<T::Sum>>());
        let bias = bias.unwrap_or_else(|| vec![T::Sum::ZERO; outputs]);
        if self.activation.is_some() || scale.len() != outputs || bias.len() != outputs {
            return None;
        }
        let filters = of_sums(&self.filters)?;
        let of_filter = (filters.len() / outputs.max(1)).max(1);
        let mut weights = filters.view().contiguous().ok()?.into_owned();
        for (weights, &factor) in weights.chunks_exact_mut(of_filter).zip(scale.factors()) {
            for weight in weights {
                *weight = weight.times(factor);
            }
        }
        let mut weights = Tensor::from_vec(filters.shape(), weights).ok()?;
        let numbers = bias.iter().zip(scale.factors()).zip(scale.offsets());
        let bias: Vec<_> = numbers.map(|((&bias, &factor), &offset)| bias.times(factor).plus(offset)).collect();
        Some(Self {
            filters: Arc::new((&mut weights as &mut dyn Any).downcast_mut().map(std::mem::take)?),
            bias: Some(Tensor::from_vec(&[outputs], bias).ok()?),
            prepared: Prepared::default(),
            version: self.version.shared(),
            window: self.window,
            padding_mode: self.padding_mode,
            groups: self.groups,
            activation: self.activation,
            ruled_out: self.ruled_out,
        })
    }
}
