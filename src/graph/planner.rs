//! From a graph to steps: what is folded into what, what is computed together, what in place, and which buffers there are.

use super::Join;
use super::flat::{Flat, FlatNode, FlatWork, within};
use super::fused::{self, Fusion, Group};
use super::in_place::InPlace;
use super::layout::{Buffer, Draft, INPUT};
use super::steps::{Action, Steps};
use crate::module::Module;
use crate::parallel::for_awake;
use crate::{Element, Error, Fusible, Lowering, Plan, Result};

/// Modules that are folded into one after the other, at most: a module of a user's own could go on for ever.
const MOST_FOLDED: usize = 16;

/// From so many multiply-adds on, threads stay awake from step to step: some hundred times what it takes to wake them.
const WORTH_WAKING: u64 = 10_000_000;

/// How a node is computed, for a summary.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) algorithm: String,
    /// Bytes of its output that are held at once.
    pub(crate) bytes: usize,
}

impl Way {
    pub(super) fn new(algorithm: impl Into<String>, bytes: usize) -> Self {
        Self { algorithm: algorithm.into(), bytes }
    }
}

/// What is made of a graph.
pub(crate) struct Planned<T: Element> {
    pub(super) steps: Steps<T>,
    /// For each node.
    pub(crate) ways: Vec<Way>,
    /// The most bytes that are needed at once, with the caller's and the rows within a step.
    pub(crate) peak_bytes: usize,
}

pub(super) struct Planner<'f, 'a, T: Element> {
    pub(super) flat: &'f Flat<'a, T>,
    pub(super) room: usize,
    /// The nodes that use each value, each as often as it does; none that the output does not need.
    pub(super) users: Vec<Vec<usize>>,
    /// How many of them are still to be computed.
    pub(super) left: Vec<usize>,
    pub(super) needed: Vec<bool>,
    pub(super) done: Vec<bool>,
    /// In which buffer each value lies.
    pub(super) buffer_of: Vec<usize>,
    pub(super) buffers: Vec<Buffer>,
    pub(super) drafts: Vec<Draft<T>>,
    pub(super) ways: Vec<Way>,
}

impl<T: Element> Planned<T> {
    /// Plans a graph, with room for so many bytes in the bands of fused groups.
    pub(crate) fn new(flat: &Flat<'_, T>, room: usize) -> Result<Self> {
        let stay_awake = flat.multiply_adds() >= WORTH_WAKING;
        let planned = for_awake(stay_awake, || {
            let mut planner = Planner::new(flat, room);
            for node in 0..flat.nodes.len() {
                if planner.needed[node] && !planner.done[node] {
                    planner.node(node)?;
                }
            }
            planner.finish()
        })?;
        Ok(Self { steps: Steps { stay_awake, ..planned.steps }, ..planned })
    }

    pub(crate) fn into_plan(self, flat: &Flat<'_, T>) -> Plan<T> {
        let plan = Plan::new(&flat.shapes[0], &flat.shapes[flat.output], self.steps);
        plan.of_versions(flat.seen.clone())
    }

    pub(crate) fn workspace_bytes(&self) -> usize {
        crate::RunPlan::workspace_bytes(&self.steps)
    }
}

pub(super) fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

impl<'f, 'a, T: Element> Planner<'f, 'a, T> {
    fn new(flat: &'f Flat<'a, T>, room: usize) -> Self {
        let (nodes, values) = (flat.nodes.len(), flat.shapes.len());
        let mut needed = vec![false; nodes];
        let mut users = vec![Vec::new(); values];
        let mut wanted = vec![false; values];
        wanted[flat.output] = true;
        for node in (0..nodes).rev().filter(|&node| node < flat.output) {
            if wanted[node + 1] {
                needed[node] = true;
                for &input in &flat.nodes[node].inputs {
                    wanted[input] = true;
                    users[input].push(node);
                }
            }
        }
        let left = users.iter().map(Vec::len).collect();
        let input = Buffer { length: count(&flat.shapes[0]), within: None, has_parts: false };
        Self {
            flat,
            room,
            users,
            left,
            needed,
            done: vec![false; nodes],
            buffer_of: vec![INPUT; values],
            buffers: vec![input],
            drafts: Vec::new(),
            ways: vec![Way::new("not needed", 0); nodes],
        }
    }

