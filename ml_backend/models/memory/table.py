"""Labels that repeat: every row of a list that is made like the rows confirmed before, however long the list is now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Indel

from ml_backend.models.memory.alignment import Aligned
from ml_backend.models.memory.paper import Line, Mark, Paper, Part, spelt
from ml_backend.models.memory.places import is_typed
from ml_backend.models.memory.proposal import Proposal
from ml_backend.models.memory.reading import Finder, between

COLUMN = 0.04  # of the page's width: values of one column begin or end no further apart
LIKE_ROW = 0.5  # shapes of rows less alike are of another kind of row

_LETTERS, _DIGITS, _WORDS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+"), re.compile(r"a(?:\W{0,2}a)*")


@dataclass(frozen=True, slots=True)
class _Band:
    """The rows of a list: those of the remembered paper, with marks and without, and those of the new one."""

    marked: dict[int, list[Mark]]
    plain: list[int]
    rows: range


def read_table(
    paper: Paper, marks: Sequence[Mark], kind: str, lines: Sequence[Line], aligned: Aligned, find: Finder
) -> Iterator[Proposal]:
    """A proposal for each row of the list that has the shape of a marked one. ``marks`` are of one label, one row each."""
    band = _band(paper, marks, aligned, len(lines))
    if band is None:
        return
    for number in band.rows:
        shape = _shape(lines[number].text)
        other = max((_alike(shape, _shape(paper.lines[r].text)) for r in band.plain), default=0.0)
        best = max(band.marked, key=lambda r: (_alike(shape, _shape(paper.lines[r].text)), -r))
        alike = _alike(shape, _shape(paper.lines[best].text))
        if alike < LIKE_ROW or alike <= other:
            continue
        for mark in band.marked[best]:
            found = _cell(paper, mark, kind, (lines[number], number), aligned, find)
            if found:
                text, part, value = found
                yield Proposal(
                    mark.label, text, (part,), "typed" if value else "free", alike, 0.9 if value else 0.0, value
                )


def _band(paper: Paper, marks: Sequence[Mark], aligned: Aligned, count: int) -> _Band | None:
    """The list between the paired rows right above and right below it; None where one of them is missing."""
    marked: dict[int, list[Mark]] = {}
    for mark in marks:
        marked.setdefault(mark.parts[0].line, []).append(mark)
    first, last = min(marked), max(marked)
    above = max((r for r in aligned.rows if r < first), default=None)
    below = min((r for r in aligned.rows if r > last), default=None)
    if above is None and below is None:
        return None
    top = aligned.rows[above] + 1 if above is not None else max(0, aligned.rows[below or 0] - (last - first + 1))
    end = aligned.rows[below] if below is not None else min(count, top + last - first + 1)
    return _Band(marked, [r for r in range(first, last + 1) if r not in marked], range(top, end))


def _cell(
    paper: Paper, mark: Mark, kind: str, new: tuple[Line, int], aligned: Aligned, find: Finder
) -> tuple[str, Part, str] | None:
    """What stands in the mark's column of a row: text, place and normal form."""
    part = mark.parts[0]
    old = paper.lines[part.line]
    line, number = new
    left, right = aligned.x(old.x(part.start)), aligned.x(old.x(part.end))

    def away(one: Part) -> float:
        return min(abs(line.x(one.start) - left), abs(line.x(one.end) - right))

    if is_typed(kind):
        near = min(find(number, kind), key=lambda typed: (away(typed.part), typed.part.start), default=None)
        return (near.text, near.part, near.value) if near and away(near.part) <= COLUMN else None
    found = between(old, part, line, number, aligned)
    if found is None or away(found) > COLUMN or not spelt(line.text[found.start : found.end]):
        return None
    return line.text[found.start : found.end], found, ""


def _shape(text: str) -> str:
    """The row with every run of words one a and every number one 0: "Apple cake 2 x 4.50" -> "a0a0.0"."""
    return _WORDS.sub("a", _DIGITS.sub("0", _LETTERS.sub("a", text))).replace(" ", "")


def _alike(one: str, other: str) -> float:
    return Indel.normalized_similarity(one, other)
