"""What others promote and forget is followed; and one machine at a time changes the registry."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest

from contracts.model_registry_contract import PROJECT, manifest, write
from ml_backend.errors import StoreError
from ml_backend.following import Following, tell_forgotten
from ml_backend.models.registry import ModelRegistry
from ml_backend.models.shared_registry import SharedRegistry
from ml_backend.services import model_registry, page_files
from ml_backend.settings import Settings
from ml_backend.shared_files import leased
from ml_backend.storage import open_bucket


def test_copies_are_compared_at_the_start_and_whenever_another_machine_forgot_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ml_backend.following._LOOK_FORGOTTEN", 0.0)
    compared: list[int] = []
    bucket = open_bucket(f"memory://{uuid.uuid4().hex}")
    following = Following(bucket, [], lambda: compared.append(1))
    following.turn()
    following.turn()
    assert len(compared) == 1
    tell_forgotten(bucket)
    following.turn()
    following.turn()
    assert len(compared) == 2


def test_what_could_not_be_compared_is_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_backend.following._LOOK_FORGOTTEN", 0.0)
    faults = [StoreError("store_away", "The database does not answer.")]

    def compare() -> None:
        if faults:
            raise faults.pop()

    following = Following(open_bucket(f"memory://{uuid.uuid4().hex}"), [], compare)
    following.turn()
    assert (faults, following._seen) == ([], "not compared yet")
    following.turn()
    assert following._seen == ""


def test_a_lease_is_held_by_one_and_the_other_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_backend.shared_files._PATIENCE", 0.1)
    url, inside, done = f"sqlite:///{tmp_path / 'store.sqlite3'}", threading.Event(), threading.Event()

    def hold() -> None:
        with leased(url, "models-1.1"):
            inside.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert inside.wait(20)
        with pytest.raises(StoreError, match="Another machine"), leased(url, "models-1.1"):
            pass
        with leased(url, "models-2.1"):
            pass
    finally:
        done.set()
        thread.join()
    with leased(url, "models-1.1"):
        pass


def test_the_settings_say_whether_a_bucket_stands_behind_the_folders(tmp_path: Path) -> None:
    alone = Settings(data_dir=tmp_path / "alone")
    assert type(model_registry(alone)) is ModelRegistry
    shared = [
        Settings(
            data_dir=tmp_path / name, storage_url=f"file://{tmp_path}/shared", store_url=f"sqlite:///{tmp_path}/db"
        )
        for name in ("one", "two")
    ]
    one, two = (model_registry(settings) for settings in shared)
    assert isinstance(one, SharedRegistry)
    one.publish(PROJECT, manifest(), write)
    one.activate(PROJECT, "fields-1")
    assert two.best(PROJECT).version == "fields-1"
    page_files(shared[0]).put("c" * 64, [b"page"])
    assert page_files(shared[1]).get("c" * 64) == (b"page",)
    assert not (tmp_path / "alone").exists()
