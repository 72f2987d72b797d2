"""The first page: is all well, and how far is each project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from ml_backend.errors import ConfigUnsupported, StoreError
from ml_backend.ground_truth.rules import Situation
from ml_backend.status import run_row
from ml_backend.store.records import ProjectRecord
from ml_backend.system_status import project_lines
from ml_backend.web.admin import concerns
from ml_backend.web.admin.live import page
from ml_backend.web.admin.parts import Parts
from ml_backend.work import is_pushed

COUNTS = "counts-"
_LONG = 10.0  # seconds that counting is waited for the first time


def add(pages: Blueprint, parts: Parts) -> None:
    """The routes ``/admin`` and ``/admin/connectable``."""
    services = parts.services

    @pages.get("")
    def overview() -> Response:
        state = parts.status.look()
        found = project_lines(services, parts.now()) if state["store"]["ok"] else []
        records = {project.project_id: project for project in services.store.projects.all()} if found else {}
        cards = [{**line, **glance(parts, records[line["project"]])} for line in found if line["project"] in records]
        wrong = concerns.together(state, concerns.of_projects(found))
        return page(
            "admin/overview.html",
            "projects",
            state=state,
            cards=cards,
            concerns=wrong,
            url=services.settings.seen_from_label_studio,
            projects_link=services.settings.label_studio_public_url or services.settings.label_studio_url,
        )

    @pages.get("/connectable")
    def connectable() -> Response:
        """Label Studio's projects that docloop does not follow, for the form that connects one."""
        followed = {project.project_id for project in services.store.projects.all() if project.followed}
        found = [one for one in services.access.client().newest_projects() if one.id not in followed]
        return jsonify(projects=[{"value": str(one.id), "label": f"{one.title} ({one.id})"} for one in found])


def glance(parts: Parts, project: ProjectRecord) -> Mapping[str, Any]:
    """How far a project is: tasks done and open, samples and how many the next training lacks, what runs just now.

    Raises:
        StoreError: the store does not answer.
    """
    counts = parts.kept.get(f"{COUNTS}{project.uid}", lambda: _counts(parts, project), _LONG)
    if not counts["ok"]:
        raise StoreError("store_silent", f"The documents of “{project.title}” could not be counted: {counts['reason']}")
    store = parts.services.store
    run = store.runs.open_run(project.uid)
    return {
        **counts,
        "predicting": counts["predicted"] < counts["open"] and is_pushed(store, project.project_id, parts.now()),
        "answer": project.answer,
        "run": run_row(run, {}, project.fingerprint, parts.now()) if run else None,
        "cancelling": bool(run and run.cancel),
        "link": parts.services.settings.data_link(project.project_id),
    }


def _counts(parts: Parts, project: ProjectRecord) -> Mapping[str, Any]:
    services, uid = parts.services, project.uid
    store = services.store
    samples = store.samples.count(uid)
    try:
        version = services.version(project.label_config, uid)
    except ConfigUnsupported:  # it has been changed since; the worker says so in the project's fault
        version = ""
    documents = store.documents.count(uid)
    predicted, open = store.predictions.covered(uid, version)
    now = Situation(documents, samples, project.trained_samples, services.settings.min_training_samples)
    return {
        "documents": documents,
        "open": open,
        "done": documents - open,
        "predicted": predicted,
        "samples": samples,
        "wanted": now.next_training,
        "missing": max(0, now.next_training - samples),
    }
