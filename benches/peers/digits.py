#!/usr/bin/env python3
"""Times the network of the example classify_digits, 100 images at once, beside PyTorch and ONNX Runtime, in turns. See the README."""

import argparse
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "examples" / "data" / "digits_cnn"
TOLERANCE = 1e-4  # of a score
MEAN, DEVIATION = 0.1307, 0.3081  # of the pictures that the network was trained on


def read_weights(np):
    """The tensors of the safetensors file by name."""
    data = (DATA / "weights.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"]).copy()
    return tensors


def with_torch(np, weights, images, threads):
    import torch
    from torch.nn.functional import conv2d, linear, max_pool2d

    torch.set_num_threads(threads)
    weights = {name: torch.from_numpy(values) for name, values in weights.items()}

    def runner(layout):
        prepared = {
            name: values.to(memory_format=layout) if values.dim() == 4 else values for name, values in weights.items()
        }
        inputs = torch.from_numpy(images).to(memory_format=layout)

        def run():
            with torch.inference_mode():
                maps = inputs
                for layer in ("conv1", "conv2", "conv3"):
                    maps = conv2d(maps, prepared[f"{layer}.weight"], prepared[f"{layer}.bias"], padding=1)
                    maps = max_pool2d(maps.relu_(), 2)
                maps = linear(maps.flatten(1), prepared["fc1.weight"], prepared["fc1.bias"]).relu_()
                return linear(maps, prepared["fc2.weight"], prepared["fc2.bias"]).numpy()

        return run

    return {
        f"PyTorch {torch.__version__}": runner(torch.contiguous_format),
        "PyTorch, channels last": runner(torch.channels_last),
    }


def with_onnx_runtime(np, weights, images, threads):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, name = [], "images"
    for layer in ("conv1", "conv2", "conv3"):
        parameters = [f"{layer}.weight", f"{layer}.bias"]
        nodes.append(helper.make_node("Conv", [name, *parameters], [f"{layer}.map"], pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"{layer}.map"], [f"{layer}.relu"]))
        pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
        name = f"{layer}.pool"
        nodes.append(helper.make_node("MaxPool", [f"{layer}.relu"], [name], **pool))
    nodes.append(helper.make_node("Flatten", [name], ["flat"]))
    nodes.append(helper.make_node("Gemm", ["flat", "fc1.weight", "fc1.bias"], ["hidden"], transB=1))
    nodes.append(helper.make_node("Relu", ["hidden"], ["hidden.relu"]))
    nodes.append(helper.make_node("Gemm", ["hidden.relu", "fc2.weight", "fc2.bias"], ["scores"], transB=1))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, images.shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [len(images), 10])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return {f"ONNX Runtime {onnxruntime.__version__}": lambda: session.run(None, {"images": images})[0]}


def build_example():
    """The path of the example, which checks its scores and prints the median of its times."""
    command = ["cargo", "build", "--release", "--features", "safetensors", "--example", "classify_digits"]
    command += ["--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [message["executable"] for message in map(json.loads, lines) if message.get("executable")][-1]


def our_milliseconds(example, threads):
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    printed = subprocess.run([example], env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"^Time: ([\d.]+)(ms|µs)", printed, re.MULTILINE)
    if not found:
        sys.exit(f"the example prints no time:\n{printed}")
    return float(found[1]) * (1 if found[2] == "ms" else 1e-3)


def milliseconds(run, seconds):
    """The median of the times of some runs, after one that warms up."""
    run()
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        times.append((time.perf_counter() - before) * 1e3)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="of every engine")
    parser.add_argument("--rounds", type=int, default=7, help="turns of every engine")
    parser.add_argument("--slice", type=float, default=0.3, help="seconds of a turn")
    options = parser.parse_args()
    # Before the libraries are loaded, which read it.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(options.threads))
    import numpy as np

    weights = read_weights(np)
    images = np.load(DATA / "images.npy").astype(np.float32)
    images = ((images / 255 - MEAN) / DEVIATION).astype(np.float32)[:, None]
    expected = np.load(DATA / "logits.npy")
    peers = with_torch(np, weights, images, options.threads) | with_onnx_runtime(np, weights, images, options.threads)
    for name, run in peers.items():
        difference = np.abs(run() - expected).max()
        if not difference <= TOLERANCE:
            sys.exit(f"a score of {name} is off by {difference}")

    example = build_example()
    times = {"featuremap": []} | {name: [] for name in peers}
    for _ in range(options.rounds):
        times["featuremap"].append(our_milliseconds(example, options.threads))
        for name, run in peers.items():
            times[name].append(milliseconds(run, options.slice))
    ours = statistics.median(times["featuremap"])
    print(f"| {len(images)} images, {options.threads} thread(s) | milliseconds | ÷ featuremap |\n| --- | ---: | ---: |")
    for name, of_rounds in times.items():
        median = statistics.median(of_rounds)
        print(f"| {name} | {median:.2f} | {median / ours:.2f} |")


if __name__ == "__main__":
    main()
