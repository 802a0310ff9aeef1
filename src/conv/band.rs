//! A convolution of some rows alone, and one with a pooling after it: what a [`Sequential`](crate::Sequential) fuses.

use std::ops::Range;

use super::algorithm::{Algorithm, Algorithms};
use super::kernels;
use super::module::Means;
use super::problem::Problem;
use super::winograd::Tiling;
use super::{Conv, ConvLayer};
use crate::kernels::activation::FusedActivation;
use crate::tensor::Tensor;
use crate::window::{Axis, Geometry, Padding, PaddingMode};
use crate::{Band, Element, Error, Plan, Quads, Result};

impl<T: Element, const N: usize> Conv<T, N> {
    /// A plan for some of its rows or for all.
    pub(super) fn plan_part(&self, input_shape: &[usize], band: Option<&Band>) -> Result<Plan<T, T::Sum>> {
        let whole = self.layer(input_shape)?;
        let problem = Problem::new(&whole, self.groups, self.padding_mode);
        // A band is computed as the whole would be, whatever were fastest for the band alone.
        let asked = problem.as_ref().and_then(|problem| self.fastest_means(problem));
        let (layer, input_shape) = match band {
            Some(band) => (whole.band(band, input_shape)?, band.input_shape(input_shape)),
            None => (whole, input_shape.to_vec()),
        };
        let output_shape = layer.output.to_vec();
        let fast = match &problem {
            Some(problem) if band.is_none() || self.has_method(problem, asked) => {
                let problem = Problem::new(&layer, self.groups, self.padding_mode);
                let fast = match problem.filter(|_| asked.is_some()) {
                    Some(problem) => self.fast_for(problem, asked)?,
                    None => None,
                };
                if fast.is_none() && band.is_some() {
                    // Taps would round otherwise than the whole does.
                    return Err(Error::TooLarge { what: "the packed input of a band", sizes: input_shape });
                }
                fast
            }
            _ => None,
        };
        let plan = match fast {
            Some(fast) => Plan::in_scratch(&input_shape, &output_shape, fast)?,
            None => Plan::of(self.by_tap_alone(&layer), &input_shape)?,
        };
        Ok(plan.of_version(&self.version))
    }

    /// A plan of it and a pooling after it: `None` unless it is computed in tiles that hold whole windows, and its activation may come
    /// after the pooling.
    pub(super) fn plan_with_quads(&self, input_shape: &[usize], quads: Quads) -> Option<Plan<T, T::Sum>> {
        let layer = self.layer(input_shape).ok()?;
        let problem = Problem::new(&layer, self.groups, self.padding_mode)?;
        let kernels = kernels::of::<T>()?;
        let plain = problem.axes.iter().all(|axis| axis.dilation() == 1 && axis.stride() == 1);
        let algorithm = self.fastest(kernels, &problem);
        let in_order = self.activation.is_none_or(FusedActivation::keeps_order);
        if !plain || !in_order || !kernels.pools(algorithm, &problem, self.bias.as_ref().map(Tensor::view)) {
            return None;
        }
        let problem = Problem { quads: Some(quads), ..problem };
        if problem.stored_size().contains(&0) {
            return None;
        }
        let mut output_shape = layer.output.to_vec();
        let spatial = output_shape.len() - 2;
        output_shape[spatial..].copy_from_slice(&problem.stored_size()[1..]);
        let asked = Some((algorithm, Means::of(&problem)));
        let fast = self.fast_for(problem, asked).ok()??;
        let plan = Plan::in_scratch(input_shape, &output_shape, fast).ok()?;
        Some(plan.of_version(&self.version))
    }

    /// The fastest algorithm that may be used, and its means.
    fn fastest_means(&self, problem: &Problem) -> Option<(Algorithm, Means)> {
        Some((self.fastest(kernels::of()?, problem), Means::of(problem)))
    }

    /// Whether the algorithm that is asked for computes the whole layer, which it does not where it would need memory out of
    /// all proportion.
    fn has_method(&self, problem: &Problem, asked: Option<(Algorithm, Means)>) -> bool {
        let (Some(asked), Some(kernels)) = (asked, kernels::of::<T>()) else { return false };
        kernels.has_method(problem, asked, &self.filters.view(), &self.prepared)
    }

