//! A [`Sequential`] from and to files.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use safetensors::tensor::TensorView as Stored;

use super::format::{FLOATS, dtype, to_bytes};
use super::{IN_MEMORY, Weights, file_error};
use crate::module::Module;
use crate::{Error, Float, Result, Sequential};

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
///     let conv = Conv2d::new(Array4::from_elem((4, 1, 3, 3), number)).bias(Array1::zeros(4));
///     Sequential::new()
///         .push_named("conv", conv)
///         .push_named("fc", Linear::new(Array2::from_elem((10, 16), number)))
/// };
/// let saved = network(0.5).to_safetensors()?;
///
/// let mut other = network(0.0);
/// other.load_safetensors(&saved)?;
/// assert_eq!(other.to_safetensors()?, saved);
///
/// let fc = Linear::new(Array2::<f32>::zeros((10, 8)));
/// let mut smaller = Sequential::new().push_named("fc", fc);
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
        std::fs::write(path, self.to_safetensors()?).map_err(|error| file_error(&path.display().to_string(), &error))
    }

    /// Loads the parameters from a file, all of them or, on an error, none. A plan that was made before
    /// does not compute with the old ones: running it returns [`Error::Outdated`]. Make a new one.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where it cannot be read; otherwise as [`load_weights`](Self::load_weights).
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.load_weights(&Weights::open(path)?).map(drop)
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
            Ok((name.as_str(), view.map_err(|error| file_error(IN_MEMORY, &error))?))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        safetensors::serialize(views, None).map_err(|error| file_error(IN_MEMORY, &error))
    }

    /// Loads the parameters from bytes in the safetensors format, all of them or, on an error, none. Nothing in the bytes is
    /// trusted.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for bytes that are not in this format; otherwise as [`load_weights`](Self::load_weights).
    pub fn load_safetensors(&mut self, bytes: &[u8]) -> Result<()> {
        self.load_weights(&Weights::from_bytes(bytes)?).map(drop)
    }

    /// Loads the parameters from a file that is read already, all of them or, on an error, none.
    ///
    /// Whole numbers that no layer asks for are left alone: PyTorch counts batches beside the parameters (`num_batches_tracked`).
    /// Any other name that is only in the file, or only in the network, is an error, unless the weights are not
    /// [`strict`](Weights::strict): then what both have is loaded, and the names of all else are returned.
    ///
    /// ```
    /// use featuremap::{Linear, Sequential, Weights};
    ///
    /// let saved = Sequential::<f32>::new()
    ///     .push_named("module.fc", Linear::new([[1., 2.]]).bias([3.]))
    ///     .push_named("module.aux", Linear::new([[5.]]))
    ///     .to_safetensors()?;
    ///
    /// let mut model = Sequential::<f32>::new().push_named("fc", Linear::new([[0., 0.]]).bias([0.]));
    /// let weights = Weights::from_bytes(saved)?.within("module").strict(false);
    /// let unmatched = model.load_weights(&weights)?;
    /// assert_eq!(unmatched.unexpected, ["aux.weight"]);
    /// assert!(unmatched.missing.is_empty());
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ParameterNames`], [`Error::ParameterShape`] and [`Error::ParameterType`] where they are not the parameters of this
    /// network; [`Error::Parameter`] where two parameters of the network have one name, or belong to a module in an `Arc` or behind a
    /// reference that others hold, too. From a file, each with its name, as [`Error::InFile`].
    pub fn load_weights(&mut self, weights: &Weights) -> Result<Unmatched> {
        self.try_load(weights).map_err(|error| weights.in_file(error))
    }

    fn try_load(&mut self, weights: &Weights) -> Result<Unmatched> {
        let mut unmatched = Unmatched::default();
        let mut taken = HashMap::new();
        for (name, values) in self.parameters() {
            if taken.contains_key(&name) {
                return Err(Error::Parameter { name, reason: TWICE });
            }
            let Some(stored) = weights.stored.get(&name) else {
                unmatched.missing.push(name);
                continue;
            };
            if stored.shape != values.shape() {
                let (expected, found) = (values.shape().to_vec(), stored.shape.clone());
                return Err(Error::ParameterShape { name, expected, found });
            }
            if !stored.numbers.are_floats() {
                let (expected, found) = (FLOATS.into(), stored.numbers.name());
                return Err(Error::ParameterType { name, expected, found });
            }
            taken.insert(name, stored);
        }
        let beside =
            weights.stored.iter().filter(|(name, stored)| !taken.contains_key(*name) && !stored.numbers.are_whole());
        unmatched.unexpected = beside.map(|(name, _)| name.clone()).collect();
        if weights.strict && unmatched != Unmatched::default() {
            let Unmatched { missing, unexpected } = unmatched;
            return Err(Error::ParameterNames { missing, unexpected });
        }
        let writable: HashSet<_> = self.parameters_mut().into_iter().map(|(name, _)| name).collect();
        if let Some(name) = taken.keys().filter(|&name| !writable.contains(name)).min() {
            return Err(Error::Parameter { name: name.clone(), reason: SHARED });
        }
        for (name, values) in self.parameters_mut() {
            if let Some(stored) = taken.get(&name) {
                let mut values = values.into_array_view_mut();
                let mut places = values.iter_mut();
                stored.numbers.read(&name, weights.bytes_of(stored), &mut |number| {
                    if let Some(place) = places.next() {
                        *place = number;
                    }
                })?;
            }
        }
        Ok(unmatched)
    }
}

/// The names that network and file do not share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unmatched {
    /// Parameters of the network that are not in the file.
    pub missing: Vec<String>,
    /// Floats in the file that are no parameters of the network.
    pub unexpected: Vec<String>,
}

const TWICE: &str = "is there twice: two layers have one name";
const SHARED: &str = "cannot be written to: others hold its module, too";
