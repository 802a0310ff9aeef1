//! The boxes by which adaptive and global pools share out their input, whatever they are pooled by.

use std::ops::Range;

use super::boxed::BoxLayout;
use super::layer::PoolLayer;
use super::planes::{Pooled, Sizes};
use super::reduction::Erased;
use super::windows::LONG;
use crate::module::check_shape;
use crate::tensor::{MapShape, TensorView, TensorViewMut, collected, element_count};
use crate::window::{Window, unravel};
use crate::{Band, Element, Error, Plan, Result};

/// More outputs than this on one axis are computed one by one.
const MOST_OUTPUTS: usize = 1 << 20;

/// The boxes of an input that is shared out among outputs.
pub(super) struct Boxes<const N: usize> {
    input: MapShape<N>,
    pub(super) output: MapShape<N>,
}

impl<const N: usize> Boxes<N> {
    pub(super) fn new(input: &[usize], output_size: [usize; N], operation: &str) -> Result<Self> {
        const { assert!(N > 0, "a pooling needs a spatial axis") }
        let input = MapShape::read(input, &format!("the input of {operation} {N}-D pooling"))?;
        for axis in 0..N {
            if output_size[axis] == 0 {
                return Err(Error::Zero { what: "output size", axis });
            }
            if input.spatial[axis] == 0 {
                return Err(Error::EmptyAxis { axis });
            }
        }
        let output = input.over(output_size);
        element_count::<u8>(&output.to_vec())?;
        Ok(Self { input, output })
    }

    /// The pixels of one output on one axis.
    fn range(&self, axis: usize, output: usize) -> Range<usize> {
        // In 128 bits: the product of two sizes need not fit into one.
        let (pixels, outputs) = (self.input.spatial[axis] as u128, self.output.spatial[axis] as u128);
        let start = output as u128 * pixels / outputs;
        let end = ((output as u128 + 1) * pixels).div_ceil(outputs);
        // Both lie within the axis.
        usize::try_from(start).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX)
    }

    /// The band of all rows, if these are all: boxes of some rows alone are cut otherwise.
    pub(super) fn all_rows(&self, rows: Range<usize>) -> Option<Band> {
        let axis = self.input.to_vec().len() - N;
        let all = 0..self.output.spatial[0];
        (rows.start == 0 && rows.end >= all.end).then(|| Band::new(axis, 0..self.input.spatial[0], all))
    }

    pub(super) fn reduce<T: Element>(
        &self,
        reduction: &dyn Erased<T>,
        input: &TensorView<'_, T>,
        output: TensorViewMut<'_, T>,
    ) -> Result<()> {
        reduction.check()?;
        check_shape(&self.output.to_vec(), &output)?;
        let pixels = input.contiguous()?;
        let mut pooled = self.pooled(reduction)?;
        output.write_with(&mut |output| match &mut pooled {
            Some(pooled) => {
                pooled.run_dense(&pixels, output);
                Ok(())
            }
            None => self.each_box(&pixels, output, reduction),
        })
    }

    /// Fills every output from the pixels of its box.
    fn each_box<T: Element>(&self, pixels: &[T], output: &mut [T], reduction: &dyn Erased<T>) -> Result<()> {
        let outputs = self.output.spatial.iter().product();
        let plane = self.input.spatial.iter().product();
        let mut scratch = Vec::new();
        for (map, plane) in output.chunks_exact_mut(outputs).zip(pixels.chunks_exact(plane)) {
            for (number, out) in map.iter_mut().enumerate() {
                *out = reduction.of_all(self.pixels(unravel(number, self.output.spatial), plane, &mut scratch)?);
            }
        }
        Ok(())
    }

    /// Where the pixels of each output are; `None` where there are more axes than three, or more outputs than should be listed.
    fn layout(&self) -> Result<Option<(BoxLayout, Sizes)>> {
        if N > 3 {
            return Ok(None);
        }
        // Nothing is laid down for outputs that may never be: a plan needs no data.
        if self.output.spatial.iter().any(|&outputs| outputs > MOST_OUTPUTS) || self.output.to_vec().contains(&0) {
            return Ok(None);
        }
        let mut plane = [1; 3];
        plane[3 - N..].copy_from_slice(&self.input.spatial);
        let mut ranges = [const { Vec::new() }; 3];
        for axis in 0..3 {
            ranges[axis] = match (axis + N).checked_sub(3) {
                Some(axis) => collected((0..self.output.spatial[axis]).map(|output| self.range(axis, output)))?,
                None => collected(std::iter::once(0..1))?,
            };
        }
        let planes = self.input.batch.unwrap_or(1).saturating_mul(self.input.channel_count());
        let outputs: usize = self.output.spatial.iter().product();
        let sizes = Sizes { planes, plane, spatial_axes: N, units: outputs, unit: 1 };
        Ok(Some((BoxLayout::new(plane, ranges), sizes)))
    }

    /// The planes of the input, pooled by the kernels or by what merges, where there is either.
    fn pooled<T: Element>(&self, reduction: &dyn Erased<T>) -> Result<Option<Box<dyn Pooled<T>>>> {
        if reduction.kernels().is_none() && !reduction.is_merging() {
            return Ok(None);
        }
        let Some((layout, sizes)) = self.layout()? else { return Ok(None) };
        let windows = match self.window() {
            Some(window) => PoolLayer::new::<T>(&window, &self.input.to_vec())?.windows(None),
            None => None,
        };
        match windows {
            Some(windows) => reduction.pool_windows(windows).map(Some),
            None => reduction.pool_boxes(layout, sizes).map(Some),
        }
    }

    /// The window that side by side makes these boxes, where the sizes are whole multiples of those of the output.
    fn window(&self) -> Option<Window<N>> {
        let mut size = [0; N];
        for (axis, size) in size.iter_mut().enumerate() {
            let (pixels, outputs) = (self.input.spatial[axis], self.output.spatial[axis]);
            *size = pixels / outputs;
            if !pixels.is_multiple_of(outputs) || *size > LONG {
                return None;
            }
        }
        let is_one = self.output.spatial.iter().all(|&outputs| outputs == 1);
        (!is_one).then(|| Window::new(size).stride(size))
    }

    /// The plan, if there is anything to prepare.
    pub(super) fn plan<T: Element>(&self, reduction: &dyn Erased<T>, input: &[usize]) -> Result<Option<Plan<T>>> {
        reduction.check()?;
        self.pooled(reduction)?.map(|pooled| pooled.into_plan(input, &self.output.to_vec())).transpose()
    }

    /// The pixels in the box of an output: borrowed where they are neighbours, else collected in `scratch`.
    fn pixels<'a, T: Copy>(&self, output: [usize; N], plane: &'a [T], scratch: &'a mut Vec<T>) -> Result<&'a [T]> {
        let ranges: [Range<usize>; N] = std::array::from_fn(|axis| self.range(axis, output[axis]));
        let mut rows = ranges.each_ref().map(ExactSizeIterator::len);
        let count: usize = rows.iter().product();
        if count == plane.len() {
            return Ok(plane);
        }
        let row = std::mem::replace(&mut rows[N - 1], 1);
        scratch.clear();
        let refused = |_| Error::OutOfMemory { bytes: count * size_of::<T>(), shape: vec![count] };
        scratch.try_reserve(count).map_err(refused)?;
        for number in 0..rows.iter().product() {
            let at = unravel(number, rows);
            let start = (0..N).fold(0, |flat, axis| flat * self.input.spatial[axis] + ranges[axis].start + at[axis]);
            scratch.extend_from_slice(&plane[start..][..row]);
        }
        Ok(scratch)
    }
}
