//! One cell looked at closely: the window that it came from, and the windows that it takes part in.

use featuremap::{Axis, Conv1d, Geometry, Module};
use serde::Serialize;

use crate::chain::{Chain, Map};
use crate::operation::{Kind, Operation, Pooling};

/// A cell of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Cell {
    pub(crate) map: usize,
    pub(crate) channel: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

/// What is to be seen of a cell.
#[derive(Debug, Serialize)]
pub(crate) struct Look {
    pub(crate) at: Cell,
    pub(crate) value: f32,
    /// The output whose window is shown: the cell itself, or, in the input, that of the nearest window.
    pub(crate) output: Option<Output>,
    pub(crate) covering: Option<Covering>,
}

/// An output with its window on the map before.
#[derive(Debug, Serialize)]
pub(crate) struct Output {
    pub(crate) cell: Cell,
    pub(crate) value: f32,
    /// Its number, counted from 1, and how many outputs there are.
    number: usize,
    of: usize,
    /// What made it: see [`Operation::word`].
    operation: &'static str,
    /// The rows and the columns of the taps, negative in the padding; the window has a tap wherever one of each meet.
    rows: Vec<isize>,
    columns: Vec<isize>,
    /// The channel that the window lies on, where it does not lie on all.
    channel: Option<usize>,
    terms: Vec<Term>,
    /// Terms that are not listed, as there are too many.
    more: usize,
    /// How many of the taps are not listed as they lie on padding that does not exist for a pooling.
    skipped: usize,
    /// The sum of the terms, or that of their squares, from which an average or a norm is made.
    sum: Option<f32>,
    /// By what the sum is divided.
    divisor: Option<usize>,
    /// The pixel that was picked.
    picked: Option<[usize; 2]>,
    /// Where that lies in its plane, counted row by row.
    index: Option<i64>,
    /// What of the input has a say in it: rows and columns from the first to the last, as far as they exist.
    field: [[usize; 2]; 2],
}

/// A pixel under a tap.
#[derive(Debug, Serialize)]
struct Term {
    channel: usize,
    pixel: f32,
    weight: Option<String>,
    padding: bool,
}

/// The windows over a pixel, by the outputs that they belong to.
#[derive(Debug, Serialize)]
pub(crate) struct Covering {
    map: usize,
    /// The channel of the outputs, where it is one.
    channel: Option<usize>,
    rows: Vec<usize>,
    columns: Vec<usize>,
    /// How many windows there are over the pixel, and how many in all.
    count: usize,
    of: usize,
}

/// Nobody reads more terms than these.
const MOST_TERMS: usize = 150;

impl Chain {
    /// The cell at this place, or the nearest that exists.
    pub(crate) fn cell(&self, [map, channel, row, column]: [usize; 4]) -> Cell {
        let map = map.min(self.maps.len() - 1);
        let [channels, rows, columns] = self.maps[map].shape();
        let within = |at: usize, length: usize| at.min(length.saturating_sub(1));
        Cell { map, channel: within(channel, channels), row: within(row, rows), column: within(column, columns) }
    }

    pub(crate) fn look(&self, place: [usize; 4]) -> Result<Look, String> {
        let at = self.cell(place);
        let value = self.maps[at.map].value([at.channel, at.row, at.column]).ok_or("there is no such cell")?;
        let output = match self.output_of(at) {
            Some(cell) => Some(self.output(cell).ok_or("there is no such output")?),
            None => None,
        };
        Ok(Look { at, value, output, covering: self.covering(at) })
    }

    /// The output whose window is shown for a cell; none for an input from which nothing is made.
    pub(crate) fn output_of(&self, at: Cell) -> Option<Cell> {
        if at.map > 0 {
            return Some(at);
        }
        let next = self.maps.get(1)?;
        let axes = self.maps[0].windows.as_ref()?.axes();
        let channel = if self.keeps_channels(0) { at.channel } else { 0 };
        let [row, column] = [nearest(&axes[0], at.row)?, nearest(&axes[1], at.column)?];
        (next.shape()[0] > channel).then_some(Cell { map: 1, channel, row, column })
    }

    /// Whether an operation computes each channel alone.
    fn keeps_channels(&self, operation: usize) -> bool {
        !matches!(self.operations[operation], Operation::Convolution(_))
    }

