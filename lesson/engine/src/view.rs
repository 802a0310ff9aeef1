//! What a page shows of the lesson, as it is written in JSON.

use std::collections::BTreeMap;

use featuremap::Tensor;
use serde::Serialize;

use crate::chain::{Chain, Cost};
use crate::code::Code;
use crate::cost::Costs;
use crate::lesson::{Lesson, Shown};
use crate::operation::Operation;
use crate::shift::{Stage, Summary};
use crate::steps::{STEPS, Step};
use crate::{filters, formula, inputs};

impl Lesson {
    /// All that is shown but the cell that is looked at and the numbers of maps.
    pub fn view(&self) -> String {
        let nothing = Vec::new();
        let mut view = View {
            number: self.step + 1,
            of: STEPS.len(),
            step: &STEPS[self.step],
            address: self.address(),
            settings: self.settings.words(),
            filters: self.filters().ok().map(|planes| FilterView {
                name: filters::name_of(&planes),
                shape: planes.shape,
                texts: planes.texts,
                values: planes.values,
            }),
            maps: Vec::new(),
            operations: Vec::new(),
            failure: None,
            code: None,
            shift: nothing,
            cost: None,
        };
        match &self.shown {
            Shown::Maps(chain) => {
                view.maps = chain.maps.iter().enumerate().map(|(number, _)| self.map_view(chain, number)).collect();
                view.operations = chain.operations.iter().map(Operation::word).collect();
                view.failure = chain.failure.as_ref().map(|failure| (Some(failure.operation), failure.text.as_str()));
                view.code = Some(chain.code());
            }
            Shown::Shift(stages) => view.shift = stages.iter().map(StageView::new).collect(),
            Shown::Cost(costs) => view.cost = Some(costs),
            Shown::Nothing(why) => view.failure = Some((None, why)),
        }
        json(&view)
    }

    fn map_view(&self, chain: &Chain, number: usize) -> MapView {
        let map = &chain.maps[number];
        let operation = number.checked_sub(1).map(|before| &chain.operations[before]);
        let axes = map.windows.as_ref().map(|windows| *windows.axes());
        let before = number.checked_sub(1).and_then(|before| chain.maps[before].windows.as_ref());
        let [low, high] = range(&map.values);
        let picture = self.settings.word("pixels").is_empty()
            && inputs::find(self.settings.word("input")).is_ok_and(inputs::Input::is_picture);
        MapView {
            title: operation.map_or("Input", |operation| operation.result().0),
            operation: operation.map_or("", Operation::word),
            shape: map.shape(),
            low,
            high,
            picture: number == 0 && picture,
            before: axes.map_or([0; 2], |axes| axes.map(|axis| axis.before())),
            after: axes.map_or([0; 2], |axes| axes.map(|axis| axis.after())),
            beyond: axes.map_or([0; 2], |axes| axes.map(|axis| beyond(&axis))),
            padded: map.padded.is_some(),
            formulas: operation
                .zip(before)
                .and_then(|(operation, windows)| formula::formulas(operation, windows.axes())),
            cost: map.cost,
            has_indices: map.indices.is_some(),
        }
    }
}

#[derive(Serialize)]
struct View<'a> {
    number: usize,
    of: usize,
    step: &'a Step,
    address: String,
    settings: &'a BTreeMap<&'static str, String>,
    filters: Option<FilterView>,
    maps: Vec<MapView>,
    operations: Vec<&'static str>,
    /// The operation that could not be done, if it was one, and why.
    failure: Option<(Option<usize>, &'a str)>,
    code: Option<Code>,
    shift: Vec<StageView>,
    cost: Option<&'a Costs>,
}

#[derive(Serialize)]
struct FilterView {
    name: &'static str,
    shape: [usize; 4],
    texts: Vec<String>,
    values: Vec<f32>,
}

#[derive(Serialize)]
struct MapView {
    title: &'static str,
    /// What made it.
    operation: &'static str,
    shape: [usize; 3],
    low: f32,
    high: f32,
    /// Whether its numbers are brightness.
    picture: bool,
    /// Padding around it for the next operation, for rows and for columns.
    before: [usize; 2],
    after: [usize; 2],
    /// How far windows reach beyond that.
    beyond: [usize; 2],
    /// Whether there are numbers on the padding.
    padded: bool,
    formulas: Option<[String; 2]>,
    cost: Cost,
    has_indices: bool,
}

#[derive(Serialize)]
struct StageView {
    name: String,
    shape: Vec<usize>,
    low: f32,
    high: f32,
    summary: Summary,
}

impl StageView {
    fn new(stage: &Stage) -> Self {
        let ranges = stage.maps.each_ref().map(range);
        Self {
            name: stage.name.clone(),
            shape: stage.maps[0].shape().to_vec(),
            low: ranges.iter().map(|range| range[0]).fold(0.0, f32::min),
            high: ranges.iter().map(|range| range[1]).fold(0.0, f32::max),
            summary: stage.summary.clone(),
        }
    }
}

/// The smallest and the largest number, and 0 if there is none.
fn range(tensor: &Tensor) -> [f32; 2] {
    let mut numbers = tensor.iter().copied();
    let first = numbers.next().unwrap_or_default();
    numbers.fold([first; 2], |[low, high], number| [low.min(number), high.max(number)])
}

/// How far the last window reaches beyond the padding.
fn beyond(axis: &featuremap::Axis) -> usize {
    let last = axis.position(axis.outputs().saturating_sub(1), axis.size() - 1) + 1;
    (last - (axis.length() + axis.after()).cast_signed()).max(0).cast_unsigned()
}

pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and numbers can be written as JSON")
}
