//! One case: what is asked, in a JSON file, and the tensors, in an archive beside it.

use std::error::Error;
use std::fs;
use std::path::Path;

use featuremap::Tensor;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A case as its files describe it. Values in the JSON are named by pointers, as in `/attributes/strides`.
pub(crate) struct Case {
    operator: String,
    description: Value,
    /// The file with the tensors.
    archive: Vec<u8>,
}

/// A number as the files hold it.
pub(crate) trait Stored: Copy {
    const TYPE: Dtype;

    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! stored {
    ($($number:ident $dtype:ident,)*) => {$(
        impl Stored for $number {
            const TYPE: Dtype = Dtype::$dtype;

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

stored! { f32 F32, f64 F64, u8 U8, i32 I32, i64 I64, }

impl Case {
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let description: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
        let mut case =
            Self { operator: String::new(), description, archive: fs::read(path.with_extension("safetensors"))? };
        case.operator = case.text("/op")?.to_string();
        Ok(case)
    }

    /// The operator of ONNX, or the function of PyTorch.
    pub(crate) fn operator(&self) -> &str {
        &self.operator
    }

    fn value(&self, pointer: &str) -> Outcome<&Value> {
        self.description.pointer(pointer).ok_or_else(|| format!("{pointer} is missing").into())
    }

    pub(crate) fn text(&self, pointer: &str) -> Outcome<&str> {
        self.value(pointer)?.as_str().ok_or_else(|| format!("{pointer} is not a text").into())
    }

    pub(crate) fn number(&self, pointer: &str) -> Outcome<f64> {
        self.value(pointer)?.as_f64().ok_or_else(|| format!("{pointer} is not a number").into())
    }

    pub(crate) fn size(&self, pointer: &str) -> Outcome<usize> {
        Ok(serde_json::from_value(self.value(pointer)?.clone()).map_err(|error| format!("{pointer}: {error}"))?)
    }

    /// `true` or `false`; ONNX writes 1 and 0.
    pub(crate) fn flag(&self, pointer: &str) -> Outcome<bool> {
        let value = self.value(pointer)?;
        match (value.as_bool(), value.as_u64()) {
            (Some(flag), _) => Ok(flag),
            (_, Some(number @ 0..=1)) => Ok(number == 1),
            _ => Err(format!("{pointer} is not a flag: {value}").into()),
        }
    }

    /// One size for each spatial axis.
    pub(crate) fn sizes<const N: usize>(&self, pointer: &str) -> Outcome<[usize; N]> {
        let sizes: Vec<usize> =
            serde_json::from_value(self.value(pointer)?.clone()).map_err(|error| format!("{pointer}: {error}"))?;
        Ok(sizes.try_into().map_err(|sizes| format!("{pointer} has not {N} axes: {sizes:?}"))?)
    }

    /// The padding before and after each spatial axis, from `pads_begin` and `pads_end`.
    pub(crate) fn sides<const N: usize>(&self, parent: &str) -> Outcome<[(usize, usize); N]> {
        let before: [usize; N] = self.sizes(&format!("{parent}/pads_begin"))?;
        let after: [usize; N] = self.sizes(&format!("{parent}/pads_end"))?;
        Ok(std::array::from_fn(|axis| (before[axis], after[axis])))
    }

    fn archive(&self) -> Outcome<SafeTensors<'_>> {
        Ok(SafeTensors::deserialize(&self.archive)?)
    }

    pub(crate) fn tensor<T: Stored>(&self, key: &str) -> Outcome<Tensor<T>> {
        let archive = self.archive()?;
        let stored = archive.tensor(key).map_err(|error| format!("tensor {key}: {error}"))?;
        if stored.dtype() != T::TYPE {
            return Err(format!("tensor {key} is of {}, not {}", stored.dtype(), T::TYPE).into());
        }
        let numbers: Option<Vec<T>> = stored.data().chunks_exact(size_of::<T>()).map(T::from_bytes).collect();
        Ok(Tensor::from_vec(stored.shape(), numbers.ok_or("a number is cut off")?)?)
    }

    /// A tensor that not every case has: a bias, say.
    pub(crate) fn optional<T: Stored>(&self, key: &str) -> Outcome<Option<Tensor<T>>> {
        match self.archive()?.names().contains(&key) {
            true => Ok(Some(self.tensor(key)?)),
            false => Ok(None),
        }
    }
}
