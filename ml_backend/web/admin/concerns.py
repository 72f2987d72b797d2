"""Is all well, and if not: what is wrong, since when, what is to be done? The first thing that a page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ml_backend.label_studio.client import AWAY
from ml_backend.store.records import ProjectRecord
from ml_backend.system_status import FIRST, SILENT

Weight = Literal["fault", "note"]


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that people should know. A ``fault`` keeps docloop from working, a ``note`` does not.

    ``said`` is a sentence with its fix, ``since`` seconds since 1970, ``project`` the number of the project it is about.
    """

    weight: Weight
    said: str
    since: float | None = None
    project: int | None = None
    title: str = ""


def together(state: Mapping[str, Any], others: Sequence[Concern]) -> list[Concern]:
    """What is wrong with the installation (``SystemStatus.look``), and ``others``, which projects have.

    That Label Studio is away is told once, though every project meets it: since the first one did.
    """
    found = [Concern("note" if FIRST in reason else "fault", reason) for reason in state["reasons"]]
    if state["label_studio"]["ok"] or not found or found[0].weight == "note":
        return [*found, *others]
    met = [one for one in others if one.said.startswith(AWAY)]
    outage = replace(found[0], since=min((one.since for one in met if one.since), default=None))
    return [outage, *found[1:], *(one for one in others if one not in met)]


def of_projects(lines: Sequence[Mapping[str, Any]]) -> list[Concern]:
    """What is wrong with projects (``system_status.project_lines``)."""
    found = []
    for line in lines:
        about = (line["project"], line["title"])
        if line["fault"]:
            found.append(Concern("fault", line["fault"], line["fault_since"], *about))
        if line["paused"]:
            found.append(
                Concern("note", "It rests: nothing is predicted or trained until somebody resumes it.", None, *about)
            )
    return found


def of_project(project: ProjectRecord, resting: bool, status: Mapping[str, Any]) -> list[Concern]:
    """What is wrong with one project; ``status`` is its ``project_status``, as far as it is known."""
    found = []
    if project.fault:
        found.append(Concern("fault", project.fault, project.fault_since))
    if status.get("champion_fault"):
        found.append(Concern("fault", status["champion_fault"]))
    if not status["ok"] and status["reason"] in (FIRST, SILENT):
        found.append(Concern("note", "The figures of this project are still being counted."))
    elif not status["ok"]:
        found.append(Concern("fault", status["reason"]))
    if not project.followed:
        found.append(Concern("note", "docloop does not look at this project by itself: connect it again."))
    if resting:
        found.append(
            Concern("note", "The project rests: nothing is predicted in advance or trained until you resume it.")
        )
    if project.refusal and project.refusal != project.answer:
        found.append(Concern("note", project.refusal))
    for version, deleted in (status.get("tainted_versions") or {}).items():
        said = (
            f"{version} learned from {deleted} documents that were deleted since: train again to have one that did not."
        )
        found.append(Concern("note", said))
    return found
