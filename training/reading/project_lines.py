"""Text lines out of confirmed documents: what people transcribed or corrected, cut to the lines that OCR has found.

A confirmed field is a box and a text. Where several lines lie in the box, the text is shared out among them by what OCR read. A
text that is nothing like what stands in its box (a date typed in another form) teaches nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ml_backend.document.elements import Page, Word
from ml_backend.document.fields import Field
from ml_backend.document.lines import ALIKE, MOST_LINES, MOST_WORDS, around, likeness, lines_in, share_out
from ml_backend.document.samples import Sample
from ml_backend.ocr.recogniser.alphabet import Alphabet, plain_line
from training.reading.lines import TranscribedLine


def lines_of(sample: Sample, images: Sequence[npt.NDArray[np.uint8]], alphabet: Alphabet) -> Iterator[TranscribedLine]:
    """The lines of a confirmed document, whose pages are ``images`` (height, width, RGB).

    A line with characters that ``alphabet`` lacks need not be like what OCR read: it could not read them.
    """
    taken: set[tuple[int, int]] = set()
    for field in sample.fields:
        page, image = sample.document.pages[field.page], images[field.page]
        for text, line, words in _parts(field, page):
            alike = likeness(text, plain_line(page.text_of(line)))
            if (field.page, line[0]) not in taken and (alike >= ALIKE or alphabet.missing([text])):
                taken.add((field.page, line[0]))
                yield TranscribedLine(image, text, sample.content, _around(words, image))


def _parts(field: Field, page: Page) -> Iterator[tuple[str, list[int], list[Word]]]:
    """The text of each line in the field's box, with the words on it."""
    lines, text = lines_in(page, field.box), plain_line(field.text)
    if not text or not 0 < len(lines) <= MOST_LINES or len(text.split()) > MOST_WORDS:
        return
    shares = share_out(text.split(), [plain_line(page.text_of(line)) for line in lines])
    for part, line in zip(shares, lines, strict=True):
        if part:
            yield part, line, [page.words[i] for i in line]


def _around(words: Sequence[Word], image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The corners, in pixels, from the leftmost word to the rightmost one of a line."""
    return np.array(around(words).points, np.float32) * np.array([image.shape[1], image.shape[0]], np.float32)
