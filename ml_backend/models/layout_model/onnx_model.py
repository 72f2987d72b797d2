"""The network in ONNX Runtime: on a GPU if this build of it has one, else on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ml_backend.errors import ModelRejected
from ml_backend.models.layout_model.encoding import Batch
from ml_backend.models.layout_model.looks import SHAPE, Floats

MODEL = "model.onnx"
INPUTS = ("input_ids", "attention_mask", "bbox")
PIXELS = "pixel_values"  # one more input of a network that looks at pages
PROVIDERS = ("CUDAExecutionProvider", "ROCMExecutionProvider", "CPUExecutionProvider")


class OnnxNetwork:
    """The network in ``path``, with ``tags`` outputs a token. Safe for threads; ``threads`` are those of one answer.

    ``looks``: whether it wants the pages' pixels, too.
    """

    def __init__(self, path: Path, tags: int, threads: int = 1) -> None:
        """Raises ModelRejected: the file is no network of this shape."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        there = set(onnxruntime.get_available_providers())
        providers = [name for name in PROVIDERS if name in there]
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime has a class for each kind of fault, without a common parent
            raise _rejected(path, type(error).__name__) from None
        inputs = {each.name: each for each in self._session.get_inputs()}
        outputs = self._session.get_outputs()
        pixels = inputs.pop(PIXELS, None)
        if set(inputs) != set(INPUTS) or any(each.type != "tensor(int64)" for each in inputs.values()):
            raise _rejected(path, "it asks for other inputs")
        if pixels is not None and (pixels.type != "tensor(float)" or tuple(pixels.shape[1:]) != SHAPE):
            raise _rejected(path, "it asks for other pictures")
        self.looks = pixels is not None
        if len(outputs) != 1 or len(outputs[0].shape) != 3 or outputs[0].shape[2] != tags:
            raise _rejected(path, f"it does not answer with {tags} numbers a token")

    @property
    def on_gpu(self) -> bool:
        return bool(self._session.get_providers()[0] != PROVIDERS[-1])

    def logits(self, batch: Batch) -> Floats:
        """The network's outputs, shape (windows, length, tags).

        Raises:
            ModelRejected: the network cannot take these inputs, or what comes out are no numbers.
        """
        said: dict[str, Any] = dict(zip(INPUTS, (batch.ids, batch.mask, batch.boxes), strict=True))
        if self.looks:
            said[PIXELS] = batch.pixels
        try:
            answer = self._session.run(None, said)[0]
        except Exception as error:
            raise ModelRejected("model_failed", f"The field model broke ({type(error).__name__}).") from None
        if answer.shape[:2] != batch.ids.shape or not np.isfinite(answer).all():
            raise ModelRejected("model_failed", "The field model's answer is no set of numbers.")
        return np.asarray(answer, dtype=np.float32)


def _rejected(path: Path, why: str) -> ModelRejected:
    return ModelRejected(
        "model_files",
        f"The model file {path.name} cannot be used: {why}.",
        "Roll back to an earlier version, or train again.",
    )
