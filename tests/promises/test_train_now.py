"""P2: "Train now" that was acknowledged happens, once. Kills -9 right after the answer lose no request; kills -9 anywhere between
the request and the end of its run make neither a second run nor a second version.

``PROMISES=full``: 200 kills each; otherwise a few. The seed is printed; ``PROMISES_SEED`` replays it.
"""

from __future__ import annotations

import importlib
import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from docloop_processes import AUTH, WEBHOOK, Place, children
from loop_parts import Loop
from waiting import until

from builders import recorded
from ml_backend.jobs.queue import open_queue
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import build_services, models_folder, store_url
from ml_backend.settings import Settings
from ml_backend.store.records import ProjectRecord
from ml_backend.store.store import Store, open_store
from training.supervisor import reap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
FULL = os.environ.get("PROMISES") == "full"
KILLS = 200 if FULL else 3
SEED = int(os.environ.get("PROMISES_SEED", "20260102"))
AT_ONCE = 3  # requests that are on their way when the process is killed
FIRST_LIMIT = 3.0  # seconds within which the first kill comes; found out from there


def press(place: Place, project: int) -> int:
    """Press Label Studio's button, or ask by docloop's own API; the status of the answer."""
    if project % 2:
        body = recorded("18_webhook_START_TRAINING.json")["request"]["body"]
        body["project"]["id"] = project
        return httpx.post(f"{place.url}/webhook", json=body, headers=WEBHOOK).status_code
    return httpx.post(f"{place.url}/api/v1/projects/{project}/train", auth=AUTH).status_code


def test_what_was_acknowledged_is_in_the_store_after_a_kill(tmp_path: Path) -> None:
    place = Place.of(tmp_path)
    acknowledged: set[int] = set()

    def ask(project: int, serving: int, not_killed: threading.Lock) -> None:
        try:
            status = press(place, project)
        except httpx.TransportError:
            return  # killed before it could answer
        if not_killed.acquire(blocking=False):
            os.kill(serving, signal.SIGKILL)
        assert status == 202
        acknowledged.add(project)

    with place.running("web") as web, place.store() as store:
        for project in range(1, KILLS * AT_ONCE + 1):
            store.projects.put(ProjectRecord(f"{project}.1", project))
        for kill in range(KILLS):
            place.until_healthy(web)
            (serving,) = children(web.pid)
            first = kill * AT_ONCE + 1
            once = threading.Lock()
            asking = [threading.Thread(target=ask, args=(first + n, serving, once)) for n in range(AT_ONCE)]
            for thread in asking:
                thread.start()
            for thread in asking:
                thread.join()
            assert acknowledged & set(range(first, first + AT_ONCE)), f"kill {kill} came after an answer"
            until(lambda gone=serving: gone not in children(web.pid), 30, "the killed one is gone")  # type: ignore[misc]
            assert acknowledged <= {request.project_id for request in store.runs.requests()}
            assert acknowledged <= place.hints
        kept = [request.project_id for request in store.runs.requests()]
    assert len(kept) == len(set(kept))
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged, 0 lost")  # noqa: T201


def work(settings: Settings) -> None:
    """What a worker does for one request: look, decide, train, publish, promote, and look again."""
    services = build_services(settings, engine=FakeEngine([]))
    loop = Loop.of(services, open_queue("", settings.data_dir), documents=22)
    loop.annotate(20)  # the Label Studio in memory comes to the same at each attempt
    for _ in range(2):
        loop.worker.look(loop.project)
        for run in services.store.runs.requested():
            loop.worker.train(run.id)


def killed_after(seconds: float, action: Callable[[], object]) -> bool:
    """Run it in a process that is killed after some time; whether it came to its end before."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert status == 0, "it breaks by itself"
            return True
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def take_over(store: Store, project: int) -> None:
    """What the next worker does when the one before has been silent for long: its lease and its run are free."""
    later = time.time() + 3600
    name = f"look-{project}"
    assert store.leases.take(name, "next", later, 1.0)
    store.leases.release(name, "next")
    reap(store, later, attempts=10_000)


def test_a_round_that_is_killed_anywhere_makes_one_version(settings: Settings) -> None:
    for name in ("sklearn.linear_model", "skops.io", "training.train_child", "label_studio_sdk.client"):
        importlib.import_module(name)  # once, for all children
    print(f"seed {SEED}")  # noqa: T201
    dice = random.Random(SEED)
    kills, histories, limit = 0, 0, FIRST_LIMIT

    def moment() -> float:
        return dice.uniform(0.0, limit) if kills < KILLS else math.inf

    while kills < KILLS:
        histories += 1
        mine = settings.model_copy(update={"data_dir": settings.data_dir / str(histories)})
        store = open_store(store_url(mine))
        store.runs.request(1, "Anna", time.time())
        store.close()
        while not killed_after(moment(), lambda mine=mine: work(mine)):  # type: ignore[misc]
            kills, limit = kills + 1, 1.2 * limit
            store = open_store(store_url(mine))
            take_over(store, 1)
            asked = [*store.runs.requests(), *store.runs.latest(store_uid(store), 9)]
            assert len(asked) == 1, "the request is kept, or its run is there; never both, never none"
            store.close()
        check_one_version(mine)
        limit *= 0.6
    print(f"{kills} kills in {histories} histories: one version each")  # noqa: T201


def store_uid(store: Store) -> str:
    found = store.projects.by_number(1)
    return found.uid if found else ""


def check_one_version(settings: Settings) -> None:
    store = open_store(store_url(settings))
    uid = store_uid(store)
    (run,) = store.runs.latest(uid, 9)
    assert (run.state, run.version, run.requested_by) == ("succeeded", "fields-1", "Anna"), run.reason
    assert store.runs.requests() == []
    store.close()
    registry = ModelRegistry(models_folder(settings))
    assert [one.version for one in registry.versions(uid)] == ["fields-1"]
    assert (registry.active(uid), registry.history(uid)) == ("fields-1", ("",))  # promoted once
    assert registry.best(uid).reason == ""
    folder = models_folder(settings) / uid
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["fields-1"]
