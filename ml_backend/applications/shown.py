"""The prediction that is shown with a task, and a mark by which an application says which one it has shown.

A prediction may change between two looks: another version was promoted, or a document like it was confirmed and this one answered
again, in its place and under its number. Who confirms must say what was on the screen; the mark is the number and a hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_backend.document.fields import Field
from ml_backend.errors import DocloopError
from ml_backend.label_studio.one_task import OneTask
from ml_backend.label_studio.results import from_results

_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Shown:
    """A stored prediction: its number in Label Studio, its regions, its ``mark``, and the ``fields`` that it says. The ``id``
    of a field names it in corrections."""

    id: int
    version: str
    score: float
    results: Sequence[Mapping[str, Any]]
    mark: str
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Shown:
        """A prediction of Label Studio.

        Raises:
            DocloopError: ``prediction_unreadable``: anybody may store anything there.
        """
        try:
            results = [dict(one) for one in body.get("result") or []]
            fields = tuple(field for field in from_results(results) if field.label)
            number, score = int(body["id"]), float(body.get("score") or 0)
        except _MALFORMED:
            said = "Label Studio has a prediction of this task that is none."
            raise DocloopError("prediction_unreadable", said, "Delete it there.") from None
        version = str(body.get("model_version") or "")
        whole = json.dumps([version, results], sort_keys=True)
        mark = f"{number}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"
        return cls(number, version, score, results, mark, fields)


def shown_of(task: OneTask, *versions: str) -> Shown | None:
    """The newest prediction of the first of ``versions`` that the task has, else the newest of any; None: there is none."""
    for version in versions:
        for one in reversed(task.predictions):
            if version and one.get("model_version") == version:
                return Shown.of(one)
    return Shown.of(task.predictions[-1]) if task.predictions else None
