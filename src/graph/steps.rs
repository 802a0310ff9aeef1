//! What the plan of a graph does: steps from one buffer to the next.

use std::ops::Range;

use super::in_place::{InPlace, apply_all, join};
use super::{Join, flat};
use crate::module::RunPlan;
use crate::parallel;
use crate::tensor::{TensorView, TensorViewMut, in_order};
use crate::{Element, Plan, Result};

/// Where a value lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the memory of the caller, to read.
    Input,
    /// In the memory of the caller, to write.
    Output,
    /// In that of the plan.
    Memory(Range<usize>),
}

impl Place {
    /// The part of the plan's memory that it is; none of it for what is the caller's.
    fn in_memory(&self) -> Range<usize> {
        match self {
            Self::Memory(range) => range.clone(),
            Self::Input | Self::Output => 0..0,
        }
    }
}

/// A value, where it lies and under which shape.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) place: Place,
    pub(super) shape: Vec<usize>,
}

/// What is computed from one value into another.
#[derive(Clone)]
pub(super) enum Action<T: Element> {
    Plan(Plan<T>),
    /// Into a part of the target along an axis, or into all of it.
    Copy(Option<(usize, Range<usize>)>),
    /// The source joined to what the target has.
    Join(Join),
    /// What is done in place is all.
    Nothing,
}

/// A step: an action, and what is then done in place.
#[derive(Clone)]
pub(super) struct Step<T: Element> {
    /// Labels of the node, for errors.
    pub(super) path: Vec<String>,
    pub(super) action: Action<T>,
    pub(super) source: Operand,
    pub(super) target: Operand,
    /// The part of memory that a plan computes in.
    pub(super) scratch: Range<usize>,
    pub(super) then: Vec<InPlace<T>>,
}

/// The steps of a graph, and the memory that their values lie in and that they compute in.
#[derive(Clone)]
pub(super) struct Steps<T: Element> {
    pub(super) in_order: Vec<Step<T>>,
    pub(super) memory: Vec<T>,
    /// Whether threads stay awake between steps.
    pub(super) stay_awake: bool,
}

impl<T: Element> Step<T> {
    /// Reads the source, writes the target, and then does what is done in place there. Values of the graph lie in `memory`, each in a range
    /// of its own for as long as it is needed; a source may be the input instead, and a target the output.
    fn run(&mut self, memory: &mut [T], input: &TensorView<'_, T>, output: &mut TensorViewMut<'_, T>) -> Result<()> {
        let Self { action, source, target, scratch, then, .. } = self;
        if let Action::Nothing = action {
            let target = match &target.place {
                Place::Memory(range) => TensorViewMut::from_slice(&target.shape, &mut memory[range.clone()])?,
                // The input is never written to.
                Place::Input | Place::Output => output.view_mut(),
            };
            apply_all(then, target);
            return Ok(());
        }
        let apart = [source.place.in_memory(), target.place.in_memory(), scratch.clone()];
        let apart = memory.get_disjoint_mut(apart);
        let [from, to, scratch] = apart.expect("`memory::places` lays what is needed at once apart");
        // The output is never a source, nor the input a target.
        let source = match source.place {
            Place::Memory(_) => TensorView::from_slice(&source.shape, from)?,
            Place::Input | Place::Output => input.reborrow(),
        };
        let mut target = match target.place {
            Place::Memory(_) => TensorViewMut::from_slice(&target.shape, to)?,
            Place::Input | Place::Output => output.view_mut(),
        };
        match action {
            Action::Plan(plan) => plan.run_in(source, target.view_mut(), scratch)?,
            Action::Copy(part) => match part {
                Some((axis, range)) => copy_part(&source, target.view_mut(), *axis, range.clone())?,
                None => copy(&source, &mut target.view_mut())?,
            },
            Action::Nothing => unreachable!("what is done in place alone has been done above"),
            Action::Join(kind) => {
                join(*kind, target, &source, then);
                return Ok(());
            }
        }
        apply_all(then, target);
        Ok(())
    }
}

/// Copies a value into a part of the target along an axis. Where both lie in row-major order that is done in pieces, as a part of what
/// has more than six axes is a view whose shape takes memory.
fn copy_part<T: Element>(
    source: &TensorView<'_, T>,
    mut target: TensorViewMut<'_, T>,
    axis: usize,
    range: Range<usize>,
) -> Result<()> {
    let (length, inner) = (target.shape()[axis], target.shape()[axis + 1..].iter().product::<usize>());
    let piece = range.len() * inner;
    if let (Some(elements), Some(places)) = (source.to_slice(), target.as_slice_mut())
        && piece > 0
        && source.shape().get(axis) == Some(&range.len())
    {
        for (elements, places) in elements.chunks_exact(piece).zip(places.chunks_exact_mut(length * inner)) {
            places[range.start * inner..][..piece].copy_from_slice(elements);
        }
        return Ok(());
    }
    copy(source, &mut target.part(axis, range))
}

/// Copies a value, repeated where the target is larger, or its elements in order under another shape.
fn copy<T: Element>(source: &TensorView<'_, T>, target: &mut TensorViewMut<'_, T>) -> Result<()> {
    if source.len() != target.len() || source.shape() == target.shape() {
        target.combine(source, |place, &element| *place = element);
        return Ok(());
    }
    in_order(source, target)
}

impl<T: Element> RunPlan<T> for Steps<T> {
    fn run(&mut self, input: TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        let Self { in_order, memory, stay_awake } = self;
        let mut all = || {
            in_order.iter_mut().try_for_each(|step| {
                let ran = step.run(memory, &input, &mut output);
                ran.map_err(|error| flat::within(&step.path, error))
            })
        };
        if *stay_awake { parallel::awake(all) } else { all() }
    }

    /// The algorithms of all steps, in order.
    fn algorithm(&self) -> String {
        let algorithms = self.in_order.iter().filter_map(|step| match &step.action {
            Action::Plan(plan) => Some(plan.algorithm()),
            Action::Join(join) => Some(join.name().to_lowercase()),
            Action::Copy(_) | Action::Nothing => None,
        });
        algorithms.collect::<Vec<_>>().join("; ")
    }

    /// The memory of the values and that of the steps.
    fn workspace_bytes(&self) -> usize {
        let of_step = |step: &Step<T>| match &step.action {
            Action::Plan(plan) => plan.workspace_bytes(),
            Action::Copy(_) | Action::Join(_) | Action::Nothing => 0,
        };
        let steps: usize = self.in_order.iter().map(of_step).sum();
        size_of_val(&self.memory[..]) + steps
    }
}
