//! Two modules computed together, band by band: the map between them never exists as a whole.
//!
//! ```text
//!     for some images, for a band of rows of the output
//!         rows of the input  →  rows of the map, in a buffer that stays in cache  →  rows of the output
//! ```
//!
//! A band of a module's output is the same module on a band of its input, with other padding: [`Bands::band`] says which rows,
//! and [`Bands::plan_band`] gives the plan. Most bands are alike, so a few plans serve all. Each thread has its own.

use std::ops::Range;

use super::cut::{Cut, Pair};
use super::in_place::{InPlace, apply_all};
use super::memory::ALIGNMENT;
use crate::module::{RunInScratch, with_axis};
use crate::parallel::{BatchPart, alone, share, threads};
use crate::tensor::{TensorView, TensorViewMut, element_count};
use crate::{Band, Bands, Element, Plan, Result};

/// Two modules that may be computed together.
pub(super) struct Group<'a, T: Element> {
    /// Of the input, of the map between them, and of the output.
    pub(super) shapes: [&'a [usize]; 3],
    pub(super) first: &'a dyn Bands<T>,
    /// What is done to the map.
    pub(super) functions: Vec<InPlace<T>>,
    pub(super) last: &'a dyn Bands<T>,
    /// Bytes that a band may have.
    pub(super) room: usize,
}

/// A plan for both modules of a group, and what is to be said of it.
pub(super) struct Fusion<T: Element> {
    pub(super) plan: Plan<T>,
    pub(super) algorithms: [String; 2],
    pub(super) bands: usize,
    /// Bytes of the rows of the map that all workers hold.
    pub(super) rows_bytes: usize,
}

/// More kinds of bands than this, each with plans of its own, are not worth the memory.
const MOST_KINDS: usize = 64;

/// A plan for both; `None` where they are better computed one after the other, or cannot be planned together: planned alone, the
/// one that is wrong says what is.
pub(super) fn plan<T: Element>(group: &Group<'_, T>) -> Option<Fusion<T>> {
    let cut = group.cut(threads())?;
    let fused = Fused::new(group, cut, threads())?;
    Some(Fusion {
        algorithms: fused.algorithms(),
        bands: fused.bands(),
        rows_bytes: fused.workers.len() * fused.work.map_length * size_of::<T>(),
        plan: Plan::in_scratch(group.shapes[0], group.shapes[2], fused).ok()?,
    })
}

#[derive(Clone)]
struct Fused<T: Element> {
    work: FusedWork<T>,
    workers: Vec<FusedWorker<T>>,
}

/// What is to be done, the same for all workers.
#[derive(Clone)]
struct FusedWork<T: Element> {
    cut: Cut,
    /// Which plans serve a band.
    kinds: Vec<usize>,
    /// What the images are a part of, themselves.
    part: BatchPart,
    functions: Vec<InPlace<T>>,
    /// Whether workers share out the bands, of every image, rather than the groups of images.
    by_rows: bool,
    /// How many numbers the rows of the map are, at most.
    map_length: usize,
    /// Numbers of scratch for each worker: the rows of the map, and what a plan computes in.
    of_worker: usize,
}

/// What one thread computes with.
#[derive(Clone)]
struct FusedWorker<T: Element> {
    /// For groups of the least number of images and of one more, for each kind of band.
    plans: Vec<Vec<[Plan<T>; 2]>>,
    result: Result<()>,
}

