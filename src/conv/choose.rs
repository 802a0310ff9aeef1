//! The one place that chooses: what each algorithm would cost for a layer.
//!
//! A cost counts multiply-adds of a register, of which a core does about two in a cycle, for one group of one image. Its terms are
//!
//! - the products of a tile, blanks included, and no fewer for each step than it takes one multiply-add to end
//!   ([`LATENCY`]); what it takes to begin a tile ([`TILE`]), and to store its sums ([`STORE`], [`STORE_TRANSPOSED`]);
//! - bringing pixels to panels ([`GATHER`]), after copying them where they do not stay in place ([`cost_of_copying`]);
//! - what a way has of its own, in the file of that way: the transforms of Winograd's tiles, say. Reading weights may take longer than the
//!   products ([`CACHED_BYTES`]).

use arrayvec::ArrayVec;

use super::algorithm::Algorithm;
use super::bands::{along, images_together, sizes};
use super::depthwise::is_depthwise;
use super::kernels::{Kernels, has_all_kernels};
use super::problem::Problem;
use super::{depthwise, planes, winograd, zones};
use crate::kernels::gemm::Along;
use crate::kernels::panels::Widths;
use crate::kernels::tile::{self, REGISTERS};
use crate::parallel::BatchPart;
use crate::simd::{Lanes, Level, has_kernels, has_many_registers, lanes};
use crate::window::Axis;

/// Weights of so many bytes, and those of fewer, stay in a cache that cores share: these are read the faster.
const CACHED_BYTES: f64 = (24 << 20) as f64;

/// The fastest algorithm for a layer among those that `may` be used, by the number of register operations that each would
/// take. `may` is asked about one after the other, the cheapest first, as the answer may take a look at all weights.
pub(super) fn fastest<A: Kernels>(problem: &Problem, level: Level, may: &dyn Fn(Algorithm) -> bool) -> Algorithm {
    if !has_kernels(level) {
        return Algorithm::Taps;
    }
    let with_cost = |&algorithm: &Algorithm| (cost::<A>(algorithm, problem, level), algorithm);
    cheapest(A::ALGORITHMS.iter().map(with_cost).collect(), may)
}

/// The cheapest that may be used.
fn cheapest(mut left: Costs, may: &dyn Fn(Algorithm) -> bool) -> Algorithm {
    while let Some(first) = (0..left.len()).min_by(|&one, &other| left[one].0.total_cmp(&left[other].0)) {
        let (_, algorithm) = left.remove(first);
        if may(algorithm) {
            return algorithm;
        }
    }
    Algorithm::Taps
}

type Costs = ArrayVec<(f64, Algorithm), { Algorithm::ALL.len() }>;

/// Register operations of an algorithm for one group of one image of a batch: multiply-adds, blanks included, and what it takes to
/// store the results.
pub(super) fn cost<A: Kernels>(algorithm: Algorithm, problem: &Problem, level: Level) -> f64 {
    match algorithm {
        Algorithm::Taps => f64::INFINITY,
        Algorithm::Separable | Algorithm::Winograd | Algorithm::Winograd2x2 | Algorithm::Zones
            if const { !has_all_kernels::<A>() } =>
        {
            unreachable!("these numbers have no such kernel")
        }
        Algorithm::Channels if is_depthwise(problem) => depthwise::cost::<A>(problem, level),
        Algorithm::Pixels | Algorithm::Channels => {
            let along = along(algorithm);
            match reads_rows::<A>(problem, along, level) {
                true => cost_of_rows::<A>(problem, along, level),
                false => cost_of_product::<A>(problem, along, level) + cost_of_beginning(problem),
            }
        }
        Algorithm::Rows => planes::cost_of_rows::<A>(problem, level),
        Algorithm::Separable => planes::cost_of_two_passes::<A>(problem, level),
        Algorithm::Winograd | Algorithm::Winograd2x2 => winograd::cost::<A>(algorithm, problem, level),
        Algorithm::Zones => zones::cost::<A>(problem, level),
    }
}

/// What it takes to read weights of so many bytes.
pub(super) fn cost_of_weights(bytes: f64) -> f64 {
    bytes / if bytes > CACHED_BYTES { 5.0 } else { 12.0 }
}

