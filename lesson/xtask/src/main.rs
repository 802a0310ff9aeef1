//! Builds the lesson: compiles it for WebAssembly, and puts code, style, script and data into one file.
//!
//! ```text
//! cargo run -p xtask            # writes out/lesson.html
//! ```
//!
//! Nothing is fetched but crates: what is `wasm-bindgen` on a command line is a library here.
#![forbid(unsafe_code)]

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use image::codecs::webp::WebPEncoder;
use wasm_bindgen_cli_support::Bindgen;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The most that the page may take as servers send it.
const MOST_BYTES: usize = 700_000;

/// The scripts, in the order in which they stand in the page.
const SCRIPTS: [&str; 7] = ["types", "text", "colours", "grid", "controls", "parts", "main"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the lesson's folder")?;
    let out = root.join("out");
    fs::create_dir_all(&out)?;

    let module = compile(root)?;
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(&module)
        .no_modules(true)?
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true);
    let mut output = bindgen.generate_output()?;
    let wasm = output.wasm_mut().emit_wasm();
    let bindings = output.js().to_owned();
    if let Some(types) = output.ts() {
        // For checking the types of the page's scripts.
        fs::write(out.join("bindings.d.ts"), types)?;
    }

    let page = page(root, &wasm, &bindings)?;
    let path = out.join("lesson.html");
    fs::write(&path, &page)?;
    let gzipped = gzipped(page.as_bytes())?.len();
    println!("{}: {} bytes, of which {} are wasm; gzipped {gzipped}", path.display(), page.len(), wasm.len());
    match gzipped <= MOST_BYTES {
        true => Ok(()),
        false => Err(format!("gzipped, the page takes {gzipped} bytes: more than {MOST_BYTES}").into()),
    }
}

/// Compiles the lesson, with vector instructions, and returns the path of the module.
fn compile(root: &Path) -> Result<PathBuf> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let target = root.join("target");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
        .current_dir(root)
        .args(["build", "--release", "-p", "featuremap-lesson-wasm", "--target", TARGET, "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "-C target-feature=+simd128")
        // The settings of a caller are for the machine that it runs on.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_PROFILE_RELEASE_LTO")
        .status()?;
    match status.success() {
        true => Ok(target.join(TARGET).join("release/featuremap_lesson_wasm.wasm")),
        false => Err(format!("the lesson did not compile; is the target there? rustup target add {TARGET}").into()),
    }
}

/// The page with all that belongs to it in the places that its comments name.
fn page(root: &Path, wasm: &[u8], bindings: &str) -> Result<String> {
    let source = root.join("page");
    let mut scripts = String::new();
    for name in SCRIPTS {
        scripts += &fs::read_to_string(source.join(name).with_extension("js"))?;
    }
    let photo = STANDARD.encode(photo(&root.join("../examples/data/chelsea.png"))?);
    let parts = [
        ("/* style */", fs::read_to_string(source.join("style.css"))?),
        ("/* bindings */", bindings.to_owned()),
        ("/* scripts */", scripts),
        // Letters of base64 hide from gzip what repeats, so it goes first: browsers undo it.
        ("<!-- wasm -->", STANDARD.encode(gzipped(wasm)?)),
        ("<!-- photo -->", photo),
    ];
    let mut page = fs::read_to_string(source.join("index.html"))?;
    for (place, part) in parts {
        if page.matches(place).count() != 1 {
            return Err(format!("page/index.html should say {place} once").into());
        }
        if part.contains("</script") {
            return Err(format!("what goes to {place} would end the script that it stands in").into());
        }
        page = page.replace(place, &part);
    }
    Ok(page)
}

/// The photo without a colour profile, by which browsers would change its numbers, and in the smallest format without a loss.
fn photo(path: &Path) -> Result<Vec<u8>> {
    let photo = image::open(path)?.to_rgb8();
    let mut bytes = Vec::new();
    photo.write_with_encoder(WebPEncoder::new_lossless(&mut bytes))?;
    Ok(bytes)
}

fn gzipped(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
