"""Puts words into the order a person reads them, and numbers lines and blocks. Pure: words in, words out, none lost.

Four steps: straighten the page; chain words that stand close together into runs; cut columns apart; collect runs into lines.

- The slope of the page is the median angle between a word and its right neighbour (O'Gorman 1993, "The document spectrum").
- A column is cut out at a gutter, a strip of white that no run crosses (Breuel 2002, "Two algorithms for geometric layout
  analysis"), and the parts are cut again (the recursion of the XY-cut, Nagy and Seth 1984).
- A gutter only counts if *both* sides are paragraphs: several lines of several words that are mostly letters. The white between
  the labels and the amounts of a receipt is no gutter, so "Total 12.50" stays one line.
- A line of mostly Hebrew or Arabic letters is read from the right; words of the other direction keep theirs (a simple case of the
  Unicode bidirectional algorithm, UAX 9).
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import mean, median

from ml_backend.document.elements import Word

_WORD_GAP = 1.2  # heights; words closer than this belong to one run
_SLOPE_GAP = 3.0  # heights; neighbours closer than this tell the slope
_OVERLAP = 0.5  # of the smaller height; what two words of a line share at least
_PARAGRAPH_LINES = 4
_PARAGRAPH_WORDS = 3  # in a usual run of a paragraph
_PARAGRAPH_GAP = 1.0  # heights of white between two lines that start a new block


@dataclass(frozen=True, slots=True)
class _Item:
    """A word on the straightened page, in pixels."""

    word: Word
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


class _Run:
    """Words close together on one line, from left to right."""

    def __init__(self, items: Sequence[_Item]) -> None:
        self.items = items
        self.left, self.right = items[0].left, max(item.right for item in items)
        self.top, self.bottom = mean(item.top for item in items), mean(item.bottom for item in items)
        self.height, self.middle = self.bottom - self.top, (self.top + self.bottom) / 2


def in_reading_order(words: Iterable[Word], width: int, height: int) -> tuple[Word, ...]:
    """``words`` of a page of ``width`` x ``height`` pixels in reading order, with ``line`` and ``block`` numbered from 0.

    The order in which they come in makes no difference.
    """
    items = _straightened(sorted(words, key=_key), width, height)
    result: list[Word] = []
    block, line = -1, -1
    for region in _regions(_runs(items, _WORD_GAP)):
        above: _Run | None = None
        for runs in _lines(region):
            line += 1
            current = _Run([item for run in runs for item in run.items])
            if above is None or current.top - above.bottom > _PARAGRAPH_GAP * min(above.height, current.height):
                block += 1
            above = current
            result += [replace(word, line=line, block=block) for word in _logical([i.word for i in current.items])]
    return tuple(result)


def _key(word: Word) -> tuple[object, ...]:
    return word.quad.points, word.text, word.confidence


# -- a straight page -------------------------------------------------------------------------------------------------------


def _straightened(words: Sequence[Word], width: int, height: int) -> list[_Item]:
    """The words with the slope of the page taken out, from top to bottom."""
    items = [_turned(word, width, height, 0.0) for word in words]
    angle = _slope(items)
    return [_turned(word, width, height, -angle) for word in words] if angle else items


def _turned(word: Word, width: int, height: int, angle: float) -> _Item:
    """The word's middle turned by ``angle`` (radians) about the page's top left corner; its size stays."""
    box = word.box
    x, y = box.center[0] * width, box.center[1] * height
    x, y = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = word.quad.points
    # The sides of the quad rather than of the box around it, which grows as the word turns.
    wide = math.hypot((bx - ax + cx - dx) * width, (by - ay + cy - dy) * height) / 2
    high = math.hypot((dx - ax + cx - bx) * width, (dy - ay + cy - by) * height) / 2
    if abs((by - ay) * height) > abs((bx - ax) * width):  # written downwards
        wide, high = high, wide
    return _Item(word, x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)


def _slope(items: Sequence[_Item]) -> float:
    """Radians by which lines fall to the right, in the median; 0 where too few words have a neighbour."""
    angles = [
        math.atan2(right.middle - left.middle, (right.left + right.right - left.left - left.right) / 2)
        for left, right in _neighbours(items, _SLOPE_GAP)
    ]
    angle = median(angles) if len(angles) >= 3 else 0.0
    return angle if abs(angle) < math.radians(15) else 0.0


# -- runs ------------------------------------------------------------------------------------------------------------------


def _neighbours(items: Sequence[_Item], gap: float) -> Iterator[tuple[_Item, _Item]]:
    """Each word with the nearest one to its right on the same line, at most ``gap`` heights away."""
    by_middle = sorted(items, key=lambda item: item.middle)
    middles = [item.middle for item in by_middle]
    for item in items:
        near = by_middle[bisect_left(middles, item.top) : bisect_left(middles, item.bottom)]
        right = [
            other
            for other in near
            if other.left + other.right > item.left + item.right
            and other.left - item.right <= gap * min(item.height, other.height)
            and _same_line(item, other)
        ]
        if right:
            yield item, min(right, key=lambda other: (other.left + other.right, abs(other.middle - item.middle)))


def _same_line(one: _Item | _Run, other: _Item | _Run) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= _OVERLAP * min(one.height, other.height)


def _runs(items: Sequence[_Item], gap: float) -> list[_Run]:
    """Chains of neighbours; a word that two others claim goes to the nearer one."""
    follower: dict[int, _Item] = {}
    leader: dict[int, _Item] = {}
    for left, right in sorted(_neighbours(items, gap), key=lambda pair: pair[1].left - pair[0].right):
        if id(right) not in leader:
            follower[id(left)], leader[id(right)] = right, left
    runs = []
    for item in items:
        if id(item) not in leader:
            chain = [item]
            while (following := follower.get(id(chain[-1]))) is not None:
                chain.append(following)
            runs.append(_Run(chain))
    return runs


# -- columns ---------------------------------------------------------------------------------------------------------------


def _regions(runs: list[_Run]) -> Iterator[list[_Run]]:
    """The parts of the page between columns, in reading order: what is above, each column, what is below."""
    cut = _column_cut(runs)
    if cut is None:
        if runs:
            yield runs
        return
    for part in cut:
        yield from _regions(part)


def _column_cut(runs: list[_Run]) -> tuple[list[_Run], ...] | None:
    """Above, left, right and below of the tallest gutter between two paragraphs, or nothing."""
    size = median(run.height for run in runs) if runs else 0.0
    best: tuple[list[_Run], ...] | None = None
    by_middle = sorted(runs, key=lambda run: run.middle)
    for x in sorted({round(run.left - size / 2) for run in runs}):
        for crosses, group in groupby(by_middle, key=lambda run, x=x: run.left < x < run.right):  # type: ignore[misc]
            band = [] if crosses else list(group)
            left, right = [run for run in band if run.right <= x], [run for run in band if run.left >= x]
            if not (_is_paragraph(left) and _is_paragraph(right)):
                continue
            if best is None or len(band) > len(best[1]) + len(best[2]):
                top, bottom = band[0].middle, band[-1].middle
                above = [run for run in runs if run.middle < top]
                best = above, left, right, [run for run in runs if run.middle > bottom]
    return best


def _is_paragraph(runs: Sequence[_Run]) -> bool:
    if len(runs) < _PARAGRAPH_LINES or median(len(run.items) for run in runs) < _PARAGRAPH_WORDS:
        return False
    words = [item.word.text for run in runs for item in run.items]
    return 2 * sum(any(map(str.isalpha, word)) for word in words) > len(words)


# -- lines -----------------------------------------------------------------------------------------------------------------


def _lines(runs: Sequence[_Run]) -> list[list[_Run]]:
    """Runs side by side, from the top line to the bottom line, each from left to right."""
    lines: list[list[_Run]] = []
    for run in sorted(runs, key=lambda run: (run.middle, run.left)):
        fitting = [line for line in lines[-3:] if all(_beside(run, other) for other in line)]
        if fitting:
            min(fitting, key=lambda line: abs(mean(other.middle for other in line) - run.middle)).append(run)
        else:
            lines.append([run])
    return [sorted(line, key=lambda run: run.left) for line in lines]


def _beside(run: _Run, other: _Run) -> bool:
    """Whether two runs may share a line: at the same height, and one to the right of the other."""
    shared = min(run.right, other.right) - max(run.left, other.left)
    return _same_line(run, other) and shared <= min(run.height, other.height)


def _logical(words: list[Word]) -> list[Word]:
    """Words of one line, given from left to right, in the order they are spoken."""
    directions = [_direction(word.text) for word in words]
    if -1 not in directions:
        return words
    letters = "".join(word.text for word in words)
    base = _direction(letters) or 1
    pairs = list(zip(words, directions, strict=True))[::base]
    ordered: list[Word] = []
    # A stretch against the line's direction starts at a word of that direction and may hold numbers, which have none.
    for against, group in groupby(pairs, key=lambda pair: pair[1] not in (base, 0) or (base < 0 and pair[1] == 0)):
        stretch = list(group)
        turned = against and any(direction == -base for _, direction in stretch)
        ordered += [word for word, _ in (stretch[::-1] if turned else stretch)]
    return ordered


def _direction(text: str) -> int:
    """1 for text of mostly left-to-right letters, -1 for right-to-left, 0 for neither (numbers, signs)."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    left, right = kinds.count("L"), kinds.count("R") + kinds.count("AL")
    return (left > right) - (right > left)
