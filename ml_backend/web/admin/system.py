"""The page of the installation: its parts, its workers, what it works on."""

from __future__ import annotations

from flask import Blueprint, Response

from ml_backend.errors import DocloopError
from ml_backend.web.admin import concerns
from ml_backend.web.admin.live import page
from ml_backend.web.admin.parts import Parts
from ml_backend.work import waiting_jobs, work


def add(pages: Blueprint, parts: Parts) -> None:
    """The route ``/admin/system``."""
    services = parts.services

    @pages.get("/system")
    def system() -> Response:
        state = parts.status.look()
        try:
            working = {"waiting": waiting_jobs(services.settings), **work(services, parts.now())}
        except DocloopError:  # the status says which part it is
            working = None
        wrong = concerns.together(state, concerns.of_projects(state["projects"]))
        titles = {line["project"]: line["title"] for line in state["projects"]}
        settings = services.settings
        return page(
            "admin/system.html",
            "system",
            state=state,
            concerns=wrong,
            working=working,
            titles=titles,
            settings=settings,
        )