impl<T: Element> Fused<T> {
    fn new(group: &Group<'_, T>, cut: Cut, threads: usize) -> Option<Self> {
        let mut distinct: Vec<&Pair> = Vec::new();
        let mut kinds = Vec::new();
        for pair in &cut.bands {
            let known = distinct.iter().position(|known| known.is_like(pair));
            kinds.push(known.unwrap_or(distinct.len()));
            if known.is_none() {
                distinct.push(pair);
            }
            if distinct.len() > MOST_KINDS {
                return None;
            }
        }
        let least = cut.least_images();
        let counts =
            if cut.images.iter().any(|images| images.len() > least) { least..least + 2 } else { least..least + 1 };
        let of_count = |images| {
            let images = cut.batched.then_some(images);
            distinct.iter().map(|pair| group.plan_pair(pair, images)).collect::<Option<Vec<_>>>()
        };
        let plans: Vec<_> = counts.map(of_count).collect::<Option<_>>()?;
        let length = |[first, _]: &[Plan<T>; 2]| first.output_shape().iter().product();
        let map_length = plans.iter().flatten().map(length).max().unwrap_or(0);
        let scratch = plans.iter().flatten().flatten().map(Plan::scratch_length).max().unwrap_or(0);
        // Seldom do two workers write to one line of the cache.
        let of_worker = map_length.checked_add(scratch)?.checked_next_multiple_of(ALIGNMENT)?.max(ALIGNMENT);

        let largest = |units: usize| units.div_ceil(threads.min(units)) as f64 / units as f64;
        let by_rows = largest(cut.bands.len()) < largest(cut.images.len());
        let work = FusedWork {
            cut,
            kinds,
            part: BatchPart::here(),
            functions: group.functions.clone(),
            by_rows,
            map_length,
            of_worker,
        };
        let count = threads.min(work.units());
        element_count::<T>(&[count, of_worker]).ok()?;
        let worker = FusedWorker { plans, result: Ok(()) };
        Some(Self { work, workers: vec![worker; count] })
    }
}

impl<T: Element> Fused<T> {
    fn algorithms(&self) -> [String; 2] {
        self.workers[0].plans[0][0].each_ref().map(Plan::algorithm)
    }

    fn bands(&self) -> usize {
        self.work.cut.images.len() * self.work.cut.bands.len()
    }
}

impl Cut {
    /// Images of the smallest group; another has one more at most.
    fn least_images(&self) -> usize {
        self.images.iter().map(ExactSizeIterator::len).min().unwrap_or(1)
    }
}

impl<T: Element> Group<'_, T> {
    /// The plans of both modules for a band, of so many images where there is a batch; each on one thread. `None` unless they are
    /// for the rows of the band.
    fn plan_pair(&self, pair: &Pair, images: Option<usize>) -> Option<[Plan<T>; 2]> {
        let of_images = |shape: &[usize]| images.map_or_else(|| shape.to_vec(), |images| with_axis(shape, 0, images));
        let [input, map, output] = self.shapes.map(of_images);
        let here = BatchPart::here();
        let part = images.map_or(here, |images| here.some(images, self.shapes[0][0]));
        let plan = |module: &dyn Bands<T>, band: &Band, input: &[usize], output: &[usize]| {
            let given = with_axis(output, band.output_axis, band.output.len());
            let whole = band.input_shape(input) == input && given == output;
            let plan = alone(part, || if whole { module.plan(input) } else { module.plan_band(input, band) }).ok()?;
            (plan.input_shape() == band.input_shape(input) && plan.output_shape() == given).then_some(plan)
        };
        let plans = [plan(self.first, &pair.first, &input, &map)?, plan(self.last, &pair.last, &map, &output)?];
        Some(plans.map(Plan::without_scratch))
    }
}

/// The parts of an output that workers share out: the bands of every image, or the groups of images.
struct OutputPieces<'a, T: Element> {
    work: &'a FusedWork<T>,
    /// Those that are left, and their output.
    units: Range<usize>,
    output: Option<TensorViewMut<'a, T>>,
}

impl<'a, T: Element> Iterator for OutputPieces<'a, T> {
    type Item = (usize, TensorViewMut<'a, T>);

    fn next(&mut self) -> Option<Self::Item> {
        let (unit, output) = (self.units.next()?, self.output.take()?);
        // The last has all that is left: what has no images is not cut along the first axis.
        if self.units.is_empty() {
            return Some((unit, output));
        }
        let (axis, place) = self.work.place(unit);
        let (output, rest) = output.split_at(axis, place.len());
        self.output = Some(rest);
        Some((unit, output))
    }
}

impl<T: Element> DoubleEndedIterator for OutputPieces<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (unit, output) = (self.units.next_back()?, self.output.take()?);
        if self.units.is_empty() {
            return Some((unit, output));
        }
        let [(axis, first), (_, place)] = [self.units.start, unit].map(|unit| self.work.place(unit));
        let (rest, output) = output.split_at(axis, place.start - first.start);
        self.output = Some(rest);
        Some((unit, output))
    }
}

