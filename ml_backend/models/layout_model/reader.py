"""A network reads a document: windows in, probabilities of tags for each word out. The same in training and in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ml_backend.document.elements import Document
from ml_backend.models.layout_model.decoding import Tagged, tagged_pages, tags_of
from ml_backend.models.layout_model.encoding import Batch, Floats, Shape, SubWords, Window, batches, encode, merge

AT_ONCE = 4  # windows; more at once are no faster on a CPU
AT_ONCE_ON_GPU = 32


class Network(Protocol):
    """What answers for windows: ONNX Runtime in use, torch while it is being trained."""

    @property
    def on_gpu(self) -> bool: ...

    def logits(self, batch: Batch) -> Floats:
        """Shape (windows, length, tags); what stands on padding means nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Reader:
    """``labels`` in the order of the network's outputs: O, then B and I of each."""

    network: Network
    words: SubWords
    shape: Shape
    labels: tuple[str, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        return tags_of(self.labels)

    def column(self, label: str) -> int:
        """Where the network's output for the B of ``label`` stands."""
        return 1 + 2 * self.labels.index(label)

    def windows(self, document: Document) -> list[Window]:
        return encode(document, self.words, self.shape)

    def read(self, document: Document) -> list[Tagged]:
        """All pages with the chances of their words."""
        answers: list[tuple[Window, Floats]] = []
        size = AT_ONCE_ON_GPU if self.network.on_gpu else AT_ONCE
        for batch in batches(self.windows(document), size, self.shape.pad):
            answers += zip(batch.windows, self.network.logits(batch), strict=True)
        return tagged_pages(merge(len(document.pages), answers), len(self.tags))
