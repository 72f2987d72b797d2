"""What a model learns from and is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from ml_backend.document.elements import Document
from ml_backend.document.fields import Field


@dataclass(frozen=True, slots=True)
class Sample:
    """A confirmed document: its words as OCR read them, and the fields a person submitted for it.

    ``content`` is the document's identity, the SHA-256 of its pages' pixels (see ``content_of``): splits, folds and stored
    out-of-fold answers go by it. ``annotator`` is Label Studio's number of who confirmed it, ``confirmed_at`` when (ISO, UTC).
    """

    content: str
    document: Document
    fields: tuple[Field, ...]
    annotator: int | None = None
    confirmed_at: str = ""
