"""Blocks under Dask give what the whole gives, to the bit."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import featuremap as fm

da = pytest.importorskip("dask.array", reason="Dask is not installed")
from featuremap.dask import map_windows  # noqa: E402

WINDOWS: list[tuple[Any, Any]] = [((3, 3), 1), ((5, 5), 1), ((15, 15), 1), ((1, 7), 1), ((3, 3), 2), ((4, 2), (1, 3))]


def raster(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(7).standard_normal(shape).astype(dtype)


def same(blocks: Any, module: fm.Module, whole: Any) -> None:
    expected = module(whole)
    result = map_windows(blocks, module)
    assert result.shape == expected.shape and result.dtype == expected.dtype
    found = result.compute(scheduler="synchronous")
    assert found.shape == expected.shape and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("stride", [1, 2, (3, 1)])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "symmetric", "replicate", "circular"])
@pytest.mark.parametrize(("size", "dilation"), WINDOWS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolutions(size: Any, dilation: Any, mode: Any, stride: Any, dtype: Any) -> None:
    whole = raster(157, 131, dtype=dtype)
    blocks = da.from_array(whole, chunks=((60, 1, 44, 52), 50))
    for padding in (0, 1, [(2, 0), (0, 3)], "same"):
        same(blocks, fm.Conv2d(raster(*size, dtype=dtype), None, stride, padding, dilation, padding_mode=mode), whole)


@pytest.mark.parametrize("separable", [np.outer(np.hanning(17)[1:-1], np.hanning(17)[1:-1])])
def test_separable_filters(separable: Any) -> None:
    for shape, chunks in [((400, 380), 100), ((90, 700), (40, 333))]:
        whole = raster(*shape)
        same(da.from_array(whole, chunks=chunks), fm.Conv2d(separable.astype(np.float32), padding=7), whole)


@pytest.mark.parametrize("pool", [fm.MaxPool2d, fm.MinPool2d, fm.Median2d])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (3, 2), (5, 3), (2, 3), (9, 1)])
def test_selecting_pools(pool: Any, size: int, stride: int) -> None:
    for dtype in (np.float32, np.uint8):
        whole = (100 * abs(raster(97, 83))).astype(dtype)
        for padding, ceil_mode in itertools.product((0, 1), (False, True)):
            same(da.from_array(whole, chunks=(30, 41)), pool(size, stride, padding, ceil_mode=ceil_mode), whole)


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_averages(size: int, stride: int, count_include_pad: bool) -> None:
    whole = raster(97, 83)
    for padding, ceil_mode in itertools.product((0, 1), (False, True)):
        pool = fm.AvgPool2d(size, stride, padding, ceil_mode, count_include_pad)
        same(da.from_array(whole, chunks=(30, 41)), pool, whole)


def test_networks() -> None:
    whole = raster(2, 3, 97, 83)
    network = fm.Sequential(
        fm.Conv2d(raster(4, 3, 3, 3), raster(4), padding=1, padding_mode="replicate", winograd=False),
        fm.ReLU(),
        fm.Sequential(fm.Conv2d(raster(2, 4, 3, 3), stride=2, padding=1, winograd=False), fm.LeakyReLU()),
        fm.MaxPool2d(3, 2, 1, ceil_mode=True),
    )
    blocks = da.from_array(whole, chunks=(1, 1, 40, 37))
    same(blocks, network, whole)
    assert map_windows(blocks, network).chunks[:2] == ((1, 1), (2,))
    same(da.from_array(whole[0, 0], chunks=(40, 37)), fm.Conv2d(raster(4, 1, 3, 3), padding=1), whole[0, 0])


def test_signals_and_volumes() -> None:
    signal_, volume = raster(1000), raster(30, 31, 32)
    same(da.from_array(signal_, chunks=300), fm.Conv1d(raster(5), padding="same"), signal_)
    same(da.from_array(volume, chunks=(16, 12, 32)), fm.Sequential(fm.Conv3d(raster(3, 3, 3), padding=1), fm.MaxPool3d(2)), volume)
    same(da.from_array(volume, chunks=(16, 12, 32)), fm.ReLU(), volume)


def test_what_is_refused() -> None:
    blocks = da.from_array(raster(1, 1, 60, 60), chunks=30)
    with pytest.raises(ValueError, match=r"Flatten\(\) is neither by windows nor of every element"):
        map_windows(blocks, fm.Sequential(fm.ReLU(), fm.Flatten()))
    circular = fm.Conv2d(raster(3, 3), padding=1, padding_mode="circular")
    with pytest.raises(ValueError, match="only the first layer can have circular padding"):
        map_windows(blocks, fm.Sequential(fm.MaxPool2d(2), circular))
    with pytest.raises(ValueError, match="window of 80"):
        map_windows(blocks, fm.MaxPool2d(80))


def test_labelled_arrays() -> None:
    xr = pytest.importorskip("xarray", reason="xarray is not installed")
    whole = raster(60, 50)
    places = {"y": 100.0 + 10 * np.arange(60), "x": -5.0 * np.arange(50)}
    blocks = xr.DataArray(da.from_array(whole, chunks=25), places, ("y", "x"), name="height", attrs={"unit": "m"})
    smooth = map_windows(blocks, fm.Conv2d(raster(3, 3), padding=1))
    assert smooth.dims == ("y", "x") and smooth.name == "height" and smooth.attrs == {"unit": "m"}
    assert np.array_equal(smooth.y, blocks.y) and np.array_equal(smooth.x, blocks.x)
    half = map_windows(blocks, fm.MaxPool2d(2))
    assert np.array_equal(half.y, 105 + 20.0 * np.arange(30)) and np.array_equal(half.values, fm.max_pool2d(whole, 2))


def test_a_killed_worker_changes_nothing(tmp_path: Path) -> None:
    """Blocks are computed by two processes, of which one is killed in the middle."""
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    whole = raster(2000, 1800)
    module = fm.Sequential(fm.Median2d(9, padding=4), fm.Conv2d(raster(15, 15), padding=7), fm.ReLU())
    expected = module(whole)
    zarr.create_array(str(tmp_path / "raster.zarr"), data=whole, chunks=(250, 250))
    blocks = da.from_zarr(str(tmp_path / "raster.zarr"))
    settings: Any = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**settings, silence_logs=50) as cluster, distributed.Client(cluster) as client:
        pids = list(client.run(os.getpid).values())
        assert len(set(pids)) == 2

        def kill() -> None:
            # Once some blocks are done.
            while sum(name[1] == "memory" for name in client.run_on_scheduler(states)) < 5:
                time.sleep(0.05)
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        future = client.compute(map_windows(blocks, module))
        killer.start()
        found = future.result(timeout=120)
        killer.join()
        assert pids[0] not in client.run(os.getpid).values()
    assert np.array_equal(found, expected)


def states(dask_scheduler: Any) -> list[tuple[str, str]]:
    return [(str(key), task.state) for key, task in dask_scheduler.tasks.items()]
