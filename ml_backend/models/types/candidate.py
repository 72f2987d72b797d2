"""A place on the paper that may be the value of a field."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ml_backend.models.layout import Segment, Span


@dataclass(frozen=True)
class Candidate:
    """Characters ``[start, end)`` of ``segment``, their normal form, and how sure their type is, in ``[0, 1]``.

    ``printed`` is what must stand on the paper where OCR misread it, or empty.
    """

    segment: Segment
    start: int
    end: int
    value: str
    sure: float
    printed: str = ""

    @property
    def text(self) -> str:
        return self.segment.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """Where it stands; the text is the printed one."""
        span = self.segment.span(self.start, self.end)
        return replace(span, text=self.printed) if self.printed else span
