"""FUNSD-style JSON: the data set of that name, and what ``docloop export --format layoutlm`` writes.

    annotations/<page>.json   {"form": [{"box": [left, top, right, bottom], "text", "label", "words", "linking", "id"}]}
    images/<page>.png

A file is a page and becomes a document of its own. Boxes are pixels. ``other`` is what belongs to no field. Links between
entries have no place in a labelling interface for boxes and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from ml_backend.errors import ExportRefused
from ml_backend.imports.base import BadRow, Row, TruthField, edges, items, label, mapping, text
from ml_backend.imports.folder import TruthFolder, parsed

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


class Funsd:
    """See the module."""

    name = "funsd"
    about = "FUNSD-style JSON (annotations/ and images/), as docloop export --format layoutlm writes it"
    outside = frozenset({"other"})

    def files(self, names: Sequence[str], alone: bool) -> list[str]:
        """See ``TruthReader.files``."""
        found = [name for name in names if name.endswith(".json") and not name.endswith(".labels.json")]
        return [name for name in found if alone or PurePosixPath(name).parent.name == "annotations"]

    def rows(self, folder: TruthFolder, name: str) -> Iterator[Row | BadRow]:
        """See ``TruthReader.rows``."""
        try:
            form = items(mapping(parsed(folder.read(name)), "the file").get("form"), "form")
            path = PurePosixPath(name)
            places = (path.parent.parent / "images", PurePosixPath(), path.parent)
            pictures = tuple(str(place / (path.stem + suffix)) for place in places for suffix in _PICTURES)
            yield Row(name, pictures, tuple(map(_field, form)), pixels=True)
        except ExportRefused as error:
            yield BadRow(name, error)


def _field(value: Any) -> TruthField:
    entry = mapping(value, "an entry of the form")
    return TruthField(label(entry.get("label")), text(entry.get("text"), "text"), edges(entry.get("box"), "box"))
