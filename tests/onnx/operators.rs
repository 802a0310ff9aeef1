//! The table of operators: printed, and compared with that in the documentation.

use std::fmt::Write;

use featuremap::onnx::supported;

/// All operators of ONNX's own domain, by the package onnx 1.23.2 (`onnx.defs.get_all_schemas()`).
const ALL: &str = "
Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization
Bernoulli BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike CausalConvWithState
Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger
ConvTranspose Cos Cosh CumProd CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout
DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu
Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HammingWindow
HannWindow HardSigmoid HardSwish Hardmax Identity If ImageDecoder InstanceNormalization IsInf IsNaN LRN LSTM
LayerNormalization LeakyRelu Less LessOrEqual LinearAttention Log LogSoftmax Loop LpNormalization LpPool MatMul
MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul
Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement
OptionalHasElement Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal
RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence
RoiAlign RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu SequenceAt SequenceConstruct
SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin Sinh Size Slice
Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat
StringNormalizer StringSplit Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK
Transpose Trilu Unique Unsqueeze Upsample Where Xor
";

pub(crate) fn check() -> Vec<String> {
    let mut failures = Vec::new();
    let all: Vec<&str> = ALL.split_whitespace().collect();
    let names: Vec<&str> = supported().iter().map(|operator| operator.name).collect();
    if !names.is_sorted() {
        failures.push("the operators are not in order".into());
    }
    failures
        .extend(names.iter().filter(|name| !all.contains(name)).map(|name| format!("{name} is no operator of ONNX")));
    let table = table(&all);
    println!("{table}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/onnx/operators.md");
    if std::fs::read_to_string(path).unwrap_or_default() != table {
        if std::env::var_os("FEATUREMAP_WRITE").is_some() && std::fs::write(path, &table).is_ok() {
            println!("written to {path}");
        } else {
            failures.push(format!("{path} is not the table above: FEATUREMAP_WRITE=1 writes it"));
        }
    }
    failures
}

fn table(all: &[&str]) -> String {
    let mut text = String::from("# Operators\n\n| operator | supported | without |\n| --- | --- | --- |\n");
    for operator in supported() {
        let extent = if operator.without.is_empty() { "yes" } else { "partly" };
        let without = if operator.without.is_empty() { String::new() } else { format!(" {}", operator.without) };
        // Writing to a text does not fail.
        let _ = writeln!(text, "| `{}` | {extent} |{without} |", operator.name);
    }
    let others = all.iter().filter(|name| supported().iter().all(|operator| operator.name != **name));
    let others: Vec<String> = others.map(|name| format!("`{name}`")).collect();
    let _ = writeln!(text, "\nNo: {}.", others.join(", "));
    text
}
