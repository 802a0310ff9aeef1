//! A convolution as a module: which algorithm computes it, at once or as a plan.

use std::ops::Range;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::fast::{self, Fast, Parameters};
use super::filters::{parameters, parameters_mut};
use super::kernels::{self, Convolve, Ready};
use super::prepared::Prepared;
use super::problem::Problem;
use super::{Conv, ConvLayer, bias_of, reference, taps};
use crate::module::{Module, Operator, RunInScratch, check_shape};
use crate::simd::Level;
use crate::tensor::{Tensor, TensorView, TensorViewMut};
use crate::window::PaddingMode;
use crate::{Activation, Band, Bands, ChannelScale, Element, Fusible, Lowering, Plan, Quads, Result};

impl<T: Element, const N: usize> Operator for Conv<T, N> {
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(self.layer(input)?.output.to_vec())
    }

    fn name(&self) -> String {
        format!("Conv{N}d")
    }

    fn multiply_adds(&self, input_shape: &[usize]) -> u64 {
        self.count_multiply_adds(input_shape)
    }
}

/// How a convolution may run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    pub(super) level: Level,
    pub(super) threads: usize,
}

impl Means {
    /// All that there is. Filters of one channel read a pixel for each product, which takes them several times as long.
    pub(super) fn of(problem: &Problem) -> Self {
        let as_long = if problem.channels == 1 { 4.0 } else { 1.0 };
        Self { level: Level::new(), threads: fast::threads_for(problem.products() * as_long) }
    }
}

impl<T: Element, const N: usize> Conv<T, N> {
    /// This convolution by the fastest algorithm that may be used, or by the one that is asked for; `None` where it is best
    /// done by tap.
    pub(super) fn fast(&self, layer: &ConvLayer<N>, asked: Option<(Algorithm, Means)>) -> Result<Option<ConvPlan<T>>> {
        let Some(problem) = Problem::new(layer, self.groups, self.padding_mode) else { return Ok(None) };
        self.fast_for(problem, asked)
    }

    /// The same of what may be a part of it.
    pub(super) fn fast_for(&self, problem: Problem, asked: Option<(Algorithm, Means)>) -> Result<Option<ConvPlan<T>>> {
        let Some(kernels) = kernels::of() else { return Ok(None) };
        let asked = asked.unwrap_or_else(|| (self.fastest(kernels, &problem), Means::of(&problem)));
        let bias = self.bias.as_ref().map(|bias| bias.iter().copied().collect());
        let parameters =
            Parameters { weights: &self.filters, bias, activation: self.activation, prepared: &self.prepared };
        Ok(kernels.fast(problem, asked, parameters)?.map(|layer| Ready { kernels, layer }))
    }

    /// The fastest algorithm that may be used.
    pub(super) fn fastest(&self, kernels: &dyn Convolve<T>, problem: &Problem) -> Algorithm {
        kernels.fastest(problem, self.ruled_out, &self.filters.view(), &self.prepared)
    }

    /// Computes by tap, which needs nothing prepared.
    fn by_tap(&self, layer: &ConvLayer<N>, input: &TensorView<'_, T>, output: &mut [T::Sum]) -> Result<()> {
        let weights = self.filters.view().contiguous()?;
        // A zero of the padding counts for nothing, and need not be there, unless it meets an infinite weight.
        let padding_counts =
            self.padding_mode != PaddingMode::Zeros || !weights.iter().all(|weight| weight.is_finite());
        let pixels = input.contiguous()?;
        if padding_counts && layer.padding_is_mostly_unread() {
            reference::write(self, layer, input, output);
            return Ok(());
        }
        let padded = match padding_counts {
            true => taps::padded(&pixels, &layer.geometry, self.padding_mode)?,
            false => None,
        };
        let (pixels, geometry) = match &padded {
            Some((pixels, geometry)) => (&pixels[..], geometry),
            None => (&pixels[..], &layer.geometry),
        };
        taps::ByTap { geometry, bank: &layer.bank, groups: self.groups, weights: &weights, pixels }
            .run(&mut *output, |output| bias_of::<T>(self.bias.as_ref(), output))?;
        if let Some(activation) = self.activation {
            for sum in output {
                *sum = activation.apply(*sum);
            }
        }
        Ok(())
    }
}

