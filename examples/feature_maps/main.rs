//! What pooling does to the feature maps of a photo, and how little they then depend on where the cat is.
//!
//! The photo goes through three filters, ReLU and four poolings, once at its place and once moved by a few pixels. A table
//! says how much the maps change with the move. The maps are written as PNG, for looking, with sheets of them:
//!
//! - `contact_sheet.svg`: a row for each filter, with the photo, the filtered photo, ReLU, and the maximum, minimum,
//!   average and L2 norm of windows of 4×4. `contact_sheet_eye.svg` has a part of each, as `docs/feature_maps.svg`.
//! - `move.svg`: vertical edges at their place, moved, and the difference, row by row; before pooling and after max
//!   pooling with windows of 2×2, 4×4 and 8×8, column by column. The difference fades.
//!
//! A browser shows them.
//!
//! ```text
//! cargo run --release --example feature_maps --features image [directory]
//! ```

mod pictures;
mod sheet;

use std::error::Error;
use std::path::PathBuf;

use featuremap::{AvgPool2d, Conv2d, L2Pool2d, MaxPool2d, MinPool2d, Module, Tensor};
use ndarray::{Array2, ArrayView2, arr2, s};

const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/chelsea.png");

type Filter = [[f32; 3]; 3];

const FILTERS: [(&str, Filter); 3] = [
    ("horizontal edges", [[-1., -2., -1.], [0., 0., 0.], [1., 2., 1.]]),
    ("vertical edges", [[-1., 0., 1.], [-2., 0., 2.], [-1., 0., 1.]]),
    ("sharpen", [[0., -1., 0.], [-1., 5., -1.], [0., -1., 0.]]),
];

/// Rows and columns of a map before pooling. Every window size divides them, so no pooling leaves pixels out.
const MAP: [usize; 2] = [288, 440];
const WINDOWS: [usize; 3] = [2, 4, 8];
const POOLINGS: [&str; 4] = ["max", "min", "average", "L2"];
/// How many rows down and columns to the right the photo is moved.
const MOVES: [[usize; 2]; 3] = [[0, 1], [1, 1], [2, 3]];
/// Where the maps begin in the photo: room for the moves and a filter's border.
const ORIGIN: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/feature_maps"), PathBuf::from);
    // Brightness from 0 to 1: a tensor [height, width], which moves out of the picture and into an array.
    let photo: Array2<f32> = Tensor::from(image::open(PHOTO)?.to_luma32f()).try_into()?;

    let mut studies = Vec::new();
    for (name, filter) in FILTERS {
        let mut study = Study { name, changes: Vec::new() };
        let place = convolved(&photo, filter, [0, 0])?.relu();
        for shift in MOVES {
            let moved = convolved(&photo, filter, shift)?.relu();
            study.changes.push(Changes::measure(&place, &moved)?);
        }
        studies.push(study);
    }
    print_table(&studies);
    pictures::write(&photo, &directory)?;
    println!("\nThe pictures are in {}; begin with contact_sheet.svg and move.svg.", directory.display());
    studies.iter().try_for_each(Study::check)
}

/// The part of the photo that lies under a map, and `border` pixels more on each side, when the photo is moved down and
/// to the right by `shift`. What moves in at a side are true pixels, for the photo is larger than the part.
fn part(photo: &Array2<f32>, [down, right]: [usize; 2], border: usize) -> ArrayView2<'_, f32> {
    let [top, left] = [ORIGIN - down - border, ORIGIN - right - border];
    photo.slice(s![top..top + MAP[0] + 2 * border, left..left + MAP[1] + 2 * border])
}

/// The moved photo under a filter.
fn convolved(photo: &Array2<f32>, filter: Filter, shift: [usize; 2]) -> featuremap::Result<Tensor> {
    // A 3×3 filter takes one pixel off each side.
    Conv2d::new(arr2(&filter)).forward(part(photo, shift, 1))
}

/// The poolings in the order of [`POOLINGS`].
fn poolings(window: usize) -> [Box<dyn Module<f32>>; 4] {
    [
        Box::new(MaxPool2d::new(window)),
        Box::new(MinPool2d::new(window)),
        Box::new(AvgPool2d::new(window)),
        Box::new(L2Pool2d::new(window)),
    ]
}

/// How much the maps of one filter change with each of the [`MOVES`].
struct Study {
    name: &'static str,
    changes: Vec<Changes>,
}

