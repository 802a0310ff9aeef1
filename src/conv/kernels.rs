//! What code for every element calls: the convolutions of floats, compiled here, so that a program that uses the crate need not compile
//! them again.

use std::fmt::Debug;

use super::algorithm::{Algorithm, Algorithms};
use super::choose;
use super::dense::{Dense, DenseRows};
use super::fast::{self, Fast, Parameters};
use super::module::Means;
use super::phases::{Phases, Transposed};
use super::prepared::Prepared;
use super::problem::Problem;
use crate::Result;
use crate::element::{Element, Family, Float};
use crate::simd::{Lanes, Level};
use crate::tensor::{TensorView, TensorViewMut};
use crate::terms::each_integer;

/// A float that has kernels.
pub(super) trait Kernels: Lanes + Float + Debug {
    /// The algorithms that it has.
    const ALGORITHMS: &[Algorithm];
}

/// Whether a float has a kernel for everything. Doubles are computed for their accuracy, and each kernel takes long to compile: where
/// one of a general kind does as well, they have no other.
pub(super) const fn has_all_kernels<A>() -> bool {
    size_of::<A>() == size_of::<f32>()
}

macro_rules! floats {
    ($($float:ident: [$($algorithm:ident),*];)*) => {$(
        impl Kernels for $float {
            const ALGORITHMS: &[Algorithm] = &[$(Algorithm::$algorithm),*];
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
                    && bias.is_none_or(|bias| fast::are_all_finite(&bias))
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
                scratch: &mut [$float],
            ) -> Result<()> {
                fast.run(input, output, scratch)
            }

            fn run_once(
                &self,
                fast: &Fast<$float>,
                input: &TensorView<'_, $float>,
                output: &mut [$float],
            ) -> Result<()> {
                fast.run_into(input, output, &mut fast.new_scratch()?);
                Ok(())
            }

            fn dense(&self, rows: DenseRows<'_, $float>) -> Result<Option<Dense<$float>>> {
                Dense::new(rows)
            }

            fn run_dense(
                &self,
                dense: &Dense<$float>,
                input: &[$float],
                output: &mut [$float],
                scratch: &mut [$float],
            ) {
                dense.run(input, output, scratch);
            }

            fn phases(&self, transposed: &Transposed<'_, $float>) -> Result<Option<Phases<$float>>> {
                Phases::new(transposed)
            }

            fn run_phases(
                &self,
                phases: &Phases<$float>,
                input: &TensorView<'_, $float>,
                output: &mut [$float],
                scratch: &mut [$float],
            ) {
                phases.run_into(input, output, scratch);
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

    /// [`Fast::new`] by an algorithm that may be used; [`Fast::run`], and [`Fast::run_into`] in scratch of its own.
    fn fast(
        &self,
        problem: Problem,
        asked: (Algorithm, Means),
        parameters: Parameters<'_, T, T::Sum>,
    ) -> Result<Option<Fast<T::Sum>>>;
    fn run(
        &self,
        fast: &mut Fast<T::Sum>,
        input: &TensorView<'_, T>,
        output: TensorViewMut<'_, T::Sum>,
        scratch: &mut [T::Sum],
    ) -> Result<()>;
    fn run_once(&self, fast: &Fast<T::Sum>, input: &TensorView<'_, T>, output: &mut [T::Sum]) -> Result<()>;

    /// [`Dense::new`], and [`Dense::run`].
    fn dense(&self, rows: DenseRows<'_, T, T::Sum>) -> Result<Option<Dense<T::Sum>>>;
    fn run_dense(&self, dense: &Dense<T::Sum>, input: &[T], output: &mut [T::Sum], scratch: &mut [T::Sum]);

    /// [`Phases::new`], and [`Phases::run_into`].
    fn phases(&self, transposed: &Transposed<'_, T, T::Sum>) -> Result<Option<Phases<T::Sum>>>;
    fn run_phases(
        &self,
        phases: &Phases<T::Sum>,
        input: &TensorView<'_, T>,
        output: &mut [T::Sum],
        scratch: &mut [T::Sum],
    );
}

/// The kernels of floats. Integers are convolved by tap.
struct Floats;

macro_rules! family {
    ($($integer:ident)*) => {
        impl Family for Floats {
            type Of<T: Element> = Option<&'static dyn Convolve<T>>;

            fn f32() -> Self::Of<f32> {
                Some(&Self)
            }

            fn f64() -> Self::Of<f64> {
                Some(&Self)
            }

            $(
                fn $integer() -> Self::Of<$integer> {
                    None
                }
            )*
        }
    };
}

each_integer!(family);

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
