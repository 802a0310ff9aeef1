//! A convolution with an activation or a batch norm after it: what is done to its sums before they are stored.

use std::any::Any;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::Conv;
use super::filters::Bank;
use super::parameters::of_sums;
use super::prepared::Prepared;
use crate::kernels::epilogue::Clamp;
use crate::module::{Module, Operator};
use crate::tensor::{Tensor, TensorView, TensorViewMut};
use crate::{Activation, Band, Bands, ChannelScale, Element, Fusible, Lowering, Plan, Quads, Result};

impl<T: Element, const N: usize> Conv<T, N> {
    /// The same with another clamp.
    pub(crate) fn clamped(mut self, clamp: Option<Clamp<T::Sum>>) -> Self {
        self.clamp = clamp;
        self
    }

    /// What is done to sums before they are stored.
    pub(crate) fn clamp(&self) -> Option<Clamp<T::Sum>> {
        self.clamp
    }

    /// This convolution with its output channels scaled and shifted, in its filters and its bias: `None` where it clamps its results
    /// first, where its weights are of another type than its sums, and where there is not a number for each of its filters.
    pub(crate) fn scaled(&self, scale: &ChannelScale<T::Sum>) -> Option<Self> {
        let outputs = Bank::<N>::read(self.filters.shape()).ok()?.outputs;
        let bias = self.bias.as_ref().map(|bias| bias.iter().copied().collect::<Vec<T::Sum>>());
        let bias = bias.unwrap_or_else(|| vec![T::Sum::ZERO; outputs]);
        if self.clamp.is_some() || scale.len() != outputs || bias.len() != outputs {
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
            clamp: self.clamp,
            ruled_out: self.ruled_out,
        })
    }
}

/// A convolution, its own or with other weights, with a clamp after it.
#[derive(Clone)]
pub(super) struct ClampedConv<'a, T: Element, const N: usize> {
    pub(super) conv: Cow<'a, Conv<T, N>>,
    pub(super) clamp: Option<Clamp<T::Sum>>,
}

impl<'a, T: Element, const N: usize> ClampedConv<'a, T, N> {
    /// The same with an activation after that; `None` for one that is no clamp.
    pub(super) fn and(self, activation: Activation) -> Option<Box<dyn Fusible<T, T::Sum> + 'a>> {
        let next = Clamp::of(activation)?;
        let clamp = self.clamp.map_or(next, |clamp| clamp.then(next));
        Some(Box::new(Self { clamp: Some(clamp), ..self }))
    }
}

impl<T: Element, const N: usize> Operator for ClampedConv<'_, T, N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.conv.output_shape(input)
    }

    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        self.conv.multiply_adds(input_shape)
    }
}

impl<T: Element, const N: usize> Module<T, T::Sum> for ClampedConv<'_, T, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        self.conv.clone().into_owned().clamped(self.clamp).forward_into(input, output)
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T, T::Sum>> {
        self.conv.plan_with(input_shape, self.clamp, None)
    }

    fn lowering(&self) -> Lowering<'_, T, T::Sum> {
        Lowering::Fusible(self)
    }
}

impl<T: Element, const N: usize> Fusible<T, T::Sum> for ClampedConv<'_, T, N> {
    fn with_activation(&self, activation: Activation) -> Option<Box<dyn Fusible<T, T::Sum> + '_>> {
        self.clone().and(activation)
    }

    fn plan_pooled(&self, input_shape: &[usize], quads: Quads) -> Option<Plan<T, T::Sum>> {
        self.conv.plan_pooled_with(input_shape, self.clamp, quads)
    }

    fn bands(&self) -> Option<&dyn Bands<T, T::Sum>> {
        Some(self)
    }
}

impl<T: Element, const N: usize> Bands<T, T::Sum> for ClampedConv<'_, T, N> {
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        self.conv.find_band(input_shape, rows)
    }

    fn plan_band(&self, input_shape: &[usize], band: &Band) -> Result<Plan<T, T::Sum>> {
        self.conv.plan_with(input_shape, self.clamp, Some(band))
    }
}
