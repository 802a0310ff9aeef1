//! Planes, each pooled alone: how they are shared among threads, and the memory that this takes.

use std::sync::Arc;

use ndarray::{ArrayView3, ArrayView4, ArrayView5, ArrayViewMut3, ArrayViewMut4, Axis};

use super::operation::WIDEST;
use crate::parallel::{PIECES, share, threads};
use crate::plan::{Plan, Run};
use crate::tensor::{TensorView, TensorViewMut, filled};
use crate::{Element, Result};

/// A worker has at least so many bytes to read and write, or fewer where these take longer: what takes a few times as long as waking a
/// thread.
const WORTH_A_THREAD: usize = 1 << 20;

/// A worker takes at least so many bytes at a time.
const LEAST_PIECE: usize = 16 * 1024;

/// [`Compute::weight`] of steps through all the taps of each window, and of merging in several passes or by steps through few.
pub(super) const OF_TAPS: usize = 16;
pub(super) const OF_PASSES: usize = 4;

/// How planes are pooled, in memory of cells `A`. It is a `dyn` wherever it is called, so that what shares planes among threads is
/// compiled once for all ways to pool them.
pub(super) trait Compute<T, A>: Send + Sync + 'static {
    /// Computes the outputs from the unit `first` on: units are rows of outputs, counted from the first plane of `pixels`.
    fn compute(&self, pixels: &[T], first: usize, output: &mut [T], cells: &mut [A], spare: &mut [T]);

    /// What it computes by, in a word or two.
    fn algorithm(&self) -> &'static str;

    /// How many times as long it takes as copying what it reads and writes, roughly.
    fn weight(&self) -> usize {
        1
    }

    /// Cells that one thread computes in.
    fn scratch_length(&self) -> usize {
        0
    }

    /// What they hold before they are used.
    fn blank(&self) -> A;

    /// Pixels that it computes in, beside the cells.
    fn spare_length(&self) -> usize {
        0
    }

    /// Units that are worth computing at a time: what neighbours share is computed twice where they are parted.
    fn least_units(&self) -> usize {
        1
    }
}

/// How large everything is.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub(super) planes: usize,
    /// Of the input; axes that it lacks have length 1.
    pub(super) plane: [usize; 3],
    pub(super) spatial_axes: usize,
    /// Rows of outputs of one plane: what can be shared out.
    pub(super) units: usize,
    /// Outputs of a row.
    pub(super) unit: usize,
}

impl Sizes {
    fn pixels(&self) -> usize {
        self.plane.iter().product()
    }

    /// What a unit reads and writes.
    fn bytes<T>(&self) -> usize {
        (self.pixels() / self.units.max(1) + self.unit).saturating_mul(size_of::<T>())
    }

    /// Units of a piece, where there are so many workers: whole planes, if there are planes enough, and whole registers of planes.
    pub(super) fn piece<T>(&self, workers: usize, least: usize) -> usize {
        let all = self.planes * self.units;
        if workers == 1 {
            return all.max(1);
        }
        let least = least.min(all.div_ceil(workers)).max(LEAST_PIECE / self.bytes::<T>().max(1));
        let units = all.div_ceil(workers * PIECES).max(least).max(1);
        let whole = if self.units == 1 { WIDEST } else { self.units };
        if units > whole { units.next_multiple_of(whole) } else { units }
    }

    /// As many workers as there are threads for and is worth it, for a [`Compute::weight`]. Asking for the threads starts them: small
    /// layers do not ask.
    pub(super) fn workers<T>(&self, weight: usize) -> usize {
        let all = self.units.saturating_mul(self.planes);
        let worth = (self.bytes::<T>().saturating_mul(all) / (WORTH_A_THREAD / weight)).min(all);
        if worth < 2 { 1 } else { worth.min(threads()) }
    }
}

/// A pooling with all it needs to run.
#[derive(Clone)]
pub(super) struct Planes<T, A> {
    compute: Arc<dyn Compute<T, A>>,
    sizes: Sizes,
    workers: usize,
    /// Units that a worker takes at a time.
    piece: usize,
    /// What each worker computes in.
    cells: Vec<A>,
    spare: Vec<T>,
    /// Where each worker puts planes in order that do not lie so.
    turned: Vec<T>,
    /// Room for an output that lies otherwise than row by row.
    staging: Vec<T>,
}

/// [`Planes`], however they are pooled.
pub trait Pooled<T: Element> {
    /// [`Planes::run_dense`]
    fn run_dense(&mut self, pixels: &[T], output: &mut [T]);

    /// A plan for inputs and outputs of these shapes, in any order.
    fn into_plan(self: Box<Self>, input: &[usize], output: &[usize]) -> Result<Plan<T>>;
}

