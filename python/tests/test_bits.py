"""What comes out is what the crate gives in Rust, bit by bit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import featuremap as fm


def numbers(*shape: int) -> Any:
    """As in ``bits.rs``."""
    at = np.arange(int(np.prod(shape)), dtype=np.uint64)
    return (at * 2_654_435_761 % 4_294_967_296 / 4_294_967_296 - 0.5).astype(np.float32).reshape(shape)


@pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust is not installed")
def test_bits() -> None:
    # As the package was built, whose crate need not be compiled again.
    profile = os.environ.get("FEATUREMAP_PROFILE", "release")
    command = ["cargo", "run", "--profile", profile, "--quiet", "--example", "bits"]
    written = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[1]).stdout
    batch, plane = numbers(2, 16, 40, 44), numbers(300, 310)
    conv = fm.Conv2d(numbers(32, 16, 3, 3), numbers(32), padding=1)
    outputs = [
        fm.conv2d(batch, numbers(32, 16, 3, 3), numbers(32), padding=1),
        fm.conv2d(plane, numbers(15, 15), padding=7),
        fm.conv1d(numbers(4, 1000), numbers(8, 4, 5), stride=2),
        fm.conv_transpose2d(batch, numbers(16, 8, 3, 3), stride=2),
        fm.avg_pool2d(plane, 9, 1, 4, count_include_pad=False),
        fm.lp_pool2d(batch, 2, 3),
        fm.batch_norm(batch, numbers(16), numbers(16) + np.float32(1)),
        fm.Sequential(conv, fm.ReLU(), fm.MaxPool2d(2))(batch),
    ]
    assert written == b"".join(output.tobytes() for output in outputs)
