//! [`Constant`]: numbers that are known before a network runs.

use std::sync::Arc;

use prost::Message;
use prost::bytes::Bytes;

use super::proto::TensorProto;
use super::refusal::{Outcome, refuse};
use crate::Tensor;
use crate::element::half::half;
use crate::tensor::element_count;

/// A tensor that is known: weights, or numbers that shapes are computed from.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Numbers,
}

/// The numbers of a constant in row-major order.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    /// Floats of any size, each the nearest `f32`.
    Floats(Arc<Vec<f32>>),
    /// Integers of any size, and truth values as 0 and 1.
    Integers(Arc<Vec<i64>>),
}

impl Constant {
    pub(super) fn floats(shape: &[usize], floats: Vec<f32>) -> Self {
        Self { shape: shape.to_vec(), numbers: Numbers::Floats(floats.into()) }
    }

    pub(super) fn integers(shape: &[usize], integers: Vec<i64>) -> Self {
        Self { shape: shape.to_vec(), numbers: Numbers::Integers(integers.into()) }
    }

    pub(super) fn of_tensor(tensor: &Tensor<f32>) -> Self {
        Self::floats(tensor.shape(), tensor.iter().copied().collect())
    }

    pub(super) fn len(&self) -> usize {
        match &self.numbers {
            Numbers::Floats(floats) => floats.len(),
            Numbers::Integers(integers) => integers.len(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match &self.numbers {
            Numbers::Floats(floats) => size_of_val(&floats[..]),
            Numbers::Integers(integers) => size_of_val(&integers[..]),
        }
    }

    /// Bytes of each number.
    pub(super) fn number_bytes(&self) -> usize {
        match &self.numbers {
            Numbers::Floats(_) => size_of::<f32>(),
            Numbers::Integers(_) => size_of::<i64>(),
        }
    }

    /// The same numbers under another shape, of as many elements.
    pub(super) fn reshaped(&self, shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), numbers: self.numbers.clone() }
    }

    /// As a tensor of floats; integers become the nearest.
    pub(super) fn to_tensor(&self) -> Outcome<Tensor<f32>> {
        let floats = match &self.numbers {
            Numbers::Floats(floats) => floats.to_vec(),
            Numbers::Integers(integers) => integers.iter().map(|&integer| integer as f32).collect(),
        };
        Ok(Tensor::from_vec(&self.shape, floats)?)
    }

    /// The floats, if it has floats.
    pub(super) fn as_floats(&self) -> Outcome<&[f32]> {
        match &self.numbers {
            Numbers::Floats(floats) => Ok(floats),
            Numbers::Integers(_) => refuse("has integers where floats are needed"),
        }
    }

    /// The integers, if it has integers.
    pub(super) fn as_integers(&self) -> Outcome<&[i64]> {
        match &self.numbers {
            Numbers::Integers(integers) => Ok(integers),
            Numbers::Floats(_) => refuse("has floats where integers are needed"),
        }
    }

    /// The number, if it is one alone, whatever its shape.
    pub(super) fn as_number(&self) -> Option<f64> {
        match &self.numbers {
            Numbers::Floats(floats) => match floats[..] {
                [float] => Some(f64::from(float)),
                _ => None,
            },
            Numbers::Integers(integers) => match integers[..] {
                [integer] => Some(integer as f64),
                _ => None,
            },
        }
    }

    /// The tensor in a message, whose numbers may lie elsewhere.
    pub(super) fn read(message: &Bytes, elsewhere: Option<&Bytes>) -> Outcome<Self> {
        let mut proto = match TensorProto::decode(message.clone()) {
            Ok(proto) => proto,
            Err(error) => return refuse(format!("holds a tensor that cannot be read: {error}")),
        };
        match (proto.data_location, elsewhere) {
            (0, _) => {}
            (1, Some(bytes)) => proto.raw_data = Some(bytes.clone()),
            _ => return refuse(format!("needs the tensor {}, whose numbers lie in another file", proto.name)),
        }
        let shape = sizes(&proto.dims)?;
        let count = element_count::<f32>(&shape)?;
        let numbers = numbers(proto)?;
        let constant = Self { shape, numbers };
        match constant.len() == count {
            true => Ok(constant),
            false => {
                refuse(format!("needs a tensor of shape {:?} that has {} numbers", constant.shape, constant.len()))
            }
        }
    }
}

/// Sizes, none of which may be negative.
pub(super) fn sizes(sizes: &[i64]) -> Outcome<Vec<usize>> {
    let of = |&size: &i64| match usize::try_from(size) {
        Ok(size) => Ok(size),
        Err(_) => refuse(format!("has the size {size}, which none is")),
    };
    sizes.iter().map(of).collect()
}

