//! The lesson as a page sees it.

use featuremap::Tensor;
use serde::Serialize;

use crate::chain::Chain;
use crate::cost::{self, Costs};
use crate::filters::{self, FILTERS};
use crate::inputs::{self, INPUTS, Pictures};
use crate::operation::operations;
use crate::planes::Planes;
use crate::settings::Settings;
use crate::shift::{self, Stage};
use crate::steps::{Part, STEPS, Step};
use crate::view::json;

/// The state of the lesson, and what follows from it.
///
/// All that a page shows comes out as JSON, but for the numbers of maps, which are many: [`values`](Self::values).
#[derive(Debug)]
pub struct Lesson {
    pub(crate) step: usize,
    pub(crate) settings: Settings,
    pub(crate) pictures: Pictures,
    pub(crate) shown: Shown,
}

/// What is computed for the part of the lesson that is shown.
#[derive(Debug)]
pub(crate) enum Shown {
    Maps(Chain),
    Shift(Vec<Stage>),
    Cost(Costs),
    /// There is nothing to show, and why.
    Nothing(String),
}

impl Default for Lesson {
    fn default() -> Self {
        Self::new()
    }
}

impl Lesson {
    /// The first step.
    pub fn new() -> Self {
        let mut lesson = Self {
            step: 0,
            settings: Settings::default(),
            pictures: Pictures::default(),
            shown: Shown::Nothing(String::new()),
        };
        lesson.open("");
        lesson
    }

    /// What can be chosen: steps, inputs and filters, each with its name and its group.
    ///
    /// # Panics
    ///
    /// Never: names can be written as JSON.
    pub fn choices(&self) -> String {
        #[derive(Serialize)]
        struct Choice {
            id: &'static str,
            name: &'static str,
            group: &'static str,
        }
        #[derive(Serialize)]
        struct Choices {
            steps: &'static [Step],
            inputs: Vec<Choice>,
            filters: Vec<Choice>,
        }
        json(&Choices {
            steps: &STEPS,
            inputs: INPUTS.iter().map(|input| Choice { id: input.id, name: input.name, group: input.group }).collect(),
            filters: FILTERS.iter().map(|filter| Choice { id: filter.id, name: filter.name, group: "" }).collect(),
        })
    }

    /// Goes to an address: the id of a step, and after it, each behind an `&`, what is set otherwise than the step has it. One that
    /// names no step leads to the first.
    pub fn open(&mut self, address: &str) {
        let (id, pairs) = address.split_once('&').unwrap_or((address, ""));
        self.step = STEPS.iter().position(|step| step.id == id).unwrap_or(0);
        self.settings = self.settings_of_step().with(pairs);
        self.compute();
    }

    /// The address of what is shown now.
    pub fn address(&self) -> String {
        let difference = self.settings.difference(&self.settings_of_step());
        let id = STEPS[self.step].id;
        if difference.is_empty() { id.to_owned() } else { format!("{id}&{difference}") }
    }

    fn settings_of_step(&self) -> Settings {
        Settings::default().with(STEPS[self.step].settings)
    }

    /// Takes a picture, of bytes red, green, blue and opacity: the photo of the lesson, or one's own.
    ///
    /// # Errors
    ///
    /// Where the bytes are not as many as the pixels take.
    pub fn give_picture(&mut self, own: bool, rows: usize, columns: usize, bytes: &[u8]) -> Result<(), String> {
        self.pictures.set(own, [rows, columns], bytes)?;
        self.compute();
        Ok(())
    }

    /// Sets the word under a key: one of the settings, or of those that change several of them: `filter`, a name for all planes;
    /// `filter-size`, a pair; `filter-count`.
    ///
    /// # Errors
    ///
    /// Where a word cannot be read. Settings that can be read and make no sense are errors of what is shown.
    pub fn set(&mut self, key: &str, word: &str) -> Result<(), String> {
        match key {
            "filter" => {
                let filter = filters::find(word).ok_or_else(|| format!("there is no filter “{word}”"))?;
                let [filters, channels, ..] = self.filters().map_or([1; 4], |planes| planes.shape);
                self.settings.set("filters", &filter.repeated(filters, channels));
            }
            "filter-size" => {
                let mut wanted = Settings::default();
                wanted.set("pool-size", word);
                let [rows, columns] = wanted.pair("pool-size").map_err(|error| error.replace("pool-size", "size"))?;
                if [rows, columns].iter().any(|length| !(1..=LARGEST_FILTER).contains(length)) {
                    return Err(format!("a filter of this page has 1 to {LARGEST_FILTER} rows and columns"));
                }
                let planes = self.filters()?;
                let [filters, channels, ..] = planes.shape;
                self.settings.set("filters", &planes.resized([filters, channels, rows, columns]));
            }
            "filter-count" => {
                let planes = self.filters()?;
                let count = word.parse().ok().filter(|count| (1..=MOST_FILTERS).contains(count));
                let count = count.ok_or_else(|| format!("there can be 1 to {MOST_FILTERS} filters"))?;
                let [_, channels, rows, columns] = planes.shape;
                self.settings.set("filters", &planes.resized([count, channels, rows, columns]));
            }
            "input" => {
                self.settings.set("pixels", "");
                self.settings.set("input", word);
                self.fit_filters();
            }
            "pool-size" => {
                // As in the crate, the stride is the size until it is given.
                if self.settings.word("pool-stride") == self.settings.word("pool-size") {
                    self.settings.set("pool-stride", word);
                }
                self.settings.set("pool-size", word);
            }
            _ => self.settings.set(key, word),
        }
        self.compute();
        Ok(())
    }

