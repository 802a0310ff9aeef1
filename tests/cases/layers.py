"""Writes layers.json: what PyTorch gives for the layers around convolution, in double precision, on seeded numbers.

    python tests/cases/layers.py    # needs torch and numpy; the tests need neither
"""

import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
cases = []


def rounded(tensor):
    """Numbers with few digits, which f32 has, too, to within its precision."""
    return torch.round(tensor * 256) / 256


def add(layer, shape, function, scale=3.0, **parameters):
    """A case: the layer with its parameters, an input, and what PyTorch makes of it."""
    x = rounded(torch.randn(shape) * scale)
    y = function(x)
    numbers = {name: p.flatten().tolist() if torch.is_tensor(p) else p for name, p in parameters.items()}
    cases.append(
        {
            "layer": layer,
            "parameters": numbers,
            "input_shape": list(x.shape),
            "input": x.flatten().tolist(),
            "shape": list(y.shape),
            "output": [float(f"{v:.10g}") for v in y.flatten().tolist()],
        }
    )


for name, function in {
    "relu": F.relu,
    "relu6": F.relu6,
    "clamp": lambda x: F.hardtanh(x, -1.5, 2.25),
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "tanh": torch.tanh,
    "silu": F.silu,
    "hard_swish": F.hardswish,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "softplus": F.softplus,
    "softplus_3_2": lambda x: F.softplus(x, beta=3.0, threshold=2.0),
}.items():
    add(name, (3, 17), function)

for count in (1, 4):
    weight = rounded(torch.rand(count))
    add("prelu", (2, 4, 3), lambda x: F.prelu(x, weight), weight=weight)

for axes, shape in ((1, (3, 4)), (1, (2, 4, 5)), (2, (2, 4, 3, 5)), (3, (1, 4, 2, 3, 2))):
    mean, var, weight, bias = (rounded(t) for t in (torch.randn(4), torch.rand(4) + 0.25, torch.randn(4), torch.randn(4)))
    add(
        f"batch_norm{axes}",
        shape,
        lambda x: F.batch_norm(x, mean, var, weight, bias, eps=1e-5),
        mean=mean,
        variance=var,
        weight=weight,
        bias=bias,
    )

for axis in (0, 1, 2, -1):
    add("softmax", (2, 3, 67), lambda x: F.softmax(x, axis), axis=axis)
    add("log_softmax", (2, 67, 3), lambda x: F.log_softmax(x, axis), axis=axis)

for mode in ("nearest", "linear", "corners"):
    for axes, shape in ((1, (2, 7)), (2, (2, 4, 5)), (3, (1, 2, 3, 4))):
        linear = ("linear", "bilinear", "trilinear")[axes - 1]
        arguments = {"mode": "nearest"} if mode == "nearest" else {"mode": linear, "align_corners": mode == "corners"}
        for factor in (2.0, 1.5, 0.6):
            add(
                f"upsample{axes}_{mode}",
                (2, *shape),
                lambda x: F.interpolate(x, scale_factor=factor, **arguments),
                factor=factor,
            )
        size = (5, 8, 3)[:axes]
        add(f"upsample{axes}_{mode}", (2, *shape), lambda x: F.interpolate(x, size=size, **arguments), size=list(size))

for mode in ("constant", "reflect", "replicate", "circular"):
    for shape, sides in (((2, 5), [(2, 3)]), ((1, 2, 4, 5), [(1, 3), (4, 0)]), ((1, 1, 3, 3, 4), [(0, 1), (2, 2), (3, 1)])):
        if len(shape) == 2:
            shape = (1, *shape)
        flat = [side for pair in reversed(sides) for side in pair]
        value = {"value": 0.75} if mode == "constant" else {}
        add(f"pad{len(sides)}_{mode}", shape, lambda x: F.pad(x, flat, mode=mode, **value), sides=sum(map(list, sides), []))
for sides in ([(2, 3)], [(9, 4)]):
    add("pad1_symmetric", (1, 2, 3), lambda x: torch.tensor(np.pad(x.numpy(), [(0, 0), (0, 0), *sides], "symmetric")), sides=list(sides[0]))

for size, alpha, beta, k in ((5, 1e-4, 0.75, 1.0), (2, 0.5, 0.75, 2.0), (3, 1.0, 0.6, 0.5)):
    add(
        "lrn",
        (2, 6, 2, 3),
        lambda x: F.local_response_norm(x, size, alpha, beta, k),
        size=size,
        alpha=alpha,
        beta=beta,
        k=k,
    )

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
print(len(cases), "cases,", path.stat().st_size, "bytes")
