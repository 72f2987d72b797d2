"""What the classifier sees of a word: its text and shape, its place, its neighbours and line, and the baseline's opinion.

All features are names that are there or not; numbers are cut into steps. What depends on other documents is not here but in
``gazetteer``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from ml_backend.models.keywords.other_lines import says_something_else
from ml_backend.models.layout import Segment
from ml_backend.models.plain_text import normalise
from ml_backend.models.token_classifier.reading import Reading
from ml_backend.models.types.places import address_points, company_points

STEPS = (0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8)  # of the baseline's confidence
LINE_WORDS = 8
REACH = 2.5  # letter heights in which a line above or below is a neighbour

_DIGIT = re.compile(r"\d")


@lru_cache(maxsize=8192)
def shape(text: str) -> str:
    """The word with letters as X and x, digits as 9, runs of more than three cut: "INV-00123" -> "XXX-999"."""
    marks = ("9" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in text[:24])
    return "".join(c * min(3, len(list(run))) for c, run in groupby(marks))


@lru_cache(maxsize=8192)
def masked(text: str) -> str:
    """The word as a keyword: normalised, every digit 0."""
    return _DIGIT.sub("0", normalise(text))[:20]


@lru_cache(maxsize=8192)
def _of_text(text: str) -> tuple[str, ...]:
    plain = masked(text)
    length = min(len(text), 12)
    digits = sum(c.isdigit() for c in text)
    return (
        f"w={plain}", f"s={shape(text)}", f"p3={plain[:3]}", f"e3={plain[-3:]}", f"n={length if length < 6 else length // 3 * 3}",
        f"d={min(digits, 6)}", f"up={text.isupper()}", f"end={text[-1:] if not text[-1:].isalnum() else ''}",
        f"begin={text[:1] if not text[:1].isalnum() else ''}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Line:
    """What is worth knowing of a line, found once and used by its words and by the lines around it."""

    words: tuple[str, ...]
    address: float
    company: float
    other: bool

    @classmethod
    def of(cls, segment: Segment) -> _Line:
        text = segment.text
        words = tuple(masked(word) for word in text.split(" "))
        return cls(words, address_points(text), max(-1.0, company_points(text)), says_something_else(segment))


def word_features(reading: Reading) -> list[list[str]]:
    """The names of the features of each token."""
    known = {(segment.page, segment.words): _Line.of(segment) for segment in reading.segments}
    lines = [list(_of_line(reading, segment, known)) for segment in reading.segments]
    rows = [list(_of_text(token.text)) for token in reading.tokens]
    for number, (token, row) in enumerate(zip(reading.tokens, rows, strict=True)):
        row += lines[token.segment]
        row += _of_neighbours(reading, number)
        box, layout = token.word.box, reading.layouts[token.page]
        row.append(f"x={int(box.left * 6)}")
        row.append(f"r={int((1 - box.right) * 6)}")
        row.append(f"h={min(8, int(4 * box.height / layout.letter))}")
    _add_opinions(reading, rows)
    return rows


def _of_line(reading: Reading, segment: Segment, known: Lines) -> Iterator[str]:
    layout, line, text = reading.layouts[segment.page], known[segment.page, segment.words], segment.text
    yield from (f"l={word}" for word in line.words[:LINE_WORDS])
    yield f"lw={min(len(line.words), 8)}"
    yield f"ld={int(4 * sum(c.isdigit() for c in text) / max(1, len(text)))}"
    yield f"la={int(min(4.0, line.address))}"
    yield f"lc={int(line.company)}"
    yield f"lo={line.other}"
    yield f"y={int(segment.box.top * 10)}"
    yield f"row={min(segment.row, 12)}"
    yield f"low={min(5, (len(layout.rows) - segment.row) // 3)}"
    yield f"pg={min(segment.page, 2)}"
    yield f"cols={min(3, len(layout.rows[segment.row]))}"
    yield f"mid={abs(segment.box.center[0] - 0.5) < 0.06}"
    for side, beside in (("a", layout.above), ("b", layout.below)):
        other = beside(segment.box, segment.row, REACH)
        yield from _of_other_line(side, other, layout.letter, known) if other else [f"{side}="]
    left = [part for part in layout.row_of(segment) if part.box.left < segment.box.left]
    yield from (f"L={word}" for part in left[-2:] for word in known[part.page, part.words].words[-4:])


def _of_other_line(side: str, other: Segment, letter: float, known: Lines) -> Iterator[str]:
    line = known[other.page, other.words]
    yield from (f"{side}={word}" for word in line.words[:4])
    yield f"{side}a={int(min(3.0, line.address))}"
    yield f"{side}c={int(line.company)}"
    yield f"{side}o={line.other}"
    yield f"{side}h={min(6, int(4 * other.box.height / letter))}"


def _of_neighbours(reading: Reading, number: int) -> Iterator[str]:
    token = reading.tokens[number]
    first, stop = reading.spans[token.segment]
    for distance in (1, 2):
        before = reading.tokens[number - distance].text if number - distance >= first else ""
        after = reading.tokens[number + distance].text if number + distance < stop else ""
        yield f"-{distance}={masked(before)}"
        yield f"+{distance}={masked(after)}"
        if distance == 1:
            yield f"-s={shape(before)}"
            yield f"+s={shape(after)}"
    yield f"at={min(token.position, 4)}"
    yield f"to={min(stop - number - 1, 4)}"


Lines = Mapping[tuple[int, tuple[int, ...]], _Line]
"""Lines by their page and words."""


def _add_opinions(reading: Reading, rows: Sequence[list[str]]) -> None:
    """What the baseline says of each word, for each label."""
    for label, places in reading.found.items():
        best: dict[int, float] = {}
        for rank, place in enumerate(places):
            words = reading.numbers(place)
            for word in words:
                best[word] = max(best.get(word, 0.0), place.confidence)
            if rank == 0:
                for word in words:
                    rows[word].append(f"k1:{label}")
                    rows[word] += [f"k1>{step}:{label}" for step in STEPS if place.confidence > step]
                rows[words[0]].append(f"kB:{label}")
        for word, confidence in best.items():
            rows[word].append(f"k:{label}")
            rows[word] += [f"k>{step}:{label}" for step in STEPS if confidence > step]
