"""Labelled text lines on pages as PaddleOCR's key information extraction is trained with them (LayoutXLM, SDMGR).

    train.txt   train/<page>.png          a row: path, tab, [{"transcription", "label", "points", "id", "linking"}]
    class_list.txt                        ``other``, then the labels, one a row

Each line of a field is an entry with the field's label; what OCR read besides is ``other``. The transcription of a field is
what was confirmed. docloop knows no relations: ``linking`` is empty. PaddleOCR does not tell upper from lower case in labels,
and takes a label named *other*, *others* or *ignore* for no label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ml_backend.document.elements import Page
from ml_backend.document.fields import FieldSpec
from ml_backend.exports.base import Labelled
from ml_backend.exports.field_lines import FieldLine, one_line, other_lines
from ml_backend.exports.folder import ExportFolder
from ml_backend.exports.paddle_det import corners_of, write_pages

OTHER = "other"


class PaddleKie:
    """See the module."""

    name = "paddleocr-kie"
    about = "pages with labelled text lines: PaddleOCR key information extraction"
    needs_pictures = True

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``."""
        with folder.open("class_list.txt") as classes:
            for label in dict.fromkeys((OTHER, *(one_line(spec.label) for spec in labels))):
                classes.line(label)
        write_pages(documents, folder, _entries, lambda entry: entry["label"] != OTHER)


def _entries(lines: Sequence[FieldLine], page: Page, size: tuple[int, int]) -> list[dict[str, Any]]:
    found = [(line.text, one_line(line.label), line.quad) for line in lines]
    taken = {word for line in lines for word in line.words}
    found += [(text, OTHER, quad) for text, quad in other_lines(page, taken)]
    return [
        {"transcription": text, "label": label, "points": corners_of(quad, size), "id": at, "linking": []}
        for at, (text, label, quad) in enumerate(found)
    ]
