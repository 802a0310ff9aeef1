//! What an error says: every variant, word for word, with the axis, what was asked and what was found.
//!
//! Edge cases, in the order of the tests:
//!
//! - **Windows**: zero parameters, each named; empty axes; a window larger than one of two axes; windows on padding
//!   before and after, the first of them named; sizes that cannot be counted, and some that can but not held; ranks.
//! - **Convolutions**: ranks of filters and inputs; channels with each hint and without one; groups that do not divide,
//!   zero of them; bias; padding modes; an output of the wrong shape.
//! - **Transposed convolutions, pools and unpooling**: outputs of no size, output padding, the order of a norm, indices.
//! - **Networks**: dense layers and reshapes; the layer that an error is about, in a network within a network, too; parameters
//!   from a file.

use featuremap::{
    AdaptiveMaxPool2d, Conv2d, ConvTranspose2d, Flatten, GlobalAvgPool, Linear, Lp, LpPool1d, LpPool2d, MaxPool1d,
    MaxPool2d, MaxUnpool1d, Module, Operator, PaddingMode, Relu, Result, Sequential, Tensor, Window,
};
use ndarray::{Array2, array};

/// Larger than any address space.
const GIANT: usize = 1 << 60;
/// More than memory holds, but a length that can be counted with.
const VAST: usize = 1 << 50;

fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    // What `unwrap` prints, and a `main` that returns the error.
    assert_eq!(format!("{error:?}"), error.to_string());
    error.to_string()
}

#[test]
fn messages_about_windows() {
    let window = Window::new([2, 3]);
    assert_eq!(
        message(window.stride([1, 0]).output_size([5, 5])),
        "stride is 0 on spatial axis 1: it must be at least 1"
    );
    assert_eq!(message(Window::new([0]).output_size([5])), "window size is 0 on spatial axis 0: it must be at least 1");
    assert_eq!(
        message(window.dilation([0, 1]).output_size([5, 5])),
        "dilation is 0 on spatial axis 0: it must be at least 1"
    );
    assert_eq!(
        message(AdaptiveMaxPool2d::new([1, 0]).output_shape(&[5, 5])),
        "output size is 0 on spatial axis 1: it must be at least 1"
    );
    assert_eq!(message(window.output_size([5, 0])), "spatial axis 1 of the input is empty");
    assert_eq!(message(GlobalAvgPool::default().output_shape(&[0, 5])), "spatial axis 0 of the input is empty");
    assert_eq!(
        message(window.dilation([1, 4]).padding([(0, 0), (1, 2)]).output_size([5, 5])),
        "window of 9 (size 3, dilation 4) is larger than spatial axis 1: 5 + 1 + 2 padding"
    );
    assert_eq!(
        message(MaxPool2d::new([1, 2]).stride(1).dilation([1, 2]).padding([(0, 0), (3, 0)]).output_shape(&[5, 5])),
        "window 0 on spatial axis 1 covers no pixel: its 2 taps (dilation 2) start at -3 on an input of 5; use less padding"
    );
    assert_eq!(
        message(MaxPool1d::new(1).padding([(0, 3)]).output_shape(&[3])),
        "window 3 on spatial axis 0 covers no pixel: its 1 taps (dilation 1) start at 3 on an input of 3; use less padding"
    );
    assert_eq!(
        message(window.padding([(0, 0), (GIANT * 2, 7)]).output_size([5, 5])),
        format!("padding of a spatial axis is too large: [{}, 7]", GIANT * 2)
    );
    assert_eq!(
        message(Window::new([3]).dilation(GIANT).output_size([5])),
        format!("window size, dilation or length of a spatial axis is too large: [3, {GIANT}, 5]")
    );
    assert_eq!(
        message(Tensor::<f64>::zeros(&[2, VAST])),
        format!("out of memory: {} bytes for shape [2, {VAST}]", 16 * VAST)
    );
    assert_eq!(
        message(Window::new([3, 3]).over(&array![1, 2, 3])),
        "the plane under a window must be of rank 2, one axis for each of the window; found rank 1 with shape [3]"
    );
}

