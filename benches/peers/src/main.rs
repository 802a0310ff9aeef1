//! Times featuremap and the other Rust engines on the layers of `layers.json`. `compare.py` runs it; see the README.

#![forbid(unsafe_code)]

mod engines;
mod layer;
mod machine;
mod memory;
mod onnx;
mod protobuf;
mod versions;
mod worker;

use std::error::Error;
use std::path::Path;
use std::{env, fs, thread};

use engines::ENGINES;
use layer::Case;

const USAGE: &str = "usage: featuremap-peers worker ENGINE [FOLDER]  computes and times what standard input says
       featuremap-peers memory MODEL N C H W  prints how many bytes a network takes
       featuremap-peers export ID FOLDER  writes a layer's data, result and ONNX model, for engines elsewhere
The number of threads is that of the variable RAYON_NUM_THREADS.";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["worker", "machine"] => worker::serve_machine(threads()?),
        ["worker", name, ref folder @ ..] => {
            let engine =
                ENGINES.iter().find(|engine| engine.name == name).ok_or_else(|| format!("no engine {name}"))?;
            worker::serve_engine(engine, threads()?, Path::new(folder.first().unwrap_or(&".")))
        }
        ["memory", model, ref shape @ ..] => memory::measure(model, shape),
        ["export", id, folder] => export(id, Path::new(folder)),
        _ => Err(USAGE.into()),
    }
}

/// The variable that rayon reads, and with it featuremap, candle and burn; the others are told.
fn threads() -> Result<usize, Box<dyn Error>> {
    match env::var("RAYON_NUM_THREADS") {
        Ok(number) => Ok(number.parse()?),
        Err(_) => Ok(thread::available_parallelism()?.get()),
    }
}

fn export(id: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let case = Case::find(id, folder)?;
    let arrays = [
        ("input", &case.input),
        ("filters", &case.filters),
        ("bias", &case.bias),
        ("expected", &engines::expected(&case)?),
    ];
    for (name, numbers) in arrays {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        fs::write(folder.join(format!("{name}.f32")), bytes)?;
    }
    Ok(fs::write(folder.join("model.onnx"), onnx::model(&case))?)
}
