"""What an application with screens of its own says to docloop over REST, and what the loop makes of it."""

from __future__ import annotations

import io
from typing import Any

from flask.testing import FlaskClient
from loop_parts import Loop

from builders import png

ANNA = "anna@example.org"


def at(loop: Loop, task: int | None = None, verb: str = "") -> str:
    place = f"/api/v1/projects/{loop.project}/tasks"
    return "/".join([place, *([str(task)] if task else []), *([verb] if verb else [])])


def send(client: FlaskClient, loop: Loop, data: bytes = b"", name: str = "a.png") -> dict[str, Any]:
    form = {"file": (io.BytesIO(data or png("A")), name)}
    answer = client.post(at(loop), data=form)
    assert answer.status_code == 200, answer.data
    said: dict[str, Any] = answer.get_json()
    return said


def say(client: FlaskClient, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.data
    said: dict[str, Any] = answer.get_json()
    return said


def learned(loop: Loop, task: int) -> list[tuple[str, str, str, str]]:
    """What the loop made of a task's annotation: kind, label before, text before, text after."""
    loop.turn()
    found = loop.services.store.ledger.corrections(loop.uid)
    return sorted(
        (one.kind, one.predicted_label, one.predicted_value, one.final_value) for one in found if one.task_id == task
    )


def samples(loop: Loop) -> int:
    loop.turn()
    return loop.services.store.samples.count(loop.uid)
