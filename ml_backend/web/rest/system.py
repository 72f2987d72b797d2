"""How the installation stands, and what it is working on."""

from __future__ import annotations

import time
from typing import Any

from ml_backend.services import Services
from ml_backend.system_status import SystemStatus
from ml_backend.web.access import Role
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas import system as schemas
from ml_backend.work import waiting_jobs, work


def system(services: Services, status: SystemStatus) -> Routes:
    """``/status`` and ``/queue``."""
    group = Routes("system", "How the whole installation stands, and what it works on.")

    @group.add("GET", "/status", Role.READ)
    def system_status() -> schemas.SystemStatus:
        """How the installation stands.

        Answers within about a second, whoever hangs: what does not answer in time is said not to. `ready` is true when everything
        that docloop needs is there; else `reasons` says what is missing. Answers are kept for three seconds.
        """
        return schemas.SystemStatus.model_validate(status.look())

    @group.add("GET", "/queue", Role.READ)
    def queue() -> schemas.QueueState:
        """What waits, and what is being worked on.

        Jobs that wait, work that a worker has in hand, how far the predictions of each project are, and trainings.
        """
        found: dict[str, Any] = {"waiting": waiting_jobs(services.settings), **work(services, time.time())}
        return schemas.QueueState.model_validate(found)

    return group