#[test]
fn messages_about_convolutions() {
    let bank = |shape: &[usize]| Conv2d::<f32>::new(Tensor::zeros(shape).unwrap());
    assert_eq!(
        message(bank(&[3]).output_shape(&[5, 5])),
        "filters of a 2-D convolution must be of rank 2 [size], 3 [channels, size] or 4 [filters, channels / groups, size]; \
         found rank 1 with shape [3]"
    );
    assert_eq!(
        message(bank(&[3, 3]).output_shape(&[1, 1, 1, 5, 5])),
        "the input of a 2-D convolution must be of rank 2 [spatial], 3 [channel, spatial] or 4 [batch, channel, spatial]; \
         found rank 5 with shape [1, 1, 1, 5, 5]"
    );
    assert_eq!(
        message(bank(&[3, 3]).output_shape(&[4, 5, 5])),
        "the input has 4 channels, but filters [3, 3] with groups 1 take 1; \
         to filter each channel alone, use groups(4) with filters of shape [4, 1, size]"
    );
    assert_eq!(
        message(bank(&[8, 2, 3, 3]).output_shape(&[8, 5, 5])),
        "the input has 8 channels, but filters [8, 2, 3, 3] with groups 1 take 2; groups(4) would fit"
    );
    assert_eq!(
        message(bank(&[3, 3, 3]).output_shape(&[5, 5])),
        "the input has 1 channels, but filters [3, 3, 3] with groups 1 take 3"
    );
    assert_eq!(
        message(bank(&[8, 2, 3, 3]).groups(3).output_shape(&[6, 5, 5])),
        "8 filters cannot be divided into 3 groups"
    );
    assert_eq!(
        message(bank(&[8, 2, 3, 3]).groups(0).output_shape(&[6, 5, 5])),
        "8 filters cannot be divided into 0 groups"
    );
    assert_eq!(
        message(bank(&[8, 2, 3, 3]).bias(array![1_f32, 2.0]).output_shape(&[2, 5, 5])),
        "the bias must be one number for each of 8 output channels; found shape [2]"
    );
    assert_eq!(
        message(bank(&[3, 3]).padding([(0, 0), (1, 5)]).padding_mode(PaddingMode::Reflect).output_shape(&[5, 5])),
        "reflect padding of 1 before and 5 after does not fit spatial axis 1 of 5: at most 4 on each side"
    );
    assert_eq!(
        message(bank(&[3, 3]).padding(6).padding_mode(PaddingMode::Circular).output_shape(&[5, 5])),
        "circular padding of 6 before and 6 after does not fit spatial axis 0 of 5: at most 5 on each side"
    );
    assert_eq!(
        message(bank(&[3, 3]).padding([(0, 6), (0, 0)]).padding_mode(PaddingMode::Symmetric).output_shape(&[5, 5])),
        "symmetric padding of 0 before and 6 after does not fit spatial axis 0 of 5: at most 5 on each side"
    );
    let mut wrong = array![[0_f32]];
    assert_eq!(
        message(bank(&[3, 3]).forward_into((&Array2::<f32>::ones((4, 5))).into(), (&mut wrong).into())),
        "the output must have shape [2, 3]; found [1, 1]"
    );
}

#[test]
fn messages_about_transposed_convolutions_pools_and_unpooling() {
    let transposed = |shape: &[usize]| ConvTranspose2d::<f32>::new(Tensor::zeros(shape).unwrap());
    assert_eq!(
        message(transposed(&[2, 3, 3]).output_shape(&[5, 5])),
        "filters of a transposed 2-D convolution must be of rank 2 [size] or 4 [channels, outputs / groups, size]; \
         found rank 3 with shape [2, 3, 3]"
    );
    assert_eq!(
        message(transposed(&[3, 2, 3, 3]).groups(2).output_shape(&[3, 5, 5])),
        "3 input channels cannot be divided into 2 groups"
    );
    assert_eq!(
        message(transposed(&[2, 3]).stride(2).padding([(0, 0), (4, 3)]).output_shape(&[1, 3])),
        "transposed output on spatial axis 1 would have 0 pixels: \
         (3 − 1) · stride 2 + window of 3 + output padding 0 − padding 4 − padding 3"
    );
    assert_eq!(
        message(transposed(&[2, 3]).stride(2).dilation([1, 3]).output_padding([2, 2]).output_shape(&[1, 3])),
        "output padding 2 on spatial axis 0 must be smaller than the stride 2 or the dilation 1"
    );
    assert_eq!(
        message(LpPool1d::with(Lp(-2.5), 1).forward(&array![1_f32])),
        "the order of an Lp norm must be positive and finite; found -2.5"
    );
    assert_eq!(
        message(MaxUnpool1d::new(2).forward(&array![1, 2], &array![0_i64, 4])),
        "index 4 at flat position 1 lies outside the output plane of 4 pixels"
    );
    assert_eq!(
        message(MaxUnpool1d::new(2).forward(&array![1, 2], &array![0_i64])),
        "the indices of an unpooling must have shape [2]; found [1]"
    );
}

