"""Training: ask for one, stop it, see the runs."""

from __future__ import annotations

import time

from ml_backend.errors import DocloopError
from ml_backend.services import Services
from ml_backend.status import followed_project, run_rows, whole_run
from ml_backend.train_requests import cancel_training, request_training, training_options
from ml_backend.web.access import Role, caller
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas import training as schemas
from ml_backend.web.schemas.base import Limited
from ml_backend.web.schemas.projects import Kept


def learning(services: Services) -> Routes:
    """``/train``, ``/cancel`` and ``/runs`` of a project."""
    group = Routes("training", "Trainings: asked for, running, done.")
    store = services.lazy_store.get

    @group.add("POST", "/projects/<int:project_id>/train", Role.TRAIN, status=202)
    def train(project_id: int, body: schemas.Train) -> Kept:
        """Train now.

        Also below the threshold, from 5 confirmed documents on. The request is on disk when this answers; a worker does it.
        """
        project = followed_project(store(), project_id)
        options = training_options(body.layout, body.from_scratch, body.release or "")
        by = f"REST ({caller().name})"
        request_training(store(), services.hints, project, by, time.time(), options)
        return Kept(project=project_id)

    @group.add("POST", "/projects/<int:project_id>/cancel", Role.TRAIN, status=202)
    def cancel(project_id: int) -> schemas.Cancelled:
        """Stop the training that runs or waits, and take requests back."""
        said = cancel_training(store(), services.hints, followed_project(store(), project_id))
        return schemas.Cancelled(project=project_id, detail=said)

    @group.add("GET", "/projects/<int:project_id>/runs", Role.READ)
    def runs(project_id: int, query: Limited) -> schemas.Runs:
        """The training runs of a project, the newest first."""
        project = followed_project(store(), project_id)
        return schemas.Runs.model_validate(
            {"project": project_id, "runs": run_rows(store(), project, time.time(), query.limit)}
        )

    @group.add("GET", "/projects/<int:project_id>/runs/<int:run_id>", Role.READ)
    def run(project_id: int, run_id: int) -> schemas.Run:
        """One training run, with its options and all metrics."""
        project = followed_project(store(), project_id)
        found = store().runs.get(run_id) if run_id < 2**63 else None
        if found is None or found.project_uid != project.uid:
            raise DocloopError("run_unknown", f"Project {project_id} has no run {run_id}.", "GET .../runs lists them.")
        return schemas.Run.model_validate(whole_run(store(), project, found, time.time()))

    return group
