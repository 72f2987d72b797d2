"""What every export format is given and leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ml_backend.document.elements import Document
from ml_backend.document.fields import Field, FieldSpec
from ml_backend.document.splits import Split
from ml_backend.exports.ground_truth import GroundTruth

if TYPE_CHECKING:
    from PIL.Image import Image

    from ml_backend.exports.folder import ExportFolder


@dataclass(frozen=True, slots=True)
class Labelled:
    """A confirmed document with all that a trainer may want of it.

    ``document`` are its words as OCR read them, ``fields`` what was confirmed (those with a label), ``pictures`` gives the
    upright RGB pages one by one when it is called, or none where the files are not kept; call it once. ``content`` is the
    document's identity, by which its ``split`` was drawn; file names are made of it. ``number`` is the store's, for our own
    index of exports alone.
    """

    content: str
    split: Split
    line: GroundTruth
    document: Document
    fields: Sequence[Field]
    pictures: Callable[[], Iterable[Image]]
    number: int = 0


class Exporter(Protocol):
    """One format."""

    @property
    def name(self) -> str:
        """As in ``docloop export --format``."""
        ...

    @property
    def about(self) -> str:
        """A line for people: what it is and who reads it."""
        ...

    @property
    def needs_pictures(self) -> bool:
        """Whether it writes pages: documents without pictures are left out then (and counted)."""
        ...

    def write(self, documents: Iterable[Labelled], labels: Sequence[FieldSpec], folder: ExportFolder) -> None:
        """Write all documents; they come once, in the order of their content, and are not all held in memory.

        They come ``ready``: every field has one of ``labels`` and a page, pictures are there where they are needed. The same
        documents make the same files, whatever the day; there is none that is named by anything but content and numbers.

        Raises:
            ExportRefused: the format needs a package that is not installed.
            OSError: the disk refused.
        """
        ...
