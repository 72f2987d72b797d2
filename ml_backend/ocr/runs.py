"""Straightens a page and chains words that stand close together into runs, from which ``reading_order`` builds lines and columns.

The slope of the page is the median angle between a word and its right neighbour (O'Gorman 1993, "The document spectrum").
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median

from ml_backend.document.elements import Word

_WORD_GAP = 1.2  # heights; words closer than this belong to one run
_SLOPE_GAP = 3.0  # heights; neighbours closer than this tell the slope
_STEEPEST = math.radians(15)  # a page that seems to slope more has been misread, and is taken as straight
_OVERLAP = 0.5  # of the smaller height; what two words of a line share at least


@dataclass(frozen=True, slots=True)
class Item:
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


class Run:
    """Words close together on one line, from left to right."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.left, self.right = items[0].left, max(item.right for item in items)
        self.top, self.bottom = mean(item.top for item in items), mean(item.bottom for item in items)
        self.height, self.middle = self.bottom - self.top, (self.top + self.bottom) / 2


def straightened(words: Iterable[Word], width: int, height: int) -> list[Item]:
    """The words of a page of ``width`` x ``height`` pixels with its slope taken out. Their order makes no difference."""
    words = sorted(words, key=_key)
    items = [_turned(word, width, height, 0.0) for word in words]
    angle = _slope(items)
    return [_turned(word, width, height, -angle) for word in words] if angle else items


def _turned(word: Word, width: int, height: int, angle: float) -> Item:
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
    return Item(word, x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)


def _slope(items: Sequence[Item]) -> float:
    """Radians by which lines fall to the right, in the median; 0 where too few words have a neighbour."""
    angles = [
        math.atan2(right.middle - left.middle, (right.left + right.right - left.left - left.right) / 2)
        for left, right in _neighbours(items, _SLOPE_GAP)
    ]
    angle = median(angles) if len(angles) >= 3 else 0.0
    return angle if abs(angle) < _STEEPEST else 0.0


def _neighbours(items: Sequence[Item], gap: float) -> Iterator[tuple[Item, Item]]:
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
            and same_line(item, other)
        ]
        if right:
            yield item, min(right, key=lambda other: (other.left + other.right, abs(other.middle - item.middle)))


def same_line(one: Item | Run, other: Item | Run) -> bool:
    """Whether the two are at the same height: they share enough of the lower one's."""
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= _OVERLAP * min(one.height, other.height)


def chained(items: Sequence[Item]) -> list[Run]:
    """Chains of neighbours; a word that two others claim goes to the nearer one."""
    follower: dict[int, Item] = {}
    leader: dict[int, Item] = {}
    for left, right in sorted(_neighbours(items, _WORD_GAP), key=lambda pair: pair[1].left - pair[0].right):
        if id(right) not in leader:
            follower[id(left)], leader[id(right)] = right, left
    runs = []
    for item in items:
        if id(item) not in leader:
            chain = [item]
            while (following := follower.get(id(chain[-1]))) is not None:
                chain.append(following)
            runs.append(Run(chain))
    return runs


def _key(word: Word) -> tuple[object, ...]:
    return word.quad.points, word.text, word.confidence
