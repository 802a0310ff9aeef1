//! The kernels, compiled here for every number and level: a program that uses the crate need not compile them again.

use std::fmt::Debug;

use ndarray::ArrayViewMut5;

use super::algorithm::Algorithm;
use super::choose;
use super::dense::{Dense, Rows as DenseRows};
use super::fast::{Fast, Parameters};
use super::module::Means;
use super::pack::{self, Pack};
use super::phases::{Phases, Transposed};
use super::problem::Problem;
use super::rows::{self, Rows};
use super::separable::{self, Separable};
use super::winograd::{self, Mend, Winograd};
use crate::Result;
use crate::kernels::depthwise::{self, Depthwise};
use crate::kernels::gemm::{self, Block};
use crate::kernels::panels::{self, Gather, Transpose};
use crate::kernels::rows::{self as row_blocks, RowBlock};
use crate::simd::{Lanes, Level};
use crate::tensor::TensorView;

/// The sums of every [`Element`](crate::Element). Floats have kernels; integers are convolved by tap.
///
/// Its methods are not generic, so this crate has their code.
pub trait Kernels: Lanes + Debug {
    /// The algorithms that have a kernel for this number. Without any, none of the methods is called.
    const ALGORITHMS: &[Algorithm];

    /// A convolution by one of these algorithms, made ready to run: [`Fast::new`].
    fn fast(
        problem: Problem,
        algorithm: Algorithm,
        means: Means,
        parameters: Parameters<'_, Self>,
    ) -> Result<Option<Fast<Self>>>;
    /// [`Fast::run_here`]
    fn run(fast: &mut Fast<Self>, input: &TensorView<'_, Self>, output: ArrayViewMut5<'_, Self>);
    /// A dense layer, made ready to run: [`Dense::new`], and [`Dense::run`].
    fn dense(rows: DenseRows<'_, Self>) -> Result<Option<Dense<Self>>>;
    fn run_dense(dense: &mut Dense<Self>, input: &[Self], output: &mut [Self]);
    /// A transposed convolution, made ready to run: [`Phases::new`], and [`Phases::run_into`].
    fn phases(transposed: &Transposed<'_, Self>) -> Result<Option<Phases<Self>>>;
    fn run_phases(phases: &mut Phases<Self>, input: &TensorView<'_, Self>, output: &mut [Self]);
    /// [`choose::fastest`]
    fn fastest(problem: &Problem, level: Level, may: &dyn Fn(Algorithm) -> bool) -> Algorithm;

    fn pack(level: Level, pack: Pack<'_, Self>);
    fn gather(level: Level, gather: Gather<'_, Self>);
    fn transpose_rows(level: Level, rows: Transpose<'_, Self>);
    fn gemm(level: Level, block: Block<'_, '_, Self>);
    fn gemm_rows(level: Level, rows: RowBlock<'_, '_, Self>);
    fn rows(level: Level, rows: Rows<'_, Self>);
    fn depthwise(level: Level, planes: Depthwise<'_, '_, Self>);
    fn separable(level: Level, separable: Separable<'_, Self>);
    /// Whether they are all finite.
    fn are_finite(numbers: &TensorView<'_, Self>) -> bool;
    /// The weights `[filter, row, column]` for [`separable`](Self::separable), if they are.
    fn factors(weights: &[Self], rows: usize, columns: usize) -> Option<Vec<Self>>;
    /// Whether all outputs are right: else there are pixels for [`mend`](Self::mend).
    fn winograd(level: Level, winograd: Winograd<'_, Self>) -> bool;
    fn mend(mend: Mend<'_, Self>);
    /// Whether the fourth powers of all numbers are finite.
    fn are_moderate(numbers: &TensorView<'_, Self>) -> bool;
    /// The weights of one group for [`winograd`](Self::winograd), over zeros.
    fn winograd_weights(level: Level, weights: winograd::Weights<'_, Self>, packed: &mut [Self]);
}

/// Whether a float has a kernel for everything. Doubles are computed for their accuracy, and each kernel takes long to compile: where
/// one of a general kind does as well, they have no other.
pub(super) const fn has_all_kernels<A>() -> bool {
    size_of::<A>() == size_of::<f32>()
}

/// Whether an algorithm is among these: known to the compiler, so that kernels of others are not compiled.
const fn lists(mut algorithms: &[Algorithm], algorithm: Algorithm) -> bool {
    while let [first, rest @ ..] = algorithms {
        if *first as u8 == algorithm as u8 {
            return true;
        }
        algorithms = rest;
    }
    false
}

macro_rules! floats {
    ($($float:ident: [$($algorithm:ident),*];)*) => {$(
        impl Kernels for $float {
            const ALGORITHMS: &[Algorithm] = &[$(Algorithm::$algorithm),*];

            fn fast(
                problem: Problem,
                algorithm: Algorithm,
                means: Means,
                parameters: Parameters<'_, Self>,
            ) -> Result<Option<Fast<Self>>> {
                Fast::new(problem, algorithm, means, parameters)
            }

            fn run(fast: &mut Fast<Self>, input: &TensorView<'_, Self>, output: ArrayViewMut5<'_, Self>) {
                fast.run_here(input, output);
            }

            fn dense(rows: DenseRows<'_, Self>) -> Result<Option<Dense<Self>>> {
                Dense::new(rows)
            }

            fn run_dense(dense: &mut Dense<Self>, input: &[Self], output: &mut [Self]) {
                dense.run(input, output);
            }

            fn phases(transposed: &Transposed<'_, Self>) -> Result<Option<Phases<Self>>> {
                Phases::new(transposed)
            }

            fn run_phases(phases: &mut Phases<Self>, input: &TensorView<'_, Self>, output: &mut [Self]) {
                phases.run_into(input, output);
            }

            fn fastest(problem: &Problem, level: Level, may: &dyn Fn(Algorithm) -> bool) -> Algorithm {
                choose::fastest::<Self>(problem, level, may)
            }

            fn pack(level: Level, pack: Pack<'_, Self>) {
                pack::pack(level, pack);
            }

            fn gather(level: Level, gather: Gather<'_, Self>) {
                panels::gather(level, gather);
            }

            fn transpose_rows(level: Level, rows: Transpose<'_, Self>) {
                panels::transpose_rows(level, rows);
            }

            fn gemm(level: Level, block: Block<'_, '_, Self>) {
                gemm::compute(level, block);
            }

            fn gemm_rows(level: Level, rows: RowBlock<'_, '_, Self>) {
                if const { has_all_kernels::<Self>() } {
                    row_blocks::compute(level, rows);
                }
            }

            fn rows(level: Level, rows: Rows<'_, Self>) {
                rows::compute(level, rows);
            }

            fn depthwise(level: Level, planes: Depthwise<'_, '_, Self>) {
                if const { has_all_kernels::<Self>() } {
                    depthwise::compute(level, planes);
                }
            }

            fn separable(level: Level, separable: Separable<'_, Self>) {
                if const { lists(Self::ALGORITHMS, Algorithm::Separable) } {
                    separable::compute(level, separable);
                }
            }

            fn are_finite(numbers: &TensorView<'_, Self>) -> bool {
                numbers.iter().all(|number| number.is_finite())
            }

            fn factors(weights: &[Self], rows: usize, columns: usize) -> Option<Vec<Self>> {
                separable::factors(weights, rows, columns)
            }

            fn winograd(level: Level, winograd: Winograd<'_, Self>) -> bool {
                if const { lists(Self::ALGORITHMS, Algorithm::Winograd) } {
                    return winograd::compute(level, winograd);
                }
                true
            }

            fn mend(mend: Mend<'_, Self>) {
                if const { lists(Self::ALGORITHMS, Algorithm::Winograd) } {
                    mend.run();
                }
            }

            fn are_moderate(numbers: &TensorView<'_, Self>) -> bool {
                let is_moderate = |number: &Self| (number * number * number * number).is_finite();
                match numbers.to_slice() {
                    // Without a branch, several numbers at a time.
                    Some(numbers) => numbers.iter().fold(true, |all, number| all & is_moderate(number)),
                    None => numbers.iter().all(is_moderate),
                }
            }

            fn winograd_weights(level: Level, weights: winograd::Weights<'_, Self>, packed: &mut [Self]) {
                if const { lists(Self::ALGORITHMS, Algorithm::Winograd) } {
                    weights.pack(level, packed);
                }
            }
        }
    )*};
}

macro_rules! integers {
    ($($integer:ident),*) => {$(
        impl Kernels for $integer {
            const ALGORITHMS: &[Algorithm] = &[];

            fn fast(_: Problem, _: Algorithm, _: Means, _: Parameters<'_, Self>) -> Result<Option<Fast<Self>>> {
                Ok(None)
            }
            fn run(_: &mut Fast<Self>, _: &TensorView<'_, Self>, _: ArrayViewMut5<'_, Self>) {}
            fn dense(_: DenseRows<'_, Self>) -> Result<Option<Dense<Self>>> {
                Ok(None)
            }
            fn run_dense(_: &mut Dense<Self>, _: &[Self], _: &mut [Self]) {}
            fn phases(_: &Transposed<'_, Self>) -> Result<Option<Phases<Self>>> {
                Ok(None)
            }
            fn run_phases(_: &mut Phases<Self>, _: &TensorView<'_, Self>, _: &mut [Self]) {}
            fn fastest(_: &Problem, _: Level, _: &dyn Fn(Algorithm) -> bool) -> Algorithm {
                Algorithm::Taps
            }
            fn pack(_: Level, _: Pack<'_, Self>) {}
            fn gather(_: Level, _: Gather<'_, Self>) {}
            fn transpose_rows(_: Level, _: Transpose<'_, Self>) {}
            fn gemm(_: Level, _: Block<'_, '_, Self>) {}
            fn gemm_rows(_: Level, _: RowBlock<'_, '_, Self>) {}
            fn rows(_: Level, _: Rows<'_, Self>) {}
            fn depthwise(_: Level, _: Depthwise<'_, '_, Self>) {}
            fn separable(_: Level, _: Separable<'_, Self>) {}
            fn are_finite(_: &TensorView<'_, Self>) -> bool {
                true
            }
            fn factors(_: &[Self], _: usize, _: usize) -> Option<Vec<Self>> {
                None
            }
            fn winograd(_: Level, _: Winograd<'_, Self>) -> bool {
                true
            }
            fn mend(_: Mend<'_, Self>) {}
            fn are_moderate(_: &TensorView<'_, Self>) -> bool {
                true
            }
            fn winograd_weights(_: Level, _: winograd::Weights<'_, Self>, _: &mut [Self]) {}
        }
    )*};
}

floats! {
    f32: [Pixels, Channels, Rows, Separable, Winograd, Winograd2x2, Zones];
    // Whoever computes in `f64` wants its accuracy: no Winograd. And fewer kernels, as each takes long to compile.
    f64: [Pixels, Channels, Rows, Zones];
}
integers!(i32, i64);
