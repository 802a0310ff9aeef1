//! The one place that chooses: what each algorithm would cost for a layer.
//!
//! A cost counts multiply-adds of a register, of which a core does about two in a cycle, for one group of one image. Its terms are
//!
//! - the products of a tile, blanks included, and no fewer for each step than it takes one multiply-add to end
//!   ([`LATENCY`]); what it takes to begin a tile ([`TILE`]), and to store its sums ([`STORE`], [`STORE_TRANSPOSED`]);
//! - bringing pixels to panels ([`GATHER`]), after copying them where they do not stay in place ([`cost_of_copying`]);
//! - the transforms of Winograd's tiles, and reading their weights, which may take longer than the products ([`CACHED_BYTES`]).

use arrayvec::ArrayVec;

use super::algorithm::Algorithm;
use super::bands::{along, images_together, sizes};
use super::depthwise::is_depthwise;
use super::kernels::{Kernels, has_all_kernels};
use super::problem::Problem;
use super::rows::is_narrow;
use super::winograd::{self, Tiling};
use super::zones;
use crate::kernels::gemm::Along;
use crate::kernels::panels::Widths;
use crate::kernels::tile::{self, REGISTERS};
use crate::parallel::BatchPart;
use crate::simd::{Lanes, Level, has_kernels, has_many_registers, lanes};
use crate::window::Axis;

/// Outputs of a row that is better computed in bands.
const LONG_ROW: usize = 4096;

/// Weights of so many bytes, and those of fewer, stay in a cache that cores share: these are read the faster.
const CACHED_BYTES: f64 = (24 << 20) as f64;

/// Where maps have fewer tiles than this, weights are not read while others are multiplied.
const FEW_TILES: usize = 32;

/// What it takes to begin with a channel of a map in tiles.
const STARTING_CHANNEL: f64 = 600.0;

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
    let lanes = lanes::<A>(level);
    let [planes, rows, columns] = problem.output_size();
    let rows = planes * rows;
    let depth = problem.depth() as f64;
    match algorithm {
        Algorithm::Taps => f64::INFINITY,
        Algorithm::Channels if is_depthwise(problem) => cost_of_planes::<A>(problem, level),
        Algorithm::Pixels | Algorithm::Channels => {
            let along = along(algorithm);
            match reads_rows::<A>(problem, along, level) {
                true => cost_of_rows::<A>(problem, along, level),
                false => cost_of_product::<A>(problem, along, level) + cost_of_beginning(problem),
            }
        }
        // A row alone is not cut, and should stay in cache.
        Algorithm::Rows | Algorithm::Separable if rows == 1 && columns > LONG_ROW => f64::INFINITY,
        // No filter shares its pixels with another.
        Algorithm::Rows => {
            let registers = rows * columns.div_ceil(lanes);
            let across = &problem.axes[2];
            let (times, copying) = match (is_narrow::<A>(across, level), across.stride() * across.dilation()) {
                (true, 1) => (1.0, 0.0),
                (true, _) => (DEALT, 0.0),
                (false, 1) => (1.0, PATCH),
                (false, _) => (DEALT_IN_MEMORY, PATCH),
            };
            let slides = is_narrow::<A>(across, level) && across.size() > 1 && !has_many_registers::<A>(level);
            let times = if slides { times * SLIDING } else { times };
            let at_once = registers.max(LATENCY * rows.div_ceil(ROWS_OF_TILE)) as f64;
            let of_map = at_once * depth + registers as f64 * STORE_REGISTER + rows as f64 * STORE_ROW;
            problem.filters as f64 * (of_map * times + MAP + copying)
        }
        // The second pass reads from memory what the first has stored there.
        Algorithm::Separable => {
            let taps = problem.axes[1].size() + problem.axes[2].size();
            rows as f64 * columns.div_ceil(lanes) as f64 * problem.filters as f64 * (taps as f64 + 18.0)
        }
        Algorithm::Winograd | Algorithm::Winograd2x2 => cost_of_tiles::<A>(algorithm, problem, level, [rows, columns]),
        Algorithm::Zones => cost_of_zones::<A>(problem, level),
    }
}

/// The cost of all zones, and what it takes to read the weights of each, to copy its pixels and to deal its maps.
fn cost_of_zones<A: Kernels>(problem: &Problem, level: Level) -> f64 {
    let zones = zones::problems(problem);
    if zones.is_empty() {
        return f64::INFINITY;
    }
    let weights = zones.iter().map(|zone| (zone.depth() * zone.filters) as f64).sum::<f64>();
    let reading = cost_of_weights(weights * size_of::<A>() as f64) / BatchPart::here().all(problem.images) as f64;
    let dealing = DEAL * (problem.outputs() * problem.filters) as f64;
    // What is a part of the input is copied row by row.
    let parts = zones.iter().filter(|zone| zone.pixels() < problem.pixels());
    let rows: f64 = parts.map(|zone| (zone.channels * zone.pixels() / zone.axes[2].length()) as f64).sum();
    of_zones::<A>(&zones, level).1 + reading + dealing + ROW_OF_ZONE * rows
}

