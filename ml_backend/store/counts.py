"""What was counted of a project, and what follows from it: rates, seconds, how each version did with the annotators.

A field of an annotation has one record when it was confirmed, added or deleted, and one for each change otherwise. So the fields
that were shown or added are all records but the further ones of a field that has several.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ml_backend.store.records import VersionUse


@dataclass(frozen=True, slots=True)
class CorrectionCount:
    """How many records of the ledger are alike in all before ``number``, and how many ``fields`` they are about.

    ``number`` counts records. ``fields`` is less where a field has several, which count with the first of them.
    """

    kind: str
    cause: str
    label: str
    predicted_label: str
    engine: str
    model_version: str
    completed_by: int | None
    number: int
    fields: int

    @property
    def field(self) -> str:
        """The label under which the field was shown; of an added one, the label it got."""
        return self.predicted_label or self.label


@dataclass(frozen=True, slots=True)
class AnnotationLight:
    """An annotation without its fields. ``counts``: it was reviewed, not skipped, and a prediction was shown."""

    document_id: int
    shown_version: str
    lead_time: float | None
    approved: bool
    skipped: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """All that is counted of a project, at one moment. ``annotations`` come oldest first.

    ``documents`` is the number of all, ``corrected`` of those in which anybody corrected something.
    """

    documents: int
    corrected: int
    annotations: Sequence[AnnotationLight]
    corrections: Sequence[CorrectionCount]

    def untouched(self, key: Callable[[CorrectionCount], Hashable]) -> dict[Any, tuple[int, int]]:
        """By ``key``: fields left untouched, and fields shown or added."""
        found: dict[Any, tuple[int, int]] = {}
        for one in self.corrections:
            left, fields = found.get(key(one), (0, 0))
            found[key(one)] = (left + one.number * (one.kind == "confirmed"), fields + one.fields)
        return found

    def seconds(self, version: str | None = None) -> float | None:
        """The median lead time of approved annotations; of those that were shown ``version`` ("" for nothing shown)."""
        return _seconds(one for one in self.annotations if one.approved and version in (None, one.shown_version))

    def uses(self) -> list[VersionUse]:
        """How each model version did with the annotators, the version that was seen first at the top.

        Only reviewed annotations that had a prediction count. ``edits`` are all corrections but confirmations.
        """
        seen: dict[str, list[AnnotationLight]] = {}
        for one in self.annotations:
            if one.counts:
                seen.setdefault(one.shown_version, []).append(one)
        fields, edits = self.untouched(lambda one: one.model_version), dict.fromkeys(seen, 0)
        for each in self.corrections:
            if each.kind != "confirmed" and each.model_version in edits:
                edits[each.model_version] += each.number
        return [_use(version, mine, fields.get(version, (0, 0)), edits[version]) for version, mine in seen.items()]


@dataclass(frozen=True, slots=True)
class Misread:
    """A text that OCR misread: what it reads in the box, what was shown, and what was submitted."""

    ocr_text: str
    predicted_value: str
    final_value: str


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document with the signature of its newest prediction.

    ``edits`` is corrections an annotation, of the approved ones that were shown a prediction; None where there is none of those:
    what was annotated from an empty page, or imported, says nothing of what a prediction would have needed.
    """

    id: int
    task_id: int
    open: bool
    signature: tuple[float, ...]
    approved: bool
    edits: float | None


def _seconds(annotations: Iterable[AnnotationLight]) -> float | None:
    times = [one.lead_time for one in annotations if one.lead_time is not None]
    return median(times) if times else None


def _use(version: str, mine: Sequence[AnnotationLight], fields: tuple[int, int], edits: int) -> VersionUse:
    return VersionUse(
        model_version=version,
        documents=len({one.document_id for one in mine}),
        fields=fields[1],
        untouched=fields[0],
        edits=edits,
        median_seconds=_seconds(mine),
    )
