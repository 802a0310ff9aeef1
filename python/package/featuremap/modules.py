"""Modules: what the functions compute, with their parameters kept, and planned once for each shape that they meet.

A module takes what its function takes, without the input: ``Conv2d(weight, bias, stride=2)`` is ``conv2d(·, weight, bias, stride=2)``. Arrays
are copied when it is made. The first call for a shape plans: it chooses the algorithm, prepares the weights and takes the memory; later
ones only compute. Modules can be pickled, to be sent to other processes, without their plans, which are made again where they run.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _core
from .functional import Array, Padding, PaddingMode, Sizes, _sides, _upsample

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Concat",
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Dropout", "ELU",
    "Flatten", "GELU", "Gate", "GlobalAvgPool1d", "GlobalAvgPool2d", "GlobalAvgPool3d", "GlobalL2Pool1d",
    "GlobalL2Pool2d", "GlobalL2Pool3d", "GlobalMaxPool1d", "GlobalMaxPool2d", "GlobalMaxPool3d", "GlobalMinPool1d",
    "GlobalMinPool2d", "GlobalMinPool3d", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LPPool1d", "LPPool2d",
    "LPPool3d", "LeakyReLU", "Linear", "LocalResponseNorm", "LogSoftmax", "MaxPool1d", "MaxPool2d", "MaxPool3d",
    "Median1d", "Median2d", "Median3d", "MinPool1d", "MinPool2d", "MinPool3d", "Module", "PReLU", "Pad", "ReLU",
    "ReLU6", "Residual", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh", "Unmatched", "Upsample",
    "load_weights",
]  # fmt: skip


def _name(dtype: DTypeLike | None) -> str | None:
    return None if dtype is None else np.dtype(dtype).name


def _rebuilt(cls: type[Module], arguments: dict[str, Any]) -> Module:
    return cls(**arguments)


class Module:
    """Anything that makes an array of an array, and what all modules have in common."""

    #: Whether it changes every element alone, so that it may be applied to any part of an array.
    elementwise: ClassVar[bool] = False

    _made: _core.Layer
    #: What it was made with, its arrays apart.
    _arguments: dict[str, Any]

    def _make(self, layer: _core.Layer, **arguments: Any) -> None:
        self._made, self._arguments = layer, arguments

    @property
    def _layer(self) -> _core.Layer:
        return self._made

    def __call__(self, input: ArrayLike, *, out: Array | None = None, threads: int | None = None) -> Array:
        """The output for an array; in ``out``, if that is given, by as many threads as ``threads`` says."""
        return self._layer(input, out, threads)

    forward = __call__

    def plan(self, shape: Sequence[int], dtype: DTypeLike | None = None, threads: int | None = None) -> _core.Plan:
        """This made ready for arrays of one shape, of the type of its parameters or ``float32``, to be called many times.

        The plan keeps the parameters of this moment.
        """
        return self._layer.plan(shape, _name(dtype), threads)

    def output_shape(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> tuple[int, ...]:
        """The shape of the output for an input of this shape."""
        return tuple(self._layer.output(shape, _name(dtype))[0])

    def output_dtype(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.dtype[Any]:
        """The type of the output's elements for an input of this shape and type."""
        return np.dtype(self._layer.output(shape, _name(dtype))[1])

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Copies of its parameters by their names, those of PyTorch."""
        return dict(self._layer.parameters())

    def _set(self, parameters: Mapping[str, NDArray[Any]]) -> None:
        """Takes other parameters; those of modules in it have names that begin with theirs."""
        if parameters:
            self.__init__(**{**self._arguments, **parameters})  # type: ignore[misc]

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), {**self.parameters(), **self._arguments})

    def __repr__(self) -> str:
        signature = inspect.signature(type(self)).parameters
        shown = [f"{name}={array.dtype}{list(array.shape)}" for name, array in self.parameters().items()]
        for name, value in self._arguments.items():
            if not _same(value, signature[name].default):
                shown.append(repr(value) if signature[name].default is inspect.Parameter.empty else f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(np.all(one == other))


class _Windowed(Module):
    """A module by windows: what :func:`featuremap.dask.map_windows` asks of it."""

    _over: ClassVar[int]

    def _frame(self, size: Sequence[int]) -> _core.Geometry:
        """Its window over an input of this size."""
        taken = self._arguments
        kernel_size = taken.get("kernel_size") or self.parameters()["weight"].shape[-self._over :]
        stride = taken["stride"] if taken["stride"] is not None else kernel_size
        return _core.Geometry(
            size, kernel_size, stride, taken["padding"], taken.get("dilation", 1), taken.get("ceil_mode", False)
        )

    def _padded(self, padding: Padding, **others: Any) -> Module:
        """The same with other padding."""
        return type(self)(**{**self.parameters(), **self._arguments, "padding": padding, **others})


class _Conv(_Windowed):
    def __init__(
        self,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        padding_mode: PaddingMode = "zeros",
        *,
        relu: bool = False,
        winograd: bool = True,
    ) -> None:
        layer = _core.conv(
            self._over, weight, bias, stride, padding, dilation, groups, padding_mode, relu, winograd
        )
        self._make(
            layer, stride=stride, padding=padding, dilation=dilation, groups=groups, padding_mode=padding_mode,
            relu=relu, winograd=winograd,
        )  # fmt: skip


class _ConvTranspose(Module):
    _over: ClassVar[int]

    def __init__(
        self,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        stride: Sizes = 1,
        padding: Padding = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        dilation: Sizes = 1,
    ) -> None:
        layer = _core.conv_transpose(self._over, weight, bias, stride, padding, output_padding, groups, dilation)
        self._make(
            layer, stride=stride, padding=padding, output_padding=output_padding, groups=groups, dilation=dilation
        )


class _Selection(_Windowed):
    _kind: ClassVar[str]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        layer = _core.pool(self._over, self._kind, kernel_size, stride, padding, dilation, ceil_mode)
        self._make(
            layer, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )

    def with_indices(self, input: ArrayLike, *, threads: int | None = None) -> tuple[Array, Array]:
        """The pooled values, and where each lies: the index into the plane of the input, counted flat."""
        return self._layer.with_indices(input, threads)


class _MaxPool(_Selection):
    _kind = "max"


class _MinPool(_Selection):
    _kind = "min"


class _Median(_Windowed):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        layer = _core.pool(self._over, "median", kernel_size, stride, padding, dilation, ceil_mode)
        self._make(
            layer, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )


class _AvgPool(_Windowed):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        layer = _core.pool(
            self._over, "avg", kernel_size, stride, padding, 1, ceil_mode, count_include_pad, divisor_override
        )
        self._make(
            layer, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override,
        )  # fmt: skip


class _LPPool(_Windowed):
    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
        *,
        padding: Padding = 0,
    ) -> None:
        layer = _core.pool(self._over, "lp", kernel_size, stride, padding, 1, ceil_mode, False, norm_type)
        self._make(
            layer, norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode, padding=padding
        )


class _Adaptive(Module):
    _over: ClassVar[int]
    _kind: ClassVar[str]

    def __init__(self, output_size: Sizes) -> None:
        self._make(_core.adaptive_pool(self._over, self._kind, output_size), output_size=output_size)


class _AdaptiveAvg(_Adaptive):
    _kind = "avg"


class _AdaptiveMax(_Adaptive):
    _kind = "max"


class _Global(Module):
    _over: ClassVar[int]
    _kind: ClassVar[str]

    def __init__(self) -> None:
        self._make(_core.global_pool(self._over, self._kind))


class _GlobalMax(_Global):
    _kind = "max"


class _GlobalMin(_Global):
    _kind = "min"


class _GlobalAvg(_Global):
    _kind = "avg"


class _GlobalL2(_Global):
    _kind = "l2"


class _BatchNorm(Module):
    elementwise = True
    _over: ClassVar[int]

    def __init__(
        self,
        running_mean: ArrayLike,
        running_var: ArrayLike,
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        eps: float = 1e-5,
    ) -> None:
        self._make(_core.batch_norm(self._over, running_mean, running_var, weight, bias, eps), eps=eps)


class Conv1d(_Conv):
    """A convolution (cross-correlation), as :func:`featuremap.conv1d`.

    ``weight`` is ``[out_channels, channels / groups, length]`` and ``bias`` ``[out_channels]``; the input is ``[batch, channels, length]``.
    """

    _over = 1


class Conv2d(_Conv):
    """A convolution (cross-correlation), as :func:`featuremap.conv2d`.

    ``weight`` is ``[out_channels, channels / groups, height, width]`` and ``bias`` ``[out_channels]``; the input is ``[batch, channels, height, width]``.
    """

    _over = 2


class Conv3d(_Conv):
    """A convolution (cross-correlation), as :func:`featuremap.conv3d`.

    ``weight`` is ``[out_channels, channels / groups, depth, height, width]`` and ``bias`` ``[out_channels]``; the input is ``[batch, channels, depth, height, width]``.
    """

    _over = 3


class ConvTranspose1d(_ConvTranspose):
    """A transposed convolution, as :func:`featuremap.conv_transpose1d`.

    ``weight`` is ``[channels, out_channels / groups, length]`` and ``bias`` ``[out_channels]``.
    """

    _over = 1


class ConvTranspose2d(_ConvTranspose):
    """A transposed convolution, as :func:`featuremap.conv_transpose2d`.

    ``weight`` is ``[channels, out_channels / groups, height, width]`` and ``bias`` ``[out_channels]``.
    """

    _over = 2


class ConvTranspose3d(_ConvTranspose):
    """A transposed convolution, as :func:`featuremap.conv_transpose3d`.

    ``weight`` is ``[channels, out_channels / groups, depth, height, width]`` and ``bias`` ``[out_channels]``.
    """

    _over = 3


class MaxPool1d(_MaxPool):
    """The maximum of each window over ``[batch, channels, length]``, as :func:`featuremap.max_pool1d`."""

    _over = 1


class MaxPool2d(_MaxPool):
    """The maximum of each window over ``[batch, channels, height, width]``, as :func:`featuremap.max_pool2d`."""

    _over = 2


class MaxPool3d(_MaxPool):
    """The maximum of each window over ``[batch, channels, depth, height, width]``, as :func:`featuremap.max_pool3d`."""

    _over = 3


class MinPool1d(_MinPool):
    """The minimum of each window over ``[batch, channels, length]``, as :func:`featuremap.min_pool1d`."""

    _over = 1


class MinPool2d(_MinPool):
    """The minimum of each window over ``[batch, channels, height, width]``, as :func:`featuremap.min_pool2d`."""

    _over = 2


class MinPool3d(_MinPool):
    """The minimum of each window over ``[batch, channels, depth, height, width]``, as :func:`featuremap.min_pool3d`."""

    _over = 3


class AvgPool1d(_AvgPool):
    """The average of each window over ``[batch, channels, length]``, as :func:`featuremap.avg_pool1d`."""

    _over = 1


class AvgPool2d(_AvgPool):
    """The average of each window over ``[batch, channels, height, width]``, as :func:`featuremap.avg_pool2d`."""

    _over = 2


class AvgPool3d(_AvgPool):
    """The average of each window over ``[batch, channels, depth, height, width]``, as :func:`featuremap.avg_pool3d`."""

    _over = 3


class LPPool1d(_LPPool):
    """The Lp norm of each window over ``[batch, channels, length]``, as :func:`featuremap.lp_pool1d`."""

    _over = 1


class LPPool2d(_LPPool):
    """The Lp norm of each window over ``[batch, channels, height, width]``, as :func:`featuremap.lp_pool2d`."""

    _over = 2


class LPPool3d(_LPPool):
    """The Lp norm of each window over ``[batch, channels, depth, height, width]``, as :func:`featuremap.lp_pool3d`."""

    _over = 3


class Median1d(_Median):
    """The median of each window over ``[batch, channels, length]``, as :func:`featuremap.median`."""

    _over = 1


class Median2d(_Median):
    """The median of each window over ``[batch, channels, height, width]``, as :func:`featuremap.median`."""

    _over = 2


class Median3d(_Median):
    """The median of each window over ``[batch, channels, depth, height, width]``, as :func:`featuremap.median`."""

    _over = 3


class AdaptiveAvgPool1d(_AdaptiveAvg):
    """Averages that give ``[batch, channels, length]`` a size, as :func:`featuremap.adaptive_avg_pool1d`."""

    _over = 1


class AdaptiveAvgPool2d(_AdaptiveAvg):
    """Averages that give ``[batch, channels, height, width]`` a size, as :func:`featuremap.adaptive_avg_pool2d`."""

    _over = 2


class AdaptiveAvgPool3d(_AdaptiveAvg):
    """Averages that give ``[batch, channels, depth, height, width]`` a size, as :func:`featuremap.adaptive_avg_pool3d`."""

    _over = 3


class AdaptiveMaxPool1d(_AdaptiveMax):
    """Maxima that give ``[batch, channels, length]`` a size, as :func:`featuremap.adaptive_max_pool1d`."""

    _over = 1


class AdaptiveMaxPool2d(_AdaptiveMax):
    """Maxima that give ``[batch, channels, height, width]`` a size, as :func:`featuremap.adaptive_max_pool2d`."""

    _over = 2


class AdaptiveMaxPool3d(_AdaptiveMax):
    """Maxima that give ``[batch, channels, depth, height, width]`` a size, as :func:`featuremap.adaptive_max_pool3d`."""

    _over = 3


class GlobalMaxPool1d(_GlobalMax):
    """The maximum of each map of ``[batch, channels, length]``."""

    _over = 1


class GlobalMaxPool2d(_GlobalMax):
    """The maximum of each map of ``[batch, channels, height, width]``."""

    _over = 2


class GlobalMaxPool3d(_GlobalMax):
    """The maximum of each map of ``[batch, channels, depth, height, width]``."""

    _over = 3


class GlobalMinPool1d(_GlobalMin):
    """The minimum of each map of ``[batch, channels, length]``."""

    _over = 1


class GlobalMinPool2d(_GlobalMin):
    """The minimum of each map of ``[batch, channels, height, width]``."""

    _over = 2


class GlobalMinPool3d(_GlobalMin):
    """The minimum of each map of ``[batch, channels, depth, height, width]``."""

    _over = 3


class GlobalAvgPool1d(_GlobalAvg):
    """The average of each map of ``[batch, channels, length]``."""

    _over = 1


class GlobalAvgPool2d(_GlobalAvg):
    """The average of each map of ``[batch, channels, height, width]``."""

    _over = 2


class GlobalAvgPool3d(_GlobalAvg):
    """The average of each map of ``[batch, channels, depth, height, width]``."""

    _over = 3


class GlobalL2Pool1d(_GlobalL2):
    """The L2 norm of each map of ``[batch, channels, length]``."""

    _over = 1


class GlobalL2Pool2d(_GlobalL2):
    """The L2 norm of each map of ``[batch, channels, height, width]``."""

    _over = 2


class GlobalL2Pool3d(_GlobalL2):
    """The L2 norm of each map of ``[batch, channels, depth, height, width]``."""

    _over = 3


class BatchNorm1d(_BatchNorm):
    """A batch norm with the statistics of training, as :func:`featuremap.batch_norm`. All arrays are ``[channels]``."""

    _over = 1


class BatchNorm2d(_BatchNorm):
    """A batch norm with the statistics of training, as :func:`featuremap.batch_norm`. All arrays are ``[channels]``."""

    _over = 2


class BatchNorm3d(_BatchNorm):
    """A batch norm with the statistics of training, as :func:`featuremap.batch_norm`. All arrays are ``[channels]``."""

    _over = 3


class ReLU(Module):
    """``max(x, 0)`` of every element."""

    elementwise = True

    def __init__(self) -> None:
        self._make(_core.activation("relu"))


class ReLU6(Module):
    """``min(max(x, 0), 6)`` of every element."""

    elementwise = True

    def __init__(self) -> None:
        self._make(_core.activation("clamp", 0.0, 6.0))


class Hardtanh(Module):
    """``min(max(x, min_val), max_val)`` of every element."""

    elementwise = True

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        self._make(_core.activation("clamp", min_val, max_val), min_val=min_val, max_val=max_val)


class LeakyReLU(Module):
    """``x``, or ``negative_slope * x`` below 0, of every element."""

    elementwise = True

    def __init__(self, negative_slope: float = 0.01) -> None:
        self._make(_core.activation("leaky_relu", negative_slope), negative_slope=negative_slope)


class ELU(Module):
    """``x``, or ``alpha * (exp(x) - 1)`` below 0, of every element."""

    elementwise = True

    def __init__(self, alpha: float = 1.0) -> None:
        self._make(_core.activation("elu", alpha), alpha=alpha)


class Sigmoid(Module):
    """``1 / (1 + exp(-x))`` of every element."""

    elementwise = True

    def __init__(self) -> None:
        self._make(_core.activation("sigmoid"))


class Hardsigmoid(Module):
    """``min(max(x + 3, 0), 6) / 6`` of every element."""

    elementwise = True

    def __init__(self) -> None:
        self._make(_core.activation("hardsigmoid"))


class Tanh(Module):
    """The hyperbolic tangent of every element."""

    elementwise = True

    def __init__(self) -> None:
        self._make(_core.activation("tanh"))


class SiLU(Module):
    """``x / (1 + exp(-x))`` of every element."""

    elementwise = True

    def __init__(self) -> None:
        self._make(_core.activation("silu"))


class Hardswish(Module):
    """``x * min(max(x + 3, 0), 6) / 6`` of every element."""

    elementwise = True

    def __init__(self) -> None:
        self._make(_core.activation("hardswish"))


class Softplus(Module):
    """``log(1 + exp(beta * x)) / beta`` of every element."""

    elementwise = True

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self._make(_core.activation("softplus", beta, threshold), beta=beta, threshold=threshold)


class GELU(Module):
    """``x`` times the distribution function of normal numbers at ``x`` of every element."""

    elementwise = True

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        self._make(_core.activation("gelu_tanh" if approximate == "tanh" else "gelu"), approximate=approximate)


class Identity(Module):
    """What comes in of every element."""

    elementwise = True

    def __init__(self) -> None:
        self._make(_core.activation("identity"))


class Dropout(Identity):
    """Gives its input: nothing is dropped once a network is trained."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self._arguments = {"p": p}