    pub(super) fn shape(&self, value: usize) -> &'f [usize] {
        &self.flat.shapes[value]
    }

    pub(super) fn bytes(&self, value: usize) -> usize {
        count(self.shape(value)) * size_of::<T>()
    }

    /// Notes that a node is computed: that it has read its inputs, and that its value lies in a buffer.
    pub(super) fn computed(&mut self, node: usize, buffer: usize, way: Way) {
        self.done[node] = true;
        for &input in &self.flat.nodes[node].inputs {
            self.left[input] -= 1;
        }
        self.buffer_of[node + 1] = buffer;
        self.ways[node] = way;
    }

    pub(super) fn new_buffer(&mut self, length: usize) -> usize {
        self.buffers.push(Buffer { length, within: None, has_parts: false });
        self.buffers.len() - 1
    }

    /// Whether a node may change a value where it lies: nobody else is to read it, and it is not the caller's.
    pub(super) fn may_change(&self, value: usize) -> bool {
        let buffer = self.buffer_of[value];
        let readers = |(number, &left): (usize, &usize)| if self.lies_in(number, buffer) { left } else { 0 };
        buffer != INPUT && self.left.iter().enumerate().map(readers).sum::<usize>() == 1
    }

    /// Whether a value that is computed lies in a buffer.
    fn lies_in(&self, value: usize, buffer: usize) -> bool {
        self.buffer_of[value] == buffer && (value == 0 || self.done[value - 1])
    }

    /// The only node that uses a value, with its module, if it is a module of this value alone.
    fn only_user(&self, value: usize) -> Option<(usize, &'f dyn Module<T>, &'f Lowering<'a, T>)> {
        let &[user] = &self.users[value][..] else { return None };
        match &self.flat.nodes[user].work {
            FlatWork::Module(module, lowering) if value != self.flat.output => Some((user, *module, lowering)),
            _ => None,
        }
    }

    fn node(&mut self, node: usize) -> Result<()> {
        let FlatNode { work, inputs, .. } = &self.flat.nodes[node];
        match work {
            FlatWork::Join(Join::Concat(axis)) => {
                let axis = axis.of(self.shape(node + 1).len()).unwrap_or(0);
                self.concat(node, axis);
                Ok(())
            }
            FlatWork::Join(join) => {
                self.join(node, *join);
                Ok(())
            }
            FlatWork::Module(module, lowering) => self.module(node, inputs[0], *module, lowering),
        }
    }

    fn module(
        &mut self,
        node: usize,
        input: usize,
        module: &dyn Module<T>,
        lowering: &'f Lowering<'a, T>,
    ) -> Result<()> {
        let buffer = self.buffer_of[input];
        match lowering {
            // The caller's input may lie in any order: it cannot always be seen under another shape.
            Lowering::Reshape if buffer != INPUT || self.shape(input) == self.shape(node + 1) => {
                self.computed(node, buffer, Way::new("in place", 0));
                Ok(())
            }
            Lowering::Reshape => {
                let target = self.new_buffer(self.buffers[buffer].length);
                self.draft(node, Action::Copy(None), input, target);
                self.computed(node, target, Way::new("copied", self.bytes(node + 1)));
                Ok(())
            }
            Lowering::Elementwise(_) | Lowering::Scale(_) if self.may_change(input) => {
                if let Some(function) = in_place(lowering) {
                    self.then(node, buffer, function);
                }
                self.computed(node, buffer, Way::new("in place", 0));
                Ok(())
            }
            Lowering::Fusible(fusible) => self.folded(&[node], input, *fusible, true),
            _ => self.step(&[node], input, module, lowering),
        }
    }

    /// A function after the last step that writes to a buffer.
    fn then(&mut self, node: usize, buffer: usize, function: InPlace<T>) {
        let shape = self.shape(node + 1).to_vec();
        match self.drafts.last_mut() {
            // Where only a part was written last, all of it is changed by a step of its own.
            Some(last) if last.target == (buffer, shape.clone()) && !matches!(last.action, Action::Copy(Some(_))) => {
                last.then.push(function);
            }
            _ => {
                let path = self.flat.nodes[node].path.clone();
                let (source, target) = ((buffer, shape.clone()), (buffer, shape));
                self.drafts.push(Draft {
                    path,
                    action: Action::Nothing,
                    source,
                    target,
                    then: vec![function],
                    rows_bytes: 0,
                });
            }
        }
    }

    /// A module that can do more before it stores its results: with what can be folded into it of what follows. A scale goes into
    /// weights, so that it must come before any activation.
    fn folded(&mut self, nodes: &[usize], input: usize, fusible: &dyn Fusible<T>, may_scale: bool) -> Result<()> {
        let value = nodes[nodes.len() - 1] + 1;
        if nodes.len() < MOST_FOLDED
            && let Some((user, _, lowering)) = self.only_user(value)
        {
            let (folded, may_scale) = match lowering {
                Lowering::Scale(scale) if may_scale => (fusible.with_scale(scale, self.shape(value)), true),
                Lowering::Elementwise(function) => {
                    (function.as_activation().and_then(|activation| fusible.with_activation(activation)), false)
                }
                _ => (None, false),
            };
            if let Some(folded) = folded {
                let nodes: Vec<usize> = nodes.iter().copied().chain([user]).collect();
                return self.folded(&nodes, input, &*folded, may_scale);
            }
        }
        self.step(nodes, input, fusible, &Lowering::Fusible(fusible))
    }

    /// A step of a module that stands for some nodes; of that and a pooling after it, where they can be computed together.
    fn step(
        &mut self,
        nodes: &[usize],
        input: usize,
        module: &dyn Module<T>,
        lowering: &Lowering<'_, T>,
    ) -> Result<()> {
        let mut value = nodes[nodes.len() - 1] + 1;
        let (mut between, mut functions) = (Vec::new(), Vec::new());
        let at = value;
        while let Some((user, _, lowering)) = self.only_user(value)
            && let Some(function) = in_place(lowering)
        {
            value = user + 1;
            between.push(user);
            functions.push(function);
        }
        if let Some((last, _, of_last)) = self.only_user(value) {
            let shapes = [self.shape(input), self.shape(value), self.shape(last + 1)];
            if let (Lowering::Fusible(fusible), Lowering::Pooling(pooling)) = (lowering, of_last)
                && functions.is_empty()
                && let Some(quads) = pooling.quads(shapes[1])
                && let Some(plan) = fusible.plan_pooled(shapes[0], quads)
                && (plan.input_shape(), plan.output_shape()) == (shapes[0], shapes[2])
            {
                let ways = [Way::new(plan.algorithm(), 0), Way::new("fused", self.bytes(last + 1))];
                self.together(nodes, &between, last, input, (plan, 0), ways);
                return Ok(());
            }
            let bands = lowering.bands().zip(of_last.bands());
            let group =
                bands.map(|(first, last)| Group { shapes, first, functions: functions.clone(), last, room: self.room });
            if let Some(fusion) = group.as_ref().and_then(fused::plan) {
                let Fusion { plan, algorithms: [of_first, of_last], bands, rows_bytes } = fusion;
                let ways = [
                    Way::new(format!("{of_first}, in {bands} bands"), rows_bytes),
                    Way::new(of_last, self.bytes(last + 1)),
                ];
                self.together(nodes, &between, last, input, (plan, rows_bytes), ways);
                return Ok(());
            }
        }
        let plan = self.plan_alone(nodes[0], module, input, at)?;
        let way = Way::new(plan.algorithm(), self.bytes(at));
        let target = self.new_buffer(count(self.shape(at)));
        self.draft(nodes[0], Action::Plan(plan.without_scratch()), input, target);
        self.computed_all(nodes, target, way);
        Ok(())
    }

    /// A plan of a module for a value; that of a user's own need not be for the shapes that his module promised.
    fn plan_alone(&self, node: usize, module: &dyn Module<T>, input: usize, output: usize) -> Result<Plan<T>> {
        let path = &self.flat.nodes[node].path;
        let plan = module.plan(self.shape(input)).map_err(|error| within(path, error))?;
        let promised = [
            ("the input of the layer's plan", self.shape(input), plan.input_shape()),
            ("the output of the layer's plan", self.shape(output), plan.output_shape()),
        ];
        for (what, expected, found) in promised {
            if expected != found {
                let (expected, found) = (expected.to_vec(), found.to_vec());
                return Err(within(path, Error::Shape { what, expected, found }));
            }
        }
        Ok(plan)
    }

    /// Nodes that one step computes: the first in this way, the others with it.
    fn computed_all(&mut self, nodes: &[usize], buffer: usize, way: Way) {
        self.computed(nodes[0], buffer, way);
        for &node in &nodes[1..] {
            self.computed(node, buffer, Way::new("fused", 0));
        }
    }

    /// One step for the nodes of a module, those between, and a last one.
    fn together(
        &mut self,
        nodes: &[usize],
        between: &[usize],
        last: usize,
        input: usize,
        (plan, rows_bytes): (Plan<T>, usize),
        [of_first, of_last]: [Way; 2],
    ) {
        let target = self.new_buffer(count(self.shape(last + 1)));
        self.draft(nodes[0], Action::Plan(plan.without_scratch()), input, target);
        if let Some(draft) = self.drafts.last_mut() {
            draft.rows_bytes = rows_bytes;
            draft.target.1.clone_from(&self.flat.shapes[last + 1]);
            if let (Some(first), Some(last)) = (draft.path.last_mut(), self.flat.nodes[last].path.last()) {
                *first = format!("{first} to {last}");
            }
        }
        self.computed(nodes[0], target, of_first);
        for &node in nodes[1..].iter().chain(between) {
            self.computed(node, target, Way::new("fused", 0));
        }
        self.computed(last, target, of_last);
    }

    pub(super) fn draft(&mut self, node: usize, action: Action<T>, input: usize, target: usize) {
        let path = self.flat.nodes[node].path.clone();
        let output = match &action {
            Action::Plan(plan) => plan.output_shape().to_vec(),
            Action::Copy(_) | Action::Join(_) | Action::Nothing => self.shape(node + 1).to_vec(),
        };
        let source = (self.buffer_of[input], self.shape(input).to_vec());
        self.drafts.push(Draft { path, action, source, target: (target, output), then: Vec::new(), rows_bytes: 0 });
    }
}

/// What a module does to a value where it lies, if it is such a one.
fn in_place<T: Element>(lowering: &Lowering<'_, T>) -> Option<InPlace<T>> {
    match lowering {
        Lowering::Elementwise(function) => Some(InPlace::Elementwise(function.clone())),
        Lowering::Scale(scale) => Some(InPlace::Scale(scale.clone())),
        _ => None,
    }
}
