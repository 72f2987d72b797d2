"""What every exporter may rely on: no picture is missing, no field has an unknown label or stands on a page that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from ml_backend.document.fields import FieldSpec
from ml_backend.exports.base import Exporter, Labelled
from ml_backend.exports.folder import ExportFolder

if TYPE_CHECKING:
    from PIL.Image import Image


def ready(
    documents: Iterable[Labelled], exporter: Exporter, labels: Sequence[FieldSpec], folder: ExportFolder
) -> Iterator[Labelled]:
    """``documents`` as ``exporter`` gets them. What is left out is counted: ``without_pictures`` documents,
    ``fields_without_label`` (the interface has lost their label since) and ``fields_without_page``."""
    asked = {spec.label for spec in labels}
    for document in documents:
        if exporter.needs_pictures:
            pictures = _some(document.pictures())
            if pictures is None:
                folder.count("without_pictures")
                continue
            document = replace(document, pictures=pictures)
        known = [field for field in document.fields if field.label in asked]
        placed = [field for field in known if 0 <= field.page < len(document.document.pages)]
        if lost := len(document.fields) - len(known):
            folder.count("fields_without_label", lost)
        if lost := len(known) - len(placed):
            folder.count("fields_without_page", lost)
        yield replace(document, fields=placed)


def _some(pictures: Iterable[Image]) -> Callable[[], Iterable[Image]] | None:
    """The same pictures, of which only the first was decoded; nothing is held once it was given out. None where there is none."""
    pages = iter(pictures)
    first = list(islice(pages, 1))
    return partial(_joined, first, pages) if first else None


def _joined(first: list[Image], pages: Iterator[Image]) -> Iterator[Image]:
    yield first.pop()  # ``chain`` would hold it to the end
    yield from pages
