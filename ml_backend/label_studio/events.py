"""Webhook bodies: which project changed, and whether somebody pressed Start Training. Nothing else in them is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

START_TRAINING = "START_TRAINING"
KNOWN_ACTIONS = frozenset(
    {
        "ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED", "ANNOTATIONS_DELETED",
        "TASKS_CREATED", "TASKS_DELETED", "PROJECT_UPDATED", START_TRAINING,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook. It is only a hint: Label Studio sends it once, and some deletions send none."""

    action: str
    project_id: int

    @classmethod
    def of(cls, body: object) -> Event | None:
        """The event of a webhook body, or None when it is not one."""
        if not isinstance(body, Mapping) or not isinstance(body.get("action"), str):
            return None
        project: Any = body.get("project")
        identity = project.get("id") if isinstance(project, Mapping) else project
        if isinstance(identity, bool) or not isinstance(identity, int) or not 0 < identity < 2**63:
            return None
        return cls(body["action"], identity)

    @property
    def starts_training(self) -> bool:
        return self.action == START_TRAINING
