//! Tensors for people to read.

use std::fmt;

use super::Tensor;

/// More rows or columns than this are shown by their first and last few.
const MOST: usize = 16;
const SHOWN_AT_EACH_END: usize = 6;

/// Matrices row by row, numbers right-aligned in their column; a matrix of a tensor of higher rank stands under
/// its index, as in `[0, 2]:`. Many rows, columns or matrices are cut in the middle; a precision (`{:.2}`) is passed on to the
/// numbers.
///
/// ```
/// use featuremap::Tensor;
///
/// let maps = Tensor::from_vec(&[2, 1, 2], vec![1.0, 0.5, 10.25, -3.0])?;
/// assert_eq!(format!("{maps:.1}"), "[0]:\n1.0  0.5\n[1]:\n10.2  -3.0");
/// # Ok::<(), featuremap::Error>(())
/// ```
impl<T: fmt::Display> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "(empty, shape {:?})", self.shape());
        }
        let (outer, rows, columns) = match *self.shape() {
            [] => (&[][..], 1, 1),
            [columns] => (&[][..], 1, columns),
            [ref outer @ .., rows, columns] => (outer, rows, columns),
        };
        let precision = f.precision();
        let write_number = |number: &T| match precision {
            Some(digits) => format!("{number:.digits$}"),
            None => number.to_string(),
        };
        let elements: Vec<&T> = self.iter().collect();
        for plane in shown(outer.iter().product()) {
            let Some(plane) = plane else {
                f.write_str("\n⋮")?;
                continue;
            };
            let elements = &elements[plane * rows * columns..][..rows * columns];
            if plane > 0 {
                writeln!(f)?;
            }
            if !outer.is_empty() {
                writeln!(f, "{:?}:", index_of(plane, outer))?;
            }
            let cells: Vec<Vec<String>> = shown(rows)
                .map(|row| match row {
                    Some(row) => shown(columns)
                        .map(|column| {
                            column.map_or("…".into(), |column| write_number(elements[row * columns + column]))
                        })
                        .collect(),
                    None => vec!["⋮".into(); shown(columns).count()],
                })
                .collect();
            f.write_str(&aligned(&cells))?;
        }
        Ok(())
    }
}

/// The places of an axis to show, `None` standing for those left out.
fn shown(length: usize) -> impl Iterator<Item = Option<usize>> {
    let (head, tail) = if length > MOST { (SHOWN_AT_EACH_END, length - SHOWN_AT_EACH_END) } else { (length, length) };
    (0..head).map(Some).chain((head < tail).then_some(None)).chain((tail..length).map(Some))
}

fn index_of(mut plane: usize, outer: &[usize]) -> Vec<usize> {
    let mut index = vec![0; outer.len()];
    for (place, &size) in index.iter_mut().zip(outer).rev() {
        *place = plane % size;
        plane /= size;
    }
    index
}

fn aligned(cells: &[Vec<String>]) -> String {
    let columns = cells.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    // Padded by hand: the widths of format strings end at 65,535.
    let padded = |cell: &String, width: usize| " ".repeat(width - cell.chars().count()) + cell;
    let lines: Vec<String> = cells
        .iter()
        .map(|row| row.iter().zip(&widths).map(|(cell, &width)| padded(cell, width)).collect::<Vec<_>>().join("  "))
        .collect();
    lines.join("\n")
}
