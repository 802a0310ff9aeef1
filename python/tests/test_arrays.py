"""How arrays come in and go out: strides, copies, memory of the caller's, threads, errors."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import featuremap as fm

VIEWS: dict[str, Callable[[Any], Any]] = {
    "in order": lambda x: x,
    "every second": lambda x: x[::2, ::2],
    "backwards": lambda x: x[::-1, ::-1],
    "transposed": lambda x: x.T,
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape),
    "of a record": lambda x: np.ascontiguousarray(np.stack([x, x], -1)).view([("a", x.dtype), ("b", x.dtype)])["b"][..., 0],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int8", "int16", "uint16", "int32", "int64"])
def test_views_are_as_their_copies(view: str, dtype: str, random: np.random.Generator) -> None:
    x = VIEWS[view](random.integers(0, 100, (40, 44)).astype(dtype))
    copy = np.ascontiguousarray(x)
    weight = random.integers(-3, 3, (3, 3)).astype(dtype)
    calls: list[Callable[[Any], Any]] = [
        lambda x: fm.max_pool2d(x, 3, 2, 1), lambda x: fm.relu(x), lambda x: fm.conv2d(x, weight), lambda x: fm.median(x, 3),
    ]  # fmt: skip
    for call in calls:
        assert np.array_equal(call(x), call(copy))
        assert call(x).dtype == call(copy).dtype


def test_packed_records_are_copied_once(random: np.random.Generator) -> None:
    records = np.zeros((8, 9), [("flag", "u1"), ("value", "f4")])
    records["value"] = random.standard_normal((8, 9))
    assert not records["value"].flags.aligned
    assert np.array_equal(fm.max_pool2d(records["value"], 2), fm.max_pool2d(records["value"].copy(), 2))


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "of a record"])
@pytest.mark.parametrize("call", ["conv", "pool", "relu", "plan"])
def test_nothing_is_copied_on_the_way_in(view: str, call: str) -> None:
    """Neither by NumPy, whose memory is traced, nor by Rust, whose memory the process has at its highest."""
    code = f"""
import resource, tracemalloc
import numpy as np
import featuremap as fm
from test_arrays import VIEWS

x = VIEWS[{view!r}](np.ones((8000, 6000), np.float32))  # 192 MB
weight = np.full((3, 3), 0.5, np.float32)
conv, pool = fm.Conv2d(weight, stride=8), fm.MaxPool2d(8)
out = {{}}
calls = {{
    "conv": lambda x: fm.conv2d(x, weight, stride=8, out=out[x.shape]),
    "pool": lambda x: fm.max_pool2d(x, 8, out=out[x.shape]),
    "relu": lambda x: fm.relu(x[:80], out=out[x.shape]),
    "plan": lambda x: pool(x, out=out[x.shape]),
}}
call = calls[{call!r}]
shapes = {{"conv": conv.output_shape, "pool": pool.output_shape, "plan": pool.output_shape, "relu": lambda s: (80, s[1])}}
small = VIEWS[{view!r}](np.ones((320, 240), np.float32))
for array in (small, x):
    out[array.shape] = np.ones(shapes[{call!r}](array.shape), np.float32)
