"""A worker for an engine that Python reaches: PyTorch, ONNX Runtime, OpenVINO or ncnn. `compare.py` runs it.

usage: peers.py ENGINE THREADS FOLDER

It answers the same lines as the Rust workers (see `src/worker.rs`). Layers come from FOLDER/ID, where
`featuremap-peers export ID FOLDER/ID` has written a layer's data, the result that is expected, and its ONNX model.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path

NAME, THREADS, FOLDER = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
# Before any engine is imported: OpenMP reads them once. Threads that have had nothing to do for 5 ms go to sleep, so
# that they take nothing from the engine whose turn it is next; during a turn they are needed again before that.
os.environ["OMP_NUM_THREADS"] = str(THREADS)
os.environ["KMP_BLOCKTIME"] = "5"

import numpy as np  # noqa: E402

LISTS = [json.loads((Path(__file__).parent / name).read_text()) for name in ("layers.json", "layers_more.json", "networks.json")]
LAYERS = {layer["id"]: layer for layers in LISTS for layer in layers}


class Case:
    """A layer with its data, as arrays."""

    def __init__(self, name):
        layer = LAYERS[name]
        self.op = layer["op"]
        self.convolves = self.op in ("conv", "block")
        self.name, self.size, self.stride, self.padding = name, *(layer.get(key) for key in "ksp")
        self.dilation, self.groups = layer.get("d", 1), layer.get("g", 1)
        self.folder = FOLDER / name
        self.input = self.read("input").reshape(layer["n"], layer["c"], layer["h"], layer["w"])
        self.expected = self.read("expected")
        if self.convolves:
            self.filters = self.read("filters").reshape(layer["o"], -1, self.size, self.size)
            self.bias = self.read("bias")

    def read(self, name):
        return np.fromfile(self.folder / f"{name}.f32", dtype="<f4")


# Each engine has a version, and `prepare(case)`, which gives two functions: the one that computes the layer, which is
# timed, and the one that makes a NumPy array of what it gives.


class Torch:
    """PyTorch in eager mode. Filters stay as they are: it prepares them on every call."""

    def __init__(self, channels_last):
        global networks
        import networks
        import torch

        torch.set_num_threads(THREADS)
        torch.set_grad_enabled(False)
        self.torch, self.version = torch, torch.__version__.split("+")[0]
        self.format = torch.channels_last if channels_last else torch.contiguous_format

    def prepare(self, case):
        functions = self.torch.nn.functional
        x = self.tensor(case.input)
        if case.convolves:
            filters, bias = self.tensor(case.filters), self.torch.from_numpy(case.bias)

            def convolve():
                return functions.conv2d(x, filters, bias, case.stride, case.padding, case.dilation, case.groups)

        if case.op == "network":
            network = networks.networks()[0][case.name]().to(memory_format=self.format)
            return lambda: network(x), lambda y: y.contiguous().numpy()
        compute = {
            "conv": lambda: convolve(),
            "block": lambda: functions.max_pool2d(functions.relu_(convolve()), 2),
            "max": lambda: functions.max_pool2d(x, case.size, case.stride, case.padding),
            "avg": lambda: functions.avg_pool2d(x, case.size, case.stride, case.padding),
            "l2": lambda: functions.lp_pool2d(x, 2.0, case.size, case.stride),
            "gavg": lambda: functions.adaptive_avg_pool2d(x, 1),
            "gmax": lambda: functions.adaptive_max_pool2d(x, 1),
            "relu": lambda: functions.relu(x),
        }[case.op]
        return compute, lambda y: y.contiguous().numpy()

    def tensor(self, array):
        return self.torch.from_numpy(array).contiguous(memory_format=self.format)


class OnnxRuntime:
    def __init__(self):
        import onnxruntime

        self.onnxruntime, self.version = onnxruntime, onnxruntime.__version__

    def prepare(self, case):
        options = self.onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        model = str(case.folder / "model.onnx")
        session = self.onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"x": case.input}), lambda outputs: outputs[0]


class OpenVino:
    def __init__(self):
        import openvino

        self.openvino, self.version = openvino, openvino.__version__.split("-")[0]

    def prepare(self, case):
        core = self.openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": THREADS, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        request = core.compile_model(str(case.folder / "model.onnx"), "CPU", settings).create_infer_request()
        request.set_input_tensor(self.openvino.Tensor(case.input, shared_memory=True))
        # Shared, for otherwise the result is copied once more.
        return lambda: request.infer(share_outputs=True), lambda outputs: outputs[0]


class Ncnn:
    """ncnn takes one image at a time: a batch is a loop, as its users write it."""

    def __init__(self):
        import ncnn

        self.ncnn, self.version = ncnn, ncnn.__version__
        # Pools of memory, as ncnn's own benchmark has them. They must live as long as what is in them.
        self.blobs, self.workspace = ncnn.UnlockedPoolAllocator(), ncnn.PoolAllocator()

    def prepare(self, case):
        parameters, weights = case.folder / "ncnn.param", case.folder / "ncnn.bin"
        if case.op == "network":
            return self.load(case, case.folder / "model.ncnn.param", case.folder / "model.ncnn.bin", "in0", "out0")
        layers = ["Input x 0 1 x", *self.layers(case)]
        parameters.write_text("\n".join(["7767517", f"{len(layers)} {len(layers)}", *layers, ""]))
        # A zero before the filters says that they are f32.
        parts = [np.zeros(1, np.int32), case.filters, case.bias] if case.convolves else []
        weights.write_bytes(b"".join(part.tobytes() for part in parts))
        return self.load(case, parameters, weights, "x", "y")

    def load(self, case, parameters, weights, source, result):
        net = self.ncnn.Net()
        net.opt.num_threads = THREADS
        net.opt.use_vulkan_compute = False
        net.opt.blob_allocator, net.opt.workspace_allocator = self.blobs, self.workspace
        for lossy in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(net.opt, lossy, False)
        if net.load_param(str(parameters)) or net.load_model(str(weights)):
            raise RuntimeError("the model does not load")
        # Clones, for ncnn computes some layers in place in memory that it does not count the owners of.
        images = [self.ncnn.Mat(image).clone() for image in case.input]

        def compute():
            outputs = []
            for image in images:
                extractor = net.create_extractor()
                extractor.input(source, image)
                outputs.append(extractor.extract(result)[1])
            return outputs

        return compute, lambda outputs: np.stack([np.array(output) for output in outputs])

    @staticmethod
    def layers(case):
        """Lines of ncnn's own model format: type, name, inputs, outputs, and parameters by number."""
        window = f"1={case.size} 2={case.stride} 3={case.padding} 5=1 6=1"
        if case.convolves:
            kind = "Convolution" if case.groups == 1 else "ConvolutionDepthWise"
            shape = f"0={len(case.filters)} 1={case.size} 2={case.dilation} 3={case.stride} 4={case.padding}"
            convolution = f"{shape} 5=1 6={case.filters.size} 7={case.groups}"
            if case.op == "conv":
                return [f"{kind} conv 1 1 x y {convolution}"]
            return [f"{kind} conv 1 1 x map {convolution} 9=1", "Pooling pool 1 1 map y 0=0 1=2 2=2"]
        return {
            "max": [f"Pooling pool 1 1 x y 0=0 {window}"],
            "avg": [f"Pooling pool 1 1 x y 0=1 {window}"],
            "l2": [
                "UnaryOp square 1 1 x squares 0=4",
                f"Pooling pool 1 1 squares means 0=1 {window}",
                f"BinaryOp sum 1 1 means sums 0=2 1=1 2={case.size**2:.1f}",
                "UnaryOp root 1 1 sums y 0=5",
            ],
            "gavg": ["Pooling pool 1 1 x y 0=1 4=1"],
            "gmax": ["Pooling pool 1 1 x y 0=0 4=1"],
            "relu": ["ReLU relu 1 1 x y"],
        }[case.op]


