"""P17: Redis restarted, emptied or hung, PostgreSQL restarted or hung, SQLite locked: Label Studio sees no error, work resumes.

A web process and a worker run over real servers. During each fault Label Studio's requests go on, each with the limit that the
real one gives it: webhooks and ``/health`` a second, ``/setup`` three, ``/predict`` a hundred. After it an annotation and a
document that came meanwhile are in the ledger and predicted. ``PROMISES=full``: three times every fault in an order of chance,
longer ones; else once. The seed is printed; ``PROMISES_SEED`` replays the choices.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from docloop_processes import AUTH, WEBHOOK, Place
from fake_label_studio import FakeLabelStudio
from missing import missing
from papers_in_label_studio import picture
from postgres import RunningPostgres, find_programs, running_postgres
from redis_server import RedisServer, new_redis_server
from served_label_studio import TOKEN, served
from waiting import until

from builders import interface, interface_xml
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.errors import StoreError
from ml_backend.label_studio.results import to_results
from ml_backend.store.store import Store, open_store

FULL = os.environ.get("PROMISES") == "full"
SEED = int(os.environ.get("PROMISES_SEED", "20261121"))
ROUNDS = 3 if FULL else 1
LASTS = (5.0, 40.0) if FULL else (3.0, 5.0)  # seconds of a fault
LOCKED = 20.0 if FULL else 6.0
RESUMES = 90.0  # seconds; a worker that was cut off pauses for five, a hint that it had taken is found by the poll
WAITS = {"/webhook": 1.0, "/health": 1.0, "/setup": 3.0, "/predict": 100.0}  # seconds that Label Studio does
ONE_PREDICT = 20.0  # seconds that we grant it
PAUSE = 0.15  # seconds between two requests of a kind

pytestmark = [pytest.mark.services, pytest.mark.timeout(3000 if FULL else 600)]


@dataclass
class Asking:
    """Label Studio's requests, one thread a kind; what went wrong, and how long the slowest took, by address."""

    place: Place
    project: int
    wrong: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=lambda: dict.fromkeys(WAITS, 0.0))
    count: int = 0

    @contextmanager
    def going_on(self) -> Iterator[None]:
        stop = threading.Event()
        with ThreadPoolExecutor(len(WAITS)) as threads:
            asked = [threads.submit(self._ask, path, stop) for path in WAITS]
            try:
                yield
            finally:
                stop.set()
            for each in asked:
                each.result()

    def _ask(self, path: str, stop: threading.Event) -> None:
        task = {"id": 1, "data": {"image": picture("TOTAL 12.50")}}
        body = {
            "/webhook": {"action": "ANNOTATION_UPDATED", "project": {"id": self.project}},
            "/setup": {"project": f"{self.project}.1", "schema": interface_xml("total")},
            "/predict": {"tasks": [task] * 3, "project": f"{self.project}.1", "label_config": interface_xml("total")},
        }.get(path)
        how = {"headers": WEBHOOK} if path == "/webhook" else {"auth": AUTH}
        with httpx.Client(base_url=self.place.url, timeout=WAITS[path]) as client:
            while not stop.wait(PAUSE):
                began = time.monotonic()
                try:
                    answer = client.post(path, json=body, **how) if body else client.get(path)  # type: ignore[arg-type]
                except httpx.HTTPError as error:
                    self.wrong.append(f"{path}: {error!r} after {time.monotonic() - began:.2f} s")
                    continue
                self.count += 1
                self.slowest[path] = max(self.slowest[path], time.monotonic() - began)
                if not answer.is_success or (path == "/predict" and len(answer.json()["results"]) != 3):
                    self.wrong.append(f"{path}: {answer.status_code} {answer.text[:300]}")


@dataclass
class Life:
    """A project in which people go on working, and what docloop has to have made of it."""

    fake: FakeLabelStudio
    lock: threading.Lock
    project: int
    store: Callable[[], Store]
    sent: int = 0

    def goes_on(self) -> tuple[int, int]:
        """A document comes, and one more is annotated: the numbers of task and annotation."""
        with self.lock:
            self.fake.pass_time(200.0)
            tasks = self.fake.add_tasks(self.project, [{"image": picture(f"TOTAL {self.sent + n}.50")} for n in (0, 1)])
            self.sent += 2
            drawn = Prediction((Field("total", "12.50", Box(0.1, 0.1, 0.4, 0.2)),), ((300, 80),), 1.0, "")
            result = to_results(drawn, interface("total"), tasks[1])
            made = self.fake.annotate(tasks[1], result, lead_time=7.5)
            self.fake.pass_time(200.0)
        return tasks[0], made

    def lacks(self, task: int, annotation: int) -> str:
        with self.lock:
            predicted = any(one.task == task for one in self.fake.predictions.values())
        with closing(self.store()) as store:
            record = store.projects.by_number(self.project)
            known = store.ledger.annotations(record.uid) if record else ()
            noted = annotation in {one.annotation_id for one in known}
        return "" if predicted and noted else f"predicted: {predicted}, in the ledger: {noted}"


