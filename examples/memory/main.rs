//! How much memory a block of convolution, ReLU and pooling takes, fused by a plan and layer by layer.
//!
//! The block is that of a learner's notes: images of 228×228×3 through 100 filters of 3×3, ReLU, and max pooling of 2×2. For a
//! batch of 100 the map between convolution and pooling takes 1.9 GiB, which layers one after the other must hold. The
//! plan of a `Sequential` computes it in bands of rows that are pooled at once: beside input and output it may take
//! 2 MB for each thread, or this program ends with an error.
//!
//! ```text
//! cargo run --release --example memory                     # a batch of 100, chart in target/memory.svg
//! cargo run --release --example memory -- 10 chart.svg     # a smaller batch, and another place for the chart
//! ```
//!
//! Each way runs in a process of its own, so that their peaks do not mix. `measure.rs` is what runs there.

mod chart;
mod measure;

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use measure::{Measured, Way};
use peak_alloc::PeakAlloc;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Counts what is allocated.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What the plan may take for each thread, beside input and output.
const BYTES_PER_THREAD: usize = 2_000_000;

/// How far the means of both results may lie apart, as a share of them: they are sums in different orders.
const TOLERANCE: f64 = 1e-6;

/// Images in the notes' batch.
const BATCH: usize = 100;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// The first argument of a process that measures; a way and a batch come after it.
const MEASURE: &str = "--measure";

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, way, batch] = &arguments[..]
        && first == MEASURE
    {
        println!("{}", measure::run(Way::named(way)?, batch.parse()?)?);
        return Ok(());
    }
    let mut batch = BATCH;
    let mut path = PathBuf::from("target/memory.svg");
    for argument in arguments {
        match argument.parse() {
            Ok(0) => return Err("a batch has one image at least".into()),
            Ok(images) => batch = images,
            Err(_) => path = argument.into(),
        }
    }
    let batch = small_enough(batch);
    println!("{}\n", measure::model().summary(&measure::input_shape(batch))?);

    let measured = [in_own_process(Way::Fused, batch)?, in_own_process(Way::LayerByLayer, batch)?];
    print_table(&measured, batch);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(&path, chart::draw(&measured, batch))?;
    println!("The chart is in {}.\n", path.display());
    check(&measured, batch)
}

/// This batch, or one that leaves the machine half of the memory that it has free, layer by layer, too.
fn small_enough(batch: usize) -> usize {
    let [input, output] = measure::bytes(1);
    // The map is four times the output.
    let image = input + 5 * output;
    match measure::kibibytes("/proc/meminfo", "MemAvailable") {
        Some(free) if batch * image > free * 1024 / 2 && free < 3 << 20 => {
            let smaller = batch.min((free * 1024 / 2 / image).max(1));
            println!("Only {} MiB of memory are free: a batch of {smaller} has to do.\n", free / 1024);
            smaller
        }
        _ => batch,
    }
}

/// What this program finds when it runs again, for one way alone.
fn in_own_process(way: Way, batch: usize) -> Result<Measured> {
    let arguments = [MEASURE, way.name(), &batch.to_string()];
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} ended with {}: {}", way.name(), output.status, error.trim()).into());
    }
    Measured::parse(way, &String::from_utf8(output.stdout)?)
}

fn print_table(measured: &[Measured], batch: usize) {
    let mebibytes = |bytes: usize| format!("{:.1}", bytes as f64 / MEBIBYTE);
    println!(
        "Memory for a batch of {batch}, in MiB. Allocated is the most that the program has asked for at once, resident the"
    );
    println!("most that it has held of the machine, its own code included.\n");
    println!(
        "  {:<16}{:>9}{:>9}{:>11}{:>11}{:>11}{:>9}",
        "", "input", "output", "beside", "allocated", "resident", "time"
    );
    let [input, output] = measure::bytes(batch);
    for found in measured {
        let resident = found.resident.map_or_else(|| "unknown".into(), mebibytes);
        println!(
            "  {:<16}{:>9}{:>9}{:>11}{:>11}{resident:>11}{:>7.2} s",
            found.way.name(),
            mebibytes(input),
            mebibytes(output),
            mebibytes(found.beside(batch)),
            mebibytes(found.allocated),
            found.seconds,
        );
    }
    println!();
}

/// Whether both ways have computed the same, and the plan has kept to its bar.
fn check([fused, plain]: &[Measured; 2], batch: usize) -> Result {
    let difference = (fused.mean - plain.mean).abs() / plain.mean.abs();
    // Not a number is no small difference.
    if difference.is_nan() || difference > TOLERANCE {
        return Err(format!("the means of the outputs are {} and {}", fused.mean, plain.mean).into());
    }
    let (beside, bar) = (fused.beside(batch), BYTES_PER_THREAD * fused.threads);
    println!("Beside input and output the plan takes {beside} bytes on {} threads; {bar} are allowed.", fused.threads);
    if beside > bar {
        return Err("the plan takes more memory than it may".into());
    }
    let saved = plain.allocated.saturating_sub(fused.allocated) as f64 / MEBIBYTE / 1024.0;
    println!("Layer by layer takes {saved:.2} GiB more.");
    Ok(())
}
