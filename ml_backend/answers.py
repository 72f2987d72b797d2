"""Answers to Label Studio's requests for predictions: as many as tasks, in their order, whatever fails.

Label Studio drops a whole batch without a word when the list is shorter than its tasks, and breaks on ``null``; ``[]`` for a task
says "none this time, ask again".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ml_backend.counters import TASK_FAILURES
from ml_backend.document.fields import Prediction
from ml_backend.errors import ConfigUnsupported, DocloopError
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.results import from_results, to_prediction_body
from ml_backend.label_studio.tasks import Task
from ml_backend.services import Services

log = logging.getLogger(__name__)


def answer_tasks(
    services: Services, tasks: Sequence[Mapping[str, Any]], label_config: str, project_uid: str, context: object = None
) -> list[Any]:
    """One prediction body or ``[]`` per task. ``context`` holds the regions an annotator has just drawn, if any."""
    try:
        interface = services.interface(label_config)
    except ConfigUnsupported as error:
        log.warning("project %s: %s", project_uid, error)
        return no_answers(len(tasks), error.code)
    parsed = [Task.of(task) for task in tasks]
    drawn = _drawn(context)
    if drawn and len(parsed) == 1:
        return [_read_drawn(services, parsed[0], interface, drawn, project_uid)]
    outcomes = services.batches.predict_all(parsed, interface, project_uid, services.settings.predict_budget)
    return [
        to_prediction_body(outcome, interface, task.id) if isinstance(outcome, Prediction) else []
        for task, outcome in zip(parsed, outcomes, strict=True)
    ]


def no_answers(count: int, code: str) -> list[Any]:
    """``count`` empty answers, counted under the reason."""
    TASK_FAILURES.labels(code).inc(count)
    return [[] for _ in range(count)]


def _drawn(context: object) -> list[Mapping[str, Any]]:
    result = context.get("result") if isinstance(context, Mapping) else None
    return [part for part in result if isinstance(part, Mapping)] if isinstance(result, list) else []


def _read_drawn(
    services: Services, task: Task, interface: Interface, drawn: Sequence[Mapping[str, Any]], project_uid: str
) -> Any:
    """Label and text together: with the text alone, the drawn box would lose its label when it is accepted."""
    try:
        field = from_results(drawn)[-1]
        prediction = services.batches.predictor.read_region(task, interface, field, project_uid)
    except DocloopError as error:
        log.warning("task %s: a drawn box was not read: %s", task.id, error.code)
        return no_answers(1, error.code)[0]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # whatever nonsense the request holds
        log.warning("task %s: the drawn box was not understood", task.id)
        return no_answers(1, "region_not_understood")[0]
    return to_prediction_body(prediction, interface, task.id)
