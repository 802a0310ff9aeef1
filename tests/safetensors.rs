//! Parameters from and to files: what is saved can be loaded, to the bit; what is not a file, or one of another network, is an error
//! and changes nothing.
//!
//! Edge cases: `f32` and `f64`, numbers that are none, parameters without elements, filters that lie turned around, networks within
//! networks; files cut off anywhere; headers of giant lengths, giant shapes, offsets beyond the data, and whole numbers; names that are
//! missing, and names that nobody has asked for; any bytes at all.
#![cfg(feature = "safetensors")]

use featuremap::{Conv2d, Element, Error, Float, Linear, MaxPool2d, Module, Relu, Sequential, Tensor};
use ndarray::{Array, Array1, Array2, Array4, Dimension, ShapeBuilder};
use proptest::prelude::*;

fn numbers<T: Element + From<f32>, D: Dimension>(shape: impl ShapeBuilder<Dim = D>, factor: f32) -> Array<T, D> {
    let mut place = 0.0;
    Array::from_shape_simple_fn(shape, || {
        place += 1.0;
        (place * factor).into()
    })
}

fn network<T: Float<Sum = T> + From<f32>>(factor: f32) -> Sequential<T> {
    let conv = Conv2d::new(numbers::<T, _>((4, 2, 3, 3), factor)).bias(numbers::<T, _>(4, -factor));
    let block = Sequential::default().push(conv.flipped()).push(Relu).push(MaxPool2d::new(2));
    let dense = Linear::new(numbers::<T, _>((3, 4), factor)).bias(numbers::<T, _>(3, factor));
    Sequential::default().push_named("block", block).push(dense).push(Linear::new(numbers::<T, _>((0, 3), factor)))
}

#[test]
fn what_is_saved_can_be_loaded() {
    fn check<T: Float<Sum = T> + From<f32>>() {
        let saved = network::<T>(0.7).to_safetensors().unwrap();
        let mut other = network::<T>(0.0);
        assert_ne!(other.to_safetensors().unwrap(), saved);
        other.load_safetensors(&saved).unwrap();
        assert_eq!(other.to_safetensors().unwrap(), saved);
        let expected = network::<T>(0.7);
        for ((name, found), (expected_name, expected)) in other.parameters().into_iter().zip(expected.parameters()) {
            assert_eq!((&name, found.shape()), (&expected_name, expected.shape()));
            assert!(found.iter().eq(expected.iter()), "{name}");
        }
    }
    check::<f32>();
    check::<f64>();
    let names = network::<f32>(1.0).parameters().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names, ["block.0.weight", "block.0.bias", "1.weight", "1.bias", "2.weight"]);
}

#[test]
fn numbers_that_are_none_are_kept() {
    let odd = [f32::NAN, f32::INFINITY, -0.0, f32::MIN_POSITIVE / 2.0, f32::MAX];
    let odd = Array1::from_iter(odd).insert_axis(ndarray::Axis(0));
    let saved = Sequential::new().push(Linear::new(odd.clone())).to_safetensors().unwrap();
    let mut other = Sequential::new().push(Linear::new(Array2::<f32>::zeros((1, 5))));
    other.load_safetensors(&saved).unwrap();
    for (found, expected) in other.parameters()[0].1.iter().zip(&odd) {
        assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan());
    }
}

#[test]
fn a_loaded_network_computes_with_what_was_loaded() {
    let image = numbers::<f32, _>((1, 2, 5, 5), 0.01);
    let mut conv = Sequential::new().push(Conv2d::new(Array4::<f32>::zeros((4, 2, 3, 3))));
    // Weights that were prepared for the zeros are of no use any more.
    conv.plan(&[1, 2, 5, 5]).unwrap();
    let filters = numbers::<f32, _>((4, 2, 3, 3), 0.1);
    let trained = Sequential::new().push(Conv2d::new(filters));
    conv.load_safetensors(&trained.to_safetensors().unwrap()).unwrap();
    assert_eq!(conv.forward(&image).unwrap(), trained.forward(&image).unwrap());
}

#[test]
fn files_are_written_and_read() {
    let path = std::env::temp_dir().join(format!("featuremap-{}.safetensors", std::process::id()));
    network::<f32>(0.7).save(&path).unwrap();
    let mut other = network::<f32>(0.0);
    let loaded = other.load(&path);
    std::fs::remove_file(&path).unwrap();
    loaded.unwrap();
    assert_eq!(other.to_safetensors(), network::<f32>(0.7).to_safetensors());
    assert!(matches!(other.load(&path), Err(Error::File { .. })));
    assert!(matches!(other.save(path.join("within")), Err(Error::File { .. })));
}

/// An error, and the network is as it was.
#[track_caller]
fn refused(bytes: &[u8]) -> Error {
    let mut network = network::<f32>(0.5);
    let before = network.to_safetensors();
    let error = network.load_safetensors(bytes).unwrap_err();
    assert!(!error.to_string().is_empty());
    assert_eq!(network.to_safetensors(), before);
    error
}

