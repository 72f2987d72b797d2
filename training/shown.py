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
from ml_backend.label_studio.results import from_results
from ml_backend.store.store import Store

MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)  # of a body with other shapes than expected
_MOST_PAGES = 10_000  # no database holds any number, and no document has more pages


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


def shown_by_the_store(store: Store, annotated: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[int, Shown]:
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
        for record in store.ledger.annotations_of({document for document, _ in wanted}):
            if (record.document_id, record.annotation_id) in wanted and record.shown is not None:
                found[record.annotation_id] = Shown(record.shown, record.shown_version)
    return found


def fields_of(body: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of an annotation or a prediction, which anybody may have stored.

    Raises:
        MALFORMED: they are no fields, or on a page that no document has.
    """
    fields = from_results(body.get("result") or [])
    if any(not 0 <= one.page < _MOST_PAGES for one in fields):
        raise ValueError("a region is on a page that no document has")
    return fields


def _read(prediction: Mapping[str, Any]) -> Shown | None:
    try:
        return Shown(fields_of(prediction), str(prediction.get("model_version") or ""))
    except MALFORMED:
        return None
