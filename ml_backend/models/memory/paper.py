"""A page as the memory sees it: rows of text with places, and what was confirmed where on them.

A remembered document keeps its rows and its marks, not its words: a row is what a person compares when two receipts of one shop
lie side by side.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ml_backend.document.bio_tags import bare
from ml_backend.document.elements import Document
from ml_backend.document.geometry import union
from ml_backend.models.layout import PageLayout, Segment, Span, lay_out
from ml_backend.models.plain_text import normalise

MOST_ROWS = 800  # of a document that is asked about; what is behind them is not looked at
LONG = 7  # digits of a number that tells one shop from another, such as a tax number
SHORT = 2  # letters of a word that is too short to say anything
DATE = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}")

_LOOK_ALIKE = str.maketrans("OQDILSBZ", "00011582")
_RUN = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=16384)
def row_key(text: str) -> str:
    """The row as it is compared: normalised, every number one 0, no spaces: "Date: 21/07/2017" -> "date000"."""
    return _RUN.sub("0", normalise(text)).replace(" ", "")


@lru_cache(maxsize=16384)
def row_words(text: str) -> tuple[str, ...]:
    """What a fingerprint is made of: words of letters, normalised, and long numbers that are no dates."""
    words = [word for word in _LETTERS.findall(normalise(text)) if len(word) > SHORT or not word.isascii()]
    for token in text.split():
        digits = "".join(c for c in token if c.isdigit())
        if len(digits) >= LONG and not DATE.search(token):
            words.append(digits)
    return tuple(words)


@lru_cache(maxsize=16384)
def spelt(text: str) -> str:
    """``bare``, kept: the same texts are compared again and again."""
    return bare(text)


@lru_cache(maxsize=16384)
def folded(text: str) -> str:
    """As ``spelt``, with characters that OCR takes for each other made one: "0live" is "Olive"."""
    return spelt(text).translate(_LOOK_ALIKE)


@dataclass(frozen=True)
class Line:
    """One row of a page. ``starts[i]``, ``lefts[i]`` and ``rights[i]`` say where piece ``i`` begins in ``text`` and stands.

    Pieces are the row's segments, joined by one space; edges are in ``[0, 1]`` of the page.
    """

    page: int
    text: str
    starts: tuple[int, ...]
    lefts: tuple[float, ...]
    rights: tuple[float, ...]

    @cached_property
    def key(self) -> str:
        return row_key(self.text)

    @cached_property
    def letters(self) -> int:
        """How many letters the row has."""
        return sum(c.isalpha() for c in self.key)

    def piece(self, at: int) -> int:
        """The piece that character ``at`` stands in."""
        return max(0, bisect_right(self.starts, at) - 1)

    def end(self, piece: int) -> int:
        """Where a piece ends in ``text``."""
        return self.starts[piece + 1] - 1 if piece + 1 < len(self.starts) else len(self.text)

    def x(self, at: int) -> float:
        """Where character ``at`` begins, letters of a piece being equally wide; ``at`` may be the end of the text."""
        piece = self.piece(max(0, at - 1) if at == len(self.text) else at)
        start, end = self.starts[piece], self.end(piece)
        share = min(1.0, (at - start) / max(1, end - start))
        return self.lefts[piece] + share * (self.rights[piece] - self.lefts[piece])


@dataclass(frozen=True, slots=True)
class Part:
    """Characters ``[start, end)`` of row ``line``."""

    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A confirmed field: what the person left as text, and where on the rows it stands, from top to bottom."""

    label: str
    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Paper:
    """A remembered document: ``lines`` of all pages from top to bottom, ``marks`` by label and place."""

    content: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]

    def printed(self, mark: Mark) -> str:
        """What OCR read at the mark."""
        return " ".join(self.lines[part.line].text[part.start : part.end] for part in mark.parts)


@dataclass(frozen=True)
class Sheet:
    """A document that is asked about: its rows, and the way back from characters of a row to words and boxes."""

    document: Document
    lines: tuple[Line, ...]
    segments: tuple[tuple[Segment, ...], ...]

    @classmethod
    def of(cls, document: Document) -> Sheet:
        lines: list[Line] = []
        segments: list[tuple[Segment, ...]] = []
        for layout in lay_out(document):
            for row in _rows(layout):
                segments.append(row)
                lines.append(_line(row))
        return cls(document, tuple(lines[:MOST_ROWS]), tuple(segments[:MOST_ROWS]))

    def span(self, part: Part) -> Span | None:
        """The words and the box of some characters of a row; None if there is nothing but white."""
        line = self.lines[part.line]
        spans: list[Span] = []
        for piece, segment in enumerate(self.segments[part.line]):
            start = max(0, part.start - line.starts[piece])
            end = min(len(segment.text), part.end - line.starts[piece])
            if start < end and segment.text[start:end].strip():
                spans.append(segment.span(start, end))
        if not spans:
            return None
        words = tuple(word for span in spans for word in span.words)
        return Span(line.page, words, " ".join(span.text for span in spans), union(span.box for span in spans))


def _rows(layout: PageLayout) -> list[tuple[Segment, ...]]:
    return [tuple(layout.segments[i] for i in row) for row in layout.rows]


def _line(row: Sequence[Segment]) -> Line:
    starts = [0]
    for segment in row[:-1]:
        starts.append(starts[-1] + len(segment.text) + 1)
    return Line(
        row[0].page,
        " ".join(segment.text for segment in row),
        tuple(starts),
        tuple(segment.box.left for segment in row),
        tuple(segment.box.right for segment in row),
    )
