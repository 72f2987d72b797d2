"""The twin of a real engine, for tests and trials: it answers what it was told, at once, on any machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PIL.Image import Image

from ml_backend.document.elements import Page, Word
from ml_backend.errors import EngineFailed
from ml_backend.ocr.reading_order import in_reading_order

Answer = Callable[[Image], Iterable[Word]]


class FakeEngine:
    """Finds the words of ``answer(image)``, or always the same ``words``.

    ``fails`` makes every page fail, or only those for which it returns true. ``calls`` counts the pages asked for.
    """

    settings = ""

    def __init__(
        self,
        words: Iterable[Word] = (),
        *,
        answer: Answer | None = None,
        fails: bool | Callable[[Image], bool] = False,
        name: str = "fake",
    ) -> None:
        always = tuple(words)
        self._answer: Answer = answer or (lambda _: always)
        self._fails = fails
        self.id = name
        self.calls = 0

    def read(self, image: Image) -> Page:
        """See ``OCREngine.read``."""
        self.calls += 1
        if self._fails(image) if callable(self._fails) else self._fails:
            raise EngineFailed("ocr_failed", f"{self.id} was told to fail.")
        words = in_reading_order(self._answer(image), image.width, image.height)
        return Page(image.width, image.height, words, self.id)