    /// This convolution of a layer's geometry, with its padding written out.
    fn by_tap_alone(&self, layer: &ConvLayer<N>) -> Self {
        let padding = layer.geometry.axes().map(|axis| (axis.before(), axis.after()));
        let ruled_out = Algorithm::ALL.into_iter().fold(Algorithms::default(), Algorithms::with);
        Self { ruled_out, ..self.clone() }.padding(Padding::Explicit(padding))
    }

    pub(super) fn find_band(&self, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        let layer = self.layer(input_shape).ok()?;
        let axis = layer.geometry.axes().first()?;
        let mut rows = rows.start..rows.end.min(axis.outputs());
        if rows.is_empty() || layer.padding_is_mostly_unread() {
            return None;
        }
        let problem = Problem::new(&layer, self.groups, self.padding_mode);
        let asked = problem.as_ref().and_then(|problem| self.fastest_means(problem));
        // Zones are those of the whole.
        if asked.is_some_and(|(algorithm, _)| algorithm == Algorithm::Zones) {
            return None;
        }
        // The sums in a tile of Winograd's depend on where it starts, and on all the pixels that it covers.
        if let Some(tile) = asked.and_then(|(algorithm, _)| Tiling::tile(algorithm)) {
            let tile = tile * axis.dilation();
            rows = rows.start / tile * tile..rows.end.next_multiple_of(tile).min(axis.outputs());
        }
        let (input, banded) = axis.band(rows.clone())?;
        if input.len() < axis.length() && !self.fills_from(&banded) {
            return None;
        }
        let mut axes = *layer.geometry.axes();
        axes[0] = banded;
        let geometry = Geometry::new(axes).ok()?;
        let part = ConvLayer { geometry, output: layer.output.over(geometry.output_size()), ..layer };
        if part.padding_is_mostly_unread() {
            return None;
        }
        // What has the method of the whole rounds as that does; a band of much padding may be out of proportion where the whole is not.
        let has_method = |problem: Option<&Problem>| problem.is_some_and(|problem| self.has_method(problem, asked));
        let of_part = Problem::new(&part, self.groups, self.padding_mode);
        if !has_method(of_part.as_ref()) && has_method(problem.as_ref()) {
            return None;
        }
        Some(Band {
            input_axis: input_shape.len() - N,
            input,
            output_axis: layer.output.to_vec().len() - N,
            output: rows,
            before: banded.before(),
            after: banded.after(),
        })
    }

    /// Whether the padding of a band can be filled from its own rows.
    fn fills_from(&self, band: &Axis) -> bool {
        match self.padding_mode {
            PaddingMode::Circular => band.before() + band.after() == 0,
            mode @ (PaddingMode::Zeros | PaddingMode::Reflect | PaddingMode::Symmetric | PaddingMode::Replicate) => {
                mode.check(0, band).is_ok()
            }
        }
    }

    pub(super) fn count_multiply_adds(&self, input_shape: &[usize]) -> u64 {
        let Ok(ConvLayer { bank, geometry, output }) = self.layer(input_shape) else { return 0 };
        let images = output.batch.unwrap_or(1);
        let factors = [images, bank.outputs, bank.inputs, geometry.taps(), geometry.outputs()];
        factors.into_iter().fold(1, |all: u64, factor| all.saturating_mul(factor as u64))
    }
}

impl<const N: usize> ConvLayer<N> {
    /// The part of this layer that computes a band.
    fn band(&self, band: &Band, input_shape: &[usize]) -> Result<Self> {
        band.check_over(N, input_shape, &self.output.to_vec())?;
        let banded = self.geometry.band(band.output.clone()).filter(|(pixels, _)| *pixels == band.input);
        let (_, geometry) = banded.ok_or_else(|| band.misfit(input_shape))?;
        Ok(Self { bank: self.bank, geometry, output: self.output.over(geometry.output_size()) })
    }
}
