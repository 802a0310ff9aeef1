//! What the fast algorithms have in common: weights that are prepared once, and work in pieces for the threads.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView5, ArrayViewMut1, ArrayViewMut5, Axis, Slice};

use super::algorithm::Algorithm;
use super::bands::ConvBands;
use super::depthwise::{self, is_depthwise};
use super::kernels::{Kernels, has_all_kernels};
use super::module::Means;
use super::pieces::{Pieces, Units};
use super::planes::Planes;
use super::prepared::{Order, Prepared, without_denormals};
use super::problem::Problem;
use super::separable;
use super::winograd::TileBlocks;
use super::zones::Zones;
use crate::kernels::activation::FusedActivation;
use crate::kernels::epilogue::Epilogue;
use crate::kernels::panels::Aligned;
use crate::parallel::{threads, worth};
use crate::simd::{Level, has_kernels, lanes};
use crate::tensor::{Ordered, Tensor, TensorView, TensorViewMut, are_whole, element_count, filled};
use crate::window::PaddingMode;
use crate::{Element, Result};

/// A layer is divided among threads from this many multiply-adds on: what one thread does in the time that it takes to wake
/// another, ten times over.
const WORTH_THREADS: usize = 4_000_000;

/// Threads for a layer of so many multiply-adds. Asking for the threads starts them: small layers do not ask.
pub(super) fn threads_for(products: f64) -> usize {
    if products < worth(WORTH_THREADS) as f64 { 1 } else { threads() }
}

/// The numbers of a layer: weights, and those of the type of its sums.
pub(super) struct Parameters<'a, T, A = T> {
    /// `[filter, channel of its group, tap]`.
    pub(super) weights: &'a Arc<Tensor<T>>,
    pub(super) bias: Option<Vec<A>>,
    pub(super) activation: Option<FusedActivation<A>>,
    pub(super) prepared: &'a Prepared<A>,
}

/// How the pieces of a layer are computed. An output has the same bits whichever piece it is in: nothing of its sum depends on where a layer is
/// cut.
pub(super) trait Method<A>: fmt::Debug + Send + Sync {
    /// What it cannot divide.
    fn units(&self, problem: &Problem) -> Units;

    /// The weights of all groups, `[filter, channel of its group, tap]`, in the order of the kernel.
    fn prepare(&self, problem: &Problem, weights: &[A]) -> Aligned<A>;

    /// Numbers of scratch for each worker.
    fn scratch_length(&self, problem: &Problem, level: Level) -> usize;

    /// Bytes that it holds itself.
    fn bytes(&self) -> usize {
        0
    }

    fn compute(&self, settings: &Settings<A>, piece: Piece<'_, A>);
}

/// What every method needs to know of a layer.
#[derive(Debug, Clone)]
pub(super) struct Settings<A> {
    pub(super) problem: Problem,
    pub(super) level: Level,
    /// As [`Method::prepare`] gives them.
    pub(super) weights: Arc<Aligned<A>>,
    /// As they were given, in row-major order, where tiles may have to be computed by the definition; elsewhere none.
    plain: Option<Arc<Tensor<A>>>,
    bias: Option<Arc<Vec<A>>>,
    activation: Option<FusedActivation<A>>,
}

impl<A: Copy> Settings<A> {
    /// Those of a part of the layer that is a convolution of its own, with its own weights.
    pub(super) fn of_zone(&self, problem: &Problem, weights: &Arc<Aligned<A>>) -> Self {
        let (bias, plain) = (self.bias.clone(), self.plain.clone());
        Self { problem: problem.clone(), weights: weights.clone(), plain, bias, ..*self }
    }

    /// The weights as they were given, from a filter on.
    pub(super) fn plain(&self, filter: usize) -> &[A] {
        let weights = self.plain.as_ref().and_then(|weights| weights.view().to_slice());
        &weights.unwrap_or_default()[filter * self.problem.depth()..]
    }

    /// What happens to the sums of some filters.
    pub(super) fn finish(&self, filters: Range<usize>) -> Epilogue<'_, A> {
        Epilogue {
            bias: self.bias.as_ref().map(|bias| &bias[filters]),
            activation: self.activation,
            quads: self.problem.quads,
        }
    }
}