impl<T: Element, const N: usize> Module<T, T::Sum> for Conv<T, N> {
    fn forward_into(&self, input: TensorView<'_, T>, output: TensorViewMut<'_, T::Sum>) -> Result<()> {
        let layer = self.layer(input.shape())?;
        check_shape(&layer.output.to_vec(), &output)?;
        let fast = if layer.bank.is_small(&layer.geometry, &layer.output) { None } else { self.fast(&layer, None)? };
        output.write_with(&mut |output| match &fast {
            Some(fast) => fast.run_once(&input, output),
            None => self.by_tap(&layer, &input, output),
        })
    }

    fn plan(&self, input_shape: &[usize]) -> Result<Plan<T, T::Sum>> {
        self.plan_part(input_shape, None)
    }

    fn parameters(&self) -> Vec<(String, TensorView<'_, T::Sum>)> {
        parameters(&self.filters, self.bias.as_ref())
    }

    fn parameters_mut(&mut self) -> Vec<(String, TensorViewMut<'_, T::Sum>)> {
        self.prepared = Prepared::default();
        self.version.advance();
        parameters_mut(Arc::make_mut(&mut self.filters), self.bias.as_mut())
    }

    fn parameter_count(&self) -> usize {
        self.filters.len().saturating_add(self.bias.as_ref().map_or(0, Tensor::len))
    }

    fn lowering(&self) -> Lowering<'_, T, T::Sum> {
        Lowering::Fusible(self)
    }
}

impl<T: Element, const N: usize> Fusible<T, T::Sum> for Conv<T, N> {
    fn with_activation(&self, activation: Activation) -> Option<Box<dyn Fusible<T, T::Sum> + '_>> {
        Some(Box::new(self.activated(activation)?))
    }

    fn with_scale(
        &self,
        scale: &ChannelScale<T::Sum>,
        output_shape: &[usize],
    ) -> Option<Box<dyn Fusible<T, T::Sum> + '_>> {
        let axis = output_shape.len().checked_sub(N + 1)?;
        let fits = scale.axis(output_shape.len()) == Some(axis);
        Some(Box::new(fits.then(|| self.scaled(scale)).flatten()?))
    }

    fn plan_pooled(&self, input_shape: &[usize], quads: Quads) -> Option<Plan<T, T::Sum>> {
        self.plan_with_quads(input_shape, quads)
    }

    fn bands(&self) -> Option<&dyn Bands<T, T::Sum>> {
        Some(self)
    }
}

impl<T: Element, const N: usize> Bands<T, T::Sum> for Conv<T, N> {
    fn band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        self.find_band(input_shape, rows)
    }

    fn plan_band(&self, input_shape: &[usize], band: &Band) -> Result<Plan<T, T::Sum>> {
        self.plan_part(input_shape, Some(band))
    }
}

/// What the plan of a convolution holds.
pub(super) type ConvPlan<T> = Ready<T, Fast<<T as Element>::Sum>>;

impl<T: Element> ConvPlan<T> {
    /// Computes the output as a slice in row-major order, in scratch of its own.
    pub(super) fn run_once(&self, input: &TensorView<'_, T>, output: &mut [T::Sum]) -> Result<()> {
        self.kernels.run_once(&self.layer, input, output)
    }
}

impl<T: Element> RunInScratch<T, T::Sum> for ConvPlan<T> {
    fn scratch_length(&self) -> usize {
        self.layer.scratch_length()
    }

    fn run_in(
        &mut self,
        input: TensorView<'_, T>,
        output: TensorViewMut<'_, T::Sum>,
        scratch: &mut [T::Sum],
    ) -> Result<()> {
        self.kernels.run(&mut self.layer, &input, output, scratch)
    }

    fn algorithm(&self) -> String {
        self.layer.describe()
    }

    fn own_bytes(&self) -> usize {
        self.layer.own_bytes()
    }
}
