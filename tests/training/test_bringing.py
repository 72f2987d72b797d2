"""What a training process is brought out of a bucket, by a worker that has claimed its run already."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from waiting import until

from ml_backend.errors import StoreError
from ml_backend.models.registry import Best, ModelRegistry
from ml_backend.services import Services
from ml_backend.store.records import ProjectRecord, RunRecord
from training.bringing import bring
from training.supervisor import reap

UID = "7.1795000000"


class Far(ModelRegistry):
    """A registry whose champion is long in coming out of its bucket, or does not come."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.come = threading.Event()
        self.refusal: Exception | None = None

    def best(self, project_uid: str) -> Best:
        assert self.come.wait(10.0)
        if self.refusal:
            raise self.refusal
        return super().best(project_uid)


@pytest.fixture
def far(services: Services, tmp_path: Path) -> Far:
    services.registry = found = Far(tmp_path / "far")
    return found


@pytest.fixture
def run(services: Services) -> RunRecord:
    services.store.projects.put(ProjectRecord(UID, 7, "Receipts"))
    begun = services.store.runs.begin(UID, 7, "somebody", "asked", 10, 1.0)
    assert begun is not None
    claimed = services.store.runs.claim(begun.id, 1.0)  # long ago
    assert claimed is not None
    return claimed


def test_a_run_is_alive_while_its_champion_is_brought(services: Services, far: Far, run: RunRecord) -> None:
    def now() -> RunRecord:
        found = services.store.runs.get(run.id)
        assert found is not None
        return found

    bringing = threading.Thread(target=bring, args=(services, run, 0.02))
    bringing.start()
    try:
        until(lambda: now().stage == "bring")
        assert reap(services.store, time.time()) == []
    finally:
        far.come.set()
        bringing.join()
    assert (now().state, now().attempt) == ("running", 1)


@pytest.mark.parametrize("refusal", [StoreError("store_away", "The database is away."), OSError(28, "No space left")])
def test_what_cannot_be_brought_is_done_without(
    services: Services, far: Far, run: RunRecord, refusal: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    far.refusal = refusal
    far.come.set()
    bring(services, run)
    assert "run 1 of project 7 goes on without all that the storage has" in caplog.text
