//! The comparison as a bar chart, in SVG.

use std::fmt::Write;

use crate::measure::{Measured, bytes};

const WIDTH: f64 = 860.0;
/// Where the bars begin, and how long one of the largest value is.
const LEFT: f64 = 190.0;
const LENGTH: f64 = 560.0;
const TOP: f64 = 96.0;
const BAR: f64 = 26.0;
/// From the top of a bar to that of the next of the same way, and of the next way.
const NEXT_BAR: f64 = 34.0;
const NEXT_WAY: f64 = 92.0;

/// Colours that people who see fewer of them can tell apart.
const PARTS: [(&str, &str); 4] = [
    ("input", "#0072b2"),
    ("output", "#56b4e9"),
    ("beside them", "#d55e00"),
    ("resident, the program's code included", "#999999"),
];

/// The chart has a background of its own, which is dark where the page is.
const STYLE: &str = "text{font-family:system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}.card{fill:#fff;stroke:#d1d9e0}line{stroke:#d1d9e0}\
                     @media(prefers-color-scheme:dark){text{fill:#f0f6fc}.card{fill:#0d1117;stroke:#3d444d}line{stroke:#3d444d}}";

/// Two bars for each way: what is allocated, in its parts, and what is resident.
pub(crate) fn draw(measured: &[Measured], batch: usize) -> String {
    let largest = measured.iter().map(|found| found.resident.unwrap_or(0).max(found.allocated)).max().unwrap_or(1);
    let scale = Scale::new(largest);
    let bottom = TOP + NEXT_WAY * measured.len() as f64 - 12.0;
    let mut chart = Chart { text: String::new(), scale };

    chart.label(16.0, 30.0, "start", 18, &format!("Memory for convolution, ReLU and pooling, batch of {batch}"));
    let mut at = LEFT;
    for (name, colour) in PARTS {
        chart.rectangle(at, 50.0, 14.0, 14.0, colour);
        chart.label(at + 20.0, 62.0, "start", 13, name);
        // A letter is about seven units wide.
        at += 48.0 + 7.0 * name.len() as f64;
    }
    chart.axis(bottom);
    for (number, found) in measured.iter().enumerate() {
        chart.bars(TOP + NEXT_WAY * number as f64, found, batch);
    }
    let height = bottom + 60.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
         <style>{STYLE}</style>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" class=\"card\"/>\n{}</svg>\n",
        WIDTH - 1.0,
        height - 1.0,
        chart.text
    )
}

/// From bytes to places, in a unit that gives few digits.
struct Scale {
    unit: &'static str,
    bytes_of_unit: f64,
    /// Units between two ticks: 1, 2 or 5, and zeros.
    step: f64,
    ticks: u32,
}

impl Scale {
    fn new(largest: usize) -> Self {
        let (unit, bytes_of_unit) = if largest >= 1 << 30 { ("GiB", 2_f64.powi(30)) } else { ("MiB", 2_f64.powi(20)) };
        let units = largest as f64 / bytes_of_unit;
        let power = 10_f64.powf((units / 7.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| units / step <= 7.0);
        let step = step.unwrap_or(units);
        let ticks = (1..=10).find(|&ticks| f64::from(ticks) * step >= units).unwrap_or(10);
        Self { unit, bytes_of_unit, step, ticks }
    }

    fn length(&self, bytes: usize) -> f64 {
        bytes as f64 / self.bytes_of_unit / (self.step * f64::from(self.ticks)) * LENGTH
    }

    fn readable(&self, bytes: usize) -> String {
        let digits = if self.unit == "GiB" { 2 } else { 1 };
        format!("{:.digits$} {}", bytes as f64 / self.bytes_of_unit, self.unit)
    }
}

struct Chart {
    /// The elements so far.
    text: String,
    scale: Scale,
}

impl Chart {
    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{element}").expect("a string takes any text");
    }

    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        self.element(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{colour}"/>"#
        ));
    }

    fn label(&mut self, x: f64, y: f64, anchor: &str, size: u32, text: &str) {
        self.element(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-size="{size}">{text}</text>"#
        ));
    }

    fn axis(&mut self, bottom: f64) {
        for tick in 0..=self.scale.ticks {
            let x = LEFT + LENGTH * f64::from(tick) / f64::from(self.scale.ticks);
            let value = f64::from(tick) * self.scale.step;
            self.element(format_args!(r#"<line x1="{x:.1}" y1="{}" x2="{x:.1}" y2="{bottom}"/>"#, TOP - 10.0));
            // As many digits as the step has.
            let digits = usize::from(self.scale.step < 1.0);
            self.label(x, bottom + 18.0, "middle", 13, &format!("{value:.digits$}"));
        }
        let title = format!("most memory at once, {}", self.scale.unit);
        self.label(LEFT + LENGTH / 2.0, bottom + 42.0, "middle", 13, &title);
    }

    fn bars(&mut self, top: f64, found: &Measured, batch: usize) {
        let [input, output] = bytes(batch);
        self.label(LEFT - 12.0, top + 34.0, "end", 15, found.way.name());
        let mut x = LEFT;
        for (part, (_, colour)) in [input, output, found.beside(batch)].into_iter().zip(PARTS) {
            let length = self.scale.length(part);
            self.rectangle(x, top, length, BAR, colour);
            x += length;
        }
        let allocated = self.scale.readable(found.allocated);
        self.label(x + 8.0, top + 18.0, "start", 13, &allocated);
        if let Some(resident) = found.resident {
            let length = self.scale.length(resident);
            self.rectangle(LEFT, top + NEXT_BAR, length, BAR, PARTS[3].1);
            let resident = self.scale.readable(resident);
            self.label(LEFT + length + 8.0, top + NEXT_BAR + 18.0, "start", 13, &resident);
        }
    }
}
