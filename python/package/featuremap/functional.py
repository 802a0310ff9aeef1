"""Functions by the names, parameters and defaults of ``torch.nn.functional``, over arrays of NumPy, and some that PyTorch has not.

Arrays are ``[batch, channel, spatial…]``, ``[channel, spatial…]`` or ``[spatial…]``: the rank alone decides. They may have any
strides, and are read where they lie. What is an array by ``numpy.asarray`` is one here, too: lists, and tensors of PyTorch.

All take, by name:

out
    An array that the result is written to, of its shape and type, with any strides. It is what is returned then.
threads
    How many threads compute; otherwise those of :func:`featuremap.set_num_threads`, of the environment variable
    ``FEATUREMAP_NUM_THREADS``, or all. Results are the same to the bit for any number.

What does not fit is a ``ValueError`` that says what was asked, what was found, and on which axis; what is of another type a ``TypeError``.
Other threads of Python run while one computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "max_pool1d",
    "max_pool2d", "max_pool3d", "min_pool1d", "min_pool2d", "min_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "lp_pool1d", "lp_pool2d", "lp_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "global_max_pool1d", "global_max_pool2d",
    "global_max_pool3d", "global_min_pool1d", "global_min_pool2d", "global_min_pool3d", "global_avg_pool1d",
    "global_avg_pool2d", "global_avg_pool3d", "global_l2_pool1d", "global_l2_pool2d", "global_l2_pool3d",
    "max_unpool1d", "max_unpool2d", "max_unpool3d", "relu", "relu6", "hardtanh", "leaky_relu", "elu", "sigmoid",
    "hardsigmoid", "tanh", "silu", "hardswish", "softplus", "gelu", "prelu", "softmax", "log_softmax", "linear",
    "batch_norm", "local_response_norm", "pad", "interpolate", "median",
]  # fmt: skip

Array = NDArray[Any]
#: One number for all spatial axes, or one for each.
Sizes = int | Sequence[int]
#: Pixels on all sides, for each axis, or ``(before, after)`` for each axis; ``"valid"`` for none, ``"same"`` for as many as give
#: ``ceil(length / stride)`` outputs, an odd one after the input, or ``"same_lower"`` with that before it.
Padding = str | int | Sequence[int] | Sequence[tuple[int, int]]
#: What stands on the padding of a convolution.
PaddingMode = Literal["zeros", "reflect", "symmetric", "replicate", "circular"]


def conv1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
    relu: bool = False,
    winograd: bool = True,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The convolution (cross-correlation) of a signal ``[batch, channels, length]`` with filters.

    ``weight`` is ``[out_channels, channels / groups, length]``, or ``[length]`` for one filter of one channel, and ``bias``
    ``[out_channels]``. The output is ``[batch, out_channels, length']``, on each axis
    ``(length + padding - dilation * (size - 1) - 1) // stride + 1``. Small integers give sums of ``int32``.

    ``relu`` applies a ReLU before results are stored. ``winograd=False`` rules out Winograd's tiles, whose rounding errors are those of the
    largest pixel of a tile.
    """
    layer = _core.conv(1, weight, bias, stride, padding, dilation, groups, padding_mode, relu, winograd)
    return layer.once(input, out, threads)


def conv2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
    relu: bool = False,
    winograd: bool = True,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The convolution (cross-correlation) of an image ``[batch, channels, height, width]`` with filters.

    ``weight`` is ``[out_channels, channels / groups, height, width]``, or ``[height, width]`` for one filter of one channel, and ``bias``
    ``[out_channels]``. The output is ``[batch, out_channels, height', width']``, on each axis
    ``(length + padding - dilation * (size - 1) - 1) // stride + 1``. Small integers give sums of ``int32``.

    ``relu`` applies a ReLU before results are stored. ``winograd=False`` rules out Winograd's tiles, whose rounding errors are those of the
    largest pixel of a tile.
    """
    layer = _core.conv(2, weight, bias, stride, padding, dilation, groups, padding_mode, relu, winograd)
    return layer.once(input, out, threads)


def conv3d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
    relu: bool = False,
    winograd: bool = True,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The convolution (cross-correlation) of a volume ``[batch, channels, depth, height, width]`` with filters.

    ``weight`` is ``[out_channels, channels / groups, depth, height, width]``, or ``[depth, height, width]`` for one filter of one channel, and ``bias``
    ``[out_channels]``. The output is ``[batch, out_channels, depth', height', width']``, on each axis
    ``(length + padding - dilation * (size - 1) - 1) // stride + 1``. Small integers give sums of ``int32``.

    ``relu`` applies a ReLU before results are stored. ``winograd=False`` rules out Winograd's tiles, whose rounding errors are those of the
    largest pixel of a tile.
    """
    layer = _core.conv(3, weight, bias, stride, padding, dilation, groups, padding_mode, relu, winograd)
    return layer.once(input, out, threads)