@contextmanager
def lived(folder: Path, **given: str) -> Iterator[tuple[Asking, Life]]:
    """A web process and a worker with these settings, beside a Label Studio in memory; all is well when it begins."""
    fake, lock = FakeLabelStudio(), threading.Lock()
    project = fake.add_project("Receipts", interface_xml("total"), "Uncertainty sampling")
    with served(fake, one_at_a_time=lock) as address, ExitStack() as stack:
        place = Place.of(
            folder, label_studio_url=address, label_studio_token=TOKEN, ocr_engine="fake", poll_seconds="10", **given
        )
        life = Life(fake, lock, project, lambda: open_store(given.get("store_url") or f"sqlite:///{place.store_file}"))
        web = stack.enter_context(place.running("web"))
        worker = stack.enter_context(place.running("worker"))
        try:
            place.until_healthy(web)
            asking = Asking(place, project)
            hint = {"action": "ANNOTATION_UPDATED", "project": {"id": project}}
            assert httpx.post(f"{place.url}/webhook", json=hint, headers=WEBHOOK, timeout=30).status_code == 202
            first = life.goes_on()
            until(lambda: not life.lacks(*first), 120, "docloop works")
            with asking.going_on():
                time.sleep(2.0)  # what is imported at the first request is
            asking.slowest = dict.fromkeys(WAITS, 0.0)
            asking.wrong.clear()
            yield asking, life
            assert (web.poll(), worker.poll()) == (None, None), "nobody ended"
            assert "Traceback" not in place.log("web"), place.log("web")[-3000:]
        except AssertionError as error:
            error.add_note(f"web:\n{place.log('web')[-3000:]}\nworker:\n{place.log('worker')[-5000:]}")
            raise


@contextmanager
def stopped(server: RedisServer | RunningPostgres) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def emptied(server: RedisServer) -> Iterator[None]:
    server.empty()
    yield
    server.empty()


@contextmanager
def hung(send: Callable[[int], object]) -> Iterator[None]:
    send(signal.SIGSTOP)
    try:
        yield
    finally:
        send(signal.SIGCONT)


def check(asking: Asking, life: Life, what: str, fault: Callable[[], object], lasts: float) -> None:
    """Label Studio's requests meet no error during the fault and after it, and what came meanwhile is worked on."""
    asking.slowest, before = dict.fromkeys(WAITS, 0.0), asking.count
    with asking.going_on():
        with fault():  # type: ignore[attr-defined]
            came = life.goes_on()
            time.sleep(lasts)
        over = time.monotonic()
        until(lambda: not life.lacks(*came), RESUMES, f"work resumes after: {what}")
    took = ", ".join(f"{path} {seconds:.2f}" for path, seconds in asking.slowest.items())
    resumed, count = time.monotonic() - over, asking.count - before
    print(f"{what} for {lasts:.0f} s: resumed after {resumed:.0f} s; {count} requests, slowest: {took}")  # noqa: T201
    assert asking.wrong == [], what
    assert asking.slowest["/predict"] < ONE_PREDICT, what


def test_redis_and_postgresql_may_go_and_come_back(tmp_path: Path) -> None:
    print(f"seed {SEED}")  # noqa: T201
    dice = random.Random(SEED)
    programs = find_programs()
    if programs is None:
        missing("there is no PostgreSQL: apt install postgresql")
    redis = new_redis_server(tmp_path)
    redis.start()
    try:
        with running_postgres(programs) as postgres:
            postgres.run("CREATE DATABASE docloop")
            assert redis.process is not None
            faults: dict[str, Callable[[], object]] = {
                "Redis restarted": lambda: stopped(redis),
                "Redis emptied": lambda: emptied(redis),
                "Redis hung": lambda: hung(redis.process.send_signal),  # type: ignore[union-attr]
                "PostgreSQL restarted": lambda: stopped(postgres),
                "PostgreSQL hung": lambda: hung(postgres.signal),
            }
            with lived(tmp_path / "data", store_url=postgres.url("docloop"), queue_url=redis.url) as (asking, life):
                for _ in range(ROUNDS):
                    for what in dice.sample(sorted(faults), len(faults)):
                        check(asking, life, what, faults[what], dice.uniform(*LASTS))
    finally:
        redis.stop()


@contextmanager
def locked(*files: Path) -> Iterator[None]:
    with ExitStack() as stack:
        for path in files:
            connection = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None, timeout=30)))
            connection.execute("BEGIN IMMEDIATE")
        yield


def test_sqlite_may_be_locked_by_another_program(tmp_path: Path) -> None:
    with lived(tmp_path / "data") as (asking, life):
        files = [asking.place.store_file, asking.place.folder / "jobs.sqlite3"]
        train = {"action": "START_TRAINING", "project": {"id": life.project}}

        def press() -> int:
            """Label Studio gives this one 100 s."""
            return httpx.post(f"{asking.place.url}/webhook", json=train, auth=AUTH, timeout=100).status_code

        with ThreadPoolExecutor(1) as person:

            @contextmanager
            def fault() -> Iterator[None]:
                with locked(*files):
                    pressed.append(person.submit(press))
                    yield

            pressed: list[object] = []
            check(asking, life, "SQLite locked", fault, LOCKED)
            assert pressed[0].result() == 202  # type: ignore[attr-defined]


def test_a_postgresql_that_never_answers_is_given_up_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_backend.store.impatient.PATIENCE", 1.0)
    programs = find_programs()
    if programs is None:
        missing("there is no PostgreSQL: apt install postgresql")
    with running_postgres(programs) as postgres, closing(open_store(postgres.url("postgres"))) as store:
        store.projects.all()  # the connection that is used again
        with hung(postgres.signal):
            for ask in (store.projects.all, lambda: store.leases.take("a", "b", 0.0, 1.0)):
                with pytest.raises(StoreError, match="database cannot be used"):
                    ask()
        assert store.projects.all() == []
