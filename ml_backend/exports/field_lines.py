"""Fields cut into their text lines: a place on the page and what a person confirmed to stand there.

Where OCR has found one line in a field's box, or none, the line is the box as it was drawn and all of its text. Where there are
several, each line that OCR has found gets its part of the text. Words that no field holds make up lines that nobody confirmed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ml_backend.document.elements import Page
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Quad
from ml_backend.document.lines import ALIKE, MOST_LINES, MOST_WORDS, around, likeness, lines_in, share_out
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import ExportFolder

LONGEST = 500  # characters of one line, as what trains on them has it; a line of print has about 100


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A line of a field. ``text`` has single spaces only and may be empty; ``read`` is what OCR made of it.

    ``sure`` is whether the text is known to stand between the corners of ``quad``, on one line: a part of a text that is nothing
    like what OCR read in that line may belong to the next one. ``words`` are indices into the page's words.
    """

    label: str
    text: str
    read: str
    quad: Quad
    words: tuple[int, ...]
    sure: bool


def one_line(text: str) -> str:
    """``text`` without line ends and tabs, and with single spaces."""
    return " ".join(text.split())


def field_lines(document: Labelled, number: int, folder: ExportFolder) -> list[FieldLine]:
    """The lines of the fields on a page of the document, each place with its text once; none of a field without any area, which
    is counted."""
    page, lines = document.document.pages[number], dict[tuple[str, str, Quad], FieldLine]()
    for field in document.fields:
        if field.page == number and not field.box.area:
            folder.count("fields_without_area")
        elif field.page == number:
            lines |= {(line.label, line.text, line.quad): line for line in _lines(field, page)}
    return list(lines.values())


def _lines(field: Field, page: Page) -> Iterator[FieldLine]:
    text, lines = one_line(field.text), lines_in(page, field.box)
    words = tuple(word for line in lines for word in line)
    whole = FieldLine(
        field.label,
        text,
        one_line(page.text_of(words)),
        Quad.of_box(field.box, page.width, page.height),
        words,
        sure=len(lines) < 2 and len(field.text.strip().splitlines()) < 2 and len(text) <= LONGEST,
    )
    if not text or len(lines) < 2 or len(lines) > MOST_LINES or len(text.split()) > MOST_WORDS:
        yield whole
        return
    read = [one_line(page.text_of(line)) for line in lines]
    for part, said, line in zip(share_out(text.split(), read), read, lines, strict=True):
        if part:
            quad = around([page.words[i] for i in line])
            yield FieldLine(field.label, part, said, quad, (*line,), sure=likeness(part, said) >= ALIKE)


def other_lines(page: Page, taken: Collection[int]) -> Iterator[tuple[str, Quad]]:
    """What OCR read besides the words ``taken``: text and corners of each run of words on a line."""
    for line in page.lines:
        rest = [i for i in line if i not in taken]
        breaks = [0, *(at for at, (one, other) in enumerate(pairwise(rest), 1) if other != one + 1), len(rest)]
        for start, end in pairwise(breaks):
            if run := rest[start:end]:
                yield one_line(page.text_of(run)), around([page.words[i] for i in run])
