"""Who may import predictions: one worker at a time, and nobody while an import of before may be under way still."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from two_workers import DOCUMENTS, Two, two_workers

from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.jobs.queue import JobQueue
from ml_backend.services import Services
from training.push_job import PUSH_RUNNING, Pusher

pytestmark = pytest.mark.slow


@pytest.fixture
def two(services: Services, queue: JobQueue, tmp_path: Path) -> Iterator[Two]:
    with two_workers(services, queue, tmp_path / "another") as made:
        yield made


def test_nobody_pushes_while_the_import_of_a_killed_worker_may_be_under_way(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Label Studio has not committed yet, it seems to lack."""
    store, label_studio = two.other.store, two.loop.services.access.client()
    name, real, seen = f"import-{two.loop.project}", label_studio.import_predictions, []

    def importing(project: int, bodies: Any) -> int:
        seen.append(store.leases.held("import-", time.time()))
        return real(project, bodies)

    monkeypatch.setattr(label_studio, "import_predictions", importing)
    store.leases.take(name, name, time.time(), 60.0)
    with pytest.raises(DocloopError, match="under way"):
        Pusher(two.loop.services).push(two.loop.project)
    store.leases.release(name, name)
    Pusher(two.loop.services).push(two.loop.project)
    assert seen == [[name]]
    assert store.leases.held("import-", time.time()) == []


@pytest.mark.parametrize("done", [False, True])
def test_a_leader_that_slept_while_another_took_over_imports_nothing(two: Two, done: bool) -> None:
    """Also where that one has pushed everything, and let go of the lease."""
    lease, pusher = f"push-{two.loop.project}", Pusher(two.loop.services)

    def sleeps_and_wakes(number: int) -> bool:
        two.other.store.leases.release(lease, holder())
        two.other.store.leases.take(lease, "the next leader", time.time(), 60.0)
        if done:
            two.other.store.leases.release(lease, "the next leader")
        two.leader.refuses = lambda number: False
        return False

    def holder() -> str:
        with two.other.store._database.read() as connection:
            known = sa.text("SELECT holder FROM leases WHERE name = :name")
            return str(connection.execute(known, {"name": lease}).scalar_one())

    two.leader.refuses = sleeps_and_wakes
    with pytest.raises(DocloopError, match="Another process pushes"):
        pusher.push(two.loop.project)
    assert two.predicted() == {}


def test_who_does_not_get_the_import_lease_imports_nothing(two: Two) -> None:
    """Somebody else began while nobody imported, slept, and woke in the middle of an import."""

    def sleeper_wakes(number: int) -> bool:
        two.other.store.leases.take(f"import-{two.loop.project}", "the sleeper", time.time(), 120.0)
        return False

    two.leader.refuses = sleeper_wakes
    with pytest.raises(DocloopError, match="Another process pushes") as refused:
        Pusher(two.loop.services).push(two.loop.project)
    assert (refused.value.code, two.predicted()) == (PUSH_RUNNING, {})


def test_nobody_pushes_while_an_import_whose_answer_never_came_may_be_under_way(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio, or a proxy before it, takes a minute: it goes on when nobody waits any more."""
    pusher, label_studio = Pusher(two.loop.services), two.loop.services.access.client()
    real, left = label_studio._http.send, []

    def gives_up(request: Any, **options: Any) -> Any:
        if not request.url.path.endswith("/import/predictions") or left:
            return real(request, **options)
        left.append(request)
        raise httpx.ReadTimeout("no answer yet")

    monkeypatch.setattr(label_studio._http, "send", gives_up)
    with pytest.raises(LabelStudioError, match="in time"):
        pusher.push(two.loop.project)
    with pytest.raises(DocloopError, match="under way"):
        pusher.push(two.loop.project)
    real(left[0])  # Label Studio comes to its end
    two.other.store.leases.sweep(time.time() + 200)  # two minutes later
    pusher.push(two.loop.project)
    assert len(two.predicted()) == DOCUMENTS
