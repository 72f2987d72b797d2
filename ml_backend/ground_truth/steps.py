"""From the ledger's records to the steps of a line, and the proof that they lead back to what was predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_backend.document.geometry import Box
from ml_backend.document.times import utc
from ml_backend.exports.ground_truth import Correction, field_of, place_of
from ml_backend.exports.replay import backwards
from ml_backend.store.records import AnnotationRecord, CorrectionRecord

_NEAR = 0.0011  # of the page: the editor gives long fractions back for a box that was only clicked
_WORDS = {
    "misread characters": "OCR misread it",
    "detection missed": "OCR did not see it",
    "wrong field": "the model took other words, or gave them another label",
    "field missed": "OCR read it, the model gave it no label",
    "wrong format": "the same letters and digits, written another way",
    "absent": "it is not on the document",
}


def initial(
    annotation: AnnotationRecord, found: Sequence[CorrectionRecord], final: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]] | None, list[Correction], list[str]]:
    """What was predicted, the steps from there, and a flag where the two do not fit."""
    if annotation.shown is None:
        return None, [], ["no_prediction"]
    stored = [field_of(field) for field in annotation.shown if field.label]
    if not annotation.reviewed or annotation.skipped:
        return stored, [], []  # nobody made anything of it
    try:
        steps = _steps(found, final)
        rebuilt = backwards(final, steps)
    except ValueError:
        return stored, [], ["prediction_differs"]
    return (rebuilt, steps, []) if _same(rebuilt, stored) else (stored, steps, ["prediction_differs"])


def _steps(found: Sequence[CorrectionRecord], final: Sequence[Mapping[str, Any]]) -> list[Correction]:
    """The ledger's records as steps: those of each field of the answer in turn, then the deleted fields.

    Raises ValueError where the records are not about these fields.
    """
    kept = [one for one in found if one.kind != "deleted"]
    if {one.field_number for one in kept} != set(range(len(final))):
        raise ValueError("a field without a record, or a record without a field")
    steps = [
        _step(one, f"final_result[{one.field_number}]", final[one.field_number or 0])
        for one in kept
        if one.kind != "confirmed"
    ]
    came = len(final) - sum(one.kind == "added" for one in kept)
    deleted = [one for one in found if one.kind == "deleted"]
    return steps + [_step(one, f"initial_result[{came + at}]", {}) for at, one in enumerate(deleted)]


def _step(record: CorrectionRecord, path: str, field: Mapping[str, Any]) -> Correction:
    old: Any = None
    new: Any = None
    attribute = f".{record.kind}"
    if record.kind == "text":
        old, new = record.predicted_value, record.final_value
    elif record.kind == "label":
        old, new = record.predicted_label, record.label
    elif record.kind == "box":
        old, new = _place(record.predicted_place), field["place"]
    elif record.kind == "added":
        attribute, new = "", dict(field)
    else:
        shown = {"region_id": record.region_id, "label": record.predicted_label, "text": record.predicted_value}
        attribute, old = "", {**shown, "place": _place(record.predicted_place)}
    return Correction(
        field_path=path + attribute,
        label=record.label or record.predicted_label,
        kind=record.kind,
        old_value=old,
        new_value=new,
        cause=record.cause,
        reason=_reason(record),
        corrected_by=record.completed_by,
        corrected_at=utc(record.at),
    )


def _reason(record: CorrectionRecord) -> str:
    said = _WORDS.get(record.cause, "")
    return f"{said}: “{record.ocr_text}”" if record.cause == "misread characters" and record.ocr_text else said


def _place(numbers: Sequence[float] | None) -> dict[str, Any]:
    if numbers is None:
        raise ValueError("it is not known where the field was shown")
    page, left, top, right, bottom, rotation = numbers
    return place_of(int(page), Box(left, top, right, bottom, rotation))


def _same(rebuilt: Sequence[Mapping[str, Any]], stored: Sequence[Mapping[str, Any]]) -> bool:
    """Whether both are the same fields in any order, but for what the ledger does not take for a change."""
    if len(rebuilt) != len(stored):
        return False
    left = list(stored)
    for field in rebuilt:
        match = next((number for number, other in enumerate(left) if _alike(field, other)), None)
        if match is None:
            return False
        left.pop(match)
    return True


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["label"] != other["label"] or one["text"].strip() != other["text"].strip():
        return False
    here, there = one["place"], other["place"]
    turned = abs(here["rotation"] - there["rotation"]) % 360
    near = all(abs(here[edge] - there[edge]) <= _NEAR for edge in ("left", "top", "right", "bottom"))
    return near and here["page"] == there["page"] and min(turned, 360 - turned) <= 0.11
