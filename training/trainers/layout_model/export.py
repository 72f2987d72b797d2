"""The trained network as ONNX, and the proof that it answers as torch does; optionally in int8, if that says the same.

Only the exporter that follows the program (dynamo) is right for LayoutLMv3; the older one exports without a word and answers
something else.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ml_backend.document.elements import Document
from ml_backend.document.fields import FieldSpec
from ml_backend.errors import ModelRejected
from ml_backend.models.layout_model.encoding import batches
from ml_backend.models.layout_model.extractor import LayoutModel
from ml_backend.models.layout_model.looks import SHAPE
from ml_backend.models.layout_model.onnx_model import INPUTS, PIXELS

MOST_DIFFERENCE = 1e-3  # of any logit between torch and ONNX Runtime
MOST_OTHER = 0.01  # the share of fields that int8 may read otherwise
LARGEST = 2 * 1024**3 - 1  # bytes of an ONNX file in one piece
SHORTEST = 4  # tokens of a window


def export_onnx(network: Any, path: Path, longest: int) -> None:
    """Write the network as one ONNX file that takes any number of windows of up to ``longest`` tokens.

    Raises:
        ModelRejected: ``model_too_large``: it would have more than 2 GB. ``export_failed``: torch could not.
    """
    import torch

    size = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    if size > LARGEST - 64 * 1024**2:  # the graph takes some
        raise ModelRejected(
            "model_too_large",
            f"The network has {size / 1e9:.1f} GB; an ONNX file holds 2 GB at most.",
            "Take a smaller base model: a base-size one has 0.5 GB, a large one 1.5 GB.",
        )
    windows = torch.export.Dim("windows", min=1, max=4096)
    where = {0: windows, 1: torch.export.Dim("length", min=SHORTEST, max=longest)}
    shapes: dict[str, Any] = {**dict.fromkeys(INPUTS, where), PIXELS: {0: windows}}
    inputs = example(network.cpu(), (2, 24))
    with _quiet():
        try:
            torch.onnx.export(
                _logits_only(network.eval()),
                (),
                str(path),
                kwargs=inputs,
                dynamo=True,
                dynamic_shapes={name: shapes[name] for name in inputs},
                input_names=list(inputs),
                output_names=["logits"],
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # the exporter has many kinds of faults
            raise ModelRejected("export_failed", f"The network cannot be exported ({type(error).__name__}).") from error


def example(network: Any, shape: tuple[int, int]) -> dict[str, Any]:
    """Inputs as this network takes them: windows and tokens of this ``shape``, with pixels if it looks at pages."""
    import torch

    tokens = torch.full(shape, 5), torch.ones(shape, dtype=torch.long), torch.ones((*shape, 4), dtype=torch.long)
    inputs = dict(zip(INPUTS, tokens, strict=True))
    if getattr(network.config, "visual_embed", False) and network.config.model_type == "layoutlmv3":
        inputs[PIXELS] = torch.zeros((shape[0], *SHAPE))
    return inputs


def check_same(
    trained: LayoutModel, exported: LayoutModel, documents: Sequence[Document], specs: Sequence[FieldSpec]
) -> float:
    """The largest difference between the logits of both on these documents.

    Raises:
        ModelRejected: ``export_differs``: it is more than 1e-3, or a field differs.
    """
    worst = 0.0
    one, other = trained.reader, exported.reader
    for document in documents:
        for batch in batches(one.windows(document), 4, one.shape.pad, one.look):
            difference = np.abs(one.network.logits(batch) - other.network.logits(batch))[batch.mask == 1]
            worst = max(worst, float(difference.max(initial=0.0)))
    others = share_of_others(trained, exported, documents, specs)
    if not worst <= MOST_DIFFERENCE or others:
        raise ModelRejected(
            "export_differs",
            f"The exported network does not answer as the trained one: logits differ by up to {worst:.2g}, "
            f"{others:.1%} of the fields are others.",
            "Please report this with the versions of torch and transformers; the version before goes on serving.",
        )
    return worst


def share_of_others(
    one: LayoutModel, other: LayoutModel, documents: Sequence[Document], specs: Sequence[FieldSpec]
) -> float:
    """The share of fields in ``[0, 1]`` on which two models differ (label, page or words); 0 where there are none."""
    same = different = 0
    for document in documents:
        first, second = (
            {(field.label, field.page, field.words) for field in model.extract(document, specs).fields}
            for model in (one, other)
        )
        same += len(first & second)
        different += max(len(first), len(second)) - len(first & second)
    return different / max(1, same + different)


def quantise(path: Path, smaller: Path) -> None:
    """Write the network of ``path`` with weights of 8 bits: a quarter of the size, and about twice as fast on a CPU."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(str(path), str(smaller), weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])


def _logits_only(network: Any) -> Any:
    """The network with its inputs by name and nothing but the logits coming out."""
    import torch

    class LogitsOnly(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: Any, attention_mask: Any, bbox: Any, pixel_values: Any = None) -> Any:
            seen = {} if pixel_values is None else {PIXELS: pixel_values}
            return self.network(input_ids=input_ids, attention_mask=attention_mask, bbox=bbox, **seen).logits

    return LogitsOnly().eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch's exporter says of itself: torchvision that is not there, names of axes, its own deprecations."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "root")
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
