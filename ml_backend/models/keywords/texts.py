"""Free text behind or below a keyword, and whole lines for transcription."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import extractOne

from ml_backend.models.keywords.found import Found, Search
from ml_backend.models.keywords.role import Role
from ml_backend.models.layout import PageLayout, Segment, Span
from ml_backend.models.plain_text import normalise

LONGEST_KEYWORD = 5  # words
FUZZY_FROM = 6  # a shorter keyword must be printed letter by letter

_WORD = re.compile(r"[^\W_]+")
_SEPARATOR = re.compile(r"[\s:.#=>|-]*")


@dataclass(frozen=True, slots=True)
class Anchored:
    """A value that stands at a keyword: which one, where, and how sure it is in ``[0, 1]`` that the two belong together."""

    phrase: str
    segment_of_value: Segment
    span: Span
    side: str
    sure: float


def search_lines(search: Search) -> list[Found]:
    """Every text line of the document, from top to bottom."""
    return [Found((s.span(),), s.text, 0.7, "a line of text") for page in search.pages for s in page.segments]


def search_texts(search: Search) -> list[Found]:
    """Text at the role's keyword, the longest keyword first."""
    found = [a for layout in search.pages for a in anchored(layout, search.role)]
    found.sort(key=lambda a: -len(a.phrase))
    return [Found((a.span,), a.span.text, a.sure, f"text {a.side} '{a.phrase}'") for a in found]


def anchored(layout: PageLayout, role: Role) -> Iterator[Anchored]:
    """Values at a keyword of the role: the rest of its line, else the next segment of the row, else the line below."""
    for segment in layout.segments:
        phrase, end, exact = keyword_at_start(segment.text, role)
        if not phrase:
            continue
        sure = 0.75 if exact else 0.6
        start = _behind_separator(segment.text, end)
        if start < len(segment.text):
            # without a colon the keyword may be the first word of a sentence
            sure -= 0.0 if ":" in segment.text[end:start] else 0.25
            yield Anchored(phrase, segment, segment.span(start), "right of", sure)
            continue
        right = next((s for s in layout.row_of(segment) if s.box.left > segment.box.left), None)
        below = layout.below(segment.box, segment.row)
        if right and (start := _behind_separator(right.text, 0)) < len(right.text):
            yield Anchored(phrase, right, right.span(start), "right of", sure - 0.05)
        elif below:
            yield Anchored(phrase, below, below.span(), "under", sure - 0.15)


def _behind_separator(text: str, start: int) -> int:
    match = _SEPARATOR.match(text, start)
    return match.end() if match else start


def keyword_at_start(text: str, role: Role) -> tuple[str, int, bool]:
    """The longest phrase of the role that ``text`` begins with, where it ends, and whether it is exact; empty is none."""
    ends = [run.end() for run in islice(_WORD.finditer(text), LONGEST_KEYWORD)]
    beginnings = [(normalise(text[:end]), end) for end in reversed(ends)]
    for beginning, end in beginnings:
        if beginning in role.phrases:
            return beginning, end, True
    for beginning, end in beginnings:
        near = extractOne(beginning, role.phrases, scorer=Levenshtein.distance, score_cutoff=1)
        if near and len(near[0]) >= FUZZY_FROM:
            return near[0], end, False
    return "", 0, False
