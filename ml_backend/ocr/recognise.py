"""Reads the words of text lines, with PP-OCRv6's recogniser (CTC over columns of 8 pixels, at a height of 48).

The recogniser's time grows with the number of columns, so each line is padded only to the next multiple of ``BUCKET``: few enough
different widths for a runtime to keep its plans for all of them, and far fewer columns than in a batch of unlike lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
import numpy.typing as npt
from rapidocr.utils.process_img import get_rotate_crop_image

from ml_backend.ocr.detect import Pixels, Quads, as_input
from ml_backend.ocr.recogniser.direction import turned
from ml_backend.ocr.runtime import Array, Networks

HEIGHT = 48  # pixels of a line
BUCKET = 32  # pixels
MAX_WIDTH = 3200  # pixels; a longer line is squeezed
WORD_GAP = 5  # columns without a character, above which a word ends even where no space was read
_UPRIGHT = 1.5  # a quad this many times taller than wide is a line written downwards


@dataclass(frozen=True, slots=True)
class Piece:
    """One word of a line: its place from 0 (start of the line) to 1 (its end), and the mean confidence of its characters."""

    text: str
    start: float
    end: float
    confidence: float


def reading_quads(quads: Quads) -> Quads:
    """The same quads, with the corners of lines written downwards renumbered so that the first edge runs along the text."""
    width = np.linalg.norm(quads[:, 0] - quads[:, 1], axis=1)
    height = np.linalg.norm(quads[:, 0] - quads[:, 3], axis=1)
    turned = (height >= width * _UPRIGHT)[:, None, None]
    return np.where(turned, np.roll(quads, -1, axis=1), quads)


def read_line(image: Pixels, quad: Quads, networks: Networks) -> list[Piece]:
    """The words on one line of ``image`` (RGB), whose corners ``quad`` (4, 2) are in pixels; none if nothing is legible."""
    batch, filled = line_input(image, quad)
    return decode(networks.recogniser(batch)[0], networks.characters, filled)


def line_input(image: Pixels, quad: Quads) -> tuple[Array, float]:
    """The line as the recogniser wants it, (1, 3, HEIGHT, width), and the part of that width that is not padding."""
    line = straightened(image, quad)
    batch = padded([line])
    return batch, line.shape[1] / batch.shape[3]


def padded(lines: Sequence[Pixels]) -> Array:
    """Straightened lines, (lines, 3, HEIGHT, width): as wide as the widest one, filled up to the next ``BUCKET``."""
    width = ceil(max(line.shape[1] for line in lines) / BUCKET) * BUCKET
    batch = np.zeros((len(lines), 3, HEIGHT, width), np.float32)
    for row, line in enumerate(lines):
        batch[row, :, :, : line.shape[1]] = as_input(line)
    return batch


def straightened(image: Pixels, quad: Quads) -> Pixels:
    """The line alone, (HEIGHT, width, RGB), with the text along it."""
    crop = get_rotate_crop_image(image, quad.copy())
    height, width = crop.shape[:2]
    target = min(MAX_WIDTH, max(1, ceil(HEIGHT * width / height)))
    shrinks = height > 2 * HEIGHT
    line = cv2.resize(crop, (target, HEIGHT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(line, np.uint8)


def decode(probabilities: Array, characters: Sequence[str], filled: float) -> list[Piece]:
    """The words in the recogniser's answer (columns, classes), best path (Graves et al. 2006).

    Class 0 is blank, class ``k`` is ``characters[k - 1]``. ``filled`` is the part of the columns that is not padding.
    """
    classes = probabilities.argmax(axis=1)
    kept = classes != 0
    kept[1:] &= classes[1:] != classes[:-1]
    columns = np.flatnonzero(kept)
    if not len(columns):
        return []
    read = [characters[k - 1] for k in classes[columns]]
    confidences = probabilities[columns, classes[columns]]
    half = _half_character(columns)
    scale = 1 / (len(probabilities) * filled)
    pieces = []
    for first, last in _words(read, columns):
        start, end = columns[first] + 0.5 - half, columns[last] + 0.5 + half
        text = turned("".join(read[first : last + 1]))  # the words of a line are put in order by reading_order
        confidence = float(confidences[first : last + 1].mean())
        pieces.append(Piece(text, max(0.0, start * scale), min(1.0, end * scale), min(1.0, max(0.0, confidence))))
    return pieces


def _half_character(columns: npt.NDArray[np.intp]) -> float:
    """Half the usual distance of two characters, in columns."""
    return float(np.median(np.diff(columns))) / 2 if len(columns) > 1 else 1.0


def _words(read: Sequence[str], columns: npt.NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """First and last index of each run of characters without a white space or a wide gap."""
    first = None
    for i, character in enumerate(read):
        if first is not None and (character.isspace() or columns[i] - columns[i - 1] > WORD_GAP):
            yield first, i - 1
            first = None
        if first is None and not character.isspace():
            first = i
    if first is not None:
        yield first, len(read) - 1
