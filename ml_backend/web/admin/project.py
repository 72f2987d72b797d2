"""The page of a project, and its charts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from ml_backend.document.version_names import UNTRAINED
from ml_backend.errors import ConfigUnsupported, DocloopError
from ml_backend.exports.formats import formats
from ml_backend.pausing import paused
from ml_backend.status import followed_project, project_status, recommendations
from ml_backend.store.records import ProjectRecord
from ml_backend.web import charts
from ml_backend.web.admin import concerns
from ml_backend.web.admin.live import fresh, page
from ml_backend.web.admin.overview import COUNTS, glance
from ml_backend.web.admin.parts import Parts
from ml_backend.web.rest.models import version_rows
from ml_backend.web.rest.truth import statistics_of

_RECOMMENDED = 6
_LONG = 10.0  # seconds that a chart is waited for
_STATUS, _STATISTICS, _RANKING = "status-", "statistics-", "ranking-"


def add(pages: Blueprint, parts: Parts) -> None:
    """The routes ``/admin/projects/N`` and ``/admin/projects/N/charts/NAME``."""

    @pages.get("/projects/<int:project_id>")
    def project(project_id: int) -> Response:
        record = followed_project(parts.services.store, project_id)
        if fresh():
            for name in (COUNTS, _STATUS, _RANKING):
                parts.kept.forget(f"{name}{record.uid}")
        state, status = parts.status.look(), _status(parts, record)
        resting = paused(parts.services.store, record.uid, parts.now())
        wrong = concerns.together(state, concerns.of_project(record, resting, status))
        return page(
            "admin/project.html",
            "projects",
            project=record,
            state=state,
            status=status,
            concerns=wrong,
            resting=resting,
            at_a_glance=glance(parts, record),
            recommended=_recommended(parts, record),
            statistics=_statistics(parts, record),
            figures=Figures.of(status) if status["ok"] else None,
            formats=formats(),
            before=_before(parts, record),
            requested=[each for each in parts.services.store.runs.requests() if each.project_id == project_id],
        )

    @pages.get("/projects/<int:project_id>/charts/<name>")
    def chart(project_id: int, name: str) -> Response:
        record = followed_project(parts.services.store, project_id)
        look = request.args.get("look", "light")
        if name not in charts.CHARTS or look not in charts.LOOKS:
            raise DocloopError("chart_unknown", "There is no such chart.")
        status = _status(parts, record, _LONG)
        if not status["ok"]:
            raise DocloopError("chart_unknown", "There is nothing to draw yet.")
        answer = Response(charts.CHARTS[name](status, look), content_type="image/svg+xml")
        # The picture brings a style sheet in it, and needs nothing else.
        answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return answer


@dataclass(frozen=True, slots=True)
class Figures:
    """What the charts show, for their alternative texts and tables; ``mark`` is another one where the pictures are others."""

    points: list[charts.LearningPoint]
    bars: list[charts.UntouchedBar]

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Figures:
        return cls(charts.learning_points_of(status), charts.bars_of(status["versions"]))

    @property
    def mark(self) -> str:
        """In the address of the pictures, so that a new one is fetched when the figures change, and only then."""
        return hashlib.sha256(repr((self.points, self.bars)).encode()).hexdigest()[:12]


def _before(parts: Parts, project: ProjectRecord) -> str:
    """What a rollback would let serve again; empty where nothing served before."""
    history = parts.services.registry.history(project.uid)
    return (history[-1] or UNTRAINED) if history else ""


def _status(parts: Parts, project: ProjectRecord, seconds: float = 1.0) -> Mapping[str, Any]:
    services = parts.services

    def look() -> Mapping[str, Any]:
        number = project.project_id
        found = project_status(services.store, services.registry, number, parts.now(), services.readers.mark)
        return {**found, "model_versions": version_rows(services, project.uid)}

    return parts.kept.get(f"{_STATUS}{project.uid}", look, seconds)


def _statistics(parts: Parts, project: ProjectRecord) -> Mapping[str, Any]:
    def count() -> Mapping[str, Any]:
        return statistics_of(parts.services, project.project_id).all()

    return parts.kept.get(f"{_STATISTICS}{project.uid}", count)


def _recommended(parts: Parts, project: ProjectRecord) -> Mapping[str, Any]:
    services, number = parts.services, project.project_id

    def rank() -> Mapping[str, Any]:
        try:
            version = services.version(project.label_config, project.uid)
        except ConfigUnsupported:
            return {"tasks": []}
        link = services.settings.task_link(number)
        return {"tasks": recommendations(services.store, number, version, link, _RECOMMENDED)}

    return parts.kept.get(f"{_RANKING}{project.uid}", rank)
