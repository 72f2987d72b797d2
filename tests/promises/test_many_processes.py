"""Two web processes and three workers over one PostgreSQL, Redis and S3; any is killed at any moment, and started again.

The Label Studio in memory is the oracle: in the end every open task has one prediction of the version of today, every annotation
one entry in the ledger, and nothing is there twice. Meanwhile documents come, people annotate, somebody adds a label, and a model
is promoted. ``PROMISES=full``: 500 documents and 60 kills; else 72 and 4. The seed is printed; ``PROMISES_SEED`` replays the
choices, though not what the processes make of them.
"""

from __future__ import annotations

import base64
import io
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from confirmed_papers import SPECS, confirmed
from docloop_processes import WEBHOOK, Place, children
from fake_label_studio import FakeLabelStudio
from missing import missing
from PIL import Image
from postgres import find_programs, running_postgres
from redis_server import new_redis_server
from s3_server import S3Server
from served_label_studio import TOKEN, served
from waiting import until

from builders import interface, interface_xml
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.label_studio.results import to_results
from ml_backend.models.manifest import Manifest
from ml_backend.services import model_registry, read_interface
from ml_backend.settings import load_settings
from ml_backend.store.store import Store, open_store
from training.trainers.token_trainer import TokenTrainer

FULL = os.environ.get("PROMISES") == "full"
SEED = int(os.environ.get("PROMISES_SEED", "20261120"))
DOCUMENTS = 500 if FULL else 72
KILLS = 60 if FULL else 4
LONGEST = 4.0  # seconds between two kills
FIRST = 8 * DOCUMENTS // 9  # documents that are there at the start: enough to share
PAGE = (2480, 3508)  # pixels, A4 at 300 dpi: to decode 64 of them takes one worker longer than the others need to look
ENDS_WITHIN = 300.0  # seconds after the last kill
LABELS, MORE_LABELS = ("total",), ("total", "date")
PROMOTED = "fields-1"

pytestmark = [pytest.mark.services, pytest.mark.timeout(3000 if FULL else 600)]


