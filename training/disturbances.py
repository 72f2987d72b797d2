"""What keeps us from working that is no fault of the work: a disk that is full, a database or a Redis that is away. It is tried
again soon, as often as it takes."""

from __future__ import annotations

import errno

from ml_backend.errors import DocloopError
from ml_backend.store.database import AWAY

_WAITING = frozenset(
    {"queue_failed", "redis_failed", "hint_not_kept"}
)  # what jobs and hints say of their disk or Redis
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


def disturbance(error: Exception) -> str:
    """What disturbs us, as a sentence; empty for an error of the work itself."""
    if isinstance(error, OSError) and error.errno in _DISK:
        return f"the disk refused: {error.strerror}"
    return str(error) if isinstance(error, DocloopError) and error.code in AWAY | _WAITING else ""
