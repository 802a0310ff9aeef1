//! A transposed convolution as convolutions: one for the outputs that see equally many taps.
//!
//! Along an axis, tap `t` of pixel `i` adds to the output `u = stride · i + dilation · t`, counted with what is cut off. The outputs of
//! one phase, `u = stride · q + r`, see every so many-th tap of a window over neighbouring pixels, and are a convolution of stride 1:
//!
//! ```text
//!     stride 2, 3 taps     u = 0 1 2 3 4 5 6         phase 0 (even):  taps 0 and 2
//!     pixel 0                  a b c                  phase 1 (odd):   tap 1
//!     pixel 1                      a b c
//!     pixel 2                          a b c
//! ```
//!
//! Phases with equally many taps over the same pixels are the filters of one convolution: of a window of 4×4 taps and stride 2 all
//! four are. No product is computed that the definition does not have, but for those with the zeros around the input. The maps of the
//! phases are then dealt into the output.

use std::sync::Arc;

use super::choose;
use super::fast::{self, Fast, Parameters, are_all_finite};
use super::kernels::Kernels;
use super::module::Means;
use super::prepared::Prepared;
use super::problem::{LITTLE_SCRATCH, Problem};
use crate::Result;
use crate::parallel::{PIECES, share};
use crate::simd::{Level, has_kernels, vectorized_with_kernels};
use crate::tensor::{Tensor, TensorView, element_count, filled};
use crate::window::{Axis, AxisSpec, PaddingMode, common_divisor, unravel};

/// More convolutions than this are not worth their calls.
const MOST_CONVOLUTIONS: usize = 64;

/// Phases of an axis whose outputs see equally many taps, over the same pixels.
#[derive(Debug, Clone)]
struct Class {
    /// The first tap of each phase; the others follow a period apart.
    first_taps: Vec<usize>,
    period: usize,
    taps: usize,
    /// The phases, as places between 0 and the stride.
    places: Vec<usize>,
    /// The first output of the convolution, as a multiple of the stride.
    start: usize,
    /// The axis of the convolution.
    axis: Axis,
}

/// The classes of an axis of the large side.
#[inline(never)]
fn classes(axis: &Axis) -> Vec<Class> {
    let (stride, dilation) = (axis.stride(), axis.dilation());
    let common = common_divisor(stride, dilation);
    let (period, step) = (stride / common, dilation / common);
    let mut classes: Vec<((usize, usize), Vec<usize>)> = Vec::new();
    for tap in 0..period.min(axis.size()) {
        let key = (dilation * tap / stride, (axis.size() - tap).div_ceil(period));
        match classes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, taps)) => taps.push(tap),
            None => classes.push((key, vec![tap])),
        }
    }
    let class = |((shift, taps), first_taps): ((usize, usize), Vec<usize>)| {
        let places: Vec<usize> = first_taps.iter().map(|tap| dilation * tap % stride).collect();
        let (lowest, highest) = (places.iter().min()?, places.iter().max()?);
        // Before the first output there may be some that are not stored, so that the window starts ahead of the input.
        let reach = shift + (taps - 1) * step;
        let start = axis.before().saturating_sub(*highest).div_ceil(stride).min(reach);
        let end = (axis.before() + axis.length()).checked_sub(lowest + 1)? / stride + 1;
        let outputs = end.checked_sub(start).filter(|&outputs| outputs > 0)?;
        let before = reach - start;
        let after = (outputs + (taps - 1) * step).saturating_sub(before + axis.outputs());
        let spec = AxisSpec { axis: 0, length: axis.outputs(), size: taps, stride: 1, dilation: step };
        let axis = spec.with_outputs(before, after, outputs).without_idle_steps();
        Some(Class { first_taps, period, taps, places, start, axis })
    };
    classes.into_iter().filter_map(class).collect()
}

/// A transposed convolution as the convolutions see it.
pub(super) struct Transposed<'a, T, A = T> {
    pub(super) images: usize,
    pub(super) groups: usize,
    /// Channels and filters of one group.
    pub(super) channels: usize,
    pub(super) filters: usize,
    /// From the large side to the small one, outermost first; axes that the layer lacks have one pixel.
    pub(super) axes: [Axis; 3],
    pub(super) spatial_axes: usize,
    /// `[channel of all groups, filter of its group, tap]`
    pub(super) weights: &'a [T],
    pub(super) bias: Option<Vec<A>>,
}

