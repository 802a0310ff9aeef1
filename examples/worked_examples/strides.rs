//! Items 4 to 6: how far the window moves from one cell of the map to the next.

use std::time::{Duration, Instant};

use featuremap::{Conv2d, Module, Tensor, Window, WindowView, Windows};
use ndarray::Array2;

use crate::Result;
use crate::check::Checks;
use crate::notes;
use crate::print::{grouped, in_brackets, lines, matrix, pair, picture, say, show, sign, sizes};

pub(crate) fn how_far_the_window_moves(checks: &mut Checks) -> Result {
    let (image, filter) = (notes::image(), notes::vertical_edges());
    say(
        "The image and the filter of item 1. Each number on the left stands where a window has its upper left pixel, and \
         counts the windows in their order; next to it, the pixels under the first four.",
    );

    for (stride, size) in [([1, 1], [3, 3]), ([2, 2], [2, 2]), ([2, 1], [2, 3])] {
        let window = Window::new([3, 3]).stride(stride);
        let windows = window.over(&image)?;
        let map = image.conv2d(&filter, stride, 0)?;
        let mut row = vec![picture(&format!("stride {}", pair(stride)), &upper_left_pixels(windows.clone())?)];
        for (number, view) in windows.take(4).enumerate() {
            row.push(picture(&format!("window {number}"), &pixels_under(&view, [5, 5])?));
        }
        row.extend([sign("→"), matrix("map", &map)]);
        show(&row);
        lines([format!("rows  {},   columns  {}", size_formula(5, 0, stride[0])?, size_formula(5, 0, stride[1])?)]);
        checks.equal(&format!("the size with stride {}", pair(stride)), &sizes(map.shape()), &sizes(&size))?;
    }

    let every_window = image.conv2d(&filter, 1, 0)?;
    let every_second = Tensor::from(every_window.as_array().slice(ndarray::s![..;2, ..;2]));
    checks.equal("the map with stride (2, 2)", &image.conv2d(&filter, 2, 0)?, &every_second)?;
    say(
        "Strides (1, 1) move one pixel right and, at the end of a row, one pixel down. Strides (2, 2) move by two, so their \
         map is every second cell of the first map, in every second row. With strides (2, 1) the window moves two pixels \
         down, but only one to the right: rows come first, then columns.",
    );

    say("The size of the map with stride s, and with padding p as well:");
    lines(["(n − f)/s + 1          (n + 2p − f)/s + 1"]);
    say("For this image with padding 1 and stride 2:");
    lines([size_formula(5, 1, 2)?]);
    let padded = image.conv2d(&filter, 2, 1)?;
    checks.equal("the size with padding 1 and stride 2", &sizes(padded.shape()), &sizes(&[3, 3]))
}

/// The size formula for a filter of 3 with its numbers in place, and the size that the crate gives.
fn size_formula(length: usize, padding: usize, stride: usize) -> Result<String> {
    let [size] = Window::new([3]).stride(stride).padding(padding).output_size([length])?;
    let padded = match padding {
        0 => length.to_string(),
        _ => format!("{length} + 2·{padding}"),
    };
    Ok(format!("({padded} − 3)/{stride} + 1 = {size}"))
}

/// The number of each window where its upper left pixel lies, and dots elsewhere.
fn upper_left_pixels<T>(windows: Windows<'_, T, 2>) -> Result<Tensor<String>> {
    let mut picture = Tensor::from_vec(&[5, 5], vec!["·".to_owned(); 25])?;
    for (number, window) in windows.enumerate() {
        let (place, _) = window.indexed().next().ok_or("a window without padding has pixels")?;
        picture.as_array_mut()[&place[..]] = number.to_string();
    }
    Ok(picture)
}

fn pixels_under<T>(window: &WindowView<'_, T, 2>, size: [usize; 2]) -> Result<Tensor<char>> {
    let mut picture = Tensor::from_vec(&size, vec!['·'; size[0] * size[1]])?;
    for (place, _) in window.indexed() {
        picture.as_array_mut()[&place[..]] = '■';
    }
    Ok(picture)
}

