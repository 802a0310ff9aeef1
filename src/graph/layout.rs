//! The memory of a plan: which buffers its steps read and write, for how long they are needed, and where they lie.

use super::in_place::InPlace;
use super::memory::{Lifetime, places};
use super::planner::{Planned, Planner, count};
use super::steps::{Action, Operand, Place, Step, Steps};
use crate::tensor::filled;
use crate::{Element, Result};

/// A step before it is known where buffers lie: its source and its target by their numbers.
pub(super) struct Draft<T: Element> {
    pub(super) path: Vec<String>,
    pub(super) action: Action<T>,
    pub(super) source: (usize, Vec<usize>),
    pub(super) target: (usize, Vec<usize>),
    pub(super) then: Vec<InPlace<T>>,
    pub(super) rows_bytes: usize,
}

/// A buffer: one value after the other lies in it, each computed in place from the one before, or under another shape.
pub(super) struct Buffer {
    pub(super) length: usize,
    /// The buffer that it is a part of, and from where on.
    pub(super) within: Option<(usize, usize)>,
    pub(super) has_parts: bool,
}

/// The caller's input counts as a buffer.
pub(super) const INPUT: usize = 0;

impl<T: Element> Planner<'_, '_, T> {
    /// The steps with memory for their buffers.
    pub(super) fn finish(mut self) -> Result<Planned<T>> {
        let (output, shape) = (self.buffer_of[self.flat.output], self.shape(self.flat.output));
        let of_output = &self.buffers[output];
        // The caller's output may lie in any order: it is written as it is, and not read but in place.
        let is_plain = |draft: &Draft<T>| {
            (draft.target.0 != output || draft.target.1 == shape)
                && (draft.source.0 != output || matches!(draft.action, Action::Nothing))
        };
        let direct = output != INPUT
            && !of_output.has_parts
            && of_output.within.is_none()
            && self.drafts.iter().any(|draft| draft.target.0 == output)
            && self.drafts.iter().all(is_plain);
        let outside = if direct { output } else { self.new_buffer(count(shape)) };
        if !direct {
            let (source, target) = ((output, shape.to_vec()), (outside, shape.to_vec()));
            let (path, action) = (Vec::new(), Action::Copy(None));
            self.drafts.push(Draft { path, action, source, target, then: Vec::new(), rows_bytes: 0 });
        }
        let roots: Vec<(usize, usize)> = (0..self.buffers.len()).map(|buffer| self.root(buffer)).collect();
        let lifetimes = self.lifetimes(&roots);
        let peak_bytes = self.peak_bytes(&lifetimes);
        let held = |buffer: usize| buffer != INPUT && buffer != outside && roots[buffer].0 == buffer;
        let none = Lifetime { length: 0, first: 0, last: 0 };
        let of_buffers = lifetimes
            .iter()
            .enumerate()
            .map(|(buffer, lifetime)| lifetime.clone().filter(|_| held(buffer)).unwrap_or_else(|| none.clone()));
        // Behind the buffers: what a step computes in, while it does.
        let of_steps = self.drafts.iter().enumerate().map(|(step, draft)| match &draft.action {
            Action::Plan(plan) => Lifetime { length: plan.scratch_length(), first: step, last: step },
            Action::Copy(_) | Action::Join(_) | Action::Nothing => none.clone(),
        });
        let own: Vec<Lifetime> = of_buffers.chain(of_steps).collect();
        let (starts, whole) = places(&own);
        let memory = filled(&[whole], T::default())?;
        let buffers = &self.buffers;
        let place = |(buffer, shape): (usize, Vec<usize>)| {
            let (root, from) = roots[buffer];
            let start = starts[root].start + from;
            let place = match buffer {
                INPUT => Place::Input,
                _ if buffer == outside => Place::Output,
                _ if buffers[buffer].length == 0 => Place::Memory(0..0),
                _ => Place::Memory(start..start + buffers[buffer].length),
            };
            Operand { place, shape }
        };
        let steps = self.drafts.into_iter().zip(&starts[buffers.len()..]).map(|(draft, scratch)| {
            let Draft { path, action, source, target, then, rows_bytes: _ } = draft;
            Step { path, action, source: place(source), target: place(target), scratch: scratch.clone(), then }
        });
        let steps = Steps { in_order: steps.collect(), memory, stay_awake: false };
        Ok(Planned { steps, ways: self.ways, peak_bytes })
    }

    /// The buffer that a buffer is a part of in the end, and from where on.
    fn root(&self, mut buffer: usize) -> (usize, usize) {
        let mut start = 0;
        while let Some((whole, from)) = self.buffers[buffer].within {
            (buffer, start) = (whole, start + from);
        }
        (buffer, start)
    }

    /// From which step up to which each buffer is needed that is no part of another; `None` for one that no step touches.
    fn lifetimes(&self, roots: &[(usize, usize)]) -> Vec<Option<Lifetime>> {
        let mut lifetimes: Vec<Option<Lifetime>> = vec![None; self.buffers.len()];
        for (step, draft) in self.drafts.iter().enumerate() {
            for buffer in [draft.source.0, draft.target.0] {
                let root = roots[buffer].0;
                let length = self.buffers[root].length;
                lifetimes[root].get_or_insert(Lifetime { length, first: step, last: step }).last = step;
            }
        }
        lifetimes
    }

    fn peak_bytes(&self, lifetimes: &[Option<Lifetime>]) -> usize {
        let at = |(step, draft): (usize, &Draft<T>)| {
            let needed = lifetimes.iter().flatten().filter(|lifetime| lifetime.first <= step && step <= lifetime.last);
            let elements = needed.map(|lifetime| lifetime.length).fold(0, usize::saturating_add);
            elements.saturating_mul(size_of::<T>()).saturating_add(draft.rows_bytes)
        };
        self.drafts.iter().enumerate().map(at).max().unwrap_or(0)
    }
}
