//! Files that are not what they say: cut off, changed at random, and made to ask for the largest of everything. Nothing of it may panic,
//! or take memory that the bytes do not justify.

use std::panic::{AssertUnwindSafe, catch_unwind};

use featuremap::onnx::Model;
use peak_alloc::PeakAlloc;
use safetensors::SafeTensors;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// Bytes that constants and values may take here.
const LIMIT: usize = 1 << 20;
/// Bytes that reading a small file may take in all: the limit, what is planned, and what a few copies of the file take.
const MOST: usize = 16 << 20;

pub(crate) fn check() -> Vec<String> {
    let mut failures = Vec::new();
    let models = models();
    if models.len() < 500 {
        failures.push(format!("only {} models to change", models.len()));
    }
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut tried = 0_usize;
    for (name, model) in &models {
        let mut files: Vec<Vec<u8>> = Vec::new();
        // Cut off at some places, and with bytes changed.
        for _ in 0..8 {
            let length = next(&mut random) % model.len();
            files.push(model[..length].to_vec());
        }
        for _ in 0..60 {
            let mut changed = model.clone();
            for _ in 0..=next(&mut random) % 3 {
                let place = next(&mut random) % changed.len();
                let extremes = [0, 1, 0x7f, 0x80, 0xff, next(&mut random).to_le_bytes()[0]];
                changed[place] = extremes[next(&mut random) % extremes.len()];
            }
            files.push(changed);
        }
        for file in files {
            tried += 1;
            if let Some(failure) = tried_out(&file) {
                failures.push(format!("{name}, changed: {failure}: {file:?}"));
            }
        }
    }
    failures.extend(made_up());
    println!("\n{tried} files that were cut off or changed");
    failures
}

/// The small models among the cases.
fn models() -> Vec<(String, Vec<u8>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/onnx/cases.safetensors");
    let Ok(bytes) = std::fs::read(path) else { return Vec::new() };
    let Ok(stored) = SafeTensors::deserialize(&bytes) else { return Vec::new() };
    let mut names: Vec<&str> = stored.names().into_iter().filter(|name| name.contains("/model/")).collect();
    names.sort_unstable();
    let model = |name: &str| Some((name.to_string(), stored.tensor(name).ok()?.data().to_vec()));
    names.into_iter().filter_map(model).collect()
}

/// Numbers that look random, and are the same in every run.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap_or(0)
}

/// What is wrong with how a file is read, if anything is: an error is right, and so is a network.
fn tried_out(file: &[u8]) -> Option<String> {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let Ok(mut model) = Model::from_bytes(file) else { return };
        model = model.memory_limit(LIMIT);
        // Once as the file says, and with all inputs of small sizes.
        let _ = model.network(&[]).and_then(|network| network.runner().map(drop));
        let shapes: Vec<Vec<usize>> =
            model.inputs().map(|input| input.shape.as_deref().unwrap_or_default().iter().map(size).collect()).collect();
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let _ = model.network(&shapes).and_then(|network| network.runner().map(drop));
    }));
    let taken = PEAK.peak_usage().saturating_sub(before);
    match result {
        Err(_) => Some("panicked; the message is above".into()),
        Ok(()) if taken > MOST + 64 * file.len() => Some(format!("took {taken} bytes")),
        Ok(()) => None,
    }
}

fn size(size: &featuremap::onnx::Size) -> usize {
    match size {
        featuremap::onnx::Size::Fixed(size) => *size,
        _ => 2,
    }
}

/// Files with as many, as deep, or as large parts as their bytes can say.
fn made_up() -> Vec<String> {
    let field = |number: u8, bytes: &[u8]| {
        let mut message = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length > 127 {
            message.push(u8::try_from(length & 127).unwrap_or(0) | 128);
            length >>= 7;
        }
        message.push(u8::try_from(length).unwrap_or(0));
        message.extend(bytes);
        message
    };
    let opset = field(8, &[0x10, 17]);
    let of_graph = |graph: &[u8]| [field(7, graph), opset.clone()].concat();
    let many = |number: u8| field(number, &[]).repeat(100_000);
    let deep = (0..20_000).fold(Vec::new(), |inner: Vec<u8>, _| field(1, &field(5, &field(6, &inner))));
    let output = field(12, &field(1, b"y"));
    // A tensor of 2^62 numbers, without any.
    let large =
        [vec![0x08], vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f], vec![0x10, 1], field(8, b"w")].concat();
    let node = [field(1, b"w"), field(2, b"y"), field(4, b"Relu")].concat();
    let files = [
        ("no bytes", Vec::new()),
        ("a length beyond the file", vec![0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ("empty nodes", of_graph(&many(1))),
        ("empty tensors", of_graph(&many(5))),
        ("empty inputs", of_graph(&many(11))),
        ("empty outputs", of_graph(&many(12))),
        ("graphs within graphs", of_graph(&deep)),
        ("a large tensor without numbers", of_graph(&[field(5, &large), field(1, &node), output].concat())),
    ];
    let mut failures = Vec::new();
    for (name, file) in files {
        if let Some(failure) = tried_out(&file) {
            failures.push(format!("{name}: {failure}"));
        }
        let network = Model::from_bytes(file).and_then(|model| model.network(&[]));
        if network.is_ok() {
            failures.push(format!("{name}: is no model, and is read"));
        }
    }
    failures
}
