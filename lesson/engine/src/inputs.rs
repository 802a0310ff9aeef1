//! The inputs: matrices of the notes, digits, and pictures that a browser has decoded.

use featuremap::{Conv2d, Module, Tensor};
use ndarray::{Array3, Axis, concatenate};

use crate::planes::Planes;

/// An input that can be chosen.
pub(crate) struct Input {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    source: Source,
}

enum Source {
    /// Numbers, as [`Planes`] has them.
    Numbers(&'static str),
    /// The numbers from 0 up, row by row.
    Counting([usize; 2]),
    Cat,
    /// One of the digits of the examples.
    Digit(usize),
    /// A picture that was given, in gray or in colours.
    Picture {
        own: bool,
        colours: bool,
    },
}

const IMAGE: &str = "7,2,3,3,8/4,5,3,8,4/3,3,2,8,4/2,8,7,2,7/5,4,4,5,4";
const GRAY: &str = "60,113,56,139,85/73,121,54,84,128/131,99,70,129,127/80,57,115,69,134/104,126,123,95,130";
const HALVES: &str =
    "0,0,0,0,0,0/0,0,0,0,0,0/0,0,0,0,0,0/255,255,255,255,255,255/255,255,255,255,255,255/255,255,255,255,255,255";
const TO_POOL: &str = "3,1,1,3/2,5,0,2/1,4,2,1/4,7,2,4";
const TO_POOL_GLOBALLY: &str = "2,1,1,3/2,5,0,2/1,4,2,1/4,7,2,4";
/// The notes give one plane of their volume; it stands for all three.
const VOLUME: &str = "4,9,2,5,8,3/5,6,2,4,0,3/2,4,5,4,5,2/5,6,5,4,7,8/5,7,7,9,2,1/5,8,5,3,8,4;\
     4,9,2,5,8,3/5,6,2,4,0,3/2,4,5,4,5,2/5,6,5,4,7,8/5,7,7,9,2,1/5,8,5,3,8,4;\
     4,9,2,5,8,3/5,6,2,4,0,3/2,4,5,4,5,2/5,6,5,4,7,8/5,7,7,9,2,1/5,8,5,3,8,4";

const NOTES: &str = "From the notes";
const DIGITS: &str = "Digits";
const PICTURES: &str = "Pictures";

const fn input(group: &'static str, id: &'static str, name: &'static str, source: Source) -> Input {
    Input { id, name, group, source }
}

const fn digit(id: &'static str, name: &'static str, digit: usize) -> Input {
    input(DIGITS, id, name, Source::Digit(digit))
}

pub(crate) const INPUTS: [Input; 21] = [
    input(NOTES, "notes-5x5", "5×5 image", Source::Numbers(IMAGE)),
    input(NOTES, "notes-gray", "5×5 image of grays", Source::Numbers(GRAY)),
    input(NOTES, "notes-6x7", "6×7, counting", Source::Counting([6, 7])),
    input(NOTES, "notes-halves", "6×6, black over white", Source::Numbers(HALVES)),
    input(NOTES, "notes-4x4", "4×4 map", Source::Numbers(TO_POOL)),
    input(NOTES, "notes-4x4-global", "4×4 map to pool globally", Source::Numbers(TO_POOL_GLOBALLY)),
    input(NOTES, "notes-volume", "6×6×3 volume", Source::Numbers(VOLUME)),
    digit("digit-0", "Digit 0", 0),
    digit("digit-1", "Digit 1", 1),
    digit("digit-2", "Digit 2", 2),
    digit("digit-3", "Digit 3", 3),
    digit("digit-4", "Digit 4", 4),
    digit("digit-5", "Digit 5", 5),
    digit("digit-6", "Digit 6", 6),
    digit("digit-7", "Digit 7", 7),
    digit("digit-8", "Digit 8", 8),
    digit("digit-9", "Digit 9", 9),
    input(PICTURES, "cat", "A cat of a few pixels", Source::Cat),
    input(PICTURES, "photo", "Photo, gray", Source::Picture { own: false, colours: false }),
    input(PICTURES, "photo-colours", "Photo, 3 colours", Source::Picture { own: false, colours: true }),
    input(PICTURES, "own", "Your picture", Source::Picture { own: true, colours: false }),
];

/// A picture's colours, `[3, height, width]`, and its brightness, `[1, height, width]`, from 0 to 255.
#[derive(Debug, Clone)]
struct Picture {
    colours: Tensor,
    gray: Tensor,
}

impl Picture {
    /// From bytes red, green, blue, opacity, pixel by pixel. Behind what is transparent there is white.
    fn new(height: usize, width: usize, bytes: &[u8]) -> Result<Self, String> {
        if height == 0 || width == 0 || bytes.len() != 4 * height * width {
            return Err(format!("a picture of {height}×{width} has {} bytes", bytes.len()));
        }
        let colours = Array3::from_shape_fn((3, height, width), |(channel, row, column)| {
            let pixel = &bytes[4 * (row * width + column)..][..4];
            let opacity = f32::from(pixel[3]) / 255.0;
            (f32::from(pixel[channel]) * opacity + 255.0 * (1.0 - opacity)).round()
        });
        // What an eye sees of red, green and blue (ITU-R BT.709): a convolution of 1×1, rounded to the steps that a picture has.
        let weights = Array3::from_shape_vec((3, 1, 1), vec![0.2126_f32, 0.7152, 0.0722]).map_err(|e| e.to_string())?;
        let gray = Conv2d::new(weights).forward(&colours).map_err(|error| error.to_string())?;
        Ok(Self { colours: colours.into(), gray: gray.map(|gray| gray.round()) })
    }
}

/// The pictures that were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pictures {
    photo: Option<Picture>,
    own: Option<Picture>,
}

