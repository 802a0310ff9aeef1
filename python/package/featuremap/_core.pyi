"""The part in Rust, which the modules beside it give names, defaults and docs."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, final

from numpy.typing import ArrayLike, NDArray

__version__: str

_Sizes = int | Sequence[int]
_Padding = str | int | Sequence[int] | Sequence[tuple[int, int]]
_Layers = list[tuple[str, Layer]]

@final
class Layer:
    def __call__(self, input: ArrayLike, out: NDArray[Any] | None = None, threads: int | None = None) -> NDArray[Any]: ...
    def once(self, input: ArrayLike, out: NDArray[Any] | None = None, threads: int | None = None) -> NDArray[Any]: ...
    def with_indices(self, input: ArrayLike, threads: int | None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def plan(self, shape: Sequence[int], dtype: str | None = None, threads: int | None = None) -> Plan: ...
    def output(self, shape: Sequence[int], dtype: str | None = None) -> tuple[list[int], str]: ...
    def summary(self, shape: Sequence[int], dtype: str | None = None) -> str: ...
    def parameters(self) -> list[tuple[str, NDArray[Any]]]: ...
    def loaded(
        self, weights: Weights, strict: bool = True
    ) -> tuple[list[tuple[str, NDArray[Any]]], list[str], list[str]]: ...
    def to_safetensors(self) -> bytes: ...
    @property
    def dtype(self) -> str | None: ...

@final
class Plan:
    """A module made ready for arrays of one shape: its weights prepared, its memory taken. Made by ``Module.plan``."""

    def __call__(self, input: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """The output for an array of the plan's shape; in ``out``, if that is given.

        A plan is run by one thread at a time; others wait.
        """

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the arrays that it takes."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the arrays that it gives."""

    @property
    def dtype(self) -> str:
        """The type of the elements that it takes."""

    @property
    def algorithm(self) -> str:
        """What it computes by, in a word or two."""

    @property
    def workspace_bytes(self) -> int:
        """Bytes of memory that it holds to compute in, weights apart."""

@final
class Weights:
    @staticmethod
    def open(path: str | PathLike[str]) -> Weights: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> Weights: ...
    def within(self, prefix: str) -> Weights: ...
    def names(self) -> list[str]: ...
    def tensor(self, name: str, dtype: str = "float32") -> NDArray[Any]: ...

@final
class Geometry:
    def __new__(
        cls,
        size: Sequence[int],
        kernel_size: _Sizes,
        stride: _Sizes,
        padding: _Padding,
        dilation: _Sizes,
        ceil_mode: bool,
    ) -> Geometry: ...
    def output_size(self) -> list[int]: ...
    def axes(self) -> list[tuple[int, int, int, int, int, int, int]]: ...
    def spans(self, axis: int) -> list[tuple[int, int]]: ...
    def coverage(self) -> NDArray[Any]: ...

@final
class Model:
    @staticmethod
    def open(path: str | PathLike[str]) -> Model: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> Model: ...
    def inputs(self) -> list[tuple[str, list[int | str | None] | None]]: ...
    def outputs(self) -> list[tuple[str, list[int | str | None] | None]]: ...
    def size(self, name: str, size: int) -> Model: ...
    def fix(self, name: str, values: ArrayLike) -> Model: ...
    def network(self, shapes: Sequence[Sequence[int]], threads: int | None = None) -> Network: ...

@final
class Network:
    def run(self, inputs: Sequence[ArrayLike]) -> list[NDArray[Any]]: ...

def pool(
    over: int,
    name: str,
    kernel_size: _Sizes,
    stride: _Sizes | None,
    padding: _Padding,
    dilation: _Sizes,
    ceil_mode: bool,
    count_include_pad: bool = False,
    number: float | None = None,
) -> Layer: ...
def global_pool(over: int, name: str) -> Layer: ...
def adaptive_pool(over: int, name: str, output_size: _Sizes) -> Layer: ...
def pad(sides: Sequence[tuple[int, int]], mode: str, value: float) -> Layer: ...
def upsample(
    over: int, size: _Sizes | None, scale_factor: Sequence[float] | None, mode: str, align_corners: bool
) -> Layer: ...
def activation(name: str, one: float = 0.0, other: float = 0.0) -> Layer: ...
def softmax(axis: int, log: bool) -> Layer: ...
def flatten(first: int) -> Layer: ...
def local_response_norm(size: int, alpha: float, beta: float, k: float) -> Layer: ...
def conv(
    over: int,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: _Sizes,
    padding: _Padding,
    dilation: _Sizes,
    groups: int,
    mode: str = "zeros",
    relu: bool = False,
    winograd: bool = True,
) -> Layer: ...
def conv_transpose(
    over: int,
    weight: ArrayLike,
    bias: ArrayLike | None,
    stride: _Sizes,
    padding: _Padding,
    output_padding: _Sizes,
    groups: int,
    dilation: _Sizes,
) -> Layer: ...
def linear(weight: ArrayLike, bias: ArrayLike | None) -> Layer: ...
def batch_norm(
    over: int,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    eps: float,
) -> Layer: ...
def prelu(weight: ArrayLike) -> Layer: ...
def sequential(layers: _Layers) -> Layer: ...
def residual(f: _Layers, projection: _Layers | None) -> Layer: ...
def concat(branches: Sequence[tuple[str, _Layers]]) -> Layer: ...
def gate(g: _Layers) -> Layer: ...
def max_unpool(
    over: int,
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: _Sizes,
    stride: _Sizes | None,
    padding: _Padding,
    output_size: _Sizes | None,
) -> NDArray[Any]: ...
def get_num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def after_fork() -> None: ...
