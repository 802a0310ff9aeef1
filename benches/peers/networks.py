"""Writes what the engines load of a network: its input, what PyTorch gives, and the model as ONNX and as ncnn has it.

usage: networks.py ID FOLDER

The networks are those of `tests/cases/networks.py`, at their usual widths; `tests/networks/models.rs` has the same ones.
"""

import contextlib
import importlib.util
import os
import sys
from pathlib import Path

import torch

SOURCE = Path(__file__).resolve().parents[2] / "tests" / "cases" / "networks.py"


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


def export(name, shape, folder):
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
