"""The functions against PyTorch's: random cases of both floats, with views of any strides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import featuremap as fm

torch = pytest.importorskip("torch", reason="PyTorch is not installed: test.sh --all installs it")
F = torch.nn.functional

# Rounding errors, by the norm of the difference: those that the crate's own tests allow for its tiles, and for f64 accordingly.
CLOSE = {np.float32: 1e-5, np.float64: 1e-13}


def strided(random: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """Random numbers that lie in order, with steps, backwards, transposed or with channels last."""
    way = random.integers(5)
    if way == 1:
        return random.standard_normal([2 * length for length in shape]).astype(dtype)[tuple(slice(None, None, 2) for _ in shape)]
    if way == 2:
        return random.standard_normal(shape).astype(dtype)[..., ::-1]
    if way == 3:
        return random.standard_normal(shape[::-1]).astype(dtype).T
    if way == 4 and len(shape) > 2:
        return np.moveaxis(random.standard_normal((shape[0], *shape[2:], shape[1])).astype(dtype), -1, 1)
    return random.standard_normal(shape).astype(dtype)


def check(ours: Any, theirs: Any, dtype: Any, close: float | None = None) -> None:
    theirs = theirs.numpy()
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    difference = np.linalg.norm((ours - theirs).astype(float).ravel())
    size = float(np.linalg.norm(theirs.astype(float).ravel()))
    assert difference <= (CLOSE[dtype] if close is None else close) * size


def of(array: Any) -> Any:
    return torch.from_numpy(np.array(array, order="C", copy=True))


FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
AXES = pytest.mark.parametrize("axes", [1, 2, 3])
LENGTHS = {1: (40, 60), 2: (9, 24), 3: (6, 9)}


def lengths(random: np.random.Generator, axes: int) -> tuple[int, ...]:
    return tuple(int(n) for n in random.integers(*LENGTHS[axes], axes))


def each(random: np.random.Generator, axes: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(int(n) for n in random.integers(low, high + 1, axes))


@FLOATS
@AXES
@pytest.mark.parametrize("case", range(12))
def test_conv(case: int, axes: int, dtype: Any) -> None:
    random = np.random.default_rng([case, axes])
    groups = int(random.choice([1, 1, 2, 4]))
    channels, filters = 4 * int(random.integers(1, 3)), 4 * int(random.integers(1, 5))
    x = strided(random, (2, channels, *lengths(random, axes)), dtype)
    weight = strided(random, (filters, channels // groups, *each(random, axes, 1, 3)), dtype)
    bias = strided(random, (filters,), dtype) if case % 2 else None
    stride, padding, dilation = each(random, axes, 1, 2), each(random, axes, 0, 2), each(random, axes, 1, 2)
    ours = getattr(fm, f"conv{axes}d")(x, weight, bias, stride, padding, dilation, groups)
    theirs = getattr(F, f"conv{axes}d")(of(x), of(weight), None if bias is None else of(bias), stride, padding, dilation, groups)
    check(ours, theirs, dtype)


@FLOATS
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_modes(mode: Any, dtype: Any, random: np.random.Generator) -> None:
    x, weight = strided(random, (2, 3, 17, 19), dtype), strided(random, (5, 3, 3, 3), dtype)
    theirs = F.conv2d(F.pad(of(x), (1, 1, 2, 2), mode=mode), of(weight), stride=2)
    check(fm.conv2d(x, weight, stride=2, padding=(2, 1), padding_mode=mode), theirs, dtype)


@FLOATS
@pytest.mark.filterwarnings("ignore:Using padding")
def test_same_padding(dtype: Any, random: np.random.Generator) -> None:
    x, weight = strided(random, (1, 2, 20, 21), dtype), strided(random, (3, 2, 4, 3), dtype)
    check(fm.conv2d(x, weight, padding="same"), F.conv2d(of(x), of(weight), padding="same"), dtype)
    check(fm.conv2d(x, weight, padding="valid"), F.conv2d(of(x), of(weight), padding="valid"), dtype)


@FLOATS
@AXES
@pytest.mark.parametrize("case", range(6))
def test_conv_transpose(case: int, axes: int, dtype: Any) -> None:
    random = np.random.default_rng([case, axes])
    groups = int(random.choice([1, 2]))
    x = strided(random, (2, 4, *each(random, axes, 4, 8)), dtype)
    weight = strided(random, (4, 3, *each(random, axes, 2, 4)), dtype)
    bias = strided(random, (3 * groups,), dtype)
    stride, padding = each(random, axes, 2, 3), each(random, axes, 0, 1)
    given = (stride, padding, each(random, axes, 0, 1), groups, each(random, axes, 1, 2))
    ours = getattr(fm, f"conv_transpose{axes}d")(x, weight, bias, *given)
    check(ours, getattr(F, f"conv_transpose{axes}d")(of(x), of(weight), of(bias), *given), dtype)


@FLOATS
@AXES
@pytest.mark.parametrize("case", range(8))
def test_max_pool(case: int, axes: int, dtype: Any) -> None:
    random = np.random.default_rng([case, axes])
    x = strided(random, (2, 3, *lengths(random, axes)), dtype)
    if case % 2:
        x = x.round()  # Many equal pixels, of which the first counts.
    size = each(random, axes, 2, 4)
    given = (size, each(random, axes, 1, 3), tuple(int(random.integers(0, n // 2 + 1)) for n in size), 1, bool(case % 3 == 0))
    values, indices = getattr(fm, f"max_pool{axes}d")(x, *given, return_indices=True)
    theirs, places = getattr(F, f"max_pool{axes}d")(of(x), *given, return_indices=True)
    assert np.array_equal(values, theirs.numpy()) and np.array_equal(indices, places.numpy())
    assert np.array_equal(getattr(fm, f"max_pool{axes}d")(x, *given), values)
    smallest = getattr(fm, f"min_pool{axes}d")(-x, *given)
    assert np.array_equal(smallest, -values)
    if not given[4]:
        back = getattr(fm, f"max_unpool{axes}d")(values, indices, *given[:3], output_size=x.shape)
        assert np.array_equal(back, getattr(F, f"max_unpool{axes}d")(theirs, places, *given[:3], output_size=x.shape).numpy())


@FLOATS
@AXES
@pytest.mark.parametrize("case", range(8))
def test_avg_pool(case: int, axes: int, dtype: Any) -> None:
    random = np.random.default_rng([case, axes])
    x = strided(random, (2, 3, *lengths(random, axes)), dtype)
    size = each(random, axes, 2, 4)
    given: tuple[Any, ...] = (size, each(random, axes, 1, 3), tuple(int(random.integers(0, n // 2 + 1)) for n in size), bool(case % 2))
    given = (*given, bool(case % 3))
    if axes > 1:
        given = (*given, 7 if case == 5 else None)
    check(getattr(fm, f"avg_pool{axes}d")(x, *given), getattr(F, f"avg_pool{axes}d")(of(x), *given), dtype)


@FLOATS
@AXES
def test_lp_and_adaptive_pools(axes: int, dtype: Any, random: np.random.Generator) -> None:
    x = abs(strided(random, (2, 3, *lengths(random, axes)), dtype))
    for order in (1.0, 2.0, 3.0):
        ours = getattr(fm, f"lp_pool{axes}d")(x, order, 3, 2)
        check(ours, getattr(F, f"lp_pool{axes}d")(of(x), order, 3, 2), dtype, 1e-6 if dtype == np.float32 else None)
    sizes: tuple[Any, ...] = (1, (4, 2, 3)[:axes], (None, 3, 2)[:axes])
    for size in sizes[: 2 if axes == 1 else 3]:  # PyTorch takes no None for one axis.
        for kind in ("max", "avg"):
            name = f"adaptive_{kind}_pool{axes}d"
            check(getattr(fm, name)(x, size), getattr(F, name)(of(x), size), dtype)
        if size == 1:
            check(getattr(fm, f"global_avg_pool{axes}d")(x), getattr(F, f"adaptive_avg_pool{axes}d")(of(x), 1), dtype)
            check(getattr(fm, f"global_max_pool{axes}d")(x), getattr(F, f"adaptive_max_pool{axes}d")(of(x), 1), dtype)


@FLOATS
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("relu", {}), ("relu6", {}), ("hardtanh", {"min_val": -0.5, "max_val": 0.7}), ("leaky_relu", {"negative_slope": 0.2}),
        ("elu", {"alpha": 0.7}), ("sigmoid", {}), ("hardsigmoid", {}), ("tanh", {}), ("silu", {}), ("hardswish", {}),
        ("softplus", {"beta": 2.0, "threshold": 3.0}), ("gelu", {}), ("gelu", {"approximate": "tanh"}), ("softmax", {"dim": 1}),
        ("log_softmax", {"dim": -1}), ("local_response_norm", {"size": 3, "alpha": 0.3}),
    ],
)  # fmt: skip
def test_elementwise(name: str, given: dict[str, Any], dtype: Any, random: np.random.Generator) -> None:
    x = 3 * strided(random, (2, 5, 6, 7), dtype)
    check(getattr(fm, name)(x, **given), getattr(F, name)(of(x), **given), dtype, 1e-6 if dtype == np.float32 else 1e-12)


@FLOATS
def test_layers(dtype: Any, random: np.random.Generator) -> None:
    x = strided(random, (2, 5, 6, 7), dtype)
    mean, weight, bias, slopes = (strided(random, (5,), dtype) for _ in range(4))
    variance = abs(strided(random, (5,), dtype)) + 1
    theirs = F.batch_norm(of(x), of(mean), of(variance), of(weight), of(bias), eps=1e-3)
    check(fm.batch_norm(x, mean, variance, weight, bias, eps=1e-3), theirs, dtype)
    check(fm.prelu(x, slopes), F.prelu(of(x), of(slopes)), dtype)
    dense, offset = strided(random, (4, 7), dtype), strided(random, (4,), dtype)
    check(fm.linear(x, dense, offset), F.linear(of(x), of(dense), of(offset)), dtype)


@FLOATS
def test_pad_and_interpolate(dtype: Any, random: np.random.Generator) -> None:
    x = strided(random, (2, 3, 6, 7), dtype)
    check(fm.pad(x, (1, 2, 3, 0), value=2.5), F.pad(of(x), (1, 2, 3, 0), value=2.5), dtype, 0)
    modes: list[Any] = ["reflect", "replicate", "circular"]
    for mode in modes:
        check(fm.pad(x, (1, 2, 3, 0), mode), F.pad(of(x), (1, 2, 3, 0), mode), dtype, 0)
    ways: list[dict[str, Any]] = [{"size": (9, 4)}, {"scale_factor": 2}, {"scale_factor": (1.5, 2.0)}]
    for given in ways:
        check(fm.interpolate(x, **given), F.interpolate(of(x), **given), dtype, 0)
        for corners in (False, True):
            more: Any = {**given, "mode": "bilinear", "align_corners": corners}
            check(fm.interpolate(x, **more), F.interpolate(of(x), **more), dtype, 1e-6 if dtype == np.float32 else None)


def test_tensors_of_torch(random: np.random.Generator) -> None:
    x = torch.from_numpy(random.standard_normal((1, 2, 8, 8)))
    assert np.array_equal(fm.max_pool2d(x, 2), F.max_pool2d(x, 2).numpy())


def test_a_state_dict() -> None:
    theirs = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3)).eval()

    def zeros(*shape: int) -> Any:
        return np.zeros(shape, np.float32)

    norm = fm.BatchNorm2d(zeros(4), zeros(4), zeros(4), zeros(4))
    ours = fm.Sequential(fm.Conv2d(zeros(4, 1, 3, 3), zeros(4)), norm, fm.ReLU(), fm.Flatten(), fm.Linear(zeros(3, 144), zeros(3)))
    ours.load(theirs.state_dict())
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        check(ours(x), theirs(x), np.float32)