impl<T: Element, A: Copy + Send + Sync + 'static> Pooled<T> for Planes<T, A> {
    fn run_dense(&mut self, pixels: &[T], output: &mut [T]) {
        self.run_dense(pixels, output);
    }

    fn into_plan(self: Box<Self>, input: &[usize], output: &[usize]) -> Result<Plan<T>> {
        Ok(Plan::new(input, output, self.with_staging()?))
    }
}

/// The planes pooled so, by as many workers as are worth it.
pub(super) fn pooled<T: Element, A: Copy + Send + Sync + 'static>(
    compute: impl Compute<T, A>,
    sizes: Sizes,
) -> Result<Box<dyn Pooled<T>>> {
    shared(Arc::new(compute), sizes)
}

/// The same for what is shared already.
pub(super) fn shared<T: Element, A: Copy + Send + Sync + 'static>(
    compute: Arc<dyn Compute<T, A>>,
    sizes: Sizes,
) -> Result<Box<dyn Pooled<T>>> {
    let workers = sizes.workers::<T>(compute.weight());
    Ok(Box::new(Planes::new(compute, sizes, workers)?))
}

/// The memory of some workers; each has its own, whose padding is written once for all runs.
struct Scratch<'a, A, T> {
    cells: &'a mut [A],
    spare: &'a mut [T],
    turned: &'a mut [T],
    /// How much of each one worker has.
    of_one: [usize; 3],
}

impl<A, T> Scratch<'_, A, T> {
    /// The same memory, for a time.
    fn again(&mut self) -> Scratch<'_, A, T> {
        Scratch { cells: self.cells, spare: self.spare, turned: self.turned, of_one: self.of_one }
    }

    /// The memory of each of so many workers.
    fn each(self, workers: usize) -> impl ExactSizeIterator<Item = Self> {
        let Self { mut cells, mut spare, mut turned, of_one } = self;
        (0..workers).map(move |_| Self {
            cells: cells.split_off_mut(..of_one[0]).unwrap_or_default(),
            spare: spare.split_off_mut(..of_one[1]).unwrap_or_default(),
            turned: turned.split_off_mut(..of_one[2]).unwrap_or_default(),
            of_one,
        })
    }
}

/// Computes a piece of the output, whose first unit it is given, in a worker's memory.
type Piece<'a, T, A> = dyn Fn(&dyn Compute<T, A>, &Sizes, usize, &mut [T], &mut Scratch<'_, A, T>) + Sync + 'a;

impl<T: Element, A: Copy + Send + Sync + 'static> Planes<T, A> {
    pub(super) fn new(compute: Arc<dyn Compute<T, A>>, sizes: Sizes, workers: usize) -> Result<Self> {
        let cells = filled(&[workers, compute.scratch_length()], compute.blank())?;
        let spare = filled(&[workers, compute.spare_length()], T::ZERO)?;
        let piece = sizes.piece::<T>(workers, compute.least_units());
        Ok(Self { compute, sizes, workers, piece, cells, spare, turned: Vec::new(), staging: Vec::new() })
    }

    /// The same in pieces of so many units.
    #[cfg(test)]
    pub(super) fn in_pieces(self, piece: usize) -> Self {
        Self { piece, ..self }
    }

    /// The same with room for inputs and outputs that lie otherwise than row by row.
    pub(super) fn with_staging(mut self) -> Result<Self> {
        self.turned = filled(&[self.workers, self.sizes.pixels()], T::ZERO)?;
        self.staging = filled(&[self.sizes.planes, self.sizes.units, self.sizes.unit], T::ZERO)?;
        Ok(self)
    }

    /// What it computes by, the number of workers, and their memory.
    fn parts(&mut self) -> (&dyn Compute<T, A>, &Sizes, usize, Scratch<'_, A, T>) {
        let Self { compute, sizes, workers, cells, spare, turned, .. } = self;
        let of_one = [compute.scratch_length(), compute.spare_length(), sizes.pixels()];
        (&**compute, sizes, *workers, Scratch { cells, spare, turned, of_one })
    }

    /// Calls `compute` with the first unit of each piece of the output, and a worker's memory.
    fn each_piece(&mut self, output: &mut [T], compute: &Piece<'_, T, A>) {
        let piece = self.piece;
        let (by, sizes, workers, scratch) = self.parts();
        let pieces = output.chunks_mut(piece * sizes.unit).enumerate();
        share(scratch.each(workers), pieces, |scratch, (number, output)| {
            compute(by, sizes, number * piece, output, scratch);
        });
    }

    /// Computes the output from pixels in row-major order.
    pub(super) fn run_dense(&mut self, pixels: &[T], output: &mut [T]) {
        self.each_piece(output, &|compute, sizes, first, output, scratch| {
            let skipped = first / sizes.units;
            compute.compute(
                &pixels[skipped * sizes.pixels()..],
                first % sizes.units,
                output,
                scratch.cells,
                scratch.spare,
            );
        });
    }

    /// Computes the output from pixels in any order, a plane at a time put in order.
    fn run_strided(&mut self, input: &ArrayView5<'_, T>, output: &mut [T]) {
        let channels = input.len_of(Axis(1)).max(1);
        self.each_piece(output, &|compute, sizes, first, mut output, scratch| {
            let mut unit = first;
            while !output.is_empty() {
                let (plane, skipped) = (unit / sizes.units, unit % sizes.units);
                let here = (sizes.units - skipped) * sizes.unit;
                let (part, rest) = output.split_at_mut(here.min(output.len()));
                let image = input.index_axis(Axis(0), plane / channels);
                let pixels = image.index_axis(Axis(0), plane % channels);
                compute.compute(in_order(&pixels, scratch.turned), skipped, part, scratch.cells, scratch.spare);
                output = rest;
                unit += sizes.units - skipped;
            }
        });
    }

    /// Computes maps that lie apart, but each row by row, as bands of larger maps do; says whether they lie so, and does nothing
    /// where they do not.
    pub(super) fn run_apart(&mut self, input: &TensorView<'_, T>, output: TensorViewMut<'_, T>) -> bool {
        let (compute, sizes, workers, mut scratch) = self.parts();
        let mut input = input.as_volumes(sizes.spatial_axes);
        let mut output = output.into_volumes(sizes.spatial_axes);
        // All maps have the strides of the first.
        let first = output.outer_iter().next();
        let first = first.and_then(|maps| maps.outer_iter().next().map(|map| map.is_standard_layout()));
        if first == Some(false) {
            return false;
        }
        // The threads are called together once for all images where these follow one another as channels do.
        let mut images = input;
        if images.merge_axes(Axis(0), Axis(1)) && output.merge_axes(Axis(0), Axis(1)) {
            input = images;
        }
        for (input, output) in input.outer_iter().zip(output.outer_iter_mut()) {
            each_plane(compute, workers, &input, output, scratch.again());
        }
        true
    }
}