/// What is to be computed: the maps of some filters over some images, all of them or a band of each.
pub(super) struct Piece<'a, A> {
    /// `[image, channel, plane, row, column]`; the channels of the groups of these filters.
    pub(super) input: ArrayView5<'a, A>,
    /// Counted through all groups. They are whole groups, or some filters of one.
    pub(super) filters: Range<usize>,
    /// Outputs along the band axis, as they are stored.
    pub(super) outputs: Range<usize>,
    /// `[image, filter, plane, row, column]`; of each filter in one piece.
    pub(super) output: ArrayViewMut5<'a, A>,
    pub(super) scratch: &'a mut [A],
}

impl<A> Piece<'_, A> {
    /// Calls `compute` with the filters of each group.
    pub(super) fn each_group(self, problem: &Problem, mut compute: impl FnMut(Piece<'_, A>)) {
        let Self { input, filters, outputs, mut output, scratch } = self;
        let groups = filters.start / problem.filters..filters.end.div_ceil(problem.filters);
        for (number, group) in groups.enumerate() {
            let channels = number * problem.channels..(number + 1) * problem.channels;
            let of_group = group * problem.filters..(group + 1) * problem.filters;
            let of_group = filters.start.max(of_group.start)..filters.end.min(of_group.end);
            let here = of_group.start - filters.start..of_group.end - filters.start;
            compute(Piece {
                input: input.slice_axis(Axis(1), Slice::from(channels)),
                filters: of_group,
                outputs: outputs.clone(),
                output: output.slice_axis_mut(Axis(1), Slice::from(here)),
                scratch: &mut *scratch,
            });
        }
    }
}

/// A convolution by one of the fast algorithms, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Fast<A> {
    algorithm: Algorithm,
    method: Arc<dyn Method<A>>,
    settings: Settings<A>,
    pieces: Pieces,
    /// Numbers of scratch for all workers.
    scratch_length: usize,
    /// For an output whose maps lie otherwise than row by row.
    room: Ordered<A>,
}

impl<A: Kernels> Fast<A> {
    /// `None` where the level has no kernels, or these would need memory out of all proportion to the layer.
    pub(super) fn new(
        problem: Problem,
        algorithm: Algorithm,
        means: Means,
        parameters: Parameters<'_, A>,
    ) -> Result<Option<Self>> {
        let Means { level, threads } = means;
        let Parameters { weights: original, bias, activation, prepared } = parameters;
        if !has_kernels(level) {
            return Ok(None);
        }
        let given = original.view();
        let Some(method) = method(&problem, algorithm, level, &given, prepared) else { return Ok(None) };
        let in_order = in_order(&given);
        let order = Order::new(algorithm, lanes::<A>(level));
        let weights = match algorithm {
            Algorithm::Separable => factors(&problem, &given, prepared),
            Algorithm::Zones => Arc::new(method.prepare(&problem, &in_order)),
            _ => prepared.get_or(order, &mut || {
                method.prepare(&problem, &without_denormals(&in_order, bias.as_deref(), problem.depth()))
            }),
        };
        let plain = match algorithm {
            Algorithm::Winograd | Algorithm::Winograd2x2 => Some(match in_order {
                Cow::Borrowed(_) => Arc::clone(original),
                Cow::Owned(weights) => Arc::new(Tensor::from_vec(&[weights.len()], weights)?),
            }),
            _ => None,
        };
        let pieces = Pieces::new(&problem, method.units(&problem), threads);
        let scratch_length = element_count::<A>(&[pieces.workers, method.scratch_length(&problem, level)])?;
        let settings = Settings { problem, level, weights, plain, bias: bias.map(Arc::new), activation };
        Ok(Some(Self { algorithm, method, settings, pieces, scratch_length, room: Ordered::default() }))
    }
}

impl<A: Copy + Default> Fast<A> {
    /// The algorithm, and whether its results are pooled.
    pub(super) fn describe(&self) -> String {
        let pooled = if self.settings.problem.quads.is_some() { ", pooled" } else { "" };
        format!("{}{pooled}", self.algorithm)
    }

