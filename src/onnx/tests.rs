//! Models made here: what the tests of ONNX itself do not ask.

use prost::Message;
use prost::bytes::Bytes;

use super::Model;
use super::proto::{
    AttributeProto, DimensionProto, EntryProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ShapeProto,
    TensorPlace, TensorProto, TensorTypeProto, TypeProto, ValueInfoProto, kind,
};
use crate::{Activation, Error, Module, Sequential, Tensor};

/// A model of inputs and nodes, whose weights are tensors of floats.
#[derive(Default)]
struct Made(GraphProto);

impl Made {
    fn input(mut self, name: &str, shape: &[&str]) -> Self {
        let dim = |size: &&str| match size.parse() {
            Ok(size) => DimensionProto { dim_value: Some(size), dim_param: None },
            Err(_) => DimensionProto { dim_value: None, dim_param: Some((*size).into()) },
        };
        let shape = ShapeProto { dim: shape.iter().map(dim).collect() };
        let kind = TypeProto { tensor_type: Some(TensorTypeProto { elem_type: 1, shape: Some(shape) }) };
        self.0.input.push(ValueInfoProto { name: name.into(), kind: Some(kind) }.encode_to_vec().into());
        self
    }

    fn output(mut self, name: &str) -> Self {
        self.0.output.push(ValueInfoProto { name: name.into(), kind: None }.encode_to_vec().into());
        self
    }

    fn weight(mut self, name: &str, shape: &[i64], floats: &[f32]) -> Self {
        let dims = shape.to_vec();
        let tensor =
            TensorProto { name: name.into(), dims, data_type: 1, float_data: floats.into(), ..Default::default() };
        self.0.initializer.push(tensor.encode_to_vec().into());
        self
    }

    fn node(self, operator: &str, inputs: &[&str], output: &str) -> Self {
        self.node_with(operator, inputs, output, Vec::new())
    }

    fn node_with(mut self, operator: &str, inputs: &[&str], output: &str, attribute: Vec<Bytes>) -> Self {
        let input = inputs.iter().map(|&name| name.into()).collect();
        let (op_type, output) = (operator.into(), vec![output.into()]);
        let node = NodeProto { input, output, op_type, attribute, ..Default::default() };
        self.0.node.push(node.encode_to_vec().into());
        self
    }

    fn bytes(self) -> Vec<u8> {
        let opset = OperatorSetIdProto { domain: String::new(), version: 17 }.encode_to_vec().into();
        let graph = Some(self.0.encode_to_vec().into());
        ModelProto { ir_version: 8, graph, opset_import: vec![opset] }.encode_to_vec()
    }

    fn model(self) -> Model {
        Model::from_bytes(self.bytes()).expect("it is a model")
    }
}

fn image() -> Tensor {
    let pixels = (0..2 * 3 * 5 * 7).map(|place| (place * 37 % 101) as f32 / 10.0 - 5.0).collect();
    Tensor::from_vec(&[2, 3, 5, 7], pixels).expect("as many")
}

/// Hard swish as `x · clip(x + 3, 0, 6) / 6`.
fn hard_swish() -> Made {
    Made::default()
        .input("x", &["n", "3", "h", "w"])
        .weight("three", &[], &[3.0])
        .weight("zero", &[], &[0.0])
        .weight("six", &[], &[6.0])
        .node("Add", &["three", "x"], "shifted")
        .node("Clip", &["shifted", "zero", "six"], "clamped")
        .node("Mul", &["clamped", "x"], "product")
        .node("Div", &["product", "six"], "y")
}

