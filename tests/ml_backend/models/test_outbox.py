"""A training process without a key to the bucket: its parent sends what it makes, while it lives."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.model_registry_contract import PROJECT, manifest, write
from ml_backend.errors import ModelRejected, StorageError
from ml_backend.models.outbox import Outbox, wishes
from ml_backend.models.shared_registry import SharedRegistry
from ml_backend.storage import Bucket, open_bucket


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    yield


@pytest.fixture
def bucket() -> Bucket:
    return open_bucket(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def parent(tmp_path: Path, bucket: Bucket) -> SharedRegistry:
    return SharedRegistry(tmp_path / "models", bucket, alone)


@contextlib.contextmanager
def following(parent: SharedRegistry) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.02):
            parent.follow()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def child(tmp_path: Path, patience: float = 5.0) -> Outbox:
    return Outbox(tmp_path / "models", patience, lambda seconds: time.sleep(0.01))


def test_what_the_process_makes_is_on_all_machines_when_it_goes_on(
    tmp_path: Path, parent: SharedRegistry, bucket: Bucket
) -> None:
    other = SharedRegistry(tmp_path / "other" / "models", bucket, alone, every=0.0)
    with following(parent):
        child(tmp_path).publish(PROJECT, manifest(), write)
        assert (other.get(PROJECT, "fields-1")[0].version, other.active(PROJECT)) == ("fields-1", "")
        child(tmp_path).activate(PROJECT, "fields-1")
        assert (other.active(PROJECT), parent.active(PROJECT)) == ("fields-1", "fields-1")
        child(tmp_path).activate(PROJECT, "")
        assert other.active(PROJECT) == ""
    assert list(wishes(tmp_path / "models")) == []


def test_while_nobody_sends_it_waits_and_then_fails_with_the_version_kept(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="did not take fields-1"):
        child(tmp_path, 0.1).publish(PROJECT, manifest(), write)
    assert child(tmp_path).get(PROJECT, "fields-1")[0].version == "fields-1"
    assert list(wishes(tmp_path / "models")) == []


def test_the_wish_of_a_dead_process_promotes_nothing(tmp_path: Path, parent: SharedRegistry) -> None:
    parent.publish(PROJECT, manifest(), write)
    path = tmp_path / "models" / PROJECT / ".wish-activate"
    path.write_text("fields-1")
    os.utime(path, (time.time() - 60,) * 2)
    parent.follow()
    assert (parent.active(PROJECT), path.exists()) == ("", False)


def test_who_slept_until_the_wish_was_cleared_away_as_a_dead_ones_wishes_again(
    tmp_path: Path, parent: SharedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent.publish(PROJECT, manifest(), write)
    monkeypatch.setattr("ml_backend.models.outbox._ALIVE", 0.2)
    naps = iter([0.3])

    def sleep(seconds: float) -> None:
        time.sleep(next(naps, 0.01))
        parent.follow()

    Outbox(tmp_path / "models", 5.0, sleep).activate(PROJECT, "fields-1")
    assert parent.active(PROJECT) == "fields-1"


def test_what_cannot_be_is_refused_with_the_reason(
    tmp_path: Path, parent: SharedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise ModelRejected("model_file_missing", "It is not whole.")

    monkeypatch.setattr(SharedRegistry, "activate", refuses)
    with following(parent):
        child(tmp_path).publish(PROJECT, manifest(), write)
        with pytest.raises(ModelRejected, match="It is not whole"):
            child(tmp_path).activate(PROJECT, "fields-1")


@pytest.mark.parametrize("text", ["../../evil", "fields-1/..", "x" * 1000])
def test_a_wish_for_something_that_is_no_version_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / PROJECT).mkdir()
    (tmp_path / PROJECT / ".wish-publish").write_text(text)
    assert list(wishes(tmp_path)) == []