impl<T: Element> FusedWork<T> {
    /// How many pieces there are.
    fn units(&self) -> usize {
        if self.by_rows { self.cut.bands.len() } else { self.cut.images.len() }
    }

    fn pieces<'a>(&'a self, output: TensorViewMut<'a, T>) -> OutputPieces<'a, T> {
        OutputPieces { work: self, units: 0..self.units(), output: Some(output) }
    }

    /// Where the output of a piece lies, and along which axis.
    fn place(&self, piece: usize) -> (usize, Range<usize>) {
        match self.by_rows {
            true => (self.cut.bands[piece].last.output_axis, self.cut.bands[piece].last.output.clone()),
            false => (0, self.cut.images[piece].clone()),
        }
    }

    /// Computes a piece.
    fn compute(
        &self,
        (worker, scratch): (&mut FusedWorker<T>, &mut [T]),
        piece: usize,
        input: &TensorView<'_, T>,
        mut output: TensorViewMut<'_, T>,
    ) -> Result<()> {
        let (_, Range { start, .. }) = self.place(piece);
        let (groups, bands, first) = match self.by_rows {
            true => (0..self.cut.images.len(), piece..piece + 1, (0, start)),
            false => (piece..piece + 1, 0..self.cut.bands.len(), (start, 0)),
        };
        for images in &self.cut.images[groups] {
            let mut compute =
                |band| self.compute_band((worker, scratch), images, band, first, input, output.view_mut());
            // A module that has no plan of its own plans now.
            alone(self.part_of(images), || bands.clone().try_for_each(&mut compute))?;
        }
        Ok(())
    }

    /// What part of the batch some of its images are.
    fn part_of(&self, images: &Range<usize>) -> BatchPart {
        let all = self.cut.images.last().map_or(0, |last| last.end);
        match self.cut.batched {
            true => self.part.some(images.len(), all),
            false => self.part,
        }
    }

    /// Computes a band of some images, into an output that begins with this image and row.
    fn compute_band(
        &self,
        (worker, scratch): (&mut FusedWorker<T>, &mut [T]),
        images: &Range<usize>,
        band: usize,
        (first_image, first_row): (usize, usize),
        input: &TensorView<'_, T>,
        output: TensorViewMut<'_, T>,
    ) -> Result<()> {
        let more = usize::from(images.len() > self.cut.least_images());
        let Pair { first, last } = &self.cut.bands[band];
        let [first_plan, last_plan] = &mut worker.plans[more][self.kinds[band]];

        let mut input = input.part(first.input_axis, first.input.clone());
        let row = last.output.start - first_row;
        let mut output = output.part(last.output_axis, row..row + last.output.len());
        if self.cut.batched {
            let image = images.start - first_image;
            input = input.part(0, images.clone());
            output = output.part(0, image..image + images.len());
        }
        let shape = first_plan.output_shape();
        let length = shape.iter().product();
        let (map, scratch) = scratch.split_at_mut(self.map_length);
        let mut map = TensorViewMut::from_slice(shape, &mut map[..length])?;
        first_plan.run_in(input, map.view_mut(), scratch)?;
        apply_all(&self.functions, map.view_mut());
        let rows = self.cut.bands[band].rows_between();
        last_plan.run_in(map.view().part(last.input_axis, rows), output, scratch)
    }
}

impl<T: Element> RunInScratch<T> for Fused<T> {
    fn scratch_length(&self) -> usize {
        self.workers.len() * self.work.of_worker
    }

    fn run_in(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>, scratch: &mut [T]) -> Result<()> {
        let Self { work, workers } = self;
        let workers = workers.iter_mut().zip(scratch.chunks_exact_mut(work.of_worker));
        share(workers, work.pieces(output.view_mut()), |(worker, scratch), (piece, output)| {
            if worker.result.is_ok() {
                worker.result = work.compute((worker, scratch), piece, &input, output);
            }
        });
        let results = self.workers.iter_mut().map(|worker| std::mem::replace(&mut worker.result, Ok(())));
        results.collect()
    }

    fn algorithm(&self) -> String {
        let [first, last] = self.algorithms();
        format!("{first} and {last} in {} bands", self.bands())
    }

    fn own_bytes(&self) -> usize {
        self.workers.iter().flat_map(|worker| worker.plans.iter().flatten().flatten()).map(Plan::workspace_bytes).sum()
    }
}
