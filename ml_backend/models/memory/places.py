"""Values of a type on the rows of a document, found once for each type that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ml_backend.models.keywords.shapes import SHAPES, shaped
from ml_backend.models.layout import Segment
from ml_backend.models.memory.paper import Line, Part

CHANGING = frozenset({"date", "amount", "ean", "serial", "model_number", "invoice_number"})
"""Types whose value is another one on every document: what stands on the paper counts, never what was confirmed before."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A value of a type: where, its characters, its normal form, and how sure its type is."""

    part: Part
    text: str
    value: str
    sure: float


def is_typed(kind: str) -> bool:
    """Whether values of the type can be told by their shape."""
    return kind in SHAPES


def typed_in(line: Line, number: int, kind: str, country: str) -> Iterator[Typed]:
    """The values of the type in a row."""
    for piece, start in enumerate(line.starts):
        text = line.text[start : line.end(piece)]
        for found in shaped(Segment(line.page, 0, (), text, (), ()), kind, country):
            part = Part(number, start + found.start, start + found.end)
            yield Typed(part, found.text, found.value, found.sure)
