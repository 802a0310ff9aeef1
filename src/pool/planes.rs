//! Planes, each pooled alone: how they are shared among threads, and the memory that this takes.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView5, Axis};

use super::operation::WIDEST;
use super::strided::{PlaneBands, STAGED_BYTES, lie_side_by_side, pixel_by_pixel};
use crate::module::{Plan, RunPlan};
use crate::parallel::{PIECES, share_by, workers_for};
use crate::tensor::{Ordered, TensorView, TensorViewMut, filled};
use crate::{Element, Result};

/// A worker has at least so many bytes to read and write, or fewer where these take longer: what takes a few times as long as waking a
/// thread.
const WORTH_A_THREAD: usize = 1 << 20;

/// A worker takes at least so many bytes at a time.
const LEAST_PIECE: usize = 16 * 1024;

/// [`Compute::weight`] of steps through all the taps of each window, and of merging in several passes or by steps through few.
pub(super) const OF_TAPS: usize = 16;
pub(super) const OF_PASSES: usize = 4;

/// Pixels, and which units are to be computed from them: units are rows of outputs.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, T> {
    /// From a plane on, without so many of its first pixels: those are under none of the units.
    pub(super) pixels: &'a [T],
    pub(super) skipped: usize,
    /// The first unit, counted from that plane.
    pub(super) first: usize,
}

/// How planes are pooled, whatever their pixels are.
pub(super) trait Described: Send + Sync + 'static {
    /// What it computes by, in a word or two.
    fn algorithm(&self) -> &'static str;

    /// How many times as long it takes as copying what it reads and writes, roughly.
    fn weight(&self) -> usize {
        1
    }

    /// The pixels of a map between the first and the last under some of its units; `None` for all of them.
    fn under(&self, units: Range<usize>) -> Option<Range<usize>> {
        let _ = units;
        None
    }

    /// Units that are worth computing at a time: what neighbours share is computed twice where they are parted.
    fn least_units(&self) -> usize {
        1
    }
}

/// How planes of such pixels are pooled. It is a `dyn` wherever it is called, so that what shares planes among threads is compiled once for
/// all ways to pool them.
pub(super) trait Compute<T>: Described {
    /// Computes outputs, in memory that only this knows the type of.
    fn compute(&self, given: Input<'_, T>, output: &mut [T], cells: &mut Cells, spare: &mut [T]);

    /// What one thread computes in.
    fn cells(&self) -> Result<Cells> {
        Cells::of(0, ())
    }

    /// Pixels that it computes in, beside the cells.
    fn spare_length(&self) -> usize {
        0
    }

    /// Computes the outputs of some channels from the `first` on, of an image whose channels lie side by side at every pixel, where there is
    /// a way to do so as they lie; says whether there is.
    fn side_by_side(&self, pixels: &[T], (channels, first): (usize, usize), output: &mut [T]) -> bool {
        let _ = (pixels, channels, first, output);
        false
    }

    /// Computes the maps of some channels, from the `first` on, of an image whose channels lie side by side at every pixel, from the pixels as
    /// they lie and in memory for some rows of outputs; says whether it does.
    fn channels_last(&self, pixels: (&[T], usize, usize), tile: &mut [T], output: &mut [T]) -> bool {
        let _ = (pixels, tile, output);
        false
    }
}

/// The [`Described`] of what has a layout of windows in this field.
macro_rules! as_laid_down {
    ([$($generic:tt)*] $of:ty, $($layout:ident).+) => {
        impl<$($generic)*> $crate::pool::planes::Described for $of {
            fn algorithm(&self) -> &'static str {
                self.$($layout).+.name()
            }

            fn weight(&self) -> usize {
                $crate::pool::planes::OF_PASSES
            }

            fn under(&self, units: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
                Some(self.$($layout).+.under_units(units))
            }

            fn least_units(&self) -> usize {
                self.$($layout).+.least_rows()
            }
        }
    };
}
pub(super) use as_laid_down;

/// Memory to compute in, of any type.
trait Memory: Any + Send + Sync {
    fn another(&self) -> Box<dyn Memory>;
    fn bytes(&self) -> usize;
    fn as_any(&mut self) -> &mut dyn Any;
}

impl<T: Copy + Send + Sync + 'static> Memory for Vec<T> {
    fn another(&self) -> Box<dyn Memory> {
        Box::new(self.clone())
    }

    fn bytes(&self) -> usize {
        size_of_val(&self[..])
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// Numbers of a type that is forgotten: what shares planes among threads does not depend on it.
pub(super) struct Cells(Box<dyn Memory>);

impl Cells {
    pub(super) fn of<A: Copy + Send + Sync + 'static>(length: usize, blank: A) -> Result<Self> {
        Ok(Self(Box::new(filled(&[length], blank)?)))
    }

    /// The numbers, for who knows their type.
    pub(super) fn get<A: 'static>(&mut self) -> &mut [A] {
        self.0.as_any().downcast_mut::<Vec<A>>().map_or(&mut [], |cells| cells)
    }
}