/// By what all zones of a layer are computed fastest, and what that costs.
pub(super) fn of_zones<A: Kernels>(zones: &[Problem], level: Level) -> (Algorithm, f64) {
    let of_all = |algorithm| zones.iter().map(|zone| cost::<A>(algorithm, zone, level)).sum::<f64>();
    let [pixels, channels] = [Algorithm::Pixels, Algorithm::Channels].map(of_all);
    if pixels <= channels { (Algorithm::Pixels, pixels) } else { (Algorithm::Channels, channels) }
}

/// What it takes to read weights of so many bytes.
fn cost_of_weights(bytes: f64) -> f64 {
    bytes / if bytes > CACHED_BYTES { 5.0 } else { 12.0 }
}

/// The cost of Winograd's tiles, for so many rows and columns of outputs.
fn cost_of_tiles<A: Lanes>(algorithm: Algorithm, problem: &Problem, level: Level, [rows, columns]: [usize; 2]) -> f64 {
    let lanes = lanes::<A>(level);
    let Some(tiling) = Tiling::of(algorithm, problem) else { return f64::INFINITY };
    let tiles = tiling.tiles(rows, &problem.axes[1]) * tiling.tiles(columns, &problem.axes[2]);
    let of_phases = tiling.channels(problem.channels);
    // Of a tile in one filter; and of the transforms, whose steps grow with the points.
    let products = tiling.products(of_phases) as f64;
    let (channels, filters) = (of_phases as f64, problem.filters as f64);
    let points = tiling.points() as f64 / 36.0;
    // The outputs of a dilated window, every so many-th, are maps of their own: with blocks and weights to read of their own.
    let [_, down, across] = &problem.axes;
    let maps = down.dilation().min(rows) * across.dilation().min(columns);
    let starting = STARTING_CHANNEL * channels * maps as f64;
    let registers = problem.filters.div_ceil(lanes) as f64;
    let images = BatchPart::here().all(problem.images);
    let of_map = tiles.saturating_mul(images).div_ceil(maps);
    let with_blanks = winograd::with_blanks::<A>(level, of_map) * maps as f64 / images as f64;
    let computing = with_blanks * products * registers + tiles as f64 * (45.0 * channels + 500.0 * registers) * points;
    // All the weights are read for every block of tiles. Where tiles are few, the time adds up; where they are many, they are read while
    // others are multiplied, and the longer of the two counts. The images of a batch share them.
    let bytes = products * filters * size_of::<A>() as f64;
    let reading = cost_of_weights(bytes) * maps as f64 / images as f64;
    let together = if of_map < FEW_TILES { computing + reading } else { computing.max(reading) };
    together + starting
}

/// The cost of a depthwise layer in vectors along the channels: the products, and the way of pixels and sums there and back.
fn cost_of_planes<A: Lanes>(problem: &Problem, level: Level) -> f64 {
    let lanes = lanes::<A>(level).min(problem.groups) as f64;
    let (pixels, outputs) = (problem.pixels() as f64, problem.outputs() as f64);
    let bytes = (pixels + outputs) * (lanes * size_of::<A>() as f64);
    let transposing = if bytes > NEAR_BYTES { TRANSPOSE_FAR } else { TRANSPOSE };
    let product = 1.2 * problem.products() / (problem.images * problem.groups) as f64;
    (transposing * (pixels + outputs) + product + PLANES) / lanes
}

/// To transpose a register of pixels of as many planes, in the first-level cache or beyond it; and to begin with them.
const TRANSPOSE: f64 = 10.0;
const TRANSPOSE_FAR: f64 = 13.0;
const NEAR_BYTES: f64 = (24 << 10) as f64;
const PLANES: f64 = 700.0;

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

/// To store a register of a plane, to begin with a row of it, and with a plane.
const STORE_REGISTER: f64 = 5.0;
const STORE_ROW: f64 = 9.0;
const MAP: f64 = 50.0;
/// Rows of a tile that is one register wide; and to copy a plane under a filter of so many columns that no tile keeps its pixels.
const ROWS_OF_TILE: usize = 7;
const PATCH: f64 = 150.0;
/// How much longer a plane takes where an instruction slides pixels over no more than half a register.
const SLIDING: f64 = 1.4;
/// How much longer a plane takes whose pixels do not stand side by side for neighbouring outputs: they are dealt out in registers, or are
/// copied first.
const DEALT: f64 = 1.4;
const DEALT_IN_MEMORY: f64 = 3.0;

/// A tile of fewer sums waits for each multiply-add to end before the next one on the same sum.
const LATENCY: usize = 8;
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
/// To copy a number of a zone's map to the output, and a row of the input that is not taken as a whole.
const DEAL: f64 = 1.0;
const ROW_OF_ZONE: f64 = 45.0;
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
