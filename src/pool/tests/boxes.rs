//! Boxes, by the kernels and by reductions that merge.

use std::sync::Arc;

use ndarray::ArrayD;

use super::super::Reduction;
use super::super::boxed::{BoxLayout, Boxed, Stepped};
use super::super::planes::{Compute, Sizes};
use super::super::walk::Walk;
use super::super::windows::Strips;
use super::{Case, Oracle, run};
use crate::simd::{Level, has_kernels, levels};
use crate::{Element, Tensor};

impl<const N: usize> Case<N> {
    /// The same by the kernel for windows, where it has boxes.
    #[allow(clippy::too_many_arguments, reason = "a part of `each_box`, with all that it has drawn")]
    fn by_strips<T: Element, R: Reduction<T>>(
        &self,
        reduction: &R,
        layout: &BoxLayout,
        sizes: Sizes,
        level: Level,
        pixels: &[T],
        bits: &impl Fn(T) -> u64,
        mut check: impl FnMut(&Tensor<T>),
    ) {
        let Some(operation) = reduction.operation() else { return };
        if !operation.is_of::<T>() {
            return;
        }
        let strips = Strips::of_boxes::<T>(operation, layout, level).expect("the case is small");
        let Some(strips) = strips else { return };
        let strips: Arc<dyn Compute<T>> = Arc::new(strips);
        let [deep, down, across] = layout.ranges().each_ref().map(Vec::len);
        let sizes = Sizes { units: deep * down, unit: across, ..sizes };
        let count = self.planes * deep * down * across;
        let mut first: Option<Tensor<T>> = None;
        for workers in (1..=3).filter(|&workers| workers <= self.planes * deep * down) {
            let mut found = vec![T::HIGHEST; count];
            run(Arc::clone(&strips), sizes, workers, pixels, &mut found);
            let found = Tensor::from_vec(&[count], found).expect("as many as there are");
            check(&found);
            let first = first.get_or_insert_with(|| found.clone());
            assert!(first.iter().zip(&found).all(|(&one, &other)| bits(one) == bits(other)), "{level:?}, {workers}");
        }
    }

    /// What boxes give at each level, the same to the bit for one, two and three workers: one for the whole plane, and boxes that overlap.
    /// `check` is told by how much errors may be larger than in a window of a few terms: as the root of all terms of the largest box, or, in
    /// steps, as these.
    pub(super) fn each_box<T: Element, R: Reduction<T>, U: Element>(
        &self,
        reduction: &R,
        Oracle(oracle, of): &Oracle<impl Reduction<U>, impl Fn(T) -> U>,
        input: &ArrayD<T>,
        bits: impl Fn(T) -> u64,
        mut check: impl FnMut(&Tensor<T>, &Tensor<U>, f64),
    ) {
        let mut plane = [1; 3];
        plane[3 - N..].copy_from_slice(&self.input);
        let terms = plane.iter().product::<usize>() as f64;
        // A few terms are within nine units.
        let many = ((3.0 + terms.sqrt()) / 9.0).max(1.0);
        let halves = |length: usize| vec![0..length.div_ceil(2), length / 2..length, length - 1..length];
        for ranges in [plane.map(|length| std::iter::once(0..length).collect()), plane.map(halves)] {
            let [deep, down, across] = ranges.each_ref().map(Vec::len);
            let sizes = Sizes { planes: self.planes, plane, spatial_axes: N, units: deep * down * across, unit: 1 };
            let pixels = input.as_slice().expect("a fresh array is in order");
            let mut expected = Vec::new();
            for (number, output) in
                (0..self.planes).flat_map(|number| (0..sizes.units).map(move |output| (number, output)))
            {
                let at = [output / across / down, output / across % down, output % across];
                let [deep, down, across] = std::array::from_fn(|axis| ranges[axis][at[axis]].clone());
                let rows = deep.flat_map(|z| down.clone().map(move |y| z * plane[1] + y));
                let rows = rows.map(|row| (number * plane[0] * plane[1] + row) * plane[2]);
                let of_box: Vec<T> =
                    rows.flat_map(|row| pixels[row + across.start..row + across.end].iter().copied()).collect();
                let merged = of_box.iter().fold(oracle.start(), |merged, &pixel| oracle.step(merged, of(pixel)));
                expected.push(oracle.finish(merged, of_box.len()));
            }
            let expected = Tensor::from_vec(&[expected.len()], expected).expect("as many as there are");
            for level in levels() {
                let layout = BoxLayout::new(plane, ranges.clone());
                let mut first: Option<Tensor<T>> = None;
                self.by_strips(reduction, &layout, sizes, level, pixels, &bits, |found| {
                    check(found, &expected, many);
                });
                for workers in (1..=3).filter(|&workers| workers <= expected.len()) {
                    let mut found = vec![T::HIGHEST; expected.len()];
                    let layout = layout.clone();
                    let growth = match reduction.operation() {
                        Some(operation) if T::HAS_KERNELS && has_kernels(level) && operation.is_of::<T>() => {
                            run(Arc::new(Boxed { operation, level, layout }), sizes, workers, pixels, &mut found);
                            many
                        }
                        Some(_) => {
                            let walk = Walk::boxes(reduction.clone(), layout);
                            run(Arc::new(walk), sizes, workers, pixels, &mut found);
                            terms
                        }
                        None => {
                            let stepped = Stepped { reduction: reduction.clone(), level, layout };
                            run(Arc::new(stepped), sizes, workers, pixels, &mut found);
                            many
                        }
                    };
                    let found = Tensor::from_vec(expected.shape(), found).expect("as many as expected");
                    check(&found, &expected, growth);
                    let first = first.get_or_insert_with(|| found.clone());
                    assert!(
                        first.iter().zip(&found).all(|(&one, &other)| bits(one) == bits(other)),
                        "{level:?}, {workers}"
                    );
                }
            }
        }
    }
}
