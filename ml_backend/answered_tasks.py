"""Who gives a task its prediction: an application that has just sent the document, or the push that knows it already.

Label Studio stores as many predictions of a version as it is given. So an application marks a task before it looks whether it has
one, and waits out an import that is under way; a push leaves marked tasks out of its imports. A mark of somebody who was killed
runs out, and the next push finds the task lacking.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager

from ml_backend.errors import LabelStudioError
from ml_backend.store.holding import held
from ml_backend.store.store import Store

IMPORT = 120.0  # seconds for which Label Studio may go on with an import whose sender was killed, or gave up
_LOOKING = 60.0  # seconds for which Label Studio may go on storing one whose sender was killed, or gave up
_ANSWERED = 86_400.0  # seconds for which it is remembered that a prediction was stored: no push takes longer
_PATIENCE = 20.0  # seconds that an import, or another application, is waited for
_STEP = 0.1


def import_lease(project_id: int) -> str:
    """The lease that is held, for ``IMPORT`` seconds, while predictions of a project are imported."""
    return f"import-{project_id}"


def is_importing(store: Store, project_id: int) -> bool:
    """Whether predictions of a project are imported, or may be: nobody has heard of the end."""
    return bool(store.leases.among([import_lease(project_id)], time.time(), IMPORT))


def answered_elsewhere(store: Store, project_uid: str, version: str, tasks: Collection[int], since: float) -> set[int]:
    """Those of the tasks whose prediction of this version an application stores just now, or has stored ``since`` (seconds since
    1970): what Label Studio lacks although it was stored before was deleted there. For who holds the import lease."""
    at_it = {_mark("answering", project_uid, version, task): task for task in tasks}
    stored = {_mark("answered", project_uid, version, task): task for task in tasks}
    found = store.leases.among(at_it, time.time(), _LOOKING), store.leases.among(stored, since + _ANSWERED)
    return {at_it[name] for name in found[0]} | {stored[name] for name in found[1]}


@contextmanager
def answering(
    store: Store, project_id: int, project_uid: str, version: str, task: int
) -> Iterator[Callable[[], object]]:
    """Look whether the task has a prediction of this version, and store one, inside of this, one after the other; what is given
    is called once it is stored. Nobody is kept waiting for long: where an import, or whoever else is at the task, does not end
    in time, a prediction may be there twice."""
    name, stored = (_mark(what, project_uid, version, task) for what in ("answering", "answered"))
    ends = time.monotonic() + _PATIENCE

    def done() -> None:
        store.leases.take(stored, stored, time.time(), _ANSWERED)

    with ExitStack() as turns:
        while not (mine := turns.enter_context(held(store, name, _LOOKING))) and time.monotonic() < ends:
            time.sleep(_STEP)
        while is_importing(store, project_id) and time.monotonic() < ends:
            time.sleep(_STEP)
        try:
            yield done
        except LabelStudioError as error:
            if error.unsure:  # it may be stored, or soon: who comes next, and a push under way, might not see it
                if mine:
                    mine.runs_out = True
                done()
            raise


def _mark(what: str, project_uid: str, version: str, task: int) -> str:
    return f"{what} {project_uid} {version} {task}"
