//! Into which bands a fused group is cut, so that what lies between its modules stays in cache.

use std::ops::Range;

use super::fused::Group;
use crate::{Band, Element};

/// The rows of the map that a band computes, and the rows of the input that it reads, stay within this: with the weights and
/// the packed input of a convolution they lie in the second-level cache.
pub(crate) const BAND_BYTES: usize = 640 * 1024;

/// How many rows of the map may be computed twice, for bands of the output that share them: an eighth.
const MOST_ROWS: f64 = 1.125;

/// Bands of an image, and groups of images, are listed: no more of them than this, as a shape needs no data to be planned for.
const MOST_PARTS: usize = 1 << 16;

/// A band that is larger than this however low it is, because its module needs all rows at once, is not computed as one.
const MOST_BYTES: usize = 1 << 28;

/// Some rows of the output of a group: the bands of its two modules.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) first: Band,
    pub(super) last: Band,
}

impl Pair {
    /// The rows that the last module reads, of those that the first gives.
    pub(super) fn rows_between(&self) -> Range<usize> {
        let start = self.first.output.start;
        self.last.input.start - start..self.last.input.end - start
    }

    /// The same of all rows of these shapes, of the input, the map and the output: those that no window reads, too, so that every
    /// plane lies in one piece.
    fn of_all_rows(self, [input, map, output]: [&[usize]; 3]) -> Self {
        let whole = |band: Band, input: &[usize], output: &[usize]| {
            let (input, output) = (0..input[band.input_axis], 0..output[band.output_axis]);
            Band { input, output, ..band }
        };
        Self { first: whole(self.first, input, map), last: whole(self.last, map, output) }
    }

    /// Along which axes rows lie in the input, the map and the output.
    fn axes(&self) -> [usize; 3] {
        [self.first.input_axis, self.last.input_axis, self.last.output_axis]
    }

    /// Whether one pair of plans serves both.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.first.is_like(&other.first)
            && self.last.is_like(&other.last)
            && self.rows_between() == other.rows_between()
    }
}

/// How a group is cut.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    /// Images that are computed together; one group of one where there is no batch.
    pub(super) images: Vec<Range<usize>>,
    pub(super) batched: bool,
    /// The bands of each image, top to bottom.
    pub(super) bands: Vec<Pair>,
}

