"""P16: the disk is full, or refuses: docloop goes on answering, nothing is half-written, and work resumes within 10 s of space.

The data folder is a small tmpfs in a mount namespace of its own, which a hungry file keeps full (the test starts itself again
inside of it); then RLIMIT_FSIZE lets the running processes write nothing at all. Each part that writes is tried alone, too, with
every place to break at drawn by chance. ``PROMISES=full``: longer faults, five times each, 200 places; else once, 12 places. The
seed is printed; ``PROMISES_SEED`` replays the choices.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from docloop_processes import AUTH, WEBHOOK, Place, children
from fake_label_studio import FakeLabelStudio
from papers_in_label_studio import LABELS, annotated_papers, picture
from registry_harm import PROJECT, manifest
from served_label_studio import TOKEN, served
from waiting import until

from builders import interface, interface_xml, page, word
from ml_backend.credentials import load_credentials
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.errors import DocloopError
from ml_backend.jobs.queue import open_queue
from ml_backend.label_studio.results import to_results
from ml_backend.models.registry import ModelRegistry
from ml_backend.ocr.cache import PageCache, PageKey
from ml_backend.page_files import PageFiles
from ml_backend.settings import load_settings
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store, open_store

FULL = os.environ.get("PROMISES") == "full"
SEED = int(os.environ.get("PROMISES_SEED", "20261123"))
INSIDE = "DOCLOOP_TEST_INSIDE"
ROUNDS = 5 if FULL else 1
LASTS = (10.0, 40.0) if FULL else (6.0, 8.0)  # seconds of a fault
PLACES = 200 if FULL else 12
RESUMES = 10.0 if FULL else 25.0  # seconds; ten are promised, and the short form is run beside much else
SIZE = "64m"
SECRETS = {"DOCLOOP_OCR_ENGINE": "fake"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000 if FULL else 400)]


# -- each part alone -------------------------------------------------------------------------------------------------------


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """This process writes no file beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@dataclass(frozen=True)
class Part:
    """Something that is written by ``write``; ``whole`` says whether it is there or not at all, and raises for half of it."""

    write: Callable[[Path], object]
    whole: Callable[[Path], bool]


CONTENT = "ab" * 32
KEY = PageKey("d" * 64, "engine")
PAGE = page(word("TOTAL" * 500))


def _publish(folder: Path) -> None:
    def write(aside: Path) -> None:
        for number in range(4):
            (aside / f"part{number}.json").write_text(json.dumps(["x" * 2000 * number]))

    registry = ModelRegistry(folder)
    registry.publish(PROJECT, manifest(1), write)
    registry.activate(PROJECT, "fields-1")


def _published(folder: Path) -> bool:
    registry = ModelRegistry(folder)
    registry.tidy()
    assert registry.best(PROJECT).reason == ""
    if registry.versions(PROJECT):
        registry.get(PROJECT, "fields-1")
    assert not list(folder.glob(f"{PROJECT}/.aside*"))
    return registry.active(PROJECT) == "fields-1"


def _cached(folder: Path) -> bool:
    assert not list(folder.glob("*/*.part"))
    return PageCache(folder, 10**9).get(KEY) == PAGE


def _pages(folder: Path) -> bool:
    files = PageFiles(folder).get(CONTENT)
    assert files in ((), (b"a" * 3000, b"b" * 9000)), "all of them or none"
    assert {path.name for path in folder.glob("*/*")} <= {CONTENT}
    return bool(files)


def _secrets(folder: Path) -> bool:
    assert {path.name for path in folder.iterdir()} <= {"secrets.json"}
    return (folder / "secrets.json").exists() and bool(json.loads((folder / "secrets.json").read_text()))


def _stored(folder: Path) -> bool:
    file = folder / "docloop.sqlite3"
    if not file.exists() or not file.stat().st_size:
        return False
    with closing(sqlite3.connect(file)) as looked:
        assert looked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with closing(open_store(f"sqlite:///{file}")) as store:
        return bool(store.runs.requests())


def _request(folder: Path) -> None:
    with closing(open_store(f"sqlite:///{folder / 'docloop.sqlite3'}")) as store:
        store.runs.request(7, "Anna", 1.0)


def _enqueue(folder: Path) -> None:
    with closing(open_queue("", folder)) as queue:
        queue.enqueue("look", 7)


def _queued(folder: Path) -> bool:
    with closing(open_queue("", folder)) as queue:
        return bool(queue.waiting())


PARTS = {
    "model version": Part(_publish, _published),
    "OCR cache": Part(lambda folder: PageCache(folder, 10**9).put(KEY, PAGE), _cached),
    "page files": Part(lambda folder: PageFiles(folder).put(CONTENT, [b"a" * 3000, b"b" * 9000]), _pages),
    "secrets": Part(lambda folder: load_credentials(load_settings(SECRETS, data_dir=folder)), _secrets),
    "database": Part(_request, _stored),
    "queue": Part(_enqueue, _queued),
}


