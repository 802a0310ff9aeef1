//! Files that are not what they say: cut off, changed at random, and made to ask for the largest of everything. Reading and running them may not
//! panic, or take memory that the bytes do not justify. `FEATUREMAP_HOSTILE_SECONDS` goes on for as long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use featuremap::onnx::Model;
use featuremap::{AsView, Tensor};
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
    // Every round changes other bytes: as many rounds as there is time for.
    let seconds =
        std::env::var("FEATUREMAP_HOSTILE_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    let (start, mut random) = (Instant::now(), 0x2545_f491_4f6c_dd1d_u64);
    let (mut tried, mut run) = (0_usize, 0_usize);
    loop {
        for (name, model) in &models {
            for file in changed(model, &mut random) {
                tried += 1;
                match tried_out(&file, &mut random) {
                    Ok(was_run) => run += usize::from(was_run),
                    Err(failure) => failures.push(format!("{name}, changed: {failure}: {file:?}")),
                }
            }
        }
        if start.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
    failures.extend(made_up());
    println!("\n{tried} files that were cut off or changed, of which {run} could be run all the same");
    failures
}

/// A file cut off at some places, and with bytes changed.
fn changed(model: &[u8], random: &mut u64) -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = Vec::new();
    for _ in 0..8 {
        let length = next(random) % model.len();
        files.push(model[..length].to_vec());
    }
    for _ in 0..60 {
        let mut changed = model.to_vec();
        for _ in 0..=next(random) % 3 {
            let place = next(random) % changed.len();
            let extremes = [0, 1, 0x7f, 0x80, 0xff, next(random).to_le_bytes()[0]];
            changed[place] = extremes[next(random) % extremes.len()];
        }
        files.push(changed);
    }
    files
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

/// Whether a file was read and run, or what is wrong with how it was: an error is right, and so is a network.
fn tried_out(file: &[u8], random: &mut u64) -> Result<bool, String> {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let Ok(mut model) = Model::from_bytes(file) else { return false };
        model = with_integers(model.memory_limit(LIMIT), random);
        // Once as the file says, and with all inputs of small sizes.
        let _ = model.network(&[]).and_then(|network| network.runner().map(drop));
        let shapes: Vec<Vec<usize>> =
            model.inputs().map(|input| input.shape.as_deref().unwrap_or_default().iter().map(size).collect()).collect();
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let outputs = model.network(&shapes).and_then(|network| {
            let inputs = network.inputs().map(|port| Tensor::zeros(&port.shape)).collect::<Result<Vec<_>, _>>()?;
            let inputs: Vec<&dyn AsView<f32>> = inputs.iter().map(|input| input as &dyn AsView<f32>).collect();
            network.run(&inputs)
        });
        outputs.is_ok()
    }));
    let taken = PEAK.peak_usage().saturating_sub(before);
    match result {
        Err(_) => Err("panicked; the message is above".into()),
        Ok(_) if taken > MOST + 64 * file.len() => Err(format!("took {taken} bytes")),
        Ok(was_run) => Ok(was_run),
    }
}

/// The model with all inputs of integers given: sizes, axes, places, each small or as large as can be.
fn with_integers(mut model: Model, random: &mut u64) -> Model {
    const NUMBERS: [i64; 10] = [0, 1, 2, 3, 4, -1, -2, 1 << 20, i64::MAX, i64::MIN];
    let integers: Vec<_> = model.inputs().filter(|input| input.element_type().contains("INT")).cloned().collect();
    for input in integers {
        let shape: Vec<usize> = input.shape.as_deref().unwrap_or_default().iter().map(size).collect();
        let count = shape.iter().fold(1_usize, |count, &size| count.saturating_mul(size));
        // Most are small, or nothing would ever fit.
        let reach = if next(random).is_multiple_of(3) { NUMBERS.len() } else { 5 };
        let numbers = (0..count.min(64)).map(|_| NUMBERS[next(random) % reach]).collect();
        if let Ok(numbers) = Tensor::from_vec(&shape, numbers)
            && let Ok(fixed) = model.clone().fix_integers(&input.name, &numbers)
        {
            model = fixed;
        }
    }
    model
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
    // And one of none, of shape [2^48, 0].
    let length = vec![0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
    let long = [length, vec![0x08, 0, 0x10, 1], field(8, b"w")].concat();
    let node = [field(1, b"w"), field(2, b"y"), field(4, b"Relu")].concat();
    let files = [
        ("no bytes", Vec::new()),
        ("a length beyond the file", vec![0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ("empty nodes", of_graph(&many(1))),
        ("empty tensors", of_graph(&many(5))),
        ("empty inputs", of_graph(&many(11))),
        ("empty outputs", of_graph(&many(12))),
        ("graphs within graphs", of_graph(&deep)),
        ("an empty tensor of a long axis", of_graph(&[field(5, &long), field(1, &node), output.clone()].concat())),
        ("a large tensor without numbers", of_graph(&[field(5, &large), field(1, &node), output].concat())),
    ];
    let mut failures = Vec::new();
    for (name, file) in files {
        if let Err(failure) = tried_out(&file, &mut 1) {
            failures.push(format!("{name}: {failure}"));
        }
        let network = Model::from_bytes(file).and_then(|model| model.network(&[]));
        if network.is_ok() {
            failures.push(format!("{name}: is no model, and is read"));
        }
    }
    failures
}
