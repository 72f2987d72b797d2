"""Text lines on pages as PaddleOCR's detector is trained with them; PPOCRLabel opens ``train.txt`` as ``train/Label.txt``.

    train.txt   train/<page>.png          a row: path, tab, [{"transcription", "points"}]

``points`` are four corners in pixels, clockwise from the top left of the text. ``###`` means in PaddleOCR *not to be judged*:
text that OCR found and nobody confirmed, and boxes without a text. Else a detector would learn that everything beside the
fields is no text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ml_backend.document.elements import Page
from ml_backend.document.fields import FieldSpec
from ml_backend.document.geometry import Quad
from ml_backend.exports.base import Labelled
from ml_backend.exports.field_lines import FieldLine, field_lines, other_lines
from ml_backend.exports.folder import ExportFolder
from ml_backend.exports.pictures import page_name, pages_of, pixels, png
from ml_backend.exports.split_files import as_json, split_files

NOT_JUDGED = "###"


class PaddleDet:
    """See the module."""

    name = "paddleocr-det"
    about = "pages with the corners of text lines: PaddleOCR detection, PPOCRLabel"
    needs_pictures = True

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``."""
        write_pages(documents, folder, _entries, lambda entry: entry["transcription"] != NOT_JUDGED)


def write_pages(
    documents: Iterable[Labelled],
    folder: ExportFolder,
    entries_of: Callable[[Sequence[FieldLine], Page, tuple[int, int]], list[dict[str, Any]]],
    confirmed: Callable[[Mapping[str, Any]], bool],
) -> None:
    """A picture of each page, and a line for it in its split's list: path, tab, the ``entries_of`` its lines as JSON.

    Entries that are ``confirmed`` are counted.
    """
    with split_files(folder, "{}.txt") as file_of:
        for document in documents:
            for number, page, picture in pages_of(document):
                name = f"{document.split}/{page_name(document, number)}"
                folder.write(name, png(picture))
                entries = entries_of(field_lines(document, number, folder), page, picture.size)
                file_of(document.split).line(f"{name}\t{as_json(entries)}")
                folder.count("pages")
                folder.count("lines", sum(map(confirmed, entries)))


def _entries(lines: Sequence[FieldLine], page: Page, size: tuple[int, int]) -> list[dict[str, Any]]:
    found = [(line.text or NOT_JUDGED, line.quad) for line in lines]
    found += [(NOT_JUDGED, quad) for _, quad in other_lines(page, {word for line in lines for word in line.words})]
    return [{"transcription": text, "points": corners_of(quad, size)} for text, quad in found]


def corners_of(quad: Quad, size: tuple[int, int]) -> list[list[int]]:
    """Whole pixels, which all of PaddleOCR's readers take."""
    return [[round(x), round(y)] for x, y in pixels(quad, size)]
