"""A page as rows and segments, so that "left of" and "above" mean what a person means by them.

OCR engines cut lines differently: one returns "TOTAL" and "30.00" as two lines, another as one. Here words are put into rows by
their height on the page (the page's skew is taken out first), and a row is split into segments where the gap is wide. A segment
is what a person reads in one go. Nothing here knows about fields.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

from ml_backend.document.elements import Document, Page, Word
from ml_backend.document.geometry import Box, union

GAP = 1.6  # a gap wider than this many heights of the taller neighbour ends a segment
CONTEXT = 120  # characters before a value that may speak of it
FLAT = 1e-6  # the least height of letters, for boxes that have none
SAME_ROW = 0.5  # two lines are one row if their middles are nearer than this part of the lower line's height


@dataclass(frozen=True, slots=True)
class Span:
    """Words in a row on one page and the text meant, which may be a part of the first and the last word."""

    page: int
    words: tuple[int, ...]
    text: str
    box: Box


@dataclass(frozen=True)
class Segment:
    """Neighbouring words of one row. ``starts[i]`` is where word ``i`` begins in ``text`` (words joined by one space)."""

    page: int
    row: int
    words: tuple[int, ...]
    text: str
    starts: tuple[int, ...]
    boxes: tuple[Box, ...]

    @cached_property
    def box(self) -> Box:
        return union(self.boxes)

    def span(self, start: int = 0, end: int | None = None) -> Span:
        """The characters ``[start, end)`` without outer spaces; the box is cut in proportion to the characters of a word."""
        end = len(self.text) if end is None else end
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace():
            end -= 1
        first = bisect_right(self.starts, start) - 1
        last = max(first, bisect_right(self.starts, end - 1) - 1)
        boxes = [self._part(i, start, end) for i in range(first, last + 1)]
        return Span(self.page, self.words[first : last + 1], self.text[start:end], union(boxes))

    def _part(self, word: int, start: int, end: int) -> Box:
        """The part of a word's box that its characters within ``[start, end)`` take."""
        box, begin = self.boxes[word], self.starts[word]
        stop = self.starts[word + 1] - 1 if word + 1 < len(self.starts) else len(self.text)
        length = max(1, stop - begin)
        left = max(0, start - begin) / length
        right = min(length, end - begin) / length
        return Box.clipped(box.left + left * box.width, box.top, box.left + right * box.width, box.bottom)


@dataclass(frozen=True)
class PageLayout:
    """The segments of one page in reading order, and the rows they stand in (indices into ``segments``, left to right)."""

    page: int
    segments: tuple[Segment, ...]
    rows: tuple[tuple[int, ...], ...]
    letter: float

    def row_of(self, segment: Segment) -> Iterator[Segment]:
        """All segments of the row, left to right."""
        return (self.segments[i] for i in self.rows[segment.row])

    def left_of(self, segment: Segment, start: int) -> str:
        """The text of the row before character ``start`` of ``segment``, at most its last ``CONTEXT`` characters."""
        before = [s.text for s in self.row_of(segment) if s.box.left < segment.box.left and s is not segment]
        return " ".join([*before, segment.text[max(0, start - CONTEXT) : start]])[-CONTEXT:].strip()

    def nearest_left(self, segment: Segment, start: int) -> str:
        """The text of ``segment`` before character ``start``, or, where there are no letters, with the segment left of it."""
        own = segment.text[max(0, start - CONTEXT) : start].strip()
        before = [s.text for s in self.row_of(segment) if s.box.left < segment.box.left and s is not segment]
        return own if any(c.isalpha() for c in own) or not before else f"{before[-1]} {own}".strip()

    def above(self, box: Box, row: int, reach: float = 2.5) -> Segment | None:
        """The nearest segment over ``box`` that shares columns with it, at most ``reach`` letter heights away."""
        return self._beside(box, range(row - 1, -1, -1), reach)

    def below(self, box: Box, row: int, reach: float = 2.5) -> Segment | None:
        """The nearest segment under ``box`` that shares columns with it, at most ``reach`` letter heights away."""
        return self._beside(box, range(row + 1, len(self.rows)), reach)

    def _beside(self, box: Box, rows: range, reach: float) -> Segment | None:
        for row in rows:
            others = [self.segments[i] for i in self.rows[row]]
            if min(_gap(box, other.box) for other in others) > reach * self.letter:
                return None
            for other in others:
                if min(box.right, other.box.right) > max(box.left, other.box.left):
                    return other
        return None