/// A file with this header and so many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let length = u64::try_from(header.len()).unwrap().to_le_bytes();
    [&length[..], header.as_bytes(), &vec![0; data]].concat()
}

/// The network's own file with another entry for one of its parameters.
fn with_entry(name: &str, entry: &str) -> Vec<u8> {
    let saved = network::<f32>(0.7).to_safetensors().unwrap();
    let length = usize::try_from(u64::from_le_bytes(saved[..8].try_into().unwrap())).unwrap();
    let header = std::str::from_utf8(&saved[8..8 + length]).unwrap().trim_end();
    let start = header.find(&format!("\"{name}\"")).unwrap();
    let end = start + header[start..].find('}').unwrap() + 1;
    let header = format!("{}{entry}{}", &header[..start], &header[end..]);
    [&u64::try_from(header.len()).unwrap().to_le_bytes()[..], header.as_bytes(), &saved[8 + length..]].concat()
}

#[test]
fn files_cut_off_anywhere_are_errors() {
    let saved = network::<f32>(0.7).to_safetensors().unwrap();
    for length in 0..saved.len() {
        assert!(matches!(refused(&saved[..length]), Error::File { .. }), "{length}");
    }
    let longer = [&saved[..], &[0; 4]].concat();
    assert!(matches!(refused(&longer), Error::File { .. }));
}

#[test]
fn headers_that_promise_too_much_are_errors() {
    for length in [1 << 20, 1 << 40, (1 << 63) - 1, 1 << 63, u64::MAX - 7, u64::MAX] {
        let bytes = [&length.to_le_bytes()[..], b"{}      "].concat();
        assert!(matches!(refused(&bytes), Error::File { .. }), "{length}");
    }
    for entry in [
        r#"{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#,
        r#"{"w":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}}"#,
        r#"{"w":{"dtype":"F32","shape":[99999999999999999999999],"data_offsets":[0,4]}}"#,
        r#"{"w":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#,
        r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
        r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]}}"#,
        r#"{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        r#"{"w":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#,
        r#"{"w":{"dtype":"F32","shape":[1]}}"#,
        r#"{"w":7}"#,
        "[]",
        "",
        "\u{0}",
    ] {
        assert!(matches!(refused(&file(entry, 4)), Error::File { .. }), "{entry}");
    }
    // Brackets within brackets are not followed to the end of the stack.
    assert!(matches!(refused(&file(&"[".repeat(1 << 20), 0)), Error::File { .. }));
}

#[test]
fn files_of_other_networks_are_errors() {
    let all = ["block.0.weight", "block.0.bias", "1.weight", "1.bias", "2.weight"].map(String::from);
    assert_eq!(refused(&file("{}", 0)), Error::ParameterNames { missing: all.to_vec(), unexpected: vec![] });
    let other = Sequential::new().push_named("fc", Linear::new(Array2::<f32>::zeros((3, 4))));
    let unexpected = vec!["fc.weight".into()];
    assert_eq!(refused(&other.to_safetensors().unwrap()), Error::ParameterNames { missing: all.to_vec(), unexpected });
    let renamed = with_entry("1.bias", r#""bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}"#);
    assert!(matches!(refused(&renamed), Error::ParameterNames { .. } | Error::File { .. }));

    let whole = r#""1.bias":{"dtype":"I32","shape":[3],"data_offsets":[0,12]}"#;
    let found = refused(&with_entry("1.bias", whole));
    assert!(matches!(found, Error::ParameterType { .. } | Error::File { .. }), "{found}");
    // The last parameter has another shape: what comes before it is not loaded, either.
    let conv = Conv2d::new(Tensor::<f32>::zeros(&[4, 2, 3, 3]).unwrap()).bias(Array1::zeros(4));
    let last = Linear::new(Array2::<f32>::zeros((1, 3)));
    let dense = Linear::new(Array2::<f32>::zeros((3, 4))).bias(Array1::zeros(3));
    let other = Sequential::new().push_named("block", Sequential::new().push(conv)).push(dense).push(last);
    let error = refused(&other.to_safetensors().unwrap());
    assert!(matches!(&error, Error::ParameterShape { name, .. } if name == "2.weight"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_loaded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        refused(&bytes);
        // Behind a length that fits, they are read as a header.
        let length = u64::try_from(bytes.len()).unwrap();
        refused(&[&length.to_le_bytes()[..], &bytes].concat());
    }

    #[test]
    fn a_damaged_file_never_panics(place in 0..1000_usize, byte in any::<u8>(), length in 0..1000_usize) {
        let mut bytes = network::<f32>(0.7).to_safetensors().unwrap();
        let place = place % bytes.len();
        bytes[place] = byte;
        let mut network = network::<f32>(0.5);
        let before = network.to_safetensors();
        if network.load_safetensors(&bytes).is_err() {
            prop_assert_eq!(network.to_safetensors(), before);
        }
        bytes.truncate(length);
        if let Err(error) = network.load_safetensors(&bytes) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