impl Clone for Cells {
    fn clone(&self) -> Self {
        Self(self.0.another())
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
    pub(super) fn pixels(&self) -> usize {
        self.plane.iter().product()
    }

    /// What a unit reads and writes.
    fn bytes(&self, bytes_of_a_pixel: usize) -> usize {
        (self.pixels() / self.units.max(1) + self.unit).saturating_mul(bytes_of_a_pixel)
    }

    /// Units of a piece, where there are so many workers: whole planes, if there are planes enough, and whole registers of planes.
    pub(super) fn piece(&self, bytes_of_a_pixel: usize, workers: usize, least: usize) -> usize {
        let all = self.planes * self.units;
        if workers == 1 {
            return all.max(1);
        }
        let least = least.min(all.div_ceil(workers)).max(LEAST_PIECE / self.bytes(bytes_of_a_pixel).max(1));
        let units = all.div_ceil(workers * PIECES).max(least).max(1);
        let whole = if self.units == 1 { WIDEST } else { self.units };
        if units > whole { units.next_multiple_of(whole) } else { units }
    }

    /// As many workers as there are threads for and is worth it, for a [`Compute::weight`].
    pub(super) fn workers(&self, bytes_of_a_pixel: usize, weight: usize) -> usize {
        let all = self.units.saturating_mul(self.planes);
        workers_for(self.bytes(bytes_of_a_pixel).saturating_mul(all), WORTH_A_THREAD / weight, all)
    }
}

/// What one worker computes in; padding is written once for all runs.
#[derive(Clone)]
pub(super) struct Worker<T> {
    pub(super) cells: Cells,
    pub(super) spare: Vec<T>,
    /// Where it puts pixels in order that do not lie so.
    pub(super) turned: Vec<T>,
}

/// A pooling with all it needs to run.
#[derive(Clone)]
pub(super) struct PoolPlan<T> {
    compute: Arc<dyn Compute<T>>,
    sizes: Sizes,
    workers: Vec<Worker<T>>,
    /// Units that a worker takes at a time.
    piece: usize,
    bands: PlaneBands,
    /// Of an output that lies otherwise than row by row.
    staging: Ordered<T>,
}

/// [`PoolPlan`], for who need not know what they are.
pub trait Pooled<T: Element> {
    /// [`PoolPlan::run_dense`]
    fn run_dense(&mut self, pixels: &[T], output: &mut [T]);

    /// A plan for inputs and outputs of these shapes, in any order.
    fn into_plan(self: Box<Self>, input: &[usize], output: &[usize]) -> Result<Plan<T>>;
}

impl<T: Element> Pooled<T> for PoolPlan<T> {
    fn run_dense(&mut self, pixels: &[T], output: &mut [T]) {
        self.run_dense(pixels, output);
    }

    fn into_plan(self: Box<Self>, input: &[usize], output: &[usize]) -> Result<Plan<T>> {
        Ok(Plan::new(input, output, self.with_staging()?))
    }
}

/// The planes pooled so, by as many workers as are worth it.
pub(super) fn pooled<T: Element>(compute: impl Compute<T>, sizes: Sizes) -> Result<Box<dyn Pooled<T>>> {
    shared(Arc::new(compute), sizes)
}

/// The same for what is shared already.
pub(super) fn shared<T: Element>(compute: Arc<dyn Compute<T>>, sizes: Sizes) -> Result<Box<dyn Pooled<T>>> {
    let workers = sizes.workers(size_of::<T>(), compute.weight());
    Ok(Box::new(PoolPlan::new(compute, sizes, workers)?))
}

impl<T: Element> PoolPlan<T> {
    pub(super) fn new(compute: Arc<dyn Compute<T>>, sizes: Sizes, workers: usize) -> Result<Self> {
        let piece = sizes.piece(size_of::<T>(), workers, compute.least_units());
        let worker = || {
            let spare = filled(&[compute.spare_length()], T::ZERO)?;
            Ok(Worker { cells: compute.cells()?, spare, turned: Vec::new() })
        };
        let workers = (0..workers).map(|_| worker()).collect::<Result<_>>()?;
        let bands = PlaneBands::new(&*compute, &sizes, size_of::<T>(), STAGED_BYTES);
        Ok(Self { compute, sizes, workers, piece, bands, staging: Ordered::default() })
    }

    /// The same in pieces of so many units.
    #[cfg(test)]
    pub(super) fn in_pieces(self, piece: usize) -> Self {
        Self { piece, ..self }
    }

    /// The same for inputs of which so many bytes are put in order at a time.
    #[cfg(test)]
    pub(super) fn in_bands(self, bytes: usize) -> Self {
        Self { bands: PlaneBands::new(&*self.compute, &self.sizes, size_of::<T>(), bytes), ..self }
    }

    /// The same with room for inputs that lie otherwise than row by row.
    pub(super) fn with_staging(mut self) -> Result<Self> {
        for worker in &mut self.workers {
            worker.turned = filled(&[self.bands.planes, self.bands.rows, self.sizes.plane[2]], T::ZERO)?;
        }
        Ok(self)
    }

