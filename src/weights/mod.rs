//! [`Weights`]: parameters from files in the [safetensors] format, under the names that PyTorch gives them.
//!
//! [safetensors]: https://huggingface.co/docs/safetensors

mod format;
mod network;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::SafeTensors;

use crate::tensor::element_count;
use crate::{BatchNorm, Error, Float, Linear, Result, Tensor};
use crate::{Conv, Conv1d, Conv2d, Conv3d, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
use format::{NumberFormat, other_format};
pub use network::Unmatched;

/// The parameters in a safetensors file: what a network is loaded from, and what layers are built from, so that nobody types their
/// shapes a second time. With the feature `safetensors`.
///
/// Floats of any size (`F64`, `F32`, `F16`, `BF16`) become the floats of the layer, each the nearest. Nothing in a file is trusted.
///
/// ```
/// use featuremap::{Flatten, Linear, MaxPool2d, Module, Relu, Sequential, Weights};
/// # use featuremap::Conv2d;
/// # use ndarray::{Array1, Array2, Array4};
/// # let network = Sequential::<f32>::new()
/// #     .push_named("layer1.conv1", Conv2d::new(Array4::ones((8, 3, 3, 3))).bias(Array1::zeros(8)))
/// #     .push_named("fc", Linear::new(Array2::ones((10, 8 * 7 * 7))));
/// # let path = std::env::temp_dir().join(format!("weights-{}.safetensors", std::process::id()));
/// # network.save(&path)?;
///
/// let weights = Weights::open(&path)?;
/// let model = Sequential::<f32>::new()
///     .push(weights.conv2d("layer1.conv1")?.padding(1)) // layer1.conv1.weight and .bias
///     .push(Relu)
///     .push(MaxPool2d::new(2))
///     .push(Flatten::default())
///     .push(weights.linear("fc")?);
/// assert_eq!(model.forward(ndarray::Array4::ones((1, 3, 14, 14)))?.shape(), [1, 10]);
///
/// let error = weights.linear::<f32>("fc1").unwrap_err();
/// assert!(error.to_string().ends_with(
///     ".safetensors: there is no parameter fc1.weight; \
///      there are fc.weight, layer1.conv1.bias, layer1.conv1.weight"
/// ));
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), featuremap::Error>(())
/// ```
///
/// A network that is there already, with layers of the same names, is loaded by [`Sequential::load`](crate::Sequential::load), or
/// where names or layers differ, by [`Sequential::load_weights`](crate::Sequential::load_weights).
#[doc(alias("state_dict", "load_state_dict", "from_safetensors"))]
#[derive(Debug, Clone)]
pub struct Weights {
    /// The whole file.
    bytes: Arc<Vec<u8>>,
    /// Its name, unless it is bytes in memory.
    file: Option<String>,
    /// What all names begin with that [`within`](Self::within) has taken off, for errors.
    prefix: String,
    stored: BTreeMap<String, Stored>,
    strict: bool,
}

/// A tensor in the file.
#[derive(Debug, Clone)]
struct Stored {
    shape: Vec<usize>,
    numbers: NumberFormat,
    /// Where its numbers lie in the bytes.
    place: Range<usize>,
}

