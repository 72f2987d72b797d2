"""The network in torch, answering as ONNX Runtime does: while it is trained, and to compare the two."""

from __future__ import annotations

from typing import Any

from ml_backend.models.layout_model.encoding import Batch
from ml_backend.models.layout_model.looks import Floats
from ml_backend.models.layout_model.onnx_model import PIXELS


class TorchNetwork:
    """``network`` is in evaluation mode, on whichever device."""

    def __init__(self, network: Any) -> None:
        self._network = network

    @property
    def on_gpu(self) -> bool:
        return bool(self._network.device.type != "cpu")

    def logits(self, batch: Batch) -> Floats:
        """Shape (windows, length, tags)."""
        import torch

        device = self._network.device
        seen = {} if batch.pixels is None else {PIXELS: torch.from_numpy(batch.pixels).to(device)}
        with torch.inference_mode():
            answer = self._network(
                input_ids=torch.from_numpy(batch.ids).to(device),
                attention_mask=torch.from_numpy(batch.mask).to(device),
                bbox=torch.from_numpy(batch.boxes).to(device),
                **seen,
            ).logits
        numbers: Floats = answer.float().cpu().numpy()
        return numbers