/// One of the convolutions, and where its maps belong.
#[derive(Debug, Clone)]
struct PhaseConv<A> {
    fast: Fast<A>,
    /// Along each axis.
    classes: [Class; 3],
    /// How many numbers its output is, `[image, filter, phase, pixel]`.
    maps: usize,
}

impl<A: Kernels> PhaseConv<A> {
    /// `None` where its maps would be out of all proportion to the layer: of taps that lie far apart, most outputs are not stored.
    fn new(transposed: &Transposed<'_, A>, classes: [Class; 3], level: Level) -> Result<Option<Self>> {
        let phases = classes.each_ref().map(|class| class.places.len());
        let count: usize = phases.iter().product();
        let pixels = |of_axis: fn(&Axis) -> usize| transposed.axes.iter().map(of_axis).fold(1, usize::saturating_mul);
        let outputs = classes.iter().map(|class| class.axis.outputs()).fold(count, usize::saturating_mul);
        if outputs > pixels(Axis::length).saturating_add(pixels(Axis::outputs)).saturating_mul(4).max(LITTLE_SCRATCH) {
            return Ok(None);
        }
        let problem = Problem {
            images: transposed.images,
            groups: transposed.groups,
            channels: transposed.channels,
            filters: transposed.filters * count,
            axes: classes.each_ref().map(|class| class.axis),
            spatial_axes: transposed.spatial_axes,
            mode: PaddingMode::Zeros,
            quads: None,
        };
        let weights = weights(transposed, &classes, phases)?;
        let weights = Arc::new(Tensor::from_vec(&[weights.len()], weights)?);
        let bias = transposed
            .bias
            .as_ref()
            .map(|bias| bias.iter().flat_map(|&bias| std::iter::repeat_n(bias, count)).collect());
        let prepared = Prepared::default();
        let may = |algorithm| fast::may_use(algorithm, &problem, &weights.view(), &prepared);
        let algorithm = choose::fastest::<A>(&problem, level, &may);
        let maps = problem.images * problem.groups * problem.filters;
        let maps = element_count::<A>(&[maps, problem.outputs()])?;
        let means = Means::of(&problem);
        let fast = Fast::new(
            problem,
            algorithm,
            means,
            Parameters { weights: &weights, bias, activation: None, prepared: &prepared },
        )?;
        Ok(fast.map(|fast| Self { fast, classes, maps }))
    }
}

/// Where the taps of each phase are in a filter, `[phase, tap]`, in the order of a convolution.
#[inline(never)]
fn places_of_taps(sizes: [usize; 3], classes: &[Class; 3], phases: [usize; 3]) -> Vec<usize> {
    let taps = classes.each_ref().map(|class| class.taps);
    let [of_layer, of_phase] = [phases, taps].map(|counts| counts.iter().product::<usize>());
    let mut places = Vec::with_capacity(of_layer * of_phase);
    for phase in (0..of_layer).map(|phase| unravel(phase, phases)) {
        for tap in (0..of_phase).map(|tap| unravel(tap, taps)) {
            places.push((0..3).fold(0, |flat, axis| {
                let class = &classes[axis];
                let tap = class.first_taps[phase[axis]] + (class.taps - 1 - tap[axis]) * class.period;
                flat * sizes[axis] + tap
            }));
        }
    }
    places
}

/// The weights of one of the convolutions, `[group, filter, phase, channel, tap]`, whose taps are in the order of a convolution.
fn weights<A: Kernels>(transposed: &Transposed<'_, A>, classes: &[Class; 3], phases: [usize; 3]) -> Result<Vec<A>> {
    let Transposed { groups, channels, filters, axes, weights, .. } = transposed;
    let sizes = axes.map(|axis| axis.size());
    let places = places_of_taps(sizes, classes, phases);
    let of_filter = sizes.iter().product::<usize>();
    let of_phase = classes.iter().map(|class| class.taps).product();
    let mut ordered = filled(&[*groups, *filters, places.len(), *channels], A::default())?;
    let mut next = ordered.iter_mut();
    for group in 0..*groups {
        for filter in 0..*filters {
            for places in places.chunks_exact(of_phase) {
                for channel in 0..*channels {
                    let taps = &weights[((group * channels + channel) * filters + filter) * of_filter..][..of_filter];
                    for (&place, weight) in places.iter().zip(&mut next) {
                        *weight = taps[place];
                    }
                }
            }
        }
    }
    Ok(ordered)
}

