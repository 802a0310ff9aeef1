//! A trained network reads handwritten digits: from its saved parameters to the digits, with `featuremap` alone.
//!
//! The network has three convolutions, each with ReLU and max pooling after it, and two dense layers. Its parameters come from
//! a safetensors file, as PyTorch saves them. It reads 100 digits; the scores are held against those of ONNX Runtime, and a
//! difference ends the program with an error. Where network and digits come from stands in `examples/data/digits_cnn/README.md`.
//!
//! ```text
//! cargo run --release --example classify_digits --features safetensors
//! ```

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use featuremap::{Flatten, MaxPool2d, Module, Relu, Sequential, Weights};
use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis, Zip, s};
use ndarray_npy::read_npy;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/digits_cnn");

/// Mean and standard deviation of the pixels that the network was trained on, of which each is 0 to 1.
const MEAN: f32 = 0.1307;
const DEVIATION: f32 = 0.3081;

/// How far a score may lie from that of ONNX Runtime. Scores reach 14; sums in another order differ by some 1e-6.
const TOLERANCE: f32 = 1e-4;
const RUNS: usize = 21;

fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(DATA);
    let images: Array3<u8> = read_npy(data.join("images.npy"))?;
    let labels = digits(&read_npy(data.join("labels.npy"))?)?;
    let reference: Array2<f32> = read_npy(data.join("logits.npy"))?;

    let model = network(&Weights::open(data.join("weights.safetensors"))?)?;
    // One channel: [batch, height, width] → [batch, 1, height, width].
    let batch: Array4<f32> = images.mapv(|pixel| (f32::from(pixel) / 255.0 - MEAN) / DEVIATION).insert_axis(Axis(1));
    println!("{}\n", model.summary(batch.shape())?);

    let mut plan = model.plan(batch.shape())?;
    let mut scores = Array2::zeros((images.len_of(Axis(0)), 10));
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        plan.run(&batch, &mut scores)?;
        times.push(start.elapsed());
    }

    let readings: Vec<Reading> = scores.rows().into_iter().map(|scores| Reading::new(&scores)).collect();
    show_some(&images, &labels, &readings);
    print_table(&labels, &readings);
    print_time(times, labels.len());
    check(&scores, &reference)
}

/// The layers, by the names that their parameters have in the file, which knows their shapes.
fn network(weights: &Weights) -> featuremap::Result<Sequential> {
    Ok(Sequential::new()
        .push_named("conv1", weights.conv2d("conv1")?.padding(1))
        .push_named("relu1", Relu)
        .push_named("pool1", MaxPool2d::new(2))
        .push_named("conv2", weights.conv2d("conv2")?.padding(1))
        .push_named("relu2", Relu)
        .push_named("pool2", MaxPool2d::new(2))
        .push_named("conv3", weights.conv2d("conv3")?.padding(1))
        .push_named("relu3", Relu)
        .push_named("pool3", MaxPool2d::new(2))
        .push_named("flat", Flatten::new())
        .push_named("fc1", weights.linear("fc1")?)
        .push_named("relu4", Relu)
        .push_named("fc2", weights.linear("fc2")?))
}

/// Labels as numbers to count with.
fn digits(labels: &Array1<i64>) -> Result<Vec<usize>, Box<dyn Error>> {
    let digit = |&label| usize::try_from(label).ok().filter(|&digit| digit < 10);
    let digits: Option<Vec<usize>> = labels.iter().map(digit).collect();
    digits.ok_or_else(|| "a label is not a digit".into())
}

/// What the network makes of an image.
struct Reading {
    digit: usize,
    /// In percent, by the softmax of the scores.
    probability: f32,
}

impl Reading {
    fn new(scores: &ArrayView1<'_, f32>) -> Self {
        let (digit, highest) =
            scores.iter().copied().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other)).unwrap_or_default();
        let parts: f32 = scores.iter().map(|score| (score - highest).exp()).sum();
        Self { digit, probability: 100.0 / parts }
    }
}

/// Draws four images, with what they show and what the network reads: three that it reads right, and one that it does not.
fn show_some(images: &Array3<u8>, labels: &[usize], readings: &[Reading]) {
    let right = [0, 3, 7].map(|digit| (0..labels.len()).find(|&n| labels[n] == digit && readings[n].digit == digit));
    let wrong = (0..labels.len()).find(|&n| labels[n] != readings[n].digit);
    let shown: Vec<usize> = right.into_iter().chain([wrong]).flatten().collect();

    let pictures: Vec<_> = shown.iter().map(|&number| drawn(&images.index_axis(Axis(0), number))).collect();
    for line in 0..pictures.first().map_or(0, Vec::len) {
        let line: Vec<_> = pictures.iter().map(|picture| picture[line].as_str()).collect();
        println!("  {}", line.join("   ").trim_end());
    }
    let captions = shown.iter().map(|&number| {
        let Reading { digit, probability } = readings[number];
        format!("{:<20}", format!("a {} read as {digit}, {probability:.0} %", labels[number]))
    });
    println!("  {}\n", captions.collect::<Vec<_>>().join("   ").trim_end());
}

/// The middle of an image, without its border, in characters that are twice as high as they are wide: two pixels each.
fn drawn(image: &ArrayView2<'_, u8>) -> Vec<String> {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let shade = |pixels: ArrayView1<'_, u8>| {
        let sum: usize = pixels.iter().copied().map(usize::from).sum();
        SHADES[sum * SHADES.len() / (256 * pixels.len())]
    };
    let middle = image.slice(s![4..24, 4..24]);
    middle.axis_chunks_iter(Axis(0), 2).map(|rows| rows.columns().into_iter().map(shade).collect()).collect()
}

/// How often each digit was read as which.
fn print_table(labels: &[usize], readings: &[Reading]) {
    let mut counts = Array2::<usize>::zeros((10, 10));
    for (&label, reading) in labels.iter().zip(readings) {
        counts[[label, reading.digit]] += 1;
    }
    println!("  shown    read as 0   1   2   3   4   5   6   7   8   9     right");
    for (digit, counts) in counts.rows().into_iter().enumerate() {
        let cells = counts.iter().map(|&count| match count {
            0 => "   ·".into(),
            _ => format!("{count:>4}"),
        });
        let cells: String = cells.collect();
        println!("  {digit:>5}         {cells}   {:>3} of {}", counts[digit], counts.sum());
    }
    let (right, all) = (counts.diag().sum(), labels.len());
    println!("\nAccuracy: {right} of {all}, {:.0} %.", 100.0 * right as f64 / all as f64);
}

fn print_time(mut times: Vec<Duration>, images: usize) {
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!("Time: {median:.1?} for the batch of {images}, the median of {RUNS} runs.");
}

fn check(scores: &Array2<f32>, reference: &Array2<f32>) -> Result<(), Box<dyn Error>> {
    if scores.dim() != reference.dim() {
        return Err(format!("{:?} scores, but {:?} of ONNX Runtime", scores.dim(), reference.dim()).into());
    }
    let differences = Zip::from(scores).and(reference).map_collect(|score, expected| (score - expected).abs());
    // Not a number is no small difference.
    if let Some(difference) = differences.iter().find(|difference| difference.is_nan() || **difference > TOLERANCE) {
        return Err(format!("a score differs by {difference:.1e} from that of ONNX Runtime").into());
    }
    let largest = differences.iter().copied().fold(0.0, f32::max);
    println!("Scores: within {largest:.1e} of those of ONNX Runtime; {TOLERANCE:.0e} would pass.");
    Ok(())
}