def _gap(one: Box, other: Box) -> float:
    """White height between two boxes; negative when they overlap."""
    return max(one.top - other.bottom, other.top - one.bottom)


def lay_out(document: Document) -> tuple[PageLayout, ...]:
    """The layout of every page."""
    return tuple(_page_layout(number, page) for number, page in document)


def _page_layout(number: int, page: Page) -> PageLayout:
    words = [i for i, word in enumerate(page.words) if word.text.strip()]
    if not words:
        return PageLayout(number, (), (), 0.0)
    letter = max(FLAT, median(page.words[i].box.height for i in words))
    segments: list[Segment] = []
    rows: list[tuple[int, ...]] = []
    for row in _rows(page, words):
        first = len(segments)
        for part in _split(page, row):
            segments.append(_segment(page, number, len(rows), part))
        rows.append(tuple(range(first, len(segments))))
    return PageLayout(number, tuple(segments), tuple(rows), letter)


def _skew(words: Sequence[Word]) -> float:
    """How far text sinks per unit of width: the median slope of the upper edges, wide words counting more."""
    slopes: list[tuple[float, float]] = []
    for word in words:
        (left, top), (right, bottom) = word.quad.points[:2]
        if right > left:
            slopes.append(((bottom - top) / (right - left), right - left))
    slopes.sort()
    half = sum(width for _, width in slopes) / 2
    for slope, width in slopes:
        half -= width
        if half <= 0:
            return slope
    return 0.0


def _rows(page: Page, words: Sequence[int]) -> list[list[int]]:
    """Word indices, one list a row from top to bottom, each from left to right."""
    skew = _skew([page.words[i] for i in words])
    kept = set(words)
    lines = [kept_line for line in page.lines if (kept_line := [i for i in line if i in kept])]

    def middle(line: Sequence[int]) -> float:
        return median(page.words[i].box.center[1] - skew * page.words[i].box.center[0] for i in line)

    def height(line: Sequence[int]) -> float:
        return median(page.words[i].box.height for i in line)

    rows: list[list[int]] = []
    row_middle, row_height = 0.0, 0.0
    for at, tall, line in sorted((middle(line), height(line), line) for line in lines):
        if rows and at - row_middle < SAME_ROW * min(tall, row_height):
            rows[-1].extend(line)
        else:
            rows.append(list(line))
            row_middle, row_height = at, tall
    return [sorted(row, key=lambda i: (page.words[i].box.left, i)) for row in rows]


def _split(page: Page, row: Sequence[int]) -> Iterator[list[int]]:
    """The row cut at its wide gaps; widths and heights are compared in pixels."""
    part = [row[0]]
    for before, after in pairwise(row):
        one, other = page.words[before].box, page.words[after].box
        if (other.left - one.right) * page.width > GAP * max(one.height, other.height) * page.height:
            yield part
            part = []
        part.append(after)
    yield part


def _segment(page: Page, number: int, row: int, words: Sequence[int]) -> Segment:
    texts = [page.words[i].text.strip() for i in words]
    starts = [0]
    for text in texts[:-1]:
        starts.append(starts[-1] + len(text) + 1)
    boxes = tuple(page.words[i].box for i in words)
    return Segment(number, row, tuple(words), " ".join(texts), tuple(starts), boxes)
