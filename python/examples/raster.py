"""A raster that is larger than the memory of a worker, through an edge filter, a ReLU and a pooling, by two processes.

    python examples/raster.py --size 25000 --memory 600MB --folder rasters

It writes a raster as a zarr, block by block, opens it with Dask, and writes the result as another, while workers hold a few blocks each;
then it shows the result as a picture, and says how much memory each worker had at most.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster, progress

import featuremap as fm
from featuremap.dask import map_windows


def terrain(block_info: Any) -> Any:
    """Hills that go on from block to block."""
    (top, bottom), (left, right) = block_info[None]["array-location"]
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    hills = np.sin(x / 701) * np.cos(y / 523) + 0.3 * np.sin(x / 97 + np.cos(y / 131))
    return hills.astype(np.float32)


def network() -> fm.Sequential:
    """Edges by Sobel's filter made as large as 15×15, those that rise, and the steepest of each 8×8."""
    along = np.arange(-7, 8, dtype=np.float32)
    across = np.exp(-(along**2) / 18)
    edges = np.outer(across, along * across)
    return fm.Sequential(fm.Conv2d(edges / abs(edges).sum(), padding=7, padding_mode="reflect"), fm.ReLU(), fm.MaxPool2d(8))


def most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=25000, help="pixels along each side")
    parser.add_argument("--memory", default="600MB", help="what each worker may take")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the rasters are written; otherwise nothing is kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        settings: dict[str, Any] = {"n_workers": given.workers, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(**settings, memory_limit=given.memory) as cluster, Client(cluster) as client:
            run(client, given.size, folder)


def run(client: Client, size: int, folder: Path) -> None:
    chunks = da.core.normalize_chunks(2000, (size, size))
    raster = da.map_blocks(terrain, chunks=chunks, meta=np.empty((0, 0), np.float32))
    raster.to_zarr(str(folder / "raster.zarr"), overwrite=True)
    raster = da.from_zarr(str(folder / "raster.zarr"))
    edges = map_windows(raster, network())
    edges = edges.rechunk({0: "auto", 1: "auto"}, block_size_limit=4 << 20)  # Chunks that zarr can write: of one size.
    start = time.perf_counter()
    stored = client.persist(edges.to_zarr(str(folder / "edges.zarr"), overwrite=True, compute=False))
    progress(stored, notebook=False)
    client.compute(stored, sync=True)
    print(f"\n{raster.nbytes / 1e9:.2f} GB in {time.perf_counter() - start:.1f} s")
    for worker, most in client.run(most_memory).items():
        print(f"{worker}: at most {most / 1e6:.0f} MB")
    small = da.from_zarr(str(folder / "edges.zarr"))[:: max(1, size // 4000), :: max(1, size // 4000)].compute()
    picture(small, folder / "edges.png")
    # A part from the middle, read alone, gives the same.
    middle = size // 16
    place = slice(8 * middle - 56, 8 * middle + 456)
    part = raster[place, place].compute()
    whole = da.from_zarr(str(folder / "edges.zarr"))[middle : middle + 50, middle : middle + 50].compute()
    assert np.array_equal(network()(part)[7:57, 7:57], whole)
    print(f"{folder / 'edges.png'} shows it")


def picture(edges: Any, path: Path) -> None:
    from PIL import Image

    Image.fromarray((255 * edges / edges.max()).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