call(small)
tracemalloc.start()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
call(x)
print(tracemalloc.get_traced_memory()[1], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, x.nbytes)
"""
    folder = os.path.dirname(__file__)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    by_numpy, by_process, size = map(int, ran.stdout.split())
    assert by_numpy < 100_000
    # A copy would be of the whole size; what the crate puts in order at a time, or needs for its kernels, is less.
    assert by_process < size / 2


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "repeated"])
def test_out(view: str, random: np.random.Generator) -> None:
    x = random.standard_normal((20, 20))
    wide = VIEWS[view](np.full((40, 40), np.nan))
    out = wide[:20, :20]
    assert fm.relu(x, out=out) is out
    assert np.array_equal(out, fm.relu(x))
    module = fm.MaxPool2d(3, 1, 1)
    assert module(x, out=out) is out and np.array_equal(out, module(x))
    plan = module.plan((20, 20), np.float64)
    assert plan(x, out) is out and np.array_equal(out, module(x))


def test_no_out_is_kept_from_being_written() -> None:
    x = np.ones((4, 4))
    read_only = np.ones((4, 4))
    read_only.flags.writeable = False
    overlapping = np.lib.stride_tricks.as_strided(np.ones(16), (4, 4), (8, 8))
    for out, text in [
        (np.ones((4, 3)), r"the output must have shape \[4, 4\]; found \[4, 3\]"),
        (read_only, "out is read-only"),
        (overlapping, "out must have elements that lie apart"),
        (x, "out lies in the memory of the input"),
        (x[::-1], "out lies in the memory of the input"),
    ]:
        with pytest.raises(ValueError, match=text):
            fm.relu(x, out=out)
    others: list[tuple[Any, str]] = [(np.ones((4, 4), np.float32), "of float64; found float32"), ([[1.0]], "out must be an array")]
    for other, text in others:
        with pytest.raises(TypeError, match=text):
            fm.relu(x, out=other)


ERRORS: list[tuple[type[Exception], str, Callable[[Any, Any], Any]]] = [
    (ValueError, r"window of 7 \(size 7, dilation 1\) is larger than spatial axis 0: 5 \+ 0 \+ 0 padding", lambda x, w: fm.max_pool2d(x, 7)),
    (ValueError, "stride is 0 on spatial axis 0: it must be at least 1", lambda x, w: fm.conv2d(x, w, stride=0)),
    (ValueError, "stride must not be negative; found -1", lambda x, w: fm.conv2d(x, w, stride=-1)),
    (ValueError, "one for each of 2 spatial axes; found 3", lambda x, w: fm.conv2d(x, w, stride=(1, 2, 3))),
    (ValueError, "padding must be \"valid\", \"same\"", lambda x, w: fm.conv2d(x, w, padding="full")),
    (ValueError, "covers no pixel", lambda x, w: fm.max_pool2d(x, 2, padding=3)),
    (ValueError, "the input has 1 channels, but filters", lambda x, w: fm.conv2d(x[None], np.ones((4, 3, 3, 3)))),
    (ValueError, "reflect padding of 5 before", lambda x, w: fm.conv2d(x, w, padding=5, padding_mode="reflect")),
    (ValueError, "padding_mode must be", lambda x, w: fm.conv2d(x, w, padding_mode="mirror")),  # type: ignore[arg-type]
    (ValueError, "the bias must be one number for each", lambda x, w: fm.conv2d(x, w, np.ones(3))),
    (ValueError, "threads must be at least 1; found 0", lambda x, w: fm.relu(x, threads=0)),
    (ValueError, "rank", lambda x, w: fm.max_pool3d(x, 2)),
    (ValueError, "lies outside the output plane", lambda x, w: fm.max_unpool2d(x, np.full((5, 5), 999), 2)),
    (TypeError, "as the weight is; found float64: `astype` converts", lambda x, w: fm.conv2d(x, w.astype(np.float32))),
    (TypeError, "bias must be an array of float64; found float32", lambda x, w: fm.conv2d(x, w, np.ones(1, np.float32))),
    (TypeError, "found float16", lambda x, w: fm.relu(x.astype(np.float16))),
    (TypeError, "another order of bytes", lambda x, w: fm.relu(x.astype(x.dtype.newbyteorder()))),
    (TypeError, "found <U1", lambda x, w: fm.relu("a")),
    (TypeError, "this is for arrays of float32 or float64; found int64", lambda x, w: fm.sigmoid([1, 2])),
    (TypeError, "stride must be a whole number, or 2 of them; found 1.5", lambda x, w: fm.conv2d(x, w, stride=1.5)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("kind", "text", "call"), ERRORS, ids=[text[:30] for _, text, _ in ERRORS])
def test_errors(kind: type[Exception], text: str, call: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(kind, match=text):
        call(np.ones((5, 5)), np.ones((3, 3)))


def test_huge_outputs_are_errors_and_no_crash() -> None:
    for size in (2**40, 2**62):
        with pytest.raises((ValueError, MemoryError)):
            fm.interpolate(np.ones((1, 1, 1, 1)), size=(size, size))
    with pytest.raises(ValueError, match="at most 32 axes"):
        fm.relu(np.ones((1,) * 33))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_bit(threads: int, random: np.random.Generator) -> None:
    x = random.standard_normal((2, 16, 64, 65)).astype(np.float32)
    weight = random.standard_normal((16, 16, 3, 3)).astype(np.float32)
    assert np.array_equal(fm.conv2d(x, weight, padding=1, threads=threads), fm.conv2d(x, weight, padding=1))
    assert np.array_equal(fm.avg_pool2d(x, 15, 1, 7, threads=threads), fm.avg_pool2d(x, 15, 1, 7))
    before = fm.get_num_threads()
    try:
        fm.set_num_threads(threads)
        assert fm.get_num_threads() == threads
        assert np.array_equal(fm.median(x, 3), fm.median(x, 3, threads=1))
    finally:
        fm.set_num_threads(before)


@pytest.mark.parametrize("text", ["3", " 1 "])
def test_threads_of_the_environment(text: str) -> None:
    found = _threads(text)
    assert found.stdout.split() == [text.strip()]


def test_wrong_threads_of_the_environment() -> None:
    assert "FEATUREMAP_NUM_THREADS must be a number of at least 1; found \"many\"" in _threads("many").stderr


def _threads(text: str) -> subprocess.CompletedProcess[str]:
    code = "import featuremap, numpy; featuremap.relu(numpy.ones(9)); print(featuremap.get_num_threads())"
    environment = {**os.environ, "FEATUREMAP_NUM_THREADS": text}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_other_threads_run_meanwhile() -> None:
    x, steps = np.ones((3000, 3000), np.float32), 0
    done = threading.Event()

    def compute() -> None:
        fm.median(x, 9, threads=1)
        done.set()

    thread = threading.Thread(target=compute)
    thread.start()
    while not done.is_set():
        steps += 1
        time.sleep(0.001)
    thread.join()
    # With the lock held all the while, there would be one step or two.
    assert steps > 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_forked_processes_compute(random: np.random.Generator) -> None:
    code = """
import os, sys, warnings
import numpy as np, featuremap as fm
warnings.simplefilter("ignore")
x = np.random.default_rng(1).standard_normal((4, 8, 256, 256))
whole = fm.avg_pool2d(x, 3)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(fm.avg_pool2d(x, 3), whole) and np.array_equal(fm.avg_pool2d(x, 3, threads=2), whole) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_outputs_of_numpy_are_traced() -> None:
    x = np.ones((1000, 1000), np.float32)
    tracemalloc.start()
    y = fm.relu(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert y.nbytes <= peak < 1.1 * y.nbytes