    fn output(&self, cell: Cell) -> Option<Output> {
        let operation = &self.operations[cell.map - 1];
        let before = &self.maps[cell.map - 1];
        let value = self.maps[cell.map].value([cell.channel, cell.row, cell.column])?;
        let [channels, rows, columns] = self.maps[cell.map].shape();
        let mut output = Output {
            cell,
            value,
            number: (cell.channel * rows + cell.row) * columns + cell.column + 1,
            of: channels * rows * columns,
            operation: operation.word(),
            rows: Vec::new(),
            columns: Vec::new(),
            channel: self.keeps_channels(cell.map - 1).then_some(cell.channel),
            terms: Vec::new(),
            more: 0,
            skipped: 0,
            sum: None,
            divisor: None,
            picked: None,
            index: None,
            field: self.field(cell),
        };
        match (operation, &before.windows) {
            (Operation::Unpooling(_), _) => output.explain_unpooling(before, columns)?,
            (_, Some(windows)) => output.explain(operation, windows, before)?,
            (_, None) => {}
        }
        output.more = output.terms.len().saturating_sub(MOST_TERMS);
        output.terms.truncate(MOST_TERMS);
        Some(output)
    }

    /// The windows of windows down to the input.
    fn field(&self, cell: Cell) -> [[usize; 2]; 2] {
        let mut reach = [[cell.row; 2], [cell.column; 2]];
        for map in self.maps[..cell.map].iter().rev() {
            let Some(windows) = &map.windows else { continue };
            for (axis, reach) in windows.axes().iter().zip(&mut reach) {
                let last = axis.length() - 1;
                let first = axis.position(reach[0], 0).max(0).cast_unsigned();
                let end = axis.position(reach[1], axis.size() - 1).max(0).cast_unsigned();
                *reach = [first.min(last), end.min(last)];
            }
        }
        reach
    }

    fn covering(&self, at: Cell) -> Option<Covering> {
        let next = self.maps.get(at.map + 1)?;
        let axes = self.maps[at.map].windows.as_ref()?.axes();
        let [rows, columns] = [over(&axes[0], at.row), over(&axes[1], at.column)];
        let of = axes.iter().map(Axis::outputs).product();
        let channel = self.keeps_channels(at.map).then_some(at.channel);
        let channel = channel.filter(|&channel| channel < next.shape()[0]);
        Some(Covering { map: at.map + 1, channel, count: rows.len() * columns.len(), rows, columns, of })
    }
}

/// The output whose window has its middle nearest to a pixel; of two, the first.
fn nearest(axis: &Axis, pixel: usize) -> Option<usize> {
    // Twice the distance, for the middle of an even window lies between two pixels.
    let distance = |&output: &usize| {
        let ends = axis.position(output, 0) + axis.position(output, axis.size() - 1);
        ends.abs_diff(2 * pixel.cast_signed())
    };
    (0..axis.outputs()).min_by_key(distance)
}

/// The outputs with a tap on a pixel.
fn over(axis: &Axis, pixel: usize) -> Vec<usize> {
    let touches = |&output: &usize| {
        let run = axis.by_output(output);
        pixel.checked_sub(run.input).is_some_and(|from| from % run.step == 0 && from / run.step < run.range.len())
    };
    (0..axis.outputs()).filter(touches).collect()
}

/// The places of an axis where the taps of an output lie.
fn places(axis: &Axis, output: usize) -> Vec<isize> {
    (0..axis.size()).map(|tap| axis.position(output, tap)).collect()
}

fn inside(place: isize, length: usize) -> Option<usize> {
    usize::try_from(place).ok().filter(|&place| place < length)
}

impl Output {
    fn explain(&mut self, operation: &Operation, windows: &Geometry<2>, before: &Map) -> Option<()> {
        let [rows, columns] = windows.axes();
        self.rows = places(rows, self.cell.row);
        self.columns = places(columns, self.cell.column);
        match operation {
            Operation::Convolution(convolution) => {
                let [_, channels, ..] = convolution.filters.shape;
                for channel in 0..channels {
                    for (i, &row) in self.rows.iter().enumerate() {
                        for (j, &column) in self.columns.iter().enumerate() {
                            let weight = convolution.filters.text([self.cell.channel, channel, i, j]);
                            let (pixel, padding) = pixel_or_padding(before, windows, channel, [row, column])?;
                            self.terms.push(Term { channel, pixel, weight: Some(weight.to_owned()), padding });
                        }
                    }
                }
            }
            Operation::Pooling(pooling) => self.explain_pooling(pooling.kind, Some(pooling), windows, before)?,
            Operation::Global(kind) => self.explain_pooling(*kind, None, windows, before)?,
            Operation::Relu => {
                let place = [self.cell.channel, self.cell.row, self.cell.column];
                self.push_pixel(before.value(place)?, false);
            }
            Operation::Unpooling(_) => {}
        }
        Some(())
    }

