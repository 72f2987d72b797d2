"""What a search found: a place on the paper, its value, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml_backend.document.fields import Field
from ml_backend.document.geometry import union
from ml_backend.models.keywords.matching import Hit, Phrasebook
from ml_backend.models.keywords.role import Role
from ml_backend.models.layout import PageLayout, Segment, Span
from ml_backend.models.types.candidate import Candidate

VALUE_DIGITS = 3  # a word with so many digits, and no percentage, is a value that has a keyword of its own

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Found:
    """One possible field. ``spans`` are its lines from top to bottom; ``confidence`` as in ``Field``."""

    spans: tuple[Span, ...]
    value: str
    confidence: float
    reason: str

    def field(self, label: str) -> Field:
        return Field(
            label=label,
            text=" ".join(span.text for span in self.spans),
            box=union(span.box for span in self.spans),
            page=self.spans[0].page,
            confidence=round(min(1.0, max(0.0, self.confidence)), 4),
            words=tuple(word for span in self.spans for word in span.words),
            value=self.value,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched: the pages, the role of the label, and the country for phone numbers (or empty)."""

    pages: Sequence[PageLayout]
    role: Role
    country: str = ""


Searcher = Callable[[Search], list[Found]]
"""All places where the field may be, the best first."""


@dataclass(frozen=True, slots=True)
class Context:
    """The words that tell what a value is: those left of it, or, where there are none, those above."""

    text: str
    side: str
    hit: Hit | None


def context_of(layout: PageLayout, candidate: Candidate, phrases: Phrasebook) -> Context:
    """The text from the last value before the candidate up to the candidate, and what it says."""
    left = _own_left(layout, candidate.segment, candidate.start)
    if any(c.isalpha() for c in left):
        return _left_context(layout, candidate, left, phrases)
    above = layout.above(candidate.segment.span(candidate.start, candidate.end).box, candidate.segment.row)
    if above and not _end_of_values(above.text):
        return Context(above.text, "under", phrases.find(above.text))
    return Context("", "", None)


def _left_context(layout: PageLayout, candidate: Candidate, left: str, phrases: Phrasebook) -> Context:
    """What ``left`` says; of a row with several columns only the nearest text is quoted, where that says the same."""
    hit = phrases.find(left)
    near = layout.nearest_left(candidate.segment, candidate.start)
    return Context(near if near in left and phrases.find(near) == hit else left, "right of", hit)


def _own_left(layout: PageLayout, segment: Segment, start: int) -> str:
    """The row's text before ``start``, but only from behind the last other value."""
    left = layout.left_of(segment, start)
    return left[_end_of_values(left) :].strip()


def _end_of_values(text: str) -> int:
    """Where the last word with three digits ends; 0 if there is none."""
    values = (m for m in _WORD.finditer(text) if "%" not in m[0] and sum(c.isdigit() for c in m[0]) >= VALUE_DIGITS)
    return max((match.end() for match in values), default=0)
