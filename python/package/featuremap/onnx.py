"""Networks from files in the ONNX format."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from .functional import Array

__all__ = ["Model"]

#: Networks that a model keeps planned, those that were used last.
_KEPT = 8


class Model:
    """A network from a file in the ONNX format, or its bytes; planned for each shape that its inputs have.

    It takes and gives arrays of ``float32``. A model can be pickled, but for one whose weights lie in files beside it.

    >>> Model("network.onnx")(np.zeros((1, 3, 224, 224), np.float32))  # doctest: +SKIP
    """

    def __init__(self, source: str | os.PathLike[str] | bytes) -> None:
        self._source = source
        self._sizes: dict[str, int] = {}
        self._fixed: dict[str, Any] = {}
        self._open()

    def _open(self) -> None:
        source = self._source
        if not isinstance(source, bytes):
            os.stat(source)  # Python's own error where there is no such file.
        model = _core.Model.from_bytes(source) if isinstance(source, bytes) else _core.Model.open(source)
        for name, size in self._sizes.items():
            model = model.size(name, size)
        for name, values in self._fixed.items():
            model = model.fix(name, values)
        self._model = model
        self._networks: dict[Any, _core.Network] = {}
        self._lock = threading.Lock()

    @property
    def inputs(self) -> dict[str, list[int | str | None] | None]:
        """What it takes: by name, the sizes of the axes, a name for one that is given by it, and ``None`` for one that is open."""
        return dict(self._model.inputs())

    @property
    def outputs(self) -> dict[str, list[int | str | None] | None]:
        """What it gives, as :attr:`inputs`."""
        return dict(self._model.outputs())

    def size(self, name: str, size: int) -> Model:
        """The same with the size of the axes that have this name."""
        return self._with({**self._sizes, name: size}, self._fixed)

    def fix(self, name: str, values: ArrayLike) -> Model:
        """The same with an input given for all calls, as if it were a weight."""
        return self._with(self._sizes, {**self._fixed, name: np.asarray(values)})

    def _with(self, sizes: dict[str, int], fixed: dict[str, Any]) -> Model:
        model = Model.__new__(Model)
        model._source, model._sizes, model._fixed = self._source, sizes, fixed
        model._open()
        return model

    def network(self, *shapes: Sequence[int], threads: int | None = None) -> _core.Network:
        """The network for inputs of these shapes, in order, planned once."""
        key = (tuple(map(tuple, shapes)), threads, os.getpid())
        with self._lock:
            network = self._networks.pop(key, None) or self._model.network(key[0], threads)
            while len(self._networks) >= _KEPT:
                del self._networks[next(iter(self._networks))]
            self._networks[key] = network
            return network

    def __call__(self, *inputs: ArrayLike, threads: int | None = None) -> Array | tuple[Array, ...]:
        """The output for the inputs in order; a tuple where there are several."""
        arrays = [np.asarray(values) for values in inputs]
        outputs = self.network(*(array.shape for array in arrays), threads=threads).run(arrays)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def __getstate__(self) -> dict[str, Any]:
        source = self._source
        if not isinstance(source, bytes):
            with open(source, "rb") as file:
                source = file.read()
        return {"_source": source, "_sizes": self._sizes, "_fixed": self._fixed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __repr__(self) -> str:
        def shown(values: dict[str, list[int | str | None] | None]) -> str:
            return ", ".join(f"{name}: {shape}" for name, shape in values.items())

        return f"Model({shown(self.inputs)} -> {shown(self.outputs)})"
