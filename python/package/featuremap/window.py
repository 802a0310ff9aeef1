"""The window that slides under everything: where it lies, and what lies under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .functional import Padding, Sizes

__all__ = ["WindowView", "coverage", "output_size", "windows"]


class WindowView(NamedTuple):
    """A window over an array: which it is, and the pixels under it that exist, as a view of the array."""

    position: tuple[int, ...]
    pixels: NDArray[Any]


def windows(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Iterator[WindowView]:
    """The windows over an array of one to three axes, one for each output, in order.

    >>> for window in windows([[1, 5, 2], [8, 3, 9]], 2, padding=1, stride=2):
    ...     print(window.position, window.pixels.tolist())
    (0, 0) [[1]]
    (0, 1) [[5, 2]]
    """
    array = np.asarray(input)
    geometry = _core.Geometry(array.shape, kernel_size, stride, padding, dilation, ceil_mode)
    steps = [dilation] * array.ndim if isinstance(dilation, int) else list(dilation)

    def cut(axis: int) -> list[slice]:
        step = steps[axis % len(steps)]
        return [slice(first, first + (count - 1) * step + 1 if count else first, step) for first, count in geometry.spans(axis)]

    cuts = [list(enumerate(cut(axis))) for axis in range(array.ndim)]
    for window in product(*cuts):
        yield WindowView(tuple(output for output, _ in window), array[tuple(part for _, part in window)])


def output_size(
    size: Sequence[int],
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> tuple[int, ...]:
    """How many windows there are along each axis of an input of this size."""
    return tuple(_core.Geometry(size, kernel_size, stride, padding, dilation, ceil_mode).output_size())


def coverage(
    size: Sequence[int],
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> NDArray[np.int64]:
    """In how many windows each pixel of an input of this size takes part: a border pixel in few, one in the middle in many."""
    return _core.Geometry(size, kernel_size, stride, padding, dilation, ceil_mode).coverage()
