//! Every fast path against the reference: at every level, by one to three workers, on odd sizes.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "drawn numbers are made into pixels of any type, and infinities are equal or not"
)]

mod apart;
mod boxes;
mod indices;
mod kernels;
mod own;
mod quotients;
#[path = "../../tests/common/range.rs"]
mod range;
mod staged;
mod strided;
mod ways;

use std::sync::Arc;

use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;

use super::planes::{Compute, PoolPlan, Sizes};
use super::{Pool, PoolLayer, Reduction};
use crate::Element;
use crate::simd::Level;
use crate::window::Padding;

/// Without an optimiser, which puts the kernels together, a case takes a hundred times as long.
const CASES: u32 = if cfg!(debug_assertions) { 4 } else { 300 };

/// A pooling, drawn small enough for the reference and odd enough for the kernels.
#[derive(Debug, Clone)]
struct Case<const N: usize> {
    planes: usize,
    input: [usize; N],
    size: [usize; N],
    stride: [usize; N],
    dilation: [usize; N],
    padding: [(usize, usize); N],
    ceil_mode: bool,
    count_include_pad: bool,
    /// One in so many pixels is a zero of either sign, NaN, or infinite; none for 0.
    odd: u64,
    seed: u64,
}

fn cases<const N: usize>() -> impl Strategy<Value = Case<N>> {
    let size = prop_oneof![4 => 1..=3_usize, 2 => 4..=8_usize, 1 => 9..=40 / N];
    let stride = prop_oneof![3 => Just(1_usize), 3 => Just(2), 1 => 3..=5_usize];
    let dilation = prop_oneof![4 => Just(1_usize), 1 => 2..=3_usize];
    let axis = (size, stride, dilation, 0..=70 / N, (0..=100_usize, 0..=100_usize));
    let odd = prop_oneof![Just(0), Just(2), Just(40)];
    let axes = proptest::collection::vec(axis, N);
    (axes, 1..=4_usize, odd, any::<[bool; 2]>(), any::<u64>()).prop_map(|(axes, planes, odd, flags, seed)| {
        let size: [usize; N] = std::array::from_fn(|axis| axes[axis].0);
        let dilation: [usize; N] = std::array::from_fn(|axis| axes[axis].2);
        let extent = |axis: usize| (size[axis] - 1) * dilation[axis] + 1;
        // No window may lie on padding alone, nor step over the input.
        // Rows are longer than the other axes, for volumes to stay small.
        let more = |axis: usize| if axis == N - 1 { axes[axis].3 } else { axes[axis].3 / 2 };
        let input: [usize; N] = std::array::from_fn(|axis| extent(axis).div_ceil(2) + dilation[axis] + more(axis));
        let padding = std::array::from_fn(|axis| {
            let side = |percent: usize| percent * (extent(axis) / 2) / 100;
            let (before, after) = (side(axes[axis].4.0), side(axes[axis].4.1));
            let lacking = extent(axis).saturating_sub(input[axis] + before + after);
            (before, after + lacking)
        });
        let stride = std::array::from_fn(|axis| axes[axis].1);
        let [ceil_mode, count_include_pad] = flags;
        Case { planes, input, size, stride, dilation, padding, ceil_mode, count_include_pad, odd, seed }
    })
}

/// Pixels in no order, from −1 to 1 or over the whole range of bytes.
fn pixels<const N: usize>(case: &Case<N>) -> ArrayD<f64> {
    let mut state = case.seed | 1;
    let shape = [&[case.planes], &case.input[..]].concat();
    ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if case.odd > 0 && (state >> 33).is_multiple_of(case.odd) {
            return [0.0, -0.0, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN][(state >> 50) as usize % 7];
        }
        (state >> 40) as f64 / f64::from(1_u32 << 23) - 1.0
    })
}

impl<const N: usize> Case<N> {
    fn pool<R>(&self, reduction: R) -> Pool<R, N> {
        Pool::with(reduction, self.size)
            .stride(self.stride)
            .dilation(self.dilation)
            .padding(Padding::Explicit(self.padding))
            .ceil_mode(self.ceil_mode)
    }
}

/// The windows of a layer, by the kernel for the operation of its reduction, if there is one for the pixels and the level.
fn by_kernel<T: Element, R: Reduction<T>, const N: usize>(
    pool: &Pool<R, N>,
    layer: &PoolLayer<N>,
    level: Level,
) -> Option<Arc<dyn Compute<T>>> {
    let windows = layer.windows(None).expect("it has three axes at most");
    let operation = pool.reduction.operation().expect("the reduction is of this crate");
    windows.kernel(operation, level).expect("the case is small")
}

/// Twice, so that what a run leaves in its memory is seen.
pub(super) fn run<T: Element>(
    compute: Arc<dyn Compute<T>>,
    sizes: Sizes,
    workers: usize,
    pixels: &[T],
    found: &mut [T],
) {
    let mut planes = PoolPlan::new(compute, sizes, workers).expect("the case is small");
    if workers > 1 {
        planes = planes.in_pieces((sizes.planes * sizes.units).div_ceil(2 * workers - 1));
    }
    planes.run_dense(pixels, found);
    found.fill(T::LOWEST);
    planes.run_dense(pixels, found);
}

/// What a pooling is held against: a reduction whose own error is of no account, of pixels that are made into its own.
struct Oracle<R, F>(R, F);

fn same<T>(pixel: T) -> T {
    pixel
}