ENGINES = {
    "torch": lambda: Torch(channels_last=False),
    "torchcl": lambda: Torch(channels_last=True),
    "ort": OnnxRuntime,
    "openvino": OpenVino,
    "ncnn": Ncnn,
}


def difference(found, expected):
    """The largest difference, relative to the largest number that is expected. NaN if there is a NaN."""
    if found.size != expected.size:
        raise ValueError(f"the result has {found.size} numbers instead of {expected.size}")
    return float(np.abs(found.ravel() - expected).max() / np.abs(expected).max())


def nanoseconds(run, seconds):
    """The times of single runs, one after another for so long, those of the first tenth not counted."""
    clock = time.perf_counter_ns
    start = clock()
    run()
    while clock() - start < seconds * 1e8:
        run()
    times = []
    while not times or clock() - start < seconds * 1e9:
        before = clock()
        run()
        times.append(clock() - before)
    return times


def serve():
    # Engines may print; only answers go to the standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    engine = ENGINES[NAME]()
    gc.disable()
    ready = {}
    print(json.dumps({"version": engine.version}), file=answers)
    for line in sys.stdin:
        match line.split():
            case ["prepare", name]:
                try:
                    layer = Case(name)
                    ready[name], read = engine.prepare(layer)
                    reply = {"difference": difference(read(ready[name]()), layer.expected)}
                except Exception as error:  # Whatever it is, it is the reason why the engine has no such row.
                    reply = {"error": f"{type(error).__name__}: {error}"}
            case ["time", name, seconds]:
                reply = {"nanoseconds": nanoseconds(ready[name], float(seconds))}
            case ["drop", name]:
                ready.pop(name, None)
                gc.collect()
                reply = {}
            case _:
                reply = {"error": f"what is {line!r}?"}
        print(json.dumps(reply), file=answers)
    # While what the layers need (ncnn's pools of memory) is still there.
    ready.clear()


serve()