/// The pixels of a plane row by row: where they lie so, or in the staging.
fn in_order<'a, T: Element>(plane: &'a ArrayView3<'_, T>, staging: &'a mut [T]) -> &'a [T] {
    if let Some(pixels) = plane.as_slice() {
        return pixels;
    }
    ArrayViewMut3::from_shape(plane.raw_dim(), &mut *staging)
        .expect("the staging has the size of a plane")
        .assign(plane);
    staging
}

/// Computes planes that lie apart, by so many workers at most. Pieces are of whole planes: rows of one plane stay together.
fn each_plane<T: Element, A: Copy + Send + Sync + 'static>(
    compute: &dyn Compute<T, A>,
    workers: usize,
    input: &ArrayView4<'_, T>,
    mut output: ArrayViewMut4<'_, T>,
    scratch: Scratch<'_, A, T>,
) {
    let planes = input.len_of(Axis(0));
    let length = planes.div_ceil(workers * PIECES).max(1);
    let inputs = input.axis_chunks_iter(Axis(0), length);
    let pieces = inputs.zip(output.axis_chunks_iter_mut(Axis(0), length));
    share(scratch.each(workers.min(planes)), pieces, |scratch, (input, mut output)| {
        for (plane, map) in input.outer_iter().zip(output.outer_iter_mut()) {
            let map = map.into_slice().expect("the caller has seen that rows lie in order");
            compute.compute(in_order(&plane, scratch.turned), 0, map, scratch.cells, scratch.spare);
        }
    });
}

impl<T: Element, A: Copy + Send + Sync + 'static> Run<T> for Planes<T, A> {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        if output.as_slice_mut().is_none() && self.run_apart(&input, output.view_mut()) {
            return Ok(());
        }
        let mut staging = std::mem::take(&mut self.staging);
        let dense = output.as_slice_mut();
        let staged = dense.is_none();
        let elements = dense.unwrap_or(&mut staging);
        match input.to_slice() {
            Some(pixels) => self.run_dense(pixels, elements),
            None => self.run_strided(&input.as_volumes(self.sizes.spatial_axes), elements),
        }
        if staged {
            output.assign_elements(&staging);
        }
        self.staging = staging;
        Ok(())
    }

    fn algorithm(&self) -> String {
        self.compute.algorithm().into()
    }

    fn workspace_bytes(&self) -> usize {
        size_of_val(&*self.cells) + (self.spare.len() + self.turned.len() + self.staging.len()) * size_of::<T>()
    }
}