    /// Numbers of scratch that it computes in.
    pub(super) fn scratch_length(&self) -> usize {
        self.scratch_length
    }

    /// Scratch of its own, for those who compute once.
    pub(super) fn new_scratch(&self) -> Result<Vec<A>> {
        filled(&[self.scratch_length], A::default())
    }

    /// Bytes that it holds itself.
    pub(super) fn own_bytes(&self) -> usize {
        self.room.bytes() + self.method.bytes()
    }

    fn output_size(&self) -> [usize; 5] {
        let problem = &self.settings.problem;
        let [planes, rows, columns] = problem.stored_size();
        [problem.images, problem.groups * problem.filters, planes, rows, columns]
    }
}

impl<A: Kernels> Fast<A> {
    /// Computes the output.
    pub(super) fn run(
        &mut self,
        input: &TensorView<'_, A>,
        mut output: TensorViewMut<'_, A>,
        scratch: &mut [A],
    ) -> Result<()> {
        let volumes = output.reborrow().into_volumes(self.settings.problem.spatial_axes);
        if are_whole(volumes.shape(), volumes.strides()) {
            self.run_here(input, volumes, scratch);
            return Ok(());
        }
        let mut room = std::mem::take(&mut self.room);
        let ran = room.write(output, &mut |output| {
            self.run_into(input, output, scratch);
            Ok(())
        });
        self.room = room;
        ran
    }

    /// Computes the output as a slice in row-major order.
    pub(super) fn run_into(&self, input: &TensorView<'_, A>, output: &mut [A], scratch: &mut [A]) {
        let output = ArrayViewMut1::from(output)
            .into_shape_with_order(self.output_size())
            .expect("the plan has checked the shape");
        self.run_here(input, output, scratch);
    }

    /// Computes the output, of whose maps each lies in one piece. It is not inlined: several call it.
    #[inline(never)]
    fn run_here(&self, input: &TensorView<'_, A>, output: ArrayViewMut5<'_, A>, scratch: &mut [A]) {
        let scratch = &mut scratch[..self.scratch_length];
        let input = input.as_volumes(self.settings.problem.spatial_axes);
        self.pieces.each(output, scratch, |piece, output, scratch| self.compute(&input, piece, output, scratch));
    }

    /// Computes one piece: the images, the filters, and the part of the maps that it has.
    fn compute(&self, input: &ArrayView5<'_, A>, piece: usize, output: ArrayViewMut5<'_, A>, scratch: &mut [A]) {
        let problem = &self.settings.problem;
        let band_axis = problem.band_axis();
        let images = self.pieces.part(piece, 0, problem.images);
        let filters = self.pieces.part(piece, 1, problem.groups * problem.filters);
        let outputs = self.pieces.part(piece, 2 + band_axis, problem.stored_size()[band_axis]);
        let groups = filters.start / problem.filters..filters.end.div_ceil(problem.filters);
        let channels = groups.start * problem.channels..groups.end * problem.channels;
        let input = input.slice_axis(Axis(0), Slice::from(images));
        let input = input.slice_axis(Axis(1), Slice::from(channels));
        self.method.compute(&self.settings, Piece { input, filters, outputs, output, scratch });
    }
}

/// How the pieces of a layer are computed by an algorithm that suits it; `None` where that would need memory out of all
/// proportion to the layer.
pub(super) fn method<A: Kernels>(
    problem: &Problem,
    algorithm: Algorithm,
    level: Level,
    weights: &TensorView<'_, A>,
    prepared: &Prepared<A>,
) -> Option<Arc<dyn Method<A>>> {
    match algorithm {
        Algorithm::Zones if const { has_all_kernels::<A>() } => {
            Zones::new(problem, level, weights, prepared).map(shared)
        }
        Algorithm::Rows | Algorithm::Separable => Planes::new(problem, algorithm, level, weights).map(shared),
        Algorithm::Winograd | Algorithm::Winograd2x2 if const { has_all_kernels::<A>() } => {
            TileBlocks::new::<A>(problem, algorithm, level).map(shared)
        }
        Algorithm::Channels if const { has_all_kernels::<A>() } && is_depthwise(problem) => {
            depthwise::Channels::new::<A>(problem, level).map(shared)
        }
        Algorithm::Pixels | Algorithm::Channels => ConvBands::new::<A>(problem, algorithm, level).map(shared),
        Algorithm::Taps | Algorithm::Zones | Algorithm::Winograd | Algorithm::Winograd2x2 => None,
    }
}

