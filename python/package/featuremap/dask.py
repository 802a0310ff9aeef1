"""Modules over arrays larger than memory: by blocks under Dask, each of which gives what the whole would.

The pixels that a block needs of its neighbours, and the padding at the borders, come from the modules' own windows.
"""

import math
import uuid
from typing import Any

import dask.array as da
import numpy as np
from dask.array.overlap import ensure_minimum_chunksize, overlap

from .functional import Array
from .modules import Module, Sequential, _Windowed

__all__ = ["map_windows"]

#: Networks with the padding that is at a place: plans outlive the tasks of a worker.
_NETWORKS: dict[Any, Sequential] = {}


def map_windows(array: Any, module: Module, *, threads: int = 1) -> Any:
    """``module(array)`` of an array of Dask, or of a DataArray of xarray that holds one: the same to the bit, but in blocks.

    The array is ``[height, width]``, ``[channels, height, width]`` or ``[batch, channels, height, width]``, or has as many spatial axes
    as the windows. The module is one by windows (convolution, pooling, median), one of every element, or a :class:`Sequential` of
    such. Each block is computed by ``threads`` threads: one, as Dask computes several at once. Layers that Winograd's tiles compute
    differ by rounding errors, unless made with ``winograd=False``. Chunks smaller than the windows together are merged.
    """
    if hasattr(array, "dims"):
        return _labelled(array, module, threads)
    layers = _flat(module)
    shape, dtype = module.output_shape(array.shape, array.dtype), module.output_dtype(array.shape, array.dtype)
    axes, wraps = _axes(layers, array.shape)
    first = array.ndim - len(axes)
    reach = [sum(a[3] * (a[1] - 1) + a[4] + a[5] for a in axis) * math.prod(a[2] for a in axis) + 1 for axis in axes]
    depth = {first + axis: least for axis, least in enumerate(reach)}
    chunks = {axis: ensure_minimum_chunksize(min(2 * d, array.shape[axis]), array.chunks[axis]) for axis, d in depth.items()}
    array = array.rechunk({first - 1: -1, **chunks} if axes and first else chunks)  # An output sees all channels.
    cuts = [_cuts(axis, array.chunks[first + at], wraps) for at, axis in enumerate(axes)]
    lead = [array.chunks[0], (shape[1],)] if axes and first == 2 else [(length,) for length in shape[: len(shape) - len(axes)]]
    return da.map_blocks(
        _Blocks(layers, cuts, reach, wraps, threads),
        overlap(array, depth, {axis: "periodic" if wraps else "none" for axis in depth}, allow_rechunk=False),
        chunks=(*(lead if axes else array.chunks), *(tuple(cut[0] for cut in axis) for axis in cuts)),
        new_axis=0 if len(shape) > array.ndim else None,
        meta=np.empty((0,) * len(shape), dtype),
    )


def _flat(module: Module) -> list[Module]:
    if isinstance(module, Sequential):
        return [layer for child in module for layer in _flat(child)]
    if not (isinstance(module, _Windowed) or module.elementwise):
        raise ValueError(f"{module!r} is neither by windows nor of every element: it needs the whole array")
    return [module]


def _axes(layers: list[Module], shape: tuple[int, ...]) -> tuple[list[tuple[Any, ...]], bool]:
    """For each spatial axis that of every window: length, size, stride, dilation, padding, outputs; and whether the array is a torus."""
    found: list[Any] = []
    for layer in (windowed := [layer for layer in layers if isinstance(layer, _Windowed)]):
        if found and (layer._over != windowed[0]._over or layer._arguments.get("padding_mode") == "circular"):
            raise ValueError(f"only the first layer can have circular padding, and all as many spatial axes; found {layer!r}")
        found.append(layer._frame([axis[-1] for axis in found[-1]] if found else shape[-layer._over :]).axes())
    return list(zip(*found)), bool(found) and windowed[0]._arguments.get("padding_mode") == "circular"


def _cuts(axis: tuple[Any, ...], chunks: tuple[int, ...], wraps: bool) -> list[tuple[int, int, int, tuple[Any, ...]]]:
    """For each block of an axis: how many outputs it has, the pixels that they see from its own first on, and each layer's padding."""
    starts, stride = [sum(chunks[:at]) for at in range(len(chunks))], math.prod(layer[2] for layer in axis)
    outputs, cuts = [*(-(-start // stride) for start in starts), axis[-1][-1]], []
    for start, low, high in zip(starts, outputs, outputs[1:]):
        lo, hi, padding = low, high, []
        for number, (length, size, step, dilation, before, after, count) in reversed(list(enumerate(axis))):
            is_last = hi == count
            lo, hi = lo * step - before, (hi - 1) * step - before + dilation * (size - 1) + 1
            # As is the border's own at the end, where the last pixels may be too few for another window.
            sides = (max(0, -lo), after if is_last else max(0, hi - length))
            padding.append((0, 0) if wraps and number == 0 else sides)
            if not wraps or number:
                lo, hi = max(lo, 0), length if is_last else min(hi, length)
        cuts.append((high - low, lo - start, hi - start, tuple(padding[::-1])))
    return cuts


class _Blocks:
    """Computes a block, in whatever process."""

    def __init__(self, layers: list[Module], cuts: list[Any], reach: list[int], wraps: bool, threads: int) -> None:
        self.token, self.layers, self.cuts = uuid.uuid4().hex, layers, cuts
        self.reach, self.wraps, self.threads = reach, wraps, threads

    def __call__(self, block: Array, block_id: tuple[int, ...] = ()) -> Array:
        places = block_id[len(block_id) - len(self.cuts) :]
        cuts = [axis[at] for axis, at in zip(self.cuts, places)]
        before = [depth if at or self.wraps else 0 for at, depth in zip(places, self.reach)]
        parts: list[Any] = [slice(lo + more, hi + more) for more, (_, lo, hi, _) in zip(before, cuts)]
        key, sides = (self.token, *(cut[3] for cut in cuts)), zip(*(cut[3] for cut in cuts))
        if (network := _NETWORKS.get(key)) is None:
            made = (layer._padded(list(next(sides))) if isinstance(layer, _Windowed) else layer for layer in self.layers)
            network = _NETWORKS[key] = Sequential(*made)
            _NETWORKS.pop(next(iter(_NETWORKS)) if len(_NETWORKS) > 64 else None, None)
        return network(block[tuple([..., *parts])], threads=self.threads)


def _labelled(array: Any, module: Module, threads: int) -> Any:
    """With the coordinates of the middle of what each output sees, where they are numbers."""
    data, (axes, _) = map_windows(array.data, module, threads=threads), _axes(_flat(module), array.shape)
    dims = (*["channel"][: data.ndim - array.ndim], *array.dims)
    kept = array.dims[: max(0, array.ndim - len(axes) - 1)] if axes else array.dims  # Channels are others than before.
    places = {dim: array.coords[dim].values for dim in kept if dim in array.coords}
    for dim, axis in zip(array.dims[array.ndim - len(axes) :], axes):
        steps = [math.prod(layer[2] for layer in axis[:number]) for number in range(len(axis) + 1)]
        middle = sum(((layer[1] - 1) * layer[3] / 2 - layer[4]) * step for layer, step in zip(axis, steps))
        if dim in array.coords and np.issubdtype(array.coords[dim].dtype, np.number):
            pixels = middle + steps[-1] * np.arange(axis[-1][-1])
            places[dim] = np.interp(pixels, np.arange(axis[0][0]), array.coords[dim].values)
    return type(array)(data, places, dims, array.name, array.attrs)
