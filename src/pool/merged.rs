//! Pooling by any reduction whose accumulators can be merged: the passes of `passes.rs`, with a slab of accumulators.

use std::ops::Range;
use std::sync::Arc;

use super::Reduction;
use super::counts::count;
use super::passes::{Passes, Spread};
use super::planes::{Compute, OF_PASSES};
use super::problem::{Part, Problem};
use super::tiles::Step;
use crate::simd::{Level, vectorized};
use crate::tensor::collected;
use crate::{Element, Result};

/// Windows of any size, and a reduction that merges.
#[derive(Clone)]
pub(super) struct Merged<R> {
    reduction: R,
    passes: Arc<Passes>,
    /// How many pixels a window counts on each axis.
    counts: Arc<[Vec<usize>; 3]>,
    level: Level,
}

/// Whether a reduction merges.
pub(super) fn merges<T, R: Reduction<T>>(reduction: &R) -> bool {
    reduction.merge(reduction.start(), reduction.start()).is_some()
}

/// Both accumulators as one, of a reduction that is known to merge.
#[inline(always)]
pub(super) fn merge<T, R: Reduction<T>>(reduction: &R, one: R::Accumulator, other: R::Accumulator) -> R::Accumulator {
    reduction.merge(one, other).unwrap_or(one)
}

impl<R> Merged<R> {
    /// `None` where the reduction does not merge, or the slab would be out of all proportion.
    pub(super) fn new<T>(reduction: &R, problem: &Problem, level: Level) -> Result<Option<Self>>
    where
        R: Reduction<T>,
    {
        if !merges(reduction) {
            return Ok(None);
        }
        let Some(passes) = Passes::new::<R::Accumulator>(problem) else { return Ok(None) };
        let include_pad = reduction.count_include_pad();
        let mut counts = [const { Vec::new() }; 3];
        for (counts, axis) in counts.iter_mut().zip(&problem.axes) {
            *counts = collected((0..axis.outputs()).map(|output| count(axis, output, include_pad)))?;
        }
        let (passes, counts) = (Arc::new(passes), Arc::new(counts));
        Ok(Some(Self { reduction: reduction.clone(), passes, counts, level }))
    }
}

impl<T: Element, R: Reduction<T>> Compute<T, R::Accumulator> for Merged<R> {
    fn compute(&self, pixels: &[T], first: usize, output: &mut [T], slab: &mut [R::Accumulator]) {
        self.passes.problem.each_band(self.passes.band, pixels, first, output, |pixels, part, output| {
            vectorized(
                self.level,
                #[inline(always)]
                || self.band(slab, pixels, part, output),
            );
        });
    }

    fn algorithm(&self) -> &'static str {
        "merged bands"
    }

    fn weight(&self) -> usize {
        OF_PASSES
    }

    fn scratch_length(&self) -> usize {
        self.passes.slab
    }

    fn blank(&self) -> R::Accumulator {
        self.reduction.start()
    }
}

impl<R> Merged<R> {
    /// A band, as in `band.rs`. The output is from its first row on.
    #[inline(always)]
    fn band<T: Element>(&self, slab: &mut [R::Accumulator], pixels: &[T], part: Part, output: &mut [T])
    where
        R: Reduction<T>,
    {
        let Self { reduction, passes, counts, .. } = self;
        passes.each_row(
            part,
            pixels,
            #[inline(always)]
            |place, pixels| match pixels {
                Some(pixels) => spread_row(reduction, &passes.spread, pixels, place, slab),
                None => passes.spread.blank(place, reduction.start(), slab),
            },
        );
        let needed = passes.needed(part);
        for step in &passes.across {
            merge_step(reduction, step, &needed.across, slab);
        }
        passes.pad(&needed, reduction.start(), slab);
        passes.thin_out(slab);
        for step in &passes.down {
            merge_step(reduction, step, &needed.down, slab);
        }
        let [of_planes, of_rows, of_columns] = &**counts;
        for (row, out) in output.chunks_exact_mut(of_columns.len()).take(part.rows).enumerate() {
            let of_row = of_planes[part.plane] * of_rows[part.first + row];
            each_merged(
                reduction,
                slab,
                &passes.last,
                (row * passes.row_step, out.len()),
                #[inline(always)]
                |column, merged| {
                    let (out, counts) = (&mut out[column..], &of_columns[column..]);
                    for at in 0..merged.len().min(out.len()).min(counts.len()) {
                        out[at] = reduction.finish(merged[at], of_row * counts[at]);
                    }
                },
            );
        }
    }
}

