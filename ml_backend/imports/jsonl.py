"""Our own lines: what ``docloop export --format jsonl`` and the REST API give out (``exports/ground_truth.py``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ml_backend.errors import ExportRefused
from ml_backend.imports.base import (
    LARGEST_ID,
    BadRow,
    Row,
    TruthField,
    items,
    label,
    malformed,
    mapping,
    number,
    refused,
    text,
    whole,
)
from ml_backend.imports.folder import PACKED, TruthFolder, parsed

_SHA256 = re.compile(r"[0-9a-f]{64}|")
_EDGES = ("left", "top", "right", "bottom")


class Jsonl:
    """See the module."""

    name = "jsonl"
    about = "lines of docloop export"
    outside: frozenset[str] = frozenset()

    def files(self, names: Sequence[str], alone: bool) -> list[str]:
        """See ``TruthReader.files``."""
        return [name for name in names if name.endswith((".jsonl", f".jsonl{PACKED}"))]

    def rows(self, folder: TruthFolder, name: str) -> Iterator[Row | BadRow]:
        """See ``TruthReader.rows``."""
        try:
            for line_number, line in folder.lines(name):
                where = f"{name}, line {line_number}"
                try:
                    if isinstance(line, ExportRefused):
                        raise line
                    yield _row(where, mapping(parsed(line), "a line"))
                except ExportRefused as error:
                    yield BadRow(where, error)
        except ExportRefused as error:
            yield BadRow(name, error)


def _row(where: str, line: dict[str, Any]) -> Row:
    if line.get("approved") is not True:
        raise refused("truth_not_approved", "Nobody has confirmed it (approved is not true).")
    content, by = line.get("image_sha256", ""), line.get("reviewed_by")
    if not isinstance(content, str) or not _SHA256.fullmatch(content):
        raise malformed("image_sha256 must be 64 hexadecimal digits")
    filename = text(line.get("filename", ""), "filename", 1_000)
    return Row(
        where,
        (filename,) if filename else (),
        tuple(map(_field, items(line.get("final_result"), "final_result"))),
        content=content,
        blank=True,
        reviewed_by="" if by is None else str(whole(by, "reviewed_by", LARGEST_ID)),
        reviewed_at=text(line.get("reviewed_at", ""), "reviewed_at", 40),
    )


def _field(value: Any) -> TruthField:
    field = mapping(value, "a field")
    place = mapping(field.get("place"), "place")
    left, top, right, bottom = (number(place.get(edge), edge) for edge in _EDGES)
    return TruthField(
        label(field.get("label")),
        text(field.get("text"), "text"),
        (left, top, right, bottom),
        whole(place.get("page"), "page"),
        number(place.get("rotation", 0), "rotation"),
    )
