"""What docloop is working on: jobs that wait, work that somebody holds, pushes with their progress, trainings."""

from __future__ import annotations

from typing import Any

from ml_backend.jobs.queue import open_queue
from ml_backend.services import Services
from ml_backend.settings import Settings
from ml_backend.store.store import Store

_LISTED = 1000  # jobs in one answer
LOOK, PUSH = "look-", "push-"  # what the leases of this work begin with


def waiting_jobs(settings: Settings) -> list[dict[str, Any]]:
    """The jobs that wait, those that are due first.

    Raises:
        SetupError, StoreError: the queue cannot be reached.
    """
    queue = open_queue(settings.queue_url.get_secret_value(), settings.data_dir)
    try:
        return [{"kind": job.kind, "identity": job.identity} for job in queue.waiting()[:_LISTED]]
    finally:
        queue.close()


def is_pushed(store: Store, project_id: int, now: float) -> bool:
    """Whether a worker makes predictions of the project in advance. Raises StoreError."""
    return bool(store.leases.among([f"{PUSH}{project_id}"], now))


def work(services: Services, now: float) -> dict[str, Any]:
    """What is being worked on, by project.

    Raises:
        StoreError: the store does not answer.
    """
    store = services.store
    held = [(name, until) for start in (LOOK, PUSH) for name, until in store.leases.ends(start, now)]
    pushing = {name.removeprefix(PUSH) for name, _ in held if name.startswith(PUSH)}
    pushes, runs = [], []
    for project in store.projects.all():
        if str(project.project_id) in pushing:
            version = services.version(project.label_config, project.uid)
            done, total = store.predictions.covered(project.uid, version)
            pushes.append({"project": project.project_id, "model_version": version, "done": done, "total": total})
        if run := store.runs.open_run(project.uid):
            runs.append(
                {
                    "project": project.project_id,
                    "run": run.id,
                    "number": run.number,
                    "state": run.state,
                    "stage": run.stage,
                    "progress": run.progress,
                    "seconds_left": run.seconds_left(now),
                }
            )
    return {"held": [{"name": name, "until": until} for name, until in held], "pushes": pushes, "runs": runs}
