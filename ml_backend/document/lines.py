"""Text lines inside a region: which words stand on them, and which part of a typed text each one holds.

A confirmed field is a box and a text. Where several lines lie in the box, the text is shared out among them by what OCR read.
Both what learns to read and what exports lines cut fields this way.
"""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from ml_backend.document.elements import Page, Word
from ml_backend.document.geometry import Box, Quad

ALIKE = 0.6  # of a line's characters that OCR must have read as they were confirmed
MOST_LINES, MOST_WORDS = 12, 120  # of one field whose text is shared out: it takes lines x words x words steps
_INSIDE = 0.5  # of a word's area that must lie in the box


def lines_in(page: Page, box: Box) -> list[list[int]]:
    """The words of each line of ``page`` that lie in ``box`` (its rotation counts), by index; no line without a word."""
    box = box.upright(page.width, page.height)
    inside = [
        [i for i in line if page.words[i].box.intersection(box) > _INSIDE * page.words[i].box.area]
        for line in page.lines
    ]
    return [line for line in inside if line]


def share_out(words: Sequence[str], read: Sequence[str]) -> list[str]:
    """``words`` in order, as one text for each line of ``read``, with the fewest edits between the two in all."""
    edits: list[list[tuple[int, int]]] = [[(0, 0)] + [(10**9, 0)] * len(words)]  # cost, where the line's words begin
    for line in read:
        row = []
        for end in range(len(words) + 1):
            row.append(
                min(
                    (edits[-1][start][0] + Levenshtein.distance(" ".join(words[start:end]), line), start)
                    for start in range(end + 1)
                )
            )
        edits.append(row)
    parts, end = [], len(words)
    for row in reversed(edits[1:]):
        start = row[end][1]
        parts.append(" ".join(words[start:end]))
        end = start
    return parts[::-1]


def likeness(text: str, read: str) -> float:
    """The share of characters in ``[0, 1]`` that two texts have in common."""
    return Levenshtein.normalized_similarity(text, read)


def around(words: Sequence[Word]) -> Quad:
    """The corners from the leftmost word of a line to the rightmost one; at least one word."""
    first = min(words, key=lambda word: word.box.left + word.box.right).quad
    last = max(words, key=lambda word: word.box.left + word.box.right).quad
    return Quad((first.points[0], last.points[1], last.points[2], first.points[3]))
