"""Text lines out of confirmed documents: what people transcribed or corrected, cut to the lines that OCR has found.

A confirmed field is a box and a text. Where several lines lie in the box, the text is shared out among them by what OCR read. A
text that is nothing like what stands in its box (a date typed in another form) teaches nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from ml_backend.document.elements import Page, Word
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Quad
from ml_backend.document.samples import Sample
from ml_backend.ocr.recogniser.alphabet import Alphabet, plain_line
from training.reading.lines import TranscribedLine

ALIKE = 0.6  # of a line's characters that OCR must have read as they were confirmed
_INSIDE = 0.5  # of a word's area that must lie in the box
_MOST_LINES, _MOST_WORDS = 12, 120  # of one field


def lines_of(sample: Sample, images: Sequence[npt.NDArray[np.uint8]], alphabet: Alphabet) -> Iterator[TranscribedLine]:
    """The lines of a confirmed document, whose pages are ``images`` (height, width, RGB).

    A line with characters that ``alphabet`` lacks need not be like what OCR read: it could not read them.
    """
    taken: set[tuple[int, int]] = set()
    for field in sample.fields:
        page, image = sample.document.pages[field.page], images[field.page]
        for text, line, words in _parts(field, page):
            alike = Levenshtein.normalized_similarity(text, plain_line(page.text_of(line)))
            if (field.page, line[0]) not in taken and (alike >= ALIKE or alphabet.missing([text])):
                taken.add((field.page, line[0]))
                yield TranscribedLine(image, text, sample.content, _around(words, image))


def _parts(field: Field, page: Page) -> Iterator[tuple[str, list[int], list[Word]]]:
    """The text of each line in the field's box, with the words on it."""
    box = field.box.upright(page.width, page.height)
    inside = [
        [i for i in line if page.words[i].box.intersection(box) > _INSIDE * page.words[i].box.area]
        for line in page.lines
    ]
    lines = [line for line in inside if line]
    text = plain_line(field.text)
    if not text or not 0 < len(lines) <= _MOST_LINES or len(text.split()) > _MOST_WORDS:
        return
    shares = share_out(text.split(), [plain_line(page.text_of(line)) for line in lines])
    for part, line in zip(shares, lines, strict=True):
        if part:
            yield part, line, [page.words[i] for i in line]


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


def _around(words: Sequence[Word], image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The corners, in pixels, from the leftmost word to the rightmost one of a line."""
    first = min(words, key=lambda word: word.box.left + word.box.right).quad
    last = max(words, key=lambda word: word.box.left + word.box.right).quad
    corners = Quad((first.points[0], last.points[1], last.points[2], first.points[3])).points
    return np.array(corners, np.float32) * np.array([image.shape[1], image.shape[0]], np.float32)
