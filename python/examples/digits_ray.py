"""A folder of pictures through a trained network, by as many processes as there are cores, with Ray.

    python examples/digits_ray.py

The network and its digits are those of the Rust example ``classify_digits``. It writes a folder of small pictures first, as somebody else's
would be there, and holds what the processes read against the scores that come with the digits.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import ray
from PIL import Image

import featuremap as fm

DATA = Path(__file__).parents[2] / "examples/data/digits_cnn"


def network() -> fm.Sequential:
    """Three convolutions, each with ReLU and max pooling after it, and two dense layers."""
    w = fm.load_weights(DATA / "weights.safetensors")
    layers: dict[str, fm.Module] = {}
    for n in "123":
        layers[f"conv{n}"] = fm.Conv2d(w[f"conv{n}.weight"], w[f"conv{n}.bias"], padding=1)
        layers |= {f"relu{n}": fm.ReLU(), f"pool{n}": fm.MaxPool2d(2)}
    layers |= {"flat": fm.Flatten(), "fc1": fm.Linear(w["fc1.weight"], w["fc1.bias"]), "relu4": fm.ReLU()}
    return fm.Sequential({**layers, "fc2": fm.Linear(w["fc2.weight"], w["fc2.bias"])})


class Reader:
    """Reads digits; there is one in each process, which gets the network once and plans it there."""

    def __init__(self, model: fm.Module) -> None:
        self.model = model

    def read(self, paths: list[Path]) -> Any:
        pictures = np.stack([np.asarray(Image.open(path)) for path in paths])
        pixels = (pictures[:, None].astype(np.float32) / 255 - np.float32(0.1307)) / np.float32(0.3081)
        return self.model(pixels, threads=1)


def main() -> None:
    images, logits = np.load(DATA / "images.npy"), np.load(DATA / "logits.npy")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number:04}.png" for number in range(len(images))]
        for path, image in zip(paths, images):
            Image.fromarray(image).save(path)
        cores = os.cpu_count() or 1
        ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False)
        try:
            model = ray.put(network())
            readers: list[Any] = [ray.remote(Reader).remote(model) for _ in range(cores)]
            batches = [sorted(paths)[first : first + 10] for first in range(0, len(paths), 10)]
            futures = [readers[number % cores].read.remote(batch) for number, batch in enumerate(batches)]
            scores = np.concatenate(ray.get(futures))
        finally:
            ray.shutdown()
    digits = scores.argmax(1)
    for row in digits.reshape(-1, 20):
        print(*row)
    # Sums in another order than ONNX Runtime's, which the scores are of.
    assert abs(scores - logits).max() <= 1e-4 and np.array_equal(digits, logits.argmax(1))
    print(f"{len(digits)} pictures read by {cores} processes; scores as expected")


if __name__ == "__main__":
    main()