/// A transposed convolution, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Phases<A> {
    parts: Vec<PhaseConv<A>>,
    axes: [Axis; 3],
    /// What outputs that no tap reaches are, for each filter, where there are some.
    background: Option<Vec<A>>,
    level: Level,
    workers: usize,
}

impl<A: Kernels> Phases<A> {
    /// `None` where the level has no kernels, or it is better done by tap.
    pub(super) fn new(transposed: &Transposed<'_, A>) -> Result<Option<Self>> {
        let (axes, level) = (transposed.axes, Level::new());
        let by_axis = axes.each_ref().map(classes);
        let counts = by_axis.each_ref().map(Vec::len);
        let known = (1..=MOST_CONVOLUTIONS).contains(&counts.iter().product());
        // A zero around the input times an infinite weight would be a product that the definition does not have.
        let finite = are_all_finite(&TensorView::from_slice(&[transposed.weights.len()], transposed.weights)?);
        if !known || !finite || !has_kernels(level) {
            return Ok(None);
        }
        let mut parts = Vec::new();
        for number in 0..counts.iter().product() {
            let [planes, rows, columns] = unravel(number, counts);
            let classes = [by_axis[0][planes].clone(), by_axis[1][rows].clone(), by_axis[2][columns].clone()];
            let Some(part) = PhaseConv::new(transposed, classes, level)? else { return Ok(None) };
            parts.push(part);
        }
        let filters = transposed.groups * transposed.filters;
        let reached = |classes: &Vec<Class>| classes.iter().map(|class| class.places.len()).sum::<usize>();
        let all = (0..3).all(|axis| reached(&by_axis[axis]) == axes[axis].stride());
        let background = (!all).then(|| transposed.bias.clone().unwrap_or_else(|| vec![A::default(); filters]));
        let outputs = axes.iter().map(|axis| axis.length() as f64).product::<f64>();
        let workers = fast::threads_for(outputs * (transposed.images * filters) as f64);
        Ok(Some(Self { parts, axes, background, level, workers }))
    }
}

impl<A: Copy + Default> Phases<A> {
    /// What the convolutions are computed by.
    pub(super) fn describe(&self) -> String {
        let mut names: Vec<_> = self.parts.iter().map(|part| part.fast.describe()).collect();
        names.dedup();
        let phases: usize = self.axes.iter().map(Axis::stride).product();
        format!("{}, phases: {phases}", names.join(" and "))
    }

    /// Numbers that its maps are, and the scratch of the largest of its convolutions.
    pub(super) fn scratch_length(&self) -> usize {
        let maps = self.parts.iter().map(|part| part.maps).fold(0, usize::saturating_add);
        maps.saturating_add(self.parts.iter().map(|part| part.fast.scratch_length()).max().unwrap_or(0))
    }

    /// Bytes that its convolutions hold themselves.
    pub(super) fn own_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.fast.own_bytes()).sum()
    }
}

impl<A: Kernels> Phases<A> {
    /// Computes the output in row-major order.
    pub(super) fn run_into(&self, input: &TensorView<'_, A>, output: &mut [A], scratch: &mut [A]) {
        let (of_parts, scratch) = scratch.split_at_mut(self.parts.iter().map(|part| part.maps).sum());
        let mut rest = &mut *of_parts;
        for part in &self.parts {
            let maps = rest.split_off_mut(..part.maps).unwrap_or_default();
            part.fast.run_into(input, maps, scratch);
        }
        let of_parts = &*of_parts;
        let map = self.axes.iter().map(Axis::length).product::<usize>();
        let together = (output.len() / map).div_ceil(PIECES * self.workers);
        let pieces = output.chunks_mut(together * map).enumerate();
        share(0..self.workers, pieces, |_, (piece, maps)| {
            vectorized_with_kernels(
                self.level,
                #[inline(always)]
                || {
                    for (number, map) in maps.chunks_exact_mut(map).enumerate() {
                        self.deal(of_parts, piece * together + number, map);
                    }
                },
            );
        });
    }

