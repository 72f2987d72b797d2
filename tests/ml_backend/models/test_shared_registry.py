"""The registry with a bucket behind it: the contract, a second machine, a bucket that is away, and one that holds harm."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.model_registry_contract import OTHER, PROJECT, ModelRegistryContract, forget_total, manifest, write
from ml_backend.errors import ModelRejected, StorageError
from ml_backend.models.manifest import manifest_to_bytes
from ml_backend.models.mirror import UNUSED
from ml_backend.models.pointer import Pointer
from ml_backend.models.registry import Best, ModelRegistry
from ml_backend.models.shared_registry import SharedRegistry
from ml_backend.models.shelf import Head, Shelf
from ml_backend.storage import Bucket, open_bucket

pytestmark = pytest.mark.slow


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    yield


@pytest.fixture(params=["memory", "folder"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    url = f"memory://{uuid.uuid4().hex}/x" if request.param == "memory" else f"file://{tmp_path}/bucket"
    return open_bucket(url)


@pytest.fixture
def registry(tmp_path: Path, bucket: Bucket) -> SharedRegistry:
    return SharedRegistry(tmp_path / "models", bucket, alone)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def other(tmp_path: Path, bucket: Bucket, clock: Clock) -> SharedRegistry:
    """Another machine, whose data folder is empty."""
    return SharedRegistry(tmp_path / "other" / "models", bucket, alone, clock)


class TestWithABucket(ModelRegistryContract):
    pass


def serving(registry: ModelRegistry, *numbers: int) -> None:
    for number in numbers:
        registry.publish(PROJECT, manifest(f"fields-{number}"), write)
        registry.activate(PROJECT, f"fields-{number}")


def texts(folder: Path | None) -> dict[str, str]:
    assert folder is not None
    return {path.name: path.read_text() for path in folder.rglob("*.txt")}


def objects(bucket: Bucket) -> list[str]:
    return [each.key for each in (*bucket.list("heads"), *bucket.list("versions"))]


def away(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> None:
    """From now on nothing in the bucket answers."""

    def refuse(*_: object, **__: object) -> None:
        raise TimeoutError("no answer")

    for name in ("cat_file", "pipe_file", "put_file", "find", "info", "rm_file", "isfile"):
        monkeypatch.setattr(bucket._files, name, refuse)


def test_another_machine_sees_all_versions_serves_promotes_and_rolls_back(
    registry: SharedRegistry, other: SharedRegistry
) -> None:
    serving(registry, 1, 2, 3)
    assert [each.version for each in other.versions(PROJECT)] == ["fields-1", "fields-2", "fields-3"]
    assert (other.active(PROJECT), other.history(PROJECT)) == ("fields-3", ("", "fields-1", "fields-2"))
    best = other.best(PROJECT)
    assert (best.version, texts(best.folder)) == ("fields-3", {"known.txt": "TOTAL"})
    assert other.rollback(PROJECT) == "fields-2"
    other.activate(PROJECT, "fields-1")
    registry.follow()
    assert (registry.active(PROJECT), registry.history(PROJECT)) == ("fields-1", ("", "fields-1", "fields-2"))
    assert other.active(OTHER) == ""


def test_a_promotion_is_followed_by_the_next_look_and_no_question_asks_the_bucket(
    registry: SharedRegistry, other: SharedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving(registry, 1)
    other.follow()
    assert other.active(PROJECT) == "fields-1"
    serving(registry, 2)
    with monkeypatch.context() as patch:
        calls: list[str] = []
        for name in ("get", "get_file", "list"):
            patch.setattr(Bucket, name, lambda *_, name=name: calls.append(name))
        assert [other.active(PROJECT) for _ in range(3)] == ["fields-1"] * 3
        assert calls == []
    other.follow()
    assert (other.active(PROJECT), other.best(PROJECT).version) == ("fields-2", "fields-2")


def test_without_a_follower_the_bucket_is_asked_every_two_seconds(
    registry: SharedRegistry, other: SharedRegistry, clock: Clock
) -> None:
    serving(registry, 1)
    assert other.active(PROJECT) == "fields-1"
    serving(registry, 2)
    assert other.active(PROJECT) == "fields-1"
    clock.now = 2.0
    assert other.active(PROJECT) == "fields-2"


def test_while_the_bucket_is_away_what_is_here_serves_and_the_fault_says_so(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    serving(registry, 1, 2)
    other.follow()
    other.best(PROJECT)
    with monkeypatch.context() as patch:
        away(patch, bucket)
        other.follow()
        assert other.best(PROJECT).version == "fields-2"
        assert other.fault == "The storage does not answer (TimeoutError)."
        assert other.fault_since > 0
        for change in (lambda: other.activate(PROJECT, "fields-1"), lambda: other.rollback(PROJECT)):
            with pytest.raises(StorageError):
                change()
        with pytest.raises(StorageError):
            other.publish(PROJECT, manifest("fields-3"), write)
        assert other.active(PROJECT) == "fields-2"
    clock.now = 100.0
    other.follow()
    assert other.fault == ""
    registry.follow()
    assert registry.get(PROJECT, "fields-3")[0].version == "fields-3", "what was published meanwhile was sent"


def test_a_machine_without_the_version_answers_with_keywords_while_the_bucket_is_away(
    other: SharedRegistry, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(monkeypatch, bucket)
    assert other.best(PROJECT) == Best("")
    assert other.fault != ""


HARM = {
    "swapped": (lambda data: b'{"size": 4}', "settings.json of fields-2 in the storage is not what was published"),
    "cut": (lambda data: data[:-1], "settings.json of fields-2 in the storage is not what was published"),
    "huge": (lambda data: b" " * 9_000, "settings.json of fields-2 is too large"),
    "gone": (lambda data: None, "settings.json of fields-2 is missing from the storage"),
}


@pytest.mark.parametrize("harm", HARM)
def test_harm_in_the_bucket_is_refused_with_the_reason_and_the_last_good_version_serves(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_backend.models.shelf.MAX_FILE", 5_000)
    change, reason = HARM[harm]

    def different(folder: Path) -> None:
        write(folder)
        (folder / "settings.json").write_text('{"size": 5}')

    serving(registry, 1)
    registry.publish(PROJECT, manifest("fields-2"), different)
    registry.activate(PROJECT, "fields-2")
    key = f"versions/{PROJECT}/files/{registry.get(PROJECT, 'fields-2')[0].files['settings.json']}"
    data = change(bucket.get(key, 100) or b"")  # type: ignore[no-untyped-call]
    bucket.delete([key]) if data is None else bucket.put(key, data)
    other.follow()
    best = other.best(PROJECT)
    assert best.version == "fields-1"
    assert reason in best.reason
    assert texts(best.folder) == {"known.txt": "TOTAL"}
    with pytest.raises(ModelRejected, match=reason):
        other.activate(PROJECT, "fields-2")
    assert registry.best(PROJECT).version == "fields-2", "whole where it was made"


@pytest.mark.parametrize(
    "name", ["../../evil.json", "/tmp/evil.json", "a\\..\\evil.json", "evil.pkl", "a/b/c/d/e.json"]
)
def test_a_manifest_of_the_bucket_that_plays_tricks_brings_nothing(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, name: str, tmp_path: Path
) -> None:
    serving(registry, 1)
    key = f"versions/{PROJECT}/manifests/fields-1"
    value = json.loads(bucket.get(key, 10_000) or b"")
    value["files"] = {name: value["files"]["settings.json"]}
    bucket.put(key, json.dumps(value).encode())
    assert other.best(PROJECT).version == ""
    assert list(tmp_path.rglob("evil*")) == []
    assert registry.best(PROJECT).version == "fields-1"


@pytest.mark.parametrize(
    "head", [b"", b"[]", b'{"pointer": 3, "gone": false}', b"x" * 200_000, b'{"pointer":"{}","gone":true}']
)
def test_a_head_that_is_none_changes_nothing_and_a_promotion_mends_it(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, head: bytes
) -> None:
    serving(registry, 1, 2)
    other.follow()
    other.best(PROJECT)
    bucket.put(f"heads/{PROJECT}", head)
    other.follow()
    assert other.best(PROJECT).version == "fields-2"
    registry.activate(PROJECT, "fields-1")
    other.follow()
    assert other.active(PROJECT) == "fields-1"


def test_what_others_put_into_the_bucket_is_never_looked_at(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, tmp_path: Path
) -> None:
    serving(registry, 1)
    for key in (
        "heads/evil",
        "heads/evil.d/x",
        f"versions/{PROJECT}/manifests/evil",
        f"versions/{PROJECT}/evil.txt",
    ):
        bucket.put(key, b"evil")
    other.follow()
    assert [each.version for each in other.versions(PROJECT)] == ["fields-1"]
    assert not [path for path in (tmp_path / "other").rglob("*") if path.is_file() and path.read_bytes() == b"evil"]


def test_what_is_rewritten_leaves_the_bucket_and_the_other_machines(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, tmp_path: Path
) -> None:
    serving(registry, 1)
    other.best(PROJECT)
    edition = other.edition(PROJECT, "fields-1")
    before = registry.get(PROJECT, "fields-1")[0].files["words/known.txt"]
    registry.rewrite(PROJECT, "fields-1", forget_total)
    assert not bucket.exists(f"versions/{PROJECT}/files/{before}")
    other.follow()
    assert texts(other.best(PROJECT).folder) == {"known.txt": ""}
    assert other.edition(PROJECT, "fields-1") != edition
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"TOTAL"]


def test_a_rewriting_that_could_not_be_sent_is_sent_later(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving(registry, 1)
    other.best(PROJECT)

    def edit(folder: Path) -> dict[str, int]:
        away(monkeypatch, bucket)
        return forget_total(folder)

    with pytest.raises(StorageError):
        registry.rewrite(PROJECT, "fields-1", edit)
    monkeypatch.undo()
    registry.follow()
    other.follow()
    assert texts(other.best(PROJECT).folder) == {"known.txt": ""}


def test_a_forgotten_project_leaves_nothing_anywhere(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, tmp_path: Path
) -> None:
    serving(registry, 1)
    registry.publish(OTHER, manifest(), write)
    other.best(PROJECT)
    assert (registry.forget(PROJECT), registry.forget(PROJECT)) == (True, False)
    assert objects(bucket)[:2] == [f"heads/{PROJECT}", f"heads/{OTHER}"], "the word that it is gone"
    assert not [key for key in objects(bucket) if key.startswith(f"versions/{PROJECT}")]
    other.follow()
    assert not (tmp_path / "other" / "models" / PROJECT).exists()
    assert other.best(PROJECT) == Best("")


def test_a_bucket_that_lost_everything_is_filled_again_and_nothing_is_deleted(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket
) -> None:
    serving(registry, 1, 2)
    registry.follow()
    before = objects(bucket)
    bucket.delete(before)
    registry.follow()
    assert objects(bucket) == before
    assert (other.active(PROJECT), other.best(PROJECT).version) == ("fields-2", "fields-2")


def test_versions_that_do_not_serve_leave_the_machine_after_a_day_and_come_again(
    registry: SharedRegistry, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    registry = SharedRegistry(tmp_path / "models", bucket, alone, clock)
    serving(registry, 1, 2, 3)
    registry.follow()
    clock.now = 4000.0
    registry.tidy()
    files = [len(list((tmp_path / "models" / PROJECT / f"fields-{number}").iterdir())) for number in (1, 2, 3)]
    assert files == [3, 3, 3]
    clock.now = 8000.0
    monkeypatch.setattr("ml_backend.models.mirror.UNUSED", -UNUSED)
    registry.tidy()
    files = [len(list((tmp_path / "models" / PROJECT / f"fields-{number}").iterdir())) for number in (1, 2, 3)]
    assert files == [1, 3, 3], "the one before is kept: a rollback takes less than 5 s"
    assert [each.version for each in registry.versions(PROJECT)] == ["fields-1", "fields-2", "fields-3"]
    assert texts(registry.get(PROJECT, "fields-1")[1]) == {"known.txt": "TOTAL"}


def test_a_damaged_copy_is_brought_again(registry: SharedRegistry) -> None:
    serving(registry, 1)
    (registry.get(PROJECT, "fields-1")[1] / "settings.json").unlink()
    assert registry.best(PROJECT).reason == ""
    shutil.rmtree(registry.get(PROJECT, "fields-1")[1])
    assert registry.best(PROJECT).version == "fields-1"


def test_a_lock_that_cannot_be_had_changes_nothing(tmp_path: Path, bucket: Bucket, registry: SharedRegistry) -> None:
    serving(registry, 1)

    @contextlib.contextmanager
    def taken(name: str) -> Iterator[None]:
        raise StorageError("registry_busy", f"{name} is held")
        yield

    other = SharedRegistry(tmp_path / "other" / "models", bucket, taken)
    before = objects(bucket)
    changes: list[Callable[[], object]] = [
        lambda: other.publish(PROJECT, manifest("fields-2"), write),
        lambda: other.activate(PROJECT, ""),
        lambda: other.rollback(PROJECT),
        lambda: other.forget(PROJECT),
    ]
    for change in changes:
        with pytest.raises(StorageError, match=f"models-{PROJECT}"):
            change()
    assert objects(bucket) == before


@pytest.mark.parametrize("name", ["model.safetensors", "model.skops", "settings.json"])
def test_a_pickle_in_the_bucket_with_a_right_hash_and_seal_is_refused(
    registry: SharedRegistry, other: SharedRegistry, bucket: Bucket, name: str
) -> None:
    serving(registry, 1)
    data = pickle.dumps({"weights": [1.0]})
    digest = hashlib.sha256(data).hexdigest()
    bucket.put(f"versions/{PROJECT}/files/{digest}", data)
    bucket.put(f"versions/{PROJECT}/manifests/fields-2", manifest_to_bytes(manifest("fields-2", files={name: digest})))
    Shelf(bucket).put_head(PROJECT, Head(Pointer("fields-2", ("", "fields-1"))))
    for each in (registry, other):
        each.follow()
        best = each.best(PROJECT)
        assert (best.version, name in best.reason) == ("fields-1", True), best.reason
        with pytest.raises(ModelRejected, match=name):
            each.activate(PROJECT, "fields-2")
