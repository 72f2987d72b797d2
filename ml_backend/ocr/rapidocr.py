"""The default engine: the PP-OCRv6 models of the rapidocr wheel, under ONNX Runtime or OpenVINO.

Against RapidOCR's own pipeline it leaves out the line classifier (pages arrive upright), pads each line to its own width, and
lets several pages be read at the same time, each by networks of its own. No score threshold drops anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from queue import Empty, LifoQueue
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

from ml_backend.document.elements import Page, Word
from ml_backend.document.geometry import Quad
from ml_backend.errors import EngineUnavailable
from ml_backend.ocr.base import read_page
from ml_backend.ocr.recogniser.version import Recogniser
from ml_backend.ocr.runtime import Network, Networks, choose_runtime, load_detector, load_recogniser

Loaded = TypeVar("Loaded")

_BEHAVIOUR = 1  # raise it when the same networks begin to give other words, so that cached pages are read again


class Idle(Generic[Loaded]):
    """Networks that no page needs just now; ``load`` makes one more when none is left."""

    def __init__(self, load: Callable[[], Loaded]) -> None:
        self._load = load
        self._waiting: LifoQueue[Loaded] = LifoQueue()

    @contextmanager
    def lent(self) -> Iterator[Loaded]:
        try:
            network = self._waiting.get_nowait()
        except Empty:
            network = self._load()
        try:
            yield network
        finally:
            self._waiting.put(network)


class RapidOCREngine:
    """PP-OCRv6 small. ``threads`` is the number of cores that one page may use.

    Networks are loaded by the first ``read`` in the thread that calls it, and once more for each page read at the same time.
    """

    def __init__(self, runtime: str = "auto", threads: int = 1, recogniser: Recogniser | None = None) -> None:
        """``recogniser`` is a version that learned, in the place of the wheel's own.

        Raises:
            EngineUnavailable: a missing package or an unknown runtime.
        """
        self._runtime = choose_runtime(runtime)
        self._threads = threads
        self._recogniser = recogniser
        path = recogniser.path if recogniser else None
        self._detectors: Idle[Network] = Idle(lambda: load_detector(self._runtime, threads))
        self._recognisers = Idle(lambda: load_recogniser(path, self._runtime, threads))
        try:
            learned = f", {recogniser.digest}" if recogniser else ""  # versions of two projects may have one name
            self.settings = f"rapidocr {version('rapidocr')}, {_BEHAVIOUR}{learned}"
        except PackageNotFoundError:
            raise EngineUnavailable(
                "package_missing", "The package rapidocr is not installed.", "Run: pip install rapidocr"
            ) from None

    @property
    def id(self) -> str:
        return f"rapidocr/{self._runtime}" + (f"+{self._recogniser.version}" if self._recogniser else "")

    def with_recogniser(self, recogniser: Recogniser) -> RapidOCREngine:
        """An engine that reads with ``recogniser`` and shares this one's detection networks."""
        other = RapidOCREngine(self._runtime, self._threads, recogniser)
        other._detectors = self._detectors
        return other

    def read(self, image: Image) -> Page:
        """See ``OCREngine.read``."""
        return read_page(self, image, self._words)

    def _words(self, image: Image) -> list[Word]:
        with self._detectors.lent() as detector, self._recognisers.lent() as recogniser:
            return read_words(image, Networks(detector, *recogniser))


def read_words(image: Image, networks: Networks) -> list[Word]:
    """Detection and recognition: the words of the page, line after line as they were found."""
    # RapidOCR and OpenCV take half a second to import, which only a reading process should pay.
    from ml_backend.ocr.detect import find_lines
    from ml_backend.ocr.recognise import Piece, read_line, reading_quads

    pixels = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    size = np.array([image.width, image.height])

    def word(piece: Piece, quad: npt.NDArray[np.float32]) -> Word:
        (a, b, c, d), start, end = quad / size, piece.start, piece.end
        corners = a + (b - a) * start, a + (b - a) * end, d + (c - d) * end, d + (c - d) * start
        return Word(piece.text, Quad.clipped((float(x), float(y)) for x, y in corners), piece.confidence)

    lines = reading_quads(find_lines(pixels, networks.detector))
    return [word(piece, quad) for quad in lines for piece in read_line(pixels, quad, networks)]