#[test]
fn activations_that_are_written_out_are_recognised() {
    let hard_sigmoid =
        AttributeProto { name: "alpha".into(), f: Some(1.0 / 6.0), kind: kind::FLOAT, ..Default::default() };
    let models = [
        (hard_swish().output("y"), "HardSwish", Activation::HardSwish),
        (
            Made::default()
                .input("x", &["n", "3", "h", "w"])
                .node("Sigmoid", &["x"], "s")
                .node("Mul", &["x", "s"], "y")
                .output("y"),
            "Silu",
            Activation::Silu,
        ),
        (
            Made::default()
                .input("x", &["n", "3", "h", "w"])
                .node_with("HardSigmoid", &["x"], "s", vec![hard_sigmoid.encode_to_vec().into()])
                .node("Mul", &["s", "x"], "y")
                .output("y"),
            "HardSwish",
            Activation::HardSwish,
        ),
    ];
    for (made, name, activation) in models {
        let network = made.model().network(&[&[2, 3, 5, 7]]).expect("supported");
        assert_eq!(network.forward(&image()), activation.forward(&image()), "{name}");
        let summary = Sequential::new().push(network).summary(&[2, 3, 5, 7]).expect("fits").to_string();
        let computed: Vec<_> =
            summary.lines().filter(|line| line.contains("vectors") || line.contains("place")).collect();
        assert!(computed.len() == 1 && computed[0].contains(name), "{name}: {summary}");
    }
}

#[test]
fn what_is_recognised_is_still_there_for_others() {
    let network = hard_swish().output("y").output("clamped").output("x").model().network(&[&[2, 3, 5, 7]]);
    let mut runner = network.expect("supported").runner().expect("fits");
    let image = image();
    let [swish, clamped, same] = <[Tensor; 3]>::try_from(runner.run(&[&image]).expect("runs")).expect("three");
    assert_eq!(swish, Activation::HardSwish.forward(&image).expect("fits"));
    assert_eq!(clamped, image.map(|&x| (x + 3.0).clamp(0.0, 6.0)));
    assert_eq!(same, image);
}

#[test]
fn several_inputs_and_outputs_are_run_in_order() {
    let model = Made::default()
        .input("a", &["n", "2"])
        .input("b", &["n", "2"])
        .weight("c", &[2], &[7.0, 8.0])
        .node("Sub", &["a", "b"], "difference")
        .node("Div", &["a", "b"], "quotient")
        .output("difference")
        .output("c")
        .output("quotient")
        .model();
    let network = model.network(&[&[1, 2], &[1, 2]]).expect("supported");
    assert_eq!(network.inputs().map(|port| &port.name[..]).collect::<Vec<_>>(), ["a", "b"]);
    let outputs = network.run(&[&[[1_f32, 6.0]], &[[4_f32, 3.0]]]).expect("runs");
    assert_eq!(outputs, [Tensor::from([[-3.0, 3.0]]), Tensor::from([7.0, 8.0]), Tensor::from([[0.25, 2.0]])]);
    // By the plan that the first call has kept.
    assert_eq!(network.plans_kept(), 1);
    let outputs = network.run(&[&[[4_f32, 3.0]], &[[1_f32, 6.0]]]).expect("runs");
    assert_eq!(outputs, [Tensor::from([[3.0, -3.0]]), Tensor::from([7.0, 8.0]), Tensor::from([[4.0, 0.5]])]);
    assert_eq!(network.plans_kept(), 1);
    assert!(matches!(network.run(&[&[[1_f32, 6.0]]]), Err(Error::Shape { .. })));
    assert!(matches!(network.run(&[&[[1_f32]], &[[2_f32]]]), Err(Error::Shape { .. })));
    assert!(matches!(network.plan(&[1, 2]), Err(Error::Number { .. })));

    let error = model.network(&[&[1, 2], &[2, 2]]).unwrap_err().to_string();
    assert_eq!(error, "input b must have shape [n, 2]; found [2, 2], and n is 1 already");
    let network = model.clone().size("n", 1).network(&[]).expect("all sizes are known");
    assert_eq!(network.outputs().next().expect("the first").shape, [1, 2]);
    let fixed = model.fix("b", [[1_f32, 2.0]]).expect("there is one");
    let outputs = fixed.network(&[&[1, 2]]).and_then(|network| network.run(&[&[[4_f32, 6.0]]])).expect("runs");
    assert_eq!(outputs[2], Tensor::from([[4.0, 3.0]]));
    assert!(matches!(fixed.clone().fix("d", [1_f32]), Err(Error::MissingParameter { .. })));
    assert!(matches!(fixed.fix_integers("a", [1_i64]), Err(Error::ParameterType { .. })));
}

