//! Numbers as people write them: `1,0,-1/1,0,-1/1,0,-1`, with fractions as `1/9`… written `1:9`, so that `/` can end a row.

use featuremap::Tensor;

/// Filters of planes of rows of numbers, each with the text that gave it.
///
/// `,` stands between columns, `/` between rows, `;` between the planes of a filter, and `!` between filters: all of them may stand in
/// the address of a page as they are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planes {
    /// Filters, channels, rows, columns.
    pub(crate) shape: [usize; 4],
    pub(crate) texts: Vec<String>,
    pub(crate) values: Vec<f32>,
}

impl Planes {
    pub(crate) fn parse(what: &str, text: &str) -> Result<Self, String> {
        let mut shape = [0; 4];
        let (mut texts, mut values) = (Vec::new(), Vec::new());
        let filters: Vec<&str> = text.split('!').collect();
        shape[0] = filters.len();
        for filter in filters {
            let planes: Vec<&str> = filter.split(';').collect();
            agree(what, &mut shape[1], planes.len())?;
            for plane in planes {
                let rows: Vec<&str> = plane.split('/').collect();
                agree(what, &mut shape[2], rows.len())?;
                for row in rows {
                    let cells: Vec<&str> = row.split(',').collect();
                    agree(what, &mut shape[3], cells.len())?;
                    for cell in cells {
                        values.push(parse_number(cell).ok_or_else(|| format!("{what}: “{cell}” is not a number"))?);
                        texts.push(cell.trim().to_owned());
                    }
                }
            }
        }
        Ok(Self { shape, texts, values })
    }

    /// `[filters, channels, rows, columns]`.
    pub(crate) fn tensor(&self) -> featuremap::Result<Tensor> {
        Tensor::from_vec(&self.shape, self.values.clone())
    }

    pub(crate) fn text(&self, [filter, channel, row, column]: [usize; 4]) -> &str {
        let [_, channels, rows, columns] = self.shape;
        &self.texts[((filter * channels + channel) * rows + row) * columns + column]
    }

    /// Filters of another shape: what is there already stays, in the middle, and the rest is 0; new planes and new filters are copies of
    /// the last.
    pub(crate) fn resized(&self, shape: [usize; 4]) -> String {
        let [filters, channels, rows, columns] = shape.map(|length| length.max(1));
        let centred = |at: usize, new: usize, old: usize| (at + old / 2).checked_sub(new / 2).filter(|&at| at < old);
        let cell = |filter: usize, channel: usize, row: usize, column: usize| {
            let filter = filter.min(self.shape[0] - 1);
            let channel = channel.min(self.shape[1] - 1);
            let row = centred(row, rows, self.shape[2]);
            match row.zip(centred(column, columns, self.shape[3])) {
                Some((row, column)) => self.text([filter, channel, row, column]).to_owned(),
                None => "0".to_owned(),
            }
        };
        joined(filters, "!", |filter| {
            joined(channels, ";", |channel| {
                joined(rows, "/", |row| joined(columns, ",", |column| cell(filter, channel, row, column)))
            })
        })
    }
}

fn joined(count: usize, between: &str, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(between)
}

fn agree(what: &str, length: &mut usize, found: usize) -> Result<(), String> {
    if *length == 0 {
        *length = found;
    }
    match *length == found {
        true => Ok(()),
        false => Err(format!("{what}: rows or planes of {found} stand beside others of {length}")),
    }
}

/// A finite number, or a fraction, `1:9`.
fn parse_number(text: &str) -> Option<f32> {
    let text = text.trim().replace('−', "-");
    let value = match text.split_once(':') {
        Some((above, below)) => above.parse::<f32>().ok()? / below.parse::<f32>().ok()?,
        None => text.parse().ok()?,
    };
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written() {
        let planes = Planes::parse("filters", "1,0,-1/1:9,0.5,−2;1,2,3/4,5,6").expect("it is well formed");
        assert_eq!(planes.shape, [1, 2, 2, 3]);
        assert_eq!(planes.values[..6], [1., 0., -1., 1. / 9., 0.5, -2.]);
        assert_eq!(planes.resized(planes.shape), "1,0,-1/1:9,0.5,−2;1,2,3/4,5,6");
    }

    #[test]
    fn what_is_no_number_is_named() {
        let error = |text| Planes::parse("filters", text).expect_err("it is malformed");
        assert_eq!(error("1,x/2,3"), "filters: “x” is not a number");
        assert_eq!(error("1:0"), "filters: “1:0” is not a number");
        assert_eq!(error("1,2/3"), "filters: rows or planes of 1 stand beside others of 2");
    }

    #[test]
    fn filters_grow_around_their_middle() {
        let planes = Planes::parse("filters", "1,2,3/4,5,6/7,8,9").expect("it is well formed");
        assert_eq!(planes.resized([1, 1, 1, 1]), "5");
        assert_eq!(planes.resized([1, 1, 5, 3]), "0,0,0/1,2,3/4,5,6/7,8,9/0,0,0");
        assert_eq!(planes.resized([2, 2, 1, 3]), "4,5,6;4,5,6!4,5,6;4,5,6");
    }
}
