//! The layer that a window makes of an input: its sizes, bands and plans, whatever it is pooled by.

use std::ops::Range;

use super::operation::Operation;
use super::planes::{Pooled, Sizes};
use super::problem::PoolProblem;
use super::reduction::Erased;
use super::windows::{Of, PoolWindows};
use crate::tensor::{MapShape, TensorView, TensorViewMut, element_count};
use crate::window::{Axis, Geometry, Window};
use crate::{Band, Element, Plan, Quads, Result};

/// A pooling whose parameters fit an input.
pub(super) struct PoolLayer<const N: usize> {
    pub(super) geometry: Geometry<N>,
    pub(super) output: MapShape<N>,
}

impl<const N: usize> PoolLayer<N> {
    pub(super) fn new<T>(window: &Window<N>, input: &[usize]) -> Result<Self> {
        let input = MapShape::read(input, &format!("the input of a {N}-D pooling"))?;
        let geometry = window.geometry(input.spatial)?.refuse_empty_windows()?;
        let output = input.over(geometry.output_size());
        element_count::<T>(&output.to_vec())?;
        Ok(Self { geometry, output })
    }

    /// Whether windows are 2×2 and lie side by side, each whole.
    pub(super) fn is_pairs(&self) -> bool {
        PoolProblem::new(&self.geometry).is_some_and(|problem| problem.is_pairs())
    }

    /// The band of some rows of outputs of a window.
    pub(super) fn band(&self, window: &Window<N>, input_shape: &[usize], rows: Range<usize>) -> Option<Band> {
        let output = rows.start..rows.end.min(self.geometry.axes().first()?.outputs());
        let (input, banded) = self.geometry.band(output.clone())?;
        window.of_geometry(&banded)?;
        let (axis, rows) = (input_shape.len() - N, &banded.axes()[0]);
        Some(Band { before: rows.before(), after: rows.after(), ..Band::new(axis, input, output) })
    }

    /// The window that computes a band alone.
    pub(super) fn window_of(&self, window: &Window<N>, input_shape: &[usize], band: &Band) -> Result<Window<N>> {
        band.check_over(N, input_shape, &self.output.to_vec())?;
        let banded = self.geometry.band(band.output.clone()).filter(|(pixels, _)| *pixels == band.input);
        banded.and_then(|(_, banded)| window.of_geometry(&banded)).ok_or_else(|| band.misfit(input_shape))
    }

    pub(super) fn windows(&self, of: Option<Of>) -> Option<PoolWindows> {
        let problem = PoolProblem::new(&self.geometry)?;
        Some(PoolWindows { problem, sizes: self.sizes(), is_vast: self.is_vast(), of })
    }

    /// What a band of this layer is a band of; `None` for one of all pixels and outputs, which is the whole.
    pub(super) fn of(&self, band: &Band) -> Option<Of> {
        let axes = self.geometry.axes();
        if (band.input.len(), band.output.len()) == (axes[0].length(), axes[0].outputs()) {
            return None;
        }
        let pairs = PoolProblem::new(&self.geometry).is_some_and(|problem| problem.is_pairs());
        Some(match N {
            2 => Of { first: band.output.start, rows: axes[0].length(), pairs },
            // Volumes are cut between planes, and what has one axis has one row.
            _ => Of { first: 0, rows: axes.get(1).map_or(1, Axis::length), pairs },
        })
    }

    /// Whether an axis has so many outputs, or a window so many taps on pixels, that nothing should be laid down for each of them
    /// before there is any data.
    fn is_vast(&self) -> bool {
        self.geometry.axes().iter().any(|axis| axis.outputs().max(axis.size().min(axis.length())) > 1 << 24)
    }

    fn planes(&self) -> usize {
        self.output.batch.unwrap_or(1).saturating_mul(self.output.channel_count())
    }

    pub(super) fn sizes(&self) -> Sizes {
        let size = self.geometry.input_size();
        let mut plane = [1; 3];
        // More axes than three count as one, in front: nothing asks for them but their product.
        plane[3_usize.saturating_sub(N)..].copy_from_slice(&size[N.saturating_sub(3)..]);
        plane[0] *= size[..N.saturating_sub(3)].iter().product::<usize>();
        let (units, unit) = (self.geometry.rows(), self.geometry.row_length());
        Sizes { planes: self.planes(), plane, spatial_axes: N, units, unit }
    }

    /// What pools the planes of this layer, which may be a band; `None` for more than three spatial axes.
    fn pooled<T: Element>(&self, reduction: &dyn Erased<T>, of: Option<Of>) -> Result<Option<Box<dyn Pooled<T>>>> {
        self.windows(of).map(|windows| reduction.pool_windows(windows)).transpose()
    }

    /// Pools an input that it is the layer of; nothing where it has more than three spatial axes.
    pub(super) fn forward<T: Element>(
        &self,
        reduction: &dyn Erased<T>,
        input: &TensorView<'_, T>,
        output: TensorViewMut<'_, T>,
    ) -> Result<()> {
        let pixels = input.contiguous()?;
        output.write_with(&mut |output| {
            if let Some(mut pooled) = self.pooled(reduction, None)? {
                pooled.run_dense(&pixels, output);
            }
            Ok(())
        })
    }

    /// The plan, if there is anything to prepare.
    pub(super) fn plan<T: Element>(
        &self,
        reduction: &dyn Erased<T>,
        input_shape: &[usize],
        of: Option<Of>,
    ) -> Result<Option<Plan<T>>> {
        reduction.check()?;
        let output_shape = self.output.to_vec();
        if self.is_vast() || output_shape.contains(&0) {
            return Ok(None);
        }
        self.pooled(reduction, of)?.map(|pooled| pooled.into_plan(input_shape, &output_shape)).transpose()
    }

    /// What it makes of windows of 2×2 that lie side by side, where it has such.
    pub(super) fn quads<T: Element>(&self, reduction: &dyn Erased<T>) -> Option<Quads> {
        let quads = match reduction.kernels()? {
            Operation::Max => Quads::Max,
            Operation::Min => Quads::Min,
            Operation::Average { .. } | Operation::L2 | Operation::Lp { .. } => return None,
        };
        self.is_pairs().then_some(quads)
    }
}