#[test]
fn weights_are_copied_within_the_limit() {
    let mut made = Made::default().input("x", &["1", "100"]).weight("w", &[100, 100], &vec![0.01; 10_000]);
    for node in 0..50 {
        made = made.node(
            "MatMul",
            &[if node == 0 { "x".into() } else { format!("y{node}") }.as_str(), "w"],
            &format!("y{}", node + 1),
        );
    }
    let model = made.output("y50").model();
    assert!(model.network(&[&[1, 100]]).is_ok());
    let error = model.memory_limit(1_000_000).network(&[&[1, 100]]).unwrap_err().to_string();
    assert!(error.contains("MatMul needs more memory for constants than the model's memory limit allows"), "{error}");
}

#[test]
fn values_have_one_name_and_nodes_an_order() {
    let twice = Made::default().input("x", &["1"]).node("Relu", &["x"], "y").node("Abs", &["x"], "y").output("y");
    let error = twice.model().network(&[]).unwrap_err().to_string();
    assert_eq!(error, "node y: Abs gives the value y, which is there already");
    let backwards = Made::default().input("x", &["1"]).node("Relu", &["z"], "y").node("Abs", &["x"], "z").output("y");
    let error = backwards.model().network(&[]).unwrap_err().to_string();
    assert_eq!(error, "node y: Relu takes the value z, which nothing before it gives");
    // What no output needs may be anything.
    let aside = Made::default().input("x", &["1"]).node("Nonsense", &["x"], "z").node("Relu", &["x"], "y").output("y");
    assert!(aside.model().network(&[]).is_ok());
}

/// A model whose weight lies in another file, at a place in it.
fn with_weight_in(location: &str, offset: &str, length: &str) -> Vec<u8> {
    let entry = |key: &str, value: &str| EntryProto { key: key.into(), value: value.into() };
    let external_data = vec![entry("location", location), entry("offset", offset), entry("length", length)];
    let mut tensor =
        TensorProto { name: "w".into(), dims: vec![2], data_type: 1, ..Default::default() }.encode_to_vec();
    tensor.extend(TensorPlace { external_data, data_location: 1 }.encode_to_vec());
    let mut made = Made::default().input("x", &["2"]).node("Mul", &["x", "w"], "y").output("y");
    made.0.initializer.push(tensor.into());
    made.bytes()
}

