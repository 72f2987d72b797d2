"""From a confirmed document to what is remembered of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ml_backend.document.bio_tags import bare, match_words
from ml_backend.document.fields import Field
from ml_backend.document.samples import Sample
from ml_backend.models.memory.paper import Line, Mark, Paper, Part, Sheet

MOST_PAPERS = 5000  # documents that are remembered, the newest
MOST_LINES = 400  # rows of one document that are remembered
LONGEST = 300  # characters of a row, and five times as many of a value
MOST_MARKS = 400
DIGITS = 4


def remember(sample: Sample) -> Paper:
    """The rows of ``sample`` and its fields that lie on words that OCR has read; others cannot be found again."""
    sheet = Sheet.of(sample.document)
    lines = sheet.lines[:MOST_LINES]
    marks = sorted(_marks(sheet, sample.fields), key=lambda mark: (mark.label, _place(mark), mark.text))
    return Paper(sample.content, tuple(_short(line) for line in lines), tuple(marks[:MOST_MARKS]))


def _place(mark: Mark) -> tuple[int, int]:
    return mark.parts[0].line, mark.parts[0].start


def _short(line: Line) -> Line:
    """The row as it is kept: not too long, its edges to a tenth of a pixel of a page of 1000."""
    pieces = sum(start < LONGEST for start in line.starts)
    lefts, rights = (tuple(round(edge, DIGITS) for edge in side[:pieces]) for side in (line.lefts, line.rights))
    return Line(line.page, line.text[:LONGEST], line.starts[:pieces], lefts, rights)


def _marks(sheet: Sheet, fields: Sequence[Field]) -> Iterator[Mark]:
    places = {
        (line.page, word): (number, line.starts[piece] + segment.starts[at], len(segment.text.split(" ")[at]))
        for number, line in enumerate(sheet.lines[:MOST_LINES])
        for piece, segment in enumerate(sheet.segments[number])
        for at, word in enumerate(segment.words)
    }
    found: dict[int, dict[int, tuple[int, int]]] = {}
    for page, labels in enumerate(match_words(sheet.document, fields)):
        for word, (_, field) in labels.items():
            if (page, word) not in places:
                continue
            line, start, length = places[page, word]
            before = found.setdefault(field, {}).get(line, (start, start + length))
            found[field][line] = min(before[0], start), max(before[1], start + length)
    for field, rows in found.items():
        text = fields[field].text.strip()
        parts = [_exact(sheet.lines[line], text, Part(line, *ends)) for line, ends in sorted(rows.items())]
        kept = tuple(part for part in parts if part.end <= LONGEST)
        if kept and bare(text) and len(text) <= 5 * LONGEST:
            yield Mark(fields[field].label, text, kept)


def _exact(line: Line, text: str, part: Part) -> Part:
    """The very characters of the row that spell ``text``, where they overlap ``part``; else ``part``."""
    wanted = bare(text)
    at = [i for i, c in enumerate(line.text) if bare(c)]
    spelt = "".join(bare(line.text[i])[:1] for i in at)
    start = spelt.find(wanted)
    while start >= 0:
        first, last = at[start], at[start + len(wanted) - 1] + 1
        if first < part.end and last > part.start:
            return Part(part.line, first, last)
        start = spelt.find(wanted, start + 1)
    return part
