"""Tesseract: through tesserocr where that is installed, otherwise through pytesseract and the ``tesseract`` program.

Both need the language data of a Tesseract installation. The tesserocr wheel brings none, so it is looked for where systems
put it.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any

from PIL.Image import Image

from ml_backend.document.elements import Page, Word
from ml_backend.document.geometry import Box, Quad
from ml_backend.errors import EngineUnavailable
from ml_backend.ocr.base import read_page

# Tesseract's own threads wait for each other in a loop and make a page up to four times slower on a busy machine. Its OpenMP
# reads this name once, when it is loaded.
_THREAD_LIMIT = "OMP_THREAD_LIMIT"
_DATA = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
)
_PAGE_SEGMENTATION = 3  # automatic, without looking for the orientation: pages arrive upright
_INSTALL = "Run: pip install 'docloop[tesseract]' and apt-get install tesseract-ocr"


class TesseractEngine:
    """Tesseract with ``languages`` joined by ``+``, such as ``eng+deu``; one recogniser for each page read at the same time."""

    def __init__(self, languages: str = "eng", binding: str = "") -> None:
        """``binding`` is ``tesserocr`` or ``pytesseract``; by default the first that is installed.

        Raises:
            EngineUnavailable: neither package is installed, or the data of a language is missing.
        """
        os.environ.setdefault(_THREAD_LIMIT, "1")
        self._binding = binding or _installed_binding()
        self._languages = languages
        self._data = find_data(languages)
        self._idle: LifoQueue[Any] = LifoQueue()
        self.id = f"tesseract/{languages}"
        self.settings = f"{self._binding}, page segmentation {_PAGE_SEGMENTATION}"

    def read(self, image: Image) -> Page:
        """See ``OCREngine.read``."""
        return read_page(self, image, self._words)

    def _words(self, image: Image) -> Iterator[Word]:
        if self._binding == "pytesseract":
            yield from _by_pytesseract(image, self._languages, self._data)
            return
        with self._recogniser() as recogniser:
            yield from _by_tesserocr(image, recogniser)

    @contextmanager
    def _recogniser(self) -> Iterator[Any]:
        import tesserocr

        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)  # it reports empty boxes on stderr
        try:
            recogniser = self._idle.get_nowait()
        except Empty:
            recogniser = tesserocr.PyTessBaseAPI(path=str(self._data), lang=self._languages, psm=_PAGE_SEGMENTATION)
        try:
            yield recogniser
        finally:
            recogniser.Clear()
            self._idle.put(recogniser)


def find_data(languages: str) -> Path:
    """The folder with the data of all ``languages``: ``TESSDATA_PREFIX``, or where systems put it.

    Raises:
        EngineUnavailable: no folder has all of them; says which are missing and how to install them.
    """
    wanted = languages.split("+")
    prefix = os.environ.get("TESSDATA_PREFIX")
    folders = [Path(prefix), Path(prefix) / "tessdata"] if prefix else []
    for pattern in _DATA:
        folders += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    missing = wanted
    for folder in folders:
        lacking = [name for name in wanted if not (folder / f"{name}.traineddata").is_file()]
        if not lacking:
            return folder
        missing = lacking if len(lacking) < len(missing) else missing
    packages = " ".join(f"tesseract-ocr-{name.replace('_', '-')}" for name in missing)
    raise EngineUnavailable(
        "language_missing",
        f"Tesseract has no data for {', '.join(map(repr, missing))}.",
        f"Run: apt-get install {packages}, or set TESSDATA_PREFIX to the folder with the .traineddata files.",
    )


def _installed_binding() -> str:
    if importlib.util.find_spec("tesserocr"):
        return "tesserocr"
    if importlib.util.find_spec("pytesseract") and shutil.which("tesseract"):
        return "pytesseract"
    raise EngineUnavailable("package_missing", "Neither tesserocr nor pytesseract is installed.", _INSTALL)


def _by_tesserocr(image: Image, recogniser: Any) -> Iterator[Word]:
    from tesserocr import RIL, iterate_level

    recogniser.SetImage(image.convert("RGB"))
    recogniser.Recognize()
    found = recogniser.GetIterator()
    if found is None:
        return
    for item in iterate_level(found, RIL.WORD):
        if item.Empty(RIL.WORD):
            continue
        yield from _word(item.GetUTF8Text(RIL.WORD), item.Confidence(RIL.WORD), item.BoundingBox(RIL.WORD), image)


def _by_pytesseract(image: Image, languages: str, data: Path) -> Iterator[Word]:
    import pytesseract  # type: ignore[import-untyped]

    found = pytesseract.image_to_data(
        image.convert("RGB"),
        lang=languages,
        config=f"--psm {_PAGE_SEGMENTATION} --tessdata-dir {shlex.quote(str(data))}",
        output_type=pytesseract.Output.DICT,
    )
    columns = (found[name] for name in ("level", "text", "conf", "left", "top", "width", "height"))
    for level, text, confidence, left, top, width, height in zip(*columns, strict=True):
        if level == 5:
            yield from _word(text, confidence, (left, top, left + width, top + height), image)


def _word(text: str, confidence: float, pixels: tuple[int, int, int, int], image: Image) -> Iterator[Word]:
    """The word, unless it is only white space; ``pixels`` are left, top, right, bottom, confidence is in percent."""
    if not text.strip():
        return
    left, top, right, bottom = pixels
    box = Box.clipped(left / image.width, top / image.height, right / image.width, bottom / image.height)
    yield Word(text.strip(), Quad.of_box(box), min(1.0, max(0.0, confidence / 100)))