#[test]
fn weights_may_lie_beside_the_model_and_nowhere_else() {
    let folder = std::env::temp_dir().join(format!("featuremap-onnx-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let numbers = [9_f32, 2.0, 3.0].map(f32::to_le_bytes).concat();
    std::fs::write(folder.join("model.data"), numbers).expect("a file");
    let open = |bytes: Vec<u8>| {
        let path = folder.join("model.onnx");
        std::fs::write(&path, bytes).expect("a file");
        Model::open(path)
    };
    let network =
        open(with_weight_in("model.data", "4", "8")).and_then(|model| model.network(&[])).expect("it is read");
    assert_eq!(network.forward([10_f32, 100.0]), Ok(Tensor::from([20.0, 300.0])));
    let refused = [
        ("model.data", "8", "8", "does not lie within the file"),
        ("model.data", "18446744073709551615", "8", "does not lie within the file"),
        ("model.data", "-4", "8", "does not lie within the file"),
        ("../model.data", "0", "8", "which is not in its folder"),
        ("/dev/zero", "0", "8", "which is not in its folder"),
        ("other.data", "0", "8", "its numbers lie in"),
        (".", "0", "8", "is no file"),
    ];
    for (location, offset, length, reason) in refused {
        let error = open(with_weight_in(location, offset, length)).unwrap_err().to_string();
        assert!(error.contains("model.onnx: ") && error.contains(reason), "{error}");
    }
    std::fs::remove_dir_all(&folder).expect("it was there");
    let model = Model::from_bytes(with_weight_in("model.data", "4", "8")).expect("its graph is read");
    let error = model.network(&[]).unwrap_err().to_string();
    assert_eq!(error, "node y: Mul needs the tensor w, whose numbers lie in another file");
}

/// The output of a model for one input, as a network of one value.
fn computed(made: Made, input: &Tensor) -> Vec<f32> {
    let network = made.model().network(&[input.shape()]).expect("the shapes fit");
    network.run(&[input]).expect("it is planned")[0].iter().copied().collect()
}

#[test]
fn a_quotient_is_not_the_product_with_a_reciprocal() {
    // 41 times the float next to 1/41 is less than 1.
    for shape in [&[2][..], &[1, 2], &[1, 1, 1, 2]] {
        let sizes: Vec<_> = shape.iter().map(ToString::to_string).collect();
        let sizes: Vec<_> = sizes.iter().map(String::as_str).collect();
        let made = Made::default().input("x", &sizes).weight("c", &[], &[41.0]);
        let made = made.node("Div", &["x", "c"], "q").node("Floor", &["q"], "y").output("y");
        let input = Tensor::from_vec(shape, vec![41.0, 82.0]).expect("as many");
        assert_eq!(computed(made, &input), [1.0, 2.0], "{shape:?}");
    }
}

#[test]
fn the_logarithm_of_a_sum_of_infinities_is_one() {
    for (input, sum) in [([f32::INFINITY, 0.0], f32::INFINITY), ([f32::NEG_INFINITY; 2], f32::NEG_INFINITY)] {
        let made = Made::default().input("x", &["2"]).node("ReduceLogSumExp", &["x"], "y").output("y");
        assert_eq!(computed(made, &Tensor::from(input)), [sum]);
    }
}

#[test]
fn what_is_fixed_has_the_shape_that_the_file_says() {
    let model = || {
        let made = Made::default().input("a", &["n", "2"]).input("b", &["n", "2"]);
        made.node("Sub", &["a", "b"], "y").output("y").model()
    };
    let error = model().fix("b", [[5.0]]).expect_err("it has another shape").to_string();
    assert_eq!(error, "input b must have shape [n, 2]; found [1, 1]");
    let fixed = model().fix("b", [[5.0, 6.0]]).expect("it has this shape");
    let error = fixed.network(&[&[3, 2]]).expect_err("n is 1").to_string();
    assert_eq!(error, "input a must have shape [n, 2]; found [3, 2], and n is 1 already");
    let outputs = fixed.network(&[&[1, 2]]).and_then(|network| network.run(&[&Tensor::from([[1.0_f32, 2.0]])]));
    assert_eq!(outputs.expect("n is 1")[0], Tensor::from([[-4.0, -4.0]]));
}

#[test]
fn an_initializer_that_is_an_input_can_be_given_another_value() {
    let model = || {
        let made = Made::default().input("x", &["2"]).input("c", &["2"]).weight("c", &[2], &[10.0, 20.0]);
        // Two nodes take it, the second after it has been dropped.
        made.node("Add", &["x", "c"], "s").node("Mul", &["s", "c"], "y").output("y").model()
    };
    let run = |model: Model| {
        let network = model.network(&[&[2]]).expect("x alone is an input");
        network.run(&[&Tensor::from([1.0_f32, 2.0])]).expect("it is planned").remove(0)
    };
    assert_eq!(run(model()), Tensor::from([110.0, 440.0]));
    assert_eq!(run(model().fix("c", [1.0, 3.0]).expect("it is an input")), Tensor::from([2.0, 15.0]));
    assert!(model().fix("c", [1.0]).is_err());
}

#[test]
fn a_name_stands_for_one_value() {
    let made = Made::default().input("x", &["2"]).weight("c", &[2], &[1.0, 2.0]).node("Add", &["x", "c"], "c");
    let error = made.output("c").model().network(&[]).expect_err("c is there").to_string();
    assert!(error.contains("gives the value c, which is there already"), "{error}");
}
