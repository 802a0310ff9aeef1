"""The functions against cases computed by PyTorch that the repository holds, in ``tests/conformance``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY, read_safetensors

import featuremap as fm

CASES = sorted((REPOSITORY / "tests/conformance/torch").glob("*.json"))


def computed(case: dict[str, Any], of: dict[str, Any]) -> Any:
    given, over, x = dict(case["attributes"]), case["spatial_rank"], of["x"]
    padding = list(zip(given.pop("pads_begin", []), given.pop("pads_end", [])))
    size, stride = given.pop("kernel", None), given.pop("stride", None)
    function = {
        "conv": f"conv{over}d",
        "conv_transpose": f"conv_transpose{over}d",
        "adaptive_pool": f"adaptive_{given.get('kind')}_pool{over}d",
        "l2_pool": f"lp_pool{over}d",
        "relu": "relu",
    }.get(case["op"], f"{case['op']}{over}d")
    call = getattr(fm, function)
    match case["op"]:
        case "conv":
            return call(x, of["w"], of.get("b"), stride, padding, padding_mode=given.pop("pad_mode"), **given)
        case "conv_transpose":
            return call(x, of["w"], of.get("b"), stride, padding, **given)
        case "adaptive_pool":
            return call(x, given["output_size"])
        case "max_pool" | "min_pool":
            return call(x, size, stride, padding, **given, return_indices=True)
        case "l2_pool":
            return call(x, given["p"], size, stride, given["ceil_mode"], padding=padding)
        case "max_unpool":
            return call(x, of["indices"], size, stride, padding, given["output_size"])
        case "relu":
            return call(x)
    return call(x, size, stride, padding, **given)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = json.loads(path.read_text())
    stored = read_safetensors(path.with_suffix(".safetensors"))
    of = {name: stored[about["file"].removesuffix(".npy")] for name, about in case["tensors"].items()}
    found = computed(case, of)
    if "indices" in of and isinstance(found, tuple):
        found, indices = found
        assert np.array_equal(indices, of["indices"])
    assert found.shape == of["y"].shape and found.dtype == np.float64
    assert np.linalg.norm((found - of["y"]).ravel()) <= 1e-13 * max(float(np.linalg.norm(of["y"].ravel())), 1)


def test_there_are_cases() -> None:
    assert len(CASES) > 100