#[test]
fn messages_about_dense_layers_and_reshapes() {
    let dense = |shape: &[usize]| Linear::<f32>::new(Tensor::zeros(shape).unwrap());
    assert_eq!(
        message(dense(&[2, 3]).output_shape(&[5, 4])),
        "the input has 4 features on its last axis, but weights [2, 3] take 3"
    );
    assert_eq!(
        message(dense(&[2, 3]).output_shape(&[])),
        "the input of a linear layer must be of rank 1 [inputs] or more; found rank 0 with shape []"
    );
    assert_eq!(
        message(dense(&[6]).output_shape(&[6])),
        "the weights of a linear layer must be of rank 2 [outputs, inputs]; found rank 1 with shape [6]"
    );
    assert_eq!(
        message(dense(&[2, 3]).bias(array![1_f32]).output_shape(&[3])),
        "the bias must be one number for each of 2 output channels; found shape [1]"
    );
    assert_eq!(
        message(Flatten::from_axis(2).output_shape(&[4, 5])),
        "the input of a Flatten from axis 2 must be of rank 3 or more; found rank 2 with shape [4, 5]"
    );
    assert_eq!(
        message(Flatten::default().output_shape(&[GIANT, GIANT])),
        format!("a tensor is too large: [{GIANT}, {GIANT}]")
    );
}

#[test]
fn messages_about_networks_name_the_layer() {
    let conv = || Conv2d::<f32>::new(Tensor::zeros(&[4, 3, 3, 3]).unwrap()).padding(1);
    let model = || Sequential::new().push(conv()).push(Relu).push_named("pool", MaxPool2d::new(2));
    assert_eq!(
        message(model().output_shape(&[1, 2, 8, 8])),
        "layer 0 (Conv2d): the input has 2 channels, but filters [4, 3, 3, 3] with groups 1 take 3"
    );
    let within = Sequential::new().push(Relu).push_named("block", model());
    assert_eq!(
        message(within.forward(&ndarray::Array4::zeros((1, 3, 1, 8)))),
        "layer block (Sequential): layer pool (MaxPool2d): \
         window of 2 (size 2, dilation 1) is larger than spatial axis 0: 1 + 0 + 0 padding"
    );
    // What is wrong for this type of element is found by planning: of one layer alone, however large the map is.
    for size in [8, 400] {
        let norm = Sequential::new().push(conv()).push(LpPool2d::with(Lp(f64::NAN), 2));
        assert_eq!(
            message(norm.plan(&[1, 3, size, size])),
            "layer 1 (LpPool2d): the order of an Lp norm must be positive and finite; found NaN"
        );
    }
    assert_eq!(
        message(Sequential::<f32>::new().push(Relu).plan(&[GIANT, 8])),
        format!("a tensor is too large: [{GIANT}, 8]")
    );
    let mut plan = model().plan(&[1, 3, 8, 8]).unwrap();
    let mut output = Tensor::zeros(&[1, 4, 4, 4]).unwrap();
    assert_eq!(
        message(plan.run(&ndarray::Array4::zeros((1, 3, 8, 9)), &mut output)),
        "the input of this plan must have shape [1, 3, 8, 8]; found [1, 3, 8, 9]"
    );
}

#[cfg(feature = "safetensors")]
#[test]
fn messages_about_saved_parameters() {
    let dense = |shape: &[usize]| Linear::<f32>::new(Tensor::zeros(shape).unwrap());
    let saved = Sequential::new().push(dense(&[2, 3])).push_named("fc", dense(&[1, 2])).to_safetensors().unwrap();
    assert_eq!(
        message(Sequential::new().push(dense(&[2, 3])).push(dense(&[1, 2])).load_safetensors(&saved)),
        "the parameters do not fit the network: missing 1.weight; unexpected fc.weight"
    );
    assert_eq!(
        message(Sequential::new().push(dense(&[3, 2])).push_named("fc", dense(&[1, 2])).load_safetensors(&saved)),
        "parameter 0.weight must have shape [3, 2]; found [2, 3]"
    );
    let counter = r#"{"fc.weight":{"dtype":"I64","shape":[1,2],"data_offsets":[0,16]}}"#;
    let counter = [&65_u64.to_le_bytes()[..], counter.as_bytes(), &[0; 16]].concat();
    assert_eq!(
        message(Sequential::new().push_named("fc", dense(&[1, 2])).load_safetensors(&counter)),
        "parameter fc.weight must be of type F64, F32, F16 or BF16; found I64"
    );
    assert_eq!(
        message(Sequential::new().push_named("fc", dense(&[2, 3])).push_named("fc", dense(&[1, 2])).to_safetensors()),
        "parameter fc.weight is there twice: two layers have one name"
    );
    let shared = std::sync::Arc::new(dense(&[2, 3]));
    let mut other = Sequential::new().push(shared.clone()).push_named("fc", dense(&[1, 2]));
    assert_eq!(
        message(other.load_safetensors(&saved)),
        "parameter 0.weight cannot be written to: others hold its module, too"
    );
    assert!(message(other.load_safetensors(&saved[..9])).starts_with("safetensors: "));
    assert!(message(other.load("no/such/file")).starts_with("no/such/file: "));
}