@pytest.mark.parametrize("name", PARTS)
def test_what_the_disk_refuses_is_not_there_and_can_be_written_later(name: str, tmp_path: Path) -> None:
    print(f"seed {SEED}")  # noqa: T201
    dice, part, refused = random.Random(f"{SEED} {name}"), PARTS[name], 0
    for place in range(PLACES):
        folder = tmp_path / str(place)
        folder.mkdir()
        size = 0 if not place else int(2 ** dice.uniform(0, 17))
        error: Exception | None = None
        with no_file_beyond(size):
            try:
                part.write(folder)
            except (DocloopError, OSError) as said:
                error = said
        there = part.whole(folder)
        assert there or error is not None, f"{name} is lost without a word at {size} bytes"
        refused += error is not None
        part.write(folder)
        assert part.whole(folder), f"{name} cannot be written after {size} bytes: {error}"
        shutil.rmtree(folder)
    assert refused, "the disk never refused"


# -- the whole -------------------------------------------------------------------------------------------------------------


def test_docloop_goes_on_beside_a_full_disk(tmp_path: Path) -> None:
    if not shutil.which("unshare"):
        pytest.fail("apt install util-linux") if os.environ.get("REQUIRE_SERVICES") else pytest.skip("no unshare")
    (tmp_path / "disk").mkdir()
    own = f"{Path(__file__)}::{flow.__name__}"
    script = (
        f'mount -t tmpfs -o size={SIZE},mode=700 none "{tmp_path / "disk"}" && '
        f'exec {sys.executable} -m pytest -q -s -p no:cacheprovider -o python_functions=flow "{own}"'
    )
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    environment = {**os.environ, INSIDE: str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=2500, check=False)
    print(done.stdout[-3000:])  # noqa: T201
    assert done.returncode == 0, done.stdout[-9000:] + done.stderr[-2000:]
    assert "1 passed" in done.stdout


class Hungry:
    """A file that takes all the room there is, again and again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hungry"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._eat)

    def __enter__(self) -> None:
        self._thread.start()
        until(lambda: shutil.disk_usage(self._path.parent).free == 0, 20, "the disk is full")

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._path.unlink()

    def _eat(self) -> None:
        with self._path.open("wb", buffering=0) as file:
            while not self._over.wait(0.02):
                for size in (1 << 20, 1 << 12, 1):
                    with suppress(OSError):
                        while file.write(b"\0" * size):
                            pass


@contextmanager
def writing_nothing(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    """The processes, and those that they have started, may write no byte to any file. Sockets and pipes are none."""

    def all_of(pid: int) -> list[int]:
        return [pid, *(each for child in children(pid) for each in all_of(child))]

    limited = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for one in processes for pid in all_of(one.pid)}
    for pid, (_, hard) in limited.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid, before in limited.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@dataclass
class Life:
    """Label Studio and its requests, on a disk that is full now and then."""

    place: Place
    disk: Path
    fake: FakeLabelStudio
    lock: threading.Lock
    project: int
    answers: list[tuple[str, int]] = field(default_factory=list)
    sent: int = 0

    @contextmanager
    def store(self) -> Iterator[Store]:
        with closing(open_store(f"sqlite:///{self.disk / 'docloop.sqlite3'}")) as store:
            yield store

    def goes_on(self) -> tuple[int, int]:
        """A document comes and another is annotated, with their webhooks; the numbers of task and annotation."""
        with self.lock:
            self.fake.pass_time(200.0)
            self.sent += 2
            new = [{"image": picture(f"TOTAL {self.sent + n}.25")} for n in range(2)]
            tasks = self.fake.add_tasks(self.project, new)
            drawn = Prediction((Field("total", "12.50", Box(0.1, 0.1, 0.4, 0.2)),), ((300, 80),), 1.0, "")
            made = self.fake.annotate(tasks[1], to_results(drawn, interface(*LABELS), tasks[1]), lead_time=7.5)
            self.fake.pass_time(200.0)
        return tasks[0], made

    def lacks(self, task: int, annotation: int) -> str:
        with self.lock:
            predicted = any(one.task == task for one in self.fake.predictions.values())
        with self.store() as store:
            record = store.projects.by_number(self.project)
            noted = record and annotation in {one.annotation_id for one in store.ledger.annotations(record.uid)}
        return "" if predicted and noted else f"predicted: {predicted}, in the ledger: {noted}"

    def ask_for(self, seconds: float) -> None:
        """Label Studio's requests, each with its limit: all are answered, webhooks with 202 or 503, tasks with predictions."""
        ends = time.monotonic() + seconds
        number = 0
        with httpx.Client(base_url=self.place.url, timeout=30) as client:
            while time.monotonic() < ends:
                number += 1
                assert client.get("/health", timeout=1.0).status_code == 200
                setup = {"project": f"{self.project}.1", "schema": interface_xml(*LABELS)}
                assert client.post("/setup", json=setup, auth=AUTH, timeout=3.0).status_code == 200
                tasks = [{"id": number, "data": {"image": picture(f"NEW {number} {seconds}")}}]
                body = {"tasks": tasks, "project": f"{self.project}.1", "label_config": interface_xml(*LABELS)}
                answer = client.post("/predict", json=body, auth=AUTH)
                assert answer.status_code == 200, answer.text
                (result,) = answer.json()["results"]
                assert isinstance(result, dict), "a new page is predicted"
                hint = {"action": "ANNOTATION_UPDATED", "project": {"id": self.project}}
                status = client.post("/webhook", json=hint, headers=WEBHOOK, timeout=1.0).status_code
                assert status in (202, 503)
                self.answers.append(("/webhook", status))
                export = client.post(f"/api/v1/projects/{self.project}/exports", json={"format": "jsonl"}, auth=AUTH)
                self.answers.append(("export", export.status_code))
                time.sleep(0.3)


