#!/usr/bin/env python3
"""Measures how much memory a network takes, from its file to its third run, and prints a table for BENCHMARKS.md.

usage: memory.py            all networks, with every engine, each in a process of its own
       memory.py ENGINE MODEL N C H W    one, in this process: bytes

What is counted is the most that the process has resident beyond what it had before it opened the file: the engine's own code is no part
of it. One thread. It needs Linux, which says how much that is.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import compare

HERE = Path(__file__).resolve().parent
RUNS = 3


def kibibytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def onnx_runtime(model):
    import onnxruntime

    def prepared():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return lambda x: session.run(None, {"x": x})

    return prepared


def openvino(model):
    from openvino import Core

    def prepared():
        settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        request = Core().compile_model(model, "CPU", settings).create_infer_request()
        return lambda x: request.infer([x])

    return prepared


ENGINES = {"ONNX Runtime": onnx_runtime, "OpenVINO": openvino}


def measure(engine, model, shape):
    """Bytes, in this process."""
    import numpy as np

    prepared = ENGINES[engine](model)
    x = np.zeros(shape, np.float32)
    # From here on.
    Path("/proc/self/clear_refs").write_text("5")
    before = kibibytes("VmRSS:")
    run = prepared()
    for _ in range(RUNS):
        run(x)
    return 1024 * (kibibytes("VmHWM:") - before)


def main():
    binary = compare.build()
    layers = json.loads((HERE / "networks.json").read_text())
    names = ["featuremap", *ENGINES]
    print(compare.row(["MiB", *names]))
    print(compare.row(["---"] + ["---:"] * len(names)))
    for layer in layers:
        shape = [str(layer[axis]) for axis in "nchw"]
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, HERE / "networks.py", layer["id"], folder]
            subprocess.run(command, check=True, stdout=sys.stderr)
            model = str(Path(folder, "model.onnx"))
            commands = [[binary, "memory", model, *shape]]
            commands += [[sys.executable, __file__, name, model, *shape] for name in ENGINES]
            results = [subprocess.run(command, check=True, capture_output=True, text=True) for command in commands]
        print(compare.row([layer["id"], *(f"{int(result.stdout) / 2**20:.0f}" for result in results)]), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(measure(sys.argv[1], sys.argv[2], [int(size) for size in sys.argv[3:]]))
    else:
        main()