/// What a group of one image takes, in multiply-adds of a register: the products, blanks included, what it takes to store the sums, and
/// to bring the pixels to panels.
fn cost_of_product<A: Lanes>(problem: &Problem, along: Along, level: Level) -> f64 {
    let (tiles, widths) = sizes::<A>(along, level);
    let (lanes, depth) = (lanes::<A>(level), problem.depth() as f64);
    let images = images_together(problem, BatchPart::here().all(problem.images));
    let pixels = problem.outputs() * images;
    let (tiles_of_pixels, tiles_of_filters) = (tile_sizes(Widths(tiles), pixels), tile_sizes(widths, problem.filters));
    let (times, storing) = match along {
        Along::Pixels => (1.0, STORE),
        Along::Filters => (BROADCASTS, STORE_TRANSPOSED),
    };
    let mut tiles = 0.0;
    for &(pixels, panels) in &tiles_of_pixels {
        for &(filters, blocks) in &tiles_of_filters {
            let registers = match along {
                Along::Pixels => pixels / lanes * filters,
                Along::Filters => filters / lanes * pixels,
            };
            let of_step = registers.max(LATENCY) as f64 * times;
            let of_tile = of_step * depth + storing * registers as f64 + TILE;
            tiles += of_tile * (panels * blocks) as f64;
        }
    }
    let panels: f64 = tiles_of_pixels.iter().map(|&(pixels, panels)| (pixels.div_ceil(lanes) * panels) as f64).sum();
    // What is side by side in the input ends with each row of outputs, unless windows have one pixel.
    let rows = if problem.taps() == 1 { 0 } else { pixels / problem.axes[2].outputs() };
    let gathering = GATHER * depth * (panels + rows as f64);
    // Maps of several images end within tiles.
    let ends = if images == 1 { 0.0 } else { (images * problem.filters) as f64 };
    let ends = ends * if along == Along::Pixels { SCATTER } else { STORE_PART };
    (tiles + gathering + ends) / images as f64 + cost_of_copying(problem)
}

/// Whether pixels are better read where they lie than from panels: where filters are few.
pub(super) fn reads_rows<A: Lanes>(problem: &Problem, along: Along, level: Level) -> bool {
    rows_cost_less::<A>(problem, along, level, 1.0)
}

/// Whether rows that are read where they lie cost less than so many times what panels do.
fn rows_cost_less<A: Lanes>(problem: &Problem, along: Along, level: Level, times: f64) -> bool {
    has_all_kernels::<A>()
        && cost_of_rows::<A>(problem, along, level) < times * cost_of_product::<A>(problem, along, level)
}

/// What rows may cost more than panels where their sums are pooled in registers: a map of them is neither written nor read again.
const POOLED: f64 = 1.15;

/// Whether an algorithm has all 2×2 outputs of a pooling in registers at a time.
pub(super) fn pools<A: Lanes>(algorithm: Algorithm, problem: &Problem, level: Level) -> bool {
    match algorithm {
        Algorithm::Winograd => true,
        Algorithm::Pixels => {
            problem.is_flat() && problem.band_axis() == 1 && rows_cost_less::<A>(problem, Along::Pixels, level, POOLED)
        }
        Algorithm::Taps
        | Algorithm::Channels
        | Algorithm::Rows
        | Algorithm::Separable
        | Algorithm::Winograd2x2
        | Algorithm::Zones => false,
    }
}

/// The same as [`cost_of_product`] for rows of pixels that are read where they lie: no panels, but tiles end with every row.
fn cost_of_rows<A: Lanes>(problem: &Problem, along: Along, level: Level) -> f64 {
    let stays = problem.is_in_place() && (along == Along::Filters || row_length(problem) >= lanes::<A>(level));
    let least = 0.25 * (problem.channels * problem.outputs()) as f64;
    let copying = if stays { 0.0 } else { cost_of_copying(problem).max(least) };
    let computing = match along {
        Along::Pixels => cost_of_pixel_rows::<A>(problem, level),
        Along::Filters => cost_of_filter_rows::<A>(problem, level),
    };
    computing + copying
}

/// What it takes to begin with the pixels of a group.
fn cost_of_beginning(problem: &Problem) -> f64 {
    BAND / images_together(problem, BatchPart::here().all(problem.images)) as f64
}

/// Outputs whose pixels stand side by side: all of them under windows of one pixel.
fn row_length(problem: &Problem) -> usize {
    if problem.taps() == 1 { problem.outputs() } else { problem.axes[2].outputs() }
}

/// Where vectors lie along filters.
fn cost_of_filter_rows<A: Lanes>(problem: &Problem, level: Level) -> f64 {
    let (heights, widths) = sizes::<A>(Along::Filters, level);
    let (lanes, depth) = (lanes::<A>(level), problem.depth() as f64);
    let columns = row_length(problem);
    let rows = problem.outputs() / columns;
    let step = cost_of_step::<A>(problem, level);
    let mut tiles = 0.0;
    for (filters, blocks) in tile_sizes(widths, problem.filters) {
        for (pixels, tiles_of_row) in tile_sizes(Widths(heights), columns) {
            let registers = pixels * filters / lanes;
            let of_tile =
                registers.max(LATENCY) as f64 * depth + step * depth + STORE_TRANSPOSED * registers as f64 + SHORT_TILE;
            tiles += of_tile * (tiles_of_row * blocks) as f64;
        }
    }
    tiles * rows as f64 + cost_of_distance::<A>(problem) + cost_of_beginning(problem)
}

