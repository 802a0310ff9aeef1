//! Text and matrices for a terminal of 100 columns.

use std::fmt::Display;

use featuremap::Tensor;

const WIDTH: usize = 96;
const INDENT: &str = "    ";

/// A rectangle of text with a title on top: all lines are equally wide.
pub(crate) struct Block {
    lines: Vec<String>,
    width: usize,
}

impl Block {
    fn new(title: &str, body: &[String]) -> Self {
        let title = [title.to_owned()];
        let width = title.iter().chain(body).map(|line| line.chars().count()).max().unwrap_or(0);
        let lines = title.iter().chain(body).map(|line| format!("{line:^width$}")).collect();
        Self { lines, width }
    }

    /// One line of the block when it stands in the middle of a taller row.
    fn line_within(&self, height: usize, line: usize) -> String {
        let above = (height - self.lines.len()) / 2;
        line.checked_sub(above).and_then(|line| self.lines.get(line)).cloned().unwrap_or_else(|| " ".repeat(self.width))
    }
}

/// A matrix in brackets, its size beside its title.
pub(crate) fn matrix(title: &str, plane: &Tensor<impl Display>) -> Block {
    in_brackets(&format!("{title} {}", sizes(plane.shape())), plane)
}

/// A matrix in brackets, with a title that says enough.
pub(crate) fn in_brackets(title: &str, plane: &Tensor<impl Display>) -> Block {
    let text = signed(plane);
    let rows = text.lines().count();
    let body: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(row, numbers)| match row {
            _ if rows == 1 => format!("[ {numbers} ]"),
            0 => format!("┌ {numbers} ┐"),
            _ if row + 1 == rows => format!("└ {numbers} ┘"),
            _ => format!("│ {numbers} │"),
        })
        .collect();
    Block::new(title, &body)
}

/// A picture made of characters, without brackets.
pub(crate) fn picture(title: &str, plane: &Tensor<impl Display>) -> Block {
    let body: Vec<String> = plane
        .as_array()
        .rows()
        .into_iter()
        .map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .collect();
    Block::new(title, &body)
}

/// What stands between two blocks: an operator or an arrow.
pub(crate) fn sign(text: &str) -> Block {
    Block::new("", &[text.to_owned()])
}

/// Prints blocks side by side, centred vertically, and an empty line.
pub(crate) fn show(blocks: &[Block]) {
    let height = blocks.iter().map(|block| block.lines.len()).max().unwrap_or(0);
    for line in 0..height {
        let row: Vec<String> = blocks.iter().map(|block| block.line_within(height, line)).collect();
        println!("{INDENT}{}", row.join("   ").trim_end());
    }
    println!();
}

/// Prints a paragraph, wrapped, and an empty line.
pub(crate) fn say(text: &str) {
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            println!("{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    println!("{line}\n");
}

/// Prints indented lines as they are, and an empty line.
pub(crate) fn lines<S: Display>(lines: impl IntoIterator<Item = S>) {
    for line in lines {
        println!("{}", format!("{INDENT}{line}").trim_end());
    }
    println!();
}

pub(crate) fn heading(title: &str) {
    let rule = "━".repeat(WIDTH.saturating_sub(title.chars().count() + 6));
    println!("━━━━ {title} {rule}\n");
}

/// Lengths of axes: `5×5`.
pub(crate) fn sizes(lengths: &[usize]) -> String {
    lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// A place or a stride: `(0, 1)`.
pub(crate) fn pair([row, column]: [usize; 2]) -> String {
    format!("({row}, {column})")
}

/// A number, a matrix, … with a true minus sign.
pub(crate) fn signed(number: impl Display) -> String {
    number.to_string().replace('-', "−")
}

/// A count with its thousands set apart: `20,430,400`.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<String> =
        digits.as_bytes().rchunks(3).rev().map(|group| group.iter().copied().map(char::from).collect()).collect();
    groups.join(",")
}

/// Numbers with so many digits after the point, for printing.
pub(crate) fn with_digits(plane: &Tensor<f64>, digits: usize) -> Tensor<String> {
    plane.map(|number| format!("{number:.digits$}"))
}
