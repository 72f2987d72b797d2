"""Projects: connect one, how it stands, what to annotate next, have it looked at, let it rest."""

from __future__ import annotations

import time
from dataclasses import asdict
from itertools import islice

from ml_backend.connect import BackendAccess, follow
from ml_backend.pausing import pause, resume
from ml_backend.services import Services
from ml_backend.status import followed_project, project_status, recommendations
from ml_backend.system_status import project_lines
from ml_backend.web.access import Role
from ml_backend.web.rest.limits import Places, limited
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas import documents
from ml_backend.web.schemas import projects as schemas
from ml_backend.web.schemas.base import Limited


def projects(services: Services) -> Routes:
    """``/projects`` and what a project is asked for."""
    group = Routes("projects", "The projects of Label Studio that docloop follows.")
    _all(group, services)
    _one(group, services)
    _wishes(group, services)
    return group


def _all(group: Routes, services: Services) -> None:
    @group.add("GET", "/projects", Role.READ)
    def projects() -> schemas.Projects:
        """The projects that docloop follows."""
        return schemas.Projects.model_validate({"projects": project_lines(services, time.time())})

    @group.add("POST", "/projects", Role.ADMIN, status=202)
    def connect_project(body: schemas.Connect) -> schemas.Connected:
        """Connect a project of Label Studio.

        Makes docloop its ML backend, with a webhook, and has the least certain document served first, as `docloop connect` does.
        Safe to repeat. The worker looks at the project next; it is listed after that.
        """
        url = "" if body.poll_only else body.url or services.settings.seen_from_label_studio
        access = BackendAccess.of(url, services.credentials) if url else None
        found = follow(services.access.client(), body.project, access, services.hints)
        return schemas.Connected(project=found.project.id, title=found.project.title, url=url, order=found.order)


def _one(group: Routes, services: Services) -> None:
    store = services.lazy_store.get

    @group.add("GET", "/projects/<int:project_id>", Role.READ)
    @limited(Places("status_busy", 3, line=5))  # once a minute and project it reads all files of what serves
    def project(project_id: int) -> schemas.ProjectStatus:
        """How it stands with a project.

        What is learned, what runs, and why training did or did not start: `docloop status --json`.
        """
        reader = services.readers.mark
        found = project_status(store(), services.registry, project_id, time.time(), reader)
        return schemas.ProjectStatus.model_validate(found)

    @group.add("GET", "/projects/<int:project_id>/recommendations", Role.READ)
    def recommended(project_id: int, query: Limited) -> documents.Recommendations:
        """What to annotate next.

        Open documents, the one most worth annotating first, with priority, reasons and a link into Label Studio.
        """
        project = followed_project(store(), project_id)
        version = services.version(project.label_config, project.uid)
        link = services.settings.task_link(project_id)
        found = recommendations(store(), project_id, version, link, query.limit)
        said = {"project": project_id, "model_version": version, "recommendations": found}
        return documents.Recommendations.model_validate(said)

    @group.add("GET", "/projects/<int:project_id>/corrections", Role.READ)
    def corrections(project_id: int, query: documents.CorrectionsAsked) -> documents.Corrections:
        """What annotators corrected.

        Every difference between what was shown and what was submitted, with its cause, the newest first. It quotes documents.
        """
        project = followed_project(store(), project_id)
        found = (one for one in store().ledger.corrections(project.uid) if query.all or one.kind != "confirmed")
        rows = [asdict(one) for one in islice(found, query.limit)]
        return documents.Corrections.model_validate({"project": project_id, "corrections": rows})


def _wishes(group: Routes, services: Services) -> None:
    store = services.lazy_store.get

    @group.add("POST", "/projects/<int:project_id>/reconcile", Role.TRAIN, status=202)
    def reconcile(project_id: int) -> schemas.Kept:
        """Collect what changed in Label Studio now.

        A hint to the worker, which would look within a minute anyway.
        """
        services.hints.leave(followed_project(store(), project_id).project_id)
        return schemas.Kept(project=project_id)

    @group.add("POST", "/projects/<int:project_id>/repredict", Role.TRAIN, status=202)
    def repredict(project_id: int) -> schemas.Kept:
        """Push predictions again.

        Open tasks that lack a prediction of the version that serves get one; what Label Studio has already is not sent again.
        """
        services.hints.leave(followed_project(store(), project_id).project_id)
        return schemas.Kept(project=project_id)

    @group.add("POST", "/projects/<int:project_id>/pause", Role.ADMIN)
    def pause_project(project_id: int) -> schemas.Resting:
        """Let a project rest.

        Nothing is predicted in advance and no training begins until it is resumed; what annotators do is still collected. A
        training that runs goes on: cancel it.
        """
        pause(store(), followed_project(store(), project_id), time.time())
        return schemas.Resting(project=project_id, paused=True)

    @group.add("POST", "/projects/<int:project_id>/resume", Role.ADMIN)
    def resume_project(project_id: int) -> schemas.Resting:
        """Let docloop work on a project again."""
        resume(store(), services.hints, followed_project(store(), project_id))
        return schemas.Resting(project=project_id, paused=False)