    fn push_pixel(&mut self, pixel: f32, padding: bool) {
        self.terms.push(Term { channel: self.cell.channel, pixel, weight: None, padding });
    }

    #[expect(clippy::float_cmp, reason = "a maximum is one of its pixels, bit for bit")]
    fn explain_pooling(
        &mut self,
        kind: Kind,
        pooling: Option<&Pooling>,
        windows: &Geometry<2>,
        before: &Map,
    ) -> Option<()> {
        let [_, rows, columns] = before.shape();
        let counts_padding = kind == Kind::Average && pooling.is_some_and(|pooling| pooling.count_padding);
        let [within_rows, within_columns] =
            [(0, self.cell.row), (1, self.cell.column)].map(|(axis, at)| windows.axes()[axis].taps_within_padding(at));
        let mut pixels = Vec::new();
        for (i, row) in self.rows.clone().into_iter().enumerate() {
            for (j, column) in self.columns.clone().into_iter().enumerate() {
                match inside(row, rows).zip(inside(column, columns)) {
                    Some((row, column)) => {
                        let pixel = before.value([self.cell.channel, row, column])?;
                        // Of equal pixels the first is picked.
                        if self.picked.is_none() && pixel == self.value && matches!(kind, Kind::Max | Kind::Min) {
                            self.picked = Some([row, column]);
                        }
                        pixels.push(pixel);
                        self.push_pixel(pixel, false);
                    }
                    None if counts_padding && i < within_rows && j < within_columns => self.push_pixel(0.0, true),
                    None => self.skipped += 1,
                }
            }
        }
        let ones = vec![1.0; pixels.len()];
        match kind {
            Kind::Average => {
                self.sum = dot(&pixels, &ones);
                self.divisor = Some(self.terms.len());
            }
            Kind::L2 => self.sum = dot(&pixels, &pixels),
            Kind::Max | Kind::Min => {
                self.index = self.picked.and_then(|[row, column]| i64::try_from(row * columns + column).ok());
            }
        }
        Some(())
    }

    /// An unpooled cell is the output that came from it, or 0.
    fn explain_unpooling(&mut self, before: &Map, width: usize) -> Option<()> {
        let indices = before.indices.as_ref()?;
        let [_, rows, columns] = before.shape();
        let place = i64::try_from(self.cell.row * width + self.cell.column).ok()?;
        // Where several outputs came from one pixel they are equal.
        for row in 0..rows {
            for column in 0..columns {
                if indices.get(&[self.cell.channel, row, column]) == Some(&place) && self.rows.is_empty() {
                    self.rows = vec![row.cast_signed()];
                    self.columns = vec![column.cast_signed()];
                    self.index = Some(place);
                    self.picked = Some([row, column]);
                    self.push_pixel(before.value([self.cell.channel, row, column])?, false);
                }
            }
        }
        Some(())
    }
}

/// What a convolution finds at a place.
fn pixel_or_padding(
    before: &Map,
    windows: &Geometry<2>,
    channel: usize,
    [row, column]: [isize; 2],
) -> Option<(f32, bool)> {
    let [_, rows, columns] = before.shape();
    if let Some((row, column)) = inside(row, rows).zip(inside(column, columns)) {
        return Some((before.value([channel, row, column])?, false));
    }
    let [above, left] = windows.axes().map(|axis| axis.before().cast_signed());
    let place = [channel, (row + above).try_into().ok()?, (column + left).try_into().ok()?];
    Some((*before.padded.as_ref()?.get(&place)?, true))
}

/// `Σ one · other`: a convolution whose window is as long as its input.
fn dot(one: &[f32], other: &[f32]) -> Option<f32> {
    Conv1d::new(other.to_vec()).forward(one).ok()?.iter().next().copied()
}
