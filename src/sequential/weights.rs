//! Parameters from and to files in the [safetensors] format, under the names that PyTorch gives them.
//!
//! [safetensors]: https://huggingface.co/docs/safetensors

use std::collections::{HashMap, HashSet};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView as Stored};

use super::Sequential;
use crate::module::Module;
use crate::{Error, Float, Result};

/// Networks of `f32` and `f64`, with the feature `safetensors`.
///
/// A parameter is called by its layer and its own name, as in the state dict of PyTorch's `nn.Sequential`: `0.weight`, `0.bias`,
/// or `conv1.weight` for a layer that was added by [`push_named`](Self::push_named). What PyTorch has saved with
/// `safetensors.torch.save_file(model.state_dict(), path)` can be loaded into a network of the same layers, and the other
/// way round.
///
/// ```
/// use featuremap::{Conv2d, Linear, Sequential};
/// use ndarray::{Array1, Array2, Array4};
///
/// let network = |number: f32| {
///     Sequential::new()
///         .push_named("conv", Conv2d::new(Array4::from_elem((4, 1, 3, 3), number)).bias(Array1::zeros(4)))
///         .push_named("fc", Linear::new(Array2::from_elem((10, 16), number)))
/// };
/// let saved = network(0.5).to_safetensors()?;
///
/// let mut other = network(0.0);
/// other.load_safetensors(&saved)?;
/// assert_eq!(other.to_safetensors()?, saved);
///
/// let mut smaller = Sequential::<f32>::new().push_named("fc", Linear::new(Array2::zeros((10, 8))));
/// let error = smaller.load_safetensors(&saved).unwrap_err();
/// assert_eq!(error.to_string(), "parameter fc.weight must have shape [10, 8]; found [10, 16]");
/// # Ok::<(), featuremap::Error>(())
/// ```
impl<T: Float> Sequential<T> {
    /// Saves the parameters to a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where it cannot be written; otherwise as [`to_safetensors`](Self::to_safetensors).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.to_safetensors()?).map_err(|error| file_error(&path.display(), &error))
    }

    /// Loads the parameters from a file, all of them or, on an error, none. Load before you plan: a plan that was made before
    /// keeps nothing of the old parameters' results, but returns [`Error::Outdated`] when it runs.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where it cannot be read; otherwise as [`load_safetensors`](Self::load_safetensors).
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| file_error(&path.display(), &error))?;
        self.load_from(&path.display(), &bytes)
    }

    /// The parameters in the safetensors format.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] where two have one name.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let mut known = HashSet::new();
        let mut stored = Vec::new();
        for (name, values) in self.parameters() {
            if !known.insert(name.clone()) {
                return Err(Error::Parameter { name, reason: TWICE });
            }
            let bytes: Vec<u8> = values.iter().flat_map(|&value| to_bytes(value)).collect();
            stored.push((name, values.shape().to_vec(), bytes));
        }
        let views = stored.iter().map(|(name, shape, bytes)| {
            let view = Stored::new(dtype::<T>(), shape.clone(), bytes);
            Ok((name.as_str(), view.map_err(|error| file_error(&"safetensors", &error))?))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        safetensors::serialize(views, None).map_err(|error| file_error(&"safetensors", &error))
    }

    /// Loads the parameters from bytes in the safetensors format, all of them or, on an error, none. Nothing in the bytes is
    /// trusted.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for bytes that are not in this format; [`Error::ParameterNames`], [`Error::ParameterShape`] and
    /// [`Error::ParameterType`] where they are not the parameters of this network; [`Error::Parameter`] where two parameters of
    /// the network have one name, or belong to a module in an `Arc` or behind a reference that others hold, too.
    pub fn load_safetensors(&mut self, bytes: &[u8]) -> Result<()> {
        self.load_from(&"safetensors", bytes)
    }

    fn load_from(&mut self, file: &impl ToString, bytes: &[u8]) -> Result<()> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| match other_format(bytes) {
            Some(format) => file_error(file, &format!("{format}, not a file in the safetensors format")),
            None => file_error(file, &format!("not a file in the safetensors format: {error}")),
        })?;
        let mut found: HashMap<String, Stored<'_>> = file.tensors().into_iter().collect();
        let mut missing = Vec::new();
        let mut taken = HashMap::new();
        for (name, values) in self.parameters() {
            match found.remove(&name) {
                Some(stored) => {
                    check(&name, values.shape(), dtype::<T>(), &stored)?;
                    taken.insert(name, stored);
                }
                None if taken.contains_key(&name) => return Err(Error::Parameter { name, reason: TWICE }),
                None => missing.push(name),
            }
        }
        if !missing.is_empty() || !found.is_empty() {
            let mut unexpected: Vec<_> = found.into_keys().collect();
            unexpected.sort_unstable();
            return Err(Error::ParameterNames { missing, unexpected });
        }
        let writable: HashSet<_> = self.parameters_mut().into_iter().map(|(name, _)| name).collect();
        if let Some(name) = taken.keys().filter(|&name| !writable.contains(name)).min() {
            return Err(Error::Parameter { name: name.clone(), reason: SHARED });
        }
        for (name, values) in self.parameters_mut() {
            if let Some(stored) = taken.get(&name) {
                let numbers = stored.data().chunks_exact(size_of::<T>()).map(from_bytes::<T>);
                values.into_array_view_mut().iter_mut().zip(numbers).for_each(|(value, number)| *value = number);
            }
        }
        Ok(())
    }
}

const TWICE: &str = "is there twice: two layers have one name";
const SHARED: &str = "cannot be written to: others hold its module, too";

/// What a file is that is none in the safetensors format, by how it begins, where it is one that people take for it.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
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

fn check(name: &str, shape: &[usize], dtype: Dtype, stored: &Stored<'_>) -> Result<()> {
    if stored.shape() != shape {
        let (expected, found) = (shape.to_vec(), stored.shape().to_vec());
        return Err(Error::ParameterShape { name: name.into(), expected, found });
    }
    if stored.dtype() != dtype {
        let (expected, found) = (dtype.to_string(), stored.dtype().to_string());
        return Err(Error::ParameterType { name: name.into(), expected, found });
    }
    Ok(())
}

fn file_error(file: &impl ToString, reason: &impl ToString) -> Error {
    Error::File { file: file.to_string(), reason: reason.to_string() }
}

/// A [`Float`] has 4 bytes or 8.
fn dtype<T: Float>() -> Dtype {
    if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
}

/// In the order of bytes that the format has.
fn to_bytes<T: Float>(value: T) -> impl Iterator<Item = u8> {
    let value = value.to_f64().unwrap_or(f64::NAN);
    #[allow(clippy::cast_possible_truncation, reason = "it was an f32")]
    let (single, double) = ((value as f32).to_le_bytes(), value.to_le_bytes());
    let (single, double) = if size_of::<T>() == 4 { (Some(single), None) } else { (None, Some(double)) };
    single.into_iter().flatten().chain(double.into_iter().flatten())
}

fn from_bytes<T: Float>(bytes: &[u8]) -> T {
    if let Ok(bytes) = bytes.try_into() {
        return T::from_f64(f32::from_le_bytes(bytes).into());
    }
    T::from_f64(bytes.try_into().map_or(f64::NAN, f64::from_le_bytes))
}