    /// Computes the output from pixels in row-major order.
    pub(super) fn run_dense(&mut self, pixels: &[T], output: &mut [T]) {
        let Self { compute, sizes, workers, piece, .. } = self;
        let mut pieces = output.chunks_mut(*piece * sizes.unit).enumerate();
        let mut next = |is_first| {
            let (number, output) = if is_first { pieces.next() } else { pieces.next_back() }?;
            let first = number * *piece;
            Some(([first / sizes.units, first % sizes.units], output))
        };
        share_pieces(workers, &mut next, &|worker, [plane, first], output| {
            let given = Input { pixels: &pixels[plane * sizes.pixels()..], skipped: 0, first };
            compute.compute(given, output, &mut worker.cells, &mut worker.spare);
        });
    }

    /// Computes the output from pixels in any order: some rows of some planes at a time are put in order.
    fn run_strided(&mut self, input: &ArrayView5<'_, T>, output: &mut [T]) {
        let Self { compute, sizes, workers, bands, .. } = self;
        let map = sizes.units * sizes.unit;
        let channels = input.len_of(Axis(1)).max(1);
        let mut images = input.outer_iter().zip(output.chunks_mut(channels * map));
        if images.all(|(image, output)| {
            pixel_by_pixel(&image).is_some_and(|pixels| match &mut workers[..] {
                _ if compute.side_by_side(pixels, (channels, 0), output) => true,
                // One thread takes all channels of a pixel together.
                [worker] => compute.channels_last((pixels, channels, 0), &mut worker.turned, output),
                _ => false,
            })
        }) {
            return;
        }
        // Channels that do not lie side by side have nothing in common.
        let together = match lie_side_by_side(input) {
            true => bands.planes.min(channels.div_ceil(workers.len())),
            false => 1,
        };
        let groups = |output| <[T]>::chunks_mut(output, together * map).enumerate();
        let images = output.chunks_mut(channels * map).enumerate();
        let mut pieces = images
            .flat_map(|(image, output)| groups(output).map(move |(group, output)| ([image, group * together], output)));
        self.run_pieces(input, &mut |is_first| if is_first { pieces.next() } else { pieces.next_back() });
    }

    /// Computes maps that lie apart, but each row by row, as bands of larger maps do; says whether they lie so, and does nothing
    /// where they do not.
    pub(super) fn run_apart(&mut self, input: &TensorView<'_, T>, output: TensorViewMut<'_, T>) -> bool {
        let mut input = input.as_volumes(self.sizes.spatial_axes);
        let mut output = output.into_volumes(self.sizes.spatial_axes);
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
        for (image, mut maps) in output.outer_iter_mut().enumerate() {
            let mut pieces = maps.outer_iter_mut().enumerate().map(|(channel, map)| {
                ([image, channel], map.into_slice().expect("it was seen that rows lie in order"))
            });
            self.run_pieces(&input, &mut |is_first| if is_first { pieces.next() } else { pieces.next_back() });
        }
        true
    }

    /// Computes the maps of some channels of an image for each piece, from a channel on, wherever the maps lie.
    fn run_pieces(&mut self, input: &ArrayView5<'_, T>, next: &mut PiecesOfMaps<'_, '_, T>) {
        let Self { compute, sizes, workers, bands, .. } = self;
        share_pieces(workers, next, &|worker, [image, channel], output| {
            let image = input.index_axis(Axis(0), image);
            bands.each(&**compute, sizes, (&image, channel), worker, output);
        });
    }
}

/// Pieces of an output, each with where it is, from the front or from the back.
type PiecesOfMaps<'a, 'b, T> = dyn FnMut(bool) -> Option<([usize; 2], &'a mut [T])> + Send + 'b;

/// What a worker does with a piece.
type PieceWork<'a, T> = dyn Fn(&mut Worker<T>, [usize; 2], &mut [T]) + Sync + 'a;

/// [`share_by`], compiled once for each type of pixels.
fn share_pieces<T: Send>(workers: &mut [Worker<T>], next: &mut PiecesOfMaps<'_, '_, T>, work: &PieceWork<'_, T>) {
    share_by(workers.iter_mut(), next, |worker, (place, output)| work(worker, place, output));
}

impl<T: Element> RunPlan<T> for PoolPlan<T> {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        if output.as_slice_mut().is_none() && self.run_apart(&input, output.view_mut()) {
            return Ok(());
        }
        let mut staging = std::mem::take(&mut self.staging);
        let written = staging.write(output, &mut |elements| {
            match input.to_slice() {
                Some(pixels) => self.run_dense(pixels, elements),
                None => self.run_strided(&input.as_volumes(self.sizes.spatial_axes), elements),
            }
            Ok(())
        });
        self.staging = staging;
        written
    }

    fn algorithm(&self) -> String {
        self.compute.algorithm().into()
    }

    fn workspace_bytes(&self) -> usize {
        let pixels = |worker: &Worker<T>| worker.spare.len() + worker.turned.len();
        let of_workers = self.workers.iter().map(|worker| worker.cells.0.bytes() + pixels(worker) * size_of::<T>());
        of_workers.sum::<usize>() + self.staging.bytes()
    }
}
