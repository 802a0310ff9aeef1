"""Modules and networks: planned where they run, pickled, loaded, shown."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY

import featuremap as fm
from featuremap.onnx import Model


def normal(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def network() -> fm.Sequential:
    return fm.Sequential(
        {
            "conv": fm.Conv2d(normal(8, 3, 3, 3), normal(8), padding=1),
            "norm": fm.BatchNorm2d(normal(8), abs(normal(8)) + 1, normal(8), normal(8), eps=1e-3),
            "relu": fm.ReLU(),
            "block": fm.Residual(fm.Sequential(fm.Conv2d(normal(8, 8, 3, 3), padding=1), fm.ReLU()), fm.Conv2d(normal(8, 8, 1, 1))),
            "wide": fm.Concat({"one": fm.Conv2d(normal(4, 8, 1, 1)), "as it is": fm.Sequential()}),
            "gate": fm.Gate(fm.Sequential(fm.GlobalAvgPool2d(), fm.Conv2d(normal(12, 12, 1, 1)), fm.Sigmoid())),
            "pool": fm.MaxPool2d(2),
            "flatten": fm.Flatten(),
            "fc": fm.Linear(normal(5, 192), normal(5)),
        }
    )


ALL: list[tuple[fm.Module, tuple[int, ...], Any]] = [
    (fm.Conv1d(normal(4, 2, 3), normal(4), 2, 1), (1, 2, 9), lambda x: fm.conv1d(x, normal(4, 2, 3), normal(4), 2, 1)),
    (fm.Conv2d(normal(4, 1, 3, 3), groups=2, padding="same", relu=True), (2, 2, 9, 8), lambda x: fm.conv2d(x, normal(4, 1, 3, 3), groups=2, padding="same", relu=True)),
    (fm.Conv3d(normal(2, 2, 2, 2, 2), dilation=2, padding_mode="circular", padding=1), (1, 2, 5, 6, 7), lambda x: fm.conv3d(x, normal(2, 2, 2, 2, 2), dilation=2, padding_mode="circular", padding=1)),
    (fm.ConvTranspose2d(normal(2, 3, 3, 3), normal(3), 2, 1, 1), (1, 2, 5, 6), lambda x: fm.conv_transpose2d(x, normal(2, 3, 3, 3), normal(3), 2, 1, 1)),
    (fm.MaxPool2d(3, 2, [(0, 1), (1, 0)], ceil_mode=True), (1, 2, 9, 8), lambda x: fm.max_pool2d(x, 3, 2, [(0, 1), (1, 0)], ceil_mode=True)),
    (fm.MinPool1d(2), (1, 2, 9), lambda x: fm.min_pool1d(x, 2)),
    (fm.AvgPool2d(3, 1, 1, count_include_pad=False), (1, 2, 9, 8), lambda x: fm.avg_pool2d(x, 3, 1, 1, count_include_pad=False)),
    (fm.LPPool2d(3.0, 2), (1, 2, 9, 8), lambda x: fm.lp_pool2d(x, 3.0, 2)),
    (fm.Median2d((3, 1), padding=(1, 0)), (1, 2, 9, 8), lambda x: fm.median(x, (3, 1), padding=(1, 0))),
    (fm.AdaptiveAvgPool2d((3, 2)), (1, 2, 9, 8), lambda x: fm.adaptive_avg_pool2d(x, (3, 2))),
    (fm.AdaptiveMaxPool1d(3), (2, 9), lambda x: fm.adaptive_max_pool1d(x, 3)),
    (fm.GlobalL2Pool2d(), (2, 9, 9), lambda x: fm.global_l2_pool2d(x)),
    (fm.BatchNorm1d(normal(3), abs(normal(3)) + 1), (2, 3, 4), lambda x: fm.batch_norm(x, normal(3), abs(normal(3)) + 1)),
    (fm.PReLU(normal(3)), (2, 3, 4), lambda x: fm.prelu(x, normal(3))),
    (fm.Softplus(2.0), (2, 3), lambda x: fm.softplus(x, 2.0)),
    (fm.GELU("tanh"), (2, 3), lambda x: fm.gelu(x, approximate="tanh")),
    (fm.Softmax(-1), (2, 3), lambda x: fm.softmax(x, -1)),
    (fm.Dropout(0.2), (2, 3), lambda x: x),
    (fm.Flatten(), (2, 3, 4), lambda x: x.reshape(2, 12)),
    (fm.Linear(normal(4, 3)), (2, 3), lambda x: fm.linear(x, normal(4, 3))),
    (fm.Pad((1, 2), "symmetric"), (2, 3, 4), lambda x: fm.pad(x, (1, 2), "symmetric")),
    (fm.Upsample(scale_factor=2, mode="linear"), (1, 2, 3, 4), lambda x: fm.interpolate(x, scale_factor=2, mode="bilinear")),
    (fm.LocalResponseNorm(3), (1, 5, 3, 4), lambda x: fm.local_response_norm(x, 3)),
    (network(), (2, 3, 8, 8), None),
]  # fmt: skip
EACH = pytest.mark.parametrize(("module", "shape", "function"), ALL, ids=[repr(module).split("(")[0] for module, *_ in ALL])


@EACH
def test_modules_give_what_functions_give(module: fm.Module, shape: tuple[int, ...], function: Any) -> None:
    x = normal(*shape)
    y = module(x)
    assert y.shape == module.output_shape(shape) and y.dtype == np.float32
    if function is not None:
        # A plan may add up in another order than one call does.
        assert np.allclose(y, function(x), rtol=0, atol=1e-6 * abs(y).max())
        assert np.array_equal(y, function(x)) or module.parameters()
    assert np.array_equal(module.plan(shape)(x), y)


@EACH
def test_pickling(module: fm.Module, shape: tuple[int, ...], function: Any) -> None:
    x = normal(*shape)
    y = module(x)
    copy = pickle.loads(pickle.dumps(module))
    assert repr(copy) == repr(module)
    assert np.array_equal(copy(x), y)


def test_symmetric_padding_is_as_numpy_pads() -> None:
    x, weight = normal(1, 2, 7, 8), normal(3, 2, 5, 5)
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (1, 1)), "symmetric")
    conv = fm.Conv2d(weight, padding=(2, 1), padding_mode="symmetric")
    assert np.allclose(conv(x), fm.conv2d(padded, weight), atol=1e-5)


def test_small_integers_are_pickled_with_their_bias() -> None:
    conv = fm.Conv2d(np.ones((1, 1, 2, 2), np.uint8), np.array([7], np.int32))
    x = np.full((1, 1, 3, 3), 200, np.uint8)
    assert conv(x).dtype == np.int32 == conv.output_dtype(x.shape)
    assert (conv(x) == 807).all() and np.array_equal(pickle.loads(pickle.dumps(conv))(x), conv(x))


def test_repr() -> None:
    assert repr(fm.Conv2d(normal(8, 3, 3, 3), padding=1)) == "Conv2d(weight=float32[8, 3, 3, 3], padding=1)"
    assert repr(fm.MaxPool2d(2, ceil_mode=True)) == "MaxPool2d(2, ceil_mode=True)"
    model = fm.Sequential(fm.ReLU(), fm.Sequential({"pool": fm.AvgPool1d(3)}))
    assert repr(model) == "Sequential(\n  (0): ReLU()\n  (1): Sequential(\n    (pool): AvgPool1d(3)\n  )\n)"
    plan = fm.MaxPool2d(2).plan((1, 4, 4), np.uint8)
    assert repr(plan).startswith("Plan([1, 4, 4] → [1, 2, 2], ") and repr(plan).endswith("uint8)")
    assert (plan.input_shape, plan.output_shape, plan.dtype) == ((1, 4, 4), (1, 2, 2), "uint8")


def test_summary() -> None:
    table = network().summary((1, 3, 8, 8))
    assert "conv (Conv2d)" in table and "[1, 8, 8, 8]" in table and "Parameters" in table
    with pytest.raises(ValueError, match=r"layer fc \(Linear\): the input has 300 features on its last axis, but weights \[5, 192\]"):
        network()(normal(1, 3, 10, 10))


def test_loading(tmp_path: Path) -> None:
    model, x = network(), normal(2, 3, 8, 8)
    y, plan = model(x), model.plan(x.shape)
    other = pickle.loads(pickle.dumps(model))
    doubled = {name: 2 * array for name, array in model.parameters().items()}
    assert {"conv.weight", "norm.running_mean", "block.f.0.weight", "block.projection.0.weight", "wide.one.0.weight", "gate.g.1.weight"} <= doubled.keys()
    model.load(doubled)
    assert all(np.array_equal(array, doubled[name]) for name, array in model.parameters().items())
    assert not np.array_equal(model(x), y)
    assert np.array_equal(plan(x), y) and np.array_equal(other(x), y)
    model.save(tmp_path / "weights.safetensors")
    other.load(tmp_path / "weights.safetensors")
    assert np.array_equal(other(x), model(x))
    stored = fm.load_weights(tmp_path / "weights.safetensors", prefix="conv")
    assert list(stored) == ["bias", "weight"] and np.array_equal(stored["bias"], doubled["conv.bias"])


def test_loading_says_what_does_not_fit(tmp_path: Path) -> None:
    model = fm.Sequential({"fc": fm.Linear(np.zeros((2, 3), np.float32))})
    with pytest.raises(ValueError, match="missing fc.weight; unexpected fc.bias"):
        model.load({"fc.bias": np.zeros(2, np.float32)})
    with pytest.raises(ValueError, match=r"parameter fc.weight must have shape \[2, 3\]; found \[3, 2\]"):
        model.load({"fc.weight": np.zeros((3, 2), np.float32)})
    with pytest.raises(TypeError, match="fc.weight must be of type"):
        model.load({"fc.weight": np.zeros((2, 3), np.int64)})
    unmatched = model.load({"net.fc.weight": np.ones((2, 3), np.float16), "net.other": np.ones(1, np.float32)}, prefix="net", strict=False)
    assert unmatched == ([], ["other"]) and (model["fc"].parameters()["weight"] == 1).all()
    with pytest.raises(FileNotFoundError):
        model.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match="text.safetensors"):
        model.load(tmp_path / "text.safetensors")


def test_networks_take_one_type() -> None:
    with pytest.raises(TypeError, match=r"layer 0 \(Conv2d\) gives int32 for uint8"):
        fm.Sequential(fm.Conv2d(np.ones((3, 3), np.uint8)))(np.ones((4, 4), np.uint8))
    with pytest.raises(TypeError, match="layer 0 must be a Module"):
        fm.Sequential(np.ones(3))  # type: ignore[arg-type]
    pools = fm.Sequential(fm.MaxPool2d(2), fm.ReLU())
    for dtype in (np.int16, np.float64):
        assert np.array_equal(pools(np.arange(16).reshape(4, 4).astype(dtype)), [[5, 7], [13, 15]])


def test_threads_share_a_module_and_a_plan() -> None:
    model = network()
    inputs = [normal(n % 3 + 1, 3, 8, 8) for n in range(24)]
    expected = [network()(x) for x in inputs]
    plan = model.plan((1, 3, 8, 8))
    found: dict[int, Any] = {}

    def compute(first: int) -> None:
        for n in range(first, 24, 4):
            found[n] = model(inputs[n])
            if len(inputs[n]) == 1:
                assert np.array_equal(plan(inputs[n]), expected[n])

    threads = [threading.Thread(target=compute, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[n], expected[n]) for n in range(24))


def test_digits_of_the_repository() -> None:
    """The network of the example classify_digits, with its stored images and the scores that PyTorch gave."""
    folder = REPOSITORY / "examples/data/digits_cnn"
    images, logits = np.load(folder / "images.npy"), np.load(folder / "logits.npy")
    w = fm.load_weights(folder / "weights.safetensors")
    layers: dict[str, fm.Module] = {}
    for n in "123":
        layers[f"conv{n}"] = fm.Conv2d(w[f"conv{n}.weight"], w[f"conv{n}.bias"], padding=1)
        layers |= {f"relu{n}": fm.ReLU(), f"pool{n}": fm.MaxPool2d(2)}
    layers |= {"flat": fm.Flatten(), "fc1": fm.Linear(w["fc1.weight"], w["fc1.bias"]), "relu4": fm.ReLU()}
    model = fm.Sequential({**layers, "fc2": fm.Linear(w["fc2.weight"], w["fc2.bias"])})
    scores = model((images[:, None].astype(np.float32) / 255 - np.float32(0.1307)) / np.float32(0.3081))
    # As far as the example allows: sums in another order.
    assert abs(scores - logits).max() <= 1e-4
    assert np.array_equal(scores.argmax(1), logits.argmax(1))


def test_onnx() -> None:
    model = Model(REPOSITORY / "tests/onnx/relu.onnx")
    assert model.inputs == {"x": ["batch", 3, None, None]} and list(model.outputs) == ["y"]
    x = normal(2, 3, 4, 5)
    assert np.array_equal(model(x), fm.relu(x))
    assert np.array_equal(pickle.loads(pickle.dumps(model.size("batch", 2)))(x), fm.relu(x))
    assert repr(model).startswith("Model(x: ['batch', 3, None, None] -> ")
    with pytest.raises(ValueError, match=r"input x must have shape \[batch, 3, \?, \?\]; found \[2, 4, 4, 5\]"):
        model(normal(2, 4, 4, 5))
    with pytest.raises(FileNotFoundError):
        Model("none.onnx")
    with pytest.raises(TypeError, match="must be an array of float32; found float64"):
        model(x.astype(np.float64))


def test_windows() -> None:
    image = np.arange(30).reshape(5, 6)
    found = list(fm.windows(image, 3, 2, 1))
    assert [window.position for window in found] == [(y, x) for y in range(3) for x in range(3)]
    assert np.array_equal(found[0].pixels, image[:2, :2]) and np.shares_memory(found[0].pixels, image)
    assert np.array_equal([window.pixels.max() for window in found], fm.max_pool2d(image, 3, 2, 1).ravel())
    dilated = list(fm.windows(image, 2, dilation=(3, 2)))
    assert np.array_equal(dilated[0].pixels, image[:4:3, :3:2])
    assert fm.output_size((5, 6), 3, 2, 1) == (3, 3)
    assert np.array_equal(fm.coverage((5,), 3), [1, 2, 3, 2, 1])
    assert fm.coverage((5, 6), 3, 2, 1).sum() == sum(window.pixels.size for window in found)


def test_median(random: np.random.Generator) -> None:
    image = random.integers(0, 9, (12, 13))
    expected = [np.sort(window.pixels.ravel())[window.pixels.size // 2] for window in fm.windows(image, 3, 2, 1)]
    assert np.array_equal(fm.median(image, 3, 2, 1).ravel(), expected)
    assert np.isnan(fm.median([[1.0, np.nan], [0.0, 2.0]], 2)).all()
