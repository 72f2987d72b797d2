"""Pages and fields as JSON values, for the OCR cache, the store and model folders; the way back gives the very same object."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from ml_backend.document.elements import MOST_PICTURE, Document, Page, Word
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box, Quad

FORMAT = 1  # of the JSON below


def page_to_json(page: Page) -> dict[str, Any]:
    """``page`` as JSON values; ``page_from_json`` gives the very same page back."""
    value = {
        "format": FORMAT,
        "width": page.width,
        "height": page.height,
        "engine": page.engine,
        "fallback": page.fallback,
        "words": [[word.text, word.quad.points, word.confidence, word.line, word.block] for word in page.words],
    }
    return value | {"picture": b64encode(page.picture).decode("ascii")} if page.picture else value


def page_from_json(value: Any) -> Page:
    """The page of ``page_to_json``. Raises ValueError for anything else."""
    try:
        if value["format"] != FORMAT:
            raise ValueError(f"format must be {FORMAT}, but it was: {value['format']!r}")
        words = tuple(
            Word(
                str(text),
                Quad.clipped((float(x), float(y)) for x, y in points),
                float(confidence),
                int(line),
                int(block),
            )
            for text, points, confidence, line, block in value["words"]
        )
        size, picture = (int(value["width"]), int(value["height"])), _picture(value.get("picture", ""))
        return Page(*size, words, str(value["engine"]), str(value["fallback"]), picture)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a stored page: {error!r}") from error


def _picture(text: Any) -> bytes:
    """The bytes of a page's picture, whatever they are. Raises ValueError for more than there can be, or no base64."""
    if not isinstance(text, str) or len(text) > MOST_PICTURE * 4 // 3 + 4:
        raise ValueError("a page's picture must be a text, and a short one")
    return b64decode(text, validate=True)


def document_to_json(document: Document) -> list[Any]:
    """All pages of a document."""
    return [page_to_json(page) for page in document.pages]


def document_from_json(value: Any) -> Document:
    """The document of ``document_to_json``. Raises ValueError for anything else."""
    if not isinstance(value, list):
        raise ValueError(f"a stored document is a list of pages, but it was: {type(value).__name__}")
    return Document(tuple(page_from_json(page) for page in value))


def fields_to_json(fields: Sequence[Field]) -> list[Any]:
    """Fields as JSON values, whole: also what takes no part in equality."""
    return [
        [
            field.label,
            field.text,
            [field.box.left, field.box.top, field.box.right, field.box.bottom, field.box.rotation],
            field.page,
            field.confidence,
            field.id,
            list(field.words),
            field.value,
            field.reason,
        ]
        for field in fields
    ]


def fields_from_json(value: Any) -> tuple[Field, ...]:
    """The fields of ``fields_to_json``. Raises ValueError for anything else."""
    try:
        return tuple(
            Field(
                label=str(label),
                text=str(text),
                box=Box(*(float(edge) for edge in box)),
                page=int(page),
                confidence=float(confidence),
                id=str(identity),
                words=tuple(int(word) for word in words),
                value=str(normal),
                reason=str(reason),
            )
            for label, text, box, page, confidence, identity, words, normal, reason in value
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"not stored fields: {error!r}") from error