/// How much maps change with one move, in percent; after pooling, for each of the [`WINDOWS`].
struct Changes {
    before: f32,
    /// Without pooling, but with as few pixels as after it.
    sampled: [f32; WINDOWS.len()],
    /// For each of the [`POOLINGS`].
    pooled: [[f32; WINDOWS.len()]; POOLINGS.len()],
}

impl Changes {
    fn measure(place: &Tensor, moved: &Tensor) -> featuremap::Result<Self> {
        let after = |module: &dyn Module<f32>| -> featuremap::Result<f32> {
            Ok(change(&module.forward_view(place.view())?, &module.forward_view(moved.view())?))
        };
        let mut changes = Self {
            before: change(place, moved),
            sampled: [0.0; WINDOWS.len()],
            pooled: [[0.0; WINDOWS.len()]; POOLINGS.len()],
        };
        for (column, window) in WINDOWS.into_iter().enumerate() {
            changes.sampled[column] = after(&MaxPool2d::new(1).stride(window))?;
            for (row, pooling) in poolings(window).iter().enumerate() {
                changes.pooled[row][column] = after(pooling)?;
            }
        }
        Ok(changes)
    }
}

/// Mean |difference| / mean |value|, in percent.
fn change(place: &Tensor, moved: &Tensor) -> f32 {
    let difference: f32 = place.iter().zip(moved).map(|(place, moved)| (place - moved).abs()).sum();
    let value: f32 = place.iter().map(|place| place.abs()).sum();
    100.0 * difference / value
}

impl Study {
    /// Whether the maps do what is said below the table.
    fn check(&self) -> Result<(), Box<dyn Error>> {
        for (changes, shift) in self.changes.iter().zip(MOVES) {
            let fails = |what: &str| Err(format!("{}, moved by {shift:?}: {what}", self.name).into());
            for (pooled, pooling) in changes.pooled.iter().zip(POOLINGS) {
                // The smallest window that is sure to help: see below the table for the minimum.
                let first = if pooling == "min" { WINDOWS.len() - 1 } else { 0 };
                let steadier = |(pooled, sampled): (&f32, &f32)| *pooled < changes.before && pooled < sampled;
                if !pooled.iter().zip(&changes.sampled).skip(first).all(steadier) {
                    return fails(&format!("{pooling} pooling does not make the map depend less on the place"));
                }
                if !pooled.is_sorted_by(|small, large| small > large) {
                    return fails(&format!("{pooling} pooling does not gain by a larger window"));
                }
            }
            if changes.sampled.iter().any(|&sampled| sampled < 0.8 * changes.before) {
                return fails("a stride alone makes the map depend less on the place");
            }
        }
        Ok(())
    }
}

fn print_table(studies: &[Study]) {
    println!("How much the feature maps change when the photo is moved by a few pixels (down, right):");
    println!("the mean |difference| between the two maps, in percent of the mean |value|; 0 is no change at all.\n");
    let cells = |numbers: &[f32]| numbers.iter().map(|number| format!("{number:>6.0}")).collect::<Vec<_>>().concat();
    let row = |name: &str, groups: Vec<String>| {
        let groups: Vec<String> = groups.iter().map(|group| format!("   {group:<18}")).collect();
        println!("{}", format!("{name:<18}{}", groups.concat()).trim_end());
    };
    row("", MOVES.iter().map(|[down, right]| format!("   moved by ({down}, {right})")).collect());
    row("", vec![WINDOWS.map(|window| format!("{:>6}", format!("{window}×{window}"))).concat(); MOVES.len()]);
    for Study { name, changes } in studies {
        println!("{name}");
        row("  before pooling", changes.iter().map(|changes| cells(&[changes.before])).collect());
        for (number, pooling) in POOLINGS.iter().enumerate() {
            row(&format!("  {pooling}"), changes.iter().map(|changes| cells(&changes.pooled[number])).collect());
        }
        row("  stride alone", changes.iter().map(|changes| cells(&changes.sampled)).collect());
    }
    println!("\nThe larger the window, the less the map depends on the place. It is the pooling that does it, not the");
    println!("smaller map: a stride alone leaves no more pixels, and they change nearly as much as before. Only the");
    println!("minimum of a small window may do worse than no pooling: of a thin edge it keeps nothing.");
}
