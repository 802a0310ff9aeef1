//! What the plan of a network does: steps from one buffer to the next.

use super::Layer;
use super::fused::{self, Fusion, Group};
use super::summary::Way;
use crate::module::Module;
use crate::tensor::{TensorView, TensorViewMut, filled};
use crate::{Element, Elementwise, Error, Plan, Result};

/// The steps of a network, and the memory between them.
#[derive(Clone)]
pub(super) struct Steps<T: Element> {
    steps: Vec<Step<T>>,
    /// What lies between two steps. Steps write to its start and to its end in turns, so that it is as large as the input and
    /// the output of the largest step.
    between: Vec<T>,
}

/// Something that is computed from one buffer into the next, and what is then done in place.
#[derive(Clone)]
struct Step<T: Element> {
    /// The layers that it is, for errors.
    label: String,
    plan: Plan<T>,
    /// Bytes of the rows of a map that it holds between two layers.
    rows_bytes: usize,
    in_place: Vec<Elementwise<T>>,
}

impl<T: Element> Step<T> {
    fn input_length(&self) -> usize {
        self.plan.input_shape().iter().product()
    }

    fn output_length(&self) -> usize {
        self.plan.output_shape().iter().product()
    }
}

impl<T: Element> Layer<T> {
    /// Whether it needs memory for its result, wherever it stands.
    fn computes(&self) -> bool {
        self.module.elementwise().is_none() && !self.module.only_reshapes()
    }

    /// What it does to every element alone, if that is all that it does: from the first of these shapes to the second.
    fn elementwise(&self, shapes: &[Vec<usize>]) -> Option<Elementwise<T>> {
        self.module.elementwise().filter(|_| shapes[0] == shapes[1])
    }

    /// Whether it leaves the elements as they are.
    fn only_reshapes(&self, shapes: &[Vec<usize>]) -> bool {
        let count = |shape: &[usize]| shape.iter().product::<usize>();
        self.module.only_reshapes() && count(&shapes[0]) == count(&shapes[1])
    }
}

impl<T: Element> Steps<T> {
    /// Plans layers for inputs of the first of these shapes; the others are those of their outputs. All have been found to be
    /// such as memory might hold. Bands of fused groups have `room` for so many bytes.
    pub(super) fn new(layers: &[Layer<T>], shapes: &[Vec<usize>], room: usize) -> Result<(Self, Vec<Way>)> {
        let mut steps: Vec<Step<T>> = Vec::new();
        let mut ways = Vec::new();
        let mut at = 0;
        while let Some(layer) = layers.get(at) {
            // The caller's input is not to be changed, and his output may lie in any order.
            if let Some(step) = steps.last_mut() {
                if let Some(function) = layer.elementwise(&shapes[at..]) {
                    step.in_place.push(function);
                    ways.push(Way::new("in place", 0));
                    at += 1;
                    continue;
                }
                if layer.only_reshapes(&shapes[at..]) && layers[at..].iter().any(Layer::computes) {
                    ways.push(Way::new("in place", 0));
                    at += 1;
                    continue;
                }
            }
            let (step, of_layers) = Step::new(&layers[at..], &shapes[at..], room)?;
            steps.push(step);
            at += of_layers.len();
            ways.extend(of_layers);
        }
        let mut longest = 0;
        for (number, step) in steps.iter().enumerate() {
            let input = if number > 0 { step.input_length() } else { 0 };
            let output = if number + 1 < steps.len() { step.output_length() } else { 0 };
            longest = longest.max(input.saturating_add(output));
        }
        Ok((Self { steps, between: filled(&[longest], T::default())? }, ways))
    }

    pub(super) fn run_all(&mut self, input: &TensorView<'_, T>, mut output: TensorViewMut<'_, T>) -> Result<()> {
        let Self { steps, between } = self;
        let last = steps.len().saturating_sub(1);
        if steps.is_empty() {
            output.assign(input);
        }
        for (number, step) in steps.iter_mut().enumerate() {
            let read = if number > 0 { step.input_length() } else { 0 };
            let written = if number < last { step.output_length() } else { 0 };
            let (from, to) = match number % 2 {
                0 => {
                    let (start, end) = between.split_at_mut(written);
                    let end_length = end.len();
                    (&end[end_length - read..], start)
                }
                _ => {
                    let (start, end) = between.split_at_mut(read);
                    let end_length = end.len();
                    (&start[..], &mut end[end_length - written..])
                }
            };
            let from = match number {
                0 => input.shorter(),
                _ => TensorView::from_slice(step.plan.input_shape(), from)?,
            };
            let mut to = match number == last {
                true => output.view_mut(),
                false => TensorViewMut::from_slice(step.plan.output_shape(), to)?,
            };
            let ran = step.plan.run(from, to.view_mut());
            ran.map_err(|error| Error::Layer { layer: step.label.clone(), source: Box::new(error) })?;
            for function in &step.in_place {
                function.apply(to.view_mut());
            }
        }
        Ok(())
    }