/// Files that people take for it: which one, and what it is.
#[cfg(feature = "safetensors")]
#[test]
fn messages_about_files_of_another_format() {
    let mut model = Sequential::new().push(Linear::<f32>::new(Tensor::zeros(&[1, 2]).unwrap()));
    let formats: [(&str, &[u8], &str); 6] = [
        ("zip", b"PK\x03\x04\0\0archive/data.pkl", "a zip archive, as torch.save and numpy.savez write"),
        ("pickle", b"\x80\x02}q\0.", "a pickle, as torch.save wrote before version 1.6"),
        ("npy", b"\x93NUMPY\x01\0v\0{'descr': '<f4'}", "an array of NumPy (.npy)"),
        ("h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes"),
        ("lfs", b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        ("empty", b"", "empty"),
    ];
    for (name, bytes, format) in formats {
        let path = std::env::temp_dir().join(format!("featuremap-{}-{name}.pt", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let found = message(model.load(&path));
        std::fs::remove_file(&path).unwrap();
        assert!(found.starts_with(&format!("{}: {format}", path.display())), "{found}");
        assert!(found.ends_with(", not a file in the safetensors format"), "{found}");
    }
    let found = message(model.load_safetensors(b"something else altogether"));
    assert!(found.starts_with("safetensors: not a file in the safetensors format: "), "{found}");
}

/// What a convolution is called for people to read: with its own size, and nothing of how it works.
#[test]
fn convolutions_show_their_size() {
    let conv = Conv2d::new(array![[1.0_f32, 2.0], [3.0, 4.0]]).stride(2).without(featuremap::conv::Algorithm::Rows);
    let shown = format!("{conv:?}");
    assert!(shown.starts_with("Conv2d { filters: Tensor"), "{shown}");
    assert!(shown.contains("window: Window { size: [2, 2], stride: [2, 2], "), "{shown}");
    assert!(shown.ends_with("groups: 1, activation: None, ruled_out: {Rows}, .. }"), "{shown}");
    let transposed = format!("{:?}", ConvTranspose2d::new(array![[1.0_f32, 2.0, 3.0]]));
    assert!(transposed.contains("window: Window { size: [1, 3], "), "{transposed}");
    for shown in [shown, transposed, format!("{:?}", Linear::new(array![[1.0_f32]]))] {
        assert!(!shown.contains("Mutex") && !shown.contains("repared"), "{shown}");
    }
}

/// What is wrong with a network from a file in the ONNX format: which node, which operator, which input.
#[cfg(feature = "onnx")]
#[test]
fn messages_about_onnx() {
    use featuremap::onnx::Model;

    let file = include_bytes!("onnx/relu.onnx");
    let model = Model::from_bytes(file).unwrap();
    assert_eq!(
        message(model.network(&[&[1, 3, 2, 2], &[1]])),
        "inputs: there are 1 inputs (x: [batch, 3, ?, ?]); found 2 shapes"
    );
    assert_eq!(
        message(model.network(&[])),
        "input x has shape [batch, 3, ?, ?] in the file, whose axis 0 is open: its size must be given"
    );
    assert_eq!(
        message(model.clone().memory_limit(100).network(&[&[1, 3, 3, 3]])),
        "node x: Input makes a value of shape [1, 3, 3, 3], more than the model's memory limit allows: `memory_limit` sets it"
    );
    // An operator that ONNX does not have, of as many letters.
    let place = file.windows(4).position(|word| word == b"Relu").unwrap();
    let mut other = file.to_vec();
    other[place..place + 4].copy_from_slice(b"Fold");
    let found = message(Model::from_bytes(other).unwrap().network(&[&[1, 3, 2, 2]]));
    assert!(found.starts_with("node relu: Fold is not supported: there are Abs, Acos, "), "{found}");
    assert!(message(Model::from_bytes(&b"PK"[..])).starts_with("ONNX: not a file in the ONNX format: "));
    assert!(message(Model::open("no/such/file")).starts_with("no/such/file: "));
}