/// What it takes to read pixels that are in no cache near by: those of large maps in place, or copied ones under windows of long reach, as
/// every band has all rows that a window reaches over.
fn cost_of_distance<A>(problem: &Problem) -> f64 {
    let channels = problem.channels as f64;
    let (there, read, most) = match problem.is_in_place() {
        true => (problem.pixels() as f64, problem.pixels() as f64, FAR_BYTES),
        false => {
            let (band, inner) = problem.axes[problem.band_axis()..].split_first().expect("there are three axes");
            let inner: f64 = inner.iter().map(|axis| axis.padded_length() as f64).product();
            let reach = ((band.size() - 1) * band.dilation()) as f64;
            (reach * inner, (problem.taps() * problem.outputs()) as f64, FAR_BYTES_COPIED)
        }
    };
    if channels * there * size_of::<A>() as f64 > most { FAR * channels * read } else { 0.0 }
}

/// Where vectors lie along pixels.
fn cost_of_pixel_rows<A: Lanes>(problem: &Problem, level: Level) -> f64 {
    let (_, widths) = sizes::<A>(Along::Pixels, level);
    let (lanes, depth) = (lanes::<A>(level), problem.depth() as f64);
    let columns = row_length(problem);
    let rows = problem.outputs() / columns;
    let times = if problem.filters > widths.0[0] { AGAIN } else { 1.0 };
    let step = cost_of_step::<A>(problem, level);
    let mut tiles = 0.0;
    for (filters, blocks) in tile_sizes(widths, problem.filters) {
        let (wide, two) = (tile::wide(filters, has_many_registers::<A>(level)) * lanes, REGISTERS * lanes);
        let left = columns % wide;
        for (pixels, tiles_of_row) in [(wide, columns / wide), (two, left / two), (left % two, 1)] {
            let registers = (pixels.div_ceil(lanes) * filters) as f64;
            if registers > 0.0 {
                let least = if depth > FEW_STEPS { LATENCY as f64 } else { FEW_SUMS };
                let of_tile = (registers.max(least) * times + step) * depth + STORE * registers + SHORT_TILE;
                tiles += of_tile * (tiles_of_row * blocks) as f64;
            }
        }
    }
    tiles * rows as f64 + BAND
}

/// What it takes to find the pixels of a step.
fn cost_of_step<A: Lanes>(problem: &Problem, level: Level) -> f64 {
    let is_in_many_streams = problem.is_in_place() && problem.channels >= STREAMS && !has_many_registers::<A>(level);
    if is_in_many_streams { STEP_OF_STREAMS } else { STEP }
}

/// What it takes to find the pixels of a step; and how much longer a step takes where several blocks of filters read all pixels again, from
/// the second-level cache.
const STEP: f64 = 0.5;
const AGAIN: f64 = 1.1;

/// The rows of so many channels, each in its place of a map, are more than a processor fetches ahead: a step then waits for a line of the
/// second-level cache. Where registers are the widest a step has so many multiply-adds that it need not.
const STREAMS: usize = 64;
const STEP_OF_STREAMS: f64 = 2.0;

/// Along filters a tile reads a few pixels of each channel, a map apart from the next. Where they are more than this they are in no cache
/// near by, and each takes so much longer.
const FAR_BYTES: f64 = (768 << 10) as f64;
const FAR_BYTES_COPIED: f64 = (1536 << 10) as f64;
const FAR: f64 = 1.0;

/// Of tiles that read pixels where they lie, and have no more steps than this, several are under way at a time: so a step takes less
/// than [`LATENCY`], but no less than this.
const FEW_STEPS: f64 = 64.0;
const FEW_SUMS: f64 = 6.0;
/// What it takes to begin with such a tile, and with the pixels of an image.
const SHORT_TILE: f64 = 30.0;
const BAND: f64 = 1500.0;

/// A tile of fewer sums waits for each multiply-add to end before the next one on the same sum.
pub(super) const LATENCY: usize = 8;
/// What it takes to store a register of sums straight away, or transposed.
const STORE: f64 = 3.0;
const STORE_TRANSPOSED: f64 = 12.0;
/// The same of sums of a filter that are the last of a map, where that is not the end of a tile.
const SCATTER: f64 = 300.0;
const STORE_PART: f64 = 60.0;
/// What it takes to begin a tile.
const TILE: f64 = 30.0;
/// How much longer a step takes along filters, whose pixels are read from a panel one by one.
const BROADCASTS: f64 = 1.07;
/// To write a register of a panel.
const GATHER: f64 = 6.0;

/// Into how many blocks of which sizes so many are cut.
fn tile_sizes(widths: Widths, count: usize) -> [(usize, usize); 2] {
    let (whole, left) = (count / widths.0[0], count % widths.0[0]);
    [(widths.0[0], whole), (widths.next(left), usize::from(left > 0))]
}

/// What copying the pixels of one group takes, where they do not stay in place.
fn cost_of_copying(problem: &Problem) -> f64 {
    let met = |axis: &Axis| axis.outputs() as f64 * axis.stride().min(axis.size()) as f64;
    let pixels = problem.channels as f64 * problem.axes.iter().map(met).product::<f64>();
    match problem.axes[2].stride() {
        _ if problem.is_in_place() => 0.0,
        1 => pixels * 0.25,
        2 => pixels,
        _ => pixels * 2.0,
    }
}