/// Weights in row-major order, as most lie: whatever copies others need not be fast, nor compiled at length.
pub(super) fn in_order<'a, A: Copy>(weights: &'a TensorView<'_, A>) -> Cow<'a, [A]> {
    match weights.to_slice() {
        Some(weights) => Cow::Borrowed(weights),
        None => Cow::Owned(weights.iter().copied().collect()),
    }
}

fn shared<A>(method: impl Method<A> + 'static) -> Arc<dyn Method<A>> {
    Arc::new(method)
}

/// The factors of separable filters; none where they are not separable.
fn factors<A: Kernels>(problem: &Problem, weights: &TensorView<'_, A>, prepared: &Prepared<A>) -> Arc<Aligned<A>> {
    prepared.get_or(Order::new(Algorithm::Separable, 0), &mut || {
        let weights: Vec<A> = weights.iter().copied().collect();
        Aligned::copy_of(
            &separable::factors(&weights, problem.axes[1].size(), problem.axes[2].size()).unwrap_or_default(),
        )
    })
}

/// Whether an algorithm computes a layer with these weights.
pub(super) fn may_use<A: Kernels>(
    algorithm: Algorithm,
    problem: &Problem,
    weights: &TensorView<'_, A>,
    prepared: &Prepared<A>,
) -> bool {
    A::ALGORITHMS.contains(&algorithm)
        && algorithm.suits(problem)
        && match algorithm {
            Algorithm::Separable => is_separable(problem, weights, prepared),
            Algorithm::Winograd | Algorithm::Winograd2x2 => are_moderate(weights, prepared),
            // A zero of the padding times an infinite weight would be a product that the definition has.
            Algorithm::Zones => are_finite(weights, prepared),
            // Nor are taps on padding computed of planes, whose kernel is that of `f32`.
            Algorithm::Channels if is_depthwise(problem) => {
                has_all_kernels::<A>() && problem.mode == PaddingMode::Zeros && are_finite(weights, prepared)
            }
            Algorithm::Taps | Algorithm::Pixels | Algorithm::Channels | Algorithm::Rows => true,
        }
}

/// Whether all weights are finite, and so small that Winograd's sums are finite over pixels whose squares are: the transforms enlarge
/// a product by less than 2^26.
fn are_moderate<A: Kernels>(weights: &TensorView<'_, A>, prepared: &Prepared<A>) -> bool {
    is_known(Algorithm::Winograd, prepared, || {
        let is_moderate = |&number: &A| Element::is_finite(number * number * number * number);
        match weights.to_slice() {
            // Without a branch, several numbers at a time.
            Some(weights) => weights.iter().fold(true, |all, weight| all & is_moderate(weight)),
            None => weights.iter().all(is_moderate),
        }
    })
}

/// Whether all numbers are finite.
pub(super) fn are_all_finite<A: Kernels>(numbers: &TensorView<'_, A>) -> bool {
    numbers.iter().all(|&number| Element::is_finite(number))
}

/// Whether all weights are finite.
fn are_finite<A: Kernels>(weights: &TensorView<'_, A>, prepared: &Prepared<A>) -> bool {
    is_known(Algorithm::Zones, prepared, || are_all_finite(weights))
}

/// What was found out of the weights for an algorithm: it is kept as a list with a number in it, or without.
fn is_known<A: Kernels>(algorithm: Algorithm, prepared: &Prepared<A>, find_out: impl Fn() -> bool) -> bool {
    !prepared.get_or(Order::new(algorithm, 0), &mut || Aligned::new(usize::from(find_out()))).is_empty()
}

/// Whether every filter is a column times a row.
fn is_separable<A: Kernels>(problem: &Problem, weights: &TensorView<'_, A>, prepared: &Prepared<A>) -> bool {
    !factors(problem, weights, prepared).is_empty()
}