def check(life: Life, what: str, fault: Any, seconds: float) -> None:
    life.answers.clear()
    with fault:
        came = life.goes_on()
        life.ask_for(seconds)
    over = time.monotonic()
    try:
        until(lambda: not life.lacks(*came), RESUMES, f"work resumes after: {what}")
    except AssertionError as error:
        error.add_note(life.lacks(*came))
        raise
    told = sorted({f"{name} {status}" for name, status in life.answers})
    print(f"{what} for {seconds:.0f} s: resumed after {time.monotonic() - over:.1f} s; {told}")  # noqa: T201


def whole(disk: Path) -> None:
    """Nothing on the disk is half-written."""
    for name in ("docloop.sqlite3", "jobs.sqlite3"):
        with closing(sqlite3.connect(disk / name, timeout=30)) as looked:
            assert looked.execute("PRAGMA integrity_check").fetchone() == ("ok",), name
    for path in disk.rglob("*.json"):
        json.loads(path.read_text())
    left = [path for path in disk.rglob("*") if path.name.startswith((".part-", ".aside")) or path.suffix == ".part"]
    assert not left, left


def trains(life: Life) -> None:
    """A training that the full disk breaks is begun again when there is room, and ends."""
    with life.store() as store:
        store.runs.request(life.project, "Anna", time.time())
        uid = store.projects.all()[0].uid
        until(lambda: any(run.state == "running" for run in store.runs.latest(uid, 1)), 60, "the training begins")
    with Hungry(life.disk):
        until(lambda: "attempt 1 failed" in life.place.log("worker"), 120, "it breaks")
        time.sleep(5.0)
    over = time.monotonic()
    with life.store() as store:
        until(lambda: newest(store, uid).attempt > 1, RESUMES, "it begins again")
        print(f"the training begins again after {time.monotonic() - over:.1f} s")  # noqa: T201
        until(lambda: newest(store, uid).state in ("succeeded", "failed"), 240, "it ends")
        assert newest(store, uid).state == "succeeded", newest(store, uid)
    registry = ModelRegistry(life.disk / "models")
    assert [one.version for one in registry.versions(uid)] == ["fields-1"]
    registry.get(uid, "fields-1")


def newest(store: Store, uid: str) -> RunRecord:
    return store.runs.latest(uid, 1)[0]


def flow() -> None:
    """What the test above starts."""
    print(f"seed {SEED}")  # noqa: T201
    dice = random.Random(SEED)
    disk = Path(os.environ[INSIDE]) / "disk"
    fake, lock = FakeLabelStudio(), threading.Lock()
    project = annotated_papers(fake)
    with served(fake, one_at_a_time=lock) as url:
        place = Place.of(
            Path(os.environ[INSIDE]) / "logs", label_studio_url=url, label_studio_token=TOKEN,
            poll_seconds="3", data_dir=str(disk), min_training_samples="1000",
        )  # fmt: skip
        life = Life(place, disk, fake, lock, project)
        with Hungry(disk), place.running("web") as web:  # before its first start
            assert web.wait(60) != 0
            assert "secrets" in place.log("web")
        assert not (disk / "secrets.json").exists()
        with place.running("web") as web, place.running("worker") as worker:
            place.until_healthy(web)
            httpx.post(
                f"{place.url}/webhook", json={"action": "X", "project": {"id": project}}, headers=WEBHOOK, timeout=30
            )
            first = life.goes_on()
            try:
                until(lambda: not life.lacks(*first), 120, "docloop works")
                for _ in range(ROUNDS):
                    check(life, "disk full", Hungry(disk), dice.uniform(*LASTS))
                    check(life, "every write refused", writing_nothing(web, worker), dice.uniform(*LASTS))
                trains(life)
            except AssertionError as error:
                error.add_note(f"web:\n{place.log('web')[-3000:]}\nworker:\n{place.log('worker')[-5000:]}")
                raise
            assert (web.poll(), worker.poll()) == (None, None), "nobody was started again"
            for process in (web, worker):
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
        whole(disk)
