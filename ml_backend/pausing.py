"""Projects that rest: nothing is predicted in advance and no training begins until somebody resumes them.

What people do in Label Studio is still collected, so that nothing is missed. A rest is a lease without an end, held by nobody in
particular: it must outlive every process, be seen by all, and go with the store.
"""

from __future__ import annotations

from ml_backend.jobs.hints import Hints
from ml_backend.store.records import ProjectRecord
from ml_backend.store.store import Store

_NAME, _HOLDER = "rest-", "a person"
_FOREVER = 1e10  # seconds


def pause(store: Store, project: ProjectRecord, now: float) -> None:
    """Let the project rest. A training that runs goes on: it can be cancelled. Safe to repeat."""
    store.leases.take(f"{_NAME}{project.uid}", _HOLDER, now, _FOREVER)


def resume(store: Store, hints: Hints, project: ProjectRecord) -> None:
    """Let docloop work on the project again, now. Safe to repeat."""
    store.leases.release(f"{_NAME}{project.uid}", _HOLDER)
    hints.leave(project.project_id)


def paused(store: Store, project_uid: str, now: float) -> bool:
    """Whether the project rests."""
    return project_uid in all_paused(store, now)


def all_paused(store: Store, now: float) -> frozenset[str]:
    """The uids of all projects that rest."""
    return frozenset(name.removeprefix(_NAME) for name in store.leases.held(_NAME, now))
