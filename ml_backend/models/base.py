"""The protocol of a field model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, FieldSpec


class FieldExtractor(Protocol):
    """One version of a model that finds fields."""

    @property
    def version(self) -> str:
        """The model version as Label Studio shows it; the same input gives the same output for one version."""
        ...

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        """The fields asked for by ``specs``, each with its words, box, confidence and reason. No field is no entry."""
        ...
