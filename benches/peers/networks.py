"""Writes what the engines load of a network: its input, what PyTorch gives, and the model as ONNX and as ncnn has it.

usage: networks.py ID FOLDER

The networks are those of `tests/cases/networks.py`, at their usual widths; `tests/networks/models.rs` has the same ones. The detector of
PP-OCRv4 is there as a file alone, and what it gives is what ONNX Runtime does.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests" / "cases" / "networks.py"
FILES = {"ppocr_det": ROOT / "examples" / "find_text" / "model.sh"}


def networks():
    """The networks by their names, ready to infer."""
    spec = importlib.util.spec_from_file_location("networks", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    makers = {
        "resnet18": lambda: module.resnet18(64, 1000),
        "mobilenet_v2": lambda: module.mobilenet_v2(8, 1000),
        "squeezenet": lambda: module.squeezenet(16, 1000),
        "unet": lambda: module.unet(64, 4),
    }
    return {name: lambda make=make: module.fill(make()).float() for name, make in makers.items()}, module.waves


def copy(name, shape, folder):
    """Of a network that is a file."""
    import numpy as np
    import onnxruntime
    from PIL import Image

    # Text, as without any all outputs are nearly zero: the page of the example, several times.
    page = np.asarray(Image.open(ROOT / "examples" / "data" / "find_text" / "page.png"), np.float32) / 127.5 - 1
    page = np.tile(page, (3, 2))[: shape[2], : shape[3]]
    x = np.broadcast_to(page, shape).astype(np.float32)
    path = subprocess.run([FILES[name]], check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    shutil.copy(ROOT / path, folder / "model.onnx")
    x.tofile(folder / "input.f32")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    session.run(None, {"x": x})[0].tofile(folder / "expected.f32")


def export(name, shape, folder):
    if name in FILES:
        return copy(name, shape, folder)
    makers, waves = networks()
    network = makers[name]()
    x = waves(torch.Size(shape).numel(), 12345).reshape(shape).float()
    with torch.inference_mode():
        y = network(x)
    x.numpy().tofile(folder / "input.f32")
    y.contiguous().numpy().tofile(folder / "expected.f32")
    torch.onnx.export(
        network, (x,), folder / "model.onnx", input_names=["x"], output_names=["y"], opset_version=17, dynamo=False
    )
    # It writes a dozen files where it stands, the last of which it cannot read itself, as its layers have numbers for names.
    with contextlib.suppress(ImportError, SyntaxError):
        import pnnx

        os.chdir(folder)
        pnnx.export(network, "model.pt", (x,), fp16=False)


if __name__ == "__main__":
    import json

    layers = json.loads(Path(__file__).with_name("networks.json").read_text())
    layer = next(layer for layer in layers if layer["id"] == sys.argv[1])
    export(layer["id"], [layer[axis] for axis in "nchw"], Path(sys.argv[2]))
