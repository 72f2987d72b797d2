"""A confirmed document as the world outside sees it: what was predicted, what a person made of it, and every step between.

All values are JSON's own. Boxes are ``[0, 1]`` of the upright page, origin top left; times are ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box

SCHEMA = 1
"""Raised when a line's keys change their meaning."""

SourceKind = Literal["image", "pdf", "url"]


@dataclass(frozen=True, slots=True)
class Correction:
    """One step from the prediction to the answer.

    ``field_path`` names the field: ``final_result[2].text`` is the text of the third field of the answer,
    ``initial_result[0]`` a field of the prediction that was deleted. ``old_value`` and ``new_value`` are a text, a label, a
    place (``place_of``) or a whole field (``field_of``); None where there is none. ``kind`` is ``text``, ``label``, ``box``,
    ``deleted`` or ``added``; ``cause`` is what was wrong and ``reason`` the same in words.
    """

    field_path: str
    label: str
    kind: str
    old_value: Any
    new_value: Any
    cause: str = ""
    reason: str = ""
    corrected_by: int | None = None
    corrected_at: str = ""


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """One line of an export.

    ``image_sha256`` is the document's identity: the SHA-256 over the pixels of its pages (empty until they were read).
    ``approved``: a person reviewed the answer and meant it. ``reviewed_by`` is Label Studio's number of that person,
    ``lead_time`` the seconds it took. ``initial_result`` is None where nothing was shown. ``confidence`` is the probability
    that the prediction needs no correction. ``review_flags`` say what is odd (see ``ml_backend/ground_truth.py``).
    """

    task_id: int
    filename: str
    source_kind: SourceKind
    image_sha256: str
    approved: bool
    reviewed_by: int | None
    reviewed_at: str
    created_at: str
    lead_time: float | None
    initial_result: Sequence[Mapping[str, Any]] | None
    final_result: Sequence[Mapping[str, Any]]
    corrections: Sequence[Correction]
    review_flags: Sequence[str] = ()
    confidence: float | None = None
    model_version: str = ""
    engine: str = ""

    def as_json(self) -> dict[str, Any]:
        """The keys of a line in their order."""
        line = {name: getattr(self, name) for name in _LINE}
        line["corrections"] = [{name: getattr(one, name) for name in _CORRECTION} for one in self.corrections]
        return line


_LINE = tuple(field.name for field in fields(GroundTruth))
_CORRECTION = tuple(field.name for field in fields(Correction))


def field_of(field: Field) -> dict[str, Any]:
    """A field of a prediction or an answer."""
    return {"region_id": field.id, "label": field.label, "text": field.text, "place": place_of(field.page, field.box)}


def place_of(page: int, box: Box) -> dict[str, Any]:
    """Where a field stands. ``rotation`` in degrees clockwise about the top left corner, as ``Box`` has it."""
    edges = {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}
    return {"page": page, **edges, "rotation": box.rotation}
