"""Fields as tables for a spreadsheet or pandas: UTF-8, commas, as RFC 4180 has it.

    fields.csv        a field a row; fields of a label that repeats are numbered from 1
    documents.csv     a document a row, a label a column; several texts of a label are joined by `` | ``

A spreadsheet would run a cell that begins with ``= + - @``, a tab or a line end as a formula. Such a cell gets a quote mark
(``'``) in front, negative amounts among them: take it off again where a program reads the table. Where a list is separated by
semicolons, as in Germany or France, spreadsheets split our cells at those (and no quotes of CSV keep them from it), others at
tabs: what would be a cell then gets its mark, too.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ml_backend.document.fields import FieldSpec
from ml_backend.exports.base import Labelled
from ml_backend.exports.folder import ExportFile, ExportFolder

BETWEEN = " | "
_SPLITTING = ";\t\r\n"
# What may stand before a sign that begins a cell. It starts where no such thing is before it: a long run is looked at once.
_BEFORE_SIGN = re.compile(r"""(?<![;\s"])(?:^|[;\s"]+)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")
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
    """``text`` as a cell that no spreadsheet takes for a formula, nor any part of it that one would make a cell."""
    marked = _BEFORE_SIGN.sub(_with_mark, text)
    return f"'{marked}" if marked.startswith(("\t", "\r", "\n")) else marked


def _with_mark(found: re.Match[str]) -> str:
    begins = found.start() == 0 or any(letter in _SPLITTING for letter in found[0])
    return f"{found[0]}'" if begins else found[0]
