//! What every preset of the lesson gives when this machine computes it: the browser is held to it.
//!
//! ```text
//! cargo run -p featuremap-lesson --example expected -- out
//! ```
//!
//! writes `expected.bin`, all numbers of all maps one after the other as 32-bit floats, and `expected.json`, which says whose they are.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use featuremap_lesson::Lesson;
use serde::Serialize;

const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/chelsea.png");

/// A preset, and how many numbers each of its maps has.
#[derive(Serialize)]
struct Preset {
    address: String,
    maps: Vec<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("which directory?")?);
    let photo = image::open(PHOTO)?.to_rgba8();
    let (rows, columns) = (photo.height() as usize, photo.width() as usize);
    let mut lesson = Lesson::new();
    lesson.give_picture(false, rows, columns, photo.as_raw())?;

    let (mut presets, mut bytes) = (Vec::new(), Vec::new());
    for address in Lesson::presets() {
        lesson.open(&address);
        let mut maps = Vec::new();
        loop {
            let values = lesson.values(maps.len());
            if values.is_empty() {
                break;
            }
            maps.push(values.len());
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        if maps.is_empty() {
            return Err(format!("{address} has no maps").into());
        }
        presets.push(Preset { address, maps });
    }
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("expected.bin"), bytes)?;
    fs::write(directory.join("expected.json"), serde_json::to_string(&presets)?)?;
    Ok(())
}
