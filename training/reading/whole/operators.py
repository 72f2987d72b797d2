"""The operators of the recogniser's ONNX graph (opset 11) as functions of torch.

Each entry takes a node's attributes and gives the function of its inputs. Shapes are computed with numpy arrays of whole numbers,
all else with tensors; the functions that meet both ask which one it is. This module imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Value = Any  # a Tensor, or a numpy array of whole numbers
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
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def _conv(a: Attributes) -> Operator:
    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        padded, both = _padding(a, x)
        flat = None if bias is None else bias.reshape(-1)
        return F.conv2d(padded, weight, flat, a["strides"], both, a["dilations"], a["group"])

    return run


def _max_pool(a: Attributes) -> Operator:
    def run(x: Tensor) -> Tensor:
        padded, both = _padding(a, x, float("-inf"))
        return F.max_pool2d(padded, a["kernel_shape"], a["strides"], both)

    return run


def _average_pool(a: Attributes) -> Operator:
    def run(x: Tensor) -> Tensor:
        padded, both = _padding(a, x)
        return F.avg_pool2d(
            padded, a["kernel_shape"], a["strides"], both, count_include_pad=bool(a["count_include_pad"])
        )

    return run


def _batch_norm(a: Attributes) -> Operator:
    def run(x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return F.batch_norm(x, mean, variance, scale, bias, training=False, eps=a["epsilon"])

    return run


def _reshape(x: Value, shape: np.ndarray) -> Value:
    """A 0 keeps the size that is there."""
    wanted = [int(size) or x.shape[i] for i, size in enumerate(shape)]
    return x.reshape(wanted)


def _slice(x: Value, starts: np.ndarray, ends: np.ndarray, axes: np.ndarray, steps: np.ndarray | None = None) -> Value:
    chosen = [slice(None)] * x.ndim
    every = np.ones_like(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, every, strict=True):
        chosen[int(axis)] = slice(int(start), int(end), int(step))
    return x[tuple(chosen)]


def _concat(a: Attributes) -> Operator:
    return lambda *x: torch.cat(x, a["axis"]) if isinstance(x[0], Tensor) else np.concatenate(x, a["axis"])


def _squeeze(a: Attributes) -> Operator:
    axes = tuple(a["axes"])
    return lambda x: x.squeeze(axes)


def _unsqueeze(a: Attributes) -> Operator:
    (axis,) = a["axes"]
    return lambda x: x.unsqueeze(axis) if isinstance(x, Tensor) else np.expand_dims(x, axis)


OPERATORS: dict[str, Callable[[Attributes], Operator]] = {
    "Add": lambda a: torch.add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": _conv,
    "Div": lambda a: torch.div,
    "Erf": lambda a: torch.erf,
    "Gelu": lambda a: F.gelu,  # not of opset 11: what the network is given for five of its nodes
    "HardSigmoid": lambda a: lambda x: torch.clamp(x * a["alpha"] + a["beta"], 0.0, 1.0),
    "MatMul": lambda a: torch.matmul,
    "MaxPool": _max_pool,
    "Mul": lambda a: torch.mul,
    "Pow": lambda a: torch.pow,
    "ReduceMean": lambda a: lambda x: x.mean(tuple(a["axes"]), keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda a: F.relu,
    "Reshape": lambda a: _reshape,
    "Shape": lambda a: lambda x: np.array(x.shape),
    "Sigmoid": lambda a: torch.sigmoid,
    "Slice": lambda a: _slice,
    "Softmax": lambda a: lambda x: torch.softmax(x, a["axis"]),
    "Sqrt": lambda a: torch.sqrt,
    "Squeeze": _squeeze,
    "Sub": lambda a: torch.sub,
    "Transpose": lambda a: lambda x: x.permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
}
