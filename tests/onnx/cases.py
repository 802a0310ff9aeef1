"""Collects ONNX's own model tests for tests/onnx.rs: `python cases.py OUT [--large]`, with the packages onnx and safetensors.

Without --large, the tests of the operators in OPERATORS that are small enough for the repository; with it, all others of these, those
of modules exported by PyTorch, and the light models (nets of the first years of ImageNet, whose weights are all alike), with the
outputs that ONNX Runtime gives: they need onnxruntime, too.

A test is a model (`NAME/model/0/OPERATOR`, the bytes of a file, without an operator for one of several), its inputs (`NAME/input/0/x`, in order, with their names) and the outputs that
are expected (`NAME/output/0`). Integers are stored as such, and truth values as bytes.
"""

import glob
import os
import sys

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from safetensors.numpy import save_file

OPERATORS = """
Abs Acos Acosh Add And Asin Asinh Atan Atanh AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Concat Constant
ConstantOfShape Conv ConvTranspose Cos Cosh DepthToSpace Div Dropout Elu Equal Erf Exp Expand Flatten Floor Gather Gelu Gemm
GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LRN LayerNormalization LeakyRelu Less LessOrEqual Log
LogSoftmax LpPool MatMul Max MaxPool Mean Min Mish Mod Mul Neg Not Or PRelu Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round Selu Shape Shrink Sigmoid Sign Sin Sinh
Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile Transpose Unsqueeze
Upsample Where Xor
""".split()

NUMBERS = "float64 float32 float16 int64 uint64 int32 uint32 int16 uint16 int8 uint8".split()

# Bytes of one test in the repository.
SMALL = 6000


def array(value):
    """A tensor in a type that safetensors has."""
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    value = np.asarray(value)
    if value.dtype == np.bool_:
        return value.astype(np.uint8)
    if value.dtype.name not in NUMBERS:
        return None
    return np.array(value, order="C")


def entries(name, model, inputs, outputs):
    """What is stored of a test; None where a value is no tensor of numbers."""
    weights = {tensor.name for tensor in model.graph.initializer}
    weights |= {output for node in model.graph.node for output in node.output}
    names = [value.name for value in model.graph.input if value.name not in weights]
    operators = [node.op_type for node in model.graph.node]
    label = operators[0] if len(operators) == 1 else ""
    stored = {f"{name}/model/0/{label}": np.frombuffer(model.SerializeToString(), np.uint8)}
    for number, (label, value) in enumerate(zip(names, inputs)):
        stored[f"{name}/input/{number}/{label}"] = array(value)
    for number, value in enumerate(outputs):
        stored[f"{name}/output/{number}"] = array(value)
    return None if any(value is None for value in stored.values()) else stored


def size(stored):
    return sum(value.nbytes for value in stored.values())


def node_tests():
    for case in collect_testcases(None):
        operators = [node.op_type for node in case.model.graph.node]
        # What an operator is written out as, is a test of its own.
        if "expanded" in case.name or any(operator not in OPERATORS for operator in operators):
            continue
        for inputs, outputs in case.data_sets:
            try:
                yield case.name, case.model, inputs, outputs
            except ValueError:
                continue


def model_tests(folders):
    data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(data, folder, "test_*"))):
            model = onnx.load(os.path.join(path, "model.onnx"))
            read = lambda kind: [
                onnx.load_tensor(file) for file in sorted(glob.glob(os.path.join(path, "test_data_set_0", f"{kind}_*.pb")))
            ]
            try:
                yield os.path.basename(path), model, read("input"), read("output")
            except Exception:  # A sequence or a text.
                continue


def light_models():
    import onnxruntime

    data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light")
    for path in sorted(glob.glob(os.path.join(data, "*.onnx"))):
        model = onnx.load(path)
        made = {tensor.name for tensor in model.graph.initializer}
        made |= {output for node in model.graph.node for output in node.output}
        (value,) = [value for value in model.graph.input if value.name not in made]
        shape = [size.dim_value for size in value.type.tensor_type.shape.dim]
        image = np.random.default_rng(0).random(shape, np.float32)
        # All weights are 0.02: what an activation can hold grows with every layer, unless the image is small.
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        outputs = session.run(None, {value.name: image})
        yield os.path.basename(path)[: -len(".onnx")], model, [image], outputs


def main():
    out, large = sys.argv[1], "--large" in sys.argv
    tests = [(SMALL, test) for test in [*node_tests(), *model_tests(["simple", "pytorch-operator"])]]
    if large:
        tests += [(0, test) for test in [*model_tests(["pytorch-converted"]), *light_models()]]
    collected, seen = {}, set()
    for small, (name, model, inputs, outputs) in tests:
        if name in seen:
            continue
        seen.add(name)
        stored = entries(name, model, inputs, outputs)
        if stored is not None and (size(stored) > small) == large:
            collected.update(stored)
    save_file(collected, out, metadata={"source": f"onnx {onnx.__version__}, backend tests", "licence": "Apache-2.0"})
    print(len({name.split("/")[0] for name in collected}), "tests,", size(collected), "bytes")


main()
