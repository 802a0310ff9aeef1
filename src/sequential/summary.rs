//! What a network is and what it takes: a table as Keras prints it, and the same for programs.

use std::fmt;

use super::Sequential;
use crate::graph::{BAND_BYTES, Flat, Line, Planned, Way};
use crate::{Element, Result};

/// What a [`Sequential`] takes for inputs of one shape, by [`Sequential::summary`].
///
/// Printed, it is a table with a line for each layer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The shape of the input.
    pub input_shape: Vec<usize>,
    /// The layers, in order.
    pub layers: Vec<LayerSummary>,
    /// Numbers that the parameters are.
    pub parameters: usize,
    /// Multiplications by a weight, each with its addition, as the definition has them: a faster algorithm has fewer.
    pub multiply_adds: u64,
    /// Bytes of the outputs of all layers.
    pub plain_bytes: usize,
    /// Bytes of them that the plan holds at some time.
    pub fused_bytes: usize,
    /// The most bytes that are held at once where layers run one after the other: the input and the output of one of them.
    pub plain_peak_bytes: usize,
    /// The same for the plan: the input and the output of one of its steps, and the rows of a map between them.
    pub peak_bytes: usize,
    /// Bytes of memory that the plan holds to compute in: [`Plan::workspace_bytes`](crate::Plan::workspace_bytes).
    pub workspace_bytes: usize,
}

/// A line of a [`Summary`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// How many graphs it is within: a residual, say, or a network in this one. Their lines stand before those of what is in them, and
    /// say how much that is in all.
    pub depth: usize,
    /// Whether the lines after it are of what is in it.
    pub is_graph: bool,
    /// The name that it was added with, or else its position in what it is in, from 0.
    pub name: String,
    /// What it is: [`Operator::name`](crate::Operator::name).
    pub kind: String,
    /// The shape of its output.
    pub output_shape: Vec<usize>,
    /// Elements of all its weights and biases.
    pub parameters: usize,
    /// Multiplications by a weight, each with its addition, as the definition has them: a faster algorithm has fewer.
    pub multiply_adds: u64,
    /// The algorithm that the plan has chosen: [`Plan::algorithm`](crate::Plan::algorithm).
    pub algorithm: String,
    /// Bytes of its whole output.
    pub plain_bytes: usize,
    /// Bytes of its output that are there at one time while the plan runs, on all threads together. There are none where it works in place or
    /// the layer before computes it, too, and a few rows for each thread where a map is pooled band by band.
    pub fused_bytes: usize,
}

