//! One case: what is asked, in a JSON file, and the tensors, in an archive beside it.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use featuremap::Tensor;
use ndarray::ArrayD;
use ndarray_npy::{NpzReader, ReadableElement};
use serde_json::Value;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A case as its files describe it. Values in the JSON are named by pointers, as in `/attributes/strides`.
pub(crate) struct Case {
    operator: String,
    description: Value,
    archive: PathBuf,
}

impl Case {
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let description: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
        let mut case = Self { operator: String::new(), description, archive: path.with_extension("npz") };
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

    fn archive(&self) -> Outcome<NpzReader<File>> {
        Ok(NpzReader::new(File::open(&self.archive)?)?)
    }

    pub(crate) fn tensor<T: ReadableElement + Clone>(&self, key: &str) -> Outcome<Tensor<T>> {
        let array: ArrayD<T> = self.archive()?.by_name(key).map_err(|error| format!("tensor {key}: {error}"))?;
        Ok(Tensor::from(array))
    }

    /// A tensor that not every case has: a bias, say.
    pub(crate) fn optional<T: ReadableElement + Clone>(&self, key: &str) -> Outcome<Option<Tensor<T>>> {
        match self.archive()?.names()?.iter().any(|name| name == key) {
            true => Ok(Some(self.tensor(key)?)),
            false => Ok(None),
        }
    }
}
