//! A sheet of pictures in rows and columns, each with its name, as one SVG.
//!
//! The pictures are within the file, as PNG in base 64, so that it can be copied; the names are text, which a picture of pixels
//! could not have without letters of our own.

use std::error::Error;
use std::fmt::Write;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder};

const GAP: u32 = 8;
/// Room for the names of columns, and for one line of that of a row.
const HEAD: u32 = 30;
const LINE: u32 = 18;
/// Room for the names of rows.
const LEFT: u32 = 96;

/// The sheet has a background of its own, which is dark where the page is.
const STYLE: &str = "text{font:600 14px system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}rect{fill:#fff}\
                     @media(prefers-color-scheme:dark){text{fill:#f0f6fc}rect{fill:#0d1117}}";

/// Pictures of equal size under the names of `columns`, beside those of `rows`, whose words have a line each.
pub(crate) fn draw(columns: &[&str], rows: &[(&str, Vec<GrayImage>)]) -> Result<String, Box<dyn Error>> {
    let (wide, high) = rows.first().and_then(|(_, row)| row.first()).map_or((0, 0), GrayImage::dimensions);
    let end = |start: u32, count: usize, side: u32| u32::try_from(count).map(|count| start + count * (side + GAP));
    let (width, height) = (end(LEFT, columns.len(), wide)?, end(HEAD, rows.len(), high)?);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <style>{STYLE}</style>\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n"
    );
    for (name, left) in columns.iter().zip((LEFT..).step_by((wide + GAP) as usize)) {
        writeln!(svg, r#"<text x="{}" y="20" text-anchor="middle">{name}</text>"#, left + wide / 2)?;
    }
    for ((name, pictures), top) in rows.iter().zip((HEAD..).step_by((high + GAP) as usize)) {
        let words = name.split(' ').zip((top + high / 2..).step_by(LINE as usize));
        for (word, y) in words {
            writeln!(svg, r#"<text x="{}" y="{y}" text-anchor="end">{word}</text>"#, LEFT - 12)?;
        }
        for (picture, left) in pictures.iter().zip((LEFT..).step_by((wide + GAP) as usize)) {
            let mut png = Vec::new();
            PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive).write_image(
                picture.as_raw(),
                wide,
                high,
                ExtendedColorType::L8,
            )?;
            let data = base64(&png);
            let place = format!(r#"x="{left}" y="{top}" width="{wide}" height="{high}""#);
            writeln!(svg, r#"<image {place} href="data:image/png;base64,{data}"/>"#)?;
        }
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// Three bytes as four letters of six bits each; what is missing of the last three is written as `=` (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte)) << (8 * (3 - three.len()));
        for letter in 0..4 {
            let here = letter <= three.len();
            text.push(if here { LETTERS[bits >> (18 - 6 * letter) & 63].into() } else { '=' });
        }
    }
    text
}