/// The numbers of a tensor, in whichever of its fields they lie.
fn numbers(proto: TensorProto) -> Outcome<Numbers> {
    let TensorProto { data_type, float_data, int32_data, int64_data, double_data, uint64_data, raw_data, .. } = proto;
    let whole = |bytes: usize| match &raw_data {
        Some(raw) if !raw.len().is_multiple_of(bytes) => refuse("needs a tensor whose bytes end within a number"),
        _ => Ok(()),
    };
    let (kind, bytes) = kind_of(data_type)?;
    whole(bytes)?;
    let numbers = match (&raw_data, kind) {
        (Some(raw), DataType::F32) => floats(raw, f32::from_le_bytes),
        (Some(raw), DataType::F64) => floats(raw, |bytes| single(f64::from_le_bytes(bytes))),
        (Some(raw), DataType::F16) => floats(raw, |bytes| single(half(u16::from_le_bytes(bytes)))),
        (Some(raw), DataType::BF16) => floats(raw, |bytes| brain(u16::from_le_bytes(bytes))),
        (Some(raw), DataType::I8) => integers(raw, |bytes| i8::from_le_bytes(bytes).into()),
        (Some(raw), DataType::U8) => integers(raw, |bytes| u8::from_le_bytes(bytes).into()),
        (Some(raw), DataType::I16) => integers(raw, |bytes| i16::from_le_bytes(bytes).into()),
        (Some(raw), DataType::U16) => integers(raw, |bytes| u16::from_le_bytes(bytes).into()),
        (Some(raw), DataType::I32) => integers(raw, |bytes| i32::from_le_bytes(bytes).into()),
        (Some(raw), DataType::U32) => integers(raw, |bytes| u32::from_le_bytes(bytes).into()),
        (Some(raw), DataType::I64) => integers(raw, i64::from_le_bytes),
        // What does not fit is refused, not made another number.
        (Some(raw), DataType::U64) => {
            return unsigned(raw.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes)));
        }
        (None, DataType::F32) => Numbers::Floats(float_data.into()),
        (None, DataType::F64) => Numbers::Floats(Arc::new(double_data.into_iter().map(single).collect())),
        (None, DataType::F16) => {
            Numbers::Floats(Arc::new(int32_data.into_iter().map(|bits| single(half(low(bits)))).collect()))
        }
        (None, DataType::BF16) => {
            Numbers::Floats(Arc::new(int32_data.into_iter().map(|bits| brain(low(bits))).collect()))
        }
        (None, DataType::I8 | DataType::U8 | DataType::I16 | DataType::U16 | DataType::I32) => {
            Numbers::Integers(Arc::new(int32_data.into_iter().map(i64::from).collect()))
        }
        (None, DataType::I64) => Numbers::Integers(int64_data.into()),
        (None, DataType::U32 | DataType::U64) => return unsigned(uint64_data.into_iter()),
    };
    Ok(numbers)
}

/// How the numbers of a tensor are stored.
#[derive(Debug, Clone, Copy)]
enum DataType {
    F32,
    F64,
    F16,
    BF16,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
}

/// What `TensorProto.DataType` numbers so, and how many bytes each has.
fn kind_of(data_type: i32) -> Outcome<(DataType, usize)> {
    Ok(match data_type {
        1 => (DataType::F32, 4),
        // 9 are truth values.
        2 | 9 => (DataType::U8, 1),
        3 => (DataType::I8, 1),
        4 => (DataType::U16, 2),
        5 => (DataType::I16, 2),
        6 => (DataType::I32, 4),
        7 => (DataType::I64, 8),
        10 => (DataType::F16, 2),
        11 => (DataType::F64, 8),
        12 => (DataType::U32, 4),
        13 => (DataType::U64, 8),
        16 => (DataType::BF16, 2),
        other => return refuse(format!("needs a tensor of {}, which is not read", type_name(other))),
    })
}

/// What ONNX calls a type of elements.
pub(super) fn type_name(data_type: i32) -> String {
    const NAMES: [&str; 17] = [
        "UNDEFINED",
        "FLOAT",
        "UINT8",
        "INT8",
        "UINT16",
        "INT16",
        "INT32",
        "INT64",
        "STRING",
        "BOOL",
        "FLOAT16",
        "DOUBLE",
        "UINT32",
        "UINT64",
        "COMPLEX64",
        "COMPLEX128",
        "BFLOAT16",
    ];
    let name = usize::try_from(data_type).ok().and_then(|number| NAMES.get(number));
    name.map_or_else(|| format!("type {data_type}"), |&name| name.into())
}

/// Whether a type of elements is one of floats, which a network computes with.
pub(super) fn is_float(data_type: i32) -> bool {
    matches!(kind_of(data_type), Ok((DataType::F32 | DataType::F64 | DataType::F16 | DataType::BF16, _)))
}

fn floats<const BYTES: usize>(raw: &Bytes, of: impl Fn([u8; BYTES]) -> f32) -> Numbers {
    Numbers::Floats(Arc::new(raw.as_chunks().0.iter().map(|&bytes| of(bytes)).collect()))
}

fn integers<const BYTES: usize>(raw: &Bytes, of: impl Fn([u8; BYTES]) -> i64) -> Numbers {
    Numbers::Integers(Arc::new(raw.as_chunks().0.iter().map(|&bytes| of(bytes)).collect()))
}

fn unsigned(numbers: impl Iterator<Item = u64>) -> Outcome<Numbers> {
    let of = |number: u64| match i64::try_from(number) {
        Ok(number) => Ok(number),
        Err(_) => refuse(format!("needs the number {number}, which is too large")),
    };
    Ok(Numbers::Integers(Arc::new(numbers.map(of).collect::<Outcome<_>>()?)))
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute with f32: the nearest is meant")]
fn single(value: f64) -> f32 {
    value as f32
}

/// The lower 16 bits, in which halves are stored.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the lower bits are meant")]
fn low(bits: i32) -> u16 {
    bits as u16
}

/// The upper half of an `f32`.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