    pub(crate) fn filters(&self) -> Result<Planes, String> {
        Planes::parse("filters", self.settings.word("filters"))
    }

    /// Gives the filters as many planes as the input has channels.
    fn fit_filters(&mut self) {
        let (Ok(input), Ok(planes)) = (self.input(), self.filters()) else { return };
        let [filters, channels, rows, columns] = planes.shape;
        if input.shape()[0] != channels {
            self.settings.set("filters", &planes.resized([filters, input.shape()[0], rows, columns]));
        }
    }

    fn input(&self) -> Result<Tensor, String> {
        match self.settings.word("pixels") {
            "" => inputs::find(self.settings.word("input"))?.tensor(&self.pictures),
            pixels => inputs::numbers(pixels),
        }
    }

    fn compute(&mut self) {
        let shown = match STEPS[self.step].part {
            Part::Maps => self.chain().map(Shown::Maps),
            Part::Shift => shift::stages(&self.settings, &self.pictures).map(Shown::Shift),
            Part::Cost => cost::costs(&self.settings).map(Shown::Cost),
        };
        self.shown = shown.unwrap_or_else(Shown::Nothing);
    }

    fn chain(&self) -> Result<Chain, String> {
        Ok(Chain::new(operations(&self.settings)?, self.input()?))
    }

    /// The numbers of a map, plane by plane, row by row; with those on its padding, if it has such. Of the part that moves the input:
    /// the map at its place, moved, and the difference, of one stage after the other. None for a map that there is not.
    pub fn values(&self, map: usize) -> Vec<f32> {
        let tensor = match &self.shown {
            Shown::Maps(chain) => chain.maps.get(map).map(|map| map.padded.as_ref().unwrap_or(&map.values)),
            Shown::Shift(stages) => stages.get(map / 3).map(|stage| &stage.maps[map % 3]),
            Shown::Cost(_) | Shown::Nothing(_) => None,
        };
        tensor.map_or_else(Vec::new, |tensor| tensor.iter().copied().collect())
    }

    /// The place that each number of a map was picked from, in the plane before it, counted row by row.
    pub fn indices(&self, map: usize) -> Vec<i32> {
        let Shown::Maps(chain) = &self.shown else { return Vec::new() };
        let indices = chain.maps.get(map).and_then(|map| map.indices.as_ref());
        indices.map_or_else(Vec::new, |indices| indices.iter().map(|&index| index.try_into().unwrap_or(-1)).collect())
    }

    /// How many windows of the next operation lie over each pixel of a map; none after the last.
    pub fn coverage(&self, map: usize) -> Vec<u32> {
        let Shown::Maps(chain) = &self.shown else { return Vec::new() };
        let windows = chain.maps.get(map).and_then(|map| map.windows.as_ref());
        let coverage = windows.and_then(|windows| windows.coverage().ok());
        coverage
            .map_or_else(Vec::new, |counts| counts.iter().map(|&count| count.try_into().unwrap_or(u32::MAX)).collect())
    }

    /// The cell that is looked at, with the window that it comes from and the windows that it is in.
    pub fn look(&self) -> String {
        let Shown::Maps(chain) = &self.shown else { return "null".into() };
        json(&chain.look(self.settings.place()).ok())
    }

    /// Looks at a cell, or at the nearest that exists.
    pub fn point(&mut self, map: usize, channel: usize, row: usize, column: usize) {
        let Shown::Maps(chain) = &self.shown else { return };
        let cell = chain.cell([map, channel, row, column]);
        self.settings.set_place([cell.map, cell.channel, cell.row, cell.column]);
    }

    /// Looks at a neighbour of the cell, down and right by so much, as far as there is one.
    pub fn walk(&mut self, down: isize, right: isize) {
        let Shown::Maps(chain) = &self.shown else { return };
        let cell = chain.cell(self.settings.place());
        let to =
            [cell.map, cell.channel, cell.row.saturating_add_signed(down), cell.column.saturating_add_signed(right)];
        self.point(to[0], to[1], to[2], to[3]);
    }

    /// Looks at the output so many windows further on, row by row and map by map, and from the end at the beginning.
    pub fn stride(&mut self, by: isize) {
        let Shown::Maps(chain) = &self.shown else { return };
        let Some(cell) = chain.output_of(chain.cell(self.settings.place())) else { return };
        let [channels, rows, columns] = chain.maps[cell.map].shape();
        let Ok(outputs) = isize::try_from(channels * rows * columns) else { return };
        let at = ((cell.channel * rows + cell.row) * columns + cell.column).cast_signed();
        let at = (at + by).rem_euclid(outputs.max(1)).cast_unsigned();
        self.point(cell.map, at / (rows * columns), at / columns % rows, at % columns);
    }
}

/// What fits beside a map.
const LARGEST_FILTER: usize = 9;
const MOST_FILTERS: usize = 4;
