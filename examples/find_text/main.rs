//! Where on a page is text? The detector of PP-OCRv4, from its file in the ONNX format, draws a box around each line.
//!
//! The network says of every pixel how likely it is part of a line of text. Pixels above a threshold that touch each other make
//! a box; as the network is trained to find lines narrower than they are, boxes are made larger again. The map is held against that of
//! ONNX Runtime, and a difference ends the program with an error. `examples/find_text/model.sh` fetches the network, and
//! `reference.py` there has made page and map.
//!
//! ```text
//! cargo run --release --example find_text --features onnx,image -- "$(examples/find_text/model.sh)" [page.png boxes.png]
//! ```

mod boxes;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use featuremap::onnx::Model;
use featuremap::{Module, Tensor};
use image::{Rgb, RgbImage};

use boxes::{Line, lines};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/find_text");
/// How far a likelihood may lie from that of ONNX Runtime, which is stored in 16 bits.
const TOLERANCE: f32 = 1e-4;
/// Lines on the page that lies beside the example.
const LINES: usize = 7;
/// The network halves a picture five times.
const MULTIPLE: u32 = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file =
        arguments.next().ok_or("which file? examples/find_text/model.sh fetches it, and prints where it lies")?;
    let given = arguments.next();
    let page = image::open(given.as_deref().unwrap_or(&format!("{DATA}/page.png")))?.to_rgb8();
    let target = arguments.next().unwrap_or_else(|| "target/find_text.png".into());

    let input = input(&page)?;
    let start = Instant::now();
    let network = Model::open(&file)?.network(&[input.shape()])?;
    let mut plan = network.plan(input.shape())?;
    println!("read and planned in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let mut map = Tensor::zeros(plan.output_shape())?;
    let start = Instant::now();
    plan.run(&input, &mut map)?;
    println!("run in {:.0} ms\n", start.elapsed().as_secs_f64() * 1e3);

    let found = lines(&map);
    println!("left  top right bottom  likelihood");
    for Line { left, top, right, bottom, likelihood } in &found {
        println!("{left:4} {top:4} {right:5} {bottom:6}  {likelihood:.2}");
    }
    if let Some(folder) = Path::new(&target).parent() {
        std::fs::create_dir_all(folder)?;
    }
    draw(page, &found).save(&target)?;
    println!("\nThe boxes are drawn in {target}.");
    match given {
        Some(_) => Ok(()),
        None => check(&map, &found),
    }
}

/// `[1, 3, height, width]` from −1 to 1, in the order blue, green, red; what is below and to the right of the last multiple of 32 pixels
/// is cut off.
fn input(page: &RgbImage) -> Result<Tensor, Box<dyn Error>> {
    let (width, height) = (page.width() / MULTIPLE * MULTIPLE, page.height() / MULTIPLE * MULTIPLE);
    let mut pixels = Vec::new();
    for color in [2, 1, 0] {
        for y in 0..height {
            pixels.extend((0..width).map(|x| f32::from(page.get_pixel(x, y)[color]) / 127.5 - 1.0));
        }
    }
    Ok(Tensor::from_vec(&[1, 3, height as usize, width as usize], pixels)?)
}

/// The page with a frame around each line.
fn draw(mut page: RgbImage, lines: &[Line]) -> RgbImage {
    let red = Rgb([220, 30, 30]);
    let (width, height) = page.dimensions();
    let mut put = |x: u32, y: u32| {
        if x < width && y < height {
            page.put_pixel(x, y, red);
        }
    };
    for found in lines {
        for x in found.left..=found.right {
            put(x, found.top);
            put(x, found.bottom);
        }
        for y in found.top..=found.bottom {
            put(found.left, y);
            put(found.right, y);
        }
    }
    page
}

/// Holds the map of the page beside the example against that of ONNX Runtime.
fn check(map: &Tensor, found: &[Line]) -> Result<(), Box<dyn Error>> {
    let reference = image::open(Path::new(DATA).join("map.png"))?.to_luma16();
    if reference.len() != map.len() {
        return Err(format!("the map has {} pixels, and that of ONNX Runtime {}", map.len(), reference.len()).into());
    }
    let differences = map.iter().zip(reference.iter()).map(|(found, &bits)| (found - f32::from(bits) / 65535.0).abs());
    let most = differences.fold(0.0, f32::max);
    println!("The map is that of ONNX Runtime within {most:.1e}.");
    if most.is_nan() || most > TOLERANCE {
        return Err(format!("more than {TOLERANCE:.0e}").into());
    }
    match found.len() {
        LINES => Ok(()),
        other => Err(format!("{other} lines found instead of {LINES}").into()),
    }
}