/// Spreads one row of pixels over the slab, as row `row` of each part: each the first of an accumulator.
#[inline(always)]
fn spread_row<T: Element, R: Reduction<T>>(
    reduction: &R,
    spread: &Spread,
    pixels: &[T],
    row: usize,
    slab: &mut [R::Accumulator],
) {
    let Spread { stride, lead, pitch, parts, .. } = spread;
    let start = reduction.start();
    for (phase, part) in parts.iter().enumerate() {
        let Some(part) = part else { continue };
        let first = lead.saturating_sub(phase).div_ceil(*stride);
        let places = &mut slab[part + row * pitch + first..][..pitch - first];
        let from = pixels.get(first * stride + phase - lead..).unwrap_or_default();
        match stride {
            1 => enter::<T, R, 1>(reduction, from.as_chunks().0, places),
            2 => {
                let (pairs, last) = from.as_chunks::<2>();
                enter(reduction, pairs, places);
                if let (Some(place), [pixel]) = (places.get_mut(pairs.len()), last) {
                    *place = reduction.step(start, *pixel);
                }
            }
            _ => {
                let from = from.iter().step_by(*stride);
                places.iter_mut().zip(from).for_each(|(place, &pixel)| *place = reduction.step(start, pixel));
            }
        }
    }
}

/// Makes an accumulator of the first pixel of each group.
#[inline(always)]
fn enter<T: Element, R: Reduction<T>, const STRIDE: usize>(
    reduction: &R,
    groups: &[[T; STRIDE]],
    places: &mut [R::Accumulator],
) {
    let start = reduction.start();
    let length = groups.len().min(places.len());
    let Some(last) = length.checked_sub(BLOCK) else {
        places.iter_mut().zip(groups).for_each(|(place, group)| *place = reduction.step(start, group[0]));
        return;
    };
    for at in (0..length).step_by(BLOCK) {
        // The last block may lie over the one before it.
        let at = at.min(last);
        let (mut block, groups) = ([start; BLOCK], at_term(groups, at));
        for place in 0..BLOCK {
            block[place] = reduction.step(start, groups[place][0]);
        }
        places[at..][..BLOCK].copy_from_slice(&block);
    }
}

/// Does one step for the places that are needed.
#[inline(always)]
fn merge_step<T, R: Reduction<T>>(reduction: &R, step: &Step, needed: &Range<usize>, slab: &mut [R::Accumulator]) {
    let (from, to) = slab.split_at_mut(step.to);
    let (first, end) = (needed.start, needed.end.min(step.count));
    each_merged(
        reduction,
        from,
        &step.terms,
        (first, end.saturating_sub(first)),
        #[inline(always)]
        |at, merged| to[first + at..][..merged.len()].copy_from_slice(merged),
    );
}

/// Merges what stands at all terms, some places on, for so many places and perhaps a few more, and calls `put` with each block of
/// them. Blocks are apart from the slab, and of a length that a compiler knows: else it asks, before each loop, whether one lies over
/// the other, and leaves its end to single steps.
#[inline(always)]
fn each_merged<T, R: Reduction<T>>(
    reduction: &R,
    slab: &[R::Accumulator],
    terms: &[usize],
    (at, count): (usize, usize),
    mut put: impl FnMut(usize, &[R::Accumulator]),
) {
    for done in (0..count).step_by(BLOCK) {
        let from = &slab[at + done..];
        let (first, others) = terms.split_at(terms.len().min(8));
        let mut merged = match first.len() {
            1 => *at_term(from, first[0]),
            2 => merged_terms::<T, R, 2>(reduction, from, first),
            3 => merged_terms::<T, R, 3>(reduction, from, first),
            4 => merged_terms::<T, R, 4>(reduction, from, first),
            5 => merged_terms::<T, R, 5>(reduction, from, first),
            6 => merged_terms::<T, R, 6>(reduction, from, first),
            7 => merged_terms::<T, R, 7>(reduction, from, first),
            _ => merged_terms::<T, R, 8>(reduction, from, first),
        };
        for &term in others {
            let other = at_term(from, term);
            for at in 0..BLOCK {
                merged[at] = merge(reduction, merged[at], other[at]);
            }
        }
        put(done, &merged);
    }
}

/// Accumulators that are merged at a time.
const BLOCK: usize = 16;

/// A block of what stands at so few terms that the accumulators stay in registers.
#[inline(always)]
fn merged_terms<T, R: Reduction<T>, const TERMS: usize>(
    reduction: &R,
    from: &[R::Accumulator],
    terms: &[usize],
) -> [R::Accumulator; BLOCK] {
    let mut at_terms = [at_term(from, terms[0]); TERMS];
    for term in 0..TERMS {
        at_terms[term] = at_term(from, terms[term]);
    }
    let mut merged = *at_terms[0];
    for at in 0..BLOCK {
        let mut accumulator = at_terms[0][at];
        for term in 1..TERMS {
            accumulator = merge(reduction, accumulator, at_terms[term][at]);
        }
        merged[at] = accumulator;
    }
    merged
}

/// A block; every part of a slab has a margin behind it, which is longer than one.
#[inline(always)]
fn at_term<A>(from: &[A], term: usize) -> &[A; BLOCK] {
    from[term..].first_chunk().expect("a margin is longer than a block")
}
