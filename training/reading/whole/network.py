"""The recogniser's ONNX graph in torch, up to its last layer: the same nodes, the initialisers as what is trained.

transformers has classes for this network, but they are the network before its batch norms were folded into convolutions: weights
would have to be matched by order of execution, there and back, for one size of one model. Here a weight *is* an initialiser and
has its name, so that writing back cannot mistake one for another, and any graph of the known operators will do. onnx2torch
would be the library for it; it is no longer released, and it renames what it converts.

Two groups of nodes run as one of torch's own functions, for speed: a convolution and its bias, and GELU written with erf. Batch
norms keep their statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_backend.errors import ModelRejected
from ml_backend.ocr.recogniser.head import Array
from training.reading.whole.operators import OPERATORS, Operator, Value

if TYPE_CHECKING:
    import onnx
    from torch import Tensor

_STATISTICS = (3, 4)  # inputs of a BatchNormalization: mean and variance


@dataclass(frozen=True, slots=True)
class Node:
    """One operator with the names of the values it takes and of the one it makes; ``last`` are those nobody takes later."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    last: tuple[str, ...] = ()


class Network:
    """Lines (lines, 3, 48, width) in, features (lines, columns, features) out. ``weights`` are by the names of initialisers."""

    def __init__(self, body: bytes) -> None:
        """``body`` is what ``Graph.body`` gives. Raises ModelRejected for an operator that is not known here."""
        import onnx
        import torch
        from onnx import numpy_helper

        graph = onnx.load_model_from_string(body).graph
        arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        fixed = {node.input[i] for node in graph.node if node.op_type == "BatchNormalization" for i in _STATISTICS}
        self.weights: dict[str, Tensor] = {}
        self._constants: dict[str, Value] = {}
        for name, array in arrays.items():
            if array.dtype == np.float32 and array.size > 1 and name not in fixed:
                weight = torch.from_numpy(array.copy())
                fast = weight.to(memory_format=torch.channels_last) if weight.ndim == 4 else weight
                self.weights[name] = fast.requires_grad_()
            else:
                self._constants[name] = torch.from_numpy(array.copy()) if array.dtype == np.float32 else array
        (self._input,) = (one.name for one in graph.input if one.name not in arrays)
        nodes = _nodes(graph)
        self._output = nodes[-1].output
        self._steps: list[tuple[Operator, Node]] = []
        for node in _with_last_use(_joined(nodes, arrays), self._output):
            if node.kind not in OPERATORS:
                raise ModelRejected(
                    "reader_operator", f"The recogniser has an operator that is not trained: {node.kind}."
                )
            self._steps.append((OPERATORS[node.kind](node.attributes), node))
        self._narrow = 1 + max(i for i, (_, node) in enumerate(self._steps) if node.kind == "AveragePool")

    def __call__(self, lines: Tensor) -> Tensor:
        return self.back(self.front(lines))

    def front(self, lines: Tensor) -> Tensor:
        """What the eye makes of lines: (lines, channels, 1, columns). Nearly all of the network's time is spent here."""
        return self._run(self._steps[: self._narrow], self._input, lines)

    def back(self, seen: Tensor) -> Tensor:
        """From what ``front`` gave to the features: each column with what stands around it."""
        return self._run(self._steps[self._narrow :], self._steps[self._narrow - 1][1].output, seen)

    def back_weights(self) -> list[Tensor]:
        """The weights of ``back``."""
        taken = {name for _, node in self._steps[self._narrow :] for name in node.inputs}
        return [weight for name, weight in self.weights.items() if name in taken]

    def _run(self, steps: Sequence[tuple[Operator, Node]], name: str, value: Tensor) -> Tensor:
        values: dict[str, Value] = {**self._constants, **self.weights, name: value}
        for run, node in steps:
            values[node.output] = run(*(values[name] for name in node.inputs))
            for name in node.last:
                del values[name]
        result: Tensor = values[steps[-1][1].output]
        return result

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Take the values that ``arrays`` gave."""
        import torch

        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(torch.from_numpy(arrays[name]))

    def arrays(self) -> dict[str, Array]:
        """The weights by the names of their initialisers, float32; copies."""
        return {name: weight.detach().numpy().copy(order="C") for name, weight in self.weights.items()}


def _nodes(graph: onnx.GraphProto) -> list[Node]:
    """The graph without nodes that hand on what they get. The last one makes the output."""
    from onnx.helper import get_attribute_value

    same: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.node:
        inputs = tuple(same.get(name, name) for name in node.input)
        if node.op_type == "Identity":
            same[node.output[0]] = inputs[0]
        else:
            attributes = {one.name: get_attribute_value(one) for one in node.attribute}
            nodes.append(Node(node.op_type, inputs, node.output[0], attributes))
    return nodes


def _joined(nodes: Sequence[Node], arrays: Mapping[str, Array]) -> list[Node]:
    """The same with ``Conv`` and ``Add`` of a bias as one, and what GELU is made of as ``Gelu``."""
    made = {node.output: node for node in nodes}
    takers = {name: sum(name in node.inputs for node in nodes) for name in made}
    result = []
    for node in nodes:
        first = made.get(node.inputs[0]) if node.inputs else None
        if node.kind == "Add" and first is not None and first.kind == "Conv" and takers[first.output] == 1:
            bias = arrays.get(node.inputs[1])
            if bias is not None and bias.ndim == 4 and bias.size == bias.shape[1]:
                node = replace(first, inputs=(*first.inputs, node.inputs[1]), output=node.output)
        elif (x := _gelu_of(node, made, arrays)) is not None:
            node = Node("Gelu", (x,), node.output)
        result.append(node)
    return result


def _gelu_of(node: Node, made: Mapping[str, Node], arrays: Mapping[str, Array]) -> str | None:
    """The name of x if the node's output is ``x * (1 + erf(x / sqrt(2))) / 2``, written as five nodes."""

    def constant(name: str, value: float) -> bool:
        return name in arrays and arrays[name].size == 1 and abs(float(arrays[name].reshape(-1)[0]) - value) < 1e-6

    chain = [node]
    for kind, which in (("Mul", 0), ("Add", 1), ("Erf", 0), ("Div", 0)):
        before = made.get(chain[-1].inputs[which]) if len(chain[-1].inputs) > which else None
        if before is None or before.kind != kind:
            return None
        chain.append(before)
    half, product, total, _, share = chain
    x = product.inputs[0]
    known = constant(half.inputs[1], 0.5) and constant(total.inputs[1], 1.0) and constant(share.inputs[1], 2**0.5)
    return x if half.kind == "Mul" and known and share.inputs[0] == x else None


def _with_last_use(nodes: Sequence[Node], output: str) -> Iterator[Node]:
    """The nodes that the output needs, each with the values that may be forgotten after it."""
    needed = {output}
    kept = []
    for node in reversed(nodes):
        if node.output in needed:
            last = tuple(sorted(set(node.inputs) - needed))
            needed.update(node.inputs)
            kept.append(replace(node, last=last))
    return reversed(kept)
