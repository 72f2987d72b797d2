"""The protocol of an OCR engine, and the registry that names the engines.

An engine turns one upright page image into a ``Page``. It drops nothing: a word it doubts keeps its low confidence. It may be
called from several threads at once.
"""

from __future__ import annotations

from typing import Protocol

from PIL.Image import Image

from ml_backend.document.elements import Page


class OCREngine(Protocol):
    """One configured engine."""

    @property
    def id(self) -> str:
        """Name and everything that changes its output, such as ``rapidocr/openvino``: part of the cache key, shown to people."""
        ...

    def read(self, image: Image) -> Page:
        """The words of an upright RGB page image, in reading order, with lines and blocks numbered.

        Raises:
            EngineFailed: the engine broke on this page.
        """
        ...
