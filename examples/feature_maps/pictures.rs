//! The maps as PNG.

use std::error::Error;
use std::fs;
use std::path::Path;

use featuremap::{MaxPool2d, Module, Tensor};
use image::GrayImage;
use image::imageops::{self, FilterType};
use ndarray::{Array2, Axis, concatenate};

use crate::{FILTERS, MAP, MOVES, POOLINGS, WINDOWS, convolved, part, poolings, sheet};

/// The move that the pictures show.
const SHIFT: [usize; 2] = MOVES[MOVES.len() - 1];
/// An eye: left, top, width and height in a map before pooling. The largest windows divide them.
const EYE: [u32; 4] = [120, 72, 128, 96];

pub(crate) fn write(photo: &Array2<f32>, directory: &Path) -> Result<(), Box<dyn Error>> {
    for (folder, shift) in [("at_its_place", [0, 0]), ("moved", SHIFT)] {
        let folder = directory.join(folder);
        fs::create_dir_all(&folder)?;
        write_maps(photo, shift, &folder)?;
    }
    for (name, [left, top, width, height]) in
        [("contact_sheet", [0, 0, u32::MAX, u32::MAX]), ("contact_sheet_eye", EYE)]
    {
        let (columns, mut rows) = contact_sheet(photo)?;
        for picture in rows.iter_mut().flat_map(|(_, row)| row) {
            *picture = imageops::crop_imm(picture, left, top, width, height).to_image();
        }
        fs::write(directory.join(name).with_extension("svg"), sheet::draw(&columns, &rows)?)?;
    }
    let (columns, rows) = move_sheet(photo)?;
    fs::write(directory.join("move.svg"), sheet::draw(&columns, &rows)?)?;
    Ok(())
}

/// Every map of the moved photo in a file of its own.
fn write_maps(photo: &Array2<f32>, shift: [usize; 2], folder: &Path) -> Result<(), Box<dyn Error>> {
    let save = |name: &str, map: &Tensor| -> Result<(), Box<dyn Error>> {
        Ok(shown(map)?.save(folder.join(name.replace(' ', "_") + ".png"))?)
    };
    save("photo", &part(photo, shift, 0).into())?;
    for (name, filter) in FILTERS {
        let convolved = convolved(photo, filter, shift)?;
        save(name, &convolved)?;
        let map = convolved.relu();
        save(&format!("{name} relu"), &map)?;
        for window in WINDOWS {
            for (pooling, pool) in POOLINGS.iter().zip(poolings(window)) {
                let pooled = pool.forward_view(map.view())?;
                save(&format!("{name} relu {pooling} {window}x{window}"), &pooled)?;
            }
        }
    }
    Ok(())
}

/// The names of columns, and the rows with theirs.
type Sheet = (Vec<&'static str>, Vec<(&'static str, Vec<GrayImage>)>);

/// A row for each filter: the photo, convolved, ReLU, and the four poolings with windows of 4×4.
fn contact_sheet(photo: &Array2<f32>) -> Result<Sheet, Box<dyn Error>> {
    let mut rows = Vec::new();
    for (name, filter) in FILTERS {
        let convolved = convolved(photo, filter, [0, 0])?;
        let mut row = vec![shown(&part(photo, [0, 0], 0).into())?, shown(&convolved)?];
        let map = convolved.relu();
        row.push(shown(&map)?);
        for pool in poolings(4) {
            row.push(shown(&pool.forward_view(map.view())?)?);
        }
        rows.push((name, row));
    }
    Ok((vec!["photo", "filtered", "ReLU", "max 4×4", "min 4×4", "average 4×4", "L2 4×4"], rows))
}

/// The edges at their place, moved, and the difference, one below the other: before pooling and after max pooling with
/// larger and larger windows.
fn move_sheet(photo: &Array2<f32>) -> Result<Sheet, Box<dyn Error>> {
    let (_, filter) = FILTERS[1];
    let place = convolved(photo, filter, [0, 0])?.relu();
    let moved = convolved(photo, filter, SHIFT)?.relu();
    let mut rows = ["at its place", "moved", "difference"].map(|name| (name, Vec::new()));
    for window in [1].into_iter().chain(WINDOWS) {
        let pool = MaxPool2d::new(window);
        let (place, moved) = (pool.forward(&place)?.into_array(), pool.forward(&moved)?.into_array());
        let difference = (&place - &moved).abs();
        // As one map the three have one range, so that a difference is as bright as the edge that it changes.
        let column = shown(&concatenate(Axis(0), &[place.view(), moved.view(), difference.view()])?.into())?;
        let height = column.height() / 3;
        for ((_, row), top) in rows.iter_mut().zip((0..).step_by(height as usize)) {
            row.push(imageops::crop_imm(&column, 0, top, column.width(), height).to_image());
        }
    }
    Ok((vec!["before pooling", "max 2×2", "max 4×4", "max 8×8"], rows.into()))
}

/// A map over its own range of values, with its pixels enlarged to where they were before pooling.
fn shown(map: &Tensor) -> featuremap::Result<GrayImage> {
    let mut values: Vec<f32> = map.iter().copied().collect();
    values.sort_by(f32::total_cmp);
    // One glint in an eye would leave all else dark: so without the utmost half percent at either end.
    let utmost = values.len() / 200;
    let (low, high) = (values[utmost], values[values.len() - 1 - utmost]);
    let picture = map.map(|value| value.clamp(low, high)).to_gray_picture()?;
    let (width, height) = picture.dimensions();
    let factor = u32::try_from(MAP[1]).map_or(1, |columns| columns / width);
    Ok(imageops::resize(&picture, width * factor, height * factor, FilterType::Nearest))
}
