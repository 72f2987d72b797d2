"""The first page: is all well, and how far is each project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from ml_backend.errors import ConfigUnsupported
from ml_backend.ground_truth.rules import Situation
from ml_backend.status import run_row
from ml_backend.store.records import ProjectRecord
from ml_backend.system_status import project_lines
from ml_backend.web.admin import concerns
from ml_backend.web.admin.live import page
from ml_backend.web.admin.parts import Parts


def add(pages: Blueprint, parts: Parts) -> None:
    """The routes ``/admin`` and ``/admin/connectable``."""
    services = parts.services

    @pages.get("")
    def overview() -> Response:
        state = parts.status.look()
        found = project_lines(services, parts.now()) if state["store"]["ok"] else []
        records = {project.project_id: project for project in services.store.projects.all()} if found else {}
        cards = [{**line, **glance(parts, records[line["project"]])} for line in found if line["project"] in records]
        wrong = concerns.of_system(state) + concerns.of_projects(found)
        return page("admin/overview.html", "projects", state=state, cards=cards, concerns=wrong, url=_seen(parts))

    @pages.get("/connectable")
    def connectable() -> Response:
        """Label Studio's projects that docloop does not follow, for the form that connects one."""
        followed = {project.project_id for project in services.store.projects.all() if project.followed}
        found = [one for one in services.access.client().newest_projects() if one.id not in followed]
        return jsonify(projects=[{"value": str(one.id), "label": f"{one.title} ({one.id})"} for one in found])


def _seen(parts: Parts) -> str:
    return parts.services.settings.seen_from_label_studio


def glance(parts: Parts, project: ProjectRecord) -> Mapping[str, Any]:
    """What is cheap to know of a project: tasks done and open, samples and how many the next training lacks, the open run."""
    services, uid = parts.services, project.uid
    store = services.store
    samples = store.samples.count(uid)
    threshold = services.settings.min_training_samples
    try:
        version = services.version(project.label_config, uid)
    except ConfigUnsupported:  # it has been changed since; the worker says so in the project's fault
        version = ""
    documents = store.documents.count(uid)
    predicted, open = store.predictions.covered(uid, version)
    wanted = Situation(documents, samples, project.trained_samples, threshold).next_training
    run = store.runs.open_run(uid)
    return {
        "documents": documents,
        "open": open,
        "done": documents - open,
        "predicted": predicted,
        "samples": samples,
        "wanted": wanted,
        "missing": max(0, wanted - samples),
        "answer": project.answer,
        "run": run_row(run, {}, project.fingerprint, parts.now()) if run else None,
        "cancelling": bool(run and run.cancel),
        "link": services.settings.data_link(project.project_id),
    }
