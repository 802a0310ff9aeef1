//! Cases that are refused, and why.

/// Parts of the names of cases, and of the errors that refuse them. The first that fits a name counts.
const REFUSED: &[(&str, &str)] = &[
    ("training_mode", "BatchNormalization in training"),
    ("training_dropout", "Dropout"),
    ("dropout_default_mask", "output 1 of node"),
    // Networks compute with floats.
    ("clip_default_int8", "integers where floats are needed"),
    ("test_edge_pad", "integers where floats are needed"),
    ("test_reflect_pad", "integers where floats are needed"),
    ("test_wrap_pad", "integers where floats are needed"),
    ("maxpool_2d_uint8", "integers where floats are needed"),
    ("pow_types_int32_float32", "integers where floats are needed"),
    ("pow_types_int64_float32", "integers where floats are needed"),
    ("range_float", "can be known before the network runs"),
    ("reduce_max_empty_set_bool", "of no elements"),
    ("maxpool_with_argmax", "output 1 of node"),
    ("sequence_model", "is not supported: there are Abs"),
    ("gradient_of_add", "of the domain ai.onnx.preview.training is not supported"),
];

/// What the error must say of a case that is to be refused; `None` for one that must pass.
pub(crate) fn expected(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(part, _)| name.contains(part)).map(|&(_, reason)| reason)
}
