"""Transcribed text lines: what the recogniser learns from, and which of them judge it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ml_backend.document.splits import split_of
from ml_backend.ocr.recogniser.alphabet import plain_line
from ml_backend.ocr.recogniser.features import FeatureReader, Features, line_of
from ml_backend.ocr.recogniser.graph import Graph

LONGEST = 500  # characters of one line; a line of print has about 100
LEAST_HELD = 10  # lines; fewer say nothing about a change of a few percent
LEAST_SHARE = 0.1  # of all lines that should judge


@dataclass(frozen=True, slots=True)
class TranscribedLine:
    """A line as a person transcribed it. ``text`` is in logical order.

    ``image`` (height, width, RGB) holds the line, alone or with its corners ``quad`` (4, 2) in pixels. ``document`` names the
    paper it stands on: lines of one paper learn together or judge together.
    """

    image: npt.NDArray[np.uint8]
    text: str
    document: str
    quad: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line as the network sees it before its last layer: all that training that layer needs. ``text`` is in logical order.

    ``picture`` is the line itself as ``line_of`` gives it, packed as PNG; only networks with another body need it.
    """

    features: Features
    text: str
    document: str
    picture: bytes = field(default=b"", repr=False)

    def pixels(self) -> npt.NDArray[np.uint8]:
        """The picture, (48, width, RGB). Raises ValueError if it was not kept."""
        import cv2

        if not self.picture:
            raise ValueError("the line's picture was not kept")
        return np.asarray(cv2.imdecode(np.frombuffer(self.picture, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def packed(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A line for ``SeenLine.picture``; a third of its size. The order of the colours does not matter to the file."""
    import cv2

    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def see(reader: FeatureReader, lines: Iterable[TranscribedLine], pictures: bool = False) -> Iterable[SeenLine]:
    """Each line with its features, one at a time; lines with an empty or endless text are passed over."""
    for line in lines:
        text = plain_line(line.text)
        if 0 < len(text) <= LONGEST:
            picture = packed(line_of(line.image, line.quad)) if pictures else b""
            yield SeenLine(reader.read(line.image, line.quad), text, line.document, picture)


def seen_by(body: Graph, lines: Sequence[SeenLine]) -> list[SeenLine]:
    """The same lines as another network sees them; their pictures must have been kept."""
    reader = FeatureReader(body)
    return [replace(line, features=reader.read_line(line.pixels())) for line in lines]


def divide(lines: Sequence[SeenLine]) -> tuple[list[SeenLine], list[SeenLine]]:
    """The lines to learn from, and those held out to judge: a fifth of the documents, the same ones as the data grows.

    Where that holds out too few, as with a few documents only, single lines are held out instead.
    """
    held = [split_of(line.document) == "test" for line in lines]
    if not LEAST_SHARE * len(lines) <= sum(held) <= 0.5 * len(lines) or sum(held) < LEAST_HELD:
        held = [split_of(hashlib.sha256(line.features.tobytes()).hexdigest()) == "test" for line in lines]
    learn = [line for line, out in zip(lines, held, strict=True) if not out]
    return learn, [line for line, out in zip(lines, held, strict=True) if out]
