"""What the tests share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(31)


def read_safetensors(path: Path) -> dict[str, Any]:
    """All tensors of a file, by this code alone: what the package reads by its own is compared with it."""
    bytes = path.read_bytes()
    start = 8 + int.from_bytes(bytes[:8], "little")
    types = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
    tensors = {}
    for name, about in json.loads(bytes[8:start]).items():
        if name != "__metadata__":
            low, high = (start + at for at in about["data_offsets"])
            tensors[name] = np.frombuffer(bytes[low:high], types[about["dtype"]]).reshape(about["shape"])
    return tensors
