//! Kernels over whole maps that are neither convolution nor pooling: pixels put where tables say, interpolation, norms over channels.

use super::functions::Exponential;
use crate::simd::{Level, vectorized_narrow};
use crate::terms::each_integer;

/// What layers around convolution compute, for every [`Element`](crate::Element); what is for floats alone leaves integers as they are.
///
/// Its methods are not generic, so this crate has their code.
pub trait MapKernels: Copy {
    /// [`TableGather`]
    fn gather(gather: TableGather<'_, Self>);
    /// [`Interpolate`]
    fn interpolate(interpolate: Interpolate<'_, Self>);
    /// The softmax over the middle of three axes, `[…, length, inner]`, or its logarithm, in place.
    fn softmax(elements: &mut [Self], length: usize, inner: usize, log: bool);
    /// [`LocalResponse`]
    fn local_response(local: LocalResponse<'_, Self>);
}

/// For each axis of a plane, which pixel stands at each place of the output; none where a constant does.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Pixels of a plane of the input, and of one row.
    plane: usize,
    row: usize,
    /// Where rows begin in a plane, for each row of the output.
    rows: Vec<Option<usize>>,
    columns: Vec<Option<usize>>,
    /// Columns from the first of these up to the second are neighbours in the input, too.
    run: std::ops::Range<usize>,
}

impl Tables {
    /// Of a table for each axis of a plane of this size; the last is of the columns.
    pub(crate) fn new(size: &[usize], mut tables: Vec<Vec<Option<usize>>>) -> Self {
        let columns = tables.pop().unwrap_or_else(|| vec![Some(0)]);
        let row = size.last().copied().unwrap_or(1);
        let mut rows = vec![Some(0)];
        for (table, &length) in tables.iter().zip(size) {
            let next = |start: &Option<usize>, at: &Option<usize>| Some((*start)? * length + (*at)?);
            rows = rows.iter().flat_map(|start| table.iter().map(move |at| next(start, at))).collect();
        }
        let rows = rows.into_iter().map(|start| Some(start? * row)).collect();
        Self { plane: size.iter().product(), row, rows, run: longest_run(&columns), columns }
    }

    /// Whether tables for an output of this size are so long that they should not be laid down before there is any data.
    pub(crate) fn are_vast(size: &[usize]) -> bool {
        let (columns, rows) = size.split_last().map_or((1, &[][..]), |(&columns, rows)| (columns, rows));
        let rows = rows.iter().fold(1_usize, |all, &length| all.saturating_mul(length));
        size.iter().copied().max().unwrap_or(0).max(columns).max(rows) > 1 << 24
    }

    fn output_plane(&self) -> usize {
        self.rows.len() * self.columns.len()
    }
}

/// The longest run of columns that are neighbours in the input.
fn longest_run(columns: &[Option<usize>]) -> std::ops::Range<usize> {
    let (mut best, mut start) = (0..0, 0);
    for at in 1..=columns.len() {
        let goes_on = columns.get(at).is_some_and(|column| {
            column.is_some() && columns[at - 1].is_some_and(|before| *column == Some(before + 1))
        });
        if !goes_on {
            if columns[start].is_some() && at - start > best.len() {
                best = start..at;
            }
            start = at;
        }
    }
    best
}

/// Pixels of planes put where tables say.
pub struct TableGather<'a, A> {
    pub(crate) tables: &'a Tables,
    pub(crate) input: &'a [A],
    pub(crate) output: &'a mut [A],
    pub(crate) constant: A,
}

impl<A: Copy> TableGather<'_, A> {
    fn run(self) {
        let Self { tables, input, output, constant } = self;
        let columns = tables.columns.len();
        if output.is_empty() {
            return;
        }
        for (number, plane) in output.chunks_exact_mut(tables.output_plane()).enumerate() {
            let mut known: Option<(usize, usize)> = None;
            for (row, start) in tables.rows.iter().enumerate() {
                let at = row * columns;
                match *start {
                    None => plane[at..at + columns].fill(constant),
                    Some(start) => {
                        // Rows are often repeated, one after the other.
                        if let Some((_, from)) = known.filter(|&(known, _)| known == start) {
                            plane.copy_within(from..from + columns, at);
                            continue;
                        }
                        known = Some((start, at));
                        let pixels = &input[number * tables.plane + start..][..tables.row];
                        tables.gather_row(pixels, &mut plane[at..at + columns], constant);
                    }
                }
            }
        }
    }
}

impl Tables {
    fn gather_row<A: Copy>(&self, pixels: &[A], row: &mut [A], constant: A) {
        let run = self.run.clone();
        for at in (0..run.start).chain(run.end..row.len()) {
            row[at] = self.columns[at].map_or(constant, |column| pixels[column]);
        }
        if let Some(first) = self.columns.get(run.start).copied().flatten().filter(|_| !run.is_empty()) {
            row[run.clone()].copy_from_slice(&pixels[first..first + run.len()]);
        }
    }
}

/// Where a place lies between two neighbours: how far behind the first, as a share of the distance to the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Between<A> {
    pub(crate) first: usize,
    pub(crate) second: usize,
    pub(crate) share: A,
}

/// Planes `[plane, row, column]` interpolated linearly along each axis.
pub struct Interpolate<'a, A> {
    pub(crate) axes: &'a [Vec<Between<A>>; 3],
    /// Of the input.
    pub(crate) size: [usize; 3],
    pub(crate) input: &'a [A],
    pub(crate) output: &'a mut [A],
    /// Room for a row of the input.
    pub(crate) row: &'a mut [A],
}

