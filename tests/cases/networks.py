"""Writes networks.json: what PyTorch gives for whole networks, in double precision, with weights that a formula gives.

    python tests/cases/networks.py    # needs torch; the test needs it not

Widths are a part of the usual ones, so that the test is quick without an optimiser. `tests/networks/models.rs` has the same networks.
"""

import json
import pathlib

import torch
from torch import nn

def waves(count, seed):
    """Numbers in [-1, 1) from the bits of a product, as the test computes them."""
    place = (torch.arange(count, dtype=torch.int64) + seed) * 2654435761
    return ((place >> 8) & 0xFFFFFF).double() / 8388608.0 - 1.0


def fill(network):
    """Gives every parameter numbers that keep values of a moderate size: see `fill` in the test."""
    seed = 0
    for name, values in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        numbers = waves(values.numel(), seed)
        seed += values.numel()
        if name.endswith("running_var"):
            numbers = numbers.abs() + 0.5
        elif values.dim() > 1:
            numbers = numbers * (6.0 / (values.numel() / values.shape[0])) ** 0.5
        elif name.endswith("weight"):
            numbers = numbers * 0.25 + 1.0
        else:
            numbers = numbers * 0.125
        values.copy_(numbers.reshape(values.shape))
    return network.eval()


class Residual(nn.Module):
    def __init__(self, f, projection=None, relu=False):
        super().__init__()
        if projection is not None:
            self.projection = projection
        self.f, self.relu = f, relu

    def forward(self, x):
        y = (self.projection(x) if hasattr(self, "projection") else x) + self.f(x)
        return torch.relu(y) if self.relu else y


class Concat(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def conv_bn(filters, channels, size, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(channels, filters, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(filters)
    )


def resnet18(w, classes):
    def block(filters, channels, stride):
        f = nn.Sequential(conv_bn(filters, channels, 3, stride), nn.ReLU(), conv_bn(filters, filters, 3))
        change = stride > 1 or filters != channels
        return Residual(f, conv_bn(filters, channels, 1, stride) if change else None, relu=True)

    blocks, channels = [], w
    for stage in range(4):
        filters = w << stage
        blocks += [block(filters, channels, 1 if stage == 0 else 2), block(filters, filters, 1)]
        channels = filters
    stem = [conv_bn(w, 3, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def mobilenet_v2(w, classes):
    def block(filters, channels, stride, expand):
        wide = channels * expand
        layers = [conv_bn(wide, channels, 1), nn.ReLU6()] if expand > 1 else []
        layers += [conv_bn(wide, wide, 3, stride, groups=wide), nn.ReLU6(), conv_bn(filters, wide, 1)]
        f = nn.Sequential(*layers)
        return Residual(f) if stride == 1 and filters == channels else f

    layers, channels = [conv_bn(4 * w, 3, 3, 2), nn.ReLU6()], 4 * w
    for expand, filters, count, stride in (
        (1, 2, 1, 1), (6, 3, 2, 2), (6, 4, 3, 2), (6, 8, 4, 2), (6, 12, 3, 1), (6, 20, 3, 2), (6, 40, 1, 1)
    ):  # fmt: skip
        for number in range(count):
            layers.append(block(filters * w, channels, stride if number == 0 else 1, expand))
            channels = filters * w
    layers += [conv_bn(160 * w, channels, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(160 * w, classes)]
    return nn.Sequential(*layers)


def squeezenet(w, classes):
    def fire(squeeze, channels, expand):
        branches = Concat(
            nn.Sequential(nn.Conv2d(squeeze, expand, 1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(squeeze, expand, 3, padding=1), nn.ReLU()),
        )
        return nn.Sequential(nn.Conv2d(channels, squeeze, 1), nn.ReLU(), branches)

    layers, channels = [nn.Conv2d(3, 4 * w, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)], 4 * w
    for number, (squeeze, expand) in enumerate(((1, 4), (1, 4), (2, 8), (2, 8), (3, 12), (3, 12), (4, 16), (4, 16))):
        if number in (2, 4):
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        layers.append(fire(squeeze * w, channels, expand * w))
        channels = 2 * expand * w
    layers += [nn.Dropout(), nn.Conv2d(channels, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers)


def unet(w, levels):
    def double(filters, channels):
        return nn.Sequential(conv_bn(filters, channels, 3), nn.ReLU(), conv_bn(filters, filters, 3), nn.ReLU())

    def level(depth):
        filters = w << depth
        if depth == levels:
            return double(filters, filters // 2)
        inner = nn.Sequential(nn.MaxPool2d(2), level(depth + 1), nn.ConvTranspose2d(2 * filters, filters, 2, 2))
        channels = 3 if depth == 0 else filters // 2
        return nn.Sequential(double(filters, channels), Concat(nn.Sequential(), inner), double(filters, 2 * filters))

    return nn.Sequential(level(0), nn.Conv2d(w, 2, 1))


def main():
    torch.set_default_dtype(torch.float64)
    cases = []
    for name, network, shape in (
        ("resnet18", resnet18(8, 10), (2, 3, 64, 64)),
        ("mobilenet_v2", mobilenet_v2(2, 10), (1, 3, 64, 64)),
        ("squeezenet", squeezenet(8, 10), (1, 3, 64, 64)),
        ("unet", unet(4, 3), (1, 3, 32, 32)),
    ):
        fill(network)
        x = waves(torch.Size(shape).numel(), 12345).reshape(shape)
        with torch.no_grad():
            y = network(x)
        step = max(1, y.numel() // 50)
        parameters = sum(v.numel() for n, v in network.state_dict().items() if not n.endswith("tracked"))
        case = {
            "network": name,
            "input_shape": shape,
            "output_shape": list(y.shape),
            "parameters": parameters,
            "norm": float(y.norm()),
            "step": step,
            "output": [float(f"{v:.10g}") for v in y.flatten()[::step].tolist()],
        }
        cases.append(case)
        print(name, parameters, "parameters,", list(y.shape), "norm", case["norm"], "of", y.numel())

    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
