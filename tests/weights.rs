//! `Weights`: layers and networks from the tensors of a file.
//!
//! Edge cases: floats of all sizes into networks of `f32` and `f64`; numbers that the network's type cannot hold; counters beside
//! parameters, and a counter where a parameter is asked for; prefixes with and without a dot, within others, and of nothing; two
//! names made one; networks with more and with fewer layers than the file; layers of the wrong rank; files cut off anywhere, with
//! tensors that overlap, leave gaps or lie outside, and with names that are no names.
#![cfg(feature = "safetensors")]

use std::path::PathBuf;

use featuremap::{BatchNorm2d, Conv2d, Error, Linear, Module, Relu, Sequential, Tensor, Unmatched, Weights};
use ndarray::{Array1, Array2, Array4};

/// A tensor for a file: its name, its type, its shape and its bytes.
type Entry<'a> = (&'a str, &'a str, &'a [usize], Vec<u8>);

/// A file of these tensors, one behind the other.
fn file(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut header, mut data) = (Vec::new(), Vec::new());
    for (name, dtype, shape, bytes) in entries {
        let (start, end) = (data.len(), data.len() + bytes.len());
        header.push(format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#));
        data.extend(bytes);
    }
    with_header(&format!("{{{}}}", header.join(",")), &data)
}

fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&u64::try_from(header.len()).unwrap().to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn singles(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn doubles(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn halves(bits: &[u16]) -> Vec<u8> {
    bits.iter().flat_map(|bits| bits.to_le_bytes()).collect()
}

fn weights(entries: &[Entry<'_>]) -> Weights {
    Weights::from_bytes(file(entries)).unwrap()
}

/// A file on disk, for as long as this lives.
struct OnDisk(PathBuf);

impl OnDisk {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("featuremap-{}-{name}.safetensors", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn message(&self, rest: &str) -> String {
        format!("{}: {rest}", self.0.display())
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn floats_of_any_size_become_those_of_the_layer() {
    let file = weights(&[
        ("double", "F64", &[2], doubles(&[1.5, -1e300])),
        ("single", "F32", &[2], singles(&[1.5, -0.1])),
        ("half", "F16", &[4], halves(&[0x3e00, 0xc000, 0x0001, 0xfc00])),
        ("brain", "BF16", &[3], halves(&[0x3fc0, 0xc000, 0x7f80])),
    ]);
    assert_eq!(file.tensor::<f64>("double").unwrap(), Tensor::from([1.5, -1e300]));
    assert_eq!(file.tensor::<f32>("double").unwrap(), Tensor::from([1.5, f32::NEG_INFINITY]));
    assert_eq!(file.tensor::<f32>("single").unwrap(), Tensor::from([1.5, -0.1]));
    assert_eq!(file.tensor::<f64>("single").unwrap(), Tensor::from([1.5, f64::from(-0.1_f32)]));
    assert_eq!(file.tensor::<f32>("half").unwrap(), Tensor::from([1.5, -2.0, 2_f32.powi(-24), f32::NEG_INFINITY]));
    assert_eq!(file.tensor::<f64>("brain").unwrap(), Tensor::from([1.5, -2.0, f64::INFINITY]));
    assert_eq!(file.names().collect::<Vec<_>>(), ["brain", "double", "half", "single"]);
    assert_eq!((file.shape("half"), file.shape("quarter")), (Some(&[4][..]), None));
}

#[test]
fn layers_have_the_shapes_of_the_file() {
    let numbers = |count: usize| singles(&(0..count).map(|number| number as f32 / 8.0).collect::<Vec<_>>());
    let file = weights(&[
        ("one.weight", "F32", &[2, 1, 3], numbers(6)),
        ("two.weight", "F32", &[2, 1, 3, 1], numbers(6)),
        ("two.bias", "F32", &[2], numbers(2)),
        ("three.weight", "F32", &[2, 1, 1, 3, 1], numbers(6)),
        ("fc.weight", "F32", &[2, 3], numbers(6)),
        ("fc.bias", "F32", &[2], numbers(2)),
    ]);
    let eighths: Vec<f32> = (0_u8..6).map(|number| f32::from(number) / 8.0).collect();
    let filters = |shape: &[usize]| Tensor::from_vec(shape, eighths.clone()).unwrap();
    assert_eq!(file.conv1d("one").unwrap(), featuremap::Conv1d::new(filters(&[2, 1, 3])));
    assert_eq!(file.conv2d("two").unwrap(), Conv2d::new(filters(&[2, 1, 3, 1])).bias([0.0, 0.125]));
    assert_eq!(file.conv3d("three").unwrap(), featuremap::Conv3d::new(filters(&[2, 1, 1, 3, 1])));
    assert_eq!(file.linear("fc").unwrap(), Linear::new(filters(&[2, 3])).bias([0.0, 0.125]));
    let upsampled = file.conv_transpose2d::<f32>("two").unwrap().stride(2).forward(Array4::ones((1, 2, 2, 2)));
    assert!(matches!(upsampled, Err(Error::Bias { expected: 1, .. })));
    assert!(file.conv_transpose1d::<f64>("one").unwrap().forward(Array2::ones((2, 4))).is_ok());
    assert!(file.conv_transpose3d::<f32>("three").is_ok());
    // Stride and padding are given to them as to any other.
    let network = Sequential::new().push(file.conv2d("two").unwrap().padding(1).stride((2, 1))).push(Relu);
    assert_eq!(network.forward(Array4::<f32>::ones((1, 1, 5, 5))).unwrap().shape(), [1, 2, 3, 7]);

    let message = |error: Result<Conv2d, Error>| error.unwrap_err().to_string();
    assert_eq!(
        message(file.conv2d("one")),
        "parameter one.weight must be of rank 4 [out_channels, channels / groups, spatial]; found rank 3 with shape [2, 1, 3]"
    );
    assert_eq!(
        message(file.within("two").conv2d("conv")),
        "there is no parameter two.conv.weight; there are two.bias, two.weight"
    );
    assert_eq!(message(file.within("four").conv2d("conv")), "there is no parameter four.conv.weight; there are none");
}

/// What PyTorch saves of a convolution and a batch normalisation.
fn counted() -> Vec<u8> {
    file(&[
        ("conv.weight", "F16", &[1, 1, 1, 2], halves(&[0x3c00, 0x4000])),
        ("bn.num_batches_tracked", "I64", &[], 7_i64.to_le_bytes().to_vec()),
        ("bn.mask", "BOOL", &[2], vec![0, 1]),
    ])
}

fn network(name: &str) -> Sequential {
    Sequential::new().push_named(name, Conv2d::new(Array4::zeros((1, 1, 1, 2))))
}

#[test]
fn counters_beside_parameters_are_left_alone() {
    let mut model = network("conv");
    model.load_safetensors(&counted()).unwrap();
    assert_eq!(model.forward([[1.0, 10.0]]).unwrap(), Tensor::from([[[21.0]]]));
    let unmatched = model.load_weights(&Weights::from_bytes(counted()).unwrap().strict(false)).unwrap();
    assert_eq!(unmatched, Unmatched::default());

    // Where a layer asks for one, it is no float.
    let asked = file(&[("conv.weight", "I64", &[1, 1, 1, 2], vec![0; 16])]);
    let error = network("conv").load_safetensors(&asked).unwrap_err();
    assert_eq!(error.to_string(), "parameter conv.weight must be of type F64, F32, F16 or BF16; found I64");
    let error = Weights::from_bytes(asked).unwrap().within("conv").tensor::<f32>("weight").unwrap_err();
    assert_eq!(error.to_string(), "parameter conv.weight must be of type F64, F32, F16 or BF16; found I64");
    // A float of 8 bits is a parameter that was meant for somebody.
    let small = file(&[("conv.weight", "F32", &[1, 1, 1, 2], vec![0; 8]), ("conv.scale", "F8_E4M3", &[1], vec![0])]);
    let error = network("conv").load_safetensors(&small).unwrap_err();
    assert_eq!(error.to_string(), "the parameters do not fit the network: unexpected conv.scale");
}

#[test]
fn what_fits_is_loaded_where_not_all_must() {
    let saved = file(&[("a.weight", "F32", &[1, 1], singles(&[3.0])), ("b.weight", "F32", &[1, 1], singles(&[5.0]))]);
    let layer = || Linear::new(Array2::<f32>::ones((1, 1)));
    let mut model = Sequential::new().push_named("a", layer()).push_named("c", layer());
    let strict = Weights::from_bytes(saved).unwrap();
    let (missing, unexpected) = (vec!["c.weight".to_string()], vec!["b.weight".to_string()]);
    let names = Error::ParameterNames { missing: missing.clone(), unexpected: unexpected.clone() };
    assert_eq!(model.load_weights(&strict), Err(names));
    assert_eq!(model.forward([1.0]).unwrap(), Tensor::from([1.0]));

    let mut plan = model.plan(&[1]).unwrap();
    assert_eq!(model.load_weights(&strict.clone().strict(false)), Ok(Unmatched { missing, unexpected }));
    assert_eq!(model.forward([1.0]).unwrap(), Tensor::from([3.0]));
    assert_eq!(plan.run([1.0], &mut [0.0][..]), Err(Error::Outdated));

    // A shape that does not fit is a mistake in any case, and nothing is loaded then.
    let mut model =
        Sequential::new().push_named("a", layer()).push_named("b", Linear::new(Array2::<f32>::ones((1, 2))));
    assert!(matches!(model.load_weights(&strict.strict(false)), Err(Error::ParameterShape { .. })));
    for (name, values) in model.parameters() {
        assert_eq!(values.to_tensor(), values.to_tensor().map(|_| 1.0), "{name}");
    }
}

#[test]
fn names_are_taken_apart_and_changed() {
    let one = || singles(&[2.0]);
    let file = weights(&[
        ("module.net.fc.gamma", "F32", &[1, 1], one()),
        ("module.netto", "F32", &[1], one()),
        ("step", "F32", &[1], one()),
    ]);
    let names = |weights: &Weights| weights.names().map(String::from).collect::<Vec<_>>();
    assert_eq!(names(&file.within("module")), ["net.fc.gamma", "netto"]);
    assert_eq!(names(&file.within("module.")), ["net.fc.gamma", "netto"]);
    assert_eq!(names(&file.within("module").within("net")), ["fc.gamma"]);
    assert_eq!(names(&file.within("")), names(&file));
    assert!(names(&file.within("mod")).is_empty());

    let net = file.within("module.net").renamed(|name| name.replace("gamma", "weight")).unwrap();
    assert_eq!(net.linear("fc").unwrap(), Linear::new([[2.0_f32]]));
    let mut model = Sequential::<f64>::default().push_named("fc", Linear::new([[0.0]]));
    model.load_weights(&net).unwrap();
    assert_eq!(model.forward([1.0]).unwrap(), Tensor::from([2.0]));

    let error = file.renamed(|_| "weight".into()).unwrap_err();
    assert_eq!(error.to_string(), "parameter weight is there twice: two were renamed to it");
}

#[test]
fn errors_name_the_file() {
    let saved = OnDisk::new("names", &counted());
    let weights = Weights::open(&saved.0).unwrap();
    let missing =
        saved.message("there is no parameter fc.weight; there are bn.mask, bn.num_batches_tracked, conv.weight");
    assert_eq!(weights.linear::<f32>("fc").unwrap_err().to_string(), missing);
    let error = network("conv2").load(&saved.0).unwrap_err();
    let names = "the parameters do not fit the network: missing conv2.weight; unexpected conv.weight";
    assert_eq!(error.to_string(), saved.message(names));
    assert!(matches!(error, Error::InFile { source, .. } if matches!(*source, Error::ParameterNames { .. })));
    let mut wide = Sequential::new().push_named("conv", Conv2d::new(Array4::<f32>::zeros((1, 1, 2, 2))));
    let shape = "parameter conv.weight must have shape [1, 1, 2, 2]; found [1, 1, 1, 2]";
    assert_eq!(wide.load(&saved.0).unwrap_err().to_string(), saved.message(shape));
    let cut = OnDisk::new("cut", &counted()[..40]);
    assert!(
        Weights::open(&cut.0)
            .unwrap_err()
            .to_string()
            .starts_with(&cut.message("not a file in the safetensors format: "))
    );
    assert!(matches!(Weights::open("no/such/file"), Err(Error::File { .. })));
    // Many names are not all told.
    let many = (0..20).map(|number| (format!("w{number:02}"), Array1::<f32>::zeros(1)));
    let many = many.fold(Sequential::new(), |model, (name, bias)| {
        model.push_named(name, Linear::new(Array2::<f32>::zeros((1, 1))).bias(bias))
    });
    let many = Weights::from_bytes(many.to_safetensors().unwrap()).unwrap();
    let error = many.tensor::<f32>("x").unwrap_err().to_string();
    assert!(error.ends_with("w03.bias, w03.weight and 32 more"), "{error}");
}

/// An error, however it is read.
#[track_caller]
fn refused(bytes: &[u8]) {
    let error = Weights::from_bytes(bytes).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
}

#[test]
fn hostile_files_are_refused() {
    let whole = counted();
    (0..whole.len()).for_each(|length| refused(&whole[..length]));
    refused(&[&whole[..], &[0]].concat());
    let entry = |name: &str, start: u64, end: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":[{start},{end}]}}"#)
    };
    // Two tensors in one place, partly or wholly; a gap; one outside; one that ends before it starts.
    for places in
        [[0, 8, 4, 12], [0, 8, 0, 8], [0, 8, 12, 20], [0, 8, 16, 24], [8, 0, 8, 16], [u64::MAX - 7, u64::MAX, 0, 8]]
    {
        let header = format!("{{{},{}}}", entry("a", places[0], places[1]), entry("b", places[2], places[3]));
        refused(&with_header(&header, &[0; 16]));
    }
    // A header that promises more than there is, or more numbers than bytes.
    for length in [17, 1 << 30, 1 << 40, u64::MAX] {
        refused(&[&length.to_le_bytes()[..], b"{}              "].concat());
    }
    let vast = r#"{"w":{"dtype":"F32","shape":[65536,65536,65536,65536],"data_offsets":[0,0]}}"#;
    refused(&with_header(vast, &[]));
    refused(&with_header(&format!("{{{}", "[".repeat(1 << 20)), &[]));
    refused(&with_header("\u{0}", &[]));
}

#[test]
fn empty_tensors_of_vast_shapes_take_no_memory() {
    let shapes = [r"[0]", r"[0,1000000000000]", r"[1000000000000,0,4]"];
    for shape in shapes {
        let header = format!(r#"{{"fc.weight":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}"#);
        let Ok(weights) = Weights::from_bytes(with_header(&header, &[])) else { continue };
        let tensor = weights.tensor::<f64>("fc.weight").unwrap();
        assert_eq!((tensor.len(), weights.shape("fc.weight")), (0, Some(tensor.shape())));
        if let Ok(linear) = weights.linear::<f32>("fc") {
            assert!(linear.forward([1.0]).is_err());
        }
    }
}

#[test]
fn a_damaged_file_never_panics() {
    let whole = counted();
    for place in 0..whole.len() {
        for byte in [0, b'"', b'9', b'{', b'[', b'-', 255] {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            let Ok(weights) = Weights::from_bytes(bytes) else { continue };
            for name in weights.names() {
                let _ = (weights.tensor::<f32>(name), weights.within(name));
            }
            let _ = (weights.conv2d::<f64>("conv"), network("conv").load_weights(&weights.strict(false)));
        }
    }
}

#[test]
fn a_batch_norm_is_read_with_what_it_has() {
    let statistics = [
        ("bn.running_mean", "F32", &[2][..], singles(&[1., 2.])),
        ("bn.running_var", "F32", &[2], singles(&[4., 16.])),
    ];
    let trained =
        [("bn.weight", "F64", &[2][..], doubles(&[2., 8.])), ("bn.bias", "F16", &[2], halves(&[0x3e00, 0xc000]))];
    let counter = ("bn.num_batches_tracked", "I64", &[][..], 7_i64.to_le_bytes().to_vec());
    let pixels = Tensor::from([[[[5., 1.]], [[6., 2.]]]]);
    let normed = |entries: &[Entry<'_>]| -> Result<Tensor, Error> {
        let norm: BatchNorm2d = weights(entries).batch_norm("bn")?;
        norm.epsilon(0.).forward(&pixels)
    };
    let plain = [&statistics[..], std::slice::from_ref(&counter)].concat();
    assert_eq!(normed(&plain).unwrap(), Tensor::from([[[[2., 0.]], [[1., 0.]]]]));
    let whole = [&statistics[..], &trained, &[counter]].concat();
    assert_eq!(normed(&whole).unwrap(), Tensor::from([[[[5.5, 1.5]], [[6., -2.]]]]));
    let error = normed(&statistics[..1]).unwrap_err();
    assert!(matches!(&error, Error::MissingParameter { name, .. } if name == "bn.running_var"), "{error}");
}