def page(number: int) -> dict[str, str]:
    """The data of a task with a picture like no other."""
    picture = Image.new("RGB", PAGE, "white")
    picture.putpixel((0, 0), (number // 256, number % 256, 7))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return {"image": "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()}


@dataclass
class Fleet:
    """The processes by name, each on a data folder of its own."""

    places: dict[str, Place]
    running: dict[str, tuple[ExitStack, subprocess.Popen[bytes]]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        stack = ExitStack()
        process = stack.enter_context(self.places[name].running(role(name)))
        self.running[name] = (stack, process)

    def kill(self, name: str) -> None:
        """Nobody but us ends a process."""
        stack, process = self.running.pop(name)
        assert process.poll() is None, f"{name} ended by itself:\n{self.places[name].log(role(name))[-3000:]}"
        forked = children(process.pid)  # of gunicorn, which would see within a second that nobody is there any more
        process.kill()
        for pid in forked:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        stack.close()

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def logs(self) -> str:
        return "\n".join(place.log(role(name)) for name, place in self.places.items())


def role(name: str) -> str:
    return name.rstrip("0123456789")


@dataclass
class People:
    """They annotate, send documents, change the labels and ``promote`` a model; Label Studio tells one of the web processes, if
    it is there."""

    fake: FakeLabelStudio
    project: int
    lock: threading.Lock
    dice: random.Random
    webs: list[str]
    promote: Callable[[], None]
    clock: float = field(default_factory=time.monotonic)
    made: int = 0
    changed: bool = False
    shown: int = 0  # annotations of tasks that had a prediction

    def work(self, done: threading.Event) -> None:
        while not done.wait(0.5):
            with self.lock:
                self._time_goes_by()
                self.send(min(1, DOCUMENTS - self.made))
                self._annotate()
                if self.made >= DOCUMENTS and not self.changed:
                    self.fake.projects[self.project].label_config = interface_xml(*MORE_LABELS)
            if self.made >= DOCUMENTS and not self.changed:
                self.promote()
                self.changed = True
            self.tell()

    def send(self, count: int) -> None:
        self.fake.add_tasks(self.project, [page(self.made + number) for number in range(count)])
        self.made += count

    def tell(self) -> None:
        body = {"action": "ANNOTATION_CREATED", "project": {"id": self.project}}
        with suppress(httpx.TransportError):
            httpx.post(f"{self.dice.choice(self.webs)}/webhook", json=body, headers=WEBHOOK, timeout=5)

    def _time_goes_by(self) -> None:
        now = time.monotonic()
        self.fake.pass_time(now - self.clock)
        self.clock = now

    def _annotate(self) -> None:
        """A task that was not annotated yet, with or without a prediction."""
        done = {one.task for one in self.fake.annotations.values()}
        task = self.dice.choice([task for task in self.fake.tasks_of(self.project) if task not in done] or [0])
        if task and len(done) < DOCUMENTS // 10:
            drawn = (Field("total", "12.50", Box(0.1, 0.1, 0.4, 0.2)),)
            shown = next((one.id for one in self.fake.predictions.values() if one.task == task), None)
            result = to_results(Prediction(drawn, (PAGE,), 1.0, ""), interface(*LABELS), task)
            self.fake.annotate(task, result, lead_time=7.5, prediction=shown)
            self.shown += shown is not None


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The settings that name a PostgreSQL, a Redis and an S3 server."""
    programs = find_programs()
    if programs is None:
        missing("there is no PostgreSQL: apt install postgresql")
    redis = new_redis_server(tmp_path)
    files = S3Server()
    for name, value in files.environment.items():
        monkeypatch.setenv(name, value)
    redis.start()
    files.start()
    try:
        with running_postgres(programs) as cluster:
            cluster.run("CREATE DATABASE docloop")
            database = cluster.url("docloop")
            yield {"store_url": database, "queue_url": redis.url, "storage_url": files.new_bucket()}
    finally:
        files.stop()
        redis.stop()


def promoting(fake: FakeLabelStudio, project: int, place: Place) -> Callable[[], None]:
    """A person publishes a model that was trained, and promotes it, on a machine of its own."""
    fitted = TokenTrainer().fit([confirmed(number) for number in range(12)], SPECS, PROMOTED, lambda stage, share: None)
    uid = fake.client().project(project).uid

    def promote() -> None:
        registry = model_registry(load_settings(place.settings))
        registry.publish(uid, Manifest(PROMOTED, TokenTrainer().kind, "2026-01-02T03:04:05Z"), fitted.save)
        registry.activate(uid, PROMOTED)

    return promote


def test_whoever_is_killed_nothing_is_lost_or_doubled(tmp_path: Path, three: dict[str, str]) -> None:
    print(f"seed {SEED}")  # noqa: T201
    dice = random.Random(SEED)
    fake, lock, done = FakeLabelStudio(), threading.Lock(), threading.Event()
    project = fake.add_project("Receipts", interface_xml(*LABELS), "Uncertainty sampling")
    with closing(open_store(three["store_url"])) as store, served(fake, one_at_a_time=lock) as address:
        given = {
            **three, "label_studio_url": address, "label_studio_token": TOKEN,
            "ocr_engine": "fake", "poll_seconds": "3", "min_training_samples": "100000", "api_token": "test-token",
        }  # fmt: skip
        names = ("web1", "web2", "worker1", "worker2", "worker3")
        fleet = Fleet({name: Place.of(tmp_path / name, **given) for name in names})
        promote = promoting(fake, project, Place.of(tmp_path / "admin", **given))
        people = People(fake, project, lock, dice, [fleet.places[name].url for name in names[:2]], promote)
        people.send(FIRST)
        working = threading.Thread(target=people.work, args=(done,))
        try:
            for name in names:
                fleet.start(name)
            working.start()
            until(lambda: store.push_batches.wanting(time.time()), 120, "the first predictions are shared")
            kills = kill_again_and_again(fleet, dice)
            print("killed:", dict(Counter(kills)))  # noqa: T201
            until(lambda: people.changed, 120 + DOCUMENTS, "all documents are sent")
            last = time.monotonic()
            until(lambda: not lacks(people, store), ENDS_WITHIN, "the end")
            print(f"done {time.monotonic() - last:.0f} s after the last kill")  # noqa: T201
        except AssertionError as error:
            error.add_note(f"{lacks(people, store)}\n{fleet.logs()}")
            raise
        finally:
            done.set()
            if working.ident:
                working.join()
            fleet.stop()
    doubled = Counter((one.task, one.model_version) for one in fake.predictions.values())
    assert max(doubled.values()) == 1
    assert "Traceback" not in fleet.logs()
    assert "predictions made for the worker that pushes" in fleet.logs(), "nobody helped: the test proves too little"


def kill_again_and_again(fleet: Fleet, dice: random.Random) -> list[str]:
    """Kill somebody at a random moment, start him again after another, everybody in turn; whom."""
    killed: list[str] = []
    while len(killed) < KILLS:
        time.sleep(dice.uniform(0.2, LONGEST))
        of_this_round = killed[len(killed) // len(fleet.places) * len(fleet.places) :]
        name = dice.choice([name for name in sorted(fleet.running) if name not in of_this_round])
        fleet.kill(name)
        killed.append(name)
        time.sleep(dice.uniform(0.0, 2.0))
        fleet.start(name)
    return killed


def lacks(people: People, store: Store) -> str:
    """What is not as it should be: Label Studio has a prediction for each open task, the ledger each annotation."""
    fake, project = people.fake, people.project
    record = store.projects.by_number(project)
    if record is None:
        return "nobody has looked"
    annotated = {one.annotation_id: one.document_id for one in store.ledger.annotations(record.uid)}
    corrected = store.ledger.counts(record.uid)
    wanted = f"{PROMOTED}.{read_interface(interface_xml(*MORE_LABELS)).fingerprint}"
    with people.lock:
        version = fake.projects[project].model_version
        mine = Counter(one.task for one in fake.predictions.values() if one.model_version == version)
        closed = {one.task for one in fake.annotations.values()}
        wrong = {
            f"Label Studio serves {version}, not {wanted}": version != wanted,
            "open tasks have no prediction": bool(set(fake.tasks_of(project)) - closed - mine.keys()),
            "tasks have two predictions": max(mine.values(), default=0) > 1,
            "the ledger has other annotations": annotated.keys() != fake.annotations.keys(),
            "the ledger has other documents": len(set(annotated.values())) != len(closed),
            # each drew one field that nobody had predicted
            f"the ledger has corrections {corrected} of {people.shown}": sum(corrected.values()) != people.shown,
            "the store has other documents": store.documents.count(record.uid) != DOCUMENTS,
        }
    return "; ".join(what for what, is_so in wrong.items() if is_so)