def conv_transpose1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The transposed convolution of ``[batch, channels, length]``, by filters ``[channels, out_channels / groups, length]``.

    The output is, on each axis, ``(length - 1) * stride - padding + dilation * (size - 1) + output_padding + 1`` long.
    """
    layer = _core.conv_transpose(1, weight, bias, stride, padding, output_padding, groups, dilation)
    return layer.once(input, out, threads)


def conv_transpose2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The transposed convolution of ``[batch, channels, height, width]``, by filters ``[channels, out_channels / groups, height, width]``.

    The output is, on each axis, ``(length - 1) * stride - padding + dilation * (size - 1) + output_padding + 1`` long.
    """
    layer = _core.conv_transpose(2, weight, bias, stride, padding, output_padding, groups, dilation)
    return layer.once(input, out, threads)


def conv_transpose3d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The transposed convolution of ``[batch, channels, depth, height, width]``, by filters ``[channels, out_channels / groups, depth, height, width]``.

    The output is, on each axis, ``(length - 1) * stride - padding + dilation * (size - 1) + output_padding + 1`` long.
    """
    layer = _core.conv_transpose(3, weight, bias, stride, padding, output_padding, groups, dilation)
    return layer.once(input, out, threads)


@overload
def max_pool1d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array: ...
@overload
def max_pool1d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
    out: Array | None = None,
    threads: int | None = None,
) -> tuple[Array, Array]: ...
def max_pool1d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array | tuple[Array, Array]:
    """The maximum of each window over ``[batch, channels, length]``, which the output has the rank of.

    The stride is the size unless given. Padding never wins. NaN passes. With ``return_indices`` also where it lies: the index into
    the plane of the input, counted flat, of the first of equal pixels.
    """
    return _picked(1, "max", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out, threads)


@overload
def max_pool2d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array: ...
@overload
def max_pool2d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
    out: Array | None = None,
    threads: int | None = None,
) -> tuple[Array, Array]: ...
def max_pool2d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array | tuple[Array, Array]:
    """The maximum of each window over ``[batch, channels, height, width]``, which the output has the rank of.

    The stride is the size unless given. Padding never wins. NaN passes. With ``return_indices`` also where it lies: the index into
    the plane of the input, counted flat, of the first of equal pixels.
    """
    return _picked(2, "max", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out, threads)


@overload
def max_pool3d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array: ...
@overload
def max_pool3d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
    out: Array | None = None,
    threads: int | None = None,
) -> tuple[Array, Array]: ...
def max_pool3d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array | tuple[Array, Array]:
    """The maximum of each window over ``[batch, channels, depth, height, width]``, which the output has the rank of.

    The stride is the size unless given. Padding never wins. NaN passes. With ``return_indices`` also where it lies: the index into
    the plane of the input, counted flat, of the first of equal pixels.
    """
    return _picked(3, "max", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out, threads)


@overload
def min_pool1d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array: ...
@overload
def min_pool1d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
    out: Array | None = None,
    threads: int | None = None,
) -> tuple[Array, Array]: ...
def min_pool1d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array | tuple[Array, Array]:
    """The minimum of each window over ``[batch, channels, length]``, which the output has the rank of.

    The stride is the size unless given. Padding never wins. NaN passes. With ``return_indices`` also where it lies: the index into
    the plane of the input, counted flat, of the first of equal pixels.
    """
    return _picked(1, "min", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out, threads)


@overload
def min_pool2d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array: ...
@overload
def min_pool2d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
    out: Array | None = None,
    threads: int | None = None,
) -> tuple[Array, Array]: ...
def min_pool2d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array | tuple[Array, Array]:
    """The minimum of each window over ``[batch, channels, height, width]``, which the output has the rank of.

    The stride is the size unless given. Padding never wins. NaN passes. With ``return_indices`` also where it lies: the index into
    the plane of the input, counted flat, of the first of equal pixels.
    """
    return _picked(2, "min", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out, threads)


@overload
def min_pool3d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array: ...
@overload
def min_pool3d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
    out: Array | None = None,
    threads: int | None = None,
) -> tuple[Array, Array]: ...
def min_pool3d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array | tuple[Array, Array]:
    """The minimum of each window over ``[batch, channels, depth, height, width]``, which the output has the rank of.

    The stride is the size unless given. Padding never wins. NaN passes. With ``return_indices`` also where it lies: the index into
    the plane of the input, counted flat, of the first of equal pixels.
    """
    return _picked(3, "min", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out, threads)


def _picked(
    over: int,
    name: str,
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Padding,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
    out: Array | None,
    threads: int | None,
) -> Array | tuple[Array, Array]:
    layer = _core.pool(over, name, kernel_size, stride, padding, dilation, ceil_mode)
    if not return_indices:
        return layer.once(input, out, threads)
    if out is not None:
        raise ValueError("out is for values without indices: leave out one of out and return_indices")
    return layer.with_indices(input, threads)


def avg_pool1d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The average of each window over ``[batch, channels, length]``, which the output has the rank of.

    The stride is the size unless given. Padding counts as zeros unless ``count_include_pad`` is false; ``divisor_override`` is
    what sums are divided by instead. Averages of integers are integers, the nearest.
    """
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0")
    layer = _core.pool(1, "avg", kernel_size, stride, padding, 1, ceil_mode, count_include_pad, divisor_override)
    return layer.once(input, out, threads)