impl Weights {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where it cannot be read, or is not in the safetensors format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| file_error(&file, &error))?;
        let stored = stored(&file, &bytes)?;
        Ok(Self { bytes: bytes.into(), file: Some(file), prefix: String::new(), stored, strict: true })
    }

    /// The same from bytes in memory: from a file that the program itself contains (`include_bytes!`), say.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for bytes that are not in the safetensors format.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = bytes.into();
        let stored = stored(IN_MEMORY, &bytes)?;
        Ok(Self { bytes: bytes.into(), file: None, prefix: String::new(), stored, strict: true })
    }

    /// Those whose names begin with this prefix and a dot, under what follows it.
    ///
    /// ```
    /// # use featuremap::{Linear, Sequential, Weights};
    /// # let saved = Sequential::<f32>::new().push_named("body.head.fc", Linear::new([[1., 2.]])).to_safetensors()?;
    /// let weights = Weights::from_bytes(saved)?; // body.head.fc.weight
    /// let head = weights.within("body.head");
    /// assert_eq!(head.names().collect::<Vec<_>>(), ["fc.weight"]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    pub fn within(&self, prefix: &str) -> Self {
        let prefix = if prefix.is_empty() || prefix.ends_with('.') { prefix.into() } else { format!("{prefix}.") };
        let within = |name: &str| name.strip_prefix(&prefix).map(String::from);
        let stored = self.stored.iter().filter_map(|(name, stored)| Some((within(name)?, stored.clone()))).collect();
        self.with(format!("{}{prefix}", self.prefix), stored)
    }

    /// The same under other names.
    ///
    /// ```
    /// # use featuremap::{Linear, Sequential, Weights};
    /// # let saved = Sequential::<f32>::new().push_named("module.fc", Linear::new([[1., 2.]])).to_safetensors()?;
    /// let weights = Weights::from_bytes(saved)?.renamed(|name| name.replace("module.", ""))?;
    /// assert_eq!(weights.names().collect::<Vec<_>>(), ["fc.weight"]);
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] where two get one name.
    pub fn renamed(&self, mut rename: impl FnMut(&str) -> String) -> Result<Self> {
        let mut renamed = BTreeMap::new();
        for (name, stored) in &self.stored {
            let name = rename(name);
            if renamed.contains_key(&name) {
                let reason = "is there twice: two were renamed to it";
                return Err(self.in_file(Error::Parameter { name, reason }));
            }
            renamed.insert(name, stored.clone());
        }
        Ok(self.with(self.prefix.clone(), renamed))
    }

    /// The same file with these of its tensors.
    fn with(&self, prefix: String, stored: BTreeMap<String, Stored>) -> Self {
        Self { bytes: self.bytes.clone(), file: self.file.clone(), prefix, stored, strict: self.strict }
    }

    /// If true, as it is unless given, loading a network fails where a parameter is missing, and where the file has a tensor of floats more;
    /// tensors of integers, as `num_batches_tracked`, are always left out. If false, parameters that are missing stay as they were, and
    /// [`load_weights`](crate::Sequential::load_weights) says which.
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// The names of all tensors, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.stored.keys().map(String::as_str)
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.stored.get(name).map(|stored| &stored.shape[..])
    }

    /// A tensor of floats.
    ///
    /// # Errors
    ///
    /// [`Error::MissingParameter`] if there is none of this name, [`Error::ParameterType`] for one that is not of floats,
    /// [`Error::OutOfMemory`]; with the file's name, as [`Error::InFile`].
    pub fn tensor<T: Float>(&self, name: &str) -> Result<Tensor<T>> {
        let stored = self.stored.get(name).ok_or_else(|| self.in_file(self.missing(name)))?;
        self.read(name, stored).map_err(|error| self.in_file(error))
    }

    fn read<T: Float>(&self, name: &str, stored: &Stored) -> Result<Tensor<T>> {
        let count = element_count::<T>(&stored.shape)?;
        let mut numbers = Vec::new();
        let refused = |_| Error::OutOfMemory { bytes: count * size_of::<T>(), shape: stored.shape.clone() };
        numbers.try_reserve_exact(count).map_err(refused)?;
        stored.numbers.read(&self.full(name), self.bytes_of(stored), &mut |number| numbers.push(number))?;
        Tensor::from_vec(&stored.shape, numbers)
    }

    /// The bytes of a tensor, which are within the file: that was checked when it was read.
    fn bytes_of(&self, stored: &Stored) -> &[u8] {
        self.bytes.get(stored.place.clone()).unwrap_or_default()
    }

    /// The filters or weights of a layer, of this rank, and its bias, if it has one.
    fn layer<T: Float>(&self, layer: &str, rank: usize, expected: &str) -> Result<(Tensor<T>, Option<Tensor<T>>)> {
        let (weight, bias) = (format!("{layer}.weight"), format!("{layer}.bias"));
        if let Some(found) = self.shape(&weight)
            && found.len() != rank
        {
            let (what, found) = (format!("parameter {}", self.full(&weight)), found.to_vec());
            return Err(self.in_file(Error::Rank { what, expected: format!("of rank {rank} {expected}"), found }));
        }
        let bias = if self.stored.contains_key(&bias) { Some(self.tensor(&bias)?) } else { None };
        Ok((self.tensor(&weight)?, bias))
    }

    fn conv<T: Float, const N: usize>(&self, layer: &str) -> Result<Conv<T, N>> {
        let (filters, bias) = self.layer::<T>(layer, N + 2, "[out_channels, channels / groups, spatial]")?;
        let conv = Conv::new(filters);
        Ok(match bias {
            Some(bias) => conv.bias(bias),
            None => conv,
        })
    }

    fn conv_transpose<T: Float, const N: usize>(&self, layer: &str) -> Result<ConvTranspose<T, N>> {
        let (filters, bias) = self.layer::<T>(layer, N + 2, "[channels, out_channels / groups, spatial]")?;
        let conv = ConvTranspose::new(filters);
        Ok(match bias {
            Some(bias) => conv.bias(bias),
            None => conv,
        })
    }

    /// A dense layer from `layer.weight`, `[outputs, inputs]`, and `layer.bias`, if that is there.
    ///
    /// # Errors
    ///
    /// As [`tensor`](Self::tensor); [`Error::Rank`] for weights of another rank.
    pub fn linear<T: Float>(&self, layer: &str) -> Result<Linear<T>> {
        let (weights, bias) = self.layer::<T>(layer, 2, "[outputs, inputs]")?;
        let linear = Linear::new(weights);
        Ok(match bias {
            Some(bias) => linear.bias(bias),
            None => linear,
        })
    }

    /// A batch norm from `layer.running_mean` and `layer.running_var`, and from `layer.weight` and `layer.bias`, if these are there. Its
    /// epsilon is not in the file: it is PyTorch's unless [`epsilon`](BatchNorm::epsilon) is called.
    ///
    /// ```
    /// # use featuremap::{BatchNorm2d, Module, Sequential, Tensor, Weights};
    /// # let saved = Sequential::<f32>::new().push_named("bn1", BatchNorm2d::new([1., 2.], [4., 4.])).to_safetensors()?;
    /// let weights = Weights::from_bytes(saved)?;
    /// let norm: BatchNorm2d = weights.batch_norm("bn1")?;
    /// let maps = norm.epsilon(0.).forward([[[[5.]], [[4.]]]])?;
    /// assert_eq!(maps, Tensor::from([[[[2.]], [[1.]]]]));
    /// # Ok::<(), featuremap::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`tensor`](Self::tensor).
    pub fn batch_norm<T: Float, const N: usize>(&self, layer: &str) -> Result<BatchNorm<T, N>> {
        let [weight, bias, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(|name| format!("{layer}.{name}"));
        let mut norm = BatchNorm::new(self.tensor::<T>(&mean)?, self.tensor::<T>(&variance)?);
        if self.stored.contains_key(&weight) {
            norm = norm.weight(self.tensor::<T>(&weight)?);
        }
        if self.stored.contains_key(&bias) {
            norm = norm.bias(self.tensor::<T>(&bias)?);
        }
        Ok(norm)
    }

    /// The name of a tensor in the file, as far as it has not been renamed.
    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn missing(&self, name: &str) -> Error {
        let found = self.stored.keys().map(|name| self.full(name)).collect();
        Error::MissingParameter { name: self.full(name), found }
    }

    /// An error with the name of the file, where it has one.
    fn in_file(&self, source: Error) -> Error {
        match &self.file {
            Some(file) => Error::InFile { file: file.clone(), source: Box::new(source) },
            None => source,
        }
    }
}