impl Pictures {
    pub(crate) fn set(&mut self, own: bool, [height, width]: [usize; 2], bytes: &[u8]) -> Result<(), String> {
        let picture = Some(Picture::new(height, width, bytes)?);
        match own {
            true => self.own = picture,
            false => self.photo = picture,
        }
        Ok(())
    }
}

pub(crate) fn find(id: &str) -> Result<&'static Input, String> {
    INPUTS.iter().find(|input| input.id == id).ok_or_else(|| format!("there is no input “{id}”"))
}

impl Input {
    /// Whether its numbers are brightness, from 0 to 255.
    pub(crate) fn is_picture(&self) -> bool {
        matches!(self.source, Source::Digit(_) | Source::Picture { .. })
    }

    /// `[channels, rows, columns]`.
    pub(crate) fn tensor(&self, pictures: &Pictures) -> Result<Tensor, String> {
        match self.source {
            Source::Numbers(text) => numbers(text),
            Source::Counting([rows, columns]) => {
                Ok(Array3::from_shape_fn((1, rows, columns), |(_, row, column)| (row * columns + column) as f32).into())
            }
            Source::Cat => Ok(cat(0)),
            Source::Digit(digit) => read_digit(digit),
            Source::Picture { own, colours } => {
                let picture = if own { &pictures.own } else { &pictures.photo };
                let picture = picture.as_ref().ok_or("choose a picture from a file: it stays on this device")?;
                Ok(if colours { picture.colours.clone() } else { picture.gray.clone() })
            }
        }
    }
}

/// One input, written as [`Planes`].
pub(crate) fn numbers(text: &str) -> Result<Tensor, String> {
    let planes = Planes::parse("input", text)?;
    let [_, channels, rows, columns] = planes.shape;
    Tensor::from_vec(&[channels, rows, columns], planes.values).map_err(|error| error.to_string())
}

/// The 28×28 pixels of the digits, as NumPy writes them.
const IMAGES: &[u8] = include_bytes!("../../../examples/data/digits_cnn/images.npy");
const SIDE: usize = 28;
/// The images begin with ten zeros, go on with ten ones, and so on.
const OF_EACH: usize = 10;

fn read_digit(digit: usize) -> Result<Tensor, String> {
    // The format: 6 bytes of magic, 2 of the version, 2 of the length of the header, and then the header.
    let header = 10 + usize::from(u16::from_le_bytes([IMAGES[8], IMAGES[9]]));
    let pixels = IMAGES[header..].chunks_exact(SIDE * SIDE).nth(digit * OF_EACH).ok_or("there is no such digit")?;
    let pixels = pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    Tensor::from_vec(&[1, SIDE, SIDE], pixels).map_err(|error| error.to_string())
}

const CAT: [&str; 5] = ["#...#", "##.##", "#####", "#.#.#", ".###."];

/// A cat in the middle of 10×10 pixels, with so many more around.
fn cat(around: usize) -> Tensor {
    const BORDER: usize = 2;
    let side = CAT.len() + 2 * BORDER + 1 + 2 * around;
    let is_cat = |row: usize, column: usize| {
        let place = row.checked_sub(BORDER + around).zip(column.checked_sub(BORDER + around));
        place.and_then(|(row, column)| CAT.get(row)?.as_bytes().get(column)) == Some(&b'#')
    };
    Array3::from_shape_fn((1, side, side), |(_, row, column)| if is_cat(row, column) { 1.0 } else { 0.0 }).into()
}

/// How far an input may be moved.
pub(crate) const REACH: usize = 4;

/// The part of an input that one sees after it has been moved down and right by so much. A photo goes on beyond what one sees; around
/// a digit and a cat there is black.
pub(crate) fn moved(id: &str, [down, right]: [isize; 2], pictures: &Pictures) -> Result<Tensor, String> {
    let input = find(id)?;
    let whole = match input.source {
        Source::Cat => cat(REACH),
        Source::Picture { .. } => input.tensor(pictures)?,
        _ => surrounded(&input.tensor(pictures)?)?,
    };
    let origin = |by: isize| {
        let reach = REACH.cast_signed();
        let by = by.clamp(-reach, reach);
        (reach - by).cast_unsigned()
    };
    let [_, height, width] = <[usize; 3]>::try_from(whole.shape()).map_err(|_| "an input has three axes")?;
    let (rows, columns) = (height.saturating_sub(2 * REACH), width.saturating_sub(2 * REACH));
    if rows == 0 || columns == 0 {
        return Err(format!("a picture of {height}×{width} is too small to be moved"));
    }
    let (top, left) = (origin(down), origin(right));
    let part = whole.as_array().slice_axis(Axis(1), (top..top + rows).into());
    Ok(part.slice_axis(Axis(2), (left..left + columns).into()).to_owned().into())
}

/// An input with zeros around it.
fn surrounded(input: &Tensor) -> Result<Tensor, String> {
    let mut whole = input.as_array().to_owned();
    for axis in [Axis(1), Axis(2)] {
        let mut shape = whole.shape().to_vec();
        shape[axis.index()] = REACH;
        let black = ndarray::ArrayD::zeros(shape);
        whole = concatenate(axis, &[black.view(), whole.view(), black.view()]).map_err(|error| error.to_string())?;
    }
    Ok(whole.into())
}
