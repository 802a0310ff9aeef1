"""Prints what the package promises, beside other libraries, in one run on one core.

    FEATUREMAP_NUM_THREADS=1 python bench.py

A figure is the least of several times: what the work takes where nothing else runs. SciPy and OpenCV are timed where they are installed.
"""

from __future__ import annotations

import os

# Before anything starts threads.
os.environ["FEATUREMAP_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import featuremap as fm


def seconds(call: Callable[[], Any], runs: int, calls: int = 1) -> float:
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        best = min(best, time.perf_counter() - start)
    return best / calls


def small() -> None:
    """A call of a plan on the least input takes what Python and NumPy take, and next to nothing else."""
    x, weight = np.ones((5, 5), np.float32), np.ones((3, 3), np.float32)
    out, conv, pool = np.empty((3, 3), np.float32), fm.Conv2d(weight), fm.MaxPool2d(2)
    plan = conv.plan((5, 5))
    print("5×5, by microseconds")
    for name, call in [
        ("conv2d", lambda: fm.conv2d(x, weight)),
        ("conv2d, out", lambda: fm.conv2d(x, weight, out=out)),
        ("Conv2d", lambda: conv(x)),
        ("plan of Conv2d, out", lambda: plan(x, out)),
        ("max_pool2d", lambda: fm.max_pool2d(x, 2)),
        ("MaxPool2d", lambda: pool(x)),
        ("relu", lambda: fm.relu(x)),
    ]:
        print(f"  {name:20} {1e6 * seconds(call, 20, 2000):6.2f}")


def large() -> None:
    """A filter of 15×15 over a plane of 2000×2000."""
    random = np.random.default_rng(0)
    x = random.standard_normal((2000, 2000)).astype(np.float32)
    weight = random.standard_normal((15, 15)).astype(np.float32)
    out, conv = np.empty((2000, 2000), np.float32), fm.Conv2d(weight, padding=7)
    expected = conv(x, out=out).copy()
    calls: dict[str, tuple[Callable[[], Any], int]] = {
        "featuremap": (lambda: conv(x, out=out), 9),
        "featuremap, conv2d": (lambda: fm.conv2d(x, weight, padding=7), 9),
    }
    try:
        import cv2

        cv2.setNumThreads(1)
        calls["OpenCV"] = (lambda: cv2.filter2D(x, -1, weight, borderType=cv2.BORDER_CONSTANT), 9)
    except ImportError:
        print("OpenCV is not installed")
    try:
        from scipy import ndimage

        calls["SciPy"] = (lambda: ndimage.correlate(x, weight, mode="constant"), 2)
    except ImportError:
        print("SciPy is not installed")
    print("15×15 over 2000×2000, by milliseconds")
    ours = 0.0
    for name, (call, runs) in calls.items():
        assert np.linalg.norm(call() - expected) <= 1e-5 * np.linalg.norm(expected), name
        taken = seconds(call, runs)
        ours = ours or taken
        print(f"  {name:20} {1e3 * taken:8.1f}  {taken / ours:6.1f} times")


def module() -> fm.Module:
    return fm.Median2d(7, padding=3)


def workers() -> None:
    """A job that computes, and moves little, by one process and by two."""
    try:
        import dask.array as da
        from distributed import Client, LocalCluster
    except ImportError:
        print("Dask's distributed is not installed")
        return
    from featuremap.dask import map_windows

    taken = {}
    for count in (1, 2):
        settings: Any = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(**settings) as cluster, Client(cluster):
            raster = da.random.default_rng(0).random((3000, 3000), chunks=500, dtype=np.float32)
            job = map_windows(raster, module()).sum()
            job.compute()  # Processes import what they need.
            taken[count] = seconds(job.compute, 3)
    print("medians of 7×7 over 3000×3000 in blocks under Dask, by seconds")
    for count, time_taken in taken.items():
        print(f"  {count} worker{'s' * (count > 1):1} {time_taken:19.2f}  {taken[1] / time_taken:6.2f} times")


def wheel() -> None:
    for path in sorted((Path(__file__).parent / "target/wheels").glob("*.whl")):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    small()
    large()
    workers()
    wheel()