class PReLU(Module):
    """``x``, or ``weight * x`` below 0, as :func:`featuremap.prelu`; ``weight`` is ``[channels]`` or ``[1]``."""

    elementwise = True

    def __init__(self, weight: ArrayLike) -> None:
        self._make(_core.prelu(weight))


class Softmax(Module):
    """``exp(x) / sum(exp(x))`` along an axis."""

    def __init__(self, dim: int) -> None:
        self._make(_core.softmax(dim, False), dim=dim)


class LogSoftmax(Module):
    """The logarithm of a softmax along an axis."""

    def __init__(self, dim: int) -> None:
        self._make(_core.softmax(dim, True), dim=dim)


class Linear(Module):
    """A dense layer: ``[…, features]`` times the transpose of ``weight``, ``[out_features, features]``, plus ``bias``."""

    def __init__(self, weight: ArrayLike, bias: ArrayLike | None = None) -> None:
        self._make(_core.linear(weight, bias))


class Flatten(Module):
    """All axes from ``start_dim`` on in one: ``[batch, channels, height, width]`` becomes ``[batch, features]``."""

    def __init__(self, start_dim: int = 1) -> None:
        self._make(_core.flatten(start_dim), start_dim=start_dim)


class LocalResponseNorm(Module):
    """Each pixel divided by a power of the mean square of ``size`` channels, as :func:`featuremap.local_response_norm`."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self._make(_core.local_response_norm(size, alpha, beta, k), size=size, alpha=alpha, beta=beta, k=k)


class Pad(Module):
    """A border, as :func:`featuremap.pad`: before and after of the last axis, then of the one before it."""

    def __init__(
        self,
        pad: Sequence[int],
        mode: Literal["constant", "reflect", "symmetric", "replicate", "circular"] = "constant",
        value: float = 0.0,
    ) -> None:
        self._make(_core.pad(_sides(pad), mode, value), pad=pad, mode=mode, value=value)


class Upsample(Module):
    """Maps brought to a size, or by a factor, as :func:`featuremap.interpolate`, over the last ``axes`` axes."""

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: Literal["nearest", "linear"] = "nearest",
        align_corners: bool | None = None,
        *,
        axes: int = 2,
    ) -> None:
        layer = _upsample(axes, size, scale_factor, mode, align_corners)
        self._make(
            layer, size=size, scale_factor=scale_factor, mode=mode, align_corners=align_corners, axes=axes
        )


class Unmatched(NamedTuple):
    """The names that a network and a file do not share."""

    missing: list[str]
    unexpected: list[str]


class _Network(Module):
    """A module made of others, planned with them as one."""

    _of: tuple[_core.Layer, ...] = ()

    def _children(self) -> dict[str, Module]:
        raise NotImplementedError

    def _built(self) -> _core.Layer:
        raise NotImplementedError

    @property
    def _layer(self) -> _core.Layer:
        # Made again once a module in it has been loaded.
        layers = tuple(module._layer for module in self._children().values())
        if len(layers) != len(self._of) or any(one is not other for one, other in zip(layers, self._of)) or not layers:
            self._made, self._of = self._built(), layers
        return self._made

    def _set(self, parameters: Mapping[str, NDArray[Any]]) -> None:
        for name, module in self._children().items():
            prefix = f"{name}."
            module._set({key.removeprefix(prefix): array for key, array in parameters.items() if key.startswith(prefix)})

    def __repr__(self) -> str:
        lines = [f"  ({name}): {module!r}".replace("\n", "\n  ") for name, module in self._children().items()]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else f"{type(self).__name__}()"


def _layers(module: Module) -> list[tuple[str, _core.Layer]]:
    """A branch as a chain, so that what is in it keeps its name."""
    if isinstance(module, Sequential):
        return [(name, child._layer) for name, child in module._children().items()]
    return [("0", module._layer)]


def _branch(module: Module) -> Sequential:
    return module if isinstance(module, Sequential) else Sequential(module)


class Sequential(_Network):
    """Modules one after the other: a network, planned as a whole, so that a convolution, a ReLU and a pooling need not hold the map between
    them.

    Takes modules, which are named by their number, or one dictionary of modules by their names. One of them is had by
    ``network["conv"]`` or by its number.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        self._modules: dict[str, Module] = {}
        for number, module in enumerate(modules):
            if isinstance(module, Mapping):
                if len(modules) > 1:
                    raise TypeError("a Sequential takes modules, or one dictionary of modules by their names")
                self._modules.update(module)
            else:
                self._modules[str(number)] = module
        for name, module in self._modules.items():
            if not isinstance(module, Module):
                raise TypeError(f"layer {name} must be a Module; found {module!r}")

    def _children(self) -> dict[str, Module]:
        return self._modules

    def _built(self) -> _core.Layer:
        return _core.sequential(_layers(self))

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __getitem__(self, which: int | str) -> Module:
        return self._modules[which] if isinstance(which, str) else list(self._modules.values())[which]

    def __reduce__(self) -> tuple[Any, ...]:
        return Sequential, (self._modules,)

    def summary(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> str:
        """A table of the layers for inputs of this shape: what each gives, its parameters, multiplications, memory and algorithm."""
        return self._layer.summary(shape, _name(dtype))

    def load(
        self,
        source: str | os.PathLike[str] | bytes | Mapping[str, ArrayLike],
        *,
        prefix: str = "",
        strict: bool = True,
    ) -> Unmatched:
        """Takes all parameters from a safetensors file, from its bytes, or from arrays by their names (a ``state_dict`` of PyTorch).

        ``prefix`` is what names in the file begin with. Unless ``strict``, names that only one of the two has are left alone, and
        returned. Plans that were made before keep the parameters that they were made with.
        """
        if isinstance(source, bytes):
            weights = _core.Weights.from_bytes(source)
        elif isinstance(source, Mapping):
            weights = _core.Weights.from_bytes(_to_safetensors(source))
        else:
            weights = _opened(source)
        parameters, missing, unexpected = self._layer.loaded(weights.within(prefix) if prefix else weights, strict)
        self._set(dict(parameters))
        return Unmatched(missing, unexpected)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes all parameters to a safetensors file, which PyTorch reads, too."""
        with open(path, "wb") as file:
            file.write(self._layer.to_safetensors())


def _to_safetensors(arrays: Mapping[str, ArrayLike]) -> bytes:
    """A file in the safetensors format: the length of a header in JSON, that, and the elements of all arrays."""
    names = {"f2": "F16", "f4": "F32", "f8": "F64", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8", "u1": "U8"}
    header, parts, end = {}, [], 0
    for name, values in arrays.items():
        array = np.asarray(values)
        kind = names.get(array.dtype.str[1:])
        if kind is None:
            raise TypeError(f"parameter {name} must be an array of floats or integers; found {array.dtype}")
        # Little-endian, and of rank 0, too, which ascontiguousarray would make one of rank 1.
        parts.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def _opened(path: str | os.PathLike[str]) -> _core.Weights:
    os.stat(path)  # Python's own error where there is no such file.
    return _core.Weights.open(path)


def load_weights(path: str | os.PathLike[str], *, prefix: str = "", dtype: DTypeLike = np.float32) -> dict[str, NDArray[Any]]:
    """The floats of a safetensors file by their names, to make modules of."""
    weights = _opened(path)
    weights = weights.within(prefix) if prefix else weights
    floats = {}
    for name in weights.names():
        try:
            floats[name] = weights.tensor(name, np.dtype(dtype).name)
        except TypeError:  # PyTorch counts batches in whole numbers, which no layer has.
            continue
    return floats


class Residual(_Network):
    """``f(x) + x``, or ``f(x) + projection(x)``: the block of a ResNet."""

    def __init__(self, f: Module, projection: Module | None = None) -> None:
        self._f, self._projection = _branch(f), None if projection is None else _branch(projection)

    def _children(self) -> dict[str, Module]:
        return {"f": self._f} if self._projection is None else {"f": self._f, "projection": self._projection}

    def _built(self) -> _core.Layer:
        return _core.residual(_layers(self._f), None if self._projection is None else _layers(self._projection))

    def __reduce__(self) -> tuple[Any, ...]:
        return Residual, (self._f, self._projection)


class Concat(_Network):
    """Branches of one input, side by side along the second axis; an empty :class:`Sequential` gives the input as it is."""

    def __init__(self, *branches: Module | Mapping[str, Module]) -> None:
        self._branches = Sequential(*branches)

    def _children(self) -> dict[str, Module]:
        return {name: _branch(module) for name, module in self._branches._children().items()}

    def _built(self) -> _core.Layer:
        return _core.concat([(name, _layers(module)) for name, module in self._children().items()])

    def __reduce__(self) -> tuple[Any, ...]:
        return Concat, (self._branches._children(),)


class Gate(_Network):
    """``x * g(x)``, the second broadcast: the squeeze-and-excitation of a MobileNet."""

    def __init__(self, g: Module) -> None:
        self._g = _branch(g)

    def _children(self) -> dict[str, Module]:
        return {"g": self._g}

    def _built(self) -> _core.Layer:
        return _core.gate(_layers(self._g))

    def __reduce__(self) -> tuple[Any, ...]:
        return Gate, (self._g,)
