"""Who gives a task its prediction: an application that has just sent the document, or the push that knows it already.

Label Studio stores as many predictions of a version as it is given. So an application marks a task before it looks whether it has
one, and waits out an import that is under way; a push leaves marked tasks out of its imports. A mark of somebody who was killed
runs out, and the next push finds the task lacking.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from ml_backend.store.store import Store

_LOOKING = 60.0  # seconds that looking and storing may take
_ANSWERED = 86_400.0  # seconds: no push began its work longer ago
_PATIENCE = 20.0  # seconds that an import is waited for
_STEP = 0.1


def import_lease(project_id: int) -> str:
    """The lease that is held while predictions of a project are imported."""
    return f"import-{project_id}"


def answered_elsewhere(store: Store, project_uid: str, version: str, tasks: Collection[int]) -> set[int]:
    """Those of the tasks whose prediction of this version an application stores or has stored; for who holds the import lease."""
    names = {_mark(project_uid, version, task): task for task in tasks}
    return {names[name] for name in store.leases.among(names, time.time())}


@contextmanager
def answering(store: Store, project_id: int, project_uid: str, version: str, task: int) -> Iterator[Callable[[], None]]:
    """Look whether the task has a prediction of this version, and store one, inside of this; what is given is called once it is
    stored. Where an import does not end in time nobody is kept waiting: then a prediction may be there twice."""
    name = _mark(project_uid, version, task)
    store.leases.take(name, name, time.time(), _LOOKING)
    stored = False

    def done() -> None:
        nonlocal stored
        stored = store.leases.renew(name, name, time.time(), _ANSWERED)

    try:
        ends = time.monotonic() + _PATIENCE
        while store.leases.among([import_lease(project_id)], time.time()) and time.monotonic() < ends:
            time.sleep(_STEP)
        yield done
    finally:
        if not stored:
            store.leases.release(name, name)


def _mark(project_uid: str, version: str, task: int) -> str:
    return f"answered {project_uid} {version} {task}"
