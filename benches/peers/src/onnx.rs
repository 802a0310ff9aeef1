//! A layer as an ONNX model, for the engines that load one.

use crate::layer::{Case, Layer, Op};
use crate::protobuf::Message;

// Of onnx.proto: the version of the format, that of the operators, and its names for types.
const IR_VERSION: usize = 8;
const OPSET_VERSION: usize = 17;
const ELEMENT_F32: usize = 1;
const ATTRIBUTE_INT: usize = 2;
const ATTRIBUTE_INTS: usize = 7;

/// The bytes of an `.onnx` file: from an input `x` to an output `y`.
pub fn model(case: &Case) -> Vec<u8> {
    let layer = &case.layer;
    if matches!(layer.op, Op::Network) {
        return case.model.clone();
    }
    let mut initializers = Vec::new();
    if layer.convolves() {
        initializers.push(tensor("filters", &layer.filter_shape(), &case.filters));
        initializers.push(tensor("bias", &[layer.filters], &case.bias));
    }
    let nodes = match layer.op {
        Op::Conv => vec![convolution(layer, "y")],
        Op::Block => vec![
            convolution(layer, "map"),
            node("Relu", &["map"], "rectified", vec![]),
            node("MaxPool", &["rectified"], "y", vec![ints("kernel_shape", &[2; 2]), ints("strides", &[2; 2])]),
        ],
        Op::Max => vec![node("MaxPool", &["x"], "y", window(layer))],
        Op::Average => vec![average(layer, "x", "y")],
        Op::L2 => {
            // Not LpPool, which some engines lack and others are slow at: the mean of squares, times their number.
            #[expect(clippy::cast_precision_loss, reason = "windows are small")]
            initializers.push(tensor("taps", &[], &[(layer.size * layer.size) as f32]));
            vec![
                node("Mul", &["x", "x"], "squares", vec![]),
                average(layer, "squares", "means"),
                node("Mul", &["means", "taps"], "sums", vec![]),
                node("Sqrt", &["sums"], "y", vec![]),
            ]
        }
        Op::GlobalAverage => vec![node("GlobalAveragePool", &["x"], "y", vec![])],
        Op::GlobalMax => vec![node("GlobalMaxPool", &["x"], "y", vec![])],
        Op::Network => unreachable!("its model is written elsewhere"),
        Op::Relu => vec![node("Relu", &["x"], "y", vec![])],
    };
    let graph = Message::default()
        .messages(1, nodes)
        .text(2, &layer.id)
        .messages(5, initializers)
        .message(11, value("x", Some(&layer.input_shape())))
        .message(12, value("y", None));
    let operators = Message::default().text(1, "").int(2, OPSET_VERSION);
    Message::default().int(1, IR_VERSION).message(7, graph).message(8, operators).into_bytes()
}

fn convolution(layer: &Layer, output: &str) -> Message {
    let mut attributes = window(layer);
    attributes.push(ints("dilations", &[layer.dilation; 2]));
    attributes.push(int("group", layer.groups));
    node("Conv", &["x", "filters", "bias"], output, attributes)
}

fn average(layer: &Layer, input: &str, output: &str) -> Message {
    let mut attributes = window(layer);
    attributes.push(int("count_include_pad", 1));
    node("AveragePool", &[input], output, attributes)
}

fn window(layer: &Layer) -> Vec<Message> {
    vec![ints("kernel_shape", &[layer.size; 2]), ints("strides", &[layer.stride; 2]), ints("pads", &[layer.padding; 4])]
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: Vec<Message>) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
    node.text(2, output).text(3, &format!("{output}_node")).text(4, operator).messages(5, attributes)
}

fn ints(name: &str, values: &[usize]) -> Message {
    let attribute = Message::default().text(1, name).int(20, ATTRIBUTE_INTS);
    values.iter().fold(attribute, |attribute, &value| attribute.int(8, value))
}

fn int(name: &str, value: usize) -> Message {
    Message::default().text(1, name).int(20, ATTRIBUTE_INT).int(3, value)
}

fn tensor(name: &str, shape: &[usize], elements: &[f32]) -> Message {
    let bytes: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
    let tensor = shape.iter().fold(Message::default(), |tensor, &length| tensor.int(1, length));
    tensor.int(2, ELEMENT_F32).text(8, name).bytes(9, &bytes)
}

/// An input or output of the graph. Engines find the shape of an output by themselves.
fn value(name: &str, shape: Option<&[usize]>) -> Message {
    let mut tensor = Message::default().int(1, ELEMENT_F32);
    if let Some(shape) = shape {
        let lengths = shape.iter().map(|&length| Message::default().int(1, length));
        tensor = tensor.message(2, Message::default().messages(1, lengths));
    }
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}
