"""The operators of the recogniser's ONNX graph (opset 11) as functions of torch.

Each entry takes a node's attributes and gives the function of its inputs. Shapes are computed with numpy arrays of whole numbers,
all else with tensors; the functions that meet both ask which one it is.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Value = Any  # a Tensor, or a numpy array of whole numbers
Whole = npt.NDArray[np.int64]
Operator = Callable[..., Value]
Attributes = Mapping[str, Any]


def _same_upper(x: Tensor, kernel: Sequence[int], strides: Sequence[int]) -> tuple[int, int, int, int]:
    """What ``auto_pad`` SAME_UPPER adds: left, right, top, bottom; the odd pixel behind."""
    added = []
    for size, window, stride in zip(reversed(x.shape[2:]), reversed(kernel), reversed(strides), strict=True):
        both = max(0, (-(-size // stride) - 1) * stride + window - size)
        added += [both // 2, both - both // 2]
    left, right, top, bottom = added
    return left, right, top, bottom


def _padding(a: Attributes, x: Tensor, value: float = 0.0) -> tuple[Tensor, tuple[int, int]]:
    """``x`` with the padding that only one side gets, and the padding that both get (height, width)."""
    kernel = a["kernel_shape"]
    if a.get("auto_pad", b"NOTSET") == b"SAME_UPPER":
        left, right, top, bottom = _same_upper(x, kernel, a.get("strides", [1, 1]))
    else:
        top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    if (top, left) == (bottom, right):
        return x, (top, left)
    from torch.nn import functional

    return functional.pad(x, (left, right, top, bottom), value=value), (0, 0)


def _conv(a: Attributes) -> Operator:
    from torch.nn import functional

    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        padded, both = _padding(a, x)
        flat = None if bias is None else bias.reshape(-1)
        return functional.conv2d(padded, weight, flat, a["strides"], both, a["dilations"], a["group"])

    return run


def _max_pool(a: Attributes) -> Operator:
    from torch.nn import functional

    def run(x: Tensor) -> Tensor:
        padded, both = _padding(a, x, float("-inf"))
        return functional.max_pool2d(padded, a["kernel_shape"], a["strides"], both)

    return run


def _average_pool(a: Attributes) -> Operator:
    from torch.nn import functional

    def run(x: Tensor) -> Tensor:
        padded, both = _padding(a, x)
        return functional.avg_pool2d(
            padded, a["kernel_shape"], a["strides"], both, count_include_pad=bool(a["count_include_pad"])
        )

    return run


def _batch_norm(a: Attributes) -> Operator:
    from torch.nn import functional

    def run(x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return functional.batch_norm(x, mean, variance, scale, bias, training=False, eps=a["epsilon"])

    return run


def _reshape(x: Value, shape: Whole) -> Value:
    """A 0 keeps the size that is there."""
    wanted = [int(size) or x.shape[i] for i, size in enumerate(shape)]
    return x.reshape(wanted)


def _slice(x: Value, starts: Whole, ends: Whole, axes: Whole, steps: Whole | None = None) -> Value:
    chosen = [slice(None)] * x.ndim
    every = np.ones_like(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, every, strict=True):
        chosen[int(axis)] = slice(int(start), int(end), int(step))
    return x[tuple(chosen)]


def _concat(a: Attributes) -> Operator:
    import torch

    return lambda *x: np.concatenate(x, a["axis"]) if isinstance(x[0], np.ndarray) else torch.cat(x, a["axis"])


def _gelu(a: Attributes) -> Operator:
    """Not of opset 11: what the network is given for five of its nodes."""
    from torch.nn import functional

    return functional.gelu


def _squeeze(a: Attributes) -> Operator:
    axes = tuple(a["axes"])
    return lambda x: x.squeeze(axes)


def _unsqueeze(a: Attributes) -> Operator:
    (axis,) = a["axes"]
    return lambda x: np.expand_dims(x, axis) if isinstance(x, np.ndarray) else x.unsqueeze(axis)


OPERATORS: dict[str, Callable[[Attributes], Operator]] = {
    "Add": lambda a: operator.add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": _conv,
    "Div": lambda a: operator.truediv,
    "Erf": lambda a: lambda x: x.erf(),
    "Gelu": _gelu,
    "HardSigmoid": lambda a: lambda x: (x * a["alpha"] + a["beta"]).clamp(0.0, 1.0),
    "MatMul": lambda a: operator.matmul,
    "MaxPool": _max_pool,
    "Mul": lambda a: operator.mul,
    "Pow": lambda a: operator.pow,
    "ReduceMean": lambda a: lambda x: x.mean(tuple(a["axes"]), keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda a: lambda x: x.relu(),
    "Reshape": lambda a: _reshape,
    "Shape": lambda a: lambda x: np.array(x.shape),
    "Sigmoid": lambda a: lambda x: x.sigmoid(),
    "Slice": lambda a: _slice,
    "Softmax": lambda a: lambda x: x.softmax(a["axis"]),
    "Sqrt": lambda a: lambda x: x.sqrt(),
    "Squeeze": _squeeze,
    "Sub": lambda a: operator.sub,
    "Transpose": lambda a: lambda x: x.permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
}