    /// Fills a map, the one of this number through all images, from those of all convolutions.
    #[inline(always)]
    fn deal(&self, mut of_parts: &[A], number: usize, map: &mut [A]) {
        if let Some(background) = &self.background {
            map.fill(background[number % background.len()]);
        }
        for part in &self.parts {
            let phases = part.classes.each_ref().map(|class| class.places.len());
            let pixels = part.classes.iter().map(|class| class.axis.outputs()).product::<usize>();
            let of_row = phases[2] * pixels;
            let of_part = of_parts.split_off(..part.maps).unwrap_or_default();
            let of_map = &of_part[number * phases[0] * phases[1] * of_row..];
            for (phase, maps) in of_map.chunks_exact(of_row).take(phases[0] * phases[1]).enumerate() {
                self.deal_rows(part, [phase / phases[1], phase % phases[1]], maps, map);
            }
        }
    }

    /// Deals the rows of a phase of planes and rows, for all phases of columns `[phase, pixel]`.
    #[inline(always)]
    fn deal_rows(&self, part: &PhaseConv<A>, phase: [usize; 2], maps: &[A], map: &mut [A]) {
        let [planes, rows, columns] = part.classes.each_ref().map(|class| class.axis.outputs());
        let place = |axis: usize, at: usize| {
            let class = &part.classes[axis];
            let place = (class.start + at) * self.axes[axis].stride() + class.places[phase[axis]];
            place.checked_sub(self.axes[axis].before()).filter(|&place| place < self.axes[axis].length())
        };
        let width = self.axes[2].length();
        for at in 0..planes {
            let Some(plane) = place(0, at) else { continue };
            for row in 0..rows {
                let Some(to) = place(1, row) else { continue };
                let to = &mut map[(plane * self.axes[1].length() + to) * width..][..width];
                let from = (at * rows + row) * columns;
                self.deal_columns(
                    &part.classes[2],
                    |phase| &maps[phase * planes * rows * columns + from..][..columns],
                    to,
                );
            }
        }
    }

    /// Deals the rows of all phases of columns into one.
    #[inline(always)]
    fn deal_columns<'a>(&self, class: &Class, of_phase: impl Fn(usize) -> &'a [A], row: &mut [A])
    where
        A: 'a,
    {
        let (stride, before) = (self.axes[2].stride(), self.axes[2].before());
        if stride == 2 && class.places == [0, 1] {
            return deal_pairs(of_phase(0), of_phase(1), before - 2 * class.start, row);
        }
        for (phase, place) in class.places.iter().enumerate() {
            let first = class.start * stride + place;
            // Those that are cut off.
            let skip = before.saturating_sub(first).div_ceil(stride);
            let from = of_phase(phase).get(skip..).unwrap_or_default();
            let to = row.get_mut(first + skip * stride - before..).unwrap_or_default();
            match stride {
                1 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
                _ => to.iter_mut().step_by(stride).zip(from).for_each(|(to, from)| *to = *from),
            }
        }
    }
}

/// Deals two rows into one, alternately, but for so many of the first.
#[inline(always)]
fn deal_pairs<A: Copy>(even: &[A], odd: &[A], cut: usize, mut row: &mut [A]) {
    let (mut even, mut odd) = (&even[cut / 2..], &odd[cut / 2..]);
    if cut % 2 == 1 {
        row[0] = odd[0];
        (row, even, odd) = (&mut row[1..], &even[1..], &odd[1..]);
    }
    let mut pairs = row.chunks_exact_mut(2);
    let whole = pairs.len();
    for ((place, even), odd) in (&mut pairs).zip(even).zip(odd) {
        (place[0], place[1]) = (*even, *odd);
    }
    if let ([place], Some(last)) = (pairs.into_remainder(), even.get(whole)) {
        *place = *last;
    }
}
