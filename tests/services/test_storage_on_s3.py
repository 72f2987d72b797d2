"""Files by URL on a real S3 server: the contracts of bucket and registry, several machines, kills, and a server that is away."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from made_receipts import SPECS, made_receipt
from registry_harm import KILLED, hooked, is_whole
from registry_harm import manifest as numbered
from registry_harm import write as writing
from s3_server import S3Server
from waiting import until

from contracts.bucket_contract import BucketContract
from contracts.model_registry_contract import PROJECT, ModelRegistryContract
from ml_backend.document.elements import Page
from ml_backend.errors import StorageError
from ml_backend.models.registry import ModelRegistry
from ml_backend.models.shared_registry import SharedRegistry
from ml_backend.ocr.cache import PageKey
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import Services, build_services, page_files, store_url
from ml_backend.settings import Settings
from ml_backend.shared_files import leased
from ml_backend.storage import Bucket, open_bucket
from ml_backend.store.records import DocumentRecord, ProjectRecord
from ml_backend.store.store import open_store
from training.forgetting import forget_deleted
from training.run_limits import Limits
from training.supervisor import Supervisor
from training.train_child import train_and_send

STRIDE = 1 if os.environ.get("PROMISES") == "full" else 8
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    made = S3Server()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def url(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, with the environment to reach it."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server.new_bucket()


@pytest.fixture
def bucket(url: str) -> Bucket:
    return open_bucket(url)


@pytest.fixture
def database(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    open_store(made).close()
    return made


def machine(folder: Path, bucket: Bucket, database: str) -> SharedRegistry:
    return SharedRegistry(folder / "models", bucket.below("models"), partial(leased, database))


def serving(registry: ModelRegistry, *numbers: int) -> None:
    for number in numbers:
        registry.publish(PROJECT, numbered(number), writing(number))
        registry.activate(PROJECT, f"fields-{number}")


class TestBucketOnS3(BucketContract):
    pass


class TestRegistryOnS3(ModelRegistryContract):
    @pytest.fixture
    def registry(self, tmp_path: Path, bucket: Bucket, database: str) -> SharedRegistry:
        return machine(tmp_path, bucket, database)


def test_a_bucket_that_does_not_exist_is_not_an_empty_one(url: str) -> None:
    with pytest.raises(StorageError, match="no such bucket"):
        open_bucket("s3://docloop-none-of-this-name/x").list("heads")


def test_without_a_key_it_says_so_and_asks_nobody_else(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(StorageError, match="The storage refuses"):
        open_bucket(url).list("heads")
    assert os.environ["AWS_EC2_METADATA_DISABLED"] == "true"


def test_no_secret_or_signature_is_logged_at_any_level(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        bucket.check()
    assert not [line for line in caplog.messages if "test-secret" in line or "Signature" in line or "AWS4" in line]


def test_kill_9_before_each_step_leaves_the_old_version_or_the_new_on_every_machine(
    tmp_path: Path, bucket: Bucket, url: str, database: str
) -> None:
    serving(machine(tmp_path / "one", bucket, database), 1)
    for name, step in killed_at_each_step(tmp_path, url, lambda registry: serving(registry, 2)):
        best = machine(tmp_path / name, bucket, database).best(PROJECT)
        assert best.version in ("fields-1", "fields-2"), (step, name)
        assert best.reason == "", (step, name)
        assert is_whole(best.folder, best.version), (step, name)
    again = machine(tmp_path / "one", bucket, database)
    again.follow()
    serving(again, 2)
    assert machine(tmp_path / "last", bucket, database).best(PROJECT).version == "fields-2"
    assert _files(bucket) == _hashes(again), "what killed publishers left is gone"


def test_kill_9_before_each_step_of_a_rewriting_leaves_it_as_it_was_or_done_on_every_machine(
    tmp_path: Path, bucket: Bucket, url: str, database: str
) -> None:
    serving(machine(tmp_path / "one", bucket, database), 1)
    for name, step in killed_at_each_step(tmp_path, url, lambda one: one.rewrite(PROJECT, "fields-1", _emptied)):
        best = machine(tmp_path / name, bucket, database).best(PROJECT)
        assert (best.version, best.reason) == ("fields-1", ""), (step, name)
        assert best.folder is not None
        assert (best.folder / "words" / "known.txt").read_text() in ("TOTAL 1", ""), (step, name)
    again = machine(tmp_path / "one", bucket, database)
    again.rewrite(PROJECT, "fields-1", _emptied)
    assert _files(bucket) == _hashes(again)
    left = [each.key for each in bucket.list("models") if b"TOTAL 1" in (bucket.get(each.key, 100_000) or b"")]
    assert left == []


def _emptied(folder: Path) -> dict[str, int]:
    (folder / "words" / "known.txt").unlink()
    (folder / "words" / "known.txt").write_text("")
    return {"taken_out": 1}


def _files(bucket: Bucket) -> set[str]:
    return {each.key.rpartition("/")[2] for each in bucket.list(f"models/versions/{PROJECT}/files")}


def _hashes(registry: SharedRegistry) -> set[str]:
    return {digest for each in registry.versions(PROJECT) for digest in each.files.values()}


def killed_at_each_step(
    tmp_path: Path, url: str, action: Callable[[SharedRegistry], object]
) -> Iterator[tuple[str, int]]:
    """Do it in processes that are killed at a step each; after each the names of a machine that was there and a fresh one."""
    killed = 0
    for step in range(0, 400, STRIDE):
        status = _killed(url, tmp_path / "one", step, action)
        yield "one", step
        yield f"fresh-{step}", step
        if status == 0:
            break
        assert status == KILLED, step
        killed += 1
    print(f"killed at {killed} steps")  # noqa: T201
    assert killed > 40 // STRIDE


def _killed(url: str, folder: Path, step: int, action: Callable[[SharedRegistry], object]) -> int:
    """Do it in a process that dies before its ``step``-th step, as by kill -9; the exit status."""
    child = os.fork()
    if child == 0:
        left = step

        def count(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(KILLED)

        try:
            registry = SharedRegistry(folder / "models", open_bucket(url).below("models"), _alone)
            with hooked(count), pytest.MonkeyPatch.context() as patch:
                for name in ("put", "put_file", "delete"):
                    patch.setattr(Bucket, name, _counting(getattr(Bucket, name), count))
                registry.follow()
                action(registry)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    yield


def _counting(real: Callable[..., Any], count: Callable[[], None]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        count()
        return real(*args)

    return call


def test_machines_that_publish_and_promote_at_once_leave_whole_versions_and_one_story(
    tmp_path: Path, bucket: Bucket, database: str
) -> None:
    machines = [machine(tmp_path / str(each), bucket, database) for each in range(3)]
    faults: list[Exception] = []

    def work(registry: SharedRegistry, numbers: Sequence[int]) -> None:
        try:
            serving(registry, *numbers)
        except Exception as error:
            faults.append(error)

    threads = [
        threading.Thread(target=work, args=(registry, range(1 + at, 7 + at, 3))) for at, registry in enumerate(machines)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    for registry in machines:
        registry.follow()
    stories = {(registry.active(PROJECT), registry.history(PROJECT)) for registry in machines}
    assert len(stories) == 1
    ((active, history),) = stories
    assert sorted((active, *history)) == ["", *(f"fields-{number}" for number in range(1, 7))], "no promotion was lost"
    for number in range(1, 7):
        version = f"fields-{number}"
        assert is_whole(machines[0].get(PROJECT, version)[1], version)


def test_a_server_that_is_away_or_hangs_costs_nothing_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    server = S3Server()
    server.start()
    try:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        bucket = open_bucket(server.new_bucket())
        one, two = (machine(tmp_path / name, bucket, database) for name in ("one", "two"))
        serving(one, 1, 2)
        for each in (one, two):
            assert each.best(PROJECT).version == "fields-2"
            each.follow()
        server.freeze()
        began = time.monotonic()
        assert [two.best(PROJECT).version for _ in range(20)] == ["fields-2"] * 20
        assert time.monotonic() - began < 1.0, "no question waits for the server"
        began = time.monotonic()
        with pytest.raises(StorageError, match="does not answer"):
            one.publish(PROJECT, numbered(3), writing(3))
        two.follow()
        assert time.monotonic() - began < 60
        assert "does not answer" in two.fault
        server.go_on()
        one.follow()
        two.follow()
        assert two.fault == ""
        assert is_whole(two.get(PROJECT, "fields-3")[1], "fields-3"), "sent when the server answered again"
    finally:
        server.stop()


# -- whole processes' parts: services, a training, forgetting ----------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path, url: str, database: str) -> Iterator[list[Services]]:
    """The services of two machines with one database and one bucket."""
    common = {"storage_url": url, "store_url": database}
    made = [
        build_services(Settings(data_dir=tmp_path / name, **common), FakeEngine([])) for name in ("first", "second")
    ]
    yield made
    for each in made:
        each.close()


def test_a_promotion_is_followed_by_a_running_process_within_seconds(two: list[Services]) -> None:
    first, second = two
    second.follow()
    serving(first.registry, 1)
    assert second.registry.active(PROJECT) == "fields-1"
    for number in (2, 3):
        serving(first.registry, number)
        began = time.monotonic()
        until(lambda number=number: second.registry.active(PROJECT) == f"fields-{number}", 10)  # type: ignore[misc]
        print(f"followed after {time.monotonic() - began:.1f} s")  # noqa: T201
        assert is_whole(second.registry.best(PROJECT).folder, f"fields-{number}")


def test_what_is_forgotten_here_leaves_the_bucket_and_the_other_machine(
    two: list[Services], bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_backend.following._LOOK_FORGOTTEN", 0.5)
    first, second = two
    content, key = "c0ffee" + "0" * 58, PageKey("0a1b", "fake", "")
    secret = b"CANARY of a page"
    page_files(first.settings).put(content, [secret])
    first.pool._cache.put(key, Page(1, 1, (), "fake", ""))  # type: ignore[union-attr]
    assert page_files(second.settings).get(content) == (secret,)
    until(lambda: second.pool._cache.get(key))  # type: ignore[union-attr]
    first.store.projects.put(ProjectRecord(PROJECT, 41, "Receipts"))
    for each in two:
        serving(each.registry, 1)
    # No document has the page, and no sample the content: as after a reconcile that found the task deleted.
    forget_deleted(first, time.time(), thoroughly=True)
    first.registry.forget(PROJECT)
    assert [each.key for part in ("pages", "ocr") for each in bucket.list(part)] == []
    assert [each.key for each in bucket.list("models")] == [f"models/heads/{PROJECT}"], "the word that it is gone"
    second.follow()
    until(
        lambda: not page_files(second.settings).copies() and not (tmp_path / "second" / "models" / PROJECT).exists(), 20
    )
    until(lambda: second.pool._cache.get(key) is None, 20)  # type: ignore[union-attr]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert left == []


CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    + "".join(f'<Label value="{spec.label}" field_type="{spec.type}"/>' for spec in SPECS)
    + "</RectangleLabels></View>"
)


def test_a_training_process_without_a_key_makes_a_version_that_all_machines_have(two: list[Services]) -> None:
    first, second = two
    store = first.store
    store.projects.put(ProjectRecord(PROJECT, 41, "Receipts", label_config=CONFIG))
    records = [DocumentRecord(0, PROJECT, n, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", {}) for n in range(8)]
    for (task, _), number in store.documents.put_many(PROJECT, records).items():
        store.samples.put(number, made_receipt(task))
    begun = store.runs.begin(PROJECT, 41, "test", "", 8, time.time())
    assert begun is not None
    run = store.runs.claim(begun.id, time.time())
    assert run is not None
    first.follow()
    supervisor = Supervisor(store, store_url(first.settings), Limits(memory=3 * 10**9))
    supervisor.supervise(run, train_and_send, {"data_dir": str(first.settings.data_dir), "country": ""})
    ended = store.runs.get(run.id)
    assert ended is not None
    assert ended.state == "succeeded", ended.reason
    manifest, folder = second.registry.get(PROJECT, ended.version)
    assert manifest.files
    assert (folder / "report.html").is_file()
    promoted = ended.version if manifest.promoted else ""
    assert second.registry.active(PROJECT) == promoted


def test_no_key_is_in_the_environment_of_a_training_process(url: str) -> None:
    code = "import json, os; from training.supervisor import _environment; from training.run_limits import Limits; "
    code += "print(json.dumps(list(_environment(Limits()))))"
    environment = {**os.environ, "DOCLOOP_STORAGE_URL": url}
    said = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, check=True)
    assert [name for name in json.loads(said.stdout) if name.startswith(("AWS_", "DOCLOOP_"))] == []
