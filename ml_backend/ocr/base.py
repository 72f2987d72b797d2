"""The protocol of an OCR engine.

An engine turns one upright page image into a ``Page``. It drops nothing: a word it doubts keeps its low confidence. It may be
called from several threads at once. The engines themselves live one a file; ``registry`` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from PIL.Image import Image

from ml_backend.document.elements import Page, Word
from ml_backend.errors import DocloopError, EngineFailed
from ml_backend.ocr.reading_order import in_reading_order


class OCREngine(Protocol):
    """One configured engine."""

    @property
    def id(self) -> str:
        """Name and runtime or language, such as ``rapidocr/openvino``: shown to people, and part of the cache key."""
        ...

    @property
    def settings(self) -> str:
        """Whatever else changes the words, such as package versions and thresholds: part of the cache key."""
        ...

    def read(self, image: Image) -> Page:
        """The words of an upright RGB page image, in reading order, with lines and blocks numbered.

        Raises:
            EngineFailed: the engine broke on this page.
        """
        ...


def read_page(engine: OCREngine, image: Image, find_words: Callable[[Image], Iterable[Word]]) -> Page:
    """What ``find_words`` finds on the page, in reading order; whatever it breaks with becomes EngineFailed."""
    try:
        words = list(find_words(image))
    except DocloopError:
        raise
    except Exception as error:
        raise EngineFailed("ocr_failed", f"{engine.id} broke on a page: {type(error).__name__}.") from error
    return Page(image.width, image.height, in_reading_order(words, image.width, image.height), engine.id)
