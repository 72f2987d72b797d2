"""A network reads a document: windows in, probabilities of tags for each word out. The same in training and in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ml_backend.document.elements import Document
from ml_backend.models.layout_model.decoding import Tagged, tagged_pages, tags_of
from ml_backend.models.layout_model.encoding import Batch, Shape, SubWords, Window, batches, encode, merge
from ml_backend.models.layout_model.looks import Floats, Look

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
    """``labels`` in the order of the network's outputs: O, then B and I of each. ``look``: how it sees pages, None: not."""

    network: Network
    words: SubWords
    shape: Shape
    labels: tuple[str, ...]
    look: Look | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        return tags_of(self.labels)

    def column(self, label: str) -> int:
        """Where the network's output for the B of ``label`` stands."""
        return 1 + 2 * self.labels.index(label)

    def windows(self, document: Document) -> list[Window]:
        return encode(document, self.words, self.shape)

    @property
    def at_once(self) -> int:
        """How many windows are answered together."""
        return AT_ONCE_ON_GPU if self.network.on_gpu else AT_ONCE

    def read(self, document: Document) -> list[Tagged]:
        """All pages with the chances of their words."""
        return self.read_all([document])[0]

    def read_all(self, documents: Sequence[Document]) -> list[list[Tagged]]:
        """``read`` of each document; the windows of all of them are answered together, like lengths with like."""
        windows = [self.windows(document) for document in documents]
        owners = {id(window): number for number, some in enumerate(windows) for window in some}
        answers: list[list[tuple[Window, Floats]]] = [[] for _ in documents]
        for batch in batches([window for some in windows for window in some], self.at_once, self.shape.pad, self.look):
            for window, logits in zip(batch.windows, self.network.logits(batch), strict=True):
                answers[owners[id(window)]].append((window, logits))
        return [
            tagged_pages(merge(len(document.pages), own), len(self.tags))
            for document, own in zip(documents, answers, strict=True)
        ]
