"""P18: SIGTERM to ``docloop serve`` while requests and a training run: what was accepted is answered, it exits with 0 within
20 s, and nothing is lost: the run is given back and goes on at the next start.

``PROMISES=full``: 50 stops at random moments; otherwise one. The seed is printed; ``PROMISES_SEED`` replays it.
"""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from docloop_processes import AUTH, WEBHOOK, Place
from fake_label_studio import FakeLabelStudio
from papers_in_label_studio import LABELS, annotated_papers, picture
from served_label_studio import TOKEN, served
from waiting import until

from builders import interface_xml, recorded
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
STOPS = 50 if os.environ.get("PROMISES") == "full" else 1
SEED = int(os.environ.get("PROMISES_SEED", "20260102"))
WITHIN = 20.0  # seconds, as promised
READERS, PAGES = 2, 3  # /predict requests that are on their way at the stop, and the tasks of each
OTHER_PROJECT = 77  # its webhooks come through the stop; Label Studio has none of that number


def predict(place: Place, number: int) -> int:
    """Ask for a few pages that were never read before; how many entries the answer has, 0 if we came when it was closed."""
    tasks = [{"id": n, "data": {"image": picture(f"STOP {number} {n}")}} for n in range(PAGES)]
    body = {"tasks": tasks, "project": "5.1", "label_config": interface_xml(*LABELS)}
    try:
        answer = httpx.post(f"{place.url}/predict", json=body, auth=AUTH, timeout=60)
    except httpx.ConnectError:
        return 0
    assert answer.status_code == 200
    return len(answer.json()["results"])


def send_hints(place: Place, fake: FakeLabelStudio) -> int | None:
    """Webhooks, one after the other, until nobody listens any more. How many requests Label Studio had had when the last one
    that was acknowledged was sent; None if none was."""
    body: dict[str, Any] = recorded("11_webhook_ANNOTATION_CREATED.json")["request"]["body"]
    body["project"]["id"] = OTHER_PROJECT
    last: int | None = None
    while True:
        before = len(fake.requests)
        try:
            answer = httpx.post(f"{place.url}/webhook", json=body, headers=WEBHOOK, timeout=60)
        except httpx.TransportError:
            return last
        assert answer.status_code == 202
        last = before
        time.sleep(0.01)


def open_run(store: Store) -> RunRecord | None:
    return next((run for one in store.projects.all() if (run := store.runs.open_run(one.uid))), None)


def begun(store: Store) -> bool:
    run = open_run(store)
    return run is not None and run.state == "running"


def test_a_stop_in_the_middle_of_everything_loses_nothing(tmp_path: Path) -> None:
    print(f"seed {SEED}")  # noqa: T201
    dice = random.Random(SEED)
    fake = FakeLabelStudio()
    project = annotated_papers(fake)
    slowest, answered = 0.0, 0
    with served(fake) as url, ThreadPoolExecutor(READERS + 1) as others:
        place = Place.of(tmp_path, label_studio_url=url, label_studio_token=TOKEN, min_training_samples="5")
        for stop in range(STOPS):
            with place.store() as store:
                if open_run(store) is None:
                    store.runs.request(project, "Anna", time.time())
                (tmp_path / "hints" / "changed").mkdir(parents=True, exist_ok=True)
                (tmp_path / "hints" / "changed" / str(project)).touch()
                took, taken = stop_one(place, store, others, fake, stop, dice.uniform(0.0, 0.6))
                slowest, answered = max(slowest, took), answered + taken
        with place.store() as store, place.running("worker"):
            until(lambda: open_run(store) is None, 120, "the run ends")
            (record,) = store.projects.all()
            ended = store.runs.latest(record.uid, 99)
    assert {run.state for run in ended} == {"succeeded"}, [run.reason for run in ended]
    print(f"{STOPS} stops, the slowest took {slowest:.1f} s, {answered} requests answered; runs:", len(ended))  # noqa: T201
    assert answered >= STOPS  # of twice as many; a busy machine sends some too late


def stop_one(
    place: Place, store: Store, others: ThreadPoolExecutor, fake: FakeLabelStudio, number: int, moment: float
) -> tuple[float, int]:
    """Start docloop, stop it ``moment`` seconds after a training began; the seconds that took, and the requests answered."""
    with place.running("serve") as server:
        place.until_healthy(server)
        until(lambda: begun(store), 90, f"a run begins\n{place.log('serve')}")
        before = open_run(store)
        asked = [others.submit(predict, place, READERS * number + n) for n in range(READERS)]
        hints: Future[int | None] = others.submit(send_hints, place, fake)
        time.sleep(0.5 + moment)  # the requests are mostly accepted by now
        server.terminate()
        began = time.monotonic()
        assert server.wait(WITHIN) == 0
        took = time.monotonic() - began
    answers = [future.result() for future in asked]
    assert set(answers) <= {0, PAGES}  # none that was taken is cut off
    last = hints.result()
    assert last is not None
    asked_for = [path for _, path in fake.requests[last:]]  # Label Studio has no such project: a look at it ends there
    assert OTHER_PROJECT in place.hints or f"/api/projects/{OTHER_PROJECT}/" in asked_for
    after = open_run(store)
    if after is not None:
        assert before is not None
        assert (after.id, after.state, after.attempt) == (before.id, "requested", before.attempt)
    return took, sum(map(bool, answers))


def test_a_worker_that_waits_for_a_slow_label_studio_stops_in_time(tmp_path: Path) -> None:
    fake = FakeLabelStudio()
    project = annotated_papers(fake, papers=1)
    with served(fake, seconds=8.0) as url:
        place = Place.of(tmp_path, label_studio_url=url, label_studio_token=TOKEN)
        (tmp_path / "hints" / "changed").mkdir(parents=True)
        (tmp_path / "hints" / "changed" / str(project)).touch()
        with place.running("worker") as worker:
            until((tmp_path / "hints" / "taken" / str(project)).exists, 60, "the hint is taken")
            time.sleep(1.0)  # the look waits for the first of its answers
            worker.terminate()
            assert worker.wait(WITHIN) == 0
        assert project in place.hints  # what was cut off is begun again