pub(crate) fn floor_rule(checks: &mut Checks) -> Result {
    let window = Window::new([3, 3]).stride(2);
    say("An image of 6×7, a filter of 3×3, stride 2:");
    lines(["rows     (6 − 3)/2 + 1 = 2.5   →   2", "columns  (7 − 3)/2 + 1 = 3"]);
    checks.equal("the size of the map", &sizes(&window.output_size([6, 7])?), &sizes(&[2, 3]))?;

    let coverage = window.geometry([6, 7])?.coverage()?;
    let left_over: Vec<String> = coverage
        .as_array()
        .indexed_iter()
        .filter(|&(_, &windows)| windows == 0)
        .map(|(place, _)| pair([place[0], place[1]]))
        .collect();
    let rounded_up = window.ceil_mode(true);
    let coverage_rounded_up = rounded_up.geometry([6, 7])?.coverage()?;
    say(
        "So the map is 2×3, for the last row of the image does not make up another window. The windows over each pixel:",
    );
    show(&[in_brackets("rounded down", &coverage), sign(" "), in_brackets("rounded up", &coverage_rounded_up)]);
    lines([format!("left over when rounded down: {}", left_over.join(" "))]);
    let row_5 = "(5, 0) (5, 1) (5, 2) (5, 3) (5, 4) (5, 5) (5, 6)";
    checks.equal("the pixels left over", left_over.join(" ").as_str(), row_5)?;

    let plane = Tensor::<u8>::zeros(&[6, 7])?;
    let last = rounded_up.over(&plane)?.next_back().ok_or("there are no windows")?;
    let size = sizes(&rounded_up.output_size([6, 7])?);
    say(&format!(
        "Rounding up is not in the notes; a pooling may ask for it (ceil_mode). The map is then {size}: the last windows \
         start in row {} and reach beyond the image, with {} of their {} cells on pixels.",
        last.start()[0],
        last.len(),
        last.taps().len(),
    ));
    checks.equal("the size of the map rounded up", size.as_str(), "3×3")?;
    checks.equal("the pixels under the last window rounded up", &last.len(), &6)?;
    checks.holds("rounding up leaves no pixel over", coverage_rounded_up.iter().all(|&windows| windows > 0))
}

const SIDE: usize = 512;

/// A thing to recognise, a bright disc, with details to lose, single bright pixels strewn around it.
fn disc_and_dots() -> Array2<f32> {
    Array2::from_shape_fn((SIDE, SIDE), |(row, column)| {
        let from_centre_squared = row.abs_diff(SIDE / 2).pow(2) + column.abs_diff(SIDE / 2).pow(2);
        let on_disc = from_centre_squared < 100 * 100;
        let is_dot = row % 23 == 5 && column % 23 == 11 && from_centre_squared > 110 * 110;
        if on_disc || is_dot { 255.0 } else { 0.0 }
    })
}

pub(crate) fn larger_strides(checks: &mut Checks) -> Result {
    let image = disc_and_dots();
    let filter = notes::vertical_edges().map(|&weight| weight as f32);
    let fine = Conv2d::new(&filter).forward(&image)?;
    say(&format!(
        "A strided convolution is one with a stride over 1. Here the filter for vertical edges goes over an image of \
         {SIDE}×{SIDE}, a large bright disc among many dots of one pixel each:",
    ));

    let mut table = vec![format!(
        "{:>6}   {:^7}   {:>10}   {:>15}   {:>8}   {:>11}   {:>11}",
        "stride", "map", "cells kept", "multiplications", "time", "detail lost", "disc's edge"
    )];
    let mut losses = Vec::new();
    for (stride, expected) in [(1, 2_340_900), (2, 585_225), (3, 260_100)] {
        let geometry = Window::new([3, 3]).stride(stride).geometry([SIDE, SIDE])?;
        let multiplications = geometry.outputs() * geometry.taps();
        let conv = Conv2d::new(&filter).stride(stride);
        let map = conv.forward(&image)?;
        let time = median_time(|| conv.forward(&image).map(drop))?;
        let strongest = map.iter().fold(0.0_f32, |strongest, answer| strongest.max(answer.abs()));
        let lost = detail_lost(&fine, &map, stride);
        table.push(format!(
            "{stride:>6}   {:^7}   {:>8.1} %   {:>15}   {:>5.2} ms   {:>9.1} %   {strongest:>11}",
            sizes(map.shape()),
            100.0 * map.len() as f64 / fine.len() as f64,
            grouped(multiplications),
            time.as_secs_f64() * 1e3,
            100.0 * lost,
        ));
        checks.equal(&format!("the multiplications with stride {stride}"), &multiplications, &expected)?;
        checks.equal("the strongest answer, three pixels of 255", &strongest, &(3.0 * 255.0))?;
        losses.push(lost);
    }
    lines(table);
    say(
        "A larger stride gives a smaller map that costs less to compute, and loses detail: stretch the map out to its old \
         size, and this share of the answers that stride 1 gives comes out wrong. The high-level feature stays: the edge of the disc \
         answers as strongly as before. (The times are medians of 11 runs on this machine, and nothing is checked by them.)",
    );
    checks.equal("the detail lost with stride 1", &losses[0], &0.0)?;
    checks.holds("each larger stride loses more detail", losses.is_sorted_by(|less, more| less < more))
}

/// The part of the answers (cells that are not 0) of the map with stride 1 that `coarse` does not have when each of its
/// cells stands for as many cells as the stride has passed over.
fn detail_lost(fine: &Tensor<f32>, coarse: &Tensor<f32>, stride: usize) -> f64 {
    let answers = || fine.as_array().indexed_iter().filter(|&(_, &answer)| answer != 0.0);
    let kept = answers().filter(|(place, answer)| coarse.get(&[place[0] / stride, place[1] / stride]) == Some(*answer));
    1.0 - kept.count() as f64 / answers().count() as f64
}

fn median_time(mut run: impl FnMut() -> featuremap::Result<()>) -> Result<Duration> {
    let mut times = [Duration::ZERO; 11];
    for time in &mut times {
        let start = Instant::now();
        run()?;
        *time = start.elapsed();
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
