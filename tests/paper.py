"""Pages typed as text, for tests of field models: every character has the same width, every line the same height."""

from __future__ import annotations

import re
import textwrap

from ml_backend.document.elements import Document, Page, Word
from ml_backend.document.geometry import Box, Quad

COLUMNS, ROWS = 100, 50
LETTER = 0.8  # of a row's height


def paper(*pages: str) -> Document:
    """A document of these pages. Three spaces and more are a gap; a typed line is one line of the page."""
    return Document(tuple(_page(textwrap.dedent(text).strip("\n")) for text in pages))


def _page(text: str) -> Page:
    words = [
        Word(match[0], Quad.of_box(_box(row, match.start(), match.end())), 0.95, line=row)
        for row, line in enumerate(text.splitlines())
        for match in re.finditer(r"\S+", line)
    ]
    return Page(COLUMNS * 10, ROWS * 20, tuple(words), "typed")


def _box(row: int, start: int, end: int) -> Box:
    return Box.clipped(start / COLUMNS, row / ROWS, end / COLUMNS, (row + LETTER) / ROWS)
