"""Labels of Azure Document Intelligence (Form Recognizer) Studio's custom extraction projects.

    <document>.labels.json   {"document", "labels": [{"label", "value": [{"page", "text", "boundingBoxes": [[x, y, ...]]}]}]}
    fields.json              {"fields": [{"fieldKey", "fieldType", ...}]}: the labels that there are

Boxes are corners in ``[0, 1]`` of the page, pages count from 1. A label's words become one field a page. A cell of a table is
``<table>/<row>/<column>``: it becomes a field ``<table>/<column>``. The document's file lies beside, under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from ml_backend.errors import ExportRefused
from ml_backend.imports.base import (
    MOST_FIELDS,
    BadRow,
    Row,
    TruthField,
    around,
    items,
    label,
    malformed,
    mapping,
    refused,
    text,
    whole,
)
from ml_backend.imports.folder import TruthFolder, parsed

_LABELS, _FIELDS = ".labels.json", "fields.json"
_ROW = re.compile(r"/\d+(?=/)")


class Azure:
    """See the module."""

    name = "azure"
    about = "*.labels.json (with fields.json) of Azure Document Intelligence"
    outside: frozenset[str] = frozenset()

    def files(self, names: Sequence[str], alone: bool) -> list[str]:
        """See ``TruthReader.files``."""
        return [name for name in names if name.endswith(_LABELS)]

    def rows(self, folder: TruthFolder, name: str) -> Iterator[Row | BadRow]:
        """See ``TruthReader.rows``."""
        try:
            asked = _asked(folder, str(PurePosixPath(name).parent / _FIELDS))
            labels = items(mapping(parsed(folder.read(name)), "the file").get("labels"), "labels")
            fields = [field for one in labels for field in _fields(mapping(one, "a label"), asked)]
            if len(fields) > MOST_FIELDS:
                raise malformed(f"it must have at most {MOST_FIELDS:,} fields")
            beside = name.removesuffix(_LABELS)
            yield Row(name, (beside, PurePosixPath(beside).name), tuple(fields))
        except ExportRefused as error:
            yield BadRow(name, error)


def _asked(folder: TruthFolder, name: str) -> set[str] | None:
    """The keys of ``fields.json``; None where there is none."""
    try:
        data = folder.read(name)
    except ExportRefused as error:
        if error.code == "truth_file_missing":
            return None
        raise
    fields = items(mapping(parsed(data), _FIELDS).get("fields"), _FIELDS)
    return {label(mapping(one, _FIELDS).get("fieldKey")) for one in fields}


def _fields(one: dict[str, Any], asked: set[str] | None) -> Iterator[TruthField]:
    said = label(one.get("label"))
    if asked is not None and _plain(said.partition("/")[0]) not in asked:
        raise refused("truth_malformed", f"{_FIELDS} does not name the label {said!r}.")
    pages: dict[int, list[tuple[str, tuple[float, float, float, float]]]] = {}
    for value in items(one.get("value"), "value"):
        word = mapping(value, "a value")
        page = whole(word.get("page"), "page") - 1
        if page < 0:
            raise malformed("page must count from 1")
        boxes = [_edges(box) for box in items(word.get("boundingBoxes"), "boundingBoxes", 1_000)]
        if not boxes:
            raise malformed("boundingBoxes must not be empty")
        pages.setdefault(page, []).append((text(word.get("text") or "", "text"), _hull(boxes)))
    for page, words in pages.items():
        said_there = text(" ".join(word for word, _ in words), "text")
        yield TruthField(_plain(_ROW.sub("", said)), said_there, _hull([box for _, box in words]), page)


def _plain(name: str) -> str:
    """Azure writes a slash of a name as ~1, as JSON pointers do."""
    return name.replace("~1", "/").replace("~0", "~")


def _edges(box: Any) -> tuple[float, float, float, float]:
    flat = items(box, "boundingBoxes", 100)
    return around([flat[at : at + 2] for at in range(0, len(flat), 2)], "boundingBoxes")


def _hull(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