impl<T: Element> Group<'_, T> {
    /// The bands of both modules for these rows of the output; `None` unless they are there and fit together, as a module of a
    /// user's own may say anything.
    fn pair(&self, rows: Range<usize>) -> Option<Pair> {
        let last = self.last.band(self.shapes[1], rows.clone())?;
        let first = self.first.band(self.shapes[0], last.input.clone())?;
        let [input, map, output] = self.shapes;
        if !first.lies_within(input, map) || !last.lies_within(map, output) {
            return None;
        }
        // Workers share out the output: no band may have more of it than was asked for.
        let exact = last.output == (rows.start..rows.end.min(output[last.output_axis]));
        let (given, read) = (&first.output, &last.input);
        let fits = first.output_axis == last.input_axis && given.start <= read.start && read.end <= given.end;
        (exact && fits).then_some(Pair { first, last })
    }

    /// How to cut this group for so many threads; `None` where it is better computed as a whole.
    pub(super) fn cut(&self, threads: usize) -> Option<Cut> {
        // A part of what has more axes than six is a view whose shape takes memory.
        if self.shapes.iter().any(|shape| shape.len() > 6) {
            return None;
        }
        let whole = self.pair(0..usize::MAX)?;
        let [input, map, output] = self.shapes.map(|shape| shape.iter().product::<usize>());
        // What bands save is writing the map to memory and reading it again. That counts where the output is smaller than the map, and the
        // second module has no multiply-adds, beside which it would hardly matter.
        if output == 0 || input == 0 || output >= map || self.last.multiply_adds(self.shapes[1]) > 0 {
            return None;
        }
        let axes = whole.axes();
        let batches = self.shapes.map(|shape| shape[0]);
        let batched = axes == [2; 3] && batches == [batches[0]; 3];
        // A scale knows its channels by their places in the whole map.
        let cuts = |axis: usize| axis == axes[1] || batched && axis == 0;
        if self.functions.iter().filter_map(|function| function.channel_axis(self.shapes[1].len())).any(cuts) {
            return None;
        }
        let images = if batched { batches[0] } else { 1 };

        let bytes = Bytes {
            of_input_row: input / images / self.shapes[0][axes[0]] * size_of::<T>(),
            of_map_row: map / images / self.shapes[1][axes[1]] * size_of::<T>(),
        };
        let whole = whole.of_all_rows(self.shapes);
        let image = bytes.of(&whole);
        if image <= self.room {
            let groups = groups(images, (self.room / image).min(images.div_ceil(threads)), threads);
            let fit = (2..=MOST_PARTS).contains(&groups);
            return fit.then(|| Cut { images: even(images, groups), batched, bands: vec![whole] });
        }
        if images > MOST_PARTS {
            return None;
        }
        let rows = whole.last.output.len();
        let needed = if images < threads { threads } else { 1 };
        let bands = self.bands(rows, rows.div_ceil(needed), bytes).unwrap_or_else(|| vec![whole]);
        // Every worker has plans for a band of its own, and these may have room to copy it to.
        let held = bands.iter().map(|pair| bytes.of(pair)).max().unwrap_or(0);
        if held > MOST_BYTES {
            return None;
        }
        (bands.len() * images > 1).then(|| Cut { images: even(images, images), batched, bands })
    }

    /// So many rows of the output in bands as high as stay in cache.
    fn bands(&self, rows: usize, most: usize, bytes: Bytes) -> Option<Vec<Pair>> {
        // In the middle, where no padding spares rows.
        let size = |height: usize| {
            let start = rows / 2 / height * height;
            self.pair(start..rows.min(start + height)).map_or(usize::MAX, |pair| bytes.of(&pair))
        };
        // The highest that fits is found by halves: sizes grow with heights, but for whole tiles of the map.
        let (mut highest, mut beyond) = (1, most + 1);
        while beyond - highest > 1 {
            let middle = highest.midpoint(beyond);
            if size(middle) <= self.room {
                highest = middle;
            } else {
                beyond = middle;
            }
        }
        if rows / highest > MOST_PARTS {
            return None;
        }
        // A lower band may end where the map's next tile begins.
        let heights = (highest.saturating_sub(3).max(1)..=highest).rev();
        let fitting = heights.filter(|&height| height == 1 || size(height) <= self.room);
        let cuts = fitting.filter_map(|height| {
            let bands = steps(rows, height).map(|rows| self.pair(rows)).collect::<Option<Vec<_>>>()?;
            let alike = bands.iter().all(|pair| pair.axes() == bands[0].axes());
            let computed = bands.iter().map(|pair| pair.first.output.len()).fold(0, usize::saturating_add);
            alike.then_some((computed, bands))
        });
        let (computed, bands) = cuts.min_by_key(|(computed, _)| *computed)?;
        let map_rows = self.shapes[1][bands[0].last.input_axis];
        (computed as f64 <= MOST_ROWS * map_rows as f64).then_some(bands)
    }
}

/// Bytes of one row of one image.
#[derive(Debug, Clone, Copy)]
struct Bytes {
    of_input_row: usize,
    of_map_row: usize,
}

impl Bytes {
    fn of(self, pair: &Pair) -> usize {
        let input = self.of_input_row.saturating_mul(pair.first.input.len());
        self.of_map_row.saturating_mul(pair.first.output.len()).saturating_add(input).max(1)
    }
}

/// In how many groups images are computed, of so many at most: such that the threads, each of which holds the maps of the largest
/// group, hold no more than all images have; then, that they are done soonest; and then, as few as can be.
fn groups(images: usize, most: usize, threads: usize) -> usize {
    let measures = |&groups: &usize| {
        let (largest, workers) = (images.div_ceil(groups), groups.min(threads));
        (workers * largest > images, groups.div_ceil(threads) * largest, groups)
    };
    let fewest = images.div_ceil(most.max(1));
    // With a group for each image no thread holds more than one.
    let candidates = (1..=most).rev().map(|together| images.div_ceil(together)).filter(|&groups| groups >= fewest);
    candidates.min_by_key(measures).unwrap_or(images)
}

/// `0..whole` in so many parts that differ by one at most.
fn even(whole: usize, parts: usize) -> Vec<Range<usize>> {
    (0..parts).map(|part| whole * part / parts..whole * (part + 1) / parts).collect()
}

/// `0..whole` in steps, the last of which may be shorter.
fn steps(whole: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    (0..whole).step_by(step).map(move |start| start..whole.min(start + step))
}