def avg_pool2d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The average of each window over ``[batch, channels, height, width]``, which the output has the rank of.

    The stride is the size unless given. Padding counts as zeros unless ``count_include_pad`` is false; ``divisor_override`` is
    what sums are divided by instead. Averages of integers are integers, the nearest.
    """
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0")
    layer = _core.pool(2, "avg", kernel_size, stride, padding, 1, ceil_mode, count_include_pad, divisor_override)
    return layer.once(input, out, threads)


def avg_pool3d(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The average of each window over ``[batch, channels, depth, height, width]``, which the output has the rank of.

    The stride is the size unless given. Padding counts as zeros unless ``count_include_pad`` is false; ``divisor_override`` is
    what sums are divided by instead. Averages of integers are integers, the nearest.
    """
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0")
    layer = _core.pool(3, "avg", kernel_size, stride, padding, 1, ceil_mode, count_include_pad, divisor_override)
    return layer.once(input, out, threads)


def lp_pool1d(
    input: ArrayLike,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
    *,
    padding: Padding = 0,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The Lp norm ``(sum |x|^p)^(1/p)`` of each window over ``[batch, channels, length]`` of floats, as ONNX defines it.

    PyTorch takes powers with their sign: it differs for odd ``norm_type`` and negative pixels, and in ceil mode at the border.
    """
    layer = _core.pool(1, "lp", kernel_size, stride, padding, 1, ceil_mode, False, norm_type)
    return layer.once(input, out, threads)


def lp_pool2d(
    input: ArrayLike,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
    *,
    padding: Padding = 0,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The Lp norm ``(sum |x|^p)^(1/p)`` of each window over ``[batch, channels, height, width]`` of floats, as ONNX defines it.

    PyTorch takes powers with their sign: it differs for odd ``norm_type`` and negative pixels, and in ceil mode at the border.
    """
    layer = _core.pool(2, "lp", kernel_size, stride, padding, 1, ceil_mode, False, norm_type)
    return layer.once(input, out, threads)


def lp_pool3d(
    input: ArrayLike,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
    *,
    padding: Padding = 0,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The Lp norm ``(sum |x|^p)^(1/p)`` of each window over ``[batch, channels, depth, height, width]`` of floats, as ONNX defines it.

    PyTorch takes powers with their sign: it differs for odd ``norm_type`` and negative pixels, and in ceil mode at the border.
    """
    layer = _core.pool(3, "lp", kernel_size, stride, padding, 1, ceil_mode, False, norm_type)
    return layer.once(input, out, threads)


def adaptive_max_pool1d(
    input: ArrayLike,
    output_size: int | None | Sequence[int | None],
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The maximum over windows that give ``[batch, channels, length]`` this size; ``None`` leaves an axis as it is."""
    return _core.adaptive_pool(1, "max", _sizes_or_own(1, input, output_size)).once(input, out, threads)


def adaptive_max_pool2d(
    input: ArrayLike,
    output_size: int | None | Sequence[int | None],
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The maximum over windows that give ``[batch, channels, height, width]`` this size; ``None`` leaves an axis as it is."""
    return _core.adaptive_pool(2, "max", _sizes_or_own(2, input, output_size)).once(input, out, threads)


def adaptive_max_pool3d(
    input: ArrayLike,
    output_size: int | None | Sequence[int | None],
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The maximum over windows that give ``[batch, channels, depth, height, width]`` this size; ``None`` leaves an axis as it is."""
    return _core.adaptive_pool(3, "max", _sizes_or_own(3, input, output_size)).once(input, out, threads)


def adaptive_avg_pool1d(
    input: ArrayLike,
    output_size: int | None | Sequence[int | None],
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The average over windows that give ``[batch, channels, length]`` this size; ``None`` leaves an axis as it is."""
    return _core.adaptive_pool(1, "avg", _sizes_or_own(1, input, output_size)).once(input, out, threads)


def adaptive_avg_pool2d(
    input: ArrayLike,
    output_size: int | None | Sequence[int | None],
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The average over windows that give ``[batch, channels, height, width]`` this size; ``None`` leaves an axis as it is."""
    return _core.adaptive_pool(2, "avg", _sizes_or_own(2, input, output_size)).once(input, out, threads)


def adaptive_avg_pool3d(
    input: ArrayLike,
    output_size: int | None | Sequence[int | None],
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The average over windows that give ``[batch, channels, depth, height, width]`` this size; ``None`` leaves an axis as it is."""
    return _core.adaptive_pool(3, "avg", _sizes_or_own(3, input, output_size)).once(input, out, threads)


def _sizes_or_own(over: int, input: ArrayLike, output_size: int | None | Sequence[int | None]) -> Sizes:
    if isinstance(output_size, int):
        return output_size
    own = np.shape(input)[-over:]
    if output_size is None:
        return own
    if len(output_size) != len(own):
        return [size for size in output_size if size is not None]
    return [length if size is None else size for size, length in zip(output_size, own)]


def global_max_pool1d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The maximum of each map of ``[batch, channels, length]``, whose spatial axes stay with length 1."""
    return _core.global_pool(1, "max").once(input, out, threads)


def global_max_pool2d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The maximum of each map of ``[batch, channels, height, width]``, whose spatial axes stay with length 1."""
    return _core.global_pool(2, "max").once(input, out, threads)


def global_max_pool3d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The maximum of each map of ``[batch, channels, depth, height, width]``, whose spatial axes stay with length 1."""
    return _core.global_pool(3, "max").once(input, out, threads)


def global_min_pool1d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The minimum of each map of ``[batch, channels, length]``, whose spatial axes stay with length 1."""
    return _core.global_pool(1, "min").once(input, out, threads)


def global_min_pool2d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The minimum of each map of ``[batch, channels, height, width]``, whose spatial axes stay with length 1."""
    return _core.global_pool(2, "min").once(input, out, threads)


def global_min_pool3d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The minimum of each map of ``[batch, channels, depth, height, width]``, whose spatial axes stay with length 1."""
    return _core.global_pool(3, "min").once(input, out, threads)


def global_avg_pool1d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The average of each map of ``[batch, channels, length]``, whose spatial axes stay with length 1."""
    return _core.global_pool(1, "avg").once(input, out, threads)


def global_avg_pool2d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The average of each map of ``[batch, channels, height, width]``, whose spatial axes stay with length 1."""
    return _core.global_pool(2, "avg").once(input, out, threads)


def global_avg_pool3d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The average of each map of ``[batch, channels, depth, height, width]``, whose spatial axes stay with length 1."""
    return _core.global_pool(3, "avg").once(input, out, threads)


def global_l2_pool1d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The L2 norm of each map of ``[batch, channels, length]``, whose spatial axes stay with length 1."""
    return _core.global_pool(1, "l2").once(input, out, threads)


def global_l2_pool2d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The L2 norm of each map of ``[batch, channels, height, width]``, whose spatial axes stay with length 1."""
    return _core.global_pool(2, "l2").once(input, out, threads)


def global_l2_pool3d(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The L2 norm of each map of ``[batch, channels, depth, height, width]``, whose spatial axes stay with length 1."""
    return _core.global_pool(3, "l2").once(input, out, threads)


def max_unpool1d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    output_size: Sequence[int] | None = None,
) -> Array:
    """Values ``[batch, channels, length]`` put where ``indices`` of the same shape say, among zeros: undoes ``max_pool1d``.

    ``output_size`` is the size of the pooling's input, with or without its first axes, where the parameters do not tell.
    """
    size = None if output_size is None else list(output_size)[-1:]
    return _core.max_unpool(1, input, indices, kernel_size, stride, padding, size)


def max_unpool2d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    output_size: Sequence[int] | None = None,
) -> Array:
    """Values ``[batch, channels, height, width]`` put where ``indices`` of the same shape say, among zeros: undoes ``max_pool2d``.

    ``output_size`` is the size of the pooling's input, with or without its first axes, where the parameters do not tell.
    """
    size = None if output_size is None else list(output_size)[-2:]
    return _core.max_unpool(2, input, indices, kernel_size, stride, padding, size)


def max_unpool3d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    output_size: Sequence[int] | None = None,
) -> Array:
    """Values ``[batch, channels, depth, height, width]`` put where ``indices`` of the same shape say, among zeros: undoes ``max_pool3d``.

    ``output_size`` is the size of the pooling's input, with or without its first axes, where the parameters do not tell.
    """
    size = None if output_size is None else list(output_size)[-3:]
    return _core.max_unpool(3, input, indices, kernel_size, stride, padding, size)


def relu(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``max(x, 0)`` of every element, of any type."""
    return _core.activation("relu").once(input, out, threads)


def relu6(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``min(max(x, 0), 6)`` of every element."""
    return _core.activation("clamp", 0.0, 6.0).once(input, out, threads)


def hardtanh(input: ArrayLike, min_val: float = -1.0, max_val: float = 1.0, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``min(max(x, min_val), max_val)`` of every element."""
    return _core.activation("clamp", min_val, max_val).once(input, out, threads)


def leaky_relu(input: ArrayLike, negative_slope: float = 0.01, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``x``, or ``negative_slope * x`` below 0."""
    return _core.activation("leaky_relu", negative_slope).once(input, out, threads)


def elu(input: ArrayLike, alpha: float = 1.0, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``x``, or ``alpha * (exp(x) - 1)`` below 0."""
    return _core.activation("elu", alpha).once(input, out, threads)


def sigmoid(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``1 / (1 + exp(-x))`` of every element."""
    return _core.activation("sigmoid").once(input, out, threads)


def hardsigmoid(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``min(max(x + 3, 0), 6) / 6`` of every element."""
    return _core.activation("hardsigmoid").once(input, out, threads)


def tanh(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The hyperbolic tangent of every element."""
    return _core.activation("tanh").once(input, out, threads)


def silu(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``x / (1 + exp(-x))`` of every element, also called swish."""
    return _core.activation("silu").once(input, out, threads)


def hardswish(input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``x * min(max(x + 3, 0), 6) / 6`` of every element."""
    return _core.activation("hardswish").once(input, out, threads)


def softplus(input: ArrayLike, beta: float = 1.0, threshold: float = 20.0, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``log(1 + exp(beta * x)) / beta``, or ``x`` where ``beta * x`` is above the threshold."""
    return _core.activation("softplus", beta, threshold).once(input, out, threads)


def gelu(
    input: ArrayLike,
    *,
    approximate: Literal["none", "tanh"] = "none",
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """``x`` times the distribution function of normal numbers at ``x``, or what ``tanh`` approximates of it."""
    return _core.activation("gelu_tanh" if approximate == "tanh" else "gelu").once(input, out, threads)


def prelu(input: ArrayLike, weight: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``x``, or ``weight * x`` below 0, with a weight for each channel, which is the second axis, or one for all."""
    return _core.prelu(weight).once(input, out, threads)


def softmax(input: ArrayLike, dim: int, *, out: Array | None = None, threads: int | None = None) -> Array:
    """``exp(x) / sum(exp(x))`` along an axis, counted from the end where it is negative."""
    return _core.softmax(dim, False).once(input, out, threads)


def log_softmax(input: ArrayLike, dim: int, *, out: Array | None = None, threads: int | None = None) -> Array:
    """The logarithm of :func:`softmax`, without its rounding errors."""
    return _core.softmax(dim, True).once(input, out, threads)


def linear(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """``[…, features]`` times the transpose of ``weight``, ``[out_features, features]``, plus ``bias``, ``[out_features]``."""
    return _core.linear(weight, bias).once(input, out, threads)


def batch_norm(
    input: ArrayLike,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` of ``[batch, channels, …]``, all of them ``[channels]``.

    With the statistics of training: ``training`` must be false, and ``momentum`` is not used.
    """
    if training:
        raise ValueError("a batch norm is computed with the statistics that it was trained with: training must be False")
    over = min(max(np.ndim(input) - 2, 1), 3)
    return _core.batch_norm(over, running_mean, running_var, weight, bias, eps).once(input, out, threads)


def local_response_norm(
    input: ArrayLike,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Each pixel of ``[batch, channels, …]`` divided by ``(k + alpha * mean)^beta``, the mean that of the squares of ``size`` channels."""
    return _core.local_response_norm(size, alpha, beta, k).once(input, out, threads)


def pad(
    input: ArrayLike,
    pad: Sequence[int],
    mode: Literal["constant", "reflect", "symmetric", "replicate", "circular"] = "constant",
    value: float | None = None,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """A border: ``pad`` is before and after of the last axis, then of the one before it, for one to three axes.

    ``symmetric`` is NumPy's, and not PyTorch's.
    """
    return _core.pad(_sides(pad), mode, 0.0 if value is None else value).once(input, out, threads)


def _sides(pad: Sequence[int]) -> list[tuple[int, int]]:
    if len(pad) % 2 or not 2 <= len(pad) <= 6:
        raise ValueError(f"pad must be 2 numbers for each of one to three axes; found {len(pad)}")
    if min(pad) < 0:
        raise ValueError(f"pad must not be negative; found {min(pad)}")
    return [(pad[at], pad[at + 1]) for at in range(len(pad) - 2, -1, -2)]


_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def interpolate(
    input: ArrayLike,
    size: Sizes | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Literal["nearest", "linear", "bilinear", "trilinear"] = "nearest",
    align_corners: bool | None = None,
    *,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Maps ``[batch, channels, spatial…]`` of floats brought to a size, or by a factor.

    ``align_corners`` takes pixels for points, so that the first and the last of an axis stay what they are, and not for squares.
    """
    over = np.ndim(input) - 2
    if mode != "nearest" and mode != _LINEAR.get(over):
        axes = next(axes for axes, name in _LINEAR.items() if name == mode) if mode in _LINEAR.values() else "no"
        raise ValueError(f"mode {mode!r} is for {axes} spatial axes; found {over}")
    return _upsample(over, size, scale_factor, mode, align_corners).once(input, out, threads)


def _upsample(
    over: int,
    size: Sizes | None,
    scale_factor: float | Sequence[float] | None,
    mode: str,
    align_corners: bool | None,
) -> _core.Layer:
    factors = [scale_factor] if isinstance(scale_factor, (int, float)) else scale_factor
    return _core.upsample(over, size, factors, "nearest" if mode == "nearest" else "linear", bool(align_corners))


def median(
    input: ArrayLike,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    *,
    axes: int = 2,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """The median of each window over the last ``axes`` axes: of those pixels that exist; of an even number the larger middle one.

    NaN passes.
    """
    layer = _core.pool(axes, "median", kernel_size, stride, padding, dilation, ceil_mode)
    return layer.once(input, out, threads)
