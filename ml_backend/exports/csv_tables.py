"""Fields as tables for a spreadsheet or pandas: UTF-8, commas, as RFC 4180 has it.

    fields.csv        a field a row; fields of a label that repeats are numbered from 1
    documents.csv     a document a row, a label a column; several texts of a label are joined by `` | ``

A spreadsheet would run a cell that begins with ``= + - @``, a tab or a line end as a formula. Such a cell gets a quote mark
(``'``) in front, negative amounts among them: take it off again where a program reads the table.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence

from ml_backend.document.fields import FieldSpec
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import ExportFile, ExportFolder

BETWEEN = " | "
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_ABOUT = ("document", "task_id", "filename", "split", "reviewed_at")


class CsvTables:
    """See the module."""

    name = "csv"
    about = "a table of fields and a table of documents: spreadsheets, pandas"
    needs_pictures = False

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """See ``Exporter.write``."""
        columns = [spec.label if spec.label not in _ABOUT else f"{spec.label} (field)" for spec in labels]
        with folder.open("fields.csv") as tall, folder.open("documents.csv") as wide:
            _row(tall, [*_ABOUT, "label", "number", "text", "page"])
            _row(wide, [*_ABOUT, *columns])
            for document in documents:
                line, seen = document.line, Counter[str]()
                about: list[str | int] = [
                    document.content,
                    line.task_id,
                    line.filename,
                    document.split,
                    line.reviewed_at,
                ]
                for field in document.fields:
                    seen[field.label] += 1
                    _row(tall, [*about, field.label, seen[field.label], field.text, field.page])
                texts = [[field.text for field in document.fields if field.label == spec.label] for spec in labels]
                _row(wide, [*about, *(BETWEEN.join(of_label) for of_label in texts)])
                folder.count("fields", len(document.fields))


def _row(file: ExportFile, cells: Sequence[str | int]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([guarded(cell) if isinstance(cell, str) else cell for cell in cells])
    file.write(buffer.getvalue().encode("utf-8", "replace"))


def guarded(text: str) -> str:
    """``text`` as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
