//! Cases in a file of the safetensors format: see `cases.py`.

use std::collections::BTreeMap;

use featuremap::onnx::Model;
use featuremap::{AsView, Error, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Of constants and of values, in a case: some of the light models have weights of several hundred megabytes, of one number each.
const MEMORY: usize = 3 << 30;

pub(crate) struct Case {
    pub(crate) name: String,
    /// Empty for a model of several.
    pub(crate) operator: String,
    model: Vec<u8>,
    inputs: Vec<(String, Numbers)>,
    outputs: Vec<Numbers>,
}

/// A tensor of a case, and whether its numbers are floats in the file.
struct Numbers {
    values: Tensor<f64>,
    are_floats: bool,
}

/// How far a case can be run.
pub(crate) enum Passed {
    AsIs,
    /// With all but its first input as constants.
    WithConstants,
    /// With all inputs as constants.
    AsConstants,
    /// Not at all, for this reason.
    Refused(String),
}

/// Which inputs are constants.
#[derive(Clone, Copy, PartialEq)]
enum Fixed {
    Integers,
    AllButFirst,
    All,
}

impl Case {
    pub(crate) fn read_all(file: &str) -> Outcome<Vec<Self>> {
        let bytes = std::fs::read(file)?;
        let stored = SafeTensors::deserialize(&bytes)?;
        let mut cases: BTreeMap<String, Self> = BTreeMap::new();
        let mut names = stored.names();
        names.sort_unstable();
        for key in names {
            let tensor = stored.tensor(key)?;
            let mut parts = key.splitn(4, '/');
            let (name, kind) = (parts.next().unwrap_or_default(), parts.next());
            let (number, label) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let (operator, model, inputs, outputs) = (String::new(), Vec::new(), Vec::new(), Vec::new());
            let empty = Self { name: name.into(), operator, model, inputs, outputs };
            let case = cases.entry(name.into()).or_insert(empty);
            let number: usize = number.parse().unwrap_or(0);
            match kind {
                Some("model") => (case.model, case.operator) = (tensor.data().to_vec(), label.into()),
                // In the order of text, 10 comes before 2.
                Some("input") => {
                    let place = number.min(case.inputs.len());
                    case.inputs.insert(place, (label.into(), Numbers::read(&tensor)?));
                }
                Some("output") => {
                    let place = number.min(case.outputs.len());
                    case.outputs.insert(place, Numbers::read(&tensor)?);
                }
                _ => return Err(format!("{key} is no part of a case").into()),
            }
        }
        Ok(cases.into_values().collect())
    }

    pub(crate) fn run(&self) -> Outcome<Passed> {
        let mut first = None;
        for fixed in [Fixed::Integers, Fixed::AllButFirst, Fixed::All] {
            if fixed == Fixed::AllButFirst && self.inputs.len() < 2 {
                continue;
            }
            match self.computed(fixed)? {
                Ok(()) if fixed == Fixed::All => return Ok(Passed::AsConstants),
                Ok(()) => {
                    // What is known beforehand must be computed to the same, or refused.
                    if let Err(reason) = self.computed(Fixed::All)? {
                        let is_refusal = reason.starts_with("node ");
                        if !is_refusal {
                            return Err(format!("with all inputs known: {reason}").into());
                        }
                    }
                    return Ok(if fixed == Fixed::Integers { Passed::AsIs } else { Passed::WithConstants });
                }
                Err(reason) => {
                    first.get_or_insert(reason);
                }
            }
        }
        Ok(Passed::Refused(first.unwrap_or_default()))
    }

    /// Whether the outputs are those of the case; inside, why the model is refused.
    fn computed(&self, fixed: Fixed) -> Outcome<Result<(), String>> {
        let refused = |error: Error| match &error {
            Error::Operator { .. } | Error::Layer { .. } | Error::Input { .. } | Error::File { .. } => {
                Ok(Err(error.to_string()))
            }
            _ => Err(error.into()),
        };
        let mut model = match Model::from_bytes(self.model.clone()) {
            Ok(model) => model.memory_limit(MEMORY),
            Err(error) => return refused(error),
        };
        let mut given: Vec<Tensor<f32>> = Vec::new();
        for (number, (name, numbers)) in self.inputs.iter().enumerate() {
            let is_fixed = fixed == Fixed::All || (fixed == Fixed::AllButFirst && number > 0);
            #[allow(clippy::cast_possible_truncation, reason = "as the file has them")]
            match (numbers.are_floats, is_fixed) {
                (true, false) => given.push(numbers.values.map(|&value| value as f32)),
                (true, true) => model = model.fix(name, &numbers.values.map(|&value| value as f32))?,
                (false, _) => model = model.fix_integers(name, &numbers.values.map(|&value| value as i64))?,
            }
        }
        let shapes: Vec<&[usize]> = given.iter().map(Tensor::shape).collect();
        let network = match model.network(&shapes) {
            Ok(network) => network,
            Err(error) => return refused(error),
        };
        let inputs: Vec<&dyn AsView<f32>> = given.iter().map(|tensor| tensor as &dyn AsView<f32>).collect();
        let outputs = network.run(&inputs)?;
        for (number, (found, expected)) in outputs.iter().zip(&self.outputs).enumerate() {
            compare(found, &expected.values).map_err(|error| format!("output {number}: {error}"))?;
        }
        if outputs.len() < self.outputs.len() {
            return Err(format!("{} outputs instead of {}", outputs.len(), self.outputs.len()).into());
        }
        Ok(Ok(()))
    }
}

/// Within the tolerance of ONNX's own tests.
fn compare(found: &Tensor<f32>, expected: &Tensor<f64>) -> Outcome {
    if found.shape() != expected.shape() {
        return Err(format!("shape {:?} instead of {:?}", found.shape(), expected.shape()).into());
    }
    for (place, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        // A network computes with f32, where some of the cases have f64 that no f32 is near.
        #[allow(clippy::cast_possible_truncation, reason = "the nearest f32 is meant")]
        let (found, expected) = (f64::from(found), f64::from(expected as f32));
        let is_close = (found - expected).abs() <= 1e-7 + 1e-3 * expected.abs();
        #[allow(clippy::float_cmp, reason = "infinite numbers are equal, or not")]
        if !is_close && found != expected && !(found.is_nan() && expected.is_nan()) {
            return Err(format!("{found} instead of {expected} at place {place}").into());
        }
    }
    Ok(())
}

impl Numbers {
    fn read(tensor: &TensorView<'_>) -> Outcome<Self> {
        let bytes = tensor.data();
        let values: Vec<f64> = match tensor.dtype() {
            Dtype::F64 => bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect(),
            Dtype::F32 => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect(),
            Dtype::F16 => bytes.as_chunks().0.iter().map(|&bytes| half(u16::from_le_bytes(bytes))).collect(),
            #[allow(clippy::cast_precision_loss, reason = "sizes and places are small")]
            Dtype::I64 => bytes.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes) as f64).collect(),
            #[allow(clippy::cast_precision_loss, reason = "sizes and places are small")]
            Dtype::U64 => bytes.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes) as f64).collect(),
            Dtype::I32 => bytes.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes).into()).collect(),
            Dtype::U32 => bytes.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes).into()).collect(),
            Dtype::I16 => bytes.as_chunks().0.iter().map(|&bytes| i16::from_le_bytes(bytes).into()).collect(),
            Dtype::U16 => bytes.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes).into()).collect(),
            Dtype::I8 => bytes.as_chunks().0.iter().map(|&bytes| i8::from_le_bytes(bytes).into()).collect(),
            Dtype::U8 => bytes.iter().map(|&byte| byte.into()).collect(),
            other => return Err(format!("no numbers of type {other:?}").into()),
        };
        let are_floats = matches!(tensor.dtype(), Dtype::F64 | Dtype::F32 | Dtype::F16);
        Ok(Self { values: Tensor::from_vec(tensor.shape(), values)?, are_floats })
    }
}

/// The value of a float of 16 bits.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let value = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -value } else { value }
}
