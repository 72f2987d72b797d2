"""Webhook bodies: which project changed, and whether somebody pressed Start Training. Nothing else in them is believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ECHO = "docloop doctor "  # what the titles of the doctor's own projects begin with; twelve hexadecimal digits follow
_ECHO = re.compile(rf"{ECHO}([0-9a-f]{{12}})", re.ASCII)
START_TRAINING = "START_TRAINING"
KNOWN_ACTIONS = frozenset(
    {
        "ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED", "ANNOTATIONS_DELETED",
        "TASKS_CREATED", "TASKS_DELETED", "PROJECT_UPDATED", START_TRAINING,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook. It is only a hint: Label Studio sends it once, and some deletions send none.

    ``echo`` is the mark of ``docloop doctor`` in the title of a project of its own, empty for all others.
    """

    action: str
    project_id: int
    echo: str = ""

    @classmethod
    def of(cls, body: object) -> Event | None:
        """The event of a webhook body, or None when it is not one."""
        if not isinstance(body, Mapping) or not isinstance(body.get("action"), str):
            return None
        project: Any = body.get("project")
        identity = project.get("id") if isinstance(project, Mapping) else project
        if isinstance(identity, bool) or not isinstance(identity, int) or not 0 < identity < 2**63:
            return None
        title = project.get("title") if isinstance(project, Mapping) else ""
        return cls(body["action"], identity, echo_of(title))

    @property
    def starts_training(self) -> bool:
        return self.action == START_TRAINING


def echo_of(title: object) -> str:
    """The mark in a title of a project of the doctor's, empty in any other."""
    found = _ECHO.fullmatch(title) if isinstance(title, str) else None
    return found[1] if found else ""
