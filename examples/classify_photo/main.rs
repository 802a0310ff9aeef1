//! Networks for photos, exported from PyTorch in the ONNX format: are the scores those of PyTorch and of ONNX Runtime?
//!
//! `examples/classify_photo/export.py` exports networks of torchvision with seeded weights into a folder, each with the photo as its
//! input and with the scores of both. This program runs them all on the photo, prints the best classes and the times, and ends with an
//! error where scores differ.
//!
//! ```text
//! python examples/classify_photo/export.py target/photo
//! cargo run --release --example classify_photo --features onnx,safetensors -- target/photo
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use featuremap::onnx::Model;
use featuremap::{Module, Tensor, Weights};

/// How far scores may lie from those of the others, as a part of the largest of them: sums of some thousand numbers in another order.
const TOLERANCE: f32 = 1e-4;
const RUNS: u32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder? examples/classify_photo/export.py fills one")?;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "onnx"));
    files.sort();
    if files.is_empty() {
        return Err(format!("there are no networks in {folder}").into());
    }
    println!(
        "{:<20} | {:>7} | {:>9} | {:>11} | {:>11} | best classes",
        "network", "read ms", "run ms", "PyTorch", "ONNX Runtime"
    );
    let mut wrong = Vec::new();
    for file in &files {
        if !classify(file)? {
            wrong.push(file.display().to_string());
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("scores differ by more than {TOLERANCE:.0e}: {}", wrong.join(", ")).into()),
    }
}

/// Whether the scores of a network are right.
fn classify(file: &Path) -> Result<bool, Box<dyn Error>> {
    let reference = Weights::open(file.with_extension("safetensors"))?;
    let photo: Tensor = reference.tensor("image")?;
    let start = Instant::now();
    let network = Model::open(file)?.network(&[photo.shape()])?;
    let mut plan = network.plan(photo.shape())?;
    let reading = start.elapsed();
    let mut scores = Tensor::zeros(plan.output_shape())?;
    plan.run(&photo, &mut scores)?;
    let start = Instant::now();
    for _ in 0..RUNS {
        plan.run(&photo, &mut scores)?;
    }
    let running = start.elapsed() / RUNS;

    let pytorch = difference(&scores, &reference.tensor("pytorch")?)?;
    let runtime = difference(&scores, &reference.tensor("onnxruntime")?)?;
    let mut classes: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    classes.sort_by(|one, other| other.1.total_cmp(&one.1));
    let best: Vec<_> = classes.iter().take(3).map(|(class, score)| format!("{class} ({score:.2})")).collect();
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let (reading, running) = (reading.as_secs_f64() * 1e3, running.as_secs_f64() * 1e3);
    println!(
        "{name:<20} | {reading:>7.0} | {running:>9.1} | {pytorch:>11.1e} | {runtime:>11.1e} | {}",
        best.join(", ")
    );
    Ok(pytorch <= TOLERANCE && runtime <= TOLERANCE)
}

/// The largest difference, as a part of the largest score.
fn difference(found: &Tensor, expected: &Tensor) -> Result<f32, Box<dyn Error>> {
    if found.shape() != expected.shape() {
        return Err(format!("scores of shape {:?} instead of {:?}", found.shape(), expected.shape()).into());
    }
    let largest = expected.iter().fold(0.0_f32, |largest, score| largest.max(score.abs()));
    let most = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    // Not a number is no difference that is allowed.
    Ok(most.fold(0.0, |most, next| if next.is_nan() { f32::INFINITY } else { most.max(next) }) / largest)
}
