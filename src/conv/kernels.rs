//! The kernels, compiled here for every float and level: a program that uses the crate need not compile them again.

use std::fmt::Debug;

use super::algorithm::{Algorithm, Algorithms};
use super::choose;
use super::dense::{Dense, DenseRows};
use super::fast::{self, Fast, Parameters};
use super::module::Means;
use super::pack::{self, Pack};
use super::phases::{Phases, Transposed};
use super::prepared::Prepared;
use super::problem::Problem;
use super::rows::{self, Rows};
use super::separable::{self, Separable};
use super::winograd::{self, Mend, Winograd};
use crate::Result;
use crate::element::{Element, Family};
use crate::kernels::depthwise::{self, Depthwise};
use crate::kernels::gemm::{self, GemmBlock};
use crate::kernels::panels::{self, Gather, Transpose};
use crate::kernels::rows::{self as row_blocks, RowBlock};
use crate::simd::{Lanes, Level};
use crate::tensor::{TensorView, TensorViewMut};

/// A float, with all that its convolutions are computed by.
///
/// Its methods are not generic, so this crate has their code.
pub(super) trait Kernels: Lanes + Debug {
    /// The algorithms that have a kernel for this number.
    const ALGORITHMS: &[Algorithm];

    fn pack(level: Level, pack: Pack<'_, Self>);
    fn gather(level: Level, gather: Gather<'_, Self>);
    fn transpose_rows(level: Level, rows: Transpose<'_, Self>);
    fn gemm(level: Level, block: GemmBlock<'_, '_, Self>);
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
    fn winograd_weights(level: Level, weights: winograd::GroupWeights<'_, Self>, packed: &mut [Self]);
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

            fn pack(level: Level, pack: Pack<'_, Self>) {
                pack::pack(level, pack);
            }

            fn gather(level: Level, gather: Gather<'_, Self>) {
                panels::gather(level, gather);
            }

            fn transpose_rows(level: Level, rows: Transpose<'_, Self>) {
                panels::transpose_rows(level, rows);
            }

            fn gemm(level: Level, block: GemmBlock<'_, '_, Self>) {
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
                if const { lists(Self::ALGORITHMS, Algorithm::Separable) } {
                    return separable::factors(weights, rows, columns);
                }
                None
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

            fn winograd_weights(level: Level, weights: winograd::GroupWeights<'_, Self>, packed: &mut [Self]) {
                if const { lists(Self::ALGORITHMS, Algorithm::Winograd) } {
                    weights.pack(level, packed);
                }
            }
        }

        impl Convolve<$float> for Floats {
            fn fastest(
                &self,
                problem: &Problem,
                ruled_out: Algorithms,
                weights: &TensorView<'_, $float>,
                prepared: &Prepared<$float>,
            ) -> Algorithm {
                let may = |algorithm| {
                    !ruled_out.contains(algorithm) && fast::may_use(algorithm, problem, weights, prepared)
                };
                choose::fastest::<$float>(problem, Level::new(), &may)
            }

            fn has_method(
                &self,
                problem: &Problem,
                (algorithm, means): (Algorithm, Means),
                weights: &TensorView<'_, $float>,
                prepared: &Prepared<$float>,
            ) -> bool {
                fast::may_use(algorithm, problem, weights, prepared)
                    && fast::method(problem, algorithm, means.level, weights, prepared).is_some()
            }

            fn pools(&self, algorithm: Algorithm, problem: &Problem, bias: Option<TensorView<'_, $float>>) -> bool {
                choose::pools::<$float>(algorithm, problem, Level::new())
                    && bias.is_none_or(|bias| $float::are_finite(&bias))
            }

            fn fast(
                &self,
                problem: Problem,
                (algorithm, means): (Algorithm, Means),
                parameters: Parameters<'_, $float>,
            ) -> Result<Option<Fast<$float>>> {
                match fast::may_use(algorithm, &problem, &parameters.weights.view(), parameters.prepared) {
                    true => Fast::new(problem, algorithm, means, parameters),
                    false => Ok(None),
                }
            }

            fn run(
                &self,
                fast: &mut Fast<$float>,
                input: &TensorView<'_, $float>,
                output: TensorViewMut<'_, $float>,
            ) -> Result<()> {
                fast.run(input, output)
            }

            fn run_into(&self, fast: &mut Fast<$float>, input: &TensorView<'_, $float>, output: &mut [$float]) {
                fast.run_into(input, output);
            }

            fn dense(&self, rows: DenseRows<'_, $float>) -> Result<Option<Dense<$float>>> {
                Dense::new(rows)
            }

            fn run_dense(&self, dense: &mut Dense<$float>, input: &[$float], output: &mut [$float]) {
                dense.run(input, output);
            }

            fn phases(&self, transposed: &Transposed<'_, $float>) -> Result<Option<Phases<$float>>> {
                Phases::new(transposed)
            }

            fn run_phases(&self, phases: &mut Phases<$float>, input: &TensorView<'_, $float>, output: &mut [$float]) {
                phases.run_into(input, output);
            }
        }
    )*};
}

floats! {
    f32: [Pixels, Channels, Rows, Separable, Winograd, Winograd2x2, Zones];
    // Whoever computes in `f64` wants its accuracy: no Winograd. And fewer kernels, as each takes long to compile.
    f64: [Pixels, Channels, Rows];
}

/// What code for every type of pixels calls: the kernels of one type, all of whose methods are compiled here.
pub(super) trait Convolve<T: Element>: Sync {
    /// The fastest algorithm that may be used.
    fn fastest(
        &self,
        problem: &Problem,
        ruled_out: Algorithms,
        weights: &TensorView<'_, T>,
        prepared: &Prepared<T::Sum>,
    ) -> Algorithm;

    /// Whether an algorithm computes the whole layer, which it does not where it would need memory out of all proportion.
    fn has_method(
        &self,
        problem: &Problem,
        asked: (Algorithm, Means),
        weights: &TensorView<'_, T>,
        prepared: &Prepared<T::Sum>,
    ) -> bool;

    /// Whether an algorithm pools the results of a layer with this bias.
    fn pools(&self, algorithm: Algorithm, problem: &Problem, bias: Option<TensorView<'_, T::Sum>>) -> bool;

    /// [`Fast::new`] by an algorithm that may be used; [`Fast::run`], and [`Fast::run_into`].
    fn fast(
        &self,
        problem: Problem,
        asked: (Algorithm, Means),
        parameters: Parameters<'_, T, T::Sum>,
    ) -> Result<Option<Fast<T::Sum>>>;
    fn run(&self, fast: &mut Fast<T::Sum>, input: &TensorView<'_, T>, output: TensorViewMut<'_, T::Sum>) -> Result<()>;
    fn run_into(&self, fast: &mut Fast<T::Sum>, input: &TensorView<'_, T>, output: &mut [T::Sum]);

    /// [`Dense::new`], and [`Dense::run`].
    fn dense(&self, rows: DenseRows<'_, T, T::Sum>) -> Result<Option<Dense<T::Sum>>>;
    fn run_dense(&self, dense: &mut Dense<T::Sum>, input: &[T], output: &mut [T::Sum]);

    /// [`Phases::new`], and [`Phases::run_into`].
    fn phases(&self, transposed: &Transposed<'_, T, T::Sum>) -> Result<Option<Phases<T::Sum>>>;
    fn run_phases(&self, phases: &mut Phases<T::Sum>, input: &TensorView<'_, T>, output: &mut [T::Sum]);
}

/// The kernels of floats. Integers are convolved by tap.
struct Floats;

macro_rules! family {
    ($($number:ident: $kernels:expr,)*) => {
        impl Family for Floats {
            type Of<T: Element> = Option<&'static dyn Convolve<T>>;
            $(
                fn $number() -> Self::Of<$number> {
                    $kernels
                }
            )*
        }
    };
}

family!(f32: Some(&Floats), f64: Some(&Floats), i8: None, u8: None, i16: None, i32: None, i64: None,);

/// The kernels of an element, where it has some.
pub(super) fn of<T: Element>() -> Option<&'static dyn Convolve<T>> {
    T::member::<Floats>()
}

/// A layer made ready to run, and the kernels that run it.
#[derive(Clone)]
pub(super) struct Ready<T: Element, L> {
    pub(super) kernels: &'static dyn Convolve<T>,
    pub(super) layer: L,
}