/// The local response norm over channels.
pub struct LocalResponse<'a, A> {
    pub(crate) input: &'a [A],
    pub(crate) output: &'a mut [A],
    pub(crate) channels: usize,
    pub(crate) plane: usize,
    /// Channels of the window before and after the one in the middle.
    pub(crate) before: usize,
    pub(crate) after: usize,
    /// The factor of the sum of squares.
    pub(crate) alpha: f64,
    pub(crate) beta: f64,
    pub(crate) k: f64,
}

/// What lies between two neighbours. One without a share does not count: beside an infinity, a pixel stays what it is.
#[inline(always)]
fn interpolated<A: num_traits::Float>(first: A, second: A, share: A) -> A {
    if share == A::zero() { first } else { (A::one() - share) * first + share * second }
}

/// So many columns are computed side by side.
const COLUMNS: usize = 64;

macro_rules! floats {
    ($($float:ident)*) => {$(
        impl MapKernels for $float {
            fn gather(gather: TableGather<'_, Self>) {
                gather.run();
            }

            fn interpolate(interpolate: Interpolate<'_, Self>) {
                let Interpolate { axes: [planes, rows, columns], size: [depth, height, width], input, output, row } = interpolate;
                let (of_image, of_output) = (depth * height * width, planes.len() * rows.len() * columns.len());
                if of_image == 0 || of_output == 0 {
                    return;
                }
                for (image, output) in input.chunks_exact(of_image).zip(output.chunks_exact_mut(of_output)) {
                    let places = planes.iter().flat_map(|plane| rows.iter().map(move |row| (plane, row)));
                    for ((plane, line), output) in places.zip(output.chunks_exact_mut(columns.len())) {
                        let at = |plane: usize, line: usize| &image[(plane * height + line) * width..][..width];
                        let [one, two] = [at(plane.first, line.first), at(plane.first, line.second)];
                        let [three, four] = [at(plane.second, line.first), at(plane.second, line.second)];
                        let (down, deep) = (line.share, plane.share);
                        vectorized_narrow(Level::new(), #[inline(always)] || {
                            for column in 0..width.min(row.len()) {
                                let near = interpolated(one[column], two[column], down);
                                let far = interpolated(three[column], four[column], down);
                                row[column] = interpolated(near, far, deep);
                            }
                        });
                        for (pixel, Between { first, second, share }) in output.iter_mut().zip(columns) {
                            *pixel = interpolated(row[*first], row[*second], *share);
                        }
                    }
                }
            }

            fn softmax(elements: &mut [Self], length: usize, inner: usize, log: bool) {
                let of_block = length * inner;
                if of_block == 0 {
                    return;
                }
                for block in elements.chunks_exact_mut(of_block) {
                    for first in (0..inner).step_by(COLUMNS) {
                        let columns = COLUMNS.min(inner - first);
                        let mut largest = [$float::NEG_INFINITY; COLUMNS];
                        let mut sums = [0.0_f64; COLUMNS];
                        for row in block.chunks_exact(inner) {
                            for (largest, &x) in largest.iter_mut().zip(&row[first..first + columns]) {
                                *largest = if x > *largest { x } else { *largest };
                            }
                        }
                        for row in block.chunks_exact_mut(inner) {
                            let row = &mut row[first..first + columns];
                            for ((sum, &largest), x) in sums.iter_mut().zip(&largest).zip(row) {
                                let power = Exponential::exp(*x - largest);
                                *sum += f64::from(power);
                                *x = if log { *x - largest } else { power };
                            }
                        }
                        #[allow(clippy::cast_possible_truncation, clippy::cast_lossless, reason = "the sum is rounded once")]
                        let totals = sums.map(|sum| if log { sum.ln() as $float } else { sum as $float });
                        for row in block.chunks_exact_mut(inner) {
                            for (&total, x) in totals.iter().zip(&mut row[first..first + columns]) {
                                *x = if log { *x - total } else { *x / total };
                            }
                        }
                    }
                }
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_lossless, reason = "parameters are rounded to the type")]
            fn local_response(local: LocalResponse<'_, Self>) {
                let LocalResponse { input, output, channels, plane, before, after, alpha, beta, k } = local;
                if channels * plane == 0 {
                    return;
                }
                let (alpha, power, k) = (alpha as $float, -beta as $float, k as $float);
                for (number, output) in output.chunks_exact_mut(plane).enumerate() {
                    let (channel, image) = (number % channels, number - number % channels);
                    let window = channel.saturating_sub(before)..channels.min(channel.saturating_add(after).saturating_add(1));
                    output.fill(0.0);
                    for other in window {
                        let pixels = &input[(image + other) * plane..][..plane];
                        output.iter_mut().zip(pixels).for_each(|(sum, pixel)| *sum += pixel * pixel);
                    }
                    let pixels = &input[number * plane..][..plane];
                    // The usual exponent needs no logarithm.
                    if beta.to_bits() == 0.75_f64.to_bits() {
                        for (place, pixel) in output.iter_mut().zip(pixels) {
                            let root = (k + alpha * *place).sqrt();
                            *place = pixel / (root * root.sqrt());
                        }
                    } else {
                        for (place, pixel) in output.iter_mut().zip(pixels) {
                            *place = pixel * (k + alpha * *place).powf(power);
                        }
                    }
                }
            }
        }
    )*};
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl MapKernels for $integer {
            fn gather(gather: TableGather<'_, Self>) {
                gather.run();
            }

            fn interpolate(_: Interpolate<'_, Self>) {}
            fn softmax(_: &mut [Self], _: usize, _: usize, _: bool) {}
            fn local_response(_: LocalResponse<'_, Self>) {}
        }
    )*};
}

floats!(f32 f64);
each_integer!(integers);