macro_rules! convolutions {
    ($($method:ident $type:ident $what:literal $by:ident,)*) => {
        /// Layers from the shapes in the file. Stride, padding and the like are not in it: give them as to a layer of your own.
        impl Weights {$(
            #[doc = concat!("A ", $what, " from `layer.weight` and `layer.bias`, if that is there: a [`", stringify!($type), "`].")]
            ///
            /// # Errors
            ///
            /// As [`tensor`](Self::tensor); [`Error::Rank`] for filters of another rank.
            pub fn $method<T: Float>(&self, layer: &str) -> Result<$type<T>> {
                self.$by(layer)
            }
        )*}
    };
}

convolutions! {
    conv1d Conv1d "convolution over one axis" conv,
    conv2d Conv2d "convolution over two axes" conv,
    conv3d Conv3d "convolution over three axes" conv,
    conv_transpose1d ConvTranspose1d "transposed convolution over one axis" conv_transpose,
    conv_transpose2d ConvTranspose2d "transposed convolution over two axes" conv_transpose,
    conv_transpose3d ConvTranspose3d "transposed convolution over three axes" conv_transpose,
}

/// What errors call bytes in memory.
const IN_MEMORY: &str = "safetensors";

fn file_error(file: &str, reason: &impl ToString) -> Error {
    Error::File { file: file.into(), reason: reason.to_string() }
}

/// The tensors in the bytes of a file, each of which lies within them.
fn stored(file: &str, bytes: &[u8]) -> Result<BTreeMap<String, Stored>> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| match other_format(bytes) {
        Some(format) => file_error(file, &format!("{format}, not a file in the safetensors format")),
        None => file_error(file, &format!("not a file in the safetensors format: {error}")),
    })?;
    // Behind the length of the header and the header.
    let start = size_of::<u64>() + header;
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let place = start + info.data_offsets.0..start + info.data_offsets.1;
        (name, Stored { shape: info.shape.clone(), numbers: NumberFormat::of(info.dtype), place })
    });
    Ok(tensors.collect())
}
