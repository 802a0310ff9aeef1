//! From a map of likelihoods to lines of text.

use featuremap::Tensor;

/// Pixels at least so likely belong to a line, and a line has to be so likely on average: the numbers that the network is used with.
const PIXEL: f32 = 0.3;
const LINE: f32 = 0.5;
/// How much larger a line is than what the network finds of it: its area by its circumference, so many times, on each side.
const LARGER: f64 = 1.6;
/// Pixels on the shorter side, below which a line is noise.
const LEAST: u32 = 3;

/// A box around a line, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) right: u32,
    pub(crate) bottom: u32,
    /// The mean of its pixels.
    pub(crate) likelihood: f32,
}

/// The lines of a map `[1, 1, height, width]`, from top to bottom.
pub(crate) fn lines(map: &Tensor) -> Vec<Line> {
    let &[.., height, width] = map.shape() else { return Vec::new() };
    let pixels: Vec<f32> = map.iter().copied().collect();
    let mut seen = vec![false; pixels.len()];
    let mut lines = Vec::new();
    for start in 0..height * width {
        if pixels[start] > PIXEL && !seen[start] {
            let area = connected(start, width, &pixels, &mut seen);
            lines.extend(line(&area, width, height, &pixels));
        }
    }
    lines.sort_by_key(|line| (line.top, line.left));
    lines
}

/// The likely pixels that touch one, from side to side, and are not seen yet.
fn connected(start: usize, width: usize, pixels: &[f32], seen: &mut [bool]) -> Vec<usize> {
    let mut area = vec![start];
    seen[start] = true;
    let mut next = 0;
    while let Some(&at) = area.get(next) {
        next += 1;
        let column = at % width;
        let neighbours = [
            at.checked_sub(width),
            Some(at + width),
            at.checked_sub(1).filter(|_| column > 0),
            Some(at + 1).filter(|_| column + 1 < width),
        ];
        for neighbour in neighbours.into_iter().flatten() {
            if neighbour < pixels.len() && pixels[neighbour] > PIXEL && !seen[neighbour] {
                seen[neighbour] = true;
                area.push(neighbour);
            }
        }
    }
    area
}

/// The box around pixels, made larger, if it is large and likely enough.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a picture")]
fn line(area: &[usize], width: usize, height: usize, pixels: &[f32]) -> Option<Line> {
    let columns = area.iter().map(|at| at % width);
    let rows = area.iter().map(|at| at / width);
    let (left, right) = (columns.clone().min()? as u32, columns.max()? as u32);
    let (top, bottom) = (rows.clone().min()? as u32, rows.max()? as u32);
    let likelihood = area.iter().map(|&at| pixels[at]).sum::<f32>() / area.len() as f32;
    let (wide, high) = (right - left + 1, bottom - top + 1);
    if wide.min(high) < LEAST || likelihood < LINE {
        return None;
    }
    let (wide, high) = (f64::from(wide), f64::from(high));
    let more = (LARGER * wide * high / (2.0 * (wide + high))).round() as u32;
    Some(Line {
        left: left.saturating_sub(more),
        top: top.saturating_sub(more),
        right: (right + more).min(width as u32 - 1),
        bottom: (bottom + more).min(height as u32 - 1),
        likelihood,
    })
}
