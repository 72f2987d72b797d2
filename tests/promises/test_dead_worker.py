"""P5: a worker that is killed -9 in the middle of a training is noticed within 30 s, and the run runs again within 60 s.

The workers are real processes, the Label Studio is the one in memory behind a socket. SIGSTOP, too much memory, the three
attempts and the reason are tests/training/test_supervisor.py's. ``PROMISES=full``: 10 kills -9 at random moments, else one.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from docloop_processes import Place, children
from fake_label_studio import FakeLabelStudio
from papers_in_label_studio import annotated_papers
from served_label_studio import TOKEN, served
from waiting import until

from ml_backend.jobs.hints import FolderHints
from ml_backend.models.registry import ModelRegistry
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
KILLS = 10 if os.environ.get("PROMISES") == "full" else 1
SEED = int(os.environ.get("PROMISES_SEED", "20260102"))
NOTICED, AGAIN = 30.0, 60.0  # seconds, as promised
LONGEST = 1.0  # seconds from the start of a training to its kill; it takes longer than that


def newest(store: Store) -> RunRecord | None:
    return next((run for project in store.projects.all() for run in store.runs.latest(project.uid, 1)), None)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_the_run_of_a_killed_worker_runs_again_and_ends(tmp_path: Path) -> None:
    print(f"seed {SEED}")  # noqa: T201
    dice = random.Random(SEED)
    fake = FakeLabelStudio()
    project = annotated_papers(fake)
    with served(fake) as url:
        place = Place.of(tmp_path, label_studio_url=url, label_studio_token=TOKEN, min_training_samples="5")
        hints = FolderHints(tmp_path / "hints")
        for kill in range(1, KILLS + 1):
            with place.store() as store:
                store.runs.request(project, "Anna", time.time())
                hints.leave(project)
                noticed, again = kill_one(place, store, kill, dice.uniform(0.0, LONGEST))
            print(f"kill {kill}: noticed after {noticed:.1f} s, runs again after {again:.1f} s")  # noqa: T201
            assert noticed <= NOTICED
            assert again <= AGAIN


def kill_one(place: Place, store: Store, number: int, moment: float) -> tuple[float, float]:
    """Kill the worker at run ``number``, let another go on; seconds until that one notices, and until the run runs again."""

    def state() -> tuple[int, str, int]:
        run = newest(store)
        return (run.number, run.state, run.attempt) if run else (0, "", 0)

    with place.running("worker") as worker:
        until(lambda: state() == (number, "running", 1), 90, f"the run begins\n{place.log('worker')}")
        time.sleep(moment)
        assert state() == (number, "running", 1)
        trainings = children(worker.pid)
        worker.kill()
        killed = time.monotonic()
        worker.wait()
    until(lambda: all(map(is_gone, trainings)), 10, "its training went with it")
    with place.running("worker") as worker:
        until(lambda: state() != (number, "running", 1), AGAIN + 30, "the dead one is noticed")
        noticed = time.monotonic() - killed
        until(lambda: state()[2] == 2, AGAIN + 30, "it runs again")
        again = time.monotonic() - killed
        until(lambda: state() == (number, "succeeded", 2), 120, f"it ends\n{place.log('worker')}")
        worker.terminate()
        assert worker.wait(30) == 0
    run = newest(store)
    assert run is not None
    versions = ModelRegistry(place.folder / "models").versions(run.project_uid)
    assert [one.version for one in versions] == [f"fields-{n}" for n in range(1, number + 1)]
    return noticed, again
