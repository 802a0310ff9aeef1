//! Results depend on the input, the weights and the algorithm, and not on where memory happens to lie, nor on what it held.

use ndarray::{ArrayD, Axis, Slice};

use super::super::module::Means;
use super::cases::{Case, numbers, plain};
use crate::conv::kernels::Kernels;
use crate::conv::{Algorithm, reference};
use crate::simd::{has_kernels, kernel_levels, levels};
use crate::window::PaddingMode;
use crate::{Float, Tensor};

impl Case<2> {
    /// That scratch memory at any offset, by any number of threads, gives the bits of the first run; by which algorithms.
    fn check_memory<T: Kernels>(&self, offsets: &[usize], fills: &[f64]) -> Vec<Algorithm> {
        let float = |number| T::from_f64(number);
        let input: ArrayD<T> = numbers(&self.input_shape(), self.seed).mapv(float);
        let conv = self.conv(float, float);
        let layer = conv.layer(input.shape()).expect("the case fits");
        // Without an optimiser, a case takes a hundred times as long.
        let every = if cfg!(debug_assertions) { 3 } else { 1 };
        let mut ran = Vec::new();
        for algorithm in Algorithm::ALL {
            for level in levels() {
                let mut first: Option<Tensor<T>> = None;
                for threads in [1, 2, 3, 8].into_iter().step_by(every) {
                    let asked = Some((algorithm, Means { level, threads }));
                    let Some(fast) = conv.fast(&layer, asked).expect("the case is small") else { continue };
                    let mut output = Tensor::<T>::zeros(&layer.output.to_vec()).expect("the case is small");
                    for (&offset, &fill) in offsets.iter().step_by(every).zip(fills.iter().cycle()) {
                        output.view_mut().map_in_place(|sum| *sum = T::HIGHEST);
                        let sums = output.as_array_mut().as_slice_mut().expect("a fresh tensor is in order");
                        let own = fast.layer.scratch_length();
                        let mut memory = vec![float(fill); own + 128];
                        let aligned = memory.as_ptr().align_offset(64);
                        fast.layer.run_into(&(&input).into(), sums, &mut memory[aligned + offset..][..own]);
                        let first = first.get_or_insert_with(|| output.clone());
                        let differ = first.iter().zip(&output).filter(|(one, other)| one != other).count();
                        assert_eq!(
                            differ, 0,
                            "{algorithm} of {self:?} at {level:?}, {threads} threads, {offset} numbers on, over {fill}"
                        );
                    }
                    ran.push(algorithm);
                }
            }
        }
        ran
    }
}

fn case(channels: usize, filters: usize, input: [usize; 2], padding: usize) -> Case<2> {
    Case { images: 1, channels, filters, input, padding: [(padding, padding); 2], seed: 3, ..plain() }
}

const FILLS: [f64; 4] = [0.0, f64::NAN, f64::INFINITY, 1e30];

/// Layers that have been found to give other bits at other offsets.
#[test]
fn the_bits_do_not_depend_on_where_scratch_memory_lies() {
    for (channels, filters, input, padding) in [
        (25, 64, [23, 22], 0),
        (7, 6, [23, 22], 0),
        (7, 6, [44, 42], 0),
        (16, 16, [23, 22], 0),
        (16, 64, [19, 18], 1),
        (16, 64, [19, 18], 0),
    ] {
        case(channels, filters, input, padding).check_memory::<f32>(&std::array::from_fn::<_, 16, _>(|at| at), &FILLS);
        case(channels, filters, input, padding).check_memory::<f64>(&[0, 1, 2, 3, 4, 5, 6, 7], &FILLS);
    }
}

/// Tiles of a single row of outputs reach pixels below the last window. They count for zeros, whether tiles read them where they lie
/// or packed, which depends on where the layer is cut.
#[test]
fn nor_for_what_lies_behind_the_last_window() {
    // Where an axis has one output, its stride does not count.
    let cases = [([3, 1], [4, 8]), ([3, 1], [4, 14]), ([1, 3], [8, 4]), ([3, 3], [4, 4]), ([3, 3], [5, 5])];
    for (stride, input) in cases {
        for channels in [1, 2] {
            let case = Case { stride, ..case(channels, 1, input, 0) };
            let ran = case.check_memory::<f32>(&[0, 1, 5, 8, 15], &FILLS);
            assert!(
                levels().into_iter().all(|level| !has_kernels(level)) || ran.contains(&Algorithm::Winograd),
                "{case:?}: {ran:?}"
            );
        }
    }
}

/// Rows of every length, so that every end of a register and of a block is met.
#[test]
fn nor_for_rows_of_any_length() {
    let step = if cfg!(debug_assertions) { 7 } else { 1 };
    for width in (1..=70).step_by(step) {
        for (channels, filters) in [(3, 5), (26, 17)] {
            case(channels, filters, [9, width], 1).check_memory::<f32>(&[0, 1, 5, 8, 15], &FILLS);
            case(channels, filters, [7, width], 1).check_memory::<f64>(&[0, 3, 4], &FILLS);
        }
    }
}

/// A plane whose rows do not lie in order, or whose padding is not zeros, is copied strip by strip: a few rows, whatever the plane.
#[test]
fn planes_are_copied_a_few_rows_at_a_time() {
    let dense = Case { input: [700, 150], separable: true, ..case(1, 2, [0, 0], 1) };
    let strided = Case { groups: 2, stride: [4, 3], ..dense.clone() };
    let tall = Case { size: [5, 1], input: [3500, 30], stride: [4, 3], dilation: [60, 1], ..dense.clone() };
    let ways: [(_, &[_]); 3] =
        [(dense, &[Algorithm::Rows, Algorithm::Separable]), (strided, &[Algorithm::Rows]), (tall, &[Algorithm::Rows])];
    let modes = [PaddingMode::Zeros, PaddingMode::Reflect];
    for (mode, (case, algorithms)) in modes.into_iter().flat_map(|mode| ways.iter().map(move |way| (mode, way))) {
        let case = Case { mode, ..case.clone() };
        let conv = case.conv(f32::from_f64, f32::from_f64);
        let mut wide = case.input_shape();
        wide[3] *= 2;
        let wide = numbers(&wide, case.seed).mapv(f32::from_f64);
        let input = wide.slice_axis(Axis(3), Slice::new(0, None, 2));
        let layer = conv.layer(input.shape()).expect("the case fits");
        let expected = reference::forward(&conv, &input).expect("the case fits");
        for &algorithm in *algorithms {
            for (level, threads) in kernel_levels().into_iter().map(|level| (level, 2)) {
                let asked = Some((algorithm, Means { level, threads }));
                let fast = conv.fast(&layer, asked).expect("the case is small").expect("planes have kernels");
                let scratch = fast.layer.scratch_length();
                assert!(scratch / threads < case.input[0] * case.input[1], "{algorithm}: {scratch} numbers");
                let mut found = Tensor::<f32>::zeros(expected.shape()).expect("the case is small");
                let sums = found.as_array_mut().as_slice_mut().expect("a fresh tensor is in order");
                fast.layer.run_into(&(&input).into(), sums, &mut vec![f32::NAN; scratch]);
                let most = found.iter().zip(&expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
                assert!(most < 1e-5, "{algorithm} of {case:?} at {level:?}: off by {most}");
            }
        }
    }
}
