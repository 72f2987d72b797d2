"""Takes the recogniser's ONNX file apart at its last layer, and puts it together again with another one, or with other weights.

Nothing is known of the network but how it ends: a matrix product, a sum, a softmax. Names are read from the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_backend.errors import EngineUnavailable, ModelRejected
from ml_backend.ocr.recogniser.alphabet import Alphabet
from ml_backend.ocr.recogniser.head import Array, Head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHARACTERS = "character"  # the key of the file's metadata that holds the alphabet, one character a line


class Graph:
    """A recogniser in parts: ``head`` is its last layer, ``body`` the network before it."""

    def __init__(self, file: Path | bytes) -> None:
        """Raises EngineUnavailable without the package onnx, ModelRejected if the file is not such a network."""
        self._onnx = _onnx()
        try:
            self._model = self._onnx.load_model_from_string(file if isinstance(file, bytes) else file.read_bytes())
            self._product, self._sum = self._last_layer()
            weights, bias = (self._initialiser(node) for node in (self._product, self._sum))
            self.head = Head(weights, bias, self._alphabet())
        except (OSError, EngineUnavailable):
            raise
        except Exception as error:  # a broken file raises almost anything
            raise ModelRejected(
                "reader_file",
                f"{'The network' if isinstance(file, bytes) else file.name} is not a recogniser with a last layer of its own "
                f"({type(error).__name__}).",
            ) from error

    def body(self) -> bytes:
        """The network up to the last layer, as ONNX: lines in, features (batch, columns, features) out."""
        model = self._copy()
        graph = model.graph
        last = self._product.input[0]
        needed, names = [], {last}
        for node in reversed(graph.node):
            if names & set(node.output):
                needed.append(node)
                names.update(node.input)
        kept = [one for one in graph.initializer if one.name in names]
        self._replace(graph.node, needed[::-1])
        self._replace(graph.initializer, kept)
        features = len(self.head.weights)
        output = self._onnx.helper.make_tensor_value_info(last, self._onnx.TensorProto.FLOAT, [None, None, features])
        self._replace(graph.output, [output])
        self._replace(graph.value_info, [])
        return bytes(model.SerializeToString())

    def with_weights(self, weights: Mapping[str, Array]) -> Graph:
        """The same network with these values in the initialisers of these names; all else, shapes too, stays as it is.

        Raises:
            ValueError: there is no such initialiser of that shape, or a value is no finite number.
        """
        model = self._copy()
        tensors = {one.name: one for one in model.graph.initializer}
        for name, values in weights.items():
            if name not in tensors or tuple(tensors[name].dims) != values.shape or not np.isfinite(values).all():
                raise ValueError(f"{name} {values.shape} does not fit the network")
            tensors[name].CopyFrom(self._onnx.numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return Graph(bytes(model.SerializeToString()))

    def with_head(self, head: Head) -> bytes:
        """The whole network with ``head`` in the place of its last layer, and its alphabet, as ONNX."""
        model = self._copy()
        for name, values in (
            (self._parameter(self._product), head.weights),
            (self._parameter(self._sum), head.bias),
        ):
            (tensor,) = (one for one in model.graph.initializer if one.name == name)
            tensor.CopyFrom(self._onnx.numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = head.alphabet.classes
        self._replace(model.graph.value_info, [])  # they name the old number of classes
        for item in model.metadata_props:
            if item.key == _CHARACTERS:
                item.value = "\n".join(head.alphabet.characters)
        return bytes(model.SerializeToString())

    def _last_layer(self) -> tuple[Any, Any]:
        made_by = {name: node for node in self._model.graph.node for name in node.output}
        node = made_by[self._model.graph.output[0].name]
        found: list[Any] = []
        while len(found) < 2:
            if node.op_type in ("Add", "MatMul"):
                found.append(node)
            elif node.op_type not in ("Softmax", "Identity"):
                raise ValueError(f"a {node.op_type} stands where the last layer should")
            node = made_by[node.input[0]]
        total, product = found
        if (total.op_type, product.op_type) != ("Add", "MatMul"):
            raise ValueError("the last layer is not a matrix product and a sum")
        return product, total

    def _parameter(self, node: Any) -> str:
        return str(node.input[1])

    def _initialiser(self, node: Any) -> Any:
        (tensor,) = (one for one in self._model.graph.initializer if one.name == self._parameter(node))
        return self._onnx.numpy_helper.to_array(tensor).astype(np.float32)

    def _alphabet(self) -> Alphabet:
        (text,) = (item.value for item in self._model.metadata_props if item.key == _CHARACTERS)
        return Alphabet(text.split("\n"))

    def _copy(self) -> Any:
        model = self._onnx.ModelProto()
        model.CopyFrom(self._model)
        return model

    @staticmethod
    def _replace(repeated: Any, items: Sequence[Any]) -> None:
        kept = list(items)
        del repeated[:]
        repeated.extend(kept)


def _onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise EngineUnavailable(
            "package_missing",
            "Learning to read needs the package onnx, which is not installed.",
            "Run: pip install onnx",
        ) from None
    return onnx
