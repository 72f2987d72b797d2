"""Which version serves, changed by a person: the registry's pointer is moved, and a hint has the worker push its predictions."""

from __future__ import annotations

from dataclasses import dataclass

from ml_backend.document.version_names import UNTRAINED
from ml_backend.jobs.hints import Hints
from ml_backend.models.registry import ModelRegistry
from ml_backend.store.records import ProjectRecord


@dataclass(frozen=True, slots=True)
class Served:
    """``version`` serves ("": the keywords). ``changed``: another one did before. ``verdict`` is what the gate said."""

    version: str
    changed: bool
    verdict: str = ""

    @property
    def name(self) -> str:
        return self.version or UNTRAINED


def promote(registry: ModelRegistry, hints: Hints, project: ProjectRecord, version: str) -> Served:
    """Let a version serve although the gate kept it, or again.

    Raises:
        ModelRejected: there is no such version, or it does not verify; nothing is changed then.
    """
    manifest, _ = registry.get(project.uid, version)
    if registry.active(project.uid) == version:
        return Served(version, False, manifest.verdict)
    registry.activate(project.uid, version)
    hints.leave(project.project_id)
    return Served(version, True, manifest.verdict)


def roll_back(registry: ModelRegistry, hints: Hints, project: ProjectRecord) -> Served:
    """Let the version before serve again.

    Raises:
        ModelRejected: there is none before.
    """
    version = registry.rollback(project.uid)
    hints.leave(project.project_id)
    return Served(version, True)
