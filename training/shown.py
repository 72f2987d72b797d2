"""What the person saw before annotating: the prediction that an annotation was made from.

Label Studio keeps its id (``parent_prediction``) until the prediction is deleted. Then the store knows: from an earlier look, or
because docloop itself had pushed one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_backend.document.fields import Field
from ml_backend.label_studio.changes import ChangedTask, predictions
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.results import from_prediction_body
from ml_backend.store.store import Store

MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)  # of a body with other shapes than expected


@dataclass(frozen=True, slots=True)
class Shown:
    """The fields of a prediction, and which model version it was of."""

    fields: tuple[Field, ...]
    version: str


def shown_by_label_studio(label_studio: LabelStudio, project_id: int, tasks: Sequence[ChangedTask]) -> dict[int, Shown]:
    """By annotation id, for annotations whose prediction Label Studio still has: one request, or none."""
    parents = {
        body["id"]: body["parent_prediction"]
        for task in tasks
        for body in task.annotations
        if body.get("parent_prediction") is not None
    }
    asked = [task.stamp.id for task in tasks if any(body["id"] in parents for body in task.annotations)]
    there = predictions(label_studio, project_id, asked) if asked else {}
    return {
        annotation: shown
        for annotation, parent in parents.items()
        if parent in there and (shown := _read(there[parent])) is not None
    }


def shown_by_the_store(
    store: Store, project_uid: str, annotated: Iterable[tuple[int, Mapping[str, Any]]]
) -> dict[int, Shown]:
    """By annotation id, for (document id, annotation body) of submitted ones that Label Studio has no prediction of."""
    found: dict[int, Shown] = {}
    wanted: set[tuple[int, int]] = set()
    for document_id, body in annotated:
        identity = body["id"]
        if body.get("lead_time") is None or body.get("was_cancelled"):
            continue  # nobody saw anything, or nobody meant it
        pushed = store.predictions.shown_before(document_id, body["created_at"])
        if pushed is not None:
            found[identity] = Shown(pushed.fields, pushed.model_version)
        elif identity in store.ledger.known([document_id])[document_id]:
            wanted.add((document_id, identity))
    if wanted:  # rare: a person changes an annotation whose prediction is gone everywhere
        for record in store.ledger.annotations(project_uid):
            if (record.document_id, record.annotation_id) in wanted and record.shown is not None:
                found[record.annotation_id] = Shown(record.shown, record.shown_version)
    return found


def _read(prediction: Mapping[str, Any]) -> Shown | None:
    try:
        body = from_prediction_body(prediction)
    except MALFORMED:
        return None
    return Shown(body.fields, body.model_version)
