"""Puts words into the order a person reads them, and numbers lines and blocks. Pure: words in, words out, none lost.

``runs`` straightens the page and chains words that stand close together; here columns are cut apart and lines collected.

- A column is cut out at a gutter, a strip of white that no run crosses (Breuel 2002, "Two algorithms for geometric layout
  analysis"), and the parts are cut again (the recursion of the XY-cut, Nagy and Seth 1984).
- A gutter only counts if *both* sides are paragraphs: several lines of several words that are mostly letters. The white between
  the labels and the amounts of a receipt is no gutter, so "Total 12.50" stays one line.
- A line of mostly Hebrew or Arabic letters is read from the right; words of the other direction keep theirs (a simple case of the
  Unicode bidirectional algorithm, UAX 9).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from statistics import mean, median

from ml_backend.document.elements import Word
from ml_backend.ocr.runs import Run, chained, same_line, straightened

_PARAGRAPH_LINES = 4
_PARAGRAPH_WORDS = 3  # in a usual run of a paragraph
_PARAGRAPH_GAP = 1.0  # heights of white between two lines that start a new block


def in_reading_order(words: Iterable[Word], width: int, height: int) -> tuple[Word, ...]:
    """``words`` of a page of ``width`` x ``height`` pixels in reading order, with ``line`` and ``block`` numbered from 0.

    The order in which they come in makes no difference.
    """
    items = straightened(words, width, height)
    result: list[Word] = []
    block, line = -1, -1
    for region in _regions(chained(items)):
        above: Run | None = None
        for runs in _lines(region):
            line += 1
            current = Run([item for run in runs for item in run.items])
            if above is None or current.top - above.bottom > _PARAGRAPH_GAP * min(above.height, current.height):
                block += 1
            above = current
            result += [replace(word, line=line, block=block) for word in _logical([i.word for i in current.items])]
    return tuple(result)


# -- columns ---------------------------------------------------------------------------------------------------------------


def _regions(runs: list[Run]) -> Iterator[list[Run]]:
    """The parts of the page between columns, in reading order: what is above, each column, what is below."""
    cut = _column_cut(runs)
    if cut is None:
        if runs:
            yield runs
        return
    for part in cut:
        yield from _regions(part)


def _column_cut(runs: list[Run]) -> tuple[list[Run], ...] | None:
    """Above, left, right and below of the tallest gutter between two paragraphs, or nothing."""
    size = median(run.height for run in runs) if runs else 0.0
    tallest = 0
    best: tuple[list[Run], ...] | None = None
    by_middle = sorted(runs, key=lambda run: run.middle)
    for x in sorted({round(run.left - size / 2) for run in runs}):
        for first, last in _stretches(by_middle, x):
            band = by_middle[first:last]
            left, right = [run for run in band if run.right <= x], [run for run in band if run.right > x]
            if last - first > tallest and _is_paragraph(left) and _is_paragraph(right):
                tallest = last - first
                best = by_middle[:first], left, right, by_middle[last:]
    return best


def _stretches(runs: Sequence[Run], x: float) -> Iterator[tuple[int, int]]:
    """Begin and end of each stretch of ``runs``, which go from top to bottom, that does not cross ``x``."""
    crossing = [-1, *(i for i, run in enumerate(runs) if run.left < x < run.right), len(runs)]
    return ((before + 1, after) for before, after in pairwise(crossing))


def _is_paragraph(runs: Sequence[Run]) -> bool:
    if len(runs) < _PARAGRAPH_LINES or median(len(run.items) for run in runs) < _PARAGRAPH_WORDS:
        return False
    words = [item.word.text for run in runs for item in run.items]
    return 2 * sum(any(map(str.isalpha, word)) for word in words) > len(words)


# -- lines -----------------------------------------------------------------------------------------------------------------


def _lines(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs side by side, from the top line to the bottom line, each from left to right."""
    lines: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (run.middle, run.left)):
        fitting = [line for line in lines[-3:] if all(_beside(run, other) for other in line)]
        if fitting:
            min(fitting, key=lambda line: abs(mean(other.middle for other in line) - run.middle)).append(run)
        else:
            lines.append([run])
    return [sorted(line, key=lambda run: run.left) for line in lines]


def _beside(run: Run, other: Run) -> bool:
    """Whether two runs may share a line: at the same height, and one to the right of the other."""
    shared = min(run.right, other.right) - max(run.left, other.left)
    return same_line(run, other) and shared <= min(run.height, other.height)


def _logical(words: list[Word]) -> list[Word]:
    """Words of one line, given from left to right, in the order they are spoken."""
    directions = [_direction(word.text) for word in words]
    if -1 not in directions:
        return words
    base = -1 if sum(directions) < 0 else 1
    pairs = list(zip(words, directions, strict=True))[::base]
    # Numbers have no direction: in a line from the right they go with the Latin words beside them, if there are any.
    foreign = {-base, 0} if base < 0 else {-base}
    ordered: list[Word] = []
    for is_foreign, group in groupby(pairs, key=lambda pair: pair[1] in foreign):
        stretch = list(group)
        turned = is_foreign and any(direction == -base for _, direction in stretch)
        ordered += [word for word, _ in (stretch[::-1] if turned else stretch)]
    return ordered


def _direction(text: str) -> int:
    """1 for text of mostly left-to-right letters, -1 for right-to-left, 0 for neither (numbers, signs)."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    left, right = kinds.count("L"), kinds.count("R") + kinds.count("AL")
    return (left > right) - (right > left)
