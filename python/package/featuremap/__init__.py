"""Convolution, ReLU and pooling over arrays of NumPy, exact to PyTorch's and ONNX's semantics, and fast on the CPU.

- functions by the names of ``torch.nn.functional``: :mod:`featuremap.functional`, whose names are here, too;
- modules, which are planned for the shapes that they meet, and networks of them: :class:`Sequential`;
- networks from ONNX files: :class:`featuremap.onnx.Model`;
- arrays larger than memory, in blocks: :func:`featuremap.dask.map_windows`;
- the window under all of it: :func:`windows`, :func:`coverage`, :func:`output_size`.
"""

import os as _os

from . import _core
from ._core import Plan as Plan
from ._core import __version__ as __version__
from ._core import get_num_threads as get_num_threads
from ._core import set_num_threads as set_num_threads
from .functional import *  # noqa: F403
from .modules import *  # noqa: F403
from .window import *  # noqa: F403

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_core.after_fork)