impl<T: Element> Sequential<T> {
    /// What each layer costs for an input of this shape: parameters, multiply-adds, memory, and by which algorithm it is computed. The network
    /// is planned to find that out, as [`plan`](crate::Module::plan) does.
    ///
    /// ```
    /// use featuremap::{Conv2d, MaxPool2d, Relu, Sequential};
    /// use ndarray::{Array1, Array4};
    ///
    /// let conv = Conv2d::new(Array4::<f32>::ones((100, 3, 3, 3))).bias(Array1::zeros(100));
    /// let model = Sequential::new().push(conv).push(Relu).push(MaxPool2d::new(2));
    ///
    /// let summary = model.summary(&[1, 3, 228, 228])?;
    /// println!("{summary}");
    /// assert_eq!(summary.layers[0].output_shape, [1, 100, 226, 226]);
    /// assert_eq!(summary.parameters, 2800);
    /// assert_eq!(summary.multiply_adds, 226 * 226 * 100 * 27);
    /// // The map of 20 MB is never there as a whole.
    /// assert_eq!(summary.layers[0].plain_bytes, 20_430_400);
    /// assert!(summary.layers[0].fused_bytes < summary.layers[0].plain_bytes);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Module::plan`](crate::Module::plan).
    pub fn summary(&self, input_shape: &[usize]) -> Result<Summary> {
        let flat = Flat::new(&self.graph(), input_shape)?;
        let planned = Planned::new(&flat, BAND_BYTES)?;
        let bytes = |shape: &[usize]| shape.iter().product::<usize>() * size_of::<T>();
        let layer_summary = |line: &Line, way: Option<&Way>| LayerSummary {
            depth: line.depth,
            name: line.name.clone(),
            kind: line.kind.clone(),
            output_shape: line.output_shape.clone(),
            parameters: line.parameters,
            multiply_adds: line.multiply_adds,
            algorithm: way.map_or_else(String::new, |way| way.algorithm.clone()),
            plain_bytes: way.map_or(0, |_| bytes(&line.output_shape)),
            fused_bytes: way.map_or(0, |way| way.bytes),
            is_graph: line.is_graph,
        };
        // Lines of nodes come in their order, with those of graphs between them.
        let mut ways = planned.ways.iter();
        let layers: Vec<_> =
            flat.lines.iter().map(|line| layer_summary(line, if line.is_graph { None } else { ways.next() })).collect();
        let nodes = || layers.iter().filter(|layer| !layer.is_graph);
        let total = |part: fn(&LayerSummary) -> usize| nodes().map(part).fold(0, usize::saturating_add);
        Ok(Summary {
            input_shape: input_shape.to_vec(),
            parameters: total(|layer| layer.parameters),
            multiply_adds: flat.multiply_adds(),
            plain_bytes: total(|layer| layer.plain_bytes),
            fused_bytes: total(|layer| layer.fused_bytes),
            plain_peak_bytes: flat.plain_peak_bytes(),
            peak_bytes: planned.peak_bytes,
            workspace_bytes: planned.workspace_bytes(),
            layers,
        })
    }
}

const HEADINGS: [&str; 7] = ["Layer (type)", "Output shape", "Params", "Mult-adds", "Plain", "Fused", "Algorithm"];
/// Which columns are numbers, and stand to the right.
const NUMBERS: std::ops::Range<usize> = 2..6;

impl LayerSummary {
    fn cells(&self) -> [String; 7] {
        [
            format!("{}{} ({})", "  ".repeat(self.depth), self.name, self.kind),
            format!("{:?}", self.output_shape),
            grouped(self.parameters as u64),
            grouped(self.multiply_adds),
            human_bytes(self.plain_bytes),
            human_bytes(self.fused_bytes),
            self.algorithm.clone(),
        ]
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> = self.layers.iter().map(LayerSummary::cells).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].as_str()).chain([HEADINGS[column]]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: [usize; 7] = std::array::from_fn(width);
        let line = |cells: [&str; 7]| {
            let columns = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
                if NUMBERS.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            columns.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let rule = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
        writeln!(f, "Input {:?}", self.input_shape)?;
        writeln!(f, "{}", line(HEADINGS))?;
        writeln!(f, "{}", "─".repeat(rule))?;
        for row in &rows {
            writeln!(f, "{}", line(row.each_ref().map(String::as_str)))?;
        }
        writeln!(f, "{}", "─".repeat(rule))?;
        writeln!(f, "Parameters     {}", grouped(self.parameters as u64))?;
        writeln!(f, "Multiply-adds  {}", grouped(self.multiply_adds))?;
        let (plain, fused) = (human_bytes(self.plain_bytes), human_bytes(self.fused_bytes));
        writeln!(f, "Activations    {plain} plain, {fused} fused")?;
        let (plain, fused) = (human_bytes(self.plain_peak_bytes), human_bytes(self.peak_bytes));
        write!(f, "Peak           {plain} plain, {fused} fused; workspace {}", human_bytes(self.workspace_bytes))
    }
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let places = digits.chars().enumerate().flat_map(|(place, digit)| {
        let comma = place > 0 && (digits.len() - place).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    });
    places.collect()
}

/// `19.5 MiB`.
fn human_bytes(bytes: usize) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} GiB")
}