    /// The algorithms of all steps, in order.
    pub(super) fn describe(&self) -> String {
        let algorithms: Vec<_> = self.steps.iter().map(|step| step.plan.algorithm()).collect();
        algorithms.join("; ")
    }

    /// The memory between steps and that of the steps.
    pub(super) fn bytes(&self) -> usize {
        let workspaces: usize = self.steps.iter().map(|step| step.plan.workspace_bytes()).sum();
        self.between.len() * size_of::<T>() + workspaces
    }

    /// The most bytes of input, output and rows between them that a step has.
    pub(super) fn peak_bytes(&self) -> usize {
        let of_step = |step: &Step<T>| {
            step.input_length().saturating_add(step.output_length()).saturating_mul(size_of::<T>()) + step.rows_bytes
        };
        self.steps.iter().map(of_step).max().unwrap_or(0)
    }
}

impl<T: Element> Step<T> {
    /// The step that begins with the first of these layers, and how it computes those that it takes.
    fn new(layers: &[Layer<T>], shapes: &[Vec<usize>], room: usize) -> Result<(Self, Vec<Way>)> {
        let first = &layers[0];
        let elementwise = |at: usize| layers.get(at).and_then(|layer| layer.elementwise(&shapes[at..]));
        let with_relu = match elementwise(1) {
            Some(function) if function.is_relu() => first.module.with_relu(),
            _ => None,
        };
        let taken = if with_relu.is_some() { 2 } else { 1 };
        let module = with_relu.unwrap_or_else(|| Box::new(&*first.module));
        let functions: Vec<_> = (taken..).map_while(elementwise).collect();
        let end = taken + functions.len();
        if let Some(last) = layers.get(end) {
            if functions.is_empty()
                && let Some(quads) = last.module.quads(&shapes[end])
                && let Some(plan) = module.plan_with_quads(&shapes[0], quads)
                && (plan.input_shape(), plan.output_shape()) == (&shapes[0][..], &shapes[end + 1])
            {
                let label = format!("{} to {}", first.label(), last.label());
                let step = Self { label, plan, rows_bytes: 0, in_place: Vec::new() };
                let mut ways = vec![Way::new("fused", 0); end + 1];
                ways[0] = Way::new(step.plan.algorithm(), 0);
                ways[end] = Way::new("fused", step.output_length() * size_of::<T>());
                return Ok((step, ways));
            }
            let shapes = [&shapes[0][..], &shapes[end], &shapes[end + 1]];
            let group = Group { shapes, first: &*module, functions, last: &*last.module, room };
            if let Some(fused) = fused::plan(&group) {
                let Fusion { plan, algorithms: [of_first, of_last], bands, rows_bytes } = fused;
                let label = format!("{} to {}", first.label(), last.label());
                let step = Self { label, plan, rows_bytes, in_place: Vec::new() };
                let mut ways = vec![Way::new("fused", 0); end + 1];
                ways[0] = Way::new(format!("{of_first}, in {bands} bands"), rows_bytes);
                ways[end] = Way::new(of_last, step.output_length() * size_of::<T>());
                return Ok((step, ways));
            }
        }
        let plan = module.plan(&shapes[0]).map_err(|error| first.error(error))?;
        // A plan of a user's own need not be for the shapes that his module promised.
        let promised = [
            ("the input of the layer's plan", &shapes[0][..], plan.input_shape()),
            ("the output of the layer's plan", &shapes[taken], plan.output_shape()),
        ];
        for (what, expected, found) in promised {
            if expected != found {
                let (expected, found) = (expected.to_vec(), found.to_vec());
                return Err(first.error(Error::Shape { what, expected, found }));
            }
        }
        let step = Self { label: first.label(), plan, rows_bytes: 0, in_place: Vec::new() };
        let mut ways = vec![Way::new("fused", 0); taken];
        ways[0] = Way::new(step.plan.algorithm(), step.output_length() * size_of::<T>());
        Ok((step, ways))
    }
}
