"""What every reader of ground truth gives: rows with fields on pages, and the rows that are none with the reason.

A reader knows the files of one format. It sees no picture and no Label Studio: what pixels are is settled in ``Row.placed``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.errors import ExportRefused

if TYPE_CHECKING:
    from ml_backend.imports.folder import TruthFolder

MOST_FIELDS = 5_000  # of one document
_LONGEST_TEXT, _LONGEST_LABEL = 10_000, 200
_LARGEST = 1e6  # a coordinate, in pixels
LARGEST_ID = 2**63 - 1  # of a person; Label Studio counts them all
_BEYOND = 0.02  # of the page's side: what a box may stand out, by rounding and by careless drawing


@dataclass(frozen=True, slots=True)
class TruthField:
    """One field. ``edges`` are left, top, right, bottom in ``[0, 1]`` of the upright page, or in its pixels (``Row.pixels``);
    ``rotation`` as ``Box`` has it; pages count from 0."""

    label: str
    text: str
    edges: tuple[float, float, float, float]
    page: int = 0
    rotation: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One document. ``where`` names file and line for people.

    ``images`` are names its file may have in the folder, the likeliest first. ``content`` is the SHA-256 of its pages' pixels
    where the format knows it. ``blank``: that it has no field was meant. ``reviewed_by`` and ``reviewed_at`` are who confirmed
    it and when, as the other place wrote it.
    """

    where: str
    images: tuple[str, ...]
    fields: tuple[TruthField, ...]
    pixels: bool = False
    content: str = ""
    blank: bool = False
    reviewed_by: str = ""
    reviewed_at: str = ""

    def placed(self, sizes: Sequence[tuple[int, int]]) -> tuple[Field, ...]:
        """The fields on pages of these sizes (width, height in pixels).

        Raises:
            ExportRefused: ``truth_page_missing``, ``truth_box_outside``: the picture is another one, or the numbers are wrong.
        """
        return tuple(self._placed(field, sizes) for field in self.fields)

    def _placed(self, field: TruthField, sizes: Sequence[tuple[int, int]]) -> Field:
        if not 0 <= field.page < len(sizes):
            raise refused(
                "truth_page_missing", f"A field stands on page {field.page + 1}; the document has {len(sizes)}."
            )
        width, height = sizes[field.page] if self.pixels else (1, 1)
        left, top, right, bottom = field.edges
        edges = (left / width, top / height, right / width, bottom / height)
        if not all(-_BEYOND <= edge <= 1 + _BEYOND for edge in edges):
            of = "x".join(map(str, sizes[field.page]))
            raise refused("truth_box_outside", f"A box {field.edges} lies outside of its page ({of} pixels).")
        return Field(field.label, field.text, Box.clipped(*edges, field.rotation), field.page)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken, and why."""

    where: str
    error: ExportRefused


class TruthReader(Protocol):
    """One format."""

    @property
    def name(self) -> str:
        """As in ``docloop import-truth --format``."""
        ...

    @property
    def about(self) -> str:
        """A line for people: what it is and who writes it."""
        ...

    @property
    def outside(self) -> frozenset[str]:
        """Labels, in lower case, that say *no field*."""
        ...

    def files(self, names: Sequence[str], alone: bool) -> list[str]:
        """Which of the sorted ``names`` (relative to the folder) are ground truth of this format; ``alone``: it was named."""
        ...

    def rows(self, folder: TruthFolder, name: str) -> Iterator[Row | BadRow]:
        """The rows of one of those files, good and bad, in their order; whatever the file holds, nothing is raised."""
        ...


def refused(code: str, message: str, fix: str = "") -> ExportRefused:
    return ExportRefused(code, message, fix)


def malformed(what: str) -> ExportRefused:
    """A row of another shape than its format's; ``what`` says which part, without quoting a document."""
    return refused("truth_malformed", f"It is not what this format has: {what}.")


def mapping(value: Any, what: str) -> dict[str, Any]:
    """``value`` if it is a JSON object. Raises ExportRefused."""
    if not isinstance(value, dict):
        raise malformed(f"{what} must be an object")
    return value


def items(value: Any, what: str, most: int = MOST_FIELDS) -> list[Any]:
    """``value`` if it is a JSON list of at most ``most``. Raises ExportRefused."""
    if not isinstance(value, list) or len(value) > most:
        raise malformed(f"{what} must be a list of at most {most:,}")
    return value


def text(value: Any, what: str, most: int = _LONGEST_TEXT) -> str:
    """``value`` as a text that JSON, HTTP and databases carry: no NUL, no half of a character. Raises ExportRefused."""
    if not isinstance(value, str) or len(value) > most:
        raise malformed(f"{what} must be a text of at most {most:,} characters")
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def label(value: Any) -> str:
    return text(value, "label", _LONGEST_LABEL).strip()


def number(value: Any, what: str) -> float:
    """``value`` if it is a finite number of a page. Raises ExportRefused."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise malformed(f"{what} must be a number")
    return float(value)


def whole(value: Any, what: str, most: int = int(_LARGEST)) -> int:
    """A whole number from 0 to ``most``. Raises ExportRefused."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise malformed(f"{what} must be a whole number")
    return value


def around(points: Any, what: str) -> tuple[float, float, float, float]:
    """Left, top, right, bottom around a list of at least two points (x, y). Raises ExportRefused."""
    corners = [items(point, what, 2) for point in items(points, what, 100)]
    if len(corners) < 2 or any(len(corner) != 2 for corner in corners):
        raise malformed(f"{what} must be points of two numbers")
    xs, ys = ([number(corner[axis], what) for corner in corners] for axis in (0, 1))
    return min(xs), min(ys), max(xs), max(ys)


def edges(value: Any, what: str) -> tuple[float, float, float, float]:
    """Left, top, right, bottom out of a list of four numbers, in order. Raises ExportRefused."""
    if len(items(value, what, 4)) != 4:
        raise malformed(f"{what} must be four numbers")
    left, top, right, bottom = (number(edge, what) for edge in value)
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)
