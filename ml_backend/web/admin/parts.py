"""What every page of the admin page works with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ml_backend.services import Services
from ml_backend.system_status import SystemStatus
from ml_backend.web.admin.kept import Kept


@dataclass(frozen=True, slots=True)
class Parts:
    """The services, how the installation stands, answers that are kept; ``now`` says seconds since 1970."""

    services: Services
    status: SystemStatus
    kept: Kept = field(default_factory=Kept)
    now: Callable[[], float] = time.time
