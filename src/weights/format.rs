//! Numbers of the safetensors format, and what files are that are in another.

use safetensors::tensor::Dtype;

use crate::element::half::half;
use crate::{Error, Float, Result};

/// What errors call the numbers that layers compute with.
pub(super) const FLOATS: &str = "F64, F32, F16 or BF16";

/// How numbers lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberFormat {
    F64,
    F32,
    F16,
    BF16,
    /// Integers, truth values, and floats of 8 bits or fewer, which mean nothing without the scales that belong to them.
    Other(Dtype),
}

impl NumberFormat {
    pub(super) fn of(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F64 => Self::F64,
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::BF16 => Self::BF16,
            other => Self::Other(other),
        }
    }

    /// What the format calls them: "F32".
    pub(super) fn name(self) -> String {
        match self {
            Self::F64 => "F64".into(),
            Self::F32 => "F32".into(),
            Self::F16 => "F16".into(),
            Self::BF16 => "BF16".into(),
            Self::Other(dtype) => dtype.to_string(),
        }
    }

    /// Whether they are numbers that a layer can compute with.
    pub(super) fn are_floats(self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// Whether numbers of this type are integers or booleans: counters and masks, which are saved beside parameters and are none.
    pub(super) fn are_whole(self) -> bool {
        use Dtype::{BOOL, I8, I16, I32, I64, U8, U16, U32, U64};
        matches!(self, Self::Other(BOOL | I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64))
    }

    /// Calls `put` with each number in these bytes, in order; the file's header has been checked to have whole numbers.
    pub(super) fn read<T: Float>(self, name: &str, bytes: &[u8], put: &mut dyn FnMut(T)) -> Result<()> {
        match self {
            Self::F64 => each(bytes, |bytes| put(T::from_f64(f64::from_le_bytes(bytes)))),
            Self::F32 => each(bytes, |bytes| put(T::from_f64(f32::from_le_bytes(bytes).into()))),
            Self::F16 => each(bytes, |bytes| put(T::from_f64(half(u16::from_le_bytes(bytes))))),
            // The upper half of an f32.
            Self::BF16 => each(bytes, |bytes| {
                put(T::from_f64(f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16).into()));
            }),
            Self::Other(_) => {
                let (name, expected) = (name.into(), FLOATS.into());
                return Err(Error::ParameterType { name, expected, found: self.name() });
            }
        }
        Ok(())
    }
}

fn each<const BYTES: usize>(bytes: &[u8], f: impl FnMut([u8; BYTES])) {
    bytes.as_chunks().0.iter().copied().for_each(f);
}

/// The type of the file for a network's parameters: a [`Float`] is `f32` or `f64`.
pub(super) fn dtype<T: Float>() -> Dtype {
    if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
}

/// The bytes of an `f32` or an `f64`, the lowest first, as the format has them.
pub(super) fn to_bytes<T: Float>(value: T) -> impl Iterator<Item = u8> {
    let value = value.to_f64().unwrap_or(f64::NAN);
    #[allow(clippy::cast_possible_truncation, reason = "it is used where the value is an f32")]
    let (single, double) = ((value as f32).to_le_bytes(), value.to_le_bytes());
    let (single, double) = if size_of::<T>() == 4 { (Some(single), None) } else { (None, Some(double)) };
    single.into_iter().flatten().chain(double.into_iter().flatten())
}

/// What a file is that is none in the safetensors format, by how it begins, where it is one that people take for it.
pub(super) fn other_format(bytes: &[u8]) -> Option<&'static str> {
    let formats: [(&[u8], &str); 6] = [
        (
            b"PK\x03\x04",
            "a zip archive, as torch.save and numpy.savez write (torch.load reads it, and safetensors.torch.save_file saves what it has)",
        ),
        (b"\x93NUMPY", "an array of NumPy (.npy)"),
        (b"\x89HDF\r\n", "an HDF5 file, as Keras writes"),
        (b"GGUF", "a GGUF file"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"version https://git-lfs", "a pointer of Git LFS, which stands for a file that has not been fetched"),
    ];
    let known = formats.into_iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, format)| format);
    match bytes {
        [] => Some("empty"),
        // Of protocols 2 to 5.
        [0x80, 2..=5, ..] if bytes.ends_with(b".") => Some("a pickle, as torch.save wrote before version 1.6"),
        _ => known,
    }
}
