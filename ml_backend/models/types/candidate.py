"""A place on the paper that may be the value of a field."""

from __future__ import annotations

from dataclasses import dataclass

from ml_backend.models.layout import Segment


@dataclass(frozen=True)
class Candidate:
    """Characters ``[start, end)`` of ``segment``, their normal form, and how sure their type is, in ``[0, 1]``."""

    segment: Segment
    start: int
    end: int
    value: str
    sure: float

    @property
    def text(self) -> str:
        return self.segment.text[self.start : self.end]
